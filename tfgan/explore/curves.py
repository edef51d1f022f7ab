"""Curves over a run's iterations as inline SVG, which stretches to the width that there is.

They are drawn again each second while a run is being trained, which would take matplotlib too long.
"""

import html
import itertools

import numpy as np

WIDTH, HEIGHT = 1000, 100  # of a chart, in the units of its SVG
_BINS = 400  # of a curve: more than a screen shows


def extremes(values, bins=_BINS):
    """The indices of the values that a curve needs: the lowest and the highest in each of so many bins, and both ends.

    values: float [N]. Returns a sorted list of ints.
    """
    if len(values) <= 2 * bins:
        return list(range(len(values)))
    indices = {0, len(values) - 1}
    for begin, end in itertools.pairwise(np.linspace(0, len(values), bins + 1).astype(int)):
        indices |= {int(begin + values[begin:end].argmin()), int(begin + values[begin:end].argmax())}
    return sorted(indices)


def chart(colours, iterations, curves, newest, lowest, highest):
    """A chart as HTML: each curve's words, room for its value at the mark, the curves as SVG, with a mark that the page moves.

    colours: one for each curve. iterations: int [N]. curves: {measure: (words, values float [N], NaN where there is none)}.
    newest: the iteration at the right. lowest, highest: (value, words) of the bottom and of the top.
    """
    (bottom, bottom_words), (top, top_words) = lowest, highest
    words, lines = [], []
    for colour, (measure, (text, values)) in zip(colours, curves.items(), strict=True):
        swatch = f'<i style="background: {colour}"></i>'
        words.append(f'<span>{swatch}{html.escape(text)} <b data-measure="{measure}"></b></span>')
        known = np.isfinite(values)
        shown = extremes(values[known])
        x = iterations[known][shown] * (WIDTH / max(1, newest))
        y = (top - values[known][shown]) * (HEIGHT / (top - bottom))
        points = " ".join(f"{a:.1f},{b:.2f}" for a, b in zip(x, y, strict=True))
        lines.append(f'<polyline data-curve="{measure}" stroke="{colour}" points="{points}"/>')
    return (
        f'<figure class="tfgan-chart"><figcaption>{"".join(words)}</figcaption><div><span>{top_words}</span>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{"".join(lines)}'
        f'<line class="tfgan-mark" y2="{HEIGHT}"/></svg>'
        f"<span>{bottom_words}</span></div></figure>"
    )
