"""The losses against numbers computed by hand, their limits and the signs of their gradients."""

import inspect
import math

import numpy as np
import pytest

from tfgan import recipes
from tfgan.graph import losses
from tfgan.graph.losses import LOSSES
from tfgan.tf1 import tf


def test_losses_by_hand(graph):
    """logits ln 3 and 0: D = 3/4 and 1/2. -log: 0.28768 and 0.69315; -log(1 - D): 1.38629 and 0.69315."""
    logits = tf.constant([[math.log(3)], [0.0]])
    real, fake = losses.discriminator_loss(logits, logits)
    smooth, _ = losses.discriminator_loss(logits, logits, smooth=0.1)
    with tf.Session() as session:
        values = session.run([real, fake, smooth, losses.generator_loss(logits)])
    expected_real, expected_fake = (0.2876821 + 0.6931472) / 2, (1.3862944 + 0.6931472) / 2
    expected = [expected_real, expected_fake, 0.9 * expected_real + 0.1 * expected_fake, expected_real]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_losses_stay_finite_far_out(graph):
    """Logits of 200 and -200 give losses of 100."""
    logits = tf.constant([[200.0], [-200.0]])
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(losses.discriminator_loss(logits, logits)), [100, 100], rtol=1e-6)


def test_every_loss_by_hand(graph):
    """Logits are 2 and -1 for real images, 1 and -3 for fakes. The expected values are the formulas written out."""
    real, fake = tf.constant([[2.0], [-1.0]]), tf.constant([[1.0], [-3.0]])
    log1p = lambda x: math.log1p(math.exp(x))  # noqa: E731
    expected = {
        "non-saturating": ((log1p(-2) + log1p(1)) / 2, (log1p(1) + log1p(-3)) / 2, (log1p(-1) + log1p(3)) / 2),
        "minimax": ((log1p(-2) + log1p(1)) / 2, (log1p(1) + log1p(-3)) / 2, -(log1p(1) + log1p(-3)) / 2),
        "least-squares": ((1 + 4) / 4, (1 + 9) / 4, (0 + 16) / 4),
        "wasserstein": (-0.5, -1.0, 1.0),
        "hinge": ((0 + 2) / 2, (2 + 0) / 2, 1.0),
        # Real logits are 1 and 2 above the fake ones of their rows. D's loss is reported in two equal halves.
        "relativistic": (*[(log1p(-1) + log1p(-2)) / 4] * 2, (log1p(1) + log1p(2)) / 2),
    }
    assert expected.keys() == LOSSES.keys()
    with tf.Session() as session:
        for name, loss in LOSSES.items():
            found = session.run([*loss.discriminator(real, fake), loss.generator(*inputs_of_g(loss, real, fake))])
            np.testing.assert_allclose(found, expected[name], rtol=1e-6, err_msg=name)
        found = session.run(losses.least_squares_discriminator_loss(real, fake, smooth=0.25)[0])
    np.testing.assert_allclose(found, (1.25**2 + 1.75**2) / 4, rtol=1e-6)


def inputs_of_g(loss, real, fake):
    return [fake, real] if loss.g_needs_real else [fake]


@pytest.mark.parametrize("places", [1, 7])
def test_the_relativistic_losses_by_numpy(places, graph):
    """Pairs are of the same row, and of the same place where D judges several. A tie is ln 2, and nothing overflows."""
    real, fake = np.random.default_rng(0).normal(0, 3, (2, 5, places))
    far = np.array([[300.0], [-300.0]])
    cases = {"apart": (real, fake), "tie": (real, real), "far": (far, -far)}
    with tf.Session() as session:
        for name, (x, y) in cases.items():
            logits = tf.constant(x, tf.float32), tf.constant(y, tf.float32)
            of_d, of_g = losses.relativistic_discriminator_loss(*logits), losses.relativistic_generator_loss(*logits[::-1])
            of_d, of_g = session.run([of_d, of_g])
            expected = [np.logaddexp(0, -(x - y)).mean(), np.logaddexp(0, -(y - x)).mean()]
            np.testing.assert_allclose([sum(of_d), of_g], expected, rtol=1e-5, err_msg=name)
            assert of_d[0] == of_d[1]
            if name == "tie":
                np.testing.assert_allclose([sum(of_d), of_g], math.log(2), rtol=1e-6)
    unpaired = np.logaddexp(0, -(real - fake[::-1])).mean()
    assert abs(unpaired - np.logaddexp(0, -(real - fake)).mean()) > 0.01, "other pairs have another loss"


def test_the_losses_gradients_point_the_right_way(graph):
    """D's losses fall when real images' logits rise and fakes' logits fall; G's losses fall when fakes' logits rise."""
    real, fake = tf.constant([[0.3], [-0.2]]), tf.constant([[0.1], [0.4]])
    with tf.Session() as session:
        for name, loss in LOSSES.items():
            on_real, on_fake = loss.discriminator(real, fake)
            of_g = loss.generator(*inputs_of_g(loss, real, fake))
            slopes = [tf.gradients(y, x)[0] for y, x in ((on_real, real), (on_fake, fake), (of_g, fake))]
            signs = [np.sign(slope).ravel().tolist() for slope in session.run(slopes)]
            assert signs == [[-1, -1], [1, 1], [-1, -1]], name


def test_which_losses_have_labels_to_smooth():
    takes_smooth = {name for name, loss in LOSSES.items() if "smooth" in inspect.signature(loss.discriminator).parameters}
    assert takes_smooth == LOSSES.keys() - set(recipes.WITHOUT_SMOOTH)
