"""G's distance from given images, and the gradient of that distance with respect to the noise: a graph of its own."""

from typing import Any
from typing import NamedTuple

import numpy as np

from tfgan.graph import efficientnet
from tfgan.graph import layers
from tfgan.graph import networks
from tfgan.sampling import search
from tfgan.tf1 import Session
from tfgan.tf1 import tf

_NETWORK = "lite2"  # not lite0, which has judged the images of a projected D in training
_STAGES = 3  # of the network, from the finest on
_SHARE = 0.02  # of the features' distance: photos become sharper, and their pixels hardly less alike


class Distance(NamedTuple):
    """Tensors of `distance`."""

    images: Any  # G(z, y) in [0, 1], [N, h, w, c]
    losses: Any  # the mean squared difference from the targets, [N]
    gradient: Any  # of the losses with respect to z, [N, z_dim]


def generator_in_unit_range(recipe, z, y):
    """(G(z, y) in [0, 1], all variables of G), as `networks.samples` builds it in the current graph."""
    low, high = recipe.value_range
    made, g_pass = networks.samples(recipe, z, y)
    return (made - low) / (high - low), g_pass.variables


def pixel_losses(made, targets, weights):
    """The mean squared difference of images [N, h, w, c] in [0, 1], by the weights [N, h, w] of their pixels: [N]."""
    weights = weights[..., None] * tf.ones([made.shape[3]])
    return tf.reduce_sum(weights * (made - targets) ** 2, [1, 2, 3]) / tf.reduce_sum(weights, [1, 2, 3])


def features(network, images, counts):
    """What an `efficientnet.Network` sees in images [N, h, w, 3] in [0, 1]: [N, d], whose squared distances compare images.

    counts: [N, h, w], 1 where the images count; elsewhere they become grey. As in LPIPS (Zhang et al. 2018, arXiv:1801.03924)
    each place of each stage is a unit vector, and squared distances are means over the places. All channels count alike.
    """
    counts = counts[..., None]
    stages = network.stages(255 * (counts * images + 0.5 * (1 - counts)))[:_STAGES]
    units = [x * tf.rsqrt(tf.reduce_sum(x**2, 3, keepdims=True) + 1e-6) for x in stages]
    return tf.concat([layers.flatten(x) / np.sqrt(x.shape[1] * x.shape[2]) for x in units], 1)


class Inversion:
    """A recipe's G with the gradient of its distance from images, in a session of its own.

    values: the arrays of all variables of G, in the order of `networks.samples`. Where images are in colour, and the extra
    `features` is installed, the distance is that of the pixels and of the `features`; otherwise that of the pixels.
    """

    def __init__(self, recipe, values):
        height, width, channels = recipe.image_shape
        with tf.Graph().as_default() as graph:
            self._z = tf.placeholder(tf.float32, [None, recipe.z_dim])
            self._y = None if recipe.conditional is None else tf.placeholder(tf.int32, [None])
            self._targets = tf.placeholder(tf.float32, [None, *recipe.image_shape])
            self._weights = tf.placeholder(tf.float32, [None, height, width])
            self._images, variables = generator_in_unit_range(recipe, self._z, self._y)
            losses, self._features = pixel_losses(self._images, self._targets, self._weights), None
            if channels == 3 and efficientnet.is_installed(_NETWORK):
                network, counts = efficientnet.Network(_NETWORK), tf.cast(self._weights > 0, tf.float32)
                self._features = features(network, self._targets, counts)
                self._given = tf.placeholder(tf.float32, self._features.shape)
                losses += _SHARE * tf.reduce_sum((features(network, self._images, counts) - self._given) ** 2, 1)
            self._losses = [losses, *tf.gradients(losses, self._z)]
            graph.finalize()
        self._session = Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True)))
        values = {variable.initializer.inputs[1]: value for variable, value in zip(variables, values, strict=True)}
        self._session.run([variable.initializer for variable in variables], values)

    def close(self):
        """Frees the session."""
        self._session.close()

    def images(self, z, labels):
        """z [N, z_dim], labels int32 [N] or None -> G's images, float32 [N, h, w, c] in [0, 1]."""
        return self._session.run(self._images, self._inputs(z, labels))

    def loss_of(self, images, weights):
        """The loss for these images, as `search.search` takes it: a function (z, labels, numbers) -> (losses, their gradients).

        images: float32 [N, h, w, c] in [0, 1]. weights: float32 [N, h, w]. numbers: int [n], which image each row is for.
        """
        seen = None
        if self._features is not None:
            (seen,) = search.by_rows(lambda *given: [self._see(*given)], search.rows_of(images), images, weights)

        def loss(z, labels, numbers):
            given = {self._targets: images[numbers], self._weights: weights[numbers]}
            if seen is not None:
                given[self._given] = seen[numbers]
            return self._session.run(self._losses, self._inputs(z, labels) | given)

        return loss

    def _see(self, images, weights):
        return self._session.run(self._features, {self._targets: images, self._weights: weights})

    def _inputs(self, z, labels):
        return {self._z: z} | ({} if labels is None else {self._y: labels})
