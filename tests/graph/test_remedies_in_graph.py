"""The remedies that no tutorial has, in the graph: its promises hold with them, and senseless combinations are refused."""

import math

import numpy as np
import pytest

from tests.conftest import network_variables
from tests.conftest import random_images
from tests.conftest import small
from tests.graph.test_gan import assert_fused_equals_separate
from tests.graph.test_gan import build_on_random_images
from tests.graph.test_races import assert_nothing_races
from tfgan import recipes
from tfgan.datasets.batches import Batches
from tfgan.errors import UserError
from tfgan.graph import spectral
from tfgan.graph.gan import build
from tfgan.graph.measures import measures_of_d
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf

COMBINATIONS = [
    ("mlp", {"loss": "hinge", "spectral_normalization": True}),
    ("mlp", {"loss": "wasserstein", "weight_clip": 0.01, "d_steps": 3, "g_average": 0.9}),
    ("vanilla", {"loss": "relativistic", "penalty": "r1r2"}),
    ("vanilla", {"loss": "relativistic", "penalty": "r1r2", "d_steps": 2, "instance_noise": 0.1, "last_batch": "keep"}),
    ("vanilla", {"loss": "least-squares", "smooth": 0.1, "penalty": "dragan", "learning_rate_half_life": 2}),
    ("dcgan28", {"loss": "wasserstein", "smooth": 0.0, "penalty": "wgan-gp", "d_normalization": "layer"}),
    ("compact", {"loss": "minimax", "d_learning_rate": 1e-4, "spectral_normalization": True, "flip": True}),
    ("compact", {"penalty": "r1", "augment": recipes.AUGMENTATIONS, "instance_noise": 0.2, "instance_noise_half_life": 3}),
    ("compact", {"loss": "relativistic", "augment": ("color",), "spectral_normalization": True, "d_sees_inference": True}),
    ("dcgan28", {"loss": "relativistic", "smooth": 0.0, "penalty": "r1r2", "d_normalization": "batch"}),
    ("compact", {"d_sees_inference": True, "z_of_g": "fresh", "g_average": 0.9, "d_learning_rate": None}),
]
combinations = pytest.mark.parametrize(
    ("model", "changes"),
    [pytest.param(m, c, marks=[pytest.mark.slow] if m in ("compact", "dcgan28") else []) for m, c in COMBINATIONS],
    ids=[f"{m}-{'-'.join(c)}" for m, c in COMBINATIONS],
)


@combinations
def test_fused_equals_separate(model, changes, graph):
    assert_fused_equals_separate(graph, *build_on_random_images(model, "mnist", **changes))


@pytest.mark.slow
def test_several_updates_of_d_fused_equal_separate_ones_to_rounding(graph):
    """Not to the bit, because TensorFlow fuses other operations after the first update. SGD does not enlarge differences."""
    changes = {"d_steps": 2, "loss": "wasserstein", "penalty": "wgan-gp", "d_learning_rate": None}
    _, gan = build_on_random_images("compact", "mnist", optimizer="sgd", learning_rate=5e-4, **changes)
    variables, initialise = tf.global_variables(), tf.global_variables_initializer()
    found = []
    for fused in (True, False):
        with tf.Session() as session:
            session.run(initialise)
            start = session.run(variables)
            for _ in range(2):
                if fused:
                    session.run(gan.train_op)
                    continue
                for step in range(2):
                    session.run(gan.d_train_op, {gan.d_step: step})
                session.run(gan.g_train_op)
            found.append(session.run(variables))
    for variable, a, b, c in zip(variables, *found, start, strict=True):
        change = np.abs(b.astype(np.float64) - c).max()
        assert np.abs(a.astype(np.float64) - b).max() <= 1e-3 * change + 1e-7, variable.op.name


@combinations
def test_nothing_races(model, changes, graph):
    assert_nothing_races(build_on_random_images(model, "mnist", **changes)[1])


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


def test_weight_clipping(graph):
    _, gan = build_on_random_images("mlp", "mnist", loss="wasserstein", weight_clip=0.01)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert max(np.abs(v).max() for v in session.run(gan.d_vars)) > 0.02
        session.run(gan.train_op)
        for value in session.run(gan.d_vars):
            assert 0.005 < np.abs(value).max() <= np.float32(0.01)
        assert max(np.abs(v).max() for v in session.run(gan.g_vars)) > 0.02


