"""Every recipe's whole graph against `references`: losses, gradients, averages and updates of some iterations.

Both begin each update with the same weights, so that the test compares single updates and no drift. The updates themselves are
computed again by Adam, written out in NumPy, whose moments run through all iterations.
"""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf2

import tfgan
from tests.conftest import SLOW_RECIPES
from tests.conftest import ancestors
from tests.conftest import every_recipe
from tests.conftest import random_images
from tests.conftest import small
from tests.models import references
from tfgan.graph import layers
from tfgan.tf1 import tf

SEED = 3
ITERATIONS = {"dcgan64": 2, "dogs": 2}  # of the large models; the others run 4
BATCH = 6
# dropout's streams as documented in tfgan/graph/noise.py: real, fake, for G; key [seed, iteration * 4096 + stream * 256 + layer]
REAL, FAKE, FOR_G = 3, 4, 5


def dropout_masks(model, iteration, stream):
    if model != "dcgan28":
        return None
    shapes = [(BATCH, 14, 14, 128), (BATCH, 7, 7, 256)]
    keys = [[SEED, iteration * 4096 + stream * 256 + layer] for layer in range(2)]
    return [tf2.cast(tf2.random.stateless_uniform(s, k) >= 0.2, tf2.float32) for s, k in zip(shapes, keys, strict=True)]


def load(keras_layers, values):
    """Sets the Keras layers' variables from a flat list in the order of the layers."""
    values = list(values)
    for layer in keras_layers:
        layer.set_weights([values.pop(0) for _ in layer.weights])
    assert not values


class Adam:
    """Kingma and Ba 2015 with TensorFlow's epsilon hat, in float64."""

    def __init__(self, rate, beta1):
        self.rate, self.beta1, self.t, self.m, self.v = rate, beta1, 0, {}, {}

    def updated(self, weights, gradients):
        self.t += 1
        scale = self.rate * np.sqrt(1 - 0.999**self.t) / (1 - self.beta1**self.t)
        result = []
        for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
            g = g.astype(np.float64)
            self.m[i] = self.beta1 * self.m.get(i, 0) + (1 - self.beta1) * g
            self.v[i] = 0.999 * self.v.get(i, 0) + 0.001 * g**2
            result.append(w - scale * self.m[i] / (np.sqrt(self.v[i]) + 1e-8))
        return result


