"""Random numbers as pure functions of (seed, counters): keys, and the latent distributions.

No operation here has a state. A draw is named by a key, a pair of integers; the same key gives the same numbers on any
day, so that a checkpoint needs no generator's state and a killed run continues exactly.
"""

import enum
import zlib
from typing import Any
from typing import NamedTuple

from tfgan.tf1 import tf
from tfgan.tf1 import tf2


class Stream(enum.IntEnum):
    """What a draw is for; each has numbers of its own."""

    Z_D = 0  # z of D's update (and of G's, where the tutorial uses the same)
    Z_G = 1  # z of G's update where it is drawn afresh
    Z_SAMPLE = 2  # z of the sample grid
    DROPOUT_REAL = 3  # D's pass over real images
    DROPOUT_FAKE = 4  # D's pass over fake images, for its own update
    DROPOUT_G = 5  # D's pass over fake images, for G's update
    DROPOUT_PENALTY = 6  # D's pass for a penalty
    PENALTY = 7  # places at which D's gradient is penalised
    SEEN_REAL = 8  # augmentation and noise of what D sees: of real images
    SEEN_FAKE = 9  # of fake images, in D's update
    SEEN_G = 10  # of fake images, in G's update
    SEEN_PENALTY = 11  # of those places


_LAYERS = 2**8  # layers that one stream can tell apart
_STREAMS = 2**4
_PER_COUNTER = 4  # numbers that the generator makes at a time


def key(seed, iteration, stream, layer=0):
    """The key of a draw: an int64 tensor [2], (seed, iteration * 4096 + stream * 256 + layer).

    seed: a non-negative int, iteration: an int, or int64 scalar tensors; layer: which layer of the pass, below 256.
    """
    if not 0 <= layer < _LAYERS:
        raise ValueError(f"layer {layer} is not in [0, {_LAYERS})")
    slot = int(stream) * _LAYERS + layer
    counter = tf.cast(iteration, tf.int64) * (_STREAMS * _LAYERS) + slot
    return tf.stack([tf.convert_to_tensor(seed, tf.int64), counter])


def initial_key(seed, variable_name):
    """The key of a variable's initial value, [seed, -1 - crc32(name)]: negative, so that it meets no draw's key."""
    return [seed, -1 - zlib.crc32(variable_name.encode())]


class FromRow(NamedTuple):
    """The key of a draw of which only the rows from `first` on are wanted: a replica's part of what is drawn for a batch."""

    key: Any
    first: Any  # an int, or an int64 scalar tensor


def uniform(shape, draw_key, low=0.0, high=1.0):
    """U[low, high), float32; `shape` may be a tensor, `draw_key` is a `key`, or the `FromRow` of one."""
    if not isinstance(draw_key, FromRow):
        return tf.random.stateless_uniform(shape, draw_key, low, high)
    return _from_row(tf.raw_ops.StatelessRandomUniformV2, shape, draw_key) * (high - low) + low


def normal(shape, draw_key):
    """N(0, 1), float32, likewise."""
    if not isinstance(draw_key, FromRow):
        return tf.random.stateless_normal(shape, draw_key)
    return _from_row(tf.raw_ops.StatelessRandomNormalV2, shape, draw_key)


def _from_row(operation, shape, draw_key):
    """The operation's draw from that row on, without what comes before it.

    The generator (Philox: Salmon et al. 2011) makes four numbers of a counter; it can begin at any.
    """
    shape = tf.cast(shape, tf.int64)
    first = draw_key.first * tf.reduce_prod(shape[1:])
    count = tf.reduce_prod(shape)
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=draw_key.key)
    counter += tf.cast(tf.stack([first // _PER_COUNTER, 0]), tf.uint64)
    philox = int(tf2.random.Algorithm.PHILOX.value)
    drawn = operation(shape=[count + _PER_COUNTER], key=key, counter=counter, alg=philox, dtype=tf.float32)
    begin = first % _PER_COUNTER
    return tf.reshape(drawn[begin : begin + count], shape)


def latent(distribution, shape, draw_key):
    """z, float32: `uniform` is U[-1, 1), `normal` N(0, 1); shape and key as `uniform` has them."""
    if distribution == "uniform":
        return uniform(shape, draw_key, -1.0, 1.0)
    if distribution == "normal":
        return normal(shape, draw_key)
    raise ValueError(f"the distribution of z is {distribution!r}, not 'uniform' or 'normal'")
