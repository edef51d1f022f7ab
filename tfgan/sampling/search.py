"""The noise behind images: a search from several starts with a generator's gradient. NumPy only, for any runtime of a generator.

Zhu et al. 2016, arXiv:1609.03552, section 3, do the same with L-BFGS. Here each image has several starts: the nearest of a few
hundred random images. All starts descend for some steps, and then only the best ones go on.
"""

from typing import Any
from typing import NamedTuple

import numpy as np

from tfgan.sampling import latents
from tfgan.sampling.lbfgs import Descent

_POOL = 256  # random noise vectors among whose images the starts are chosen
_TOGETHER = 64  # images that are searched for together, to limit memory
_SMALL = 4096  # values of an image
_SHOWN_EVERY = 10  # steps


class Generator(NamedTuple):
    """What the search knows of a generator."""

    z_dim: int
    distribution: str  # of z, "uniform" in [-1, 1) or "normal"
    classes: int  # how many; 0 where it is not conditional
    images: Any  # function (z [n, z_dim], labels int32 [n] or None) -> float32 [n, h, w, c] in [0, 1]
    loss: Any  # function (z, labels, targets [n, h, w, c] in [0, 1], weights [n, h, w]) -> (loss [n], its gradient [n, z_dim])


class Round(NamedTuple):
    """A part of the search: how many starts of each image take how many steps."""

    starts: int
    steps: int


ROUNDS = (Round(16, 15), Round(6, 60), Round(2, 180))


def search(generator, images, weights, seed=0, labels=None, show=None, rounds=ROUNDS):
    """The noise whose images are nearest: (z float32 [N, z_dim], labels int32 [N], or None where there are no classes).

    generator: a `Generator`. images: float32 [N, h, w, c] in [0, 1]. weights: float32 [N, h, w], how much each pixel counts.
    seed: of the random noise. labels: int [N], the images' classes; None means that each class is tried. show(step, steps, z,
    labels) is called now and then with what is found so far. An image's result does not depend on the others.
    """
    parts = []
    for begin in range(0, len(images), _TOGETHER):
        part = slice(begin, begin + _TOGETHER)
        given = None if labels is None else np.asarray(labels[part], np.int32)
        parts.append(_Search(generator, images[part], weights[part], seed, given, rounds).run(show))
    z, found = zip(*parts, strict=True)
    return np.concatenate(z), np.concatenate(found) if generator.classes else None


class _Search:
    def __init__(self, generator, images, weights, seed, labels, rounds):
        self._generator, self._images, self._weights, self._labels = generator, images, weights, labels
        self._pool = latents.draw([_POOL, generator.z_dim], generator.distribution, seed)
        self._rounds = rounds
        self._rows = 32 if images[0].size <= _SMALL else 8  # that the generator gets at a time: always as many

    def run(self, show):
        z, labels = self._starts()
        count, starts = z.shape[:2]
        of_image = np.arange(count).repeat(starts)
        z, labels = z.reshape(count * starts, -1), None if labels is None else labels.reshape(-1)
        distribution = self._generator.distribution
        descent = Descent(z, lambda z: self._loss(z, labels, of_image), lambda z: latents.bound(z, distribution))
        steps = sum(each.steps for each in self._rounds)
        step = 0
        for each in self._rounds:
            if starts > each.starts and step:
                kept = descent.loss.reshape(count, starts).argsort(1, kind="stable")[:, : each.starts]
                kept = (kept + np.arange(count)[:, None] * starts).reshape(-1)
                descent.keep(kept)
                of_image, starts = of_image[kept], each.starts
                labels = None if labels is None else labels[kept]
            for _ in range(each.steps):
                if show is not None and step % _SHOWN_EVERY == 0:
                    show(step, steps, *self._best(descent, labels, count))
                descent.step()
                step += 1
        found = self._best(descent, labels, count)
        if show is not None:
            show(steps, steps, *found)
        return found

    def _best(self, descent, labels, count):
        losses = descent.loss.reshape(count, -1)
        best = losses.argmin(1) + np.arange(count) * losses.shape[1]
        return descent.z[best], None if labels is None else labels[best]

    def _starts(self):
        """(z [N, starts, z_dim], labels [N, starts] or None): the nearest of the pool, one of each class and then any."""
        classes = self._generator.classes
        tried = np.arange(max(classes, 1)) if self._labels is None else np.unique(self._labels)
        made = [self._of_pool(label if classes else None) for label in tried]
        starts = max(self._rounds[0].starts, len(tried) if self._labels is None else 1)
        chosen, labels = [], []
        for n, (image, weights) in enumerate(zip(self._images, self._weights, strict=True)):
            mine = range(len(tried)) if self._labels is None else [int(np.searchsorted(tried, self._labels[n]))]
            weights = np.broadcast_to(weights[:, :, None], image.shape).reshape(-1)
            distances = np.stack([(made[c] ** 2) @ weights - 2 * (made[c] @ (weights * image.reshape(-1))) for c in mine])
            first = distances.argmin(1)
            distances[np.arange(len(mine)), first] = -np.inf  # each class's nearest comes before all others
            order = distances.reshape(-1).argsort(kind="stable")[:starts]
            chosen.append(self._pool[order % _POOL])
            labels.append(tried[np.asarray(mine)[order // _POOL]])
        return np.stack(chosen), np.int32(labels) if classes else None

    def _of_pool(self, label):
        """The pool's images of a class, float32 [_POOL, h * w * c]."""
        labels = None if label is None else np.full(_POOL, label, np.int32)
        (made,) = by_rows(lambda *given: [self._generator.images(*given)], self._rows, self._pool, labels)
        return made.reshape(_POOL, -1)

    def _loss(self, z, labels, of_image):
        def loss(z, labels, numbers):
            return self._generator.loss(z, labels, self._images[numbers], self._weights[numbers])

        return by_rows(loss, self._rows, z, labels, of_image)


def by_rows(function, rows, *arrays):
    """What a function makes of arrays [N, ...] (or None), always called with so many rows: a list of its arrays, [N, ...] each.

    The last rows are repeated to fill them up, so that a row's result does not depend on how many there are.
    """
    parts = []
    for begin in range(0, len(arrays[0]), rows):
        part = [x if x is None else x[begin : begin + rows] for x in arrays]
        made = function(*(x if x is None else np.resize(x, [rows, *x.shape[1:]]) for x in part))
        parts.append([x[: len(part[0])] for x in made])
    return [np.concatenate(x) for x in zip(*parts, strict=True)]
