"""A network's layers as a drawing (SVG), from the table of layers that the built graph has."""

import html
import math
from typing import NamedTuple

WIDTH, ROW = 360, 56  # of a drawing and of a layer in it, in pixels
_FIELD = 88  # the width of the field in which the shapes are drawn


class Row(NamedTuple):
    """One row of a drawing."""

    name: str
    shape: tuple  # without the batch
    note: str  # the kernel's shape and the number of parameters


def rows_of(name, shape, layers):
    """The `Row`s of a network: its input of that name and shape, then its layers. layers: `Gan.g_layers` or `Gan.d_layers`."""
    rows = [Row(name, tuple(shape), "")]
    for layer, output, variables in layers:
        count = sum(v.shape.num_elements() for v in variables)
        kernels = ["x".join(map(str, v.shape.as_list())) for v in variables if v.op.name.endswith("/kernel")]
        words = [f"kernel {kernel}" for kernel in kernels] + [f"{count:,} parameters" if count else "no parameters"]
        rows.append(Row(layer, tuple(output)[1:], ", ".join(words)))
    return rows


def draw(title, rows):
    """The drawing of these `Row`s, from top to bottom: an SVG that takes the colours of the page around it.

    An image is a block. Its face grows with the square root of its side, its depth with that of the channels. A vector is a bar,
    which grows with the cube root of its length. All drawings have the same scale.
    """
    height = ROW * len(rows) + 6
    parts = [
        f'<svg class="layers" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(_in_words(title, rows))}" '
        'xmlns="http://www.w3.org/2000/svg">'
    ]
    for number, row in enumerate(rows):
        middle = ROW * number + ROW // 2 + 2
        if number:
            parts.append(_arrow(middle - ROW / 2 - 1))
        if len(row.shape) == 3:
            parts.append(_block(middle, 4 * math.sqrt(row.shape[0]), math.sqrt(row.shape[2])))
        else:
            parts.append(_bar(middle, 4 * math.cbrt(math.prod(row.shape))))
        shape = f'<tspan class="shape">{" x ".join(map(str, row.shape))}</tspan>'
        parts.append(f'<text x="{_FIELD + 6}" y="{middle - 2}">{shape} {html.escape(row.name)}</text>')
        parts.append(f'<text class="note" x="{_FIELD + 6}" y="{middle + 12}">{row.note}</text>')
    return "".join([*parts, "</svg>"])


def _in_words(title, rows):
    return f"{title}: " + ", then ".join(f"{row.name} {' x '.join(map(str, row.shape))}" for row in rows)


def _arrow(y):
    x = _FIELD / 2
    return f'<path class="arrow" d="M{x} {y - 4:.1f}v7m-3 -3l3 3l3 -3"/>'


def _block(middle, side, depth):
    """A box seen from the front and above; `depth` is how far it reaches back."""
    dx, dy = depth, depth * 0.3
    x, y = (_FIELD - side - dx) / 2, middle - (side - dy) / 2
    face = f'<path class="face" d="M{x:.1f} {y:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z"/>'
    top = f'<path class="top" d="M{x:.1f} {y:.1f}l{dx:.1f} -{dy:.1f}h{side:.1f}l-{dx:.1f} {dy:.1f}z"/>'
    flank = f'<path class="flank" d="M{x + side:.1f} {y:.1f}l{dx:.1f} -{dy:.1f}v{side:.1f}l-{dx:.1f} {dy:.1f}z"/>'
    return top + flank + face


def _bar(middle, length):
    return f'<rect class="face" x="{(_FIELD - length) / 2:.1f}" y="{middle - 4}" width="{length:.1f}" height="8"/>'
