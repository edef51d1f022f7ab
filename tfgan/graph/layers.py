"""Layers on `tf.get_variable`, with the variable names, shapes and defaults of TF 1.x's `tf.layers`.

Each function opens a variable scope of its own (`conv2d`, `conv2d_1`, ...), so that a network is a plain function, and
calling it again under the same variable scope with `reuse=True` shares its variables. Images are NHWC, float32.
"""

import itertools
import math

import numpy as np

from tfgan.graph import convolutions
from tfgan.graph import initializers
from tfgan.graph import noise
from tfgan.graph import products
from tfgan.graph import spectral
from tfgan.graph.normalization import batch_normalization
from tfgan.graph.scope import current_pass
from tfgan.graph.scope import layer
from tfgan.graph.scope import update
from tfgan.graph.scope import variable
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

__all__ = [
    "batch_normalization", "conv2d", "conv2d_transpose", "dense", "dropout", "flatten", "leaky_relu", "max_pool",
    "up_sample_conv2d",
]  # fmt: skip


def _kernel(variables, shape, initializer):
    """The variable `kernel`, or what the pass has the layer compute with instead of it."""
    kernel = variable(variables, "kernel", shape, initializer)
    this = current_pass()
    if this.kernels is None:
        return kernel
    if kernel.op.name not in this.kernels:
        u = variable(variables, "u", shape[-1:], initializers.normal(1.0), trainable=False)
        this.kernels[kernel.op.name], next_u = spectral.normalized(kernel.read_value(), u.read_value())
        if this.update_averages:
            update(u.assign(next_u, read_value=False))
    return this.kernels[kernel.op.name]


def dense(x, units, kernel_initializer=initializers.glorot_uniform, bias_initializer=initializers.zeros):
    """x [N, in] -> [N, units]: x @ kernel + bias; kernel [in, units], bias [units]."""
    with layer("dense") as (variables, done):
        kernel = _kernel(variables, [x.shape[-1], units], kernel_initializer)
        bias = variable(variables, "bias", [units], bias_initializer)
        return done(tf.nn.bias_add(products.matmul(x, kernel), bias))


def conv2d(x, filters, kernel_size, strides=1, padding="SAME", use_bias=True, kernel_initializer=None):
    """x [N, h, w, in] -> [N, h', w', filters]; kernel [k, k, in, filters]; Glorot uniform unless told otherwise."""
    with layer("conv2d") as (variables, done):
        shape = [kernel_size, kernel_size, x.shape[-1], filters]
        kernel = _kernel(variables, shape, kernel_initializer or initializers.glorot_uniform)
        y = convolutions.conv2d(x, kernel, strides, padding)
        if use_bias:
            y = convolutions.bias_add(y, variable(variables, "bias", [filters], initializers.zeros))
        return done(y)


def conv2d_transpose(x, filters, kernel_size, strides=1, padding="SAME", use_bias=True, kernel_initializer=None):
    """x [N, h, w, in] -> [N, h', w', filters]; kernel [k, k, filters, in]; h' = h * strides, or more where VALID.

    VALID: h' = h * strides + max(kernel_size - strides, 0), as `tf.layers.conv2d_transpose` has it.
    """
    with layer("conv2d_transpose") as (variables, done):
        shape = [kernel_size, kernel_size, filters, x.shape[-1]]
        kernel = _kernel(variables, shape, kernel_initializer or initializers.glorot_uniform)
        extra = max(kernel_size - strides, 0) if padding == "VALID" else 0
        height, width = (size * strides + extra for size in x.shape[1:3])
        y = convolutions.conv2d_transpose(x, kernel, [x.shape[0], height, width, filters], strides, padding)
        if use_bias:
            y = convolutions.bias_add(y, variable(variables, "bias", [filters], initializers.zeros))
        return done(y)


def dropout(x, keep_prob):
    """Srivastava et al. 2014: each value kept with probability keep_prob and divided by it, or else 0.

    The mask is a function of the pass's key and of which dropout of the pass this is.
    """
    this = current_pass()
    if this.dropout_key is None:
        raise RuntimeError("dropout needs a pass with a dropout_key")
    key = this.dropout_key(this.dropouts)
    this.dropouts += 1
    with layer("dropout") as (_, done):
        if key is None:
            return done(x)
        kept = noise.uniform(tf.shape(x), key) >= 1.0 - keep_prob
        return done(tf2.where(kept, x * (1.0 / keep_prob), 0.0))


def leaky_relu(x, alpha=0.2):
    """max(alpha * x, x): Maas et al. 2013."""

    # Not tf.nn.leaky_relu: TensorFlow's graph optimiser fails on it behind a bias (and says so in the user's terminal). The
    # gradient of that, though, is one operation, where tf.maximum's is seven; it takes y, whose sign is x's.
    @tf.custom_gradient
    def activate(x):
        y = tf.maximum(alpha * x, x)
        return y, lambda dy: tf.raw_ops.LeakyReluGrad(gradients=dy, features=y, alpha=alpha)

    return activate(x)


def max_pool(x, size=2):
    """x [N, h, w, c] -> [N, h // size, w // size, c]: the largest of each size x size square."""
    with layer("max_pooling2d") as (_, done):
        return done(tf.nn.max_pool2d(x, size, size, "VALID"))


def up_sample_conv2d(x, factor, filters, kernel_size):
    """x [N, h, w, in] -> [N, h * factor, w * factor, filters]: each pixel repeated, then `conv2d` with an odd kernel_size.

    Computed before the pixels are repeated. Of a kernel that slides over repeated pixels several weights meet the same pixel:
    summed up beforehand, they make a smaller kernel for each of the factor x factor places that an output can have in a pixel
    of x; one convolution computes them all, as channels, and they are spread out afterwards. The terms are the same, the
    rounding is another.
    """
    with layer("up_sampling2d") as (_, done):
        height, width = (size * factor for size in x.shape[1:3])
        done(tf.TensorSpec([x.shape[0], height, width, x.shape[3]]))  # as the tutorial counts its layers
    with layer("conv2d") as (variables, done):
        channels = int(x.shape[3])
        kernel = _kernel(variables, [kernel_size, kernel_size, channels, filters], initializers.glorot_uniform)
        bias = variable(variables, "bias", [filters], initializers.zeros)
        sums, size = _sums_of_weights(factor, kernel_size)
        summed = tf.matmul(sums, tf.reshape(kernel, [kernel_size**2, channels * filters]))
        summed = tf.reshape(summed, [factor, factor, size, size, channels, filters])
        small = tf.reshape(tf.transpose(summed, [2, 3, 4, 0, 1, 5]), [size, size, channels, factor**2 * filters])
        y = tf.nn.depth_to_space(convolutions.conv2d(x, small, 1, "SAME"), factor)
        return done(convolutions.bias_add(y, bias))


def _sums_of_weights(factor, kernel_size):
    """(which weights of a kernel over repeated pixels meet each pixel, the smaller kernel's size).

    The former is 0 or 1, [factor * factor * size * size, kernel_size * kernel_size].
    """
    reach = kernel_size // 2
    size = 2 * -(-reach // factor) + 1
    one = np.zeros([factor, size, kernel_size], np.float32)  # place between two pixels, pixel, weight; along one axis
    for place, weight in itertools.product(range(factor), range(kernel_size)):
        one[place, (place + weight - reach) // factor + size // 2, weight] = 1
    return np.einsum("aid,bje->abijde", one, one).reshape(-1, kernel_size**2), size


def flatten(x):
    """x [N, ...] -> [N, product of the rest], rows first, channels last."""
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])
