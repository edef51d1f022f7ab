"""Tables of pixels: CSV in the forms of Kaggle, OpenML and FER2013, told from the first lines."""

import itertools
import math
import re
from typing import NamedTuple

import numpy as np

_SAMPLE = 50  # lines that tell what the columns are
_LONGEST = 2**18  # bytes of a line
MOST_BYTES = 2**30  # of numbers or text in memory; a larger array is mapped from its file, if it is a plain one
_DELIMITERS = re.compile(r"[,;\t]")
_BLANKS = str.maketrans(",;\t\"'", "     ")  # FER2013 has blanks between the pixels, and commas between the other columns
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(e[-+]?\d+)?", re.IGNORECASE)
_LABELS = ("label", "labels", "class", "target", "digit", "letter", "emotion", "category", "character", "y")
_COUNTS = ("", "id", "index", "unnamed: 0")  # names of a column that counts the rows
_SPLITS = ("usage", "split", "set", "partition")
_TRAINING = ("train", "training")  # what the column of splits says of the rows that are read


class Layout(NamedTuple):
    """What the columns of a table are."""

    header_lines: int
    count: int  # columns
    first: int  # the column of the first pixel; the others follow
    width: int  # pixels in a row
    label: int | None
    split: int | None
    dtype = np.dtype(np.float32)

    @property
    def shape(self):
        """(None, width), since the rows are not counted before they are read."""
        return None, self.width

    def read(self, file):
        """(float32 [N, width], labels as text [N] or None), of the training rows if a column tells the splits.

        Raises ValueError where the table is damaged, and OverflowError if it is too large.
        """
        lines = (line.translate(_BLANKS) for line in itertools.islice(_lines(file), self.header_lines, None))
        pixels = range(self.first, self.first + self.width)
        texts = {n: [] for n in range(self.count) if n not in pixels}
        converters = {n: lambda text, column=column: column.append(text) or 0 for n, column in texts.items()}
        try:
            numbers = np.loadtxt(lines, np.float32, comments=None, converters=converters, encoding=None, ndmin=2)
        except ValueError as error:
            raise ValueError(str(error).partition(";")[0]) from error  # behind it stands advice for programmers
        rows = slice(None) if self.split is None else [text.lower() in _TRAINING for text in texts[self.split]]
        labels = None if self.label is None else np.array(texts[self.label])[rows]
        return numbers[rows, pixels.start : pixels.stop], labels  # no copy: it may be large


def inspect(file):
    """The `Layout` of an open text file, told from its first lines. None if it is no table of pixels."""
    lines = list(itertools.islice(_lines(file), _SAMPLE))
    rows = [line.translate(_BLANKS).split() for line in lines]
    if not rows or "\0" in lines[0]:
        return None
    # The names of a header differ from each other, and the pixels of a line do not.
    numeric = all(map(_NUMBER.fullmatch, rows[0]))
    header_lines = int(len(set(rows[0])) == len(rows[0]) and (not numeric or all(map(str.isdigit, rows[0]))))
    names = [name.strip(" \"'\r\n").lower() for name in _DELIMITERS.split(lines[0])]
    names, count = names if len(names) > 1 else rows[0], len(rows[-1])
    if "pixels" in names:
        at = names.index("pixels")
        names[at : at + 1] = ["pixels"] * (count - len(names) + 1)
    if len(rows) == header_lines or any(len(row) != count for row in (*rows[header_lines:], *([names] if header_lines else []))):
        return None
    names, columns = names if header_lines else [None] * count, list(zip(*rows[header_lines:], strict=True))
    label, split = (next((names.index(word) for word in words if word in names), None) for words in (_LABELS, _SPLITS))
    others = {n for n, name in enumerate(names) if name in (*_COUNTS, *_SPLITS)}
    pixels = [n for n, column in enumerate(columns) if n not in (*others, label) and all(map(_NUMBER.fullmatch, column))]
    if not square(len(pixels)) and square(len(pixels) - 1):  # one is the label: pixels are more various, or always black
        first, last = (len(set(columns[pixels[n]])) for n in (0, -1))
        pixels.pop(-1 if first == 1 < last or 1 < last < first / 2 else 0)
    rest = {*range(count)}.difference(others, pixels)
    label = rest.pop() if len(rest) == 1 else label
    if not square(len(pixels)) or pixels != [*range(pixels[0], pixels[-1] + 1)]:
        return None
    return Layout(header_lines, count, pixels[0], len(pixels), label, split)


def square(width):
    """(side, side, channels) of square images that are rows of so many numbers; () if they cannot be."""
    sides = ((math.isqrt(max(width, 0) // channels), channels) for channels in (1, 3))
    return next(((side, side, channels) for side, channels in sides if side >= 8 and side * side * channels == width), ())


def _lines(file):
    """Yields the lines of an open file as text, but no empty ones. A very long line comes in pieces, which fit no table."""
    size = 0
    while line := file.readline(_LONGEST):
        size += len(line)
        if size > MOST_BYTES:
            raise OverflowError(f"it has {size:,} bytes of text or more")
        if line.strip():
            yield line.decode("utf-8-sig", "replace")
