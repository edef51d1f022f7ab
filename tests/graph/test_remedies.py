"""The remedies that no tutorial has, each against numbers computed by hand."""

import math

import numpy as np
import pytest

from tfgan.graph import augment
from tfgan.graph import layers
from tfgan.graph import losses
from tfgan.graph import penalties
from tfgan.graph import spectral
from tfgan.graph.fast import convolutions
from tfgan.graph.fast import products
from tfgan.graph.losses import LOSSES
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf


def test_losses_by_hand(graph):
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


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.slow
def test_second_gradients_of_convolutions_of_many_channels(strides, graph):
    """A penalty's gradient goes through a convolution's gradient. It equals that of TensorFlow's own operations."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(2, 4, 4, 512)).astype(np.float32))
    kernel = tf.constant((rng.normal(size=(3, 3, 512, 1024)) / 70).astype(np.float32))

    def slope():
        y = layers.leaky_relu(convolutions.conv2d(x, kernel, strides, "SAME"))
        penalty = tf.reduce_sum(tf.gradients(tf.reduce_sum(y**2), x)[0] ** 2)
        return tf.gradients(penalty, kernel)[0]

    custom = slope()
    with products.native():
        native = slope()
    with tf.Session() as session:
        a, b = session.run([custom, native])
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(b).max())
    assert np.abs(b).max() > 1e-3


def test_spectral_normalization_against_numpys_singular_values(graph):
    """After many power iterations the kernel's largest singular value is 1; one iteration is as in the paper."""
    rng = np.random.default_rng(0)
    w, u = rng.normal(size=(3, 3, 4, 6)).astype(np.float32), rng.normal(size=6).astype(np.float32)
    kernel, vector = tf.constant(w), tf.placeholder(tf.float32, [6])
    normalized, following = spectral.normalized(kernel, vector)
    slope = tf.gradients(tf.reduce_sum(normalized**3), kernel)[0]
    matrix = w.reshape(36, 6).astype(np.float64)
    with tf.Session() as session:
        first = session.run(normalized, {vector: u})
        v = matrix @ u / np.linalg.norm(matrix @ u)
        u1 = matrix.T @ v / np.linalg.norm(matrix.T @ v)
        sigma = v @ matrix @ u1
        np.testing.assert_allclose(first, w / sigma, rtol=1e-5)
        # With u and v held fixed: d/dW of sum (W / sigma)^3, sigma = v' W u.
        found = session.run(slope, {vector: u}).reshape(36, 6)
        expected = 3 * matrix**2 / sigma**3 - 3 * (matrix**3).sum() / sigma**4 * np.outer(v, u1)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        for _ in range(200):
            u = session.run(following, {vector: u})
        largest = np.linalg.svd(session.run(normalized, {vector: u}).reshape(36, 6), compute_uv=False)[0]
    np.testing.assert_allclose(largest, 1.0, rtol=1e-5)
    assert np.linalg.svd(matrix, compute_uv=False)[0] > 2


def test_translation_shifts_and_cutout_cuts(graph):
    x = np.random.default_rng(0).uniform(0.2, 0.4, (200, 16, 16, 1)).astype(np.float32)
    shifted, cut = (f(tf.constant(x), (0.0, 1.0), keys) for f in (augment.translation, augment.cutout))
    with tf.Session() as session:
        shifted, cut = session.run([shifted, cut])
    seen = set()
    for image, moved in zip(x[..., 0], shifted[..., 0], strict=True):
        padded = np.pad(image, 2, constant_values=0.5)
        fits = [(r, c) for r in range(5) for c in range(5) if np.allclose(padded[r : r + 16, c : c + 16], moved, atol=1e-6)]
        assert len(fits) == 1
        seen.add(fits[0])
    assert len(seen) == 25, "by up to an eighth of 16 pixels, both ways"
    sizes = set()
    for image, holed in zip(x[..., 0], cut[..., 0], strict=True):
        hole = np.abs(holed - 0.5) < 1e-6
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole[np.ix_(rows, columns)].all(), "a rectangle"
        np.testing.assert_allclose(holed[~hole], image[~hole], atol=1e-6)
        sizes.add((len(rows), len(columns)))
    assert max(sizes) == (8, 8)
    assert min(size[0] for size in sizes) == 4, "it may reach out of the image by half"


def test_color_changes_brightness_saturation_and_contrast(graph):
    """x -> s (x - grey) + grey + b, then its distance from its mean times c; b, s and c are drawn by the key."""
    x = np.random.default_rng(0).uniform(-1, 1, (50, 4, 4, 3)).astype(np.float32)
    with tf.Session() as session:
        found = session.run(augment.color(tf.constant(x), (-1.0, 1.0), keys))
        b, s, c = session.run([tf.random.stateless_uniform([50, 1, 1, 1], keys(draw)) for draw in range(3)])
    y = x + (b - 0.5)
    grey = y.mean(3, keepdims=True)
    y = (y - grey) * 2 * s + grey
    mean = y.mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, (y - mean) * (c + 0.5) + mean, atol=1e-5)


def test_layer_normalisation_by_hand(graph):
    x = np.random.default_rng(0).normal(3, 2, (2, 3, 3, 4)).astype(np.float32)
    with network_pass(normalization="layer"), tf.variable_scope("d"):
        y = layers.batch_normalization(tf.constant(x), True, epsilon=1e-3)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run(y)
    mean, variance = x.mean((1, 2, 3), keepdims=True), x.var((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-4, atol=1e-5)
