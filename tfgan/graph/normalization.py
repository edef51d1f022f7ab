"""Batch normalisation and what may stand in its place, as layers on `scope`."""

import math

from tfgan.graph import initializers
from tfgan.graph.scope import current_pass
from tfgan.graph.scope import layer
from tfgan.graph.scope import move_to
from tfgan.graph.scope import variable
from tfgan.tf1 import tf


def batch_normalization(x, training, momentum=0.99, epsilon=1e-3, scale=True, keras_variance=False):
    """Ioffe and Szegedy 2015, arXiv:1502.03167: (x - mean) / sqrt(variance + epsilon) * gamma + beta per channel.

    training: a bool; the batch's mean and variance (over all axes but the last), or the moving ones. With the batch's,
    the operations that move the averages, average += (1 - momentum) * (batch's - average), go into
    `tf.GraphKeys.UPDATE_OPS` and the pass's `updates`. scale=False fixes gamma at 1: there is no such variable.
    On images the moving variance takes the unbiased batch variance, on vectors the biased one, as TF 1.x has it. With
    keras_variance it takes that of vectors times n / (n - 1 - epsilon), n of the batch's rows, as Keras 2 has it.

    Where the pass's `normalization` says so: layer normalisation instead (Ba et al. 2016, arXiv:1607.06450; the mean and
    variance of each image over all its axes), or beta alone.
    """
    this = current_pass()
    if this.normalization != "batch":
        return _without_batch(x, epsilon, scale, normalise=this.normalization == "layer")
    with layer("batch_normalization") as (variables, done):
        channels = x.shape[-1:]
        gamma = variable(variables, "gamma", channels, initializers.ones) if scale else tf.ones(channels)
        beta = variable(variables, "beta", channels, initializers.zeros)
        moving_mean = variable(variables, "moving_mean", channels, initializers.zeros, trainable=False)
        moving_variance = variable(variables, "moving_variance", channels, initializers.ones, trainable=False)
        if training and this.replicas is not None and this.replicas.synchronised:
            y, mean, variance = _synchronised(x, gamma, beta, epsilon)
        elif len(x.shape) == 4:
            y, mean, variance = _fused(x, gamma, beta, moving_mean, moving_variance, training, epsilon)
        else:
            mean, variance = tf.nn.moments(x, [0]) if training else (moving_mean, moving_variance)
            y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
        if training and this.update_averages:
            _move(moving_mean, mean, momentum)
            _move(moving_variance, variance * _keras_factor(x, epsilon) if keras_variance else variance, momentum)
        return done(y)


def _fused(x, gamma, beta, moving_mean, moving_variance, training, epsilon):
    # The raw operation, because tf.nn.fused_batch_norm raises epsilons below 1.001e-5 to that.
    known = ([], []) if training else (moving_mean, moving_variance)
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=known[0], variance=known[1], epsilon=epsilon, is_training=training
    )[:3]


def _synchronised(x, gamma, beta, epsilon):
    """(y, mean, variance) over the parts of all replicas together; the variance unbiased on images, as _fused has it."""
    replicas, axes = current_pass().replicas, list(range(len(x.shape) - 1))
    mean, square = replicas.mean([tf.reduce_mean(x, axes), tf.reduce_mean(x**2, axes)])
    variance = tf.maximum(square - mean**2, 0.0)
    y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
    if len(axes) == 1:
        return y, mean, variance
    count = tf.cast(replicas.part.batch_rows, tf.float32) * math.prod(x.shape[1:3])
    return y, mean, variance * count / (count - 1.0)


def _keras_factor(x, epsilon):
    """n / (n - 1 - epsilon), n of the rows that a variance was taken over."""
    replicas = current_pass().replicas
    rows = replicas.part.batch_rows if replicas is not None and replicas.synchronised else tf.shape(x)[0]
    rows = tf.cast(rows, tf.float32)
    return rows / (rows - (1.0 + epsilon))


def _move(average, value, momentum):
    """Moves an average towards `value`: now, or, where each replica has a value of its own, when the pass has them all."""
    this = current_pass()
    if this.replicas is None or this.replicas.synchronised:
        move_to(average, value, momentum)
    else:
        this.moves.append((average, value, momentum))


def _without_batch(x, epsilon, scale, normalise):
    """What stands in place of batch normalisation where no image may meet another: layer normalisation, or beta alone."""
    with layer("layer_normalization" if normalise else "bias") as (variables, done):
        beta = variable(variables, "beta", x.shape[-1:], initializers.zeros)
        if not normalise:
            return done(x + beta)
        gamma = variable(variables, "gamma", x.shape[-1:], initializers.ones) if scale else None
        # Not tf.nn.moments: where the graph optimiser knows the batch's size, it multiplies that gradient by a reciprocal, and
        # divides where it does not know it; then a fused iteration and two runs differ in a bit.
        axes, share = list(range(1, len(x.shape))), 1.0 / x.shape[1:].num_elements()
        mean = tf.reduce_sum(x, axes, keepdims=True) * share
        variance = tf.reduce_sum(tf.square(x - mean), axes, keepdims=True) * share
        return done(tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon))
