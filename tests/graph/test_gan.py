"""What every recipe's graph promises: a fused run equals two, nothing races, passes share variables, logging changes nothing."""


import numpy as np
import pytest

import tfgan
from tests.conftest import RECIPES
from tests.conftest import ancestors
from tests.conftest import every_recipe
from tests.conftest import network_variables
from tests.conftest import random_images
from tests.conftest import small
from tfgan import recipes
from tfgan.datasets.batches import Batches
from tfgan.datasets.pipeline import Pipeline
from tfgan.errors import UserError
from tfgan.graph.gan import build
from tfgan.graph.measures import measures_of_d
from tfgan.tf1 import tf
from tfgan.tf1 import tf2
from tfgan.training.board import Board


def build_on_random_images(model, dataset, seed=0, **changes):
    recipe = small(model, dataset).replace(subset=None, **changes)
    batches = Batches(random_images(recipe, 11), recipe, seed)
    return recipe, tfgan.build(recipe, seed, Pipeline(batches, recipe))


def assert_same(values, expected, variables):
    for variable, a, b in zip(variables, values, expected, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=variable.name)


def moved(before, after):
    return [bool((a != b).any()) for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize(
    ("model", "dataset"),
    [("vanilla", "mnist"), ("mlp", "mnist"), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in RECIPES[2:])],
    ids=["-".join(pair) for pair in RECIPES],
)
def test_one_train_op_equals_two_runs_and_looking_changes_nothing(model, dataset, graph, capfd):
    """One run of `train_op` equals D's run and then G's, bit for bit, and logging changes nothing."""
    assert_fused_equals_separate(graph, *build_on_random_images(model, dataset))
    assert "meta_optimizer" not in capfd.readouterr().err, "TensorFlow's graph optimiser stumbles over an operation"


def assert_fused_equals_separate(graph, recipe, gan):
    """Runs two iterations in each of three sessions: fused; D's and G's op in turn; fused, with everything that is logged.

    Everything is compared bit for bit: weights, averages, the optimisers' slots and the counter. Dropout is on.
    """
    board = Board(gan, recipe)
    measures = {**measures_of_d(gan), "g_loss": gan.g_loss_updated, "": gan.train_op}
    variables = tf.global_variables()
    initialise = tf.global_variables_initializer()
    z = np.linspace(-1, 1, 2 * recipe.z_dim, dtype=np.float32).reshape(2, recipe.z_dim)
    graph.finalize()

    def trained(iteration):
        with tf.Session() as session:
            session.run(initialise)
            logged = [iteration(session) for _ in range(2)]
            return session.run(variables), logged

    def separate(session):
        steps = [{}] if gan.d_step is None else [{gan.d_step: step} for step in range(recipe.d_steps)]
        d_loss, *_ = [session.run([gan.d_train_op, gan.d_loss], feed)[1] for feed in steps]
        _, g_loss = session.run([gan.g_train_op, gan.g_loss])
        return d_loss, g_loss

    def with_everything_logged(session):
        before = session.run(variables)
        session.run(board._histograms)
        session.run(gan.samples, gan.feed_of(z, [0, 1]))
        session.run([gan.d_loss, gan.g_loss, gan.fake, gan.input_real])
        assert_same(before, session.run(variables), variables)
        values = session.run(measures)
        return values["d_loss"], values["g_loss"]

    fused, _ = trained(lambda session: session.run(gan.train_op))
    two_runs, losses_two = trained(separate)
    observed, losses_fused = trained(with_everything_logged)
    assert_same(fused, two_runs, variables)
    assert_same(fused, observed, variables)
    np.testing.assert_array_equal(losses_fused, losses_two)
    assert len(set(map(float, np.ravel(losses_two)))) == 4, "iterations must differ, or equality says nothing"
    assert fused[variables.index(gan.global_step)] == 2


@pytest.mark.parametrize(("model", "dataset"), [("mlp", "mnist"), pytest.param("dcgan28", "mnist", marks=pytest.mark.slow)])
def test_a_loss_scale_changes_no_bit(model, dataset):
    """A power of two changes only exponents, far from float32's limits. A wrong division would change the values."""
    trained = []
    for number_format in ("float32", "float16"):  # which TensorFlow would rewrite, if the session asked for it
        with tf.Graph().as_default():
            recipe = small(model, dataset).replace(subset=None)
            gan = tfgan.build(recipe, 0, Pipeline(Batches(random_images(recipe, 11), recipe, 0), recipe), number_format)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                session.run(gan.train_op)
                losses_now = session.run([gan.d_loss, gan.g_loss])
                trained.append(session.run(tf.global_variables()) + losses_now)
            scaled = {op.name.split("/")[0] for op in ancestors([gan.train_op]) if op.type == "RealDiv"}
    for a, b in zip(*trained, strict=True):
        np.testing.assert_array_equal(a, b)
    assert scaled >= {"d_update", "g_update_after_d"}


