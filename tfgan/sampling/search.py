"""The noise behind images: a search by L-BFGS from several starts, with a generator's gradient. NumPy only.

Zhu et al. 2016, arXiv:1609.03552, section 3, use the same method. Here each image has several starts: the nearest of some hundred
random images. All starts descend for a few steps, and then the best of them go on. Time and memory grow little with the number of
classes.
"""

import numpy as np

from tfgan.sampling import latents

_POOL = 256  # random noise vectors among whose images the starts are chosen, for each class
_OF_ALL_CLASSES = 10 * _POOL  # images among which they are chosen where each class is tried: of many classes there are fewer each
_FEWEST = 8  # of a class
_MOST_STARTS = 128  # of an image; of more classes only the nearest have a start
_TOGETHER = 64  # images that are searched for together, to limit memory
_SMALL = 4096  # values of an image
_SHOWN_EVERY = 10  # steps
_ROUNDS = ((16, 10), (5, 50), (2, 180))  # how many starts of each image take how many steps

# of L-BFGS
_MEMORY = 10  # the latest changes of place and gradient, from which the curvature follows
_ARMIJO = 1e-4  # the least decrease of a step's loss, as a share of what the gradient promises
_SHORTER = 0.4  # a step that fails becomes so much shorter
_SHORTEST = 1e-3  # below this share of a step, the memory is forgotten
_LEAST = 1e-20  # smaller products of changes are rounding, and say nothing about the curvature
_FIRST = 1.0  # length of the first step, along the gradient


def search(generator, images, weights, seed=0, labels=None, show=None):
    """The noise whose images are nearest: (z float32 [N, z_dim], labels int32 [N], or None where there are no classes).

    generator: an `inversion.Inversion`, of which `recipe`, `images` and `loss_of` are used. images: float32 [N, h, w, c] in
    [0, 1]. weights: float32 [N, h, w], how much each pixel counts. seed: of the random noise. labels: int [N], the images'
    classes; None means that each class is tried. show(step, steps, z, labels) is called now and then with the best so far of the
    images that are searched for together. A result does not depend on the other images.
    """
    results = []
    for part in (slice(begin, begin + _TOGETHER) for begin in range(0, len(images), _TOGETHER)):
        classes = None if labels is None else np.int32(labels[part])
        results.append(_Search(generator, images[part], weights[part], seed, classes).run(show))
    z, classes = zip(*results, strict=True)
    return np.concatenate(z), np.concatenate(classes) if generator.recipe.classes else None