def test_several_updates_of_d_take_batches_of_their_own(graph):
    recipe, gan = build_on_random_images("mlp", "mnist", d_steps=3)
    batches = Batches(random_images(recipe, 11), recipe, 0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        noise = []
        for iteration in range(2):
            for step in range(3):
                real, z, z_g = session.run([gan.input_real, gan.input_z, gan.input_z_g], {gan.d_step: step})
                expected = batches[3 * iteration + step].astype(np.float32) / 127.5 - 1
                np.testing.assert_allclose(real, expected, atol=1e-6)
                noise += [z.tobytes()] + ([z_g.tobytes()] if step == 0 else [])
            session.run(gan.train_op)
            assert session.run(gan.global_step) == iteration + 1
    assert len(set(noise)) == 8
    assert recipe.replace(epochs=6, last_batch="drop").total_iterations(11) == 4, "2 batches an epoch, 3 of them an iteration"


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


@pytest.mark.parametrize(
    ("model", "changes", "words"),
    [
        ("mlp", {"loss": "wasserstein"}, "needs a bound on D.*penalty wgan-gp, weight_clip 0.01 or spectral"),
        ("mlp", {"loss": "hinge", "smooth": 0.1}, "hinge loss has no labels"),
        ("mlp", {"loss": "relativistic", "smooth": 0.1}, "relativistic loss has no labels"),
        ("dcgan28", {"loss": "relativistic"}, "smooth is 0.1, but the relativistic loss"),
        ("mlp", {"loss": "relativistic", "weight_clip": 0.1}, "weight_clip is for the wasserstein loss"),
        ("dcgan28", {"penalty": "r1r2"}, "batch normalisation, which mixes .*; give d_normalization"),
        ("mlp", {"weight_clip": 0.1}, "weight_clip is for the wasserstein loss"),
        ("mlp", {"loss": "wasserstein", "weight_clip": 0.1, "spectral_normalization": True}, "undoes what weight_clip does"),
        ("mlp", {"instance_noise_half_life": 5}, "instance_noise is 0"),
        ("mlp", {"loss": "hinges"}, "'hinges'; it must be one of non-saturating"),
        ("mlp", {"penalty": "r2"}, "'r2'; it must be one of wgan-gp"),
        ("mlp", {"augment": ("colour",)}, "'colour'; it must be one or more of color"),
        ("mlp", {"d_steps": 0}, "d_steps is 0"),
        ("mlp", {"g_average": 1.0}, "g_average is 1.0"),
        ("mlp", {"d_learning_rate": -1.0}, "d_learning_rate is -1.0"),
        ("mlp", {"instance_noise": -1.0}, "instance_noise is -1.0"),
        ("dcgan28", {"penalty": "r1"}, "batch normalisation, which mixes .*; give d_normalization"),
        ("mlp", {"d_normalization": "layer"}, "mlp's D has none"),
    ],
)
def test_what_makes_no_sense_is_refused(model, changes, words, graph):
    with pytest.raises(UserError, match=words):
        build(small(model, "mnist").replace(**changes))


@pytest.mark.slow
@pytest.mark.parametrize("model", recipes.MODELS)
def test_which_models_have_batch_normalisation_in_d(model, graph):
    gan = build(next(iter(recipes.model_module(model).RECIPES.values())).replace(projected=False))
    there = any(name.startswith("batch_normalization") for name, _, _ in gan.d_layers)
    assert recipes.model_module(model).TRAITS.d_batch_norm == there


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


def test_diversity_against_the_distances_of_all_pairs(graph):
    """The root mean square distance of two fakes divided by that of two real images; 1 for a batch of one."""
    recipe, gan = build_on_random_images("mlp", "mnist")
    measured = measures_of_d(gan)["diversity"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found, fake, real = session.run([measured, gan.fake, gan.input_real])
        one = session.run(measured, {gan.input_real: real[:1], gan.input_z: np.zeros([1, recipe.z_dim])})
    mean_squares = [np.mean([((a - b) ** 2).sum() for a in x for b in x]) for x in (fake, real)]
    assert found == pytest.approx(math.sqrt(mean_squares[0] / mean_squares[1]), rel=1e-4)
    assert one == 1


def test_the_norm_of_gs_gradient(graph):
    _, gan = build_on_random_images("mlp", "mnist")
    gradients = tf.gradients(gan.g_loss, gan.g_vars)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found, gradients = session.run([gan.g_gradient_norm, gradients])
    assert found == pytest.approx(math.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradients)), rel=1e-4)
