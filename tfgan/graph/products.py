"""Matrix products for layers, and whether a layer is computed by operations of ours or by TensorFlow's plain ones."""

import contextlib
import contextvars
import functools

from tfgan.tf1 import gpus
from tfgan.tf1 import onednn
from tfgan.tf1 import tf

_NATIVE = contextvars.ContextVar("whether TensorFlow's plain operations are wanted", default=False)


@contextlib.contextmanager
def native():
    """The context in which each layer is TensorFlow's plain operation, which other programs understand."""
    token = _NATIVE.set(True)
    try:
        yield
    finally:
        _NATIVE.reset(token)


def ours():
    """Whether other operations with the same result may be used where oneDNN makes them faster; not within `native`."""
    return not _NATIVE.get() and _pays()


@functools.cache
def _pays():
    return onednn() and not gpus()


def matmul(x, kernel):
    """x [N, in], kernel [in, out] -> [N, out].

    For up to 350 rows oneDNN reads the kernel where it lies, and at half the rate where one row lies a multiple of 4 KB behind
    the other: the cache then keeps few of them. So such a kernel is copied into rows that are 16 numbers longer, and the gradient
    with respect to x reads that copy, too.
    """
    if not ours() or kernel.shape[1] % 1024:
        return tf.matmul(x, kernel)

    @tf.custom_gradient
    def product(x, kernel):
        padded = tf.pad(kernel, [[0, 0], [0, 16]])

        def gradients(dy):
            dx = tf.matmul(tf.pad(dy, [[0, 0], [0, 16]]), padded, transpose_b=True)
            return dx, tf.matmul(x, dy, transpose_a=True)

        # Split, and no slice: behind a slice the graph optimiser forgets the batch's size in one graph and keeps it in another,
        # and multiplies by its reciprocal here where it divides there; then a fused iteration and two runs differ in a bit.
        y, _ = tf.split(tf.matmul(x, padded), [kernel.shape[1], 16], 1)
        return y, gradients

    return product(x, tf.convert_to_tensor(kernel))
