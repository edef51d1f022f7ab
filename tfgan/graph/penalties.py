"""Penalties on D's gradient with respect to its input: scalars, before their weight, to be added to D's loss.

`discriminator` is D with its current weights: a function, images [N, h, w, c] -> logits [N, 1]. It must treat each image by
itself: what batch normalisation mixes in would count as that image's gradient. `key` is a function, number of a draw -> its key.
"""

import functools

from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.tf1 import tf


def penalty(name, discriminator, real, logits_real, fake, logits_fake, update):
    """The penalty of that name, one of the choices of `Recipe.penalty`, in D's `inputs.Update`.

    logits_real, logits_fake [N, 1]: D's logits of these very images.
    """
    if name == "r1":
        return r1(logits_real, real)
    if name == "r1r2":
        return r1r2(logits_real, real, logits_fake, fake)
    key = functools.partial(update.key, Stream.PENALTY)
    if name == "wgan-gp":
        return wgan_gp(discriminator, real, fake, key)
    stddev = tf.math.reduce_std(real) if update.replica is None else update.replica.batch_standard_deviation(real)
    return dragan(discriminator, real, stddev, key)


def wgan_gp(discriminator, real, fake, key):
    """mean (|grad D(x)| - 1)^2 at random places between real and fake images: Gulrajani et al. 2017, arXiv:1704.00028."""
    weight = _uniform_per_image(real, key(0))
    return _one_centred(discriminator, weight * real + (1.0 - weight) * fake)


def r1(logits_real, real):
    """mean |grad D(x)|^2 / 2 at real images: Mescheder et al. 2018, arXiv:1801.04406.

    logits_real [N, 1]: D's logits of these very images.
    """
    return 0.5 * tf.reduce_mean(_squared_norms(logits_real, real))


def r1r2(logits_real, real, logits_fake, fake):
    """R1, and the same at fake images, which is R2: Mescheder et al. 2018; together in Huang et al. 2024, arXiv:2501.05441.

    logits_real, logits_fake [N, 1]: D's logits of these very images.
    """
    return r1(logits_real, real) + r1(logits_fake, fake)


def dragan(discriminator, real, standard_deviation, key):
    """mean (|grad D(x)| - 1)^2 near real images: Kodali et al. 2017, arXiv:1705.07215.

    standard_deviation: of all values of the batch, a scalar. As in the authors' program, each value of an image is raised by
    U[0, 1) times half the standard deviation, times a factor U[0, 1) of the image's own.
    """
    spread = 0.5 * standard_deviation
    offsets = noise.uniform(tf.shape(real), key(1))
    return _one_centred(discriminator, real + _uniform_per_image(real, key(0)) * spread * offsets)


def _uniform_per_image(images, key):
    """One draw of U[0, 1) for each image: [N, 1, 1, 1]."""
    return noise.uniform([tf.shape(images)[0], 1, 1, 1], key)


def _one_centred(discriminator, images):
    """mean (|grad D(x)| - 1)^2 at these images."""
    norms = tf.sqrt(_squared_norms(discriminator(images), images) + 1e-12)  # the root's own gradient must be finite at 0
    return tf.reduce_mean((norms - 1.0) ** 2)


def _squared_norms(logits, images):
    """|grad D|^2 at each image: [N]."""
    gradient = tf.gradients(logits, images)[0]
    return tf.reduce_sum(gradient**2, [1, 2, 3])
