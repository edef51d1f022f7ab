"""What several replicas, each with a part of the batch, have together."""

from tfgan.graph import noise
from tfgan.tf1 import tf


class Replicas:
    """The replicas that compute an update together, seen from one of them.

    part: the `Part` of the update's batch that is this one's; total: list of tensors -> list of their sums over all replicas;
    synchronised: whether batch normalisation takes the mean and variance of the whole batch.
    """

    def __init__(self, part, total, synchronised):
        self.part = part
        self.total = total
        self.synchronised = synchronised
        if isinstance(part.rows, int):
            self.share = part.rows / part.batch_rows  # of the batch
        else:
            self.share = tf.cast(part.rows / part.batch_rows, tf.float32)

    def key(self, its_key):
        """The key of this one's rows of what that key draws for the whole batch."""
        return noise.FromRow(its_key, self.part.first_row)

    def deviation(self, x):
        """The standard deviation of all values of the whole batch, of which x [rows, ...] is this one's part."""
        mean, square = self.mean([tf.reduce_mean(x), tf.reduce_mean(x**2)])
        return tf.sqrt(tf.maximum(square - mean**2, 0.0))

    def mean(self, values):
        """The means over the whole batch, of means over this one's part: a list likewise."""
        return self.total([value * self.share for value in values])
