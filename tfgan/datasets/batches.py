"""Which images make up a batch: a pure function of (seed, iteration), computed ahead by a thread."""

import concurrent.futures
import functools

import numpy as np

from tfgan.errors import UserError

_BLOCK = 8  # batches that are gathered at a time, while the block before is in use: a hand-over each would cost more
_BLOCK_BYTES = 2**24  # but no more than this, in bytes
_FLIP = 2**16  # marks the draws of flips, apart from other uses of (seed, iteration)


class Batches:
    """The batches of a recipe: `batches[n]` is the n-th, uint8 [rows, h, w, c], for any n >= 0.

    An epoch's order is a NumPy permutation of (seed, epoch), or one legacy permutation of the recipe's order_seed. A
    short last batch is treated as the recipe's last_batch says; with flip each row is mirrored with probability 1/2, by
    a draw of (seed, n). Raises UserError where a batch is larger than the data.
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
        batch_bytes = recipe.batch_size * images[0].nbytes
        self._block = max(1, min(_BLOCK, _BLOCK_BYTES // batch_bytes))
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "batches")
        self._blocks = {}  # number -> future of its batches: the one in use and the next
        self._start(0)  # the first order takes a while where there are many images: the graph is built meanwhile

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
            return np.concatenate([head, self._order(epoch + 1)[: size - len(head)]]) if len(head) < size else head
        epoch, place = divmod(n, self.per_epoch)
        order = self._order(epoch)
        batch = order[place * size : (place + 1) * size]
        if self._recipe.last_batch == "fill":
            batch = np.concatenate([batch, order[: size - len(batch)]])
        return batch

    def first(self, count):
        """The first images of the first epoch, for looking at: at most `count`."""
        return self.images[self._order(0)[:count]]

    def _gather(self, n):
        batch = np.take(self.images, self.indices(n), axis=0)  # unlike images[...], outside Python's lock
        if self._recipe.flip:
            flipped = np.random.default_rng([self._seed, n, _FLIP]).random(len(batch)) < 0.5
            batch[flipped] = batch[flipped, :, ::-1]
        return batch

    def _gather_block(self, block):
        return [self._gather(n) for n in range(block * self._block, (block + 1) * self._block)]

    def _start(self, block):
        """Has this block and the next gathered, and forgets all others; this block's future."""
        if not self._blocks.keys() >= {block, block + 1}:
            wanted = (block, block + 1)
            self._blocks = {b: self._blocks.get(b) or self._pool.submit(self._gather_block, b) for b in wanted}
        return self._blocks[block]

    def __getitem__(self, n):
        block, place = divmod(int(n), self._block)
        return self._start(block).result()[place]
