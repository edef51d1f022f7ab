"""A generator for photos of 64x64 and larger, after FastGAN: Liu et al. 2021, arXiv:2101.04775. No tutorial has it.

Gated linear units and skip-layer excitation are FastGAN's. The recipes use a projected discriminator (`graph/projected.py`); the
model's own one is that of `compact`.
"""

from tfgan.graph import labels
from tfgan.graph import layers
from tfgan.models import Traits
from tfgan.models import compact
from tfgan.recipes import Recipe
from tfgan.tf1 import tf

_DOGS = Recipe(
    model="fastgan",
    dataset="dogs",
    image_shape=(64, 64, 3),
    value_range=(-1.0, 1.0),
    z_dim=128,
    z_distribution="normal",
    z_of_g="same",
    batch_size=64,
    last_batch="join",
    flip=True,
    iterations=7_500,
    learning_rate=1.6e-3,
    d_learning_rate=4e-4,
    beta1=0.0,
    beta2=0.99,
    loss="hinge",
    projected=True,
    spectral_normalization=True,
    augment=("translation",),
    g_average=0.998,
    sample_count=64,
)

RECIPES = {"dogs": _DOGS, "celeba": _DOGS.replace(dataset="celeba")}

TRAITS = Traits(g_batch_norm=True, can_make=(64, 128, 256).__contains__, z_epsilon=1e-8)
ODDITIES = {}

_CHANNELS = {4: 128, 8: 64, 16: 64, 32: 32, 64: 16, 128: 8, 256: 4}  # of G's feature maps, by their side


def generator(z, image_shape, training):
    """z [N, z_dim] -> images [N, h, h, C] in [-1, 1]."""
    z = labels.join(z * tf.rsqrt(tf.reduce_mean(z**2, 1, keepdims=True) + TRAITS.z_epsilon))  # on the sphere
    x = tf.reshape(z, [-1, 1, 1, int(z.shape[1])])
    x = _gated(layers.conv2d_transpose(x, 2 * _CHANNELS[4], 4, 1, "VALID", use_bias=False), training)
    maps = {4: x}                                                                       #  4 x  4 x 128
    for side in (side for side in _CHANNELS if 8 <= side <= image_shape[0]):
        x = layers.up_sample_conv2d(x, 2, 2 * _CHANNELS[side], 3)
        x = _gated(x, training)                                                         #  8 x  8 x 64 ...
        if side // 8 in maps and side >= 32:
            x = _excited(x, maps[side // 8])
        maps[side] = x
    return tf.nn.tanh(layers.conv2d(x, image_shape[2], 3))                              # 64 x 64 x  C


def _gated(x, training):
    """A gated linear unit: half of the channels decide how much of the others passes. Dauphin et al. 2017, arXiv:1612.08083."""
    values, gates = tf.split(layers.batch_normalization(x, training, momentum=0.9), 2, 3)
    return values * tf.sigmoid(gates)


def _excited(x, small):
    """Skip-layer excitation: each channel of x is weighted by what a map of an eighth of its side shows (section 3.1)."""
    size = int(small.shape[1]) // 4
    y = tf.nn.avg_pool2d(small, size, size, "VALID") if size > 1 else small            #  4 x  4
    y = layers.leaky_relu(layers.conv2d(y, int(x.shape[3]), 4, padding="VALID"), 0.1)   #  1 x  1
    return x * tf.sigmoid(layers.conv2d(y, int(x.shape[3]), 1))


discriminator = compact.discriminator
