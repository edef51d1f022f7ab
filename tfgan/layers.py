"""Layers on `tf.get_variable`, with the variable names, shapes and defaults of TF 1.x's `tf.layers`.

Each function opens a variable scope of its own (`conv2d`, `conv2d_1`, ...), so that a network is a plain function, and
calling it again under the same variable scope with `reuse=True` shares its variables. Images are NHWC, float32.
"""

import contextlib
import contextvars
import itertools
import math

import numpy as np

from tfgan import convolutions
from tfgan import initializers
from tfgan import noise
from tfgan import spectral
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

AVERAGE = "/ExponentialMovingAverage"  # behind a variable's name: its moving average

_PASS = contextvars.ContextVar("the pass of a network in which layers are being made")


class Pass:
    """One call of a network: what its layers need to know, and what they leave behind.

    seed: of the initial values. dropout_key: layer number -> key of that layer's mask; None where there may be no dropout,
    `keep_all` where it lets everything through. update_averages: whether batch normalisation moves its averages. after: the
    updates of an earlier pass in the same run, behind which this pass's updates of the same averages come: unordered they
    race, and one may be lost. normalization: what stands where the network has batch normalisation: "batch", "layer" or "none".
    kernels: a dict where dense and convolutional kernels are normalised (`spectral`), shared by the passes that see the same
    weights, so that one computation serves them; None where they are not. averaged: whether the layers take the moving averages
    of their variables, named as tf.train.ExponentialMovingAverage names them.
    updates: the operations that move averages, made by this very call. rows: (name, output shape, variables) of each
    layer in order.
    """

    def __init__(self, seed, dropout_key, update_averages, after, normalization, kernels, averaged):
        self.seed = seed
        self.dropout_key = dropout_key
        self.update_averages = update_averages
        self.after = after
        self.normalization = normalization
        self.kernels = kernels
        self.averaged = averaged
        self.dropouts = 0
        self.updates = []
        self.rows = []


def keep_all(layer):
    """The dropout_key of a pass after training: no layer drops anything (Srivastava et al. 2014, section 4)."""


@contextlib.contextmanager
def network_pass(
    seed=0, dropout_key=None, update_averages=True, after=(), normalization="batch", kernels=None, averaged=False
):
    """The context in which a network is called; gives its `Pass`."""
    this = Pass(seed, dropout_key, update_averages, after, normalization, kernels, averaged)
    token = _PASS.set(this)
    try:
        yield this
    finally:
        _PASS.reset(token)


def _current_pass():
    try:
        return _PASS.get()
    except LookupError:
        raise RuntimeError("layers are made inside `with layers.network_pass(...):`") from None


@contextlib.contextmanager
def _layer(default_name):
    """Opens the layer's variable scope (made unique as TF 1.x does); gives a function that notes its output."""
    variables = []
    with tf.variable_scope(None, default_name=default_name) as scope:
        name = scope.name.rpartition("/")[2]

        def done(y):
            _current_pass().rows.append((name, y.shape.as_list(), variables))
            return y

        yield variables, done


def _variable(variables, name, shape, initializer, trainable=True):
    """The variable of that name in the current scope, its initial value a function of (seed, full name).

    Where the pass is averaged, its moving average, which begins with the same value.
    """
    this = _current_pass()
    full_name = f"{tf.get_variable_scope().name}/{name}"
    key = noise.initial_key(this.seed, full_name)
    variable = tf.get_variable(
        name + AVERAGE if this.averaged else name,
        shape,
        tf.float32,
        initializer=lambda shape, **_: initializer(shape, key),
        trainable=trainable and not this.averaged,
        use_resource=True,
    )
    variables.append(variable)
    return variable


def _kernel(variables, shape, initializer):
    """The variable `kernel`, or what the pass has the layer compute with instead of it."""
    kernel = _variable(variables, "kernel", shape, initializer)
    this = _current_pass()
    if this.kernels is None:
        return kernel
    if kernel.op.name not in this.kernels:
        u = _variable(variables, "u", shape[-1:], initializers.normal(1.0), trainable=False)
        this.kernels[kernel.op.name], next_u = spectral.normalized(kernel.read_value(), u.read_value())
        if this.update_averages:
            _update(u.assign(next_u, read_value=False))
    return this.kernels[kernel.op.name]


