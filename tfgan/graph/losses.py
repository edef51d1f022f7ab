"""The GAN losses: functions of D's logits, [N, 1] or [N], to scalars, means over the batch. D(x) = sigmoid(logit).

A discriminator loss is two scalars (of real images, of fake images). D minimises their sum. A generator loss takes the
logits of fake images. If its entry in `LOSSES` has g_needs_real, it takes those of real images, too.
"""

from collections.abc import Callable
from typing import NamedTuple

from tfgan.tf1 import tf


def bce(logits, label):
    """-(label log D + (1 - label) log(1 - D)), the sigmoid cross-entropy; label: a number in [0, 1]."""
    return tf.reduce_mean(tf.nn.softplus(logits) - label * logits)


def discriminator_loss(logits_real, logits_fake, smooth=0.0):
    """(-log D(x), -log(1 - D(G(z)))): Goodfellow et al. 2014, arXiv:1406.2661.

    smooth: the label of real images is 1 - smooth (one-sided label smoothing, Salimans et al. 2016, arXiv:1606.03498).
    """
    return bce(logits_real, 1.0 - smooth), bce(logits_fake, 0.0)


def generator_loss(logits_fake):
    """-log D(G(z)): the non-saturating loss, section 3 of Goodfellow et al. 2014, arXiv:1406.2661."""
    return bce(logits_fake, 1.0)


def minimax_generator_loss(logits_fake):
    """log(1 - D(G(z))): equation 1 of Goodfellow et al. 2014, arXiv:1406.2661. Its gradient vanishes where D wins."""
    return -bce(logits_fake, 0.0)


def least_squares_discriminator_loss(logits_real, logits_fake, smooth=0.0):
    """((logit - (1 - smooth))^2 / 2, logit^2 / 2): Mao et al. 2017, arXiv:1611.04076, with a = 0, b = 1."""
    return 0.5 * tf.reduce_mean((logits_real - (1.0 - smooth)) ** 2), 0.5 * tf.reduce_mean(logits_fake**2)


def least_squares_generator_loss(logits_fake):
    """(logit - 1)^2 / 2: Mao et al. 2017, arXiv:1611.04076, with c = 1."""
    return 0.5 * tf.reduce_mean((logits_fake - 1.0) ** 2)


def wasserstein_discriminator_loss(logits_real, logits_fake):
    """(-logit, logit): Arjovsky et al. 2017, arXiv:1701.07875. Minus their sum is D's estimate of the distance."""
    return -tf.reduce_mean(logits_real), tf.reduce_mean(logits_fake)


def wasserstein_generator_loss(logits_fake):
    """-logit: Arjovsky et al. 2017, arXiv:1701.07875. The hinge loss has the same for G."""
    return -tf.reduce_mean(logits_fake)


def hinge_discriminator_loss(logits_real, logits_fake):
    """(max(0, 1 - logit), max(0, 1 + logit)): Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957."""
    return tf.reduce_mean(tf.nn.relu(1.0 - logits_real)), tf.reduce_mean(tf.nn.relu(1.0 + logits_fake))


def relativistic_discriminator_loss(logits_real, logits_fake):
    """(L / 2, L / 2), where L is softplus(-(D(x) - D(G(z)))) of D's logits: Jolicoeur-Martineau 2018, arXiv:1807.00734.

    This is the pairing form of equation 2 of Huang et al. 2024, arXiv:2501.05441: each real image meets the fake one in its row
    of the batch. A pair's loss has no real and no fake part, so each of the two scalars is half of the whole. L is ln 2 where D
    cannot tell real from fake. L is near 0 only where D puts each real image far above its fake one.
    """
    half = 0.5 * tf.reduce_mean(tf.nn.softplus(logits_fake - logits_real))
    return half, half


def relativistic_generator_loss(logits_fake, logits_real):
    """softplus(-(D(G(z)) - D(x))) of D's logits, for the same pairs as D's loss: the same papers."""
    return tf.reduce_mean(tf.nn.softplus(logits_real - logits_fake))


class Loss(NamedTuple):
    """The two functions of a loss, and what G's needs."""

    discriminator: Callable  # (logits of real images, logits of fakes) -> two scalars
    generator: Callable  # logits of fakes -> a scalar
    g_needs_real: bool = False  # whether G's function takes the logits of real images as a second argument


LOSSES = {
    "non-saturating": Loss(discriminator_loss, generator_loss),
    "minimax": Loss(discriminator_loss, minimax_generator_loss),
    "least-squares": Loss(least_squares_discriminator_loss, least_squares_generator_loss),
    "wasserstein": Loss(wasserstein_discriminator_loss, wasserstein_generator_loss),
    "hinge": Loss(hinge_discriminator_loss, wasserstein_generator_loss),
    "relativistic": Loss(relativistic_discriminator_loss, relativistic_generator_loss, g_needs_real=True),
}
