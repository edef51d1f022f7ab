"""The noise behind images: a search from several starts with a generator's gradient. NumPy only, for any runtime of a generator.

Zhu et al. 2016, arXiv:1609.03552, section 3, use the same method, L-BFGS. Here each image has several starts: the nearest of some
hundred random images. All starts descend for a few steps, and then the best of them go on.
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
        classes = self._generator.classes
        tried = np.arange(max(classes, 1)) if self._given is None else np.unique(self._given)
        made = [self._images_of_pool(label if classes else None) for label in tried]
        starts = max(_ROUNDS[0][0], len(tried) if self._given is None else 1)
        chosen, labels = [], []
        for n, (image, weights) in enumerate(zip(self._images, self._weights, strict=True)):
            mine = np.arange(len(tried)) if self._given is None else np.searchsorted(tried, self._given[n : n + 1])
            weights = np.broadcast_to(weights[:, :, None], image.shape).reshape(-1)
            distances = np.stack([made[c] ** 2 @ weights - 2 * (made[c] @ (weights * image.reshape(-1))) for c in mine])
            distances[np.arange(len(mine)), distances.argmin(1)] = -np.inf  # the nearest of each class comes before all others
            order = distances.reshape(-1).argsort(kind="stable")[:starts]
            chosen.append(self._pool[order % _POOL])
            labels.append(tried[mine[order // _POOL]])
        return np.stack(chosen), np.concatenate(labels).astype(np.int32) if classes else None

    def _images_of_pool(self, label):
        """The pool's images of a class, float32 [_POOL, h * w * c]."""
        labels = None if label is None else np.full(_POOL, label, np.int32)
        (made,) = by_rows(lambda *given: [self._generator.images(*given)], self._rows, self._pool, labels)
        return made.reshape(_POOL, -1)


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
