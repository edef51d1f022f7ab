"""Checks that stop a run at NaN and infinity."""

import functools
import math

from tfgan.errors import Diverged
from tfgan.errors import UserError
from tfgan.graph import networks
from tfgan.runs import environment
from tfgan.tf1 import tf

_COPIES = {"adam": 3, "sgd": 2}  # of a variable: itself and the optimiser's moments


def check_measures(measured, iteration):
    """Raises Diverged where a measure of that iteration's updates (name -> float) is NaN or infinite."""
    for name, value in measured.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value} at iteration {iteration}")


def refuse_too_large(recipe):
    """Raises UserError if G alone needs more memory than the machine has. TensorFlow would fail late, each time otherwise."""
    with tf.Graph().as_default():
        values = sum(v.shape.num_elements() for v in networks.inference(recipe, seed=0, judge=False).g_vars)
    needed, there = 4 * values * _COPIES[recipe.optimizer], environment.memory()
    if needed > there:
        raise UserError(
            f"z_dim is {recipe.z_dim:,}, with which G and its optimiser need {needed / 1e9:,.1f} GB of memory; this machine has "
            f"{there / 1e9:,.1f} GB; give a smaller --z-dim"
        )


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
