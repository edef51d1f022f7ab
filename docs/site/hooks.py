"""What MkDocs calls: adds the pages that are made from other files of the repository.

README.md is the front page. The tutorials' pages are made from docs/tutorials/ and the code. The reference lists `tfgan.__all__`.
"""

import re

import source_excerpts
import tutorial_pages
from mkdocs.structure.files import File

import tfgan

# pages of the repository's root -> their names on the site
_OF_THE_ROOT = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_files(files, config):
    """Adds the pages that have no file of their own in docs/."""
    every = tutorial_pages.tutorials()
    pages = {site: _root_page(name) for name, site in _OF_THE_ROOT.items()}
    pages |= {f"tutorials/{one.name}.md": tutorial_pages.page(one) for one in every}
    pages["tutorials/contradictions.md"] = tutorial_pages.register(every)
    pages |= {f"source/{path}.md": tutorial_pages.source_page(path) for path in tutorial_pages.files_shown(every)}
    pages["api.md"] = reference_page()
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, "style.css", abs_src_path=str(source_excerpts.ROOT / "docs" / "site" / "style.css")))
    return files


def on_page_markdown(markdown, page, config, files):
    """Lets the guides' links to pages of the repository's root lead to their pages on the site."""
    for name, site in _OF_THE_ROOT.items():
        markdown = markdown.replace(f"](../{name}", f"]({site}")
    return markdown


def _root_page(name):
    """A page of the repository's root, with links as the site has them."""
    text = (source_excerpts.ROOT / name).read_text()
    for page, site in _OF_THE_ROOT.items():
        text = text.replace(f"]({page}", f"]({site}")
    return re.sub(r"\[docs/(\w[\w-]*)\.(?:md|ipynb)\]", r"[\1]", text).replace("](docs/", "](")


def reference_page():
    """The reference of the public names, in Markdown for mkdocstrings."""
    parts = ["# Reference", "These are the public names of `tfgan`. Everything else may change."]
    for name in sorted(tfgan.__all__, key=str.lower):
        module = getattr(tfgan, name).__module__
        parts += [f"## `tfgan.{name}` {{#tfgan.{name}}}", f"::: {module}.{name}"]
    return "\n\n".join(parts) + "\n"
