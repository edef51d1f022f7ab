"""Optimisers against NumPy, and what follows their step: clipping, averages, rates."""

import math

import numpy as np
import pytest

from tests.conftest import small
from tests.graph.test_gan import build_on_random_images
from tfgan import recipes
from tfgan.graph import optimizers
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_optimizers_against_numpy(name, graph):
    """Five steps on f(w) = w^3 / 3, whose gradient is w^2, compared with the update rules written out.

    Adam: Kingma and Ba 2015, arXiv:1412.6980, with TensorFlow's epsilon outside the correction ("epsilon hat");
    SGD: Nesterov's momentum as in Sutskever et al. 2013.
    """
    recipe = small("dogs", "dogs").replace(optimizer=name, learning_rate=0.1, beta1=0.4, beta2=0.8, epsilon=0.05)
    variable = tf.get_variable("w", initializer=[1.5, -0.7], use_resource=True)
    optimizer = optimizers.optimizer(recipe, tf.constant(recipe.learning_rate))
    update = optimizer.minimize(tf.reduce_sum(variable**3) / 3)
    w, m, v = np.array([1.5, -0.7]), np.zeros(2), np.zeros(2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for t in range(1, 6):
            session.run(update)
            g = w**2
            if name == "adam":
                m, v = 0.4 * m + 0.6 * g, 0.8 * v + 0.2 * g**2
                w = w - 0.1 * np.sqrt(1 - 0.8**t) / (1 - 0.4**t) * m / (np.sqrt(v) + 0.05)
            else:
                m = 0.9 * m + g
                w = w - 0.1 * (g + 0.9 * m)
            np.testing.assert_allclose(session.run(variable), w, rtol=2e-5)


def test_weight_clipping(graph):
    _, gan = build_on_random_images("mlp", "mnist", loss="wasserstein", weight_clip=0.01)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert max(np.abs(v).max() for v in session.run(gan.d_vars)) > 0.02
        session.run(gan.train_op)
        for value in session.run(gan.d_vars):
            assert 0.005 < np.abs(value).max() <= np.float32(0.01)
        assert max(np.abs(v).max() for v in session.run(gan.g_vars)) > 0.02


def test_moving_average_of_g(graph):
    """average += (1 - decay) (variable - average), the decay at first (1 + t) / (10 + t). Samples use the average."""
    recipe, gan = build_on_random_images("compact", "mnist", g_average=0.5)
    variables = [v for row in gan.g_layers for v in row[2]]
    z = np.linspace(-1, 1, 3 * recipe.z_dim, dtype=np.float32).reshape(3, -1)
    assert [a.op.name for a in gan.g_averages] == [f"{v.op.name}/ExponentialMovingAverage" for v in variables]
    assert not any(a.trainable for a in gan.g_averages)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        expected = session.run(variables)
        for a, b in zip(session.run(gan.g_averages), expected, strict=True):
            np.testing.assert_array_equal(a, b)
        for t in range(12):
            session.run(gan.train_op)
            decay = min(0.5, (1 + t) / (10 + t))
            expected = [a + (1 - decay) * (v - a) for a, v in zip(expected, session.run(variables), strict=True)]
        for a, b in zip(session.run(gan.g_averages), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        averaged = session.run(gan.samples, {gan.input_z: z})
        current = dict(zip(variables, session.run(variables), strict=True))
        for variable, average in zip(variables, session.run(gan.g_averages), strict=True):
            session.run(variable.initializer, {variable.initializer.inputs[1]: average})
        with network_pass(0, update_averages=False), tf.variable_scope("generator", reuse=True):
            by_hand = recipes.model_module("compact").generator(tf.constant(z), recipe.image_shape, False)
        np.testing.assert_allclose(session.run(by_hand), averaged, atol=1e-5)
        assert any((current[v] != session.run(v)).any() for v in variables)


def test_two_learning_rates_and_their_half_life(graph):
    """Both rates are the recipe's and halve in its half-life."""
    recipe, gan = build_on_random_images("mlp", "mnist", learning_rate=4e-3, d_learning_rate=1e-3, learning_rate_half_life=2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for iteration in range(3):
            rate = session.run(gan.learning_rate)
            np.testing.assert_allclose(rate, 4e-3 * 0.5 ** (iteration / 2), rtol=1e-6)
            np.testing.assert_allclose(rate, recipe.learning_rate_at(iteration), rtol=1e-6)
            before = session.run([gan.g_vars[1], gan.d_vars[1]])
            session.run(gan.train_op)
            moved = [np.abs(a - b).max() for a, b in zip(session.run([gan.g_vars[1], gan.d_vars[1]]), before, strict=True)]
            if iteration == 0:  # Adam's first step is the rate, whatever the gradient
                np.testing.assert_allclose(moved, [4e-3, 1e-3], rtol=1e-3)


def test_the_norm_of_gs_gradient(graph):
    _, gan = build_on_random_images("mlp", "mnist")
    gradients = tf.gradients(gan.g_loss, gan.g_vars)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found, gradients = session.run([gan.g_gradient_norm, gradients])
    assert found == pytest.approx(math.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradients)), rel=1e-4)
