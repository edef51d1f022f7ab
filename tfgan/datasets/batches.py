"""Which images make up a batch: a pure function of (seed, iteration), computed ahead by a thread."""

import concurrent.futures
import functools

import numpy as np

from tfgan.errors import UserError

_BLOCK = 32  # batches that are gathered at a time, while the block before is in use: a hand-over each would cost more
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
        self.per_block = max(1, min(_BLOCK, _BLOCK_BYTES // batch_bytes))
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "batches")
        self._blocks = {}  # number -> future of its images: the one in use and the next
        self._start(0)  # the first order takes a while where there are many images: the graph is built meanwhile

    def _compute_order(self, epoch):
        if self._recipe.order_seed is not None:
            return np.random.RandomState(self._recipe.order_seed).permutation(len(self.images))
        return np.random.default_rng([self._seed, epoch]).permutation(len(self.images))

    @property
    def per_epoch(self):
        """Iterations an epoch, as `Recipe.per_epoch` has it."""
        return self._recipe.per_epoch(len(self.images))

    @property
    def iterations(self):
        """The length of the recipe in iterations."""
        return self._recipe.length(len(self.images))

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

    def rows_before(self, n):
        """How many images all batches before the n-th have together; n may be an int64 tensor, and then the result is one."""
        size = self._recipe.batch_size
        if self._recipe.last_batch != "keep":
            return n * size
        return n // self.per_epoch * len(self.images) + n % self.per_epoch * size

    def _gather(self, block):
        numbers = range(block * self.per_block, (block + 1) * self.per_block)
        indices = [self.indices(n) for n in numbers]
        images = np.take(self.images, np.concatenate(indices), axis=0)  # unlike images[...], outside Python's lock
        if self._recipe.flip:
            end = 0
            for n, of_batch in zip(numbers, indices, strict=True):
                begin, end = end, end + len(of_batch)
                flipped = begin + np.flatnonzero(np.random.default_rng([self._seed, n, _FLIP]).random(len(of_batch)) < 0.5)
                images[flipped] = images[flipped, :, ::-1]
        return images

    def _start(self, block):
        """Has this block and the next gathered, and forgets all others; this block's future."""
        if not self._blocks.keys() >= {block, block + 1}:
            wanted = (block, block + 1)
            self._blocks = {b: self._blocks.get(b) or self._pool.submit(self._gather, b) for b in wanted}
        return self._blocks[block]

    def block(self, number):
        """The images of `per_block` batches one after the other, from the batch number * per_block on: uint8 [rows, h, w, c]."""
        return self._start(int(number)).result()

    def __getitem__(self, n):
        n = int(n)
        number = n // self.per_block
        before = self.rows_before(number * self.per_block)
        return self.block(number)[self.rows_before(n) - before : self.rows_before(n + 1) - before]
