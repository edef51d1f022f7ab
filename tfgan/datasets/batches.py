"""Which images make up a batch: a pure function of (seed, iteration)."""

import functools

import numpy as np

from tfgan.errors import UserError


class Batches:
    """The batches of a recipe: `batches[n]` is the n-th, uint8 [rows, h, w, c], for any n >= 0.

    An epoch's order is a NumPy permutation of (seed, epoch), or one legacy permutation of the recipe's order_seed. A
    short last batch is treated as the recipe's last_batch says. Raises UserError where a batch is larger than the data.
    """

    def __init__(self, images, recipe, seed):
        if recipe.batch_size > len(images):
            raise UserError(
                f"batch_size is {recipe.batch_size}, but {recipe.dataset} has {len(images)} images; "
                f"use --batch-size {len(images)} or less"
            )
        self.images = images
        self._recipe = recipe
        self._seed = seed
        self._order = functools.lru_cache(maxsize=2)(self._compute_order)

    def _compute_order(self, epoch):
        if self._recipe.order_seed is not None:
            return np.random.RandomState(self._recipe.order_seed).permutation(len(self.images))
        return np.random.default_rng([self._seed, epoch]).permutation(len(self.images))

    @property
    def per_epoch(self):
        """Iterations an epoch; with joined epochs the quotient, not a whole number."""
        n, size = len(self.images), self._recipe.batch_size
        return {"join": n / size, "drop": n // size, "keep": -(-n // size), "fill": -(-n // size)}[self._recipe.last_batch]

    @property
    def iterations(self):
        """The length of the recipe in iterations."""
        return self._recipe.iterations or int(self._recipe.epochs * self.per_epoch)

    def indices(self, n):
        """The indices of the n-th batch's images."""
        size, count = self._recipe.batch_size, len(self.images)
        if self._recipe.last_batch == "join":
            epoch, first = divmod(n * size, count)
            head = self._order(epoch)[first : first + size]
            return np.concatenate([head, self._order(epoch + 1)[: size - len(head)]])
        epoch, place = divmod(n, self.per_epoch)
        order = self._order(epoch)
        batch = order[place * size : (place + 1) * size]
        if self._recipe.last_batch == "fill":
            batch = np.concatenate([batch, order[: size - len(batch)]])
        return batch

    def first(self, count):
        """The first images of the first epoch, for looking at: at most `count`."""
        return self.images[self._order(0)[:count]]

    def __getitem__(self, n):
        return self.images[self.indices(int(n))]
