"""The pages of the tutorials and the register of contradictions, from docs/tutorials/NAME.toml and the code that it names."""

import re
import tomllib
from typing import NamedTuple

import layer_diagrams
import obtained
import source_excerpts

from tfgan import recipes

FOLDER = source_excerpts.ROOT / "docs" / "tutorials"
_NEEDED, _OPTIONAL = {"name", "source", "code", "tests"}, {"differs", "oddities"}  # fields of a step
_HOW_TO_READ = """\
Each step has what the source does, in this project's words, beside the lines of tfgan that do it. The lines are read from the
files when this page is made. Below them stands what differs, and the tests that prove the step. `pytest -m "" 'TEST'` runs one of
them; a test that trains on real data needs `TFGAN_TEST_DATA` ([Contributing](../contributing.md#tests))."""


class Tutorial(NamedTuple):
    """What a tutorial's file says, and its model."""

    name: str
    text: dict  # of the file: source, introduction, commands, step, printed, reported, obtained, contradiction
    model: object  # the module of tfgan.models

    @property
    def oddities(self):
        """The model's: {name: what is odd, and what tfgan does}."""
        return self.model.ODDITIES


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


def page(one, every):
    """A `Tutorial`'s page in Markdown. every: all of them, for the numbers of contradictions.

    Raises LookupError where a step names code, a test or an oddity that does not exist.
    """
    text = one.text
    parts = [
        f"# {one.name}",
        f"Source: {text['source']}",
        text["introduction"],
        "Run it with:\n\n" + "\n".join(f"    {command}" for command in text["commands"]),
        f"[The notebook]({one.name}-notebook.md) writes the tutorial again, piece by piece, and compares it with `tfgan.build`.",
        _HOW_TO_READ,
        "## The layers",
        f"These are the networks of the recipe for {_first_recipe(one).dataset}. A block is an image, and a bar "
        "is a vector. The batch is left out.",
        _drawings(one),
        "## Step by step",
        *(_step(one, number, step, every) for number, step in enumerate(text["step"], 1)),
    ]
    parts += obtained.section(one, _link(text["printed"]["test"]) if "printed" in text else None)
    return "\n\n".join(parts) + "\n"


def register(every):
    """The page of all contradictions of these `Tutorial`s, numbered through."""
    parts = [
        "# Where the sources contradict themselves",
        "In each of these places a source says one thing and does another. The list says which of the two tfgan follows and why, "
        "and what follows from the other reading.",
    ]
    for number, (one, entry) in enumerate(contradictions(every), 1):
        oddity = entry["oddity"]
        anchor = _anchor(f"{one.name} {oddity}")
        parts += [
            f"## {number}. {one.name}: {oddity} {{#{anchor}}}",
            f"{one.oddities[oddity]} ([{one.name}, the step]({one.name}.md#{_anchor(_step_of(one, oddity)['name'])}))",
            f"**Why:** {entry['why']}",
            f"**The other reading:** {entry['other']}",
            *obtained.comparison(one, oddity),
        ]
    return "\n\n".join(parts) + "\n"


def contradictions(every):
    """[(tutorial, entry), ...] in the order of the numbers that the register gives them, from 1."""
    return [(one, entry) for one in every for entry in one.text.get("contradiction", [])]


def files_shown(every):
    """The Python files that these `Tutorial`s name, from the repository's root, sorted. The site has a page of each."""
    code = [each for one in every for step in one.text["step"] for each in step["code"]]
    return sorted({each.partition("::")[0] for each in [*code, *tests_named(every)]})


def tests_named(every):
    """The ids of all tests that these `Tutorial`s name."""
    named = [test for one in every for step in one.text["step"] for test in step["tests"]]
    return [*named, *(one.text["printed"]["test"] for one in every if "printed" in one.text)]


def source_page(path):
    """A whole Python file as a page, each part of it under its name."""
    parts = ["---\nsearch: {exclude: true}\n---", f"# {path}"]
    for name, code in source_excerpts.pieces_of(path):
        if name is not None:
            parts.append(f"## `{name}` {{#{name}}}")
        parts.append(_fenced(code))
    return "\n\n".join(parts) + "\n"


def _step_of(one, oddity):
    """The step that an oddity belongs to. Raises LookupError if there is none."""
    for step in one.text["step"]:
        if oddity in step.get("oddities", []):
            return step
    raise LookupError(f"no step of {one.name} has the oddity {oddity!r}")


def _step(one, number, step, every):
    code = [f"{_link(each.partition(' ')[0])}\n\n{_fenced(source_excerpts.code_of(each))}" for each in step["code"]]
    parts = [
        f"### {number}. {step['name']} {{#{_anchor(step['name'])}}}",
        '<div class="step" markdown="1">\n<div markdown="1">',
        f"**The source**\n\n{step['source']}",
        '</div>\n<div markdown="1">',
        "**tfgan**\n\n" + "\n\n".join(code),
        "</div>\n</div>",
    ]
    differs = [step["differs"]] if "differs" in step else []
    differs += [f"*{name}*: {one.oddities[name]}{_in_register(one, name, every)}" for name in step.get("oddities", [])]
    if differs:
        parts.append("**What differs**\n\n" + "\n".join(f"- {each}" for each in differs))
    parts.append("**Proof**\n\n" + "\n".join(f"- {_proof(test)}" for test in step["tests"]))
    return "\n\n".join(parts)


def _in_register(one, oddity, every):
    """A link to that oddity's entry in the register; nothing if it is no contradiction."""
    for number, (other, entry) in enumerate(contradictions(every), 1):
        if (other.name, entry["oddity"]) == (one.name, oddity):
            return f" [Contradiction {number}](contradictions.md#{_anchor(f'{one.name} {oddity}')})"
    return ""


def _proof(test):
    path, _, function = test.partition("::")
    words = source_excerpts.first_sentence_of(path, function.partition("[")[0]).replace("*", r"\*")
    return f"{_link(test)}{f'<br>{words}' if words else ''}"


def _link(place):
    """A link to "PATH::NAME" or to a test's id, on the page of its file. Raises LookupError if there is none."""
    path, _, name = place.partition("::")
    part = source_excerpts.part_of(path, name.partition("[")[0])
    return f"[`{place}`](../source/{path}.md#{part.name.partition('.')[0]})"


def _fenced(code):
    return f"```python\n{code}\n```"


def _anchor(words):
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def _first_recipe(one):
    return next(iter(one.model.RECIPES.values()))


def _drawings(one):
    """G and D, as the tutorial's first recipe builds them."""
    from tfgan.graph.gan import build  # here: the rows need no TensorFlow beyond the model's
    from tfgan.tf1 import tf

    recipe = _first_recipe(one)
    with tf.Graph().as_default():
        gan = build(recipe)
    networks = [
        ("Generator", layer_diagrams.rows_of("z", [recipe.z_dim], gan.g_layers)),
        ("Discriminator", layer_diagrams.rows_of("image", recipe.image_shape, gan.d_layers)),
    ]
    figures = [
        f"<figure><figcaption>{title}</figcaption>{layer_diagrams.draw(title, rows)}</figure>" for title, rows in networks
    ]
    return '<div class="networks">' + "".join(figures) + "</div>"
