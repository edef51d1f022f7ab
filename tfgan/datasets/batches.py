"""Selects the images of each batch: a pure function of (seed, iteration), which a thread computes in advance."""

import concurrent.futures
import functools
import threading
from typing import NamedTuple

import numpy as np

from tfgan.errors import UserError

_BLOCK = 32  # batches that are gathered together while the block before is in use, since each hand-over takes time
_BLOCK_BYTES = 2**24  # an upper limit on a block's size in bytes
_FLIP = 2**16  # distinguishes the random draws of flips from other uses of (seed, iteration)


class Part(NamedTuple):
    """The rows of a batch that one replica computes. In the graph they are int64 scalar tensors."""

    first_row: int  # the offset of the replica's rows in the batch
    rows: int  # how many rows the replica computes
    batch_rows: int  # how many rows the whole batch has


class Batches:
    """The batches of a recipe: `batches[n]` is the n-th batch, uint8 [rows, h, w, c], for any n >= 0.

    images: uint8 [N, h, w, c]. The order of an epoch is a NumPy permutation of (seed, epoch), or always the legacy permutation
    of the recipe's order_seed. The recipe's last_batch decides what happens to a short last batch. If the recipe has flip, each
    row is mirrored with probability 1/2, by a draw from (seed, n).

    classes: the images' `classes.Classes`; None where the recipe is not conditional.

    replica, replicas: this replica's number, and how many replicas train together. Each replica gets consecutive rows of the
    batch that a single replica would have.

    Images are gathered in blocks of `per_block` batches. The d_steps pipelines of one iteration request theirs at the same
    time, in any order, and each block is gathered once for all of them. With k = (d_steps - 1) / per_block, rounded up, at most
    3 k + 2 blocks are in memory: 2 if d_steps is 1.

    Raises UserError if a batch is larger than the data, or too small for the replicas.
    """

    def __init__(self, images, recipe, seed, replica=0, replicas=1, classes=None):
        self.count = len(images)
        if recipe.batch_size > self.count:
            raise UserError(
                f"batch_size is {recipe.batch_size}, but {recipe.dataset} has {self.count} images; "
                f"use --batch-size {self.count} or less"
            )
        self._replica, self._replicas = replica, replicas
        self.images = images
        self.classes = classes
        self._recipe = recipe
        self._seed = seed
        self._order = functools.lru_cache(maxsize=2)(self._compute_order)
        batch_bytes = recipe.batch_size * images[0].nbytes
        self.per_block = max(1, min(_BLOCK, _BLOCK_BYTES // batch_bytes))
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "batches")
        self._spread = -(-(recipe.d_steps - 1) // self.per_block)  # the largest distance between blocks of one iteration
        self._ahead = 1 + (recipe.d_steps - 1) // self.per_block  # the largest distance from a pipeline's block to its next one
        self._blocks = {}  # number -> future of its images: the blocks in use and the next ones
        self._lock = threading.Lock()  # each pipeline runs in its own thread
        self._refuse_empty_parts()
        self._start(0)  # a permutation of many images takes a while; meanwhile the graph is built

    def _refuse_empty_parts(self):
        """Raises UserError if some replica would get no image of a batch: a mean needs at least one."""
        last = self.count % self._recipe.batch_size if self._recipe.last_batch == "keep" else 0
        smallest = last or self._recipe.batch_size
        if smallest < self._replicas:
            which = "the last batch of an epoch" if last else "a batch"
            raise UserError(
                f"{which} has {smallest} images, which leaves some of {self._replicas} replicas without one; "
                "give another --batch-size, or fewer devices or hosts"
            )

    def _compute_order(self, epoch):
        if self._recipe.order_seed is not None:
            return np.random.RandomState(self._recipe.order_seed).permutation(len(self.images))
        return np.random.default_rng([self._seed, epoch]).permutation(len(self.images))

    @property
    def per_epoch(self):
        """The number of batches in an epoch, by `Recipe.batches_per_epoch`."""
        return self._recipe.batches_per_epoch(self.count)

    @property
    def iterations(self):
        """The length of the whole run in iterations."""
        return self._recipe.total_iterations(self.count)

    def part(self, n):
        """This replica's `Part` of the n-th batch. n may be an int64 tensor."""
        size = self._recipe.batch_size
        if self._recipe.last_batch != "keep":
            first, end = self._epoch_rows_below(size, self._replica), self._epoch_rows_below(size, self._replica + 1)
            return Part(first, end - first, size)
        below = (self._batch_rows_below(n, replica) for replica in (self._replica, self._replica + 1, self._replicas))
        first, end, batch_rows = below
        return Part(first, end - first if self._replica else end, batch_rows)  # no subtraction in the graph for replica 0

    def rows_before(self, n):
        """How many rows this replica has in all batches before the n-th. n may be an int64 tensor."""
        end = self._rows_below(n, self._replica + 1)
        return end - self._rows_below(n, self._replica) if self._replica else end

    def _batch_rows_below(self, n, replica):
        """How many rows the replicas below this one have in the n-th batch."""
        return self._rows_below(n + 1, replica) - self._rows_below(n, replica)

    def _rows_below(self, n, replica):
        """How many rows the replicas below this one have in all batches before the n-th."""
        size = self._recipe.batch_size
        if replica == 0:
            return 0
        if replica == self._replicas and self._recipe.last_batch != "keep":
            return n * size
        if self._recipe.last_batch == "join":
            return self._epoch_rows_below(n * size, replica)
        epoch, rows = n // self.per_epoch, n % self.per_epoch * size
        return epoch * self._epoch_rows_below(self._epoch_rows, replica) + self._epoch_rows_below(rows, replica)

    @property
    def _epoch_rows(self):
        """The number of rows in all batches of an epoch."""
        if self._recipe.last_batch == "keep":
            return self.count
        return self.per_epoch * self._recipe.batch_size

    def _epoch_rows_below(self, rows, replica):
        """How many of the first `rows` rows of an epoch the replicas below this one have."""
        if replica in (0, self._replicas):
            return rows if replica else 0
        size = self._recipe.batch_size
        return rows // size * (size * replica // self._replicas) + rows % size * replica // self._replicas

    def indices(self, n):
        """The indices of this replica's images in the n-th batch."""
        part = self.part(n)
        return self._batch(n)[part.first_row : part.first_row + part.rows]

    def _batch(self, n):
        """The indices of all images in the n-th batch."""
        size, count = self._recipe.batch_size, self.count
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

    def labels(self, n):
        """The classes of this replica's images in the n-th batch, int32 [rows]."""
        return self.classes.of_images[self.indices(int(n))]

    def label_block(self, number):
        """The classes of `per_block` successive batches, those of the images in `block(number)`: int32 [rows]."""
        return np.concatenate([self.labels(n) for n in range(number * self.per_block, (number + 1) * self.per_block)])

    def first_images(self, count):
        """At most `count` images to show: the first of the first epoch."""
        return self.images[self._order(0)[:count]]

    def _gather(self, block):
        numbers = range(block * self.per_block, (block + 1) * self.per_block)
        indices = [self.indices(n) for n in numbers]
        images = self.images.take(np.concatenate(indices), axis=0)  # unlike images[...], this releases Python's global lock
        if self._recipe.flip:
            end = 0
            for n, of_batch in zip(numbers, indices, strict=True):
                begin, end = end, end + len(of_batch)
                part = self.part(n)
                draws = np.random.default_rng([self._seed, n, _FLIP]).random(part.batch_rows)
                flipped = begin + np.flatnonzero(draws[part.first_row : part.first_row + part.rows] < 0.5)
                images[flipped] = images[flipped, :, ::-1]
        return images

    def _start(self, block):
        """Starts to gather this block and the next ones, drops blocks that are not needed, and returns the block's future."""
        with self._lock:
            numbers = range(block, block + self._ahead + 1)
            in_memory = range(block - self._spread, block + self._spread + self._ahead + 1)
            self._blocks = {number: future for number, future in self._blocks.items() if number in in_memory}
            for number in numbers:
                if number not in self._blocks:
                    self._blocks[number] = self._pool.submit(self._gather, number)
            return self._blocks[block]

    def block(self, number):
        """The images of `per_block` successive batches, from batch number * per_block on: uint8 [rows, h, w, c]."""
        return self._start(int(number)).result()

    def __getitem__(self, n):
        n = int(n)
        number = n // self.per_block
        before = self.rows_before(number * self.per_block)
        return self.block(number)[self.rows_before(n) - before : self.rows_before(n + 1) - before]
