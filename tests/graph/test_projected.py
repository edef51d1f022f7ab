"""The projected discriminator: its fixed part and its small networks against eager TensorFlow 2; who shares what."""

import numpy as np
import pytest
import tensorflow as tf2

import tfgan
from tests.conftest import ancestors
from tests.conftest import network_variables
from tests.conftest import random_images
from tfgan.graph import efficientnet
from tfgan.graph import projected
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf

CHANNELS, MIXED = (24, 40, 112, 320), (64, 64, 128, 256)
BLOCKS = 16  # Lite0's, each with one depthwise convolution
RECIPE = tfgan.recipe("mlp", "digits").replace(
    projected=True, loss="hinge", spectral_normalization=True, batch_size=4, augment=("translation",)
)


def project(images, seed=0, value_range=(-1.0, 1.0)):
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(projected.Projection(value_range, seed)(tf.constant(images, tf.float32)))


def stages_of(images):
    """Lite0's features of images of 96x96 in 0 to 255."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(efficientnet.Network("lite0").stages(tf.constant(images, tf.float32)))


def mix(stages, seed):
    """Sauer et al. 2021, section 3.2: random 1x1 convolutions of each scale, then from the coarsest down a random 3x3 one."""
    draws = np.random.RandomState([seed % 2**32, seed // 2**32])

    def convolved(x, size, filters):
        bound = (6 / (size * size * x.shape[3])) ** 0.5
        return tf2.nn.conv2d(x, draws.uniform(-bound, bound, [size, size, x.shape[3], filters]).astype("f"), 1, "SAME")

    mixed = [convolved(stage, 1, filters) for stage, filters in zip(stages, MIXED, strict=True)]
    kernels = [draws.uniform(-1, 1, [3, 3, *pair]) for pair in zip(MIXED[1:], MIXED, strict=False)]
    for scale in (2, 1, 0):
        bound = (6 / (9 * MIXED[scale + 1])) ** 0.5
        below = tf2.nn.conv2d(mixed[scale + 1], (bound * kernels[scale]).astype("f"), 1, "SAME")
        mixed[scale] += tf2.image.resize(below, mixed[scale].shape[1:3])
    return mixed


@pytest.mark.parametrize(("seed", "value_range", "size"), [(0, (-1.0, 1.0), 64), (7 + 5 * 2**32, (0.0, 1.0), 28)])
def test_the_fixed_part_is_the_papers(seed, value_range, size):
    low, high = value_range
    images = np.random.default_rng(1).uniform(low, high, (2, size, size, 3)).astype(np.float32)
    enlarged = tf2.image.resize((images - low) / (high - low) * 255, (96, 96)).numpy()
    stages = stages_of(enlarged)
    assert [stage.shape for stage in stages] == [(2, side, side, c) for side, c in zip((24, 12, 6, 3), CHANNELS, strict=True)]
    for found, expected in zip(project(images, seed, value_range), mix(stages, seed), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4 * np.abs(expected).max())


def test_grey_images_are_three_equal_channels():
    grey = np.random.default_rng(1).uniform(-1, 1, (2, 28, 28, 1)).astype(np.float32)
    for found, expected in zip(project(grey), project(grey.repeat(3, 3)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_large_images_keep_their_size():
    assert [mixed.shape[1] for mixed in project(np.zeros((1, 128, 128, 3)))] == [32, 16, 8, 4]


def judged(mixed, v):
    """The logits of the small networks from their variables: convolution, batch normalisation in training, leaky ReLU."""

    def convolved(x, scope, name, stride=1):
        kernel, u = v[f"{scope}/{name}/kernel"], v[f"{scope}/{name}/u"]
        matrix = kernel.reshape(-1, kernel.shape[3])
        left = matrix @ u / np.linalg.norm(matrix @ u)
        right = matrix.T @ left / np.linalg.norm(matrix.T @ left)
        return tf2.nn.conv2d(x, kernel / (left @ matrix @ right), stride, "SAME").numpy()

    logits = []
    for scale, x in enumerate(mixed):
        scope, convolutions = f"discriminator/scale_{scale}", {24: 2, 12: 1, 6: 0, 3: 0}[x.shape[1]]
        for n in range(convolutions + 1):
            name, end = ("conv2d", "batch_normalization"), f"_{n}" if n else ""
            x = convolved(x, scope, name[0] + end, 2 if n < convolutions else 1)
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
            normal = (x - mean) / np.sqrt(variance + 1e-3)
            x = v[f"{scope}/{name[1]}{end}/gamma"] * normal + v[f"{scope}/{name[1]}{end}/beta"]
            x = np.where(x > 0, x, 0.2 * x)
        last = f"conv2d_{convolutions + 1}"
        logits.append((convolved(x, scope, last) + v[f"{scope}/{last}/bias"]).reshape(len(x), -1))
    return np.concatenate(logits, 1)


def test_each_place_of_each_scale_is_judged():
    rng = np.random.default_rng(0)
    mixed = [rng.normal(0, 3, (2, side, side, c)).astype("f") for side, c in zip((24, 12, 6, 3), MIXED, strict=True)]
    with tf.Graph().as_default(), tf.Session() as session:
        with network_pass(seed=3, normalized_kernels={}), tf.variable_scope("discriminator"):
            logits = projected.discriminator([tf.constant(x) for x in mixed], True)
        session.run(tf.global_variables_initializer())
        found, values = session.run([logits, {variable.op.name: variable for variable in tf.global_variables()}])
    assert found.shape == (2, 36 + 36 + 36 + 9)
    np.testing.assert_allclose(found, judged(mixed, values), rtol=1e-3, atol=1e-4)


def depthwise(operations, gradient=False):
    kind = "DepthwiseConv2dNative" + ("BackpropInput" if gradient else "")
    return sum(op.type == kind for op in ancestors(operations))


@pytest.mark.parametrize("loss", ["hinge", pytest.param("relativistic", marks=pytest.mark.slow)])
def test_the_images_are_projected_once_for_both_updates(loss, graph):
    """The network that makes the features takes most of the time. It sees reals once, fakes once, and has one gradient."""
    gan = tfgan.build(RECIPE.replace(loss=loss))
    assert depthwise([gan.train_op]) == 2 * BLOCKS
    assert depthwise([gan.train_op], gradient=True) == BLOCKS
    assert depthwise([gan.d_train_op], gradient=True) == 0
    assert sum(op.type == "DepthwiseConv2dNative" for op in graph.get_operations()) == 2 * BLOCKS
    kernels = {op.inputs[1].op.name for op in graph.get_operations() if op.type == "DepthwiseConv2dNative"}
    assert len(kernels) == BLOCKS, "both passes share the constants"


@pytest.mark.slow
def test_other_noise_for_g_is_projected_anew(graph):
    gan = tfgan.build(RECIPE.replace(z_of_g="fresh"))
    assert depthwise([gan.train_op]) == 3 * BLOCKS
    assert depthwise([gan.train_op], gradient=True) == BLOCKS


@pytest.mark.slow
def test_only_the_small_networks_learn(graph):
    gan = tfgan.build(RECIPE)
    names = {variable.op.name for variable in network_variables(gan)}
    assert not {name for name in names if not name.startswith(("generator/", "discriminator/scale_"))}
    of_d = {name for name in names if name.startswith("discriminator/")}
    fixed = {name for name in of_d if name.endswith(("/moving_mean", "/moving_variance", "/u"))}
    assert {variable.op.name for variable in gan.d_vars} == of_d - fixed
    assert {name.partition("/")[0] for name, _, _ in gan.d_layers} == {"scale_0", "scale_1", "scale_2", "scale_3"}
    feed = {gan.input_real: random_images(RECIPE, 4) / np.float32(127.5) - 1}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run([gan.d_vars, gan.g_vars])
        d_loss, g_loss, logits, _ = session.run([gan.d_loss, gan.g_loss, gan.d_logits_fake, gan.d_train_op], feed)
        session.run(gan.g_train_op, feed)
        after = session.run([gan.d_vars, gan.g_vars])
    assert logits.shape == (4, 117)
    assert g_loss == pytest.approx(-logits.mean(), rel=0.5, abs=0.5)
    assert np.isfinite([d_loss, g_loss]).all()
    for old, new in zip(before, after, strict=True):
        assert all((a != b).any() for a, b in zip(old, new, strict=True))


def test_a_penalty_is_refused():
    with pytest.raises(tfgan.UserError, match="penalty r1r2 bounds a D that sees images; leave it out, or leave out projected"):
        RECIPE.replace(penalty="r1r2")
