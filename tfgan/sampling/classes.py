"""The classes of samples: which ones --label asks for, which image gets which, and where it lies in a picture."""

import csv
import math

import numpy as np

from tfgan.errors import UserError
from tfgan.sampling.sinks import Layout

_COLUMNS = 8  # in a picture of the default number of images


def choose(text, run):
    """The classes that --label names: a tuple of class numbers, in the order given. run: a `read.SavedRun`.

    text: the name or the number of a class, or several with commas between them. A name that has a comma is then put into double
    quotes, as in a CSV file. A name goes before a number. Raises UserError if the run is not conditional, or has no such class.
    """
    names = tuple(run.classes)
    if not names:
        raise UserError(f"--label: {run.name} is not conditional; leave --label out, or train a run with --conditional")
    parts = [part if part in names else part.strip() for part in _split(text)]
    if text in names and not all(part in names for part in parts):  # a single name that looks like several
        parts = [text]
    numbers = []
    for part in parts:
        if part in names:
            numbers.append(names.index(part))
        elif part.isdecimal() and int(part) < len(names):
            numbers.append(int(part))
        else:
            listed = ", ".join(map(_quote, names))
            raise UserError(f"--label: {run.name} has no class {part!r}; give one of {listed}, or its number from 0 on")
    return tuple(numbers)


def label(names):
    """What --label must say for these classes: the text of which `choose` makes their numbers."""
    return ",".join(map(_quote, names))


def _quote(name):
    """A class's name in double quotes, if it needs them."""
    if name == name.strip() and not set(name) & set(',"\r\n'):
        return name
    return '"' + name.replace('"', '""') + '"'


def _split(text):
    """The parts of --label, without the quotes around them."""
    try:
        (parts,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):  # the quotes are part of a name
        parts = text.split(",")
    return parts or [text]


def default_count(numbers):
    """How many images are made of these classes by default: 64, or as many more as fill rows of eight for each class."""
    return len(numbers) * _COLUMNS * math.ceil(_COLUMNS / len(numbers))


def deal(numbers, count):
    """The labels of `count` images, int32 [count]: the classes in turn. An image's label does not depend on the count."""
    return np.resize(np.int32(numbers), count)


def layout(numbers, count, class_names, grid=None):
    """The `sinks.Layout` of a picture of dealt images: each row has one class, and its name, where that fits.

    numbers: those of the classes. count: how many images. grid: (rows, columns) of the picture; None means about square. If the
    rows cannot be shared out among the classes, the images of each class follow those of the one before.
    """
    turn, nth = np.arange(count) % len(numbers), np.arange(count) // len(numbers)
    if grid is None:
        classes, of_each = min(len(numbers), count), math.ceil(count / len(numbers))
        rows_of_each = max(1, round(of_each / math.sqrt(count)))
        columns = math.ceil(of_each / rows_of_each)
    else:
        rows, columns = grid
        classes, rows_of_each = len(numbers), rows // len(numbers)
        if rows % len(numbers):
            cells = np.empty(count, int)
            cells[np.argsort(turn, kind="stable")] = np.arange(count)
            return Layout(rows, columns, cells)
    names = tuple(class_names[n] for n in numbers[:classes] for _ in range(rows_of_each))
    return Layout(classes * rows_of_each, columns, turn * rows_of_each * columns + nth, names)


def names_of_ways(labels, class_names):
    """What the rows of an interpolation show: "A to B", or "A" alone. labels: int [2 N], those of the ends."""
    pairs = zip(labels[::2], labels[1::2], strict=True)
    return tuple(class_names[a] if a == b else f"{class_names[a]} to {class_names[b]}" for a, b in pairs)
