"""Layers on `tf.get_variable`, with the variable names, shapes and defaults of TF 1.x's `tf.layers`.

Each function opens its own variable scope (`conv2d`, `conv2d_1` ...), so that a network is a plain function. A second call of the
network in the same variable scope with reuse shares its variables. Images are [N, h, w, c], float32.
"""

import math

from tfgan.graph import initializers
from tfgan.graph import noise
from tfgan.graph import spectral
from tfgan.graph.fast import convolutions
from tfgan.graph.fast import gradients
from tfgan.graph.fast import products
from tfgan.graph.fast import upsampling
from tfgan.graph.normalization import batch_normalization
from tfgan.graph.scope import add_update_op
from tfgan.graph.scope import current_pass
from tfgan.graph.scope import layer
from tfgan.graph.scope import variable
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

__all__ = [
    "batch_normalization", "conv2d", "conv2d_transpose", "dense", "dropout", "flatten", "leaky_relu", "max_pool",
    "up_sample_conv2d",
]  # fmt: skip


def kernel(variables, shape, initializer):
    """The variable `kernel`; with spectral normalisation the normalised kernel, which the layer computes with instead."""
    weights = variable(variables, "kernel", shape, initializer)
    current = current_pass()
    normalized = current.normalized_kernels
    if normalized is None:
        return weights
    if weights.op.name not in normalized:
        u = variable(variables, "u", shape[-1:], initializers.normal(1.0), trainable=False)
        normalized[weights.op.name], next_u = spectral.normalized(weights.read_value(), u.read_value())
        if current.update_averages:
            add_update_op(u.assign(next_u, read_value=False))
    return normalized[weights.op.name]


def dense(x, units, kernel_initializer=initializers.glorot_uniform, bias_initializer=initializers.zeros):
    """x [N, in] -> [N, units]: x @ kernel + bias; kernel [in, units], bias [units]."""
    with layer("dense") as (variables, record):
        weights = kernel(variables, [x.shape[-1], units], kernel_initializer)
        bias = variable(variables, "bias", [units], bias_initializer)
        return record(tf.nn.bias_add(products.matmul(x, weights), bias))


def conv2d(x, filters, kernel_size, strides=1, padding="SAME", use_bias=True, kernel_initializer=None):
    """x [N, h, w, in] -> [N, h', w', filters]; kernel [k, k, in, filters], Glorot uniform by default."""
    with layer("conv2d") as (variables, record):
        shape = [kernel_size, kernel_size, x.shape[-1], filters]
        weights = kernel(variables, shape, kernel_initializer or initializers.glorot_uniform)
        y = convolutions.conv2d(x, weights, strides, padding)
        if use_bias:
            y = gradients.bias_add(y, variable(variables, "bias", [filters], initializers.zeros))
        return record(y)


def conv2d_transpose(x, filters, kernel_size, strides=1, padding="SAME", use_bias=True, kernel_initializer=None):
    """x [N, h, w, in] -> [N, h', w', filters]; kernel [k, k, filters, in], Glorot uniform by default.

    SAME: h' = h * strides. VALID: h' = h * strides + max(kernel_size - strides, 0), as in `tf.layers.conv2d_transpose`.
    """
    with layer("conv2d_transpose") as (variables, record):
        shape = [kernel_size, kernel_size, filters, x.shape[-1]]
        weights = kernel(variables, shape, kernel_initializer or initializers.glorot_uniform)
        extra = max(kernel_size - strides, 0) if padding == "VALID" else 0
        height, width = (size * strides + extra for size in x.shape[1:3])
        y = convolutions.conv2d_transpose(x, weights, [x.shape[0], height, width, filters], strides, padding)
        if use_bias:
            y = gradients.bias_add(y, variable(variables, "bias", [filters], initializers.zeros))
        return record(y)


def dropout(x, keep_prob):
    """Keeps each value with probability keep_prob and divides it by keep_prob; else 0: Srivastava et al. 2014.

    The mask follows from the pass's dropout_key and the number of this dropout layer in the pass. Raises RuntimeError in a pass
    without dropout_key.
    """
    current = current_pass()
    if current.dropout_key is None:
        raise RuntimeError("dropout needs a pass with a dropout_key")
    key = current.dropout_key(current.dropout_count)
    current.dropout_count += 1
    with layer("dropout") as (_, record):
        if key is None:
            return record(x)
        mask = noise.uniform(tf.shape(x), key) >= 1.0 - keep_prob
        return record(tf2.where(mask, x * (1.0 / keep_prob), 0.0))


def leaky_relu(x, alpha=0.2):
    """max(alpha * x, x): Maas et al. 2013."""
    return gradients.leaky_relu(x, alpha)


def max_pool(x, size=2):
    """x [N, h, w, c] -> [N, h // size, w // size, c]: the largest value of each size x size square."""
    with layer("max_pooling2d") as (_, record):
        return record(tf.nn.max_pool2d(x, size, size, "VALID"))


def up_sample_conv2d(x, factor, filters, kernel_size):
    """x [N, h, w, in] -> [N, h * factor, w * factor, filters]: each pixel repeated, then `conv2d` with an odd kernel_size."""
    with layer("up_sampling2d") as (_, record):
        height, width = (size * factor for size in x.shape[1:3])
        record(tf.TensorSpec([x.shape[0], height, width, x.shape[3]]))  # the tutorial counts it as a layer
    with layer("conv2d") as (variables, record):
        weights = kernel(variables, [kernel_size, kernel_size, x.shape[3], filters], initializers.glorot_uniform)
        bias = variable(variables, "bias", [filters], initializers.zeros)
        y = upsampling.up_sample_conv2d(x, weights, factor, [x.shape[0], height, width, filters])
        return record(gradients.bias_add(y, bias))


def flatten(x):
    """x [N, ...] -> [N, product of the rest]; of an image row by row, a pixel's channels together."""
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])
