"""Penalties of a D whose gradient is known."""

import numpy as np

from tfgan.graph import penalties
from tfgan.tf1 import tf


def keys(draw):
    return [7, draw]


def test_penalties_of_a_known_gradient(graph):
    """D(x) = a |x|^2 / 2, whose gradient is a x: R1 is a^2 mean |x|^2 / 2, with the slope a mean |x|^2; the others follow.

    R2 is R1 at fake images.
    """
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(5, 2, 3, 1)).astype(np.float32) for _ in range(2))
    a = tf.constant(0.7)
    real, fake = tf.constant(x), tf.constant(y)

    def d(images):
        return a * tf.reduce_sum(images**2, [1, 2, 3])[:, None] / 2

    r1 = penalties.r1(d(real), real)
    both = penalties.r1r2(d(real), real, d(fake), fake)
    between, near = penalties.wgan_gp(d, real, fake, keys), penalties.dragan(d, real, tf.math.reduce_std(real), keys)
    with tf.Session() as session:
        r1_found, r1_slope = session.run([r1, tf.gradients(r1, a)[0]])
        both_found, both_slope = session.run([both, tf.gradients(both, a)[0]])
        gp, gp_slope = session.run([between, tf.gradients(between, a)[0]])
        share = session.run(tf.random.stateless_uniform([5, 1, 1, 1], keys(0)))
        away = session.run(tf.random.stateless_uniform([5, 2, 3, 1], keys(1)))
        dragan = session.run(near)
    squares = (x**2).sum((1, 2, 3))
    np.testing.assert_allclose([r1_found, r1_slope], [0.49 * squares.mean() / 2, 0.7 * squares.mean()], rtol=1e-5)
    of_both = squares.mean() + (y**2).sum((1, 2, 3)).mean()
    np.testing.assert_allclose([both_found, both_slope], [0.49 * of_both / 2, 0.7 * of_both], rtol=1e-5)
    norms = np.sqrt(((share * x + (1 - share) * y) ** 2).sum((1, 2, 3)))
    np.testing.assert_allclose(gp, ((0.7 * norms - 1) ** 2).mean(), rtol=1e-5)
    np.testing.assert_allclose(gp_slope, (2 * (0.7 * norms - 1) * norms).mean(), rtol=1e-4)
    norms = np.sqrt(((x + share * 0.5 * x.std() * away) ** 2).sum((1, 2, 3)))
    np.testing.assert_allclose(dragan, ((0.7 * norms - 1) ** 2).mean(), rtol=1e-5)
    assert 0 <= share.min() < share.max() < 1


def test_a_penalty_where_d_is_flat_has_a_gradient(graph):
    """The norm has no gradient where D's gradient is 0. The penalty's gradient must be 0 there and not NaN."""
    a, x = tf.constant(0.0), tf.ones([2, 1, 1, 1])
    penalty = penalties.wgan_gp(lambda images: a * images[:, 0, 0], x, x, keys)
    with tf.Session() as session:
        value, slope = session.run([penalty, tf.gradients(penalty, a)[0]])
    np.testing.assert_allclose([value, slope], [1, 0], atol=1e-5)
