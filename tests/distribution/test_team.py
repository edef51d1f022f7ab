"""Several replicas against one: parts of batches and noise to the bit, batch normalisation in closed form, whole iterations."""

import pathlib
from types import SimpleNamespace

import numpy as np
import pytest

import tfgan
from tests.conftest import assert_same_variables
from tests.conftest import random_images
from tests.conftest import saved_variables
from tfgan.common import signals
from tfgan.datasets.batches import Batches
from tfgan.datasets.batches import Part
from tfgan.datasets.pipeline import Pipeline
from tfgan.distribution import collectives
from tfgan.distribution import team as teams
from tfgan.distribution.team import Team
from tfgan.graph import layers
from tfgan.graph import noise
from tfgan.graph.replica import Replica
from tfgan.graph.replica import ReplicaGroup
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf
from tfgan.tf1 import tf2
from tfgan.training import steps
from tfgan.training.session import session_config

CPUS = ("/cpu:0", "/cpu:1", "/cpu:2")
MODES = ("join", "keep", "drop", "fill")


def numbered(count):
    """Images that say which one they are: uint8 [count, 1, 2, 1], to be told apart and mirrored."""
    return np.stack([np.arange(count), np.full(count, 255)], -1).astype(np.uint8).reshape(count, 1, 2, 1)


def mlp(**changes):
    return tfgan.recipe("mlp", "digits").replace(**changes)


def team(replicas, synchronised=False):
    return Team(CPUS[:replicas], None, synchronised)


def trained(recipe, images, iterations, together, classes=None):
    """([measures of each iteration], {variable: value on each replica}) of the recipe on these images of these `Classes`."""
    with tf.Graph().as_default() as graph:
        parts = [Batches(images, recipe, 0, replica, together.count, classes) for replica in together.local]
        gan, measures = together.build(recipe, 0, parts, "float32")
        initialise, variables = tf.global_variables_initializer(), tf.global_variables()
        values = {v.op.name: list(getattr(v, "values", (v,))) for v in variables}
        with together.session(graph, session_config(recipe)) as session:
            session.run(initialise)
            together.broadcast(session, 0)
            _, step_measured = steps.fused(gan, measures)
            return [step_measured(session, n, False) for n in range(iterations)], session.run(values)


def losses(measured):
    return np.array([[line["d_loss"], line["g_loss"]] for line in measured])


@pytest.mark.parametrize("draw", [noise.uniform, noise.normal])
@pytest.mark.parametrize("row", [[96], [7], [3, 3, 1], [1, 1, 1]])
def test_rows_of_a_draw_are_those_of_the_whole(draw, row, graph):
    key, first = noise.key(3, 5, noise.Stream.Z_D), tf.placeholder(tf.int64, [])
    whole, part = draw([13, *row], key), draw([4, *row], noise.FromRow(key, first))
    with tf.Session() as session:
        everything = session.run(whole)
        for begin in range(9):
            np.testing.assert_array_equal(session.run(part, {first: begin}), everything[begin : begin + 4])


@pytest.mark.parametrize("replicas", [2, 3])
@pytest.mark.parametrize("mode", MODES)
def test_parts_make_up_the_batch_that_one_would_have(mode, replicas):
    """To the bit, mirrored images too; and the parts that the graph computes are those that are gathered."""
    recipe = mlp(batch_size=8, last_batch=mode, flip=True)
    whole = Batches(numbered(53), recipe, 1)
    parts = [Batches(numbered(53), recipe, 1, replica, replicas) for replica in range(replicas)]
    for n in range(3 * 7):
        np.testing.assert_array_equal(np.concatenate([part[n] for part in parts]), whole[n])
        assert [len(part[n]) for part in parts] == [part.part(n).rows for part in parts]
        assert [part.part(n).first_row for part in parts] == [sum(len(p[n]) for p in parts[:k]) for k in range(replicas)]
        assert {part.part(n).batch_rows for part in parts} == {len(whole[n])}
    with tf.Graph().as_default(), tf.Session() as session:
        iteration = tf.placeholder(tf.int64, [])
        pipelines = [Pipeline(part, recipe.replace(image_shape=(1, 2, 1))) for part in parts]
        made = [(pipeline(iteration), tuple(map(tf.convert_to_tensor, pipeline.part(iteration)))) for pipeline in pipelines]
        for n in (0, 6, 7, 20):
            images, described = zip(*session.run(made, {iteration: n}), strict=True)
            assert sum(map(len, images)) == len(whole[n])
            assert [tuple(d) for d in described] == [tuple(part.part(n)) for part in parts]


