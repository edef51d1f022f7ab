"""The tables that pages have of the program's own tables.

Those of options in docs/options.md and docs/remedies.md are made of the fields of `Recipe`, `Settings` and `Hardware`, those of
docs/data.md of each data set's `FORMS`. `python docs/site/option_tables.py` writes them again, between the lines
`<!-- options: GROUP -->` or `<!-- forms: DATASET -->` and `<!-- end -->`.
"""

import pathlib
import re

from tfgan import datasets
from tfgan import recipes
from tfgan.common.fields import fields
from tfgan.recipes import Recipe
from tfgan.training.settings import Hardware
from tfgan.training.settings import Settings

FOLDER = pathlib.Path(__file__).parent.parent
PAGES = [FOLDER / "options.md", FOLDER / "remedies.md", FOLDER / "data.md"]
_MARKED = re.compile(r"(<!-- (options|forms): (.*?) -->\n\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(text):
    """A page's text with current tables."""
    tables = {"options": option_table, "forms": form_table}
    return _MARKED.sub(lambda match: f"{match[1]}{tables[match[2]](match[3])}\n{match[4]}", text)


def form_table(dataset):
    """The table of the forms in which a data set is known, in Markdown."""
    rows = [("in the data folder", "who has it so", "what is inside"), ("---",) * 3]
    rows += [(f"`{form.name}`", form.who, form.inside) for form in datasets.forms_of(dataset)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def option_table(group):
    """The table of the options in a group, in Markdown. Those of remedies name the papers."""
    options = [each for cls in (Recipe, Settings, Hardware) for each in fields(cls) if each.about.group == group]
    heads = ["option", "default", "what it does", *(["paper"] if group == recipes.REMEDY else [])]
    rows = [heads, ["---"] * len(heads), *(_cells(option)[: len(heads)] for option in options)]
    return "".join(f"| {' | '.join(cells)} |\n".replace("|  |", "| |") for cells in rows)


def _cells(option):
    """The option, its default, what it does, and its paper."""
    words = option.text(mark="`{}`".format)
    sentence = f"{words[0].upper()}{words[1:]}."
    name = " ".join(filter(None, (option.flag, option.metavar)))
    return [f"`{name}`", _default(option), " ".join(filter(None, (sentence, option.about.note))), option.about.paper]


def _default(option):
    if option.about.group == recipes.TUTORIAL:
        return "recipe"
    usual = option.about.usual or (option.default if option.is_set_by_default else None)
    if usual is None:
        return "-"
    return str(usual) if isinstance(usual, str) and " " in usual else f"`{usual}`"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_tables(page.read_text("utf-8")), "utf-8")
