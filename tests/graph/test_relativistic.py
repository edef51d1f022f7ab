"""The relativistic loss in the graph: which real images and which D G's update sees."""

import numpy as np
import pytest

import tfgan
from tests.conftest import ancestors
from tests.conftest import random_images
from tests.distribution.test_distribute import assert_two_replicas_train_as_one
from tests.graph.test_gan import build_on_random_images
from tfgan.tf1 import tf


@pytest.mark.parametrize(
    ("model", "factor", "changes"),
    [
        ("vanilla", 3, {"batch_size": 5}),  # whose G is updated in halves, here unequal ones
        ("mlp", 10, {}),  # whose D sees real images and fakes together in its own update
        pytest.param("compact", 3, {"spectral_normalization": True, "d_learning_rate": 0.01}, marks=pytest.mark.slow),
    ],
)
def test_g_is_compared_with_the_real_images_of_its_row(model, factor, changes, graph):
    """G's loss follows from D's logits of the same images, with the same weights of D, which has no dropout here.

    These are D's weights after its update.
    """
    _, gan = build_on_random_images(model, "mnist", loss="relativistic", z_of_g="same", **changes)
    last = [v for v in gan.d_vars if v.op.name.endswith("/kernel")][-1]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        last.load(factor * session.run(last), session)  # D's logits differ so much that the loss of other pairs would differ
        for _ in range(2):
            inputs = dict(zip((gan.input_real, gan.input_z), session.run([gan.input_real, gan.input_z]), strict=True))
            before = session.run(gan.g_loss, inputs)
            fake, fused, _ = session.run([gan.fake, gan.g_loss_updated, gan.train_op], inputs)
            real_logits, fake_logits = session.run([gan.d_logits_real, gan.d_logits_fake], {**inputs, gan.fake: fake})
            expected = np.logaddexp(0, real_logits - fake_logits).mean()
            np.testing.assert_allclose(fused, expected, rtol=1e-5)
            assert abs(np.logaddexp(0, real_logits[::-1] - fake_logits).mean() - expected) > 1e-4 * expected, "rows matter"
            assert abs(before - expected) > 1e-4 * expected, "D's update matters"


def test_only_a_loss_that_needs_real_images_sees_them_in_gs_update():
    for loss, needed in (("non-saturating", False), ("hinge", False), ("relativistic", True)):
        with tf.Graph().as_default():
            _, gan = build_on_random_images("vanilla", "mnist", loss=loss, z_of_g="same")
            assert (gan.input_real.op in ancestors([gan.g_loss.op])) == needed


def test_real_images_are_changed_alike_in_both_updates(graph):
    """D gets the same noisy real images in its update and in G's. Fakes have noise of their own in each."""
    changes = {"loss": "relativistic", "instance_noise": 0.5, "augment": ("translation",)}
    _, gan = build_on_random_images("mlp", "mnist", **changes)
    draws = [op for op in graph.get_operations() if "augment" in op.name and op.type.startswith("StatelessRandomNormal")]
    assert len(draws) == 4, "real images, fakes for D, and fakes for G in g_train_op and in train_op"
    of_real = ancestors([gan.d_logits_real.op]) & set(draws) & ancestors([gan.g_loss.op])
    assert len(of_real) == 1


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "vanilla"])
def test_replicas_pair_images_as_one_would(model):
    """Each real image meets the fake image that it would meet in one replica, in unequal parts of uneven batches, too."""
    remedies = {"loss": "relativistic", "penalty": "r1r2", "penalty_weight": 1.0, "last_batch": "keep"}
    recipe = tfgan.recipe(model).replace(subset=None, batch_size=7, **remedies)
    assert_two_replicas_train_as_one(recipe, random_images(recipe, 31))
