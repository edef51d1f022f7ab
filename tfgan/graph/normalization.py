"""Batch normalisation, and the two layers that may replace it."""

import math

from tfgan.graph import initializers
from tfgan.graph.scope import assign_moving_average
from tfgan.graph.scope import current_pass
from tfgan.graph.scope import layer
from tfgan.graph.scope import variable
from tfgan.tf1 import tf


def batch_normalization(x, training, momentum=0.99, epsilon=1e-3, scale=True, keras_variance=False):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta per channel: Ioffe and Szegedy 2015, arXiv:1502.03167.

    x: [N, c] or [N, h, w, c]; the result has the same shape.
    training: a bool. True: mean and variance of the batch, over all axes but the last. The operations that update the moving
        averages, average += (1 - momentum) * (the batch's value - average), go into `tf.GraphKeys.UPDATE_OPS` and the pass's
        `update_ops`. False: the moving averages.
    scale: False fixes gamma at 1, without a variable.
    keras_variance: see below.

    The moving variance follows the unbiased batch variance on images and the biased one on vectors, as in TF 1.x. With
    keras_variance it follows, on vectors, the biased one times n / (n - 1 - epsilon), n rows, as in Keras 2.

    Where the pass's labels say so, gamma and beta are [classes, c], and each row of x takes those of its class.

    The pass's `normalization` may replace the layer: by layer normalisation (Ba et al. 2016, arXiv:1607.06450; mean and variance
    of each image over all its axes), or by beta alone.
    """
    current = current_pass()
    if current.normalization != "batch":
        return _per_image(x, epsilon, scale, normalise=current.normalization == "layer")
    with layer("batch_normalization") as (variables, record):
        channels = x.shape[-1:]
        of_labels = current.labels is not None and current.labels.in_batch_norm
        shape = [current.labels.one_hot.shape[1], *channels] if of_labels else channels
        gamma = variable(variables, "gamma", shape, initializers.ones) if scale else tf.ones(shape)
        beta = variable(variables, "beta", shape, initializers.zeros)
        if of_labels:
            of_class, (gamma, beta) = (gamma, beta), (tf.ones(channels), tf.zeros(channels))
        moving_mean = variable(variables, "moving_mean", channels, initializers.zeros, trainable=False)
        moving_variance = variable(variables, "moving_variance", channels, initializers.ones, trainable=False)
        if training and current.replica is not None and current.replica.sync_batch_norm:
            y, mean, variance = _synchronised(x, gamma, beta, epsilon)
        elif len(x.shape) == 4:
            y, mean, variance = _fused(x, gamma, beta, moving_mean, moving_variance, training, epsilon)
        else:
            mean, variance = tf.nn.moments(x, [0]) if training else (moving_mean, moving_variance)
            y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
        if training and current.update_averages:
            _update_average(moving_mean, mean, momentum)
            _update_average(moving_variance, variance * _keras_factor(x, epsilon) if keras_variance else variance, momentum)
        if of_labels:
            current.labels_used = True
            y = _scaled_by_class(y, *of_class, current.labels.one_hot)
        return record(y)


def _scaled_by_class(y, gamma, beta, one_hot):
    """y [N, (h, w,) c] times its class's row of gamma [classes, c], plus that of beta: Dumoulin et al. 2017, arXiv:1610.07629."""
    gamma, beta = (tf.matmul(one_hot, rows) for rows in (gamma, beta))
    if len(y.shape) == 4:
        gamma, beta = gamma[:, None, None, :], beta[:, None, None, :]
    return y * gamma + beta


def _fused(x, gamma, beta, moving_mean, moving_variance, training, epsilon):
    """x [N, h, w, c] -> (y, mean, variance), the variance unbiased."""
    # tf.nn.fused_batch_norm raises epsilons below 1.001e-5 to that value; the raw operation takes them as they are.
    averages = ([], []) if training else (moving_mean, moving_variance)
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=averages[0], variance=averages[1], epsilon=epsilon, is_training=training
    )[:3]


def _synchronised(x, gamma, beta, epsilon):
    """(y, mean, variance), taken over the parts of all replicas together; the variance is unbiased on images, as in `_fused`."""
    replica, axes = current_pass().replica, list(range(len(x.shape) - 1))
    mean, mean_square = replica.batch_means([tf.reduce_mean(x, axes), tf.reduce_mean(x**2, axes)])
    variance = tf.maximum(mean_square - mean**2, 0.0)
    y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
    if len(axes) == 1:
        return y, mean, variance
    count = tf.cast(replica.part.batch_rows, tf.float32) * math.prod(x.shape[1:3])
    return y, mean, variance * count / (count - 1.0)


def _keras_factor(x, epsilon):
    """n / (n - 1 - epsilon), n being the number of rows that the variance was taken over."""
    replica = current_pass().replica
    rows = replica.part.batch_rows if replica is not None and replica.sync_batch_norm else tf.shape(x)[0]
    rows = tf.cast(rows, tf.float32)
    return rows / (rows - (1.0 + epsilon))


def _update_average(average, value, momentum):
    """Updates a moving average: at once, or at the end of the pass where each replica has its own value."""
    current = current_pass()
    if current.replica is None or current.replica.sync_batch_norm:
        assign_moving_average(average, value, momentum)
    else:
        current.pending_averages.append((average, value, momentum))


def _per_image(x, epsilon, scale, normalise):
    """A layer that treats each image by itself: layer normalisation, or, without `normalise`, beta alone."""
    with layer("layer_normalization" if normalise else "bias") as (variables, record):
        beta = variable(variables, "beta", x.shape[-1:], initializers.zeros)
        if not normalise:
            return record(x + beta)
        gamma = variable(variables, "gamma", x.shape[-1:], initializers.ones) if scale else None
        # Sums times a constant, not tf.nn.moments. In the gradient of a mean the graph optimiser multiplies by a reciprocal where
        # it knows the batch's size and divides where it does not, so that a fused iteration and two runs would differ in a bit.
        axes, reciprocal = list(range(1, len(x.shape))), 1.0 / x.shape[1:].num_elements()
        mean = tf.reduce_sum(x, axes, keepdims=True) * reciprocal
        variance = tf.reduce_sum(tf.square(x - mean), axes, keepdims=True) * reciprocal
        return record(tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon))
