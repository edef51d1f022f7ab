"""The relativistic loss and both gradient penalties in whole graphs, against the formulas of Huang et al. 2024, arXiv:2501.05441.

The networks are those of `conditional_references`; losses and penalties are written here a second time, in eager TensorFlow 2.
"""

import contextlib

import numpy as np
import pytest
import tensorflow as tf2

import tfgan
from tests.conftest import network_variables
from tests.conftest import random_images
from tests.conftest import small
from tests.models.conditional_references import REFERENCES
from tests.models.test_conditional_parity import assert_step
from tests.models.test_parity import BATCH
from tests.models.test_parity import FAKE
from tests.models.test_parity import FOR_G
from tests.models.test_parity import REAL
from tests.models.test_parity import SEED
from tests.models.test_parity import Adam
from tests.models.test_parity import GradientErrors
from tests.models.test_parity import applied_gradients
from tests.models.test_parity import dropout_masks
from tfgan.tf1 import tf

CLASSES, GAMMA = 5, 3.0
REAL_FOR_G = 15  # the stream of dropout, as documented in tfgan/graph/noise.py
CASES = [
    ("vanilla", None, {}),  # whose G is updated in halves
    pytest.param("mlp", None, {}, marks=pytest.mark.slow),  # whose D sees real images and fakes in one pass
    ("compact", None, {"z_of_g": "fresh"}),
    pytest.param("compact", "projection", {}, marks=pytest.mark.slow),
    pytest.param("mlp", "auxiliary", {"d_loss_weight": 0.5}, marks=pytest.mark.slow),
    pytest.param("dcgan28", None, {"smooth": 0.0, "d_normalization": "batch"}, marks=pytest.mark.slow),  # dropout, D's averages
]


def reference_of(model, method):
    """The model's networks, also without labels, with the losses of the paper."""

    class Relativistic(REFERENCES[model]):
        def noise(self, z, y):
            return z if method is None else super().noise(z, y)

        def d_loss(self, v, real, y, fake, y_fake, masks, weight):
            """E[f(D(x) - D(G(z)))] + gamma / 2 E |grad D(x)|^2 + gamma / 2 E |grad D(G(z))|^2 with f(t) = log(1 + e^-t)."""
            with tf2.GradientTape(persistent=True) as tape:
                tape.watch([real, fake])
                of_real, real_classes = self.d(v, real, y, masks[0])
                of_fake, fake_classes = self.d(v, fake, y_fake, masks[1])
            loss = weight * tf2.reduce_mean(tf2.math.log(1 + tf2.exp(-(of_real - of_fake))))
            for logits, images in ((of_real, real), (of_fake, fake)):
                slope = tape.gradient(logits, images)
                loss += GAMMA / 2 * tf2.reduce_mean(tf2.reduce_sum(slope**2, [1, 2, 3]))
            return loss + self.of_classes(real_classes, y) + self.of_classes(fake_classes, y_fake)

        def g_loss(self, v, real, y, fake, y_fake, masks):
            """E[f(D(G(z)) - D(x))]"""
            of_real, _ = self.d(v, real, y, masks[0])
            of_fake, fake_classes = self.d(v, fake, y_fake, masks[1])
            return tf2.reduce_mean(tf2.math.log(1 + tf2.exp(-(of_fake - of_real)))) + self.of_classes(fake_classes, y_fake)

    return Relativistic(method, CLASSES)


def networks(gan):
    """The two updates of a graph, as `step` takes them."""
    everything = {v.op.name: v for v in network_variables(gan)}
    updates = ((gan.d_loss, gan.d_train_op, gan.d_vars), (gan.g_loss, gan.g_train_op, gan.g_vars))
    return [(loss, applied_gradients(op, variables), op, variables, everything) for loss, op, variables in updates]


def draw(recipe, rng):
    """(z, z of G, y, y of fakes, y of G's fakes); the labels are None without a method."""
    z, z_g = rng.normal(size=(2, BATCH, recipe.z_dim)).astype(np.float32)
    y, y_fake, y_g = rng.integers(CLASSES, size=(3, BATCH)) if recipe.conditional else (None,) * 3
    return (z, z, y, y_fake, y_fake) if recipe.z_of_g == "same" else (z, z_g, y, y_fake, y_g)


@pytest.mark.parametrize(("model", "method", "changes"), CASES)
def test_relativistic_training_is_the_papers(model, method, changes):
    classes = CLASSES if method else None
    of_paper = {"loss": "relativistic", "penalty": "r1r2", "penalty_weight": GAMMA, "g_average": 0.0}
    recipe = small(model, "mnist", BATCH).replace(conditional=method, classes=classes, **of_paper, **changes)
    with tf.Graph().as_default() as graph:
        gan = tfgan.build(recipe, SEED)
        of_d, of_g = networks(gan)
        initialise = tf.global_variables_initializer()
    reference, errors, rng = reference_of(model, method), GradientErrors(), np.random.default_rng(5)
    rates = {"discriminator/": recipe.d_learning_rate or recipe.learning_rate, "generator/": recipe.learning_rate}
    adams = {scope: Adam(rate, recipe.beta1) for scope, rate in rates.items()}
    low, high = recipe.value_range
    with contextlib.closing(tf.Session(graph=graph)) as session:
        session.run(initialise)
        for iteration in range(4):
            real = random_images(recipe, BATCH, iteration).astype(np.float32) / 255 * (high - low) + low
            z, z_g, y, y_fake, y_g = draw(recipe, rng)
            masks = [[dropout_masks(model, iteration, each) for each in pair] for pair in ((REAL, FAKE), (REAL_FOR_G, FOR_G))]
            x = tf2.constant(real)

            def d_loss(v, x=x, z=z, y=y, y_fake=y_fake, masks=masks[0]):
                fake = reference.g(v["generator/"], tf2.constant(z), y_fake, True)
                reference.seen.clear()
                return reference.d_loss(v["discriminator/"], x, y, fake, y_fake, masks, recipe.d_loss_weight)

            def g_loss(v, x=x, z=z_g, y=y, y_fake=y_g, masks=masks[1]):
                reference.seen.clear()
                fake = reference.g(v["generator/"], tf2.constant(z), y_fake, True)
                seen = list(reference.seen)
                loss = reference.g_loss(v["discriminator/"], x, y, fake, y_fake, masks)
                reference.seen[:] = seen  # these passes of D move none of its averages
                return loss

            feeds = {gan.input_real: real, gan.input_z: z}
            feeds_g = {gan.input_real: real, gan.input_z_g: z_g}
            if method:
                feeds |= {gan.input_y: y, gan.input_y_fake: y_fake}
                feeds_g |= {gan.input_y: y, gan.input_y_g: y_g}
            for run, scope, fed, loss in ((of_d, "discriminator/", feeds, d_loss), (of_g, "generator/", feeds_g, g_loss)):
                assert_step(session, run, reference, scope, fed, loss, errors, adams[scope], rates[scope])
    errors.check()
