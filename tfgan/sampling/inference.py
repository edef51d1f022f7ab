"""A trained run's networks, for use: images of noise, and D's opinion of images."""

from typing import Any
from typing import NamedTuple

import numpy as np

from tfgan import recipes
from tfgan.common import files
from tfgan.common import images
from tfgan.errors import UserError
from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.graph.scope import keep_all
from tfgan.graph.scope import network_pass
from tfgan.runs import checkpoints
from tfgan.tf1 import gpus
from tfgan.tf1 import tf

CHUNK = 64  # images at a time; always so many, so that none depends on how many are wanted


class Networks(NamedTuple):
    """Both networks in inference mode: batch normalisation by its moving averages, nothing dropped."""

    z: Any  # placeholder [N, z_dim]
    images: Any  # G(z), [N, h, w, c] in the recipe's value range
    logits: Any  # D's of these, [N, 1]
    g_vars: Any  # all variables of G, its moving averages included
    d_vars: Any


def build(recipe):
    """The `Networks` of a recipe, in the current graph: no optimiser, no inputs but z."""
    z = tf.placeholder(tf.float32, [None, recipe.z_dim], "z")
    fake, g_vars = generator(recipe, z)
    settings = {"normalization": recipe.d_normalization or "batch", "kernels": {} if recipe.spectral_normalization else None}
    logits, d_vars = _call(recipes.model_module(recipe.model).discriminator, "discriminator", fake, **settings)
    return Networks(z, fake, logits, g_vars, d_vars)


def generator(recipe, z):
    """(G(z), all variables of G) in the current graph; called again, it shares them. z: a tensor [N, z_dim].

    Of the recipe's moving averages of G's variables where it has them.
    """
    settings = {"averaged": recipe.g_average > 0}
    return _call(recipes.model_module(recipe.model).generator, "generator", z, recipe.image_shape, **settings)


def _call(network, scope, *arguments, **settings):
    with (
        network_pass(dropout_key=keep_all, update_averages=False, **settings) as this,
        tf.variable_scope(scope, reuse=tf.AUTO_REUSE, auxiliary_name_scope=False),
        tf.name_scope(scope),
    ):
        return network(*arguments, False), [v for row in this.rows for v in row[2]]


class Sampler:
    """A run's networks as a checkpoint has them: `with Sampler(run) as sampler: sampler.images(sampler.z(16, seed=0))`.

    run: a `saved.SavedRun`; iteration: which checkpoint, the newest whole one by default. Needs the run's folder and nothing
    else. Raises UserError where there is no such checkpoint, or it is damaged.
    """

    def __init__(self, run, iteration=None):
        self.recipe = run.recipe
        self.iteration = choose_checkpoint(run, iteration)
        gpus()  # looks for devices without TensorFlow's notes about it
        with tf.Graph().as_default() as graph:
            self._networks = build(run.recipe)
            self._seed, self._chunk = (tf.placeholder(tf.int64, [], name) for name in ("seed", "chunk"))
            key = noise.key(self._seed, self._chunk, Stream.Z_SAMPLE)
            self._noise = noise.latent(run.recipe.z_distribution, [CHUNK, run.recipe.z_dim], key)
            saver = tf.train.Saver([*self._networks.g_vars, *self._networks.d_vars])
            graph.finalize()
        self._session = tf.Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True)))
        try:
            checkpoints.load(saver, self._session, run.checkpoints / f"{self.iteration:06d}")
        except UserError:
            self._session.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Frees the session."""
        self._session.close()

    def z(self, count, seed, first=0):
        """Rows `first` to `first + count` of the seed's endless noise, float32 [count, z_dim]: each is the same on any day.

        With the run's own seed it begins with the noise of the run's sample grids.
        """
        numbers = range(first // CHUNK, -(-(first + count) // CHUNK))
        chunks = [self._session.run(self._noise, {self._seed: seed, self._chunk: number}) for number in numbers]
        begin = first - numbers.start * CHUNK
        return np.concatenate([np.zeros([0, self.recipe.z_dim], np.float32), *chunks])[begin : begin + count]

    def images(self, z):
        """z [N, z_dim] -> uint8 [N, h, w, c]."""
        return images.to_uint8(self.values(z), self.recipe.value_range)

    def values(self, z):
        """z [N, z_dim] -> G's output, float32 [N, h, w, c] in the recipe's value range."""
        return self._by_chunks(self._networks.images, z)

    def scores(self, z):
        """z [N, z_dim] -> D's logits of their images, float32 [N]: the higher, the more real an image looks to D.

        Where D's batch normalisation always takes the batch's own statistics (dcgan28), they depend on the 64 that are judged
        together.
        """
        return self._by_chunks(self._networks.logits, z)[:, 0]

    def _by_chunks(self, tensor, z):
        parts = []
        for begin in range(0, len(z), CHUNK):
            part = z[begin : begin + CHUNK]
            whole = np.resize(part, [CHUNK, self.recipe.z_dim])  # a short one is filled up with itself
            parts.append(self._session.run(tensor, {self._networks.z: whole})[: len(part)])
        return np.concatenate(parts)


def choose_checkpoint(run, iteration=None):
    """The iteration of the run's checkpoint to be used: that one, or the newest whole one. Raises UserError."""
    try:
        there = checkpoints.checkpoint_iterations(run.checkpoints)
        if not there:
            raise UserError(f"run {run.name} has no checkpoint yet; train it first")
        if iteration is None:
            return checkpoints.newest_whole(run.checkpoints)
        if iteration not in there:
            kept = ", ".join(map(str, there))
            raise UserError(f"run {run.name} has no checkpoint of iteration {iteration}; it keeps those of {kept}")
        if reason := checkpoints.find_damage(run.checkpoints / f"{iteration:06d}"):
            raise UserError(f"the checkpoint of iteration {iteration} is damaged ({reason}); leave --iteration out")
        return iteration
    except OSError as error:
        raise UserError(f"run {run.name}'s checkpoints cannot be read: {files.describe_error(error)}") from error