class GradientErrors:
    """Relative errors of gradients, in the Euclidean norm, over the iterations.

    The gradient jumps where a ReLU's input crosses 0 and where two pixels tie in a max pooling. Rounding, which differs between
    processors, now and then moves one of a million values across, which changes the norm by up to 0.3%. So each variable's error
    must be below 0.5% in at least half of the iterations and below 5% in all; a wrong formula is wrong in every iteration.
    `test_only_kinks_and_ties_part_them` is the strict test.
    The gradient of a bias before batch normalisation is 0 but for noise, so errors are never divided by less than 1e-2 of the
    network's largest norm.
    """

    def __init__(self):
        self.errors = {}

    def add(self, actual, expected, names):
        norms = [np.linalg.norm(e) for e in expected]
        assert max(norms) > 1e-3, "vanishing gradients would agree with anything"
        for a, e, norm, name in zip(actual, expected, norms, names, strict=True):
            error = np.linalg.norm(a - e) / max(norm, 1e-2 * max(norms))
            self.errors.setdefault(name, []).append(float(error))

    def check(self):
        for name, errors in self.errors.items():
            assert sorted(errors)[len(errors) // 2 - 1] < 5e-3, (name, errors)
            assert max(errors) < 5e-2, (name, errors)


def assert_averages(keras_layers, before, after, passes, images, pixels):
    """Compares tfgan's averages `after` with the Keras layers', which began as `before`. Both are flat, like the layers' weights.

    On images TF 1.x averages the unbiased batch variance, Keras 3 the biased one. With momentum m and p passes Keras 3 has m^p
    old + (a part of biased variances). This part is multiplied by N / (N - 1), N values a channel, before the comparison. On
    vectors it is multiplied by N / (N - 1.001), as in Keras 2, in which the dogs' source is written.
    """
    before, after, pixels = list(before), list(after), list(pixels)
    for layer in keras_layers:
        count = len(layer.weights)
        old, tfgan_new, keras_new = before[:count], after[:count], layer.get_weights()
        del before[:count], after[:count]
        if "normalization" not in layer.name:
            continue
        n = images * pixels.pop(0)
        factor = n / (n - 1) if n else images / (images - 1.001)
        old_part = layer.momentum**passes * old[-1]
        assert (tfgan_new[-2] != old[-2]).any()
        assert (tfgan_new[-1] != old[-1]).any()
        np.testing.assert_allclose(tfgan_new[-2], keras_new[-2], rtol=1e-4, atol=1e-5 * np.abs(keras_new[-2]).max())
        np.testing.assert_allclose(tfgan_new[-1], old_part + (keras_new[-1] - old_part) * factor, rtol=1e-4)
    assert not pixels


# pixels of the images at each batch normalisation of G and of D; 0: vectors
PIXELS = {
    "vanilla": ([], []),
    "mlp": ([], []),
    "dcgan28": ([4 * 4, 7 * 7, 14 * 14], [7 * 7, 4 * 4]),
    "dcgan64": ([4 * 4, 8 * 8, 16 * 16, 32 * 32], [16 * 16, 8 * 8, 4 * 4]),
    "dogs": ([0], []),
}


def applied_gradients(train_op, variables):
    """The very gradients that the update's Adam operations get."""
    found = {op.inputs[0].op: op.inputs[-1] for op in ancestors([train_op]) if op.type == "ResourceApplyAdam"}
    assert len(found) == len(variables)
    return [found[v.handle.op] for v in variables]


def trainable(keras_layers):
    return [v for layer in keras_layers for v in layer.trainable_weights]


def assert_update(adam, names, before, gradients, after, rate):
    for name, a, e in zip(names, after, adam.updated(before, gradients), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-6, atol=1e-3 * rate, err_msg=name)


def assert_unchanged(before, after):
    for b, a in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


@every_recipe
def test_recipe_equals_its_source_in_keras(model, dataset):
    """Its losses, gradients, averages and updates, in several iterations, are those of the source written anew in Keras 3."""
    compare(model, dataset).check()


@pytest.mark.parametrize(
    ("model", "dataset"), [("mlp", "mnist"), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW_RECIPES)]
)
def test_only_kinks_and_ties_part_them(model, dataset, monkeypatch):
    """With smoothed ReLUs, and means for max pooling, on both sides, all errors are of rounding's size in every iteration."""
    monkeypatch.setattr(tf.nn, "relu", lambda x: tf.nn.softplus(8 * x) / 8)
    monkeypatch.setattr(references, "relu", lambda x: tf2.nn.softplus(8 * x) / 8)
    monkeypatch.setattr(layers, "leaky_relu", lambda x: 0.2 * x + 0.1 * tf.nn.softplus(8 * x))
    monkeypatch.setattr(references, "leaky", lambda x: 0.2 * x + 0.1 * tf2.nn.softplus(8 * x))
    monkeypatch.setattr(layers, "max_pool", lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID"))
    monkeypatch.setattr(keras.layers, "MaxPooling2D", keras.layers.AveragePooling2D)
    for name, errors in compare(model, dataset).errors.items():
        assert max(errors) < 2e-4, (name, errors)


def compare(model, dataset):
    """Runs some iterations of both and asserts everything but the gradients; returns the `GradientErrors`."""
    recipe = small(model, dataset, BATCH)
    rate = recipe.learning_rate
    with tf.Graph().as_default() as graph:
        gan = tfgan.build(recipe, SEED)
        d_gradients = applied_gradients(gan.d_train_op, gan.d_vars)
        g_gradients = applied_gradients(gan.g_train_op, gan.g_vars)
        g_all, d_all = ([v for row in rows for v in row[2]] for rows in (gan.g_layers, gan.d_layers))
        initialise = tf.global_variables_initializer()
    d_names, g_names = ([v.op.name for v in variables] for variables in (gan.d_vars, gan.g_vars))

    reference = references.REFERENCES[model](recipe.image_shape)
    reference.g(tf2.zeros([1, recipe.z_dim]), False)
    reference.d(tf2.zeros([1, *recipe.image_shape]), [1.0, 1.0])
    d_adam, g_adam = Adam(rate, recipe.beta1), Adam(rate, recipe.beta1)
    errors = GradientErrors()
    rng = np.random.default_rng(5)
    low, high = recipe.value_range

    def draw_z():
        shape = (BATCH, recipe.z_dim)
        return (rng.normal(size=shape) if recipe.z_distribution == "normal" else rng.uniform(-1, 1, shape)).astype(np.float32)

    with contextlib.closing(tf.Session(graph=graph)) as session:  # not entered: its graph would become the current one
        session.run(initialise)
        for iteration in range(ITERATIONS.get(model, 4)):
            real = random_images(recipe, BATCH, seed=iteration).astype(np.float32) / 255 * (high - low) + low
            z = draw_z()
            z_g = z if recipe.z_of_g == "same" else draw_z()

            # D's update
            g_before, d_before, d_weights = session.run([g_all, d_all, gan.d_vars])
            feeds = {gan.input_real: real, gan.input_z: z}
            d_loss, gradients, _ = session.run([gan.d_loss, d_gradients, gan.d_train_op], feeds)
            g_after, d_after, new_weights = session.run([g_all, d_all, gan.d_vars])

            load(reference.g_layers, g_before)
            load(reference.d_layers, d_before)
            masks = [dropout_masks(model, iteration, stream) for stream in (REAL, FAKE)]
            with tf2.GradientTape() as tape:
                loss = reference.d_loss(real, reference.g(z, training=reference.d_training_fakes), *masks)
            expected = [g.numpy() for g in tape.gradient(loss, trainable(reference.d_layers))]
            np.testing.assert_allclose(d_loss, loss.numpy(), rtol=2e-5)
            errors.add(gradients, expected, d_names)
            assert_update(d_adam, d_names, d_weights, gradients, new_weights, rate)
            assert_averages(reference.d_layers, d_before, d_after, 2, BATCH, PIXELS[model][1])
            assert_unchanged(g_before, g_after)

            # G's update, against the D just updated
            d_before, g_weights = d_after, session.run(gan.g_vars)
            g_loss, gradients, _ = session.run([gan.g_loss, g_gradients, gan.g_train_op], {gan.input_z_g: z_g})
            g_after, d_after, new_weights = session.run([g_all, d_all, gan.g_vars])

            load(reference.g_layers, g_before)
            load(reference.d_layers, d_before)
            masks = dropout_masks(model, iteration, FOR_G)
            with tf2.GradientTape() as tape:
                loss = reference.g_loss(reference.g(z_g, training=True), masks)
            expected = [g.numpy() for g in tape.gradient(loss, trainable(reference.g_layers))]
            np.testing.assert_allclose(g_loss, loss.numpy(), rtol=2e-5)
            errors.add(gradients, expected, g_names)
            assert_update(g_adam, g_names, g_weights, gradients, new_weights, rate)
            assert_averages(reference.g_layers, g_before, g_after, 1, BATCH, PIXELS[model][0])
            assert_unchanged(d_before, d_after)
    return errors
