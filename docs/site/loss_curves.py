"""The losses of runs as a drawing (SVG), written by hand: its bytes depend on no library."""

import math

from layer_diagrams import INK

_COLOURS = {"D": "#5577dd", "G": "#d2691e"}  # readable on white and on dark
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 555, 32, 258  # of the field, in pixels
_STYLE = f"text {{ font: 13px sans-serif; fill: {INK} }} path, circle {{ stroke: {INK} }} path, polyline {{ fill: none }}"


def draw(runs, printed):
    """The drawing of the losses of these `obtained.Obtained` runs: an SVG for a light or a dark page. All losses are above 0.

    printed: the losses that the source printed, as lists `iteration`, `d_loss` and `g_loss`, which become dots; or None.
    """
    printed = printed or {"iteration": [], "d_loss": [], "g_loss": []}
    shown = [*printed["d_loss"], *printed["g_loss"], *(loss for run in runs for _, *pair in run.losses for loss in pair)]
    least, most, last = min(shown), max(shown), max(run.losses[-1][0] for run in runs)

    def x_of(iteration):
        return f"{_LEFT + iteration / last * (_RIGHT - _LEFT):.1f}"

    def y_of(loss):
        return f"{_BOTTOM - math.log(loss / least) / math.log(most / least) * (_BOTTOM - _TOP):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="560" height="300" viewBox="0 0 560 300">\n<style>{_STYLE}</style>',
        f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}"/><text x="4" y="18">loss</text><text x="270" y="294">iteration</text>',
    ]
    for loss in _round_numbers(least, most):
        parts.append(f'<path stroke-opacity="0.3" d="M{_LEFT} {y_of(loss)}H{_RIGHT}"/>')
        parts.append(f'<text text-anchor="end" x="{_LEFT - 5}" y="{y_of(loss)}" dy="4">{loss:g}</text>')
    for iteration in range(0, last + 1, round(_round_numbers(1, last / 4)[-1])):
        parts.append(f'<text text-anchor="middle" x="{x_of(iteration)}" y="{_BOTTOM + 17}">{iteration:,}</text>')
    for column, (network, colour) in enumerate(_COLOURS.items(), 1):
        parts.append(f'<text style="fill: {colour}; font-weight: bold" x="{50 * column}" y="18">{network}</text>')
        for run in runs:
            points = " ".join(f"{x_of(line[0])},{y_of(line[column])}" for line in run.losses)
            parts.append(f'<polyline stroke="{colour}" stroke-opacity="0.75" points="{points}"/>')
        for at, loss in zip(printed["iteration"], printed[f"{network.lower()}_loss"], strict=True):
            parts.append(f'<circle fill="{colour}" cx="{x_of(at)}" cy="{y_of(loss)}" r="4"/>')
    return "\n".join([*parts, "</svg>\n"])


def _round_numbers(least, most):
    """The numbers 1, 2 and 5 times a power of ten that lie in that range."""
    powers = [10.0**power for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)]
    return [number * power for power in powers for number in (1, 2, 5) if least <= number * power <= most]
