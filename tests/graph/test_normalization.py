"""What replaces batch normalisation, and which networks have it."""

import numpy as np
import pytest

from tests.graph.test_gan import build_on_random_images
from tfgan import recipes
from tfgan.graph import layers
from tfgan.graph.gan import build
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf


def test_layer_normalisation_by_hand(graph):
    x = np.random.default_rng(0).normal(3, 2, (2, 3, 3, 4)).astype(np.float32)
    with network_pass(normalization="layer"), tf.variable_scope("d"):
        y = layers.batch_normalization(tf.constant(x), True, epsilon=1e-3)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run(y)
    mean, variance = x.mean((1, 2, 3), keepdims=True), x.var((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("model", recipes.MODELS)
def test_which_models_have_batch_normalisation_in_d(model, graph):
    gan = build(next(iter(recipes.model_module(model).RECIPES.values())).replace(projected=False))
    there = any(name.startswith("batch_normalization") for name, _, _ in gan.d_layers)
    assert recipes.model_module(model).TRAITS.d_batch_norm == there


@pytest.mark.parametrize("kind", ["layer", "none"])
@pytest.mark.slow
def test_without_batch_normalisation_no_image_meets_another(kind, graph):
    recipe, gan = build_on_random_images("dcgan64", "mnist", d_normalization=kind)
    x = np.random.default_rng(0).uniform(-1, 1, (4, *recipe.image_shape))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        together = session.run(gan.d_logits_real, {gan.input_real: x})
        one = session.run(gan.d_logits_real, {gan.input_real: x[2:3]})
    np.testing.assert_allclose(together[2], one[0], rtol=1e-4, atol=1e-5)
    assert np.ptp(together) > 1e-3
