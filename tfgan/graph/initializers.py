"""Initial values of variables: functions (shape, key) -> float32 tensor, of stateless operations."""

import math

from tfgan.tf1 import tf


def zeros(shape, key):
    """All 0."""
    return tf.zeros(shape)


def ones(shape, key):
    """All 1."""
    return tf.ones(shape)


def fans(shape):
    """(fan_in, fan_out) of a kernel [..., in, out]: channels times the receptive field, as TensorFlow counts them."""
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def glorot_uniform(shape, key):
    """U(-a, a), a = sqrt(6 / (fan_in + fan_out)): Glorot and Bengio 2010; the default of `tf.layers` and Keras."""
    limit = math.sqrt(6.0 / sum(fans(shape)))
    return tf.random.stateless_uniform(shape, key, -limit, limit)


def normal(stddev):
    """N(0, stddev^2), not truncated."""
    return lambda shape, key: tf.random.stateless_normal(shape, key, 0.0, stddev)


def fan_in_normal(shape, key):
    """N(0, 2 / fan_in), not truncated: He et al. 2015, arXiv:1502.01852."""
    return normal(math.sqrt(2.0 / fans(shape)[0]))(shape, key)


def fan_in_uniform(fan_in):
    """U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)): PyTorch's default for a Linear's weights and biases."""
    limit = 1.0 / math.sqrt(fan_in)
    return lambda shape, key: tf.random.stateless_uniform(shape, key, -limit, limit)