@pytest.mark.parametrize("synchronised", [False, True])
@pytest.mark.parametrize(
    ("shape", "keras"), [((10, 3), False), ((10, 2, 2, 3), False), ((10, 3), True)], ids=["vectors", "images", "keras"]
)
def test_batch_normalization_of_parts(shape, keras, synchronised):
    """Against one pass over the whole batch: output and gradient if it is synchronised; else the averages of the parts' own."""
    rng = np.random.default_rng(0)
    x, target = (rng.normal(3, 2, shape).astype(np.float32) for _ in range(2))
    cuts = [(0, 4), (4, 10)]

    def layer(values, targets, replica=None):
        with network_pass(replica=replica) as this, tf.variable_scope("net", reuse=tf.AUTO_REUSE):
            values = tf.constant(values)
            y = layers.batch_normalization(values, True, momentum=0.9, keras_variance=keras)
            gradient = tf.gradients(tf.reduce_sum(y * targets), [values])[0]
        return y, gradient, this.update_ops

    with tf.Graph().as_default(), tf.Session() as session:
        y, gradient, updates = layer(x, target)
        session.run(tf.global_variables_initializer())
        y, gradient, _ = session.run([y, gradient, updates])
        averages = session.run(tf.global_variables()[2:])
    with tf.Graph().as_default():
        made = {}

        def replica():
            number = int(tf.get_static_value(tf2.distribute.get_replica_context().replica_id_in_sync_group))
            first, end = cuts[number]
            group = ReplicaGroup(collectives.all_reduce_sum_with_gradient, synchronised)
            of = Replica(Part(first, end - first, 10), group)
            made[number] = layer(x[first:end], target[first:end], of)

        tf2.distribute.MirroredStrategy(CPUS[:2]).run(replica)
        with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
            session.run(tf.global_variables_initializer())
            parts = session.run([made[0], made[1]])
            by_replica = [session.run([v.values[n] for v in tf.global_variables()[2:]]) for n in range(2)]
    np.testing.assert_array_equal(np.concatenate(by_replica[0]), np.concatenate(by_replica[1]))
    if keras:
        np.testing.assert_allclose(averages[1], 0.9 + 0.1 * x.var(0) * 10 / 8.999, rtol=1e-5)
    if synchronised:
        np.testing.assert_allclose(np.concatenate([part[0] for part in parts]), y, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(np.concatenate([part[1] for part in parts]), gradient, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(by_replica[0], averages, rtol=1e-5)
        return
    axes = tuple(range(x.ndim - 1))
    unbiased = x.ndim == 4  # as TF 1.x has it
    of_parts = [(b - a, x[a:b].mean(axes), x[a:b].var(axes, ddof=unbiased)) for a, b in cuts]
    means = [mean for _, mean, _ in of_parts]
    variances = [variance * (n / (n - 1.001) if keras else 1) for n, _, variance in of_parts]
    np.testing.assert_allclose(by_replica[0][0], 0.1 * (0.4 * means[0] + 0.6 * means[1]), rtol=1e-5)
    np.testing.assert_allclose(by_replica[0][1], 0.9 + 0.1 * (0.4 * variances[0] + 0.6 * variances[1]), rtol=1e-5)
    assert np.abs(np.concatenate([part[0] for part in parts]) - y).max() > 0.01


def test_large_tensors_are_summed_in_slices(monkeypatch, graph):
    """None above a pack, on the devices of the tensors (else TensorFlow sums one after the other), whole again afterwards."""
    monkeypatch.setattr(collectives, "PACK_BYTES", 40)
    strategy, seen = tf2.distribute.MirroredStrategy(["/cpu:0"]), []
    whole = strategy.extended.batch_reduce_to

    def watched(operation, pairs, options):
        seen.extend(value for value, _ in pairs)
        return whole(operation, pairs, options)

    strategy.extended.batch_reduce_to = watched
    collectives.sum_in_slices(strategy)
    values = [np.random.default_rng(0).random(shape, np.float32) for shape in [(9,), (2, 3, 4), (4, 5), ()]]
    totals = strategy.run(lambda: collectives.all_reduce_sum([tf.constant(value) for value in values]))
    with tf.Session() as session:
        for total, value in zip(session.run(totals), values, strict=True):
            np.testing.assert_array_equal(total, value)
    assert [value.shape.as_list() for value in seen] == [[9], [10], [10], [4], [10], [10], []]
    assert len({value.device for value in seen}) == 1
    assert "device:CPU:0" in seen[0].device


@pytest.mark.parametrize(("model", "replicas"), [("vanilla", 2), ("mlp", 2), ("mlp", 3)])
@pytest.mark.slow
def test_replicas_train_as_one_would(model, replicas):
    """Losses to 1e-5 over 100 iterations, short and uneven last batches among them; all replicas' variables to the bit.

    Where a hidden unit comes so near to 0 that rounding decides its sign, two runs part from there on (as one replica's run does
    from itself, with weights changed by rounding): so one of a few sets of images must do, and all of them at first.
    """
    recipe = tfgan.recipe(model).replace(batch_size=8, subset=None)
    for seed in range(1, 5):
        images = random_images(recipe, 53, seed)
        one, _ = trained(recipe, images, 100, team(1))
        several, variables = trained(recipe, images, 100, team(replicas))
        np.testing.assert_allclose(losses(several)[:10], losses(one)[:10], rtol=1e-5)
        norms = [[line["g_gradient"] for line in measured[:10]] for measured in (several, one)]
        np.testing.assert_allclose(*norms, rtol=1e-4)
        for name, values in variables.items():
            for value in values[1:]:
                np.testing.assert_array_equal(value, values[0], err_msg=name)
        if np.allclose(losses(several), losses(one), rtol=1e-5, atol=0):
            return
    pytest.fail("on none of the sets of images the losses agree over 100 iterations")


def assert_two_replicas_train_as_one(recipe, images):
    """Losses and variables of ten iterations."""
    one, at_one = trained(recipe, images, 10, team(1))
    several, variables = trained(recipe, images, 10, team(2))
    np.testing.assert_allclose(losses(several), losses(one), rtol=2e-5, atol=2e-5)
    for name, (first, second) in variables.items():
        np.testing.assert_array_equal(first, second, err_msg=name)
        np.testing.assert_allclose(first, at_one[name][0], atol=2e-4, err_msg=name)  # Adam's first steps are the rate, of a sign


@pytest.mark.slow
def test_replicas_with_remedies_train_as_one_would():
    """Several updates of D, a penalty, augmentation and noise of the batch's own rows, dropout, averages of G's variables."""
    # Not with the Wasserstein loss: the gradient of D's last bias is 0 there, or a rounding error, which Adam makes a step of.
    remedies = {"d_steps": 2, "penalty": "wgan-gp", "augment": ("translation", "cutout"), "g_average": 0.9}
    recipe = mlp(batch_size=7, instance_noise=0.1, **remedies)
    assert_two_replicas_train_as_one(recipe, random_images(recipe, 31))


@pytest.mark.slow
def test_the_dragan_penalty_has_the_whole_batchs_deviation():
    """Dark and bright images, so that each part's own deviation is another."""
    recipe = mlp(batch_size=7, penalty="dragan")
    images = (random_images(recipe, 7) * np.linspace(0, 1, 7)[:, None, None, None]).astype(np.uint8)
    one, several, three = (trained(recipe, images, 2, team(replicas))[0] for replicas in (1, 2, 3))
    for others in (several, three):
        np.testing.assert_allclose([line["d_penalty"] for line in others], [line["d_penalty"] for line in one], rtol=2e-6)


def check_batch_normalised(model, dataset):
    """Two iterations' losses. Adam's first step is a smooth function of each gradient with this epsilon.

    With 1e-8 it is the sign of each gradient, and rounding decides the signs of those near 0.
    """
    recipe = tfgan.recipe(model, dataset).replace(batch_size=6, epsilon=0.1)
    images = random_images(recipe, 12)
    one, apart, together = (losses(trained(recipe, images, 2, t)[0]) for t in (team(1), team(2), team(2, synchronised=True)))
    np.testing.assert_allclose(together, one, rtol=1e-5)
    assert np.abs(apart / one - 1).max() > 5e-3, "each part with statistics of its own"


@pytest.mark.slow
def test_synchronised_batch_normalization_trains_as_one_would():
    check_batch_normalised("dcgan28", "mnist")  # dropout's masks, too, are rows of the whole batch's


@pytest.mark.slow
@pytest.mark.parametrize(("model", "dataset"), [("dcgan64", "mnist"), ("dogs", "dogs")])
def test_synchronised_batch_normalization_of_large_models(model, dataset):
    check_batch_normalised(model, dataset)


@pytest.mark.slow
def test_a_run_goes_on_with_other_replicas(run):
    """A checkpoint is the same whoever made it: begun alone, continued by two, and all of it by two."""
    options = ["--batch-size=8", "--checkpoint-every=3", "--summary-every=3"]
    assert run("--run=a", "--iterations=3", *options)[0] == 0
    status, out, _ = run("--run=a", "--iterations=6", "--devices=0,1", *options)
    assert status == 0
    assert "results may differ in their last bits: replicas was 1, now 2" in out
    assert run("--run=b", "--iterations=6", "--devices=0,1", *options)[0] == 0
    assert run("--run=c", "--iterations=6", *options)[0] == 0
    a, b, c = (saved_variables(pathlib.Path("logs", name)) for name in "abc")
    assert a.keys() == b.keys() == c.keys()
    for name in a:
        np.testing.assert_allclose(a[name], c[name], atol=1e-5, err_msg=name)
        np.testing.assert_allclose(b[name], c[name], atol=1e-5, err_msg=name)
    assert run("--run=b2", "--iterations=6", "--devices=0,1", *options)[0] == 0
    assert_same_variables(b, saved_variables(pathlib.Path("logs", "b2")))


@pytest.mark.slow
def test_replicas_begin_from_a_checkpoint(run):
    """--init-from with several replicas: all of them have its values."""
    options = ["--batch-size=8", "--summary-every=1"]
    assert run("--run=a", "--iterations=2", "--seed=1", *options)[0] == 0
    for name, more in (("alone", []), ("two", ["--devices=0,1"])):
        assert run(f"--run={name}", "--iterations=1", "--init-from=logs/a/checkpoints/000002", *options, *more)[0] == 0
    alone, two = (saved_variables(pathlib.Path("logs", name)) for name in ("alone", "two"))
    for name, value in alone.items():
        np.testing.assert_allclose(two[name], value, atol=1e-6, err_msg=name)


def test_what_does_not_go_with_replicas_is_refused(run):
    for options, words in (
        (["--devices=0,1", "--as-written"], "--as-written is the tutorials' own loop"),
        (["--sync-batch-norm"], "--sync-batch-norm is for several devices or hosts"),
        (["--devices=0,0"], "not a list of different numbers"),
        (["--devices=0,x"], "not a list of different numbers"),
        (["--devices=0,1", "--device=1"], "--device 1 and --devices"),
        (["--devices=0,1", "--batch-size=1"], "leaves some of 2 replicas without one"),
    ):
        status, _, err = run("--iterations=1", *options)
        assert status == 2
        assert words in err
        assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(("vote_s", "iterations"), [(0.001, 4), (0.0001, 1), (0.01, 20), (0.1, 20)])
def test_how_often_processes_vote_on_a_stop(monkeypatch, vote_s, iterations):
    """By iterations of 50 ms. Votes take 0.5% of the time, but there is one each second, however long a vote takes."""
    now, held = [0.0], []
    monkeypatch.setattr(teams, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def run(session, ballot):
        now[0] += vote_s
        return ballot  # that of the chief, and nothing from the others

    vote = teams._Vote(True, SimpleNamespace(run=run))
    stop = signals.STOP_SIGNALS[-1]
    for done in range(1, 201):
        now[0] += 0.05 + 1e-6
        before = now[0]
        answer = vote.take(None, done, stop if done > 150 else 0)
        if now[0] > before:
            held.append(done)
        assert answer == (stop if done > 150 and held[-1] == done else 0)
    assert held[:2] == [1, 2]
    gaps = np.diff(held)[3:]
    assert gaps.min() >= iterations - 1
    assert gaps.max() <= iterations


def test_any_process_can_stop_all_and_the_chief_says_when_the_next_vote_is():
    sums, ballots = [], []
    vote = teams._Vote(False, SimpleNamespace(run=lambda session, ballot: ballots.append(ballot) or [*sums, 7]))
    for number, signal in enumerate(signals.STOP_SIGNALS):
        sums = [float(n == number) for n in range(len(signals.STOP_SIGNALS))]
        done = vote._next
        assert vote.take(None, done, 0) == signal
        assert ballots.pop() == [0.0] * (len(signals.STOP_SIGNALS) + 1)
        assert [vote.take(None, done + n, 0) for n in range(1, 7)] == [0] * 6, "no vote before the chief's interval is over"
