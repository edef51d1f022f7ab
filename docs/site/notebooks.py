"""The tutorials' notebooks as pages in Markdown. They are not run: they are kept without output, and a test runs them."""

import nbformat
import source_excerpts

FOLDER = source_excerpts.ROOT / "docs" / "tutorials"


def page(name):
    """The page of the notebook of that tutorial: its cells in their order, below a link to the file."""
    cells = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells
    title, _, text = cells[0].source.partition("\n")
    about = (
        f"This page shows the cells of [{name}.ipynb]({name}.ipynb). Run the notebook to see its pictures. "
        f"[The tutorial's page]({name}.md) goes through the source step by step."
    )
    parts = [title, about, text.strip()]
    parts += [cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```" for cell in cells[1:]]
    return "\n\n".join(parts) + "\n"
