"""From images back to noise, and images with holes filled: a `Sampler`'s generator in a graph with its gradient."""

from typing import Any
from typing import NamedTuple

from tfgan.sampling import networks
from tfgan.sampling import search
from tfgan.sampling.nearest import Nearest
from tfgan.tf1 import tf


class Loss(NamedTuple):
    """G's distance from images, and its gradient, as tensors."""

    images: Any  # G(z, y) in [0, 1], [N, h, w, c]
    loss: Any  # [N], the mean squared difference of the pixels, by weight
    gradient: Any  # of the loss with respect to z, [N, z_dim]


def build_loss(recipe, z, y, targets, weights):
    """The `Loss` of a recipe in the current graph, and all variables of G: (loss, variables).

    z, y: as `networks.generator` takes them. targets: [N, h, w, c] in [0, 1]. weights: [N, h, w], how much each pixel counts.
    """
    low, high = recipe.value_range
    made, variables = networks.generator(recipe, z, y)
    made = (made - low) / (high - low)
    weights = weights[..., None] * tf.ones([recipe.image_shape[2]])
    losses = tf.reduce_sum(weights * (made - targets) ** 2, [1, 2, 3]) / tf.reduce_sum(weights, [1, 2, 3])
    (gradient,) = tf.gradients(losses, z)
    return Loss(made, losses, gradient), variables


class Projector(Nearest):
    """Searches for the noise behind images.

    sampler: the `Sampler` whose images are searched. values: arrays of all variables of its G, in the order of `networks.build`.
    """

    def __init__(self, sampler, values):
        recipe = sampler.recipe
        ends = self._images_of, self._loss_of
        generator = search.Generator(recipe.z_dim, recipe.z_distribution, recipe.classes or 0, *ends)
        super().__init__(recipe, sampler.class_names, sampler.images, generator)
        height, width, _ = recipe.image_shape
        with tf.Graph().as_default() as graph:
            self._z = tf.placeholder(tf.float32, [None, recipe.z_dim])
            self._y = None if recipe.conditional is None else tf.placeholder(tf.int32, [None])
            self._targets = tf.placeholder(tf.float32, [None, *recipe.image_shape])
            self._weights = tf.placeholder(tf.float32, [None, height, width])
            self._loss, variables = build_loss(recipe, self._z, self._y, self._targets, self._weights)
            graph.finalize()
        self._session = tf.Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True)))
        values = {variable.initializer.inputs[1]: value for variable, value in zip(variables, values, strict=True)}
        self._session.run([variable.initializer for variable in variables], values)

    def close(self):
        """Frees the session."""
        self._session.close()

    def _images_of(self, z, labels):
        return self._session.run(self._loss.images, self._feed(z, labels))

    def _loss_of(self, z, labels, targets, weights):
        feed = self._feed(z, labels) | {self._targets: targets, self._weights: weights}
        return self._session.run([self._loss.loss, self._loss.gradient], feed)

    def _feed(self, z, labels):
        return {self._z: z} | ({} if labels is None else {self._y: labels})
