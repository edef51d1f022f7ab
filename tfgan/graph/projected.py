"""A projected discriminator: Sauer et al. 2021, arXiv:2111.01007.

D does not see images, but what a network trained on ImageNet makes of them (`efficientnet`). Its four scales are mixed across
channels and scales by fixed random convolutions. A small network on each scale judges every place. These small networks learn,
and nothing else of D.
"""

import numpy as np

from tfgan.graph import efficientnet
from tfgan.graph import labels
from tfgan.graph import layers
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

NETWORK = "lite0"
_SIDE = 96  # images of at most this side are enlarged to it; larger ones keep their size
_MIXED = (64, 64, 128, 256)  # channels of each scale after the mixing, from the finest to the coarsest
_PLACES = 6  # a scale is halved until its side is at most this


def check_installed():
    """Raises UserError if the weights of the fixed part are absent, or other ones than the published."""
    efficientnet.weights_file(NETWORK)


def projection_for(recipe, seed):
    """The `Projection` of a projected recipe. seed: the run's."""
    return Projection(recipe.value_range, seed if recipe.projection_seed is None else recipe.projection_seed)


class Projection:
    """The fixed part, in the current graph: `projection(images)`. seed: of the random convolutions, which follow from it."""

    def __init__(self, value_range, seed):
        self._value_range = value_range
        self._network = efficientnet.Network(NETWORK)
        draws = np.random.RandomState([seed & 0xFFFFFFFF, seed >> 32])
        channels = efficientnet.CHANNELS[NETWORK]
        self._across_channels = [_random_kernel(draws, 1, *pair) for pair in zip(channels, _MIXED, strict=True)]
        self._across_scales = [_random_kernel(draws, 3, *pair) for pair in zip(_MIXED[1:], _MIXED[:-1], strict=True)]

    def __call__(self, images):
        """images [N, h, w, c] in the value range -> the mixed features of each scale, [[N, h', w', `_MIXED`], ...], finest first.

        Grey images are repeated in three channels.
        """
        low, high = self._value_range
        x = (images - low) * (255.0 / (high - low))
        if x.shape[3] == 1:
            x = tf.tile(x, [1, 1, 1, 3])
        stages = self._network.stages(tf2.image.resize(x, [max(_SIDE, *x.shape[1:3])] * 2))
        mixed = [tf.nn.conv2d(stage, kernel, 1, "SAME") for stage, kernel in zip(stages, self._across_channels, strict=True)]
        for scale in reversed(range(len(mixed) - 1)):
            of_coarser = tf.nn.conv2d(mixed[scale + 1], self._across_scales[scale], 1, "SAME")
            mixed[scale] += tf2.image.resize(of_coarser, mixed[scale].shape[1:3])
        return mixed


def _random_kernel(draws, size, channels, filters):
    """Uniform as in He et al. 2015, arXiv:1502.01852, from a generator with the same bits on every machine."""
    bound = np.sqrt(6.0 / (size * size * channels))
    return tf.constant(draws.uniform(-bound, bound, [size, size, channels, filters]).astype(np.float32))


def discriminator(mixed, training):
    """What `Projection` makes of images -> logits [N, places], one for each place of each scale."""
    logits = []
    for scale, x in enumerate(mixed):
        with tf.variable_scope(f"scale_{scale}"):
            x = labels.join(x)
            while int(x.shape[1]) > _PLACES:
                x = _block(layers.conv2d(x, 64, 4, strides=2, use_bias=False), training)
            x = _block(layers.conv2d(x, 128, 3, use_bias=False), training)
            logits.append(layers.flatten(layers.conv2d(x, 1, 1)))
    return labels.judge_places(x, tf.concat(logits, 1))


def _block(x, training):
    return layers.leaky_relu(layers.batch_normalization(x, training))
