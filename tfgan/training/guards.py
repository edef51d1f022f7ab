"""Checks that stop a run at NaN and infinity."""

import functools
import math

from tfgan.errors import Diverged
from tfgan.tf1 import tf


def check_measures(measured, iteration):
    """Raises Diverged where a measure of that iteration's updates (name -> float) is NaN or infinite."""
    for name, value in measured.items():
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
