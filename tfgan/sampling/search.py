"""The noise behind images: a search from several starts with a generator's gradient. NumPy only, for any runtime of a generator.

Zhu et al. 2016, arXiv:1609.03552, section 3, use the same method, L-BFGS. Here each image has several starts: the nearest of some
hundred random images. All starts descend for a few steps, and then the best of them go on. Time and memory grow little with the
number of classes.
"""

from typing import Any
from typing import NamedTuple

import numpy as np

from tfgan.sampling import latents
from tfgan.sampling.lbfgs import Descent

_POOL = 256  # random noise vectors among whose images the starts are chosen, for each class
_OF_ALL_CLASSES = 10 * _POOL  # images among which they are chosen where each class is tried: of many classes there are fewer each
_FEWEST = 8  # of a class
_MOST_STARTS = 128  # of an image; of more classes only the nearest have a start
_TOGETHER = 64  # images that are searched for together, to limit memory
_SMALL = 4096  # values of an image
_SHOWN_EVERY = 10  # steps
_ROUNDS = ((16, 10), (5, 50), (2, 180))  # how many starts of each image take how many steps


class Generator(NamedTuple):
    """What the search knows of a generator."""

    z_dim: int
    distribution: str  # of z, "uniform" in [-1, 1) or "normal"
    classes: int  # how many; 0 where it is not conditional
    images: Any  # function (z [n, z_dim], labels int32 [n] or None) -> float32 [n, h, w, c] in [0, 1]
    loss_of: Any  # function (images, weights) -> function (z, labels, numbers of images) -> (losses [n], gradients [n, z_dim])


def search(generator, images, weights, seed=0, labels=None, show=None):
    """The noise whose images are nearest: (z float32 [N, z_dim], labels int32 [N], or None where there are no classes).

    generator: a `Generator`. images: float32 [N, h, w, c] in [0, 1]. weights: float32 [N, h, w], how much each pixel counts.
    seed: of the random noise. labels: int [N], the images' classes; None means that each class is tried. show(step, steps, z,
    labels) is called now and then with what is found so far, of all images. A result does not depend on the other images.
    """
    found = []
    parts = [slice(begin, begin + _TOGETHER) for begin in range(0, len(images), _TOGETHER)]
    for part in parts:
        given = None if labels is None else np.int32(labels[part])
        found.append(_Search(generator, images[part], weights[part], seed, given).run(show))
    z, chosen = zip(*found, strict=True)
    return np.concatenate(z), np.concatenate(chosen) if generator.classes else None


class _Search:
    def __init__(self, generator, images, weights, seed, labels):
        self._generator, self._images, self._weights, self._given = generator, images, weights, labels
        self._loss = generator.loss_of(images, weights)
        self._pool = latents.draw([_POOL, generator.z_dim], generator.distribution, seed)
        self._rows = rows_of(images)
        z, self._labels = self._starts()
        self._of_image = np.arange(len(images)).repeat(z.shape[1])  # which image each start is for
        self._descent = Descent(z.reshape(-1, generator.z_dim), self._losses, self._bound)

    def run(self, show):
        """(z, labels) of the best start of each image."""
        steps, step = sum(each for _, each in _ROUNDS), 0
        for starts, steps_of_round in _ROUNDS:
            if step:
                self._keep(starts)
            for _ in range(steps_of_round):
                self._descent.step()
                step += 1
                if show is not None and (step % _SHOWN_EVERY == 0 or step == steps):
                    show(step, steps, *self._best())
        return self._best()

    def _keep(self, starts):
        """Goes on with the best starts of each image alone, so many."""
        losses = self._descent.loss.reshape(len(self._images), -1)
        kept = losses.argsort(1, kind="stable")[:, :starts] + np.arange(len(losses))[:, None] * losses.shape[1]
        kept = kept.reshape(-1)
        self._descent.keep(kept)
        self._of_image = self._of_image[kept]
        self._labels = None if self._labels is None else self._labels[kept]

    def _best(self):
        losses = self._descent.loss.reshape(len(self._images), -1)
        best = losses.argmin(1) + np.arange(len(losses)) * losses.shape[1]
        return self._descent.z[best], None if self._labels is None else self._labels[best]

    def _losses(self, z):
        return by_rows(self._loss, self._rows, z, self._labels, self._of_image)

    def _bound(self, z):
        return latents.keep_usual(z, self._generator.distribution)

    def _starts(self):
        """(z [N, starts, z_dim], labels int32 [N * starts] or None): the nearest of the pool, one of each class and then any."""
        classes, count = self._generator.classes, len(self._images)
        pool, starts = self._pool, _ROUNDS[0][0]
        if self._given is None:
            tried = np.tile(np.arange(max(classes, 1), dtype=np.int32), [count, 1])
            pool = pool[: max(_FEWEST, _OF_ALL_CLASSES // tried.shape[1])]
            starts = min(max(starts, classes), _MOST_STARTS)
        else:
            tried = self._given[:, None]
        distances = np.empty([*tried.shape, len(pool)], np.float32)
        for label in np.unique(tried):
            mine = np.nonzero(tried == label)
            distances[mine] = self._distances(pool, label if classes else None, mine[0])
        others = np.ones(distances.shape, bool)  # these come after the nearest of each class
        np.put_along_axis(others, distances.argmin(2, keepdims=True), False, 2)
        keys = distances.reshape(count, -1), others.reshape(count, -1)
        chosen = np.lexsort(keys)[:, :starts]
        labels = np.take_along_axis(tried, chosen // len(pool), 1).reshape(-1)
        return pool[chosen % len(pool)], labels if classes else None

    def _distances(self, pool, label, numbers):
        """How far the images of these numbers are from those of the pool in this class, up to a constant: [n, len(pool)]."""

        def distances(z, labels):
            made = self._generator.images(z, labels).reshape(len(z), -1)
            columns = []
            for image, weights in zip(self._images[numbers], self._weights[numbers], strict=True):
                weights = np.broadcast_to(weights[:, :, None], image.shape).reshape(-1)
                columns.append(made**2 @ weights - 2 * (made @ (weights * image.reshape(-1))))
            return [np.stack(columns, 1)]

        labels = None if label is None else np.full(len(pool), label, np.int32)
        (found,) = by_rows(distances, self._rows, pool, labels)
        return found.T


def rows_of(images):
    """How many rows at a time a generator of such images is given: always as many, so that a row depends on no other."""
    return 32 if images[0].size <= _SMALL else 8


def by_rows(function, rows, *arrays):
    """What a function makes of arrays [N, ...] (or None), always called with so many rows: a list of its arrays, [N, ...] each.

    The last rows are repeated to fill them up.
    """
    parts = []
    for begin in range(0, len(arrays[0]), rows):
        part = [x if x is None else x[begin : begin + rows] for x in arrays]
        made = function(*(x if x is None else np.resize(x, [rows, *x.shape[1:]]) for x in part))
        parts.append([x[: len(part[0])] for x in made])
    return [np.concatenate(x) for x in zip(*parts, strict=True)]
