"""What stops a run in time: signals, NaN and infinity."""

import contextlib
import functools
import math
import os
import signal
import socket
import threading

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

    @functools.cache
    def looking(session):
        return session.make_callable(finite)

    def check(session, iteration):
        for variable, good in zip(variables, looking(session)(), strict=True):
            if not good:
                raise Diverged(f"{variable.op.name} holds NaN or infinity after {iteration} iterations")

    return check


class Interruption:
    """The signal that asked training to stop, or 0."""

    signal = 0


@contextlib.contextmanager
def interruptible(tell):
    """Ctrl-C and SIGTERM are noted, once; a second one ends the process at once, which no file that is written minds.

    tell: a function that shows a line, called at the first one. Both work while TensorFlow does not return: a thread hears
    of the signals, where Python's own handlers would wait.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():  # where Python lets nobody handle signals
        yield interruption
        return
    wanted = (signal.SIGINT, signal.SIGTERM)
    hearing, telling = socket.socketpair()
    telling.setblocking(False)

    def listen():
        while heard := hearing.recv(1):
            if heard[0] in wanted and interruption.signal:
                os._exit(128 + heard[0])
            if heard[0] in wanted:
                interruption.signal = heard[0]
                with contextlib.suppress(OSError):  # Ctrl-C may have ended the reader of a pipe, too
                    tell("Finishing this iteration and saving; once more leaves at once.")

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    wakeup = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda *_: None) for number in wanted}
    try:
        yield interruption
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        telling.close()
        listener.join()
        hearing.close()
