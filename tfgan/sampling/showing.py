"""What `python -m tfgan.sample` shows of a search for noise, and of directions. Needs a `Sampler`, but imports no TensorFlow."""

import sys

import numpy as np
from tqdm import tqdm

from tfgan.sampling import classes
from tfgan.sampling.sinks import Layout

AMOUNTS = np.linspace(-4, 4, 9)  # how far a strip goes along a direction, in standard deviations of the noise
_COLUMNS = 16  # of a picture of pairs
_HOLE = 128  # the grey level that a hole is shown with


def strips(sampler, source, count):
    """Images along the strongest directions, from the first image of a `drawing.Source` on: uint8 [count, 9, h, w, c]."""
    (z,), labels = source.z(sampler, 1), source.labels(sampler, 1)
    moved = np.concatenate([sampler.move(z, direction, AMOUNTS) for direction in sampler.directions(count)])
    made = sampler.images(moved, None if labels is None else labels.repeat(len(moved)))
    return made.reshape(count, len(AMOUNTS), *made.shape[1:])


def project(sampler, source, pictures):
    """The `noise_search.Projected` of pictures, uint8 [N, h, w, c]. Shows its progress on a terminal."""
    with _Progress() as show:
        return sampler.project(pictures, source.seed, _labels(source, len(pictures)), show=show)


def complete(sampler, source, picture, hole):
    """A picture with the hole grey, what G makes of its z, and the picture filled: (uint8 [3, h, w, c], the `Projected`).

    picture: uint8 [1, h, w, c]. hole: bool [h, w].
    """
    with _Progress() as show:
        found = sampler.complete(picture, hole, source.seed, _labels(source, 1), show)
    holed = np.where(hole[..., None], np.uint8(_HOLE), picture)
    return np.concatenate([holed, sampler.images(found.z, found.labels), found.images]), found


def pairs(given, found):
    """(images uint8 [2 N, h, w, c], their `sinks.Layout`): rows of given pictures, each above a row of what was found."""
    count = len(given)
    columns = min(count, _COLUMNS)
    blocks, places = -(-count // columns), np.arange(count)
    cells = (places // columns) * 2 * columns + places % columns
    layout = Layout(2 * blocks, columns, np.concatenate([cells, cells + columns]), ("given", "found") * blocks)
    return np.concatenate([given, found]), layout


def _labels(source, count):
    """The classes of --label in turn; without it None, so that each class is tried."""
    return classes.deal(source.chosen, count) if source.chosen else None


class _Progress:
    """A progress bar on a terminal; it gives the function that a search calls, or None where there is no terminal."""

    def __enter__(self):
        self._bar = tqdm(unit=" steps", disable=not sys.stderr.isatty(), dynamic_ncols=True)
        return None if self._bar.disable else self._show

    def __exit__(self, *_):
        self._bar.close()

    def _show(self, step, steps, _):
        self._bar.total, self._bar.n = steps, step
        self._bar.refresh()
