"""The format of the numbers that layers compute with.

In bfloat16 the operands of convolutions and of layers' matrix products are rounded, those of their gradients likewise. Each
result is rounded once, and turned back into float32. (The weights' gradient of a convolution over large images is a sum of such
results, rounded again.) All else stays float32: variables, the optimiser, losses, normalisation, activations and averages. A
bfloat16 is a float32 without its last 16 bits. It has the same range, so losses need no scale (Kalamkar et al. 2019,
arXiv:1905.12322), and two to three decimal digits. Processors with AMX, and AMD's with AVX512_BF16, multiply such numbers faster,
and add the products up in float32.

In float16, for GPUs, the graph is built as in float32, and TensorFlow's optimiser rewrites it: Micikevicius et al. 2018,
arXiv:1710.03740. float16 has a smaller range, so losses are scaled.
"""

import contextlib
import contextvars
import functools

from tfgan.tf1 import tf

# format -> what losses are multiplied by before gradients are taken, so that the format holds small gradients
LOSS_SCALES = {"float32": 1.0, "float16": 2.0**10, "bfloat16": 1.0}
FORMATS = tuple(LOSS_SCALES)

_FORMAT = contextvars.ContextVar("the format that layers compute in", default="float32")


@contextlib.contextmanager
def computing_in(number_format):
    """The context in which layers compute in that one of `FORMATS`."""
    token = _FORMAT.set(number_format)
    try:
        yield
    finally:
        _FORMAT.reset(token)


def rounds_operands(function):
    """Decorates function(x, kernel, ...) -> y. In bfloat16 it is given x and kernel in that format. Its y is float32 always."""

    @functools.wraps(function)
    def compute(x, kernel, *more):
        if _FORMAT.get() != "bfloat16":
            return function(x, kernel, *more)
        return tf.cast(function(tf.cast(x, tf.bfloat16), tf.cast(kernel, tf.bfloat16), *more), tf.float32)

    return compute
