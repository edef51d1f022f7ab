"""A network's layers as a drawing (SVG), from the table of layers that the built graph has."""

import html
import math
from typing import NamedTuple

from tfgan.graph.gan import build
from tfgan.tf1 import tf

INK = "#757b86"  # of letters and lines; equally readable on white and on dark
WIDTH, TITLE, ROW = 360, 30, 56  # of a drawing, its title and a layer in it, in pixels
_FIELD = 88  # the width of the field in which the shapes are drawn
_STYLE = f"""\
text {{ font: 13px sans-serif; fill: {INK} }} .note {{ font-size: 11.5px }} .arrow {{ fill: none; stroke: {INK} }}
.face, .top, .flank {{ fill: #8fa3d9; stroke: #36457a }} .top {{ fill: #c3cdec }} .flank {{ fill: #6a7fbd }}"""


class Row(NamedTuple):
    """One row of a drawing."""

    name: str
    shape: tuple  # without the batch
    note: str  # the kernel's shape and the number of parameters


def networks(recipe):
    """The networks that a recipe builds: {"generator": [Row, ...], "discriminator": [Row, ...]}."""
    with tf.Graph().as_default():
        gan = build(recipe)
    shapes = {"generator": ("z", [recipe.z_dim], gan.g_layers), "discriminator": ("image", recipe.image_shape, gan.d_layers)}
    return {title: rows_of(*shape) for title, shape in shapes.items()}


def rows_of(name, shape, layers):
    """The `Row`s of a network: its input of that name and shape, then its layers. layers: `Gan.g_layers` or `Gan.d_layers`."""
    rows = [Row(name, tuple(shape), "")]
    for layer, output, variables in layers:
        count = sum(v.shape.num_elements() for v in variables)
        kernels = ["x".join(map(str, v.shape.as_list())) for v in variables if v.op.name.endswith("/kernel")]
        words = [f"kernel {kernel}" for kernel in kernels] + [f"{count:,} parameters" if count else "no parameters"]
        rows.append(Row(layer, tuple(output)[1:], ", ".join(words)))
    return rows


def in_words(rows):
    """What a drawing of these `Row`s shows, for who cannot see it."""
    return ", then ".join(f"{row.name} {' x '.join(map(str, row.shape))}" for row in rows)


def draw(title, rows, room):
    """The drawing of these `Row`s, from top to bottom: an SVG for a light or a dark page. room: for how many rows it has space.

    An image is a block. Its face grows with the square root of its side, its depth with that of the channels. A vector is a bar,
    which grows with the cube root of its length. All drawings have the same scale.
    """
    height = TITLE + ROW * room + 6
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f"<style>\n{_STYLE}\n</style>",
        f'<text style="font: bold 16px sans-serif" x="{_FIELD + 6}" y="20">{title.capitalize()}</text>',
    ]
    for number, row in enumerate(rows):
        middle = TITLE + ROW * number + ROW // 2 + 2
        if number:
            parts.append(f'<path class="arrow" d="M{_FIELD / 2} {middle - ROW / 2 - 5:.1f}v7m-3 -3l3 3l3 -3"/>')
        if len(row.shape) == 3:
            parts.append(_block(middle, 4 * math.sqrt(row.shape[0]), math.sqrt(row.shape[2])))
        else:
            width = 4 * math.cbrt(math.prod(row.shape))
            parts.append(f'<rect class="face" x="{(_FIELD - width) / 2:.1f}" y="{middle - 4}" width="{width:.1f}" height="8"/>')
        shape = f'<tspan font-weight="bold">{" x ".join(map(str, row.shape))}</tspan>'
        parts.append(f'<text x="{_FIELD + 6}" y="{middle - 2}">{shape} {html.escape(row.name)}</text>')
        parts.append(f'<text class="note" x="{_FIELD + 6}" y="{middle + 13}">{row.note}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _block(middle, side, depth):
    """A box seen from the front and above; `depth` is how far it reaches back."""
    dx, dy = depth, depth * 0.3
    x, y = (_FIELD - side - dx) / 2, middle - (side - dy) / 2
    face = f'<path class="face" d="M{x:.1f} {y:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z"/>'
    top = f'<path class="top" d="M{x:.1f} {y:.1f}l{dx:.1f} -{dy:.1f}h{side:.1f}l-{dx:.1f} {dy:.1f}z"/>'
    flank = f'<path class="flank" d="M{x + side:.1f} {y:.1f}l{dx:.1f} -{dy:.1f}v{side:.1f}l-{dx:.1f} {dy:.1f}z"/>'
    return top + flank + face
