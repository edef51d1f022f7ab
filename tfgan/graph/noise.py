"""Random numbers as pure functions of (seed, counters): the keys of draws, and the latent distributions.

No operation here has a state. A key, a pair of integers, names a draw, and the same key always gives the same numbers. So a
checkpoint need not hold a generator's state, and an interrupted run continues exactly.
"""

import enum
import zlib
from typing import NamedTuple

import numpy as np

from tfgan.tf1 import tf
from tfgan.tf1 import tf2


class Stream(enum.IntEnum):
    """The purpose of a draw. Each has its own numbers."""

    Z_D = 0  # z of D's update, and of G's where the tutorial uses the same
    Z_G = 1  # z of G's update where it is drawn afresh
    Z_SAMPLE = 2  # z of the sample grid
    DROPOUT_REAL = 3  # D's pass over real images
    DROPOUT_FAKE = 4  # D's pass over fake images in its own update
    DROPOUT_G = 5  # D's pass over fake images in G's update
    DROPOUT_PENALTY = 6  # D's pass for a penalty
    PENALTY = 7  # the places at which D's gradient is penalised
    AUGMENT_REAL = 8  # instance noise and augmentation of D's input: real images
    AUGMENT_FAKE = 9  # fake images in D's update
    AUGMENT_G = 10  # fake images in G's update
    AUGMENT_PENALTY = 11  # the places of the penalty
    LABEL_D = 12  # the fakes' labels, like Z_D
    LABEL_G = 13  # like Z_G
    LABEL_SAMPLE = 14  # of samples
    DROPOUT_REAL_G = 15  # D's pass over real images in G's update


_LAYERS = 2**8  # layers that one stream can tell apart
_STREAMS = 2**4
_PER_COUNTER = 4  # numbers that the generator makes of one value of its counter


def key(seed, number, stream, layer=0):
    """The key of a draw: an int64 tensor [2], (seed, number * 4096 + stream * 256 + layer).

    seed: a non-negative int. number: of the update or iteration. Both may be int64 scalar tensors. layer: which draw of the
    stream, such as the number of the dropout layer. Raises ValueError if it is not in [0, 256), or the stream not in [0, 16).
    """
    for name, value, end in (("layer", layer, _LAYERS), ("stream", stream, _STREAMS)):
        if not 0 <= value < end:
            raise ValueError(f"{name} {value} is not in [0, {end})")
    slot = int(stream) * _LAYERS + layer
    counter = tf.cast(number, tf.int64) * (_STREAMS * _LAYERS) + slot
    return tf.stack([tf.convert_to_tensor(seed, tf.int64), counter])


def initial_key(seed, variable_name):
    """The key of a variable's initial value, [seed, -1 - crc32(name)]. It is negative and so never the key of a draw."""
    return [seed, -1 - zlib.crc32(variable_name.encode())]


class FromRow(NamedTuple):
    """A key that skips the first rows of its draw: a replica needs only its own rows of what is drawn for the whole batch."""

    key: tf.Tensor
    first_row: int | tf.Tensor  # int64, a scalar


def uniform(shape, draw_key, low=0.0, high=1.0):
    """U[low, high), float32. shape: a list or a tensor; draw_key: a `key`, or a `FromRow`."""
    if not isinstance(draw_key, FromRow):
        return tf.random.stateless_uniform(shape, draw_key, low, high)
    return _from_row(tf.raw_ops.StatelessRandomUniformV2, shape, draw_key) * (high - low) + low


def normal(shape, draw_key):
    """N(0, 1), float32. shape, draw_key: as in `uniform`."""
    if not isinstance(draw_key, FromRow):
        return tf.random.stateless_normal(shape, draw_key)
    return _from_row(tf.raw_ops.StatelessRandomNormalV2, shape, draw_key)


def _from_row(operation, shape, draw_key):
    """The operation's draw of that shape, without the rows before the key's first one.

    The generator (Philox: Salmon et al. 2011) makes four numbers of each value of its counter and can begin at any value.
    """
    shape = tf.cast(shape, tf.int64)
    skipped = draw_key.first_row * tf.reduce_prod(shape[1:])
    count = tf.reduce_prod(shape)
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=draw_key.key)
    counter += tf.cast(tf.stack([skipped // _PER_COUNTER, 0]), tf.uint64)
    philox = int(tf2.random.Algorithm.PHILOX.value)
    drawn = operation(shape=[count + _PER_COUNTER], key=key, counter=counter, alg=philox, dtype=tf.float32)
    begin = skipped % _PER_COUNTER
    return tf.reshape(drawn[begin : begin + count], shape)


def labels(shares, shape, draw_key):
    """Random class numbers, int32. shares [classes]: the classes' probabilities. shape, draw_key: see `uniform`."""
    bounds = tf.constant(np.cumsum(shares)[:-1], tf.float32)
    return tf.searchsorted(bounds, uniform(shape, draw_key), side="right")


def latent(distribution, shape, draw_key):
    """z, float32: "uniform" is U[-1, 1), "normal" N(0, 1). Raises ValueError for other names. shape, draw_key: see `uniform`."""
    if distribution == "uniform":
        return uniform(shape, draw_key, -1.0, 1.0)
    if distribution == "normal":
        return normal(shape, draw_key)
    raise ValueError(f"the distribution of z is {distribution!r}; it must be 'uniform' or 'normal'")