@every_recipe
def test_what_the_noise_waits_for(model, dataset, graph):
    """D's z waits for nothing. A separate z of G waits for D's pass over the real images, but not for that over the fakes."""
    _, gan = build_on_random_images(model, dataset)
    assert not [op for op in ancestors([gan.input_z.op]) if op.type == "PyFunc"]
    assert [op for op in ancestors([gan.input_real.op]) if op.type == "PyFunc"]
    before = ancestors([gan.input_z_g.op])
    assert (gan.d_logits_real.op in before) == (gan.input_z_g is not gan.input_z)
    assert gan.d_logits_fake.op not in before


@every_recipe
def test_each_update_moves_its_own_network_only(model, dataset, graph):
    """D's op changes every variable of D, averages included, and none of G; G's op the other way round."""
    _, gan = build_on_random_images(model, dataset)
    variables = network_variables(gan)
    of_g = [v.op.name.startswith("generator/") for v in variables]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        start = session.run(variables)
        session.run(gan.d_train_op)
        after_d = session.run(variables)
        assert session.run(gan.global_step) == 0
        session.run(gan.g_train_op)
        after_g = session.run(variables)
        assert session.run(gan.global_step) == 1
    assert moved(start, after_d) == [not g for g in of_g]
    assert moved(after_d, after_g) == of_g


@every_recipe
def test_averages_move_as_often_as_said(model, dataset, graph):
    """D's update moves each of D's averages twice (real, fake), G's each of G's once, and an iteration does both."""
    _, gan = build_on_random_images(model, dataset)
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    of_g, of_d = ([v for row in rows for v in row[2] if not v.trainable] for rows in (gan.g_layers, gan.d_layers))
    counts = {"vanilla": (0, 0), "mlp": (0, 0), "dcgan28": (6, 4), "dcgan64": (8, 6), "dogs": (2, 0)}
    assert (len(of_g), len(of_d)) == counts[model]
    for operation, g_times, d_times in ((gan.d_train_op, 0, 2), (gan.g_train_op, 1, 0), (gan.train_op, 1, 2)):
        run = [op.inputs[0] for op in ancestors([operation]) & set(update_ops)]
        for times, averages in ((g_times, of_g), (d_times, of_d)):
            assert [run.count(v.handle) for v in averages] == [times] * len(averages), operation.name


@every_recipe
def test_contract_of_the_handles(model, dataset, graph):
    """Names and shapes, which z and fakes are shared, one set of variables, no stateful random operation."""
    recipe, gan = build_on_random_images(model, dataset)
    assert gan.input_real.op.name == "input_real"
    assert gan.input_z.op.name == "input_z"
    assert gan.learning_rate.op.name == "learning_rate"
    assert (gan.input_z_g is gan.input_z) == (recipe.z_of_g == "same")
    assert (gan.fake is gan.samples) == recipe.d_sees_inference
    assert gan.samples.shape.as_list() == gan.input_real.shape.as_list() == [None, *recipe.image_shape]
    assert gan.d_logits_real.shape.as_list() == gan.d_logits_fake.shape.as_list() == [None, 1]
    names = [v.op.name for v in network_variables(gan)]
    assert len(names) == len(set(names))
    assert all(name.startswith(("generator/", "discriminator/")) for name in names)
    assert [v.op.name for v in gan.g_vars + gan.d_vars] == [v.op.name for v in network_variables(gan) if v.trainable]
    stateful = {"RandomUniform", "RandomStandardNormal", "TruncatedNormal", "RandomUniformInt", "RandomShuffle", "Multinomial"}
    assert not stateful & {op.type for op in graph.get_operations()}


@pytest.mark.slow
def test_the_two_passes_of_d_share_their_variables(graph):
    """The same images through both passes of a D without dropout give the same logits, also after an update."""
    _, gan = build_on_random_images("dcgan64", "mnist")
    x = np.random.default_rng(0).uniform(-1, 1, (4, 64, 64, 3))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(2):
            real, fake = session.run([gan.d_logits_real, gan.d_logits_fake], {gan.input_real: x, gan.fake: x})
            np.testing.assert_array_equal(real, fake)
            session.run(gan.train_op)
    names = {v.op.name for v in tf.trainable_variables()}
    assert len(names) == 5 + 4 + 5 + 3, "five convolutions in each network, their batch normalisations, and no copies"


