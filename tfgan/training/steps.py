"""The session runs of one training iteration: a single one, or two as in the tutorials."""

import functools

import numpy as np

from tfgan.common import images
from tfgan.graph.noise import Stream


def fused(gan, measures):
    """Two functions that run a whole iteration in one session run and feed nothing: `step` and `step_measured`.

    measures: name -> scalar tensor. `step(session, iteration)` returns nothing. `step_measured(session, iteration, batch)`
    returns the measures, name -> float, and with batch=True also `fake` and `real`, arrays [N, h, w, c].
    """

    # A callable parses its fetches once. Parsing them in every run would take a third of a small model's iteration.
    plain = functools.cache(lambda session: session.make_callable(gan.train_op))

    @functools.cache
    def measuring(session, batch):
        return session.make_callable({**measures, **(_batch(gan) if batch else {}), "": gan.train_op})

    def step(session, iteration):
        plain(session)()

    def step_measured(session, iteration, batch):
        return _as_floats(measuring(session, batch)())

    return step, step_measured


def _batch(gan):
    """The images of an iteration's batch."""
    return {"fake": gan.fake, "real": gan.input_real}


def as_written(gan, measures, recipe, batches, seed):
    """The same two functions as the tutorials wrote them: they feed numpy batches and noise, and run D's and G's update apart."""
    measures_of_d = {name: measure for name, measure in measures.items() if name not in ("g_loss", "g_gradient")}

    def generator(iteration, stream):
        return np.random.default_rng([seed, iteration, 1 + stream])  # [seed, epoch] is the order's

    def draw(rows, iteration, stream):
        shape = (rows, recipe.z_dim)
        rng = generator(iteration, stream)
        return rng.uniform(-1, 1, shape) if recipe.z_distribution == "uniform" else rng.normal(size=shape)

    def draw_labels(rows, iteration, stream):
        return generator(iteration, stream).choice(recipe.classes, rows, p=batches.classes.shares)

    def run_both(session, iteration, of_d, of_g):
        rate = {gan.learning_rate: recipe.learning_rate_at(iteration)}
        measured = {}
        for number in range(iteration * recipe.d_steps, (iteration + 1) * recipe.d_steps):
            real = images.preprocess_array(batches[number], recipe.image_shape, recipe.value_range)
            z = draw(len(real), number, Stream.Z_D)
            of_step = {} if gan.d_step is None else {gan.d_step: number - iteration * recipe.d_steps}
            feed = {gan.input_real: real, gan.input_z: z, **rate, **of_step}
            if gan.input_y is not None:
                y_fake = draw_labels(len(real), number, Stream.LABEL_D)
                feed |= {gan.input_y: batches.labels(number), gan.input_y_fake: y_fake}
            measured |= session.run({**({} if measured else of_d), "": gan.d_train_op}, feed)
        z_g = z if gan.input_z_g is gan.input_z else draw(len(real), iteration, Stream.Z_G)
        feed = {gan.input_real: real, gan.input_z_g: z_g, **rate}
        if gan.input_y is not None:
            fresh = gan.input_y_g is not gan.input_y_fake
            y_g = draw_labels(len(real), iteration, Stream.LABEL_G) if fresh else y_fake
            feed |= {gan.input_y: batches.labels(number), gan.input_y_g: y_g}  # the labels of `real`, where the loss needs it
        values = session.run({**of_g, "": gan.g_train_op}, feed)
        return _as_floats(measured | values)

    def step(session, iteration):
        run_both(session, iteration, {}, {})

    def step_measured(session, iteration, batch):
        of_d = measures_of_d | (_batch(gan) if batch else {})
        return run_both(session, iteration, of_d, {"g_loss": gan.g_loss, "g_gradient": gan.g_gradient_norm})

    return step, step_measured


def _as_floats(values):
    """Fetched values without the None of an operation, and with scalars as Python floats."""
    return {name: float(v) if np.ndim(v) == 0 else v for name, v in values.items() if v is not None}
