"""A training iteration's session runs: all in one, or as the tutorials wrote them."""

import functools

import numpy as np

from tfgan.common import images
from tfgan.graph.noise import Stream


def fused(gan, measures):
    """The two step functions that run a whole iteration at once, nothing fed: bare, and with its measures (name -> scalar).

    The latter takes whether its batch is wanted, too: `fake` and `real`, [N, h, w, c].
    """

    # Callables parse their fetches once; to do that in each run would be a third of a small model's iteration.
    bare = functools.cache(lambda session: session.make_callable(gan.train_op))

    @functools.cache
    def measuring(session, pair):
        return session.make_callable({**measures, **(_pair(gan) if pair else {}), "": gan.train_op})

    def step(session, iteration):
        bare(session)()

    def step_measured(session, iteration, pair):
        return _plain(measuring(session, pair)())

    return step, step_measured


def _pair(gan):
    """What `Pictures.pair` shows of a batch."""
    return {"fake": gan.fake, "real": gan.input_real}


def as_written(gan, measures, recipe, batches, seed):
    """The same two as the tutorials wrote them: numpy batches and noise fed, D's and G's updates in runs of their own."""
    measures_of_d = {name: measure for name, measure in measures.items() if name not in ("g_loss", "g_gradient")}

    def draw(rows, iteration, stream):
        generator = np.random.default_rng([seed, iteration, 1 + stream])  # [seed, epoch] is the order's
        shape = (rows, recipe.z_dim)
        return generator.uniform(-1, 1, shape) if recipe.z_distribution == "uniform" else generator.normal(size=shape)

    def run_both(session, iteration, of_d, of_g):
        rate = {gan.learning_rate: recipe.rate(iteration)}
        measured = {}
        for number in range(iteration * recipe.d_steps, (iteration + 1) * recipe.d_steps):
            real = images.preprocess_array(batches[number], recipe.image_shape, recipe.value_range)
            z = draw(len(real), number, Stream.Z_D)
            of_step = {} if gan.d_step is None else {gan.d_step: number - iteration * recipe.d_steps}
            feed = {gan.input_real: real, gan.input_z: z, **rate, **of_step}
            measured |= session.run({**({} if measured else of_d), "": gan.d_train_op}, feed)
        z_g = z if gan.input_z_g is gan.input_z else draw(len(real), iteration, Stream.Z_G)
        values = session.run({**of_g, "": gan.g_train_op}, {gan.input_real: real, gan.input_z_g: z_g, **rate})
        return _plain(measured | values)

    def step(session, iteration):
        run_both(session, iteration, {}, {})

    def step_measured(session, iteration, pair):
        of_d = measures_of_d | (_pair(gan) if pair else {})
        return run_both(session, iteration, of_d, {"g_loss": gan.g_loss, "g_gradient": gan.g_gradient_norm})

    return step, step_measured


def _plain(values):
    """Fetched values without the operation's None; scalars as floats."""
    return {name: float(v) if np.ndim(v) == 0 else v for name, v in values.items() if v is not None}