def test_feeding_equals_the_defaults(graph):
    """Feeding the values that the graph itself would have drawn gives the same iteration."""
    recipe, gan = build_on_random_images("vanilla", "mnist")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        start = session.run(tf.trainable_variables())
        values = session.run({t: t for t in (gan.input_real, gan.input_z, gan.input_z_g, gan.learning_rate)})
        session.run(gan.train_op)
        unfed = session.run(tf.trainable_variables())
    assert values[gan.learning_rate] == np.float32(recipe.learning_rate)
    assert (values[gan.input_z] != values[gan.input_z_g]).any()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert_same(start, session.run(tf.trainable_variables()), tf.trainable_variables())
        session.run(gan.d_train_op, {t: values[t] for t in (gan.input_real, gan.input_z)})
        session.run(gan.g_train_op, {gan.input_z_g: values[gan.input_z_g]})
        assert_same(unfed, session.run(tf.trainable_variables()), tf.trainable_variables())


def test_a_fed_learning_rate_is_the_one_used(graph):
    """At a rate of 0 no weight moves."""
    _, gan = build_on_random_images("vanilla", "mnist")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        start = session.run(gan.d_vars + gan.g_vars)
        session.run(gan.train_op, {gan.learning_rate: 0.0})
        assert not any(moved(start, session.run(gan.d_vars + gan.g_vars)))


def test_without_images_input_real_must_be_fed(graph):
    recipe = small("vanilla", "mnist")
    gan = tfgan.build(recipe)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match="input_real"):
            session.run(gan.d_loss)
        assert session.run(gan.samples, {gan.input_z: np.zeros((3, 100))}).shape == (3, 28, 28, 1)
        z = session.run(gan.input_z, {gan.input_real: np.zeros((7, 28, 28, 1))})
        assert z.shape == (7, 100), "as many rows of z as real images"


def test_build_refuses_a_second_gan_and_an_open_scope(graph):
    recipe = small("vanilla", "mnist")
    tfgan.build(recipe)
    with pytest.raises(RuntimeError, match="holds a GAN already"):
        tfgan.build(recipe)
    with tf.variable_scope("outer"), pytest.raises(RuntimeError, match="'outer' is open"):
        tfgan.build(recipe)


def test_build_needs_a_graph_and_leaves_eager_mode_alone():
    with pytest.raises(RuntimeError, match="Graph"):
        tfgan.build(small("vanilla", "mnist"))
    with tf.Graph().as_default():
        tfgan.build(small("vanilla", "mnist"))
    assert tf2.executing_eagerly()
    assert float(tf2.constant(1.0) + 1.0) == 2.0


@every_recipe
def test_no_run_reads_and_writes_a_variable_in_any_order(model, dataset, graph):
    assert_nothing_races(build_on_random_images(model, dataset)[1])


def assert_nothing_races(gan):
    """If two operations of one run use the same variable and one of them writes it, one must depend on the other.

    Otherwise the result depends on which thread is faster: a test passes a hundred times and fails on a busy machine.
    """
    logged = [*measures_of_d(gan).values(), gan.fake, gan.input_real]
    runs = [
        [gan.d_train_op, *logged],
        [gan.g_train_op, gan.g_loss],
        [gan.train_op, gan.g_loss_updated, *logged],
    ]
    for fetches in runs:
        operations = ancestors(getattr(f, "op", f) for f in fetches)
        touching = {}
        for op in operations:
            for tensor in op.inputs:
                if tensor.dtype == tf.resource:
                    touching.setdefault(tensor.op.name, []).append(op)
        assert len(touching) > 12
        before = {}
        for name, users in touching.items():
            writes = [op for op in users if op.type != "ReadVariableOp"]
            for write in writes:
                for other in users:
                    if other is not write:
                        for op in (write, other):
                            if op not in before:
                                before[op] = ancestors([op])
                        assert write in before[other] or other in before[write], f"{name}: {write.name} races {other.name}"


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
def test_with_remedies_fused_equals_separate(model, changes, graph):
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
def test_with_remedies_nothing_races(model, changes, graph):
    assert_nothing_races(build_on_random_images(model, "mnist", **changes)[1])


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
