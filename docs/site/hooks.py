"""What MkDocs calls: adds the pages that are made from other files of the repository.

README.md is the front page. The tutorials' pages in docs/tutorials/ are written again before the site is built. Their notebooks,
and the Python files that pages link to, become pages. So do the model cards of the generators that come with tfgan. The reference
lists `tfgan.__all__`.
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


def on_pre_build(config):
    """Writes the tutorials' pages, so that they show the code as it is."""
    tutorial_pages.write()


def on_files(files, config):
    """Adds the pages that have no file of their own in docs/."""
    guides = "".join(file.content_string for file in files.documentation_pages())
    pages = {site: _outside_page(name) for name, site in _OUTSIDE.items()}
    pages |= {f"tutorials/{name}-notebook.md": notebooks.page(name) for name in recipes.TUTORIALS}
    pages |= {f"source/{path}.md": source_page(path) for path in sorted({*re.findall(r"\]\((?:\.\./)+([\w/]+\.py)\)", guides)})}
    pages["api.md"] = reference_page()
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for name in ("style.css", "iframe-worker.js"):
        files.append(File.generated(config, name, abs_src_path=str(source_excerpts.ROOT / "docs" / "site" / name)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Lets links to what lies outside docs/, and to notebooks, lead to the pages that the site has of them.

    A link to a Python file whose words are `PATH::NAME` leads to that name on the file's page.
    """
    up = "../" * page.file.src_uri.count("/")
    for name, site in _OUTSIDE.items():
        markdown = markdown.replace(f"](../{up}{name}", f"]({up}{site}")
    links = re.compile(rf"(::(\w+)[^`]*`)?\]\(\.\./{up}([\w/]+\.py)\)")
    markdown = links.sub(lambda link: f"{link[1] or ''}]({up}source/{link[3]}.md{f'#{link[2]}' if link[2] else ''})", markdown)
    if page.file.src_uri.startswith("tutorials/") and not page.file.src_uri.endswith("-notebook.md"):
        markdown = re.sub(r"\]\((\w+)\.ipynb\)", r"](\1-notebook.md)", markdown)
    return markdown


def _outside_page(name):
    """A page from outside docs/, with links as the site has them."""
    text = (source_excerpts.ROOT / name).read_text("utf-8")
    for page, site in _OUTSIDE.items():
        text = text.replace(f"]({page}", f"]({site}")
    return re.sub(r"\[docs/([\w/-]+)(?:\.md|\.ipynb)?\]", r"[\1]", text).replace("](docs/", "](")


def source_page(path):
    """A whole Python file as a page, each part of it under its name."""
    parts = ["---\nsearch: {exclude: true}\n---", f"# {path}"]
    for name, code in source_excerpts.pieces_of(path):
        if name is not None:
            parts.append(f"## `{name}` {{#{name}}}")
        parts.append(f"```python\n{code}\n```")
    return "\n\n".join(parts) + "\n"


def reference_page():
    """The reference of the public names, in Markdown for mkdocstrings."""
    parts = ["# Reference", "These are the public names of `tfgan`. Everything else may change."]
    for name in sorted(tfgan.__all__, key=str.lower):
        options = f"    options:\n      heading: tfgan.{name}\n      toc_label: tfgan.{name}"
        parts.append(f"::: {getattr(tfgan, name).__module__}.{name}\n{options}")
    return "\n\n".join(parts) + "\n"
