"""Penalties on D's gradient with respect to its input: scalars to be added to D's loss, before their weight.

`discriminator` is a function of images [N, h, w, c] to logits [N, 1] with D's current weights; `key` numbers a draw -> its key.
"""

from tfgan.graph import noise
from tfgan.tf1 import tf


def wgan_gp(discriminator, real, fake, key):
    """mean (|grad D(x)| - 1)^2 at random places between real and fake images: Gulrajani et al. 2017, arXiv:1704.00028."""
    between = _per_image(real, key(0))
    return _one_centred(discriminator, between * real + (1.0 - between) * fake)


def r1(logits_real, real):
    """mean |grad D(x)|^2 / 2 at real images, whose logits are given: Mescheder et al. 2018, arXiv:1801.04406."""
    return 0.5 * tf.reduce_mean(_squared_norms(logits_real, real))


def dragan(discriminator, real, deviation, key):
    """mean (|grad D(x)| - 1)^2 near real images: Kodali et al. 2017, arXiv:1705.07215.

    deviation: the standard deviation of all values of the batch, a scalar. Near is, as in the authors' program, up to half of
    it above each value, times a share of the image's own.
    """
    spread = 0.5 * deviation
    away = noise.uniform(tf.shape(real), key(1))
    return _one_centred(discriminator, real + _per_image(real, key(0)) * spread * away)


def _per_image(images, its_key):
    """U[0, 1) for each image: [N, 1, 1, 1]."""
    return noise.uniform([tf.shape(images)[0], 1, 1, 1], its_key)


def _one_centred(discriminator, images):
    norms = tf.sqrt(_squared_norms(discriminator(images), images) + 1e-12)  # whose own gradient is finite at 0
    return tf.reduce_mean((norms - 1.0) ** 2)


def _squared_norms(logits, images):
    """|grad D|^2 of each image: [N]. D must treat each by itself, or the gradients of others come in."""
    gradient = tf.gradients(logits, images)[0]
    return tf.reduce_sum(gradient**2, [1, 2, 3])
