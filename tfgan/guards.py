"""What stops a run in time: signals, NaN and infinity."""

import contextlib
import math
import signal

from tfgan.errors import Diverged
from tfgan.tf1 import tf


def check_measures(measured, iteration):
    """Raises Diverged where a measure of that iteration's updates (name -> float) is NaN or infinite."""
    for name, value in measured.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value} at iteration {iteration}")


def finite_check():
    """Makes a function (session, iteration) that raises Diverged where a variable of the current graph is NaN or infinite.

    It stands before every checkpoint, so that none is written of weights that nobody wants back.
    """
    variables = [v for v in tf.global_variables() if v.dtype.base_dtype == tf.float32]
    finite = tf.stack([tf.reduce_all(tf.is_finite(v)) for v in variables])

    def check(session, iteration):
        for variable, good in zip(variables, session.run(finite), strict=True):
            if not good:
                raise Diverged(f"{variable.op.name} holds NaN or infinity after {iteration} iterations")

    return check


class Interruption:
    """The signal that asked training to stop, or 0."""

    signal = 0


@contextlib.contextmanager
def interruptible():
    """Ctrl-C and SIGTERM let the iteration finish, once; a second one ends the process at once, wherever it is."""
    interruption = Interruption()
    wanted = (signal.SIGINT, signal.SIGTERM)

    def stop(number, frame):
        interruption.signal = number
        for number in wanted:
            signal.signal(number, signal.SIG_DFL)  # the system's: Python's own would wait for TensorFlow to return

    before = {number: signal.signal(number, stop) for number in wanted}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
