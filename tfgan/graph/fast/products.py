"""Matrix products of layers, and the choice between TensorFlow's own operations and custom ones that are faster with oneDNN."""

import contextlib
import contextvars
import functools

from tfgan.graph import precision
from tfgan.tf1 import gpus
from tfgan.tf1 import onednn
from tfgan.tf1 import tf

_NATIVE_ONLY = contextvars.ContextVar("whether layers must be TensorFlow's own operations", default=False)
_PADDING = 16  # numbers added to each row of a kernel


@contextlib.contextmanager
def native():
    """The context in which each layer is TensorFlow's own operation, which other programs can read."""
    token = _NATIVE_ONLY.set(True)
    try:
        yield
    finally:
        _NATIVE_ONLY.reset(token)


def use_custom_ops():
    """Whether layers may use custom operations with the same result: where they are faster, and not inside `native`."""
    return not _NATIVE_ONLY.get() and _custom_ops_are_faster()


@functools.cache
def _custom_ops_are_faster():
    return onednn() and not gpus()


@precision.rounds_operands
def matmul(x, kernel):
    """x [N, in], kernel [in, out] -> [N, out]: `tf.matmul`.

    Up to about 350 rows, oneDNN reads the kernel from where it lies. If its rows are a multiple of 4 KB apart, the cache holds
    few of them at a time, and reading takes twice as long. Such a kernel is copied into rows that are 16 numbers longer. The
    gradient with respect to x reads the copy, too.
    """
    if not use_custom_ops() or kernel.shape[1] % 1024:
        return tf.matmul(x, kernel)

    @tf.custom_gradient
    def product(x, kernel):
        padded = tf.pad(kernel, [[0, 0], [0, _PADDING]])

        def gradients(dy):
            dx = tf.matmul(tf.pad(dy, [[0, 0], [0, _PADDING]]), padded, transpose_b=True)
            return dx, tf.matmul(x, dy, transpose_a=True)

        # A split, not a slice. After a slice the graph optimiser knows the batch's size in one graph and not in another. Where it
        # knows the size it multiplies by its reciprocal instead of dividing, and a fused iteration and two runs differ in a bit.
        y, _ = tf.split(tf.matmul(x, padded), [kernel.shape[1], _PADDING], 1)
        return y, gradients

    return product(x, tf.convert_to_tensor(kernel))
