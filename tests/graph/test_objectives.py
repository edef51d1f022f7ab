"""What D and G minimise in the graph: which draws change D's input, which images a loss sees, and a penalty's weight."""


import numpy as np
import pytest

import tfgan
from tests.conftest import ancestors
from tests.conftest import random_images
from tests.distribution.test_team import assert_two_replicas_train_as_one
from tests.graph.test_gan import build_on_random_images
from tests.graph.test_labels import build_with_labels
from tfgan.tf1 import tf

# name scope -> the stream of its draws, as tfgan/graph/noise.py numbers them
STREAMS = {
    "noise": 0, "noise_1": 12, "noise_2": 1, "noise_3": 13, "augment": 8, "augment_1": 9, "augment_2": 10, "augment_3": 10,
    "d_penalty": 7, "d_penalty/augment": 11,
}  # fmt: skip

def streams_of_draws(session, update):
    """{name scope: the stream of its draws}, of all draws but variables' first values. update: their (seed, number)."""
    draws = {op for op in session.graph.get_operations() if op.type == "StatelessRandomGetKeyCounter"}
    draws -= ancestors([v.initializer for v in tf.global_variables()])
    streams = {}
    for name, (seed, number) in session.run({op.name: op.inputs[0] for op in draws}).items():
        assert (seed, number // 4096) == update
        place, stream = name.rpartition("/stateless")[0], number % 4096 // 256
        assert streams.setdefault(place, stream) == stream
    return streams


def test_what_d_sees_is_noisy_and_g_is_not(graph):
    """Five draws: real images and fakes for D, the penalty's places, and fakes for G, in `g_train_op` and in `train_op`."""
    changes = {"instance_noise": 0.5, "instance_noise_half_life": 1, "penalty": "dragan"}
    _, gan = build_on_random_images("mlp", "mnist", **changes)
    draws = [op for op in graph.get_operations() if "augment" in op.name and op.type.startswith("StatelessRandomNormal")]
    assert len(draws) == 5
    assert not set(draws) & ancestors([gan.samples.op])
    noise_of = [op for op in graph.get_operations() if op.name.startswith("augment") and op.type == "AddV2"]
    real = [op.outputs[0] for op in noise_of if op.inputs[0] is gan.input_real]
    assert len(real) == 1
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        spreads = []
        for _ in range(2):
            clean, noisy = session.run([gan.input_real, real[0]])
            spreads.append((noisy - clean).std())
            session.run(gan.train_op)
        assert streams_of_draws(session, (0, 2)) == {p: s for p, s in STREAMS.items() if p[:6] != "noise_"}
    np.testing.assert_allclose(spreads, [0.5, 0.25], rtol=0.05)  # of 3,136 values


@pytest.mark.slow
def test_every_draw_is_of_its_own_stream(graph):
    """G's update is in the graph twice, in `g_train_op` and in `train_op`, with the same draws. No two other passes share any."""
    changes = {"loss": "relativistic", "smooth": 0.0, "penalty": "dragan", "d_normalization": "layer", "z_of_g": "fresh"}
    _, gan = build_with_labels("dcgan28", "concat", seed=5, instance_noise=0.5, **changes)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(gan.global_step.assign(3))
        found = streams_of_draws(session, update=(5, 3))
    of_dropout = {
        "discriminator_real": 3, "discriminator_fake": 4, "discriminator_for_g": 5, "discriminator_for_g_after_d": 5,
        "d_penalty/discriminator_for_penalty": 6, "discriminator_real_for_g": 15, "discriminator_real_for_g_after_d": 15,
    }  # fmt: skip
    assert found == STREAMS | {f"{place}/dropout{n}": stream for place, stream in of_dropout.items() for n in ("", "_1")}


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


def test_the_penaltys_weight():
    """Weight 3 makes the penalty three times as large, and D's loss is the sum of its halves and the penalty."""
    found = []
    for weight in (1.0, 3.0):
        with tf.Graph().as_default():
            _, gan = build_on_random_images("mlp", "mnist", penalty="r1", penalty_weight=weight)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                found.append(session.run([gan.d_penalty, gan.d_loss, gan.d_loss_real, gan.d_loss_fake]))
    assert found[1][0] == pytest.approx(3 * found[0][0], rel=1e-5)
    assert found[0][0] > 1e-4
    for penalty, loss, real, fake in found:
        assert loss == pytest.approx(real + fake + penalty, rel=1e-5)


@pytest.mark.slow
def test_batch_normalisation_beside_a_penalty_if_said_so(graph):
    _, gan = build_on_random_images("dcgan28", "mnist", penalty="r1", d_normalization="batch")
    assert any(name.startswith("batch_normalization") for name, _, _ in gan.d_layers)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(gan.d_penalty) > 0
