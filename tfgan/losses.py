"""Losses, plain functions of logits [N, 1] (or [N]) to scalars; BCE is the sigmoid cross-entropy, a mean over the batch."""

from tfgan.tf1 import tf


def bce(logits, label):
    """-(label log D + (1 - label) log(1 - D)), D = sigmoid(logits), meaned over the batch; label in [0, 1]."""
    return tf.reduce_mean(tf.nn.softplus(logits) - label * logits)


def discriminator_loss(logits_real, logits_fake, smooth=0.0):
    """D's two halves, (-log D(x), -log(1 - D(G(z)))): the minimax loss of Goodfellow et al. 2014, arXiv:1406.2661.

    smooth: real images are labelled 1 - smooth (one-sided label smoothing, Salimans et al. 2016, arXiv:1606.03498).
    """
    return bce(logits_real, 1.0 - smooth), bce(logits_fake, 0.0)


def generator_loss(logits_fake):
    """-log D(G(z)): the non-saturating loss, section 3 of Goodfellow et al. 2014, arXiv:1406.2661."""
    return bce(logits_fake, 1.0)
