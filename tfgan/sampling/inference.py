"""A trained run's networks in use: images of noise, and D's scores of images."""

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

CHUNK = 64  # images at a time; always the same number, so that an image does not depend on how many are made


class Networks(NamedTuple):
    """Both networks in inference mode: batch normalisation uses its moving averages, and dropout is off."""

    z: Any  # placeholder [N, z_dim]
    images: Any  # G(z), [N, h, w, c] in the recipe's value range
    logits: Any  # D's logits of these images, [N, 1]
    g_vars: Any  # all variables of G, including its moving averages
    d_vars: Any  # all variables of D, likewise


def build(recipe):
    """Builds the `Networks` of a recipe in the current graph, without optimisers and with z as the only input."""
    z = tf.placeholder(tf.float32, [None, recipe.z_dim], "z")
    fake, g_vars = generator(recipe, z)
    normalized_kernels = {} if recipe.spectral_normalization else None
    settings = {"normalization": recipe.d_normalization or "batch", "normalized_kernels": normalized_kernels}
    logits, d_vars = _call(recipes.model_module(recipe.model).discriminator, "discriminator", fake, **settings)
    return Networks(z, fake, logits, g_vars, d_vars)


def generator(recipe, z):
    """Builds G in the current graph: (G(z), all variables of G). Further calls share the variables. z: a tensor [N, z_dim].

    Uses the moving averages of G's variables if the recipe has them.
    """
    settings = {"averaged": recipe.g_average > 0}
    return _call(recipes.model_module(recipe.model).generator, "generator", z, recipe.image_shape, **settings)


def _call(network, scope, *arguments, **settings):
    with (
        network_pass(dropout_key=keep_all, update_averages=False, **settings) as this,
        tf.variable_scope(scope, reuse=tf.AUTO_REUSE, auxiliary_name_scope=False),
        tf.name_scope(scope),
    ):
        return network(*arguments, False), [v for row in this.layers for v in row[2]]


class Sampler:
    """A run's networks from a checkpoint: `with Sampler(run) as sampler: sampler.images(sampler.z(16, seed=0))`.

    run: a `saved.SavedRun`, such as `tfgan.find_run` returns. iteration: that of the checkpoint; by default the newest whole one.
    Only the run's folder is needed. Raises UserError if there is no such checkpoint, or if it is damaged.
    """

    def __init__(self, run, iteration=None):
        self.recipe = run.recipe
        self.iteration = choose_checkpoint(run, iteration)
        gpus()  # makes TensorFlow look for devices without printing notes
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
        """Rows `first` to `first + count` of the seed's endless noise, float32 [count, z_dim]. A seed's rows never change.

        The noise of the run's own seed begins with that of its sample grids.
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
        """z [N, z_dim] -> D's logits of their images, float32 [N]. The higher, the more real an image looks to D.

        dcgan28's D always normalises with the statistics of the batch, so its logits depend on the 64 images judged together.
        """
        return self._by_chunks(self._networks.logits, z)[:, 0]

    def _by_chunks(self, tensor, z):
        parts = []
        for begin in range(0, len(z), CHUNK):
            part = z[begin : begin + CHUNK]
            full = np.resize(part, [CHUNK, self.recipe.z_dim])  # a short part is repeated to fill the chunk
            parts.append(self._session.run(tensor, {self._networks.z: full})[: len(part)])
        return np.concatenate(parts)


def choose_checkpoint(run, iteration=None):
    """The iteration of the checkpoint to use: this one, or by default the newest whole one. Raises UserError."""
    try:
        there = checkpoints.checkpoint_iterations(run.checkpoints)
        if not there:
            raise UserError(f"run {run.name} has no checkpoint yet; train it first")
        if iteration is None:
            return checkpoints.newest_whole(run.checkpoints)
        if iteration not in there:
            kept = ", ".join(map(str, there))
            raise UserError(f"run {run.name} has no checkpoint of iteration {iteration}; it has those of {kept}")
        if reason := checkpoints.find_damage(run.checkpoints / f"{iteration:06d}"):
            raise UserError(f"the checkpoint of iteration {iteration} is damaged ({reason}); leave --iteration out")
        return iteration
    except OSError as error:
        raise UserError(f"run {run.name}'s checkpoints cannot be read: {files.describe_error(error)}") from error
