"""Spectral normalisation against NumPy, and how often a graph makes a power iteration."""

import numpy as np

from tests.conftest import network_variables
from tests.graph.test_gan import build_on_random_images
from tfgan.graph import spectral
from tfgan.tf1 import tf


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


def test_an_update_of_d_makes_one_power_iteration_and_every_pass_shares_it(graph):
    _, gan = build_on_random_images("compact", "mnist", spectral_normalization=True, penalty="dragan", penalty_weight=1.0)
    vectors = [v for v in network_variables(gan) if v.op.name.endswith("/u")]
    kernels = [v for v in gan.d_vars if v.op.name.endswith("/kernel")]
    assert len(vectors) == len(kernels) == 4
    following = [spectral.normalized(k, u)[1] for k, u in zip(kernels, vectors, strict=True)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        expected = session.run(following)
        session.run(gan.train_op)
        for a, b in zip(session.run(vectors), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