class _Search:
    """The search for some images. labels: int32 [N], their classes; None means that each class is tried."""

    def __init__(self, generator, images, weights, seed, labels):
        self._generator, self._images, self._weights = generator, images, weights
        self._loss = generator.loss_of(images, weights)
        self._distribution = generator.recipe.z_distribution
        pool = latents.draw([_POOL, generator.recipe.z_dim], self._distribution, seed)
        self._rows = rows_of(images)
        z, self._labels = self._starts(pool, labels)
        self._of_image = np.arange(len(images)).repeat(z.shape[1])  # which image each start is for
        self._descent = Descent(z.reshape(-1, z.shape[2]), self._losses, self._bound)

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
        rows = losses.argsort(1, kind="stable")[:, :starts] + np.arange(len(losses))[:, None] * losses.shape[1]
        rows = rows.reshape(-1)
        self._descent.keep(rows)
        self._of_image = self._of_image[rows]
        self._labels = None if self._labels is None else self._labels[rows]

    def _best(self):
        losses = self._descent.loss.reshape(len(self._images), -1)
        best = losses.argmin(1) + np.arange(len(losses)) * losses.shape[1]
        return self._descent.z[best], None if self._labels is None else self._labels[best]

    def _losses(self, z):
        return by_rows(self._loss, self._rows, z, self._labels, self._of_image)

    def _bound(self, z):
        return latents.keep_usual(z, self._distribution)

    def _starts(self, pool, labels):
        """(z [N, starts, z_dim], labels int32 [N * starts] or None): the nearest of the pool, one of each class and then any."""
        classes, count, starts = self._generator.recipe.classes or 0, len(self._images), _ROUNDS[0][0]
        if labels is None:
            tried = np.tile(np.arange(max(classes, 1), dtype=np.int32), [count, 1])
            pool = pool[: max(_FEWEST, _OF_ALL_CLASSES // tried.shape[1])]
            starts = min(max(starts, classes), _MOST_STARTS)
        else:
            tried = labels[:, None]
        distances = np.empty([*tried.shape, len(pool)], np.float32)
        for label in np.unique(tried):
            places = np.nonzero(tried == label)
            distances[places] = self._distances(pool, label if classes else None, places[0])
        others = np.ones(distances.shape, bool)  # these come after the nearest of each class
        np.put_along_axis(others, distances.argmin(2, keepdims=True), False, 2)
        keys = distances.reshape(count, -1), others.reshape(count, -1)
        nearest = np.lexsort(keys)[:, :starts]
        labels = np.take_along_axis(tried, nearest // len(pool), 1).reshape(-1)
        return pool[nearest % len(pool)], labels if classes else None

    def _distances(self, pool, label, numbers):
        """How far the images of these numbers are from those of the pool in this class, up to a constant: [n, len(pool)]."""

        def distances(z, labels):
            rows = self._generator.images(z, labels).reshape(len(z), -1)
            columns = []
            for image, weights in zip(self._images[numbers], self._weights[numbers], strict=True):
                weights = np.broadcast_to(weights[:, :, None], image.shape).reshape(-1)
                columns.append(rows**2 @ weights - 2 * (rows @ (weights * image.reshape(-1))))
            return [np.stack(columns, 1)]

        labels = None if label is None else np.full(len(pool), label, np.int32)
        (columns,) = by_rows(distances, self._rows, pool, labels)
        return columns.T


def rows_of(images):
    """How many rows at a time a generator of such images takes: always as many, so that a row depends on no other."""
    return 32 if images[0].size <= _SMALL else 8


def by_rows(function, rows, *arrays):
    """Calls `function` on chunks of exactly `rows` rows and concatenates each of its outputs: a list of arrays [N, ...].

    arrays: its arguments, [N, ...] or None each. The rows of the last chunk are repeated to fill it up.
    """
    parts = []
    for begin in range(0, len(arrays[0]), rows):
        chunk = [x if x is None else x[begin : begin + rows] for x in arrays]
        outputs = function(*(x if x is None else np.resize(x, [rows, *x.shape[1:]]) for x in chunk))
        parts.append([x[: len(chunk[0])] for x in outputs])
    return [np.concatenate(x) for x in zip(*parts, strict=True)]


class Descent:
    """L-BFGS for many independent problems at once: Liu and Nocedal 1989, "On the limited memory BFGS method".

    Each row of z is on its own way down. After `step` and `keep`, `z` and `loss` hold each row's best.

    z: float32 [n, d]. objective: function z -> (losses [n], gradients [n, d]); after `keep`, of the rows that are kept. bound:
    function z -> z that brings it into bounds.
    """

    def __init__(self, z, objective, bound):
        self.z, self._objective, self._bound = z.astype(np.float32), objective, bound
        self.loss, self._gradient = objective(self.z)
        self._moves, self._changes = (np.zeros([_MEMORY, *z.shape], np.float32) for _ in range(2))
        self._inverse = np.zeros([_MEMORY, len(z)], np.float32)  # 1 / (move . change); 0: no memory
        self._scale = _FIRST / np.linalg.norm(self._gradient, axis=1).clip(1e-12)
        self._length = np.ones(len(z), np.float32)
        self._ways = self._direct(np.arange(len(z)))

    def keep(self, rows):
        """Goes on with these rows alone, in this order."""
        for name in ("z", "loss", "_gradient", "_scale", "_length", "_ways"):
            setattr(self, name, getattr(self, name)[rows])
        self._moves, self._changes, self._inverse = (x[:, rows] for x in (self._moves, self._changes, self._inverse))

    def step(self):
        """Tries one step of each row. It is taken if the loss decreases, and becomes shorter otherwise."""
        goal = self._bound(self.z + self._length[:, None] * self._ways).astype(np.float32)
        loss, gradient = self._objective(goal)
        move = goal - self.z
        slope = (move * self._gradient).sum(1)
        better = (slope < 0) & (loss <= self.loss + _ARMIJO * slope)
        self._take(np.flatnonzero(better), goal, loss, gradient, move)
        worse = np.flatnonzero(~better)
        self._length[worse] *= _SHORTER
        lost = worse[(self._length[worse] < _SHORTEST) | (slope[worse] >= 0)]
        self._inverse[:, lost] = 0
        self._scale[lost] = _SHORTER * _FIRST / np.linalg.norm(self._gradient[lost], axis=1).clip(1e-12)
        self._length[lost] = 1
        self._ways[lost] = self._direct(lost)

    def _take(self, rows, goal, loss, gradient, move):
        change = gradient[rows] - self._gradient[rows]
        curvature = (move[rows] * change).sum(1)
        squares = (change**2).sum(1)
        learns = (curvature > _LEAST) & (squares > _LEAST)
        these, change, curvature = rows[learns], change[learns], curvature[learns]
        for memory, new in ((self._moves, move[these]), (self._changes, change), (self._inverse, 1 / curvature)):
            memory[:-1, these] = memory[1:, these]
            memory[-1, these] = new
        self._scale[these] = curvature / squares[learns]
        self.z[rows], self.loss[rows], self._gradient[rows], self._length[rows] = goal[rows], loss[rows], gradient[rows], 1
        self._ways[rows] = self._direct(rows)

    def _direct(self, rows):
        """Minus the approximate inverse Hessian times the gradient, by the two loops of Nocedal 1980."""
        moves, changes, inverse = (x[:, rows] for x in (self._moves, self._changes, self._inverse))
        way, shares = self._gradient[rows].copy(), np.zeros_like(inverse)
        for n in reversed(range(_MEMORY)):
            shares[n] = inverse[n] * (moves[n] * way).sum(1)
            way -= shares[n][:, None] * changes[n]
        way *= self._scale[rows][:, None]
        for n in range(_MEMORY):
            way += (shares[n] - inverse[n] * (changes[n] * way).sum(1))[:, None] * moves[n]
        return -way
