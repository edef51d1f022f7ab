"""Several replicas that train one GAN: each computes a part of the batch, and they sum up their results."""

from collections.abc import Callable
from typing import NamedTuple

from tfgan.graph import noise
from tfgan.tf1 import tf


class ReplicaGroup(NamedTuple):
    """All replicas that train one GAN together."""

    all_reduce_sum: Callable  # list of tensors -> list of their sums over all replicas; gradients flow through it
    sync_batch_norm: bool  # batch normalisation takes its mean and variance over the whole batch, not over a replica's part


class Replica:
    """One replica of a group, with its part of one batch.

    part: the `datasets.batches.Part` of the batch that this replica computes. group: the `ReplicaGroup`.
    """

    def __init__(self, part, group):
        self.part = part
        self.all_reduce_sum = group.all_reduce_sum
        self.sync_batch_norm = group.sync_batch_norm
        if isinstance(part.rows, int):
            self.batch_fraction = part.rows / part.batch_rows
        else:
            self.batch_fraction = tf.cast(part.rows / part.batch_rows, tf.float32)

    def own_rows(self, key):
        """The key that draws this replica's rows of what `key` draws for the whole batch."""
        return noise.FromRow(key, self.part.first_row)

    def batch_means(self, part_means):
        """List of means over this replica's part -> list of means over the whole batch."""
        return self.all_reduce_sum([mean * self.batch_fraction for mean in part_means])

    def batch_standard_deviation(self, x):
        """x [rows, ...], this replica's part -> the standard deviation of all values of the whole batch, a scalar."""
        mean, mean_square = self.batch_means([tf.reduce_mean(x), tf.reduce_mean(x**2)])
        return tf.sqrt(tf.maximum(mean_square - mean**2, 0.0))
