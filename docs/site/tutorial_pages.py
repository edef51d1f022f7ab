"""The pages and drawings of docs/tutorials/, from its files NAME.toml and the code that these name.

`python docs/site/tutorial_pages.py` writes them again. MkDocs does so before it builds the site.
"""

import functools
import re
import textwrap
import tomllib
from typing import NamedTuple

import layer_diagrams
import loss_curves
import obtained
import source_excerpts

from tfgan import recipes

FOLDER = source_excerpts.ROOT / "docs" / "tutorials"
COMMAND = "python docs/site/tutorial_pages.py"
_VERBATIM = ("#", "|", "!", "<", "```", " ")  # how paragraphs begin that are not prose
_NEEDED, _OPTIONAL = {"name", "source", "code", "tests"}, {"differs", "oddities"}  # fields of a step
_MADE = f"<!-- `{COMMAND}` makes this file. CONTRIBUTING.md says where its texts are. -->"
_HOW_TO_READ = """\
Each step says what the source does, in our own words. It shows the lines of tfgan that do the same, lists what is odd or differs,
and names the tests that prove the step. `pytest -m "" 'TEST'` runs one of these tests. A test that trains on real data needs
`TFGAN_TEST_DATA` ([Contributing](../../CONTRIBUTING.md#tests))."""


class Tutorial(NamedTuple):
    """What a tutorial's file says, and its model."""

    name: str
    text: dict  # of the file: source, introduction, commands, step, printed, reported, obtained, contradiction
    model: object  # the module of tfgan.models


def tutorials():
    """All `Tutorial`s, in the order of `recipes.TUTORIALS`."""
    return [tutorial(name) for name in recipes.TUTORIALS]


def tutorial(name):
    """The `Tutorial` of that name. Raises LookupError for a step without code or tests, or with a field that no page shows."""
    text = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    for step in text["step"]:
        if wrong := (_NEEDED - step.keys()) | (step.keys() - _NEEDED - _OPTIONAL):
            raise LookupError(f"the step {step['name']!r} of {name} lacks, or should not have, {', '.join(sorted(wrong))}")
    return Tutorial(name, text, recipes.model_module(name))


def write():
    """Writes those of the `files` that have changed."""
    for name, text in files().items():
        path = FOLDER / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def files():
    """All pages and drawings: {name in docs/tutorials/: text}.

    Raises LookupError where a step names code, a test or an oddity that does not exist.
    """
    every = tutorials()
    made = {"contradictions.md": register(every)}
    for one in every:
        networks = layer_diagrams.networks(_recipe(one))
        made[f"{one.name}.md"] = page(one, every, networks)
        runs, room = obtained.longest(obtained.runs(one.name)), max(map(len, networks.values()))
        made[f"images/{one.name}-losses.svg"] = loss_curves.draw(runs, one.text.get("printed"))
        made |= {f"images/{one.name}-{title}.svg": layer_diagrams.draw(title, rows, room) for title, rows in networks.items()}
    return made


def page(one, every, networks):
    """A `Tutorial`'s page in Markdown. every: all of them, for the numbers of contradictions. networks: those that are drawn.

    Raises LookupError where a step names code, a test or an oddity that does not exist.
    """
    text = one.text
    drawings = [f"![{title}: {layer_diagrams.in_words(rows)}](images/{one.name}-{title}.svg)" for title, rows in networks.items()]
    return _joined(
        f"# {one.name}",
        _MADE,
        f"**Source:** {text['source']}",
        text["introduction"],
        "## Run it",
        "\n".join(f"    {command}" for command in text["commands"]),
        f"[The notebook]({one.name}.ipynb) writes the tutorial again, piece by piece, and compares it with `tfgan.build`. "
        f"[`{one.name}.py`](../../tfgan/models/{one.name}.py) has the networks, the hyper-parameters and the oddities.",
        "## The layers",
        f"These are the networks for `--dataset {_recipe(one).dataset}`. A block is an image, a bar is a vector. "
        "The batch is left out.",
        "\n".join(drawings),
        "## Step by step",
        _HOW_TO_READ,
        *(part for number, step in enumerate(text["step"], 1) for part in _step(one, number, step, _headings(every))),
        *obtained.section(one, _link(text["printed"]["test"]) if "printed" in text else None),
    )


def register(every):
    """The page of all contradictions of these `Tutorial`s, numbered through."""
    parts = []
    for one, entry in contradictions(every):
        oddity = entry["oddity"]
        [step] = [f"{n}. {step['name']}" for n, step in enumerate(one.text["step"], 1) if oddity in step.get("oddities", [])]
        parts += [
            f"## {_headings(every)[one.name, oddity]}",
            f"{one.model.ODDITIES[oddity]} ([{one.name}, step {step.partition('.')[0]}]({one.name}.md#{_anchor(step)}))",
            f"**Why:** {entry['why']}",
            f"**The other reading:** {entry['other']}",
            *obtained.comparison(one, oddity),
        ]
    return _joined(
        "# Where the sources contradict themselves",
        _MADE,
        "In each of these places a source says one thing and does another. The list says which of the two tfgan follows and why, "
        "and what follows from the other reading.",
        *parts,
    )


def contradictions(every):
    """[(tutorial, entry), ...] in the order of the numbers that the register gives them, from 1."""
    return [(one, entry) for one in every for entry in one.text.get("contradiction", [])]


def _headings(every):
    """{(tutorial, oddity): heading in the register}."""
    names = [(one.name, entry["oddity"]) for one, entry in contradictions(every)]
    return {(name, oddity): f"{number}. {name}: {oddity}" for number, (name, oddity) in enumerate(names, 1)}


def _step(one, number, step, headings):
    """The paragraphs of a step."""
    parts = [f"### {number}. {step['name']}", f"**The source:** {step['source']}"]
    for each in step["code"]:
        parts += [_link(each.partition(" ")[0]), f"```python\n{source_excerpts.code_of(each)}\n```"]
    differs = [step["differs"]] if "differs" in step else []
    for oddity in step.get("oddities", []):
        heading = headings.get((one.name, oddity))
        link = f" [Contradiction {heading.partition('.')[0]}](contradictions.md#{_anchor(heading)})" if heading else ""
        differs.append(f"*{oddity}*: {one.model.ODDITIES[oddity]}{link}")
    if differs:
        parts += ["**Oddities and differences:**", *(f"- {each}" for each in differs)]
    return [*parts, "**Proof:**", *map(_proof, step["tests"])]


def _proof(test):
    path, _, function = test.partition("::")
    words = source_excerpts.first_sentence_of(path, function.partition("[")[0]).replace("*", r"\*")
    return " ".join(filter(None, ["-", words, _link(test)]))


def _link(place):
    """A link to the file of "PATH::NAME" or of a test's id. Raises LookupError if there is none."""
    path, _, name = place.partition("::")
    source_excerpts.part_of(path, name.partition("[")[0])
    return f"[`{place}`](../../{path})"


def _anchor(heading):
    """The name that a heading has in links, on code-hosting sites and on this project's site."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _joined(*parts):
    """The text of a page of these paragraphs. Prose has lines of at most 130 columns, where it can be cut."""
    cut = functools.partial(textwrap.fill, width=130, break_long_words=False, break_on_hyphens=False)
    prose = [part if part.startswith(_VERBATIM) else cut(part, subsequent_indent="  " * part.startswith("- ")) for part in parts]
    return "\n\n".join(prose) + "\n"


def _recipe(one):
    """The one that is drawn, the tutorial's first."""
    return next(iter(one.model.RECIPES.values()))


if __name__ == "__main__":
    write()
