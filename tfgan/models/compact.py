"""A small DCGAN for images of 28x28 and 64x64. `--recipe best` trains it. No tutorial has it.

After Radford et al. 2015, arXiv:1511.06434, with fewer channels. Its remedies are in its recipes.
"""

from tfgan.graph import labels
from tfgan.graph import layers
from tfgan.models import Traits
from tfgan.recipes import Recipe
from tfgan.tf1 import tf

_MNIST = Recipe(
    model="compact",
    dataset="mnist",
    splits=("train",),
    image_shape=(28, 28, 1),
    value_range=(-1.0, 1.0),
    z_dim=64,
    z_distribution="normal",
    z_of_g="same",
    batch_size=64,
    last_batch="join",
    iterations=5_000,
    learning_rate=8e-3,
    d_learning_rate=1e-3,
    beta1=0.5,
    penalty="r1",
    penalty_weight=1.0,
    g_average=0.998,
    sample_count=64,
)

# On photos, within the same minutes, more iterations without the penalty are better than fewer with it (docs/results/photos.md).
_PHOTOS = _MNIST.replace(learning_rate=4e-3, penalty=None, g_average=0.99)

RECIPES = {
    "mnist": _MNIST,
    "celeba": _PHOTOS.replace(dataset="celeba", image_shape=(28, 28, 3), iterations=4_000),
    "dogs": _PHOTOS.replace(dataset="dogs", image_shape=(64, 64, 3), iterations=3_000, flip=True),
}

ODDITIES = {}

_CHANNELS = 16  # of the feature maps of half the image's size; each halving of the size doubles them


def _sizes(side):
    """The sides of G's feature maps, ascending: 28 -> 7, 14; 64 -> 8, 16, 32."""
    sizes = []
    while side > 8:
        side //= 2
        sizes.append(side)
    return sizes[::-1]


def _can_make(side):
    """Whether G can make images of that side: if repeated halving brings it to 8 or less without a remainder."""
    sizes = _sizes(side)
    return bool(sizes) and side == sizes[0] * 2 ** len(sizes)


TRAITS = Traits(g_batch_norm=True, can_make=_can_make)


def generator(z, image_shape, training):
    """z [N, z_dim] -> images [N, h, h, C] in [-1, 1]."""
    sizes = _sizes(image_shape[0])
    channels = [_CHANNELS * 2 ** (len(sizes) - 1 - i) for i in range(len(sizes))]       # 28: 32, 16
    x = layers.dense(labels.join(z), sizes[0] ** 2 * channels[0])
    x = tf.reshape(x, [-1, sizes[0], sizes[0], channels[0]])
    x = tf.nn.relu(layers.batch_normalization(x, training, momentum=0.9))               #  7 x  7 x 32
    for filters in channels[1:]:
        x = layers.conv2d_transpose(x, filters, 4, strides=2)
        x = tf.nn.relu(layers.batch_normalization(x, training, momentum=0.9))           # 14 x 14 x 16
    return tf.nn.tanh(layers.conv2d_transpose(x, image_shape[2], 4, strides=2))         # 28 x 28 x  C


def discriminator(images, training):
    """images [N, h, h, C] in [-1, 1] -> logits [N, 1]."""
    x = labels.join(images)
    for i in range(len(_sizes(int(images.shape[1])))):
        x = layers.leaky_relu(layers.conv2d(x, _CHANNELS * 2**i, 4, strides=2))         # 14 x 14 x 16, 7 x 7 x 32
    x = layers.leaky_relu(layers.conv2d(x, 128, 4, strides=2))                          #  4 x  4 x 128
    x = layers.flatten(x)                                                               #  2048
    return labels.judge(x, layers.dense(x, 1))                                          #  1
