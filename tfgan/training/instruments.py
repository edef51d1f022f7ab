"""What the loop is steered by: how often something is done, how long training takes, and whether its numbers are finite."""

import contextlib
import functools
import math
import time

from tfgan.errors import Diverged
from tfgan.tf1 import tf


class Cadence:
    """Says when something that costs time may be done again.

    limited: whether it may take no more than `share` of the time. Its last duration decides. The first one does not count,
    because it includes compiling and opening files.
    """

    def __init__(self, limited, share=0.002):
        self._share = share if limited else None
        self._times = 0
        self._not_before = 0.0

    def is_free(self):
        """Whether it may be done now."""
        return time.perf_counter() >= self._not_before

    @contextlib.contextmanager
    def spending(self):
        """The context in which the thing is done. It measures how long that takes."""
        begin = time.perf_counter()
        yield
        end = time.perf_counter()
        self._times += 1
        if self._share and self._times > 1:
            self._not_before = end + (end - begin) * (1 / self._share - 1)


class Stopwatch:
    """Counts the seconds since `start`, less those spent inside `paused`."""

    def start(self):
        """Begins to count, from 0."""
        self._begin, self._paused = time.perf_counter(), 0.0

    def seconds(self):
        """The seconds so far."""
        return time.perf_counter() - self._begin - self._paused

    @contextlib.contextmanager
    def paused(self):
        """The context in which nothing is counted."""
        begin = time.perf_counter()
        yield
        self._paused += time.perf_counter() - begin


def check_measures(measures, iteration):
    """Raises Diverged where a measure of that iteration's updates (name -> float) is NaN or infinite."""
    for name, value in measures.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value} at iteration {iteration}")


def finite_check():
    """Makes a function (session, iteration) that raises Diverged where a variable of the current graph is NaN or infinite.

    It is called before every checkpoint, so that no checkpoint holds such weights.
    """
    variables = [v for v in tf.global_variables() if v.dtype.base_dtype == tf.float32]
    finite = tf.stack([tf.reduce_all(tf.is_finite(v)) for v in variables])

    @functools.cache
    def reader(session):
        return session.make_callable(finite)

    def check(session, iteration):
        for variable, good in zip(variables, reader(session)(), strict=True):
            if not good:
                raise Diverged(f"{variable.op.name} holds NaN or infinity after {iteration} iterations")

    return check