def dense(x, units, kernel_initializer=initializers.glorot_uniform, bias_initializer=initializers.zeros):
    """x [N, in] -> [N, units]: x @ kernel + bias; kernel [in, units], bias [units]."""
    with _layer("dense") as (variables, done):
        kernel = _kernel(variables, [x.shape[-1], units], kernel_initializer)
        bias = _variable(variables, "bias", [units], bias_initializer)
        return done(tf.nn.bias_add(tf.matmul(x, kernel), bias))


def conv2d(x, filters, kernel_size, strides=1, padding="SAME", use_bias=True, kernel_initializer=None):
    """x [N, h, w, in] -> [N, h', w', filters]; kernel [k, k, in, filters]; Glorot uniform unless told otherwise."""
    with _layer("conv2d") as (variables, done):
        shape = [kernel_size, kernel_size, x.shape[-1], filters]
        kernel = _kernel(variables, shape, kernel_initializer or initializers.glorot_uniform)
        y = convolutions.conv2d(x, kernel, strides, padding)
        if use_bias:
            y = tf.nn.bias_add(y, _variable(variables, "bias", [filters], initializers.zeros))
        return done(y)


def conv2d_transpose(x, filters, kernel_size, strides=1, padding="SAME", use_bias=True, kernel_initializer=None):
    """x [N, h, w, in] -> [N, h', w', filters]; kernel [k, k, filters, in]; h' = h * strides, or more where VALID.

    VALID: h' = h * strides + max(kernel_size - strides, 0), as `tf.layers.conv2d_transpose` has it.
    """
    with _layer("conv2d_transpose") as (variables, done):
        shape = [kernel_size, kernel_size, filters, x.shape[-1]]
        kernel = _kernel(variables, shape, kernel_initializer or initializers.glorot_uniform)
        extra = max(kernel_size - strides, 0) if padding == "VALID" else 0
        height, width = (size * strides + extra for size in x.shape[1:3])
        y = convolutions.conv2d_transpose(x, kernel, [x.shape[0], height, width, filters], strides, padding)
        if use_bias:
            y = tf.nn.bias_add(y, _variable(variables, "bias", [filters], initializers.zeros))
        return done(y)


def batch_normalization(x, training, momentum=0.99, epsilon=1e-3, scale=True):
    """Ioffe and Szegedy 2015, arXiv:1502.03167: (x - mean) / sqrt(variance + epsilon) * gamma + beta per channel.

    training: a bool; the batch's mean and variance (over all axes but the last), or the moving ones. With the batch's,
    the operations that move the averages, average += (1 - momentum) * (batch's - average), go into
    `tf.GraphKeys.UPDATE_OPS` and the pass's `updates`. scale=False fixes gamma at 1: there is no such variable.
    On images the moving variance takes the unbiased batch variance, on vectors the biased one, as TF 1.x has it.

    Where the pass's `normalization` says so: layer normalisation instead (Ba et al. 2016, arXiv:1607.06450; the mean and
    variance of each image over all its axes), or beta alone.
    """
    normalization = _current_pass().normalization
    if normalization != "batch":
        return _without_batch(x, epsilon, scale, normalise=normalization == "layer")
    with _layer("batch_normalization") as (variables, done):
        channels = x.shape[-1:]
        gamma = _variable(variables, "gamma", channels, initializers.ones) if scale else tf.ones(channels)
        beta = _variable(variables, "beta", channels, initializers.zeros)
        moving_mean = _variable(variables, "moving_mean", channels, initializers.zeros, trainable=False)
        moving_variance = _variable(variables, "moving_variance", channels, initializers.ones, trainable=False)
        if len(x.shape) == 4:
            y, mean, variance = _fused(x, gamma, beta, moving_mean, moving_variance, training, epsilon)
        else:
            mean, variance = tf.nn.moments(x, [0]) if training else (moving_mean, moving_variance)
            y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
        if training and _current_pass().update_averages:
            _move(moving_mean, mean, momentum)
            _move(moving_variance, variance, momentum)
        return done(y)


