"""Which images make up a batch: a pure function of (seed, iteration), computed ahead by a thread."""

import concurrent.futures
import functools
import threading
from typing import Any
from typing import NamedTuple

import numpy as np

from tfgan.errors import UserError

_BLOCK = 32  # batches that are gathered at a time, while the block before is in use: a hand-over each would cost more
_BLOCK_BYTES = 2**24  # but no more than this, in bytes
_FLIP = 2**16  # marks the draws of flips, apart from other uses of (seed, iteration)


class Part(NamedTuple):
    """What a replica computes of a batch: `rows` of its `of` rows, from `first` on; ints, or int64 scalar tensors."""

    first_row: Any
    rows: Any
    batch_rows: Any


class Batches:
    """The batches of a recipe: `batches[n]` is the n-th, uint8 [rows, h, w, c], for any n >= 0.

    An epoch's order is a NumPy permutation of (seed, epoch), or one legacy permutation of the recipe's order_seed. A
    short last batch is treated as the recipe's last_batch says; with flip each row is mirrored with probability 1/2, by
    a draw of (seed, n). Raises UserError where a batch is larger than the data.

    replica, replicas: of several replicas that train together, the one whose part of each batch this gives: consecutive rows of
    the batch that one alone would have had. Where the images are `shards.Shards`, which that replica alone reads, its part is
    of those, as many as they are of all images; an epoch has each image once all the same.

    Images are gathered in blocks of `per_block` batches. The d_steps pipelines of an iteration ask for theirs at once, in any
    order, and each block is gathered once for all of them. With k = (d_steps - 1) / per_block, rounded up, no more than
    3 k + 2 blocks are held: 2 with one step.
    """

    def __init__(self, images, recipe, seed, replica=0, replicas=1):
        self.count = getattr(images, "of_all", len(images))
        if recipe.batch_size > self.count:
            raise UserError(
                f"batch_size is {recipe.batch_size}, but {recipe.dataset} has {self.count} images; "
                f"use --batch-size {self.count} or less"
            )
        self._sharded = hasattr(images, "of_all")
        self._replica, self._replicas = replica, replicas
        self.images = images
        self._recipe = recipe
        self._seed = seed
        self._order = functools.lru_cache(maxsize=2)(self._compute_order)
        batch_bytes = recipe.batch_size * images[0].nbytes
        self.per_block = max(1, min(_BLOCK, _BLOCK_BYTES // batch_bytes))
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "batches")
        self._spread = -(-(recipe.d_steps - 1) // self.per_block)  # how far apart blocks are that one iteration asks for
        self._ahead = 1 + (recipe.d_steps - 1) // self.per_block  # how far beyond a pipeline's block its next one can be
        self._blocks = {}  # number -> future of its images: those in use and the next
        self._lock = threading.Lock()  # pipelines ask from threads of their own
        self._refuse_empty_parts()
        self._start(0)  # the first order takes a while where there are many images: the graph is built meanwhile

    def _refuse_empty_parts(self):
        """Raises UserError where a batch has no image for some replica: there is no mean of nothing."""
        last = self.count % self._recipe.batch_size if self._recipe.last_batch == "keep" else 0
        smallest = last or self._recipe.batch_size
        enough = smallest >= self._replicas
        if self._sharded and self._replicas > 1:  # where a part is a share, rounded up or down at both of its ends
            starts = [self.images.images_before(replica) for replica in range(self._replicas + 1)]
            enough = smallest * min(np.diff(starts)) >= 2 * self.count
        if not enough:
            which = "the last batch of an epoch" if last else "a batch"
            raise UserError(
                f"{which} has {smallest} images, which leaves some of {self._replicas} replicas without one; "
                "give another --batch-size, or fewer devices or hosts"
            )

    def _compute_order(self, epoch):
        if self._recipe.order_seed is not None:
            return np.random.RandomState(self._recipe.order_seed).permutation(len(self.images))
        of_replica = [1 + self._replica] if self._sharded else []
        return np.random.default_rng([self._seed, epoch, *of_replica]).permutation(len(self.images))

    @property
    def per_epoch(self):
        """Iterations an epoch, as `Recipe.per_epoch` has it."""
        return self._recipe.per_epoch(self.count)

    @property
    def iterations(self):
        """The length of the recipe in iterations."""
        return self._recipe.length(self.count)

    def part(self, n):
        """The `Part` of the n-th batch that this gives; n may be an int64 tensor."""
        size = self._recipe.batch_size
        if self._recipe.last_batch != "keep" and not self._sharded:
            first, end = self._taken(size, self._replica), self._taken(size, self._replica + 1)
            return Part(first, end - first, size)
        below, upto, of = (self._of(n, replica) for replica in (self._replica, self._replica + 1, self._replicas))
        return Part(below, upto - below if self._replica else upto, of)  # without an operation more, alone

    def rows_before(self, n):
        """How many images all batches before the n-th give together, likewise."""
        upto = self._before(n, self._replica + 1)
        return upto - self._before(n, self._replica) if self._replica else upto

    def _of(self, n, replica):
        """How many rows of the n-th batch are for the replicas before that one."""
        return self._before(n + 1, replica) - self._before(n, replica)

    def _before(self, n, replica):
        """How many rows all batches before the n-th have for the replicas before that one."""
        size = self._recipe.batch_size
        if replica == 0:
            return 0
        if replica == self._replicas and self._recipe.last_batch != "keep":
            return n * size
        if self._recipe.last_batch != "join":
            epoch, rows = n // self.per_epoch, n % self.per_epoch * size
        elif self._sharded:
            epoch, rows = n * size // self.count, n * size % self.count
        else:
            return self._taken(n * size, replica)
        return epoch * self._taken(self._epoch_rows, replica) + self._taken(rows, replica)

    @property
    def _epoch_rows(self):
        """The rows of all batches of an epoch."""
        if self._recipe.last_batch in ("join", "keep"):
            return self.count
        return self.per_epoch * self._recipe.batch_size

    def _taken(self, rows, replica):
        """Of the first so many rows of an epoch, how many are for the replicas before that one."""
        if replica in (0, self._replicas):
            return rows if replica else 0
        if self._sharded:
            return rows * self.images.images_before(replica) // self.count
        size = self._recipe.batch_size
        return rows // size * (size * replica // self._replicas) + rows % size * replica // self._replicas

    def indices(self, n):
        """The indices of the n-th batch's images."""
        if self._sharded:
            return self._own_indices(n)
        part = self.part(n)
        return self._batch(n)[part.first_row : part.first_row + part.rows]

    def _own_indices(self, n):
        """Likewise, of the replica's own images: the next ones in its own order."""
        replica = self._replica
        length = self._taken(self._epoch_rows, replica + 1) - self._taken(self._epoch_rows, replica)
        epochs, places = np.divmod(np.arange(self.rows_before(n), self.rows_before(n + 1)), length)
        each = [self._order(int(epoch))[places[epochs == epoch] % len(self.images)] for epoch in np.unique(epochs)]
        return np.concatenate(each)

    def _batch(self, n):
        """The indices of all of the n-th batch's images."""
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

    def first_images(self, count):
        """The first images of the first epoch, for looking at: at most `count`."""
        return self.images[self._order(0)[:count]]

    def _gather(self, block):
        numbers = range(block * self.per_block, (block + 1) * self.per_block)
        indices = [self.indices(n) for n in numbers]
        images = self.images.take(np.concatenate(indices), axis=0)  # unlike images[...], outside Python's lock
        if self._recipe.flip:
            end = 0
            for n, of_batch in zip(numbers, indices, strict=True):
                begin, end = end, end + len(of_batch)
                part = self.part(n)
                draws = np.random.default_rng([self._seed, n, _FLIP]).random(part.batch_rows)[part.first_row : part.first_row + part.rows]
                flipped = begin + np.flatnonzero(draws < 0.5)
                images[flipped] = images[flipped, :, ::-1]
        return images

    def _start(self, block):
        """Has this block and the next gathered, and forgets those that no pipeline of an iteration wants; its future."""
        with self._lock:
            wanted = range(block, block + self._ahead + 1)
            kept = range(block - self._spread, block + self._spread + self._ahead + 1)
            self._blocks = {number: future for number, future in self._blocks.items() if number in kept}
            for number in wanted:
                if number not in self._blocks:
                    self._blocks[number] = self._pool.submit(self._gather, number)
            return self._blocks[block]

    def block(self, number):
        """The images of `per_block` batches one after the other, from the batch number * per_block on: uint8 [rows, h, w, c]."""
        return self._start(int(number)).result()

    def __getitem__(self, n):
        n = int(n)
        number = n // self.per_block
        before = self.rows_before(number * self.per_block)
        return self.block(number)[self.rows_before(n) - before : self.rows_before(n + 1) - before]
