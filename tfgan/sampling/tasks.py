"""What `python -m tfgan.sample` makes, a class for each kind. A task needs a `Sampler`, but this imports no TensorFlow.

A task says where it writes (`path`, and `beside` it a further file or none) and how many images its picture has (`cells`).
`write(sampler)` makes the files, and prints a line about them.
"""

import dataclasses
import pathlib
import shlex
import sys
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from tfgan.common import files
from tfgan.sampling import classes
from tfgan.sampling import drawing
from tfgan.sampling import sinks

AMOUNTS = np.linspace(-4, 4, 9)  # how far a strip goes along a direction, in standard deviations of the noise
_COLUMNS = 16  # of a picture of pairs
_HOLE = 128  # the grey level that a hole is shown with


@dataclasses.dataclass(frozen=True)
class Samples:
    """Images: one picture, an archive of arrays, or a folder of pictures."""

    source: drawing.Source
    cells: int
    path: pathlib.Path
    kind: str  # one of `sinks.FORMATS`
    grid: tuple | None = None  # (rows, columns) of the picture; None: about square
    best_of: int | None = None  # how many times as many are drawn, of which D chooses
    beside = ()

    def write(self, sampler):
        """Writes the images."""
        arrays, labels, names = {}, self.source.labels(sampler, self.cells), None
        if labels is not None:
            arrays["labels"], names = labels, [sampler.class_names[label] for label in labels]
        if self.best_of:
            z, arrays["scores"] = drawing.best_of(sampler, self.source, labels, self.cells, self.best_of)
        else:
            z = self.source.z(sampler, self.cells)
        layout = self.grid and sinks.Layout(*self.grid)
        if self.source.classes:
            layout = classes.layout(self.source.classes, self.cells, sampler.class_names, self.grid)
        shape = (self.cells, *sampler.recipe.image_shape)
        with sinks.open_sink(self.kind, self.path, shape, layout, names, z=z, **arrays) as add:
            drawing.write_images(sampler, z, labels, add)
        print(f"{self.cells:,} images of {sampler.name}, iteration {sampler.iteration:,}")


@dataclasses.dataclass(frozen=True)
class Interpolation:
    """The steps between pairs of images: a picture with a row for each pair, and a film of them."""

    source: drawing.Source
    pairs: int
    steps: int
    path: pathlib.Path
    film: pathlib.Path
    save_film: Callable  # function (path, images [pairs, steps, h, w, c]): of `view.film`, whose wing is above this one
    kind = "png"

    @property
    def cells(self):
        """The images of all rows."""
        return self.pairs * self.steps

    @property
    def beside(self):
        """The film."""
        return (self.film,)

    def write(self, sampler):
        """Writes the picture and the film."""
        labels, names = self.source.labels(sampler, 2 * self.pairs), ()  # of one class at both ends, or of one at each end
        if labels is not None:
            names = classes.names_of_ways(labels, sampler.class_names)
        images = drawing.interpolation(sampler, self.source, labels, self.pairs, self.steps)
        print(f"{self.steps} steps between {self.pairs} pairs of images of {sampler.name}, iteration {sampler.iteration:,}")
        _save(self.path, images.reshape(-1, *images.shape[2:]), sinks.Layout(self.pairs, self.steps, names=names))
        self.save_film(self.film, images)


@dataclasses.dataclass(frozen=True)
class Directions:
    """An image moved along the strongest directions of noise: a picture with a strip for each."""

    source: drawing.Source
    count: int
    path: pathlib.Path
    kind, beside = "png", ()

    @property
    def cells(self):
        """The images of all strips."""
        return self.count * len(AMOUNTS)

    def write(self, sampler):
        """Writes the picture."""
        images = strips(sampler, self.source, self.count)
        print(f"{self.count} directions of {sampler.name}, iteration {sampler.iteration:,}")
        layout = sinks.Layout(*images.shape[:2], names=tuple(str(n + 1) for n in range(self.count)))
        _save(self.path, images.reshape(-1, *images.shape[2:]), layout)


@dataclasses.dataclass(frozen=True)
class Projection:
    """The noise whose images are nearest to the user's pictures: a picture of both, and the noise."""

    source: drawing.Source
    names: list  # of the pictures' files
    pictures: np.ndarray  # uint8 [N, h, w, c]
    path: pathlib.Path
    noise: pathlib.Path
    kind = "png"

    @property
    def cells(self):
        """The pictures, and what is nearest to them."""
        return 2 * len(self.pictures)

    @property
    def beside(self):
        """The noise."""
        return (self.noise,)

    def write(self, sampler):
        """Writes the picture and the noise."""
        with _Progress() as show:
            result = sampler.project(self.pictures, self.source.seed, _classes(self.source, len(self.pictures)), show=show)
        for n, name in enumerate(self.names):
            print(f"{name}: {_error(sampler, result, n)}")
        if result.labels is not None:
            label = classes.label(sampler.class_names[n] for n in result.labels)
            print(f"With this noise as --z, give the classes, too: --label={shlex.quote(label)}")
        _save(self.path, *pairs(self.pictures, result.images))
        with files.atomic_write(self.noise) as file:
            np.save(file, result.z)


@dataclasses.dataclass(frozen=True)
class Completion:
    """A picture whose hole G fills: the picture with its hole, G's image, and the picture filled."""

    source: drawing.Source
    name: str  # of the picture's file
    picture: np.ndarray  # uint8 [1, h, w, c]
    hole: np.ndarray  # bool [h, w]
    path: pathlib.Path
    kind, cells, beside = "png", 3, ()

    def write(self, sampler):
        """Writes the picture of the three."""
        with _Progress() as show:
            result = sampler.complete(self.picture, self.hole, self.source.seed, _classes(self.source, 1), show)
        print(f"{self.name}, outside the hole: {_error(sampler, result, 0)}")
        holed = np.where(self.hole[..., None], np.uint8(_HOLE), self.picture)
        images = np.concatenate([holed, sampler.images(result.z, result.labels), result.images])
        _save(self.path, images, sinks.Layout(1, self.cells))


def strips(sampler, source, count):
    """Images along the strongest directions, from the first image of a `drawing.Source` on: uint8 [count, 9, h, w, c]."""
    (z,), labels = source.z(sampler, 1), source.labels(sampler, 1)
    moved = np.concatenate([sampler.move(z, direction, AMOUNTS) for direction in sampler.directions(count)])
    images = sampler.images(moved, None if labels is None else labels.repeat(len(moved)))
    return images.reshape(count, len(AMOUNTS), *images.shape[1:])


def pairs(pictures, nearest):
    """(images uint8 [2 N, h, w, c], their `sinks.Layout`): rows of pictures, each above a row of the nearest images."""
    count = len(pictures)
    columns = min(count, _COLUMNS)
    blocks, places = -(-count // columns), np.arange(count)
    cells = (places // columns) * 2 * columns + places % columns
    layout = sinks.Layout(2 * blocks, columns, np.concatenate([cells, cells + columns]), ("given", "found") * blocks)
    return np.concatenate([pictures, nearest]), layout


def _classes(source, count):
    """The classes of --label in turn; without it None, so that each class is tried."""
    return classes.deal(source.classes, count) if source.classes else None


def _error(sampler, result, n):
    """What an `inversion.Projected` says of an image."""
    of_class = "" if result.labels is None else f", class {sampler.class_names[result.labels[n]]}"
    return f"mean error {result.errors[n]:.1%} of the range{of_class}"


def _save(path, images, layout):
    with sinks.open_sink("png", path, images.shape, layout) as add:
        add(images)


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