def _fused(x, gamma, beta, moving_mean, moving_variance, training, epsilon):
    # The raw operation, because tf.nn.fused_batch_norm raises epsilons below 1.001e-5 to that.
    known = ([], []) if training else (moving_mean, moving_variance)
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=known[0], variance=known[1], epsilon=epsilon, is_training=training
    )[:3]


def _move(average, value, momentum):
    """Makes the operation that moves an average towards `value`, after the same average's update in `Pass.after`."""
    this = _current_pass()
    with tf.control_dependencies([op for op in this.after if op.inputs[0] is average.handle]):
        delta = (average.read_value() - value) * (1.0 - momentum)
        update = average.assign_sub(delta, read_value=False)
    _update(update)


def _update(operation):
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, operation)
    _current_pass().updates.append(operation)


def _without_batch(x, epsilon, scale, normalise):
    """What stands in place of batch normalisation where no image may meet another: layer normalisation, or beta alone."""
    with _layer("layer_normalization" if normalise else "bias") as (variables, done):
        beta = _variable(variables, "beta", x.shape[-1:], initializers.zeros)
        if not normalise:
            return done(x + beta)
        gamma = _variable(variables, "gamma", x.shape[-1:], initializers.ones) if scale else None
        mean, variance = tf.nn.moments(x, list(range(1, len(x.shape))), keepdims=True)
        return done(tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon))


def dropout(x, keep_prob):
    """Srivastava et al. 2014: each value kept with probability keep_prob and divided by it, or else 0.

    The mask is a function of the pass's key and of which dropout of the pass this is.
    """
    this = _current_pass()
    if this.dropout_key is None:
        raise RuntimeError("dropout needs a pass with a dropout_key")
    key = this.dropout_key(this.dropouts)
    this.dropouts += 1
    with _layer("dropout") as (_, done):
        if key is None:
            return done(x)
        return done(tf2.nn.experimental.stateless_dropout(x, rate=1.0 - keep_prob, seed=key))


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
    with _layer("max_pooling2d") as (_, done):
        return done(tf.nn.max_pool2d(x, size, size, "VALID"))


def up_sample_conv2d(x, factor, filters, kernel_size):
    """x [N, h, w, in] -> [N, h * factor, w * factor, filters]: each pixel repeated, then `conv2d` with an odd kernel_size.

    Computed before the pixels are repeated. Of a kernel that slides over repeated pixels several weights meet the same pixel:
    summed up beforehand, they make a smaller kernel for each of the factor x factor places that an output can have in a pixel
    of x; one convolution computes them all, as channels, and they are spread out afterwards. The terms are the same, the
    rounding is another.
    """
    with _layer("up_sampling2d") as (_, done):
        height, width = (size * factor for size in x.shape[1:3])
        done(tf.TensorSpec([x.shape[0], height, width, x.shape[3]]))  # as the tutorial counts its layers
    with _layer("conv2d") as (variables, done):
        channels = int(x.shape[3])
        kernel = _kernel(variables, [kernel_size, kernel_size, channels, filters], initializers.glorot_uniform)
        bias = _variable(variables, "bias", [filters], initializers.zeros)
        sums, size = _sums_of_weights(factor, kernel_size)
        summed = tf.matmul(sums, tf.reshape(kernel, [kernel_size**2, channels * filters]))
        summed = tf.reshape(summed, [factor, factor, size, size, channels, filters])
        small = tf.reshape(tf.transpose(summed, [2, 3, 4, 0, 1, 5]), [size, size, channels, factor**2 * filters])
        y = tf.nn.depth_to_space(tf.nn.conv2d(x, small, strides=1, padding="SAME"), factor)
        return done(tf.nn.bias_add(y, bias))


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
