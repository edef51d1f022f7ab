"""Parts of this repository's Python files, found by their names, so that a page shows what a file says today."""

import ast
import pathlib
import re
import textwrap
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Part(NamedTuple):
    """A named part of a file: a function, a class, a method, or what a name is set to."""

    name: str  # dotted where it is a part of a class
    first: int  # its first line, counted from 1; decorators and the comments above belong to it
    last: int


def code_of(reference):
    """The code that a reference names, without the indentation that all its lines share.

    reference: "PATH::NAME" gives the whole part; "PATH::NAME TEXT || TEXT" gives those of its lines that have one of the texts in
    them. Lines that lie apart are separated by a line of dots. Raises LookupError if there is no such file or part, and for a
    text that no line has.
    """
    place, _, text = reference.partition(" ")
    path, _, name = place.partition("::")
    part = part_of(path, name)
    lines = _lines(path)
    with_text = {each: [n for n in range(part.first, part.last + 1) if each in lines[n - 1]] for each in text.split(" || ")}
    if missing := [each for each, numbers in with_text.items() if not numbers]:
        raise LookupError(f"{place} has no line with {missing[0]!r}, which a text in docs/tutorials/ names")
    chosen = sorted({n for numbers in with_text.values() for n in numbers})
    shown = []
    for before, number in zip([None, *chosen], chosen, strict=False):
        if before is not None and number > before + 1:
            indent = len(lines[number - 1]) - len(lines[number - 1].lstrip())
            shown.append(" " * indent + "...")
        shown.append(lines[number - 1])
    return textwrap.dedent("\n".join(shown)).strip("\n")


def part_of(path, name):
    """The `Part` of that name. path: from the repository's root. Raises LookupError if there is none."""
    for part in parts_of(path):
        if part.name == name:
            return part
    raise LookupError(f"{path} has no {name!r}")


def first_sentence_of(path, name):
    """The first sentence of a function's docstring; "" where it has none. Raises LookupError if there is no such function."""
    part = part_of(path, name)
    [function] = ast.parse(textwrap.dedent("\n".join(_lines(path)[part.first - 1 : part.last]))).body
    words = " ".join((ast.get_docstring(function) or "").split())
    return re.match(r"(.*?\.)(?= [A-Z]|$)|", words)[0]


def parts_of(path):
    """All `Part`s of a file, in its order; a class comes before its methods. Raises LookupError if there is no such file."""
    found = []
    lines = _lines(path)
    for node in ast.parse("\n".join(lines)).body:
        found += [_part(name, node, lines) for name in _names(node)]
        if isinstance(node, ast.ClassDef):
            found += [_part(f"{node.name}.{name}", inner, lines) for inner in node.body for name in _names(inner)]
    return found


def pieces_of(path):
    """A whole file, cut at its top level: [(name, code), ...]. What stands before the first part, or between two, has no name."""
    lines, done, pieces = _lines(path), 0, []
    for part in [part for part in parts_of(path) if "." not in part.name]:
        if part.first <= done:  # a second name of the same statement
            continue
        pieces += [(None, lines[done : part.first - 1]), (part.name, lines[part.first - 1 : part.last])]
        done = part.last
    pieces.append((None, lines[done:]))
    texts = [(name, "\n".join(code).strip("\n")) for name, code in pieces]
    return [(name, text) for name, text in texts if text]


def _lines(path):
    if not (ROOT / path).is_file():
        raise LookupError(f"there is no file {path}")
    return (ROOT / path).read_text("utf-8").splitlines()


def _names(node):
    """The names that a statement gives to something."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)]


def _part(name, node, lines):
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    while first > 1 and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return Part(name, first, node.end_lineno)
