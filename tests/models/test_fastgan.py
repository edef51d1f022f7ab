"""fastgan's G against its paper, written a second time in eager TensorFlow 2."""

import numpy as np
import pytest
import tensorflow as tf2

import tfgan
from tests.conftest import network_variables
from tfgan import recipes
from tfgan.graph.scope import network_pass
from tfgan.models import fastgan
from tfgan.tf1 import tf

CHANNELS = {4: 128, 8: 64, 16: 64, 32: 32, 64: 16, 128: 8}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Reference:
    """Liu et al. 2021, arXiv:2101.04775, figures 3 and 4: v has the variables of G by name."""

    def __init__(self, v):
        self.v, self.counts = v, {}

    def next(self, kind):
        n = self.counts[kind] = self.counts.get(kind, -1) + 1
        return f"generator/{kind}_{n}" if n else f"generator/{kind}"

    def convolved(self, x, padding="SAME"):
        name = self.next("conv2d")
        return tf2.nn.conv2d(x, self.v[f"{name}/kernel"], 1, padding).numpy() + self.v[f"{name}/bias"]

    def gated(self, x, training):
        name = self.next("batch_normalization")
        mean, variance = (x.mean((0, 1, 2)), x.var((0, 1, 2))) if training else (
            self.v[f"{name}/moving_mean"], self.v[f"{name}/moving_variance"]
        )  # fmt: skip
        x = self.v[f"{name}/gamma"] * (x - mean) / np.sqrt(variance + 1e-3) + self.v[f"{name}/beta"]
        half = x.shape[3] // 2
        return x[..., :half] * sigmoid(x[..., half:])

    def __call__(self, z, side, training):
        x = z / np.sqrt((z**2).mean(1, keepdims=True))
        kernel = self.v[f"{self.next('conv2d_transpose')}/kernel"]  # [4, 4, out, z]
        maps = {4: self.gated(np.einsum("nz,ijcz->nijc", x, kernel), training)}
        size = 4
        while size < side:
            x, size = maps[size].repeat(2, 1).repeat(2, 2), 2 * size
            x = self.gated(self.convolved(x), training)
            assert x.shape[1:] == (size, size, CHANNELS[size])
            if size >= 32:  # from 4 to 32, from 8 to 64, from 16 to 128
                small = maps[size // 8]
                small = small.reshape(len(z), 4, small.shape[1] // 4, 4, small.shape[1] // 4, -1).mean((2, 4))
                small = self.convolved(small, "VALID")
                x = x * sigmoid(self.convolved(np.where(small > 0, small, 0.1 * small)))
            maps[size] = x
        return np.tanh(self.convolved(x))


@pytest.mark.parametrize("side", [64, pytest.param(128, marks=pytest.mark.slow)])
def test_the_generator_is_the_papers(side):
    recipe = recipes.resized(recipes.recipe("fastgan", "dogs"), side).replace(projected=False, g_average=0.0)
    z = np.random.default_rng(0).normal(size=(3, recipe.z_dim)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        gan = tfgan.build(recipe, 3)
        session.run(tf.global_variables_initializer())
        v = session.run({variable.op.name: variable for variable in network_variables(gan)})
        fed = {gan.input_z: z, gan.input_real: np.zeros((3, *recipe.image_shape), np.float32)}
        trained, sampled = session.run([gan.fake, gan.samples], fed)
    assert trained.shape == (3, side, side, 3)
    np.testing.assert_allclose(trained, Reference(v)(z, side, True), atol=1e-4)
    np.testing.assert_allclose(sampled, Reference(v)(z, side, False), atol=1e-4)
    assert trained.std() > 0.01


@pytest.mark.slow
def test_images_follow_from_the_direction_of_z_alone(graph):
    """z lies on a sphere: twice as long, it is the same z."""
    gan = tfgan.build(recipes.recipe("fastgan", "dogs").replace(projected=False))
    z = np.random.default_rng(0).normal(size=(2, 128)).astype(np.float32)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        a, b = (session.run(gan.samples, {gan.input_z: times * z}) for times in (1, 2))
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert (a[0] != a[1]).any()


def test_its_feature_maps_at_256(graph):
    """The kernels of all layers in turn: from z to 4x4, and for each side the convolution, then skip-layer excitation's two."""
    recipe = recipes.resized(recipes.recipe("fastgan", "dogs"), 256)
    with network_pass(0), tf.variable_scope("generator"):
        images = fastgan.generator(tf.zeros([1, recipe.z_dim]), recipe.image_shape, True)
    assert images.shape == [1, 256, 256, 3]
    assert [v.shape.as_list() for v in tf.trainable_variables() if v.op.name.endswith("kernel")] == [
        [4, 4, 256, 128], [3, 3, 128, 128], [3, 3, 64, 128],
        [3, 3, 64, 64], [4, 4, 128, 32], [1, 1, 32, 32], [3, 3, 32, 32], [4, 4, 64, 16], [1, 1, 16, 16],
        [3, 3, 16, 16], [4, 4, 64, 8], [1, 1, 8, 8], [3, 3, 8, 8], [4, 4, 32, 4], [1, 1, 4, 4], [3, 3, 4, 3],
    ]  # fmt: skip


def test_its_sizes():
    assert [side for side in range(300) if fastgan.TRAITS.can_make(side)] == [64, 128, 256]
