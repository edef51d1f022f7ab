"""What MkDocs calls: adds the pages that are made from other files of the repository.

README.md is the front page. The pages of the tutorials and of their notebooks are made from docs/tutorials/ and the code. The
model cards of the generators that come with tfgan are pages. The reference lists `tfgan.__all__`.
"""

import re

import notebooks
import source_excerpts
import tutorial_pages
from mkdocs.structure.files import File

import tfgan
from tfgan import recipes
from tfgan.runs import pretrained

# pages of the repository that lie outside docs/ -> their names on the site
_OUTSIDE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "NOTICE": "notice.md"}
_OUTSIDE |= {f"tfgan/runs/generators/{name}/card.md": f"generators/{name}.md" for name in pretrained.names()}


def on_files(files, config):
    """Adds the pages that have no file of their own in docs/."""
    every = tutorial_pages.tutorials()
    pages = {site: _outside_page(name) for name, site in _OUTSIDE.items()}
    pages |= {f"tutorials/{one.name}.md": tutorial_pages.page(one, every) for one in every}
    pages |= {f"tutorials/{one.name}-notebook.md": notebooks.page(one.name) for one in every}
    pages["tutorials/contradictions.md"] = tutorial_pages.register(every)
    pages |= {f"source/{path}.md": tutorial_pages.source_page(path) for path in tutorial_pages.files_shown(every)}
    pages["api.md"] = reference_page()
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for name in ("style.css", "iframe-worker.js"):
        files.append(File.generated(config, name, abs_src_path=str(source_excerpts.ROOT / "docs" / "site" / name)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Lets the guides' links to pages outside docs/ lead to their pages on the site."""
    for name, site in _OUTSIDE.items():
        markdown = markdown.replace(f"](../{name}", f"]({site}")
    return markdown


def _outside_page(name):
    """A page from outside docs/, with links as the site has them."""
    text = (source_excerpts.ROOT / name).read_text("utf-8")
    for page, site in _OUTSIDE.items():
        text = text.replace(f"]({page}", f"]({site}")
    text = re.sub(r"\[docs/(\w[\w-]*)\.(?:md|ipynb)\]", r"[\1]", text).replace("](docs/", "](")
    return re.sub(rf"^\| ({'|'.join(recipes.TUTORIALS)}) \|", r"| [\1](tutorials/\1.md) |", text, flags=re.MULTILINE)


def reference_page():
    """The reference of the public names, in Markdown for mkdocstrings."""
    parts = ["# Reference", "These are the public names of `tfgan`. Everything else may change."]
    for name in sorted(tfgan.__all__, key=str.lower):
        options = f"    options:\n      heading: tfgan.{name}\n      toc_label: tfgan.{name}"
        parts.append(f"::: {getattr(tfgan, name).__module__}.{name}\n{options}")
    return "\n\n".join(parts) + "\n"
