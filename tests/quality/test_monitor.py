"""Quality measured while a run trains, the best checkpoint, and what training does when an alarm rings."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import assert_same_variables
from tests.conftest import assert_says
from tests.conftest import saved_variables
from tests.test_evaluate import refuse
from tfgan import evaluate
from tfgan import recipes
from tfgan.datasets import download
from tfgan.errors import UserError
from tfgan.quality import alarms
from tfgan.quality import measurements
from tfgan.quality.monitor import QualityMonitor
from tfgan.runs import read
from tfgan.runs.checkpoints import Checkpoints
from tfgan.tf1 import tf

MEASURED = ["--model=mlp", "--batch-size=8", "--iterations=6", "--summary-every=3", "--evaluate-images=20", "--features=random"]


def test_what_cannot_be_measured_is_refused_before_anything_is_written(run, tmp_path, monkeypatch):
    """Also with --fresh: the run before is still there."""
    monkeypatch.setattr(download, "fetch", refuse)
    assert run(*MEASURED[:-2])[0] == 0
    before = saved_variables(tmp_path / "logs" / "mlp-digits")
    status, _, err = run(*MEASURED[:-2], "--fresh", "--evaluate-every=2", "--features=inception")
    assert status == 2
    assert "by hand" in err
    assert_same_variables(before, saved_variables(tmp_path / "logs" / "mlp-digits"))


def test_quality_in_training(run, tmp_path):
    """Figures at every second iteration and at the end, for metrics and TensorBoard; the best checkpoint outlives --keep 1."""
    others = (f"--{name}-every=3" for name in ("sample", "histogram", "checkpoint"))
    status, out, err = run(*MEASURED, "--evaluate-every=2", "--keep-best=frechet_distance", "--keep=1", *others)
    assert (status, err) == (0, "")
    assert "Measured the samples 3 times, in " in out
    logs = tmp_path / "logs" / "mlp-digits"
    lines = [json.loads(line) for line in (logs / "metrics.jsonl").read_text().splitlines()]
    measured = {line["evaluated"]: line for line in lines if "evaluated" in line}
    assert [line["iteration"] for line in lines] == [0, 2, 3, 4, 5]
    assert list(measured) == [2, 4, 6]
    values = {iteration: line["frechet_distance"] for iteration, line in measured.items()}
    best = read.read_best(logs / "checkpoints")
    assert best == {
        "iteration": min(values, key=values.get), "metric": "frechet_distance", "value": min(values.values()),
        "protocol": measured[2]["protocol"],
    }  # fmt: skip
    assert set(read.checkpoint_iterations(logs / "checkpoints")) == {6, best["iteration"]}
    protocol = json.loads((logs / "quality" / f"protocol-{best['protocol']}.json").read_text())
    assert (protocol["features"], protocol["real"], protocol["samples"]) == ("random", 20, 20)
    board = EventAccumulator(str(logs))
    board.Reload()
    assert [event.step for event in board.Scalars("quality/frechet_distance")] == [2, 4, 5]


@pytest.mark.slow
def test_another_protocol_is_no_continuation_of_a_curve(run, tmp_path):
    assert run(*MEASURED, "--evaluate-every=2")[0] == 0
    longer = [*MEASURED[:2], "--iterations=8", *MEASURED[3:]]
    status, _, err = run(*longer, "--evaluate-every=2", "--evaluate-images=30")
    assert status == 2
    assert "run mlp-digits has been measured in another way (logs/mlp-digits/quality/protocol-" in err
    assert run(*longer, "--evaluate-every=2")[0] == 0
    assert len((tmp_path / "logs/mlp-digits/metrics.jsonl").read_text().splitlines()) == 7


@pytest.mark.slow
def test_measuring_changes_no_bit(run, tmp_path):
    found = []
    for name, options in (("a", []), ("b", ["--evaluate-every=2", "--keep-best=recall"])):
        assert run(*[o for o in MEASURED if options or "features" not in o], *options, "--run", name)[0] == 0
        found.append(saved_variables(tmp_path / "logs" / name))
    assert_same_variables(*found)


@pytest.mark.slow
def test_measured_in_training_as_by_the_command(run, command, tmp_path):
    """The last figures of training and those of `evaluate` of the same samples differ by other noise only: they are near."""
    assert run(*MEASURED[:3], "--evaluate-every=6", "--evaluate-images=400", "--features=random", "--iterations=6")[0] == 0
    line = json.loads((tmp_path / "logs/mlp-digits/metrics.jsonl").read_text().splitlines()[-1])
    assert command(evaluate)("--run", "mlp-digits", "--images=400", "--features=random")[0] == 0
    (path,) = (tmp_path / "logs/mlp-digits/quality").glob("random-*/000006.json")
    result = json.loads(path.read_text())
    assert line["frechet_distance"] == pytest.approx(result["figures"]["frechet_distance"], rel=0.02)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--keep-best=recall"], "--keep-best needs --evaluate-every; give that, too"),
        (["--features=random"], "--features needs --evaluate-every; give that, too"),
        (["--evaluate-every=0"], "--evaluate-every is 0"),
        (["--evaluate-every=5", "--evaluate-images=5"], "--evaluate-images is 5"),
        (["--evaluate-every=5", "--keep-best=loss"], "--keep-best is 'loss'; it must be one of frechet_distance, "),
        (["--evaluate-every=5", "--keep-best=class_agreement"], "--keep-best class_agreement is for conditional runs; give"),
        (
            ["--conditional", "--features=random", "--evaluate-every=5", "--keep-best=mean_frechet_distance_within_classes"],
            "needs the features of a classifier that knows the run's classes; give --features classifier, or another figure",
        ),
        (["--recipe=best", "--dataset=mnist", "--model=mlp"], "--recipe best is one of model compact; leave --model mlp out"),
        (["--recipe=best", "--dataset=digits"], "none was measured for digits; there is one of mnist, celeba, dogs"),
        (["--loss=wasserstein"], "needs a bound on D"),
        (["--model=dcgan28", "--penalty=r1"], "give d_normalization layer or none"),
        (["--augment=colour"], "augment is 'colour'; it must be one or more of color, translation, cutout"),
    ],
)
def test_nonsense_in_training(run, options, words, tmp_path):
    status, _, err = run(*options)
    assert status == 2
    assert words in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "logs").exists()


@pytest.mark.slow
def test_collapse_warns_and_stops_if_asked(run, tmp_path, monkeypatch):
    """With every G taken for collapsed: a line in the terminal and in TensorBoard; stopped, with that moment's checkpoint."""
    monkeypatch.setattr(alarms, "_ALIKE", 100.0)
    options = ["--model=mlp", "--batch-size=8", "--iterations=14", "--summary-every=1"]
    status, out, err = run(*options, "--run=warned")
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if "Warning at iteration 9: G's images are" in line]
    board = EventAccumulator(str(tmp_path / "logs/warned"))
    board.Reload()
    (event,) = board.Tensors("alarms")
    assert event.step == 9
    assert b"--spectral-normalization" in event.tensor_proto.string_val[0]
    status, _, err = run(*options, "--run=stopped", "--stop-on-collapse")
    assert status == 3
    assert err.startswith("tfgan: error: stopped after iteration 10, saved: G's images are")
    assert read.checkpoint_iterations(tmp_path / "logs/stopped/checkpoints") == [10]
    status, _, err = run(*options, "--run=stopped", "--stop-on-collapse")
    assert status == 3
    assert "had collapsed by iteration 10; it goes on without --stop-on-collapse" in err
    assert run(*options, "--run=stopped")[0] == 0
    status, out, _ = run(*options[:-2], "--iterations=10", "--summary-every=1", "--run=last", "--stop-on-collapse")
    assert status == 0, "at its end there is nothing to stop"
    assert (tmp_path / "out/last-000010.png").exists()


def test_the_best_checkpoint_is_forgotten_when_training_goes_back_behind_it(graph, tmp_path):
    tf.train.get_or_create_global_step()
    checkpoints = Checkpoints(tmp_path, keep=2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for iteration in (1, 2, 3, 4):
            checkpoints.save(session, iteration)
            if iteration == 1:
                checkpoints.keep_best({"iteration": 1, "metric": "recall", "value": 0.5})
        assert read.checkpoint_iterations(tmp_path) == [1, 3, 4]
        checkpoints.keep_best({"iteration": 4, "metric": "recall", "value": 0.7})
        assert read.checkpoint_iterations(tmp_path) == [3, 4], "the best one before is not kept any longer"
        checkpoints.save(session, 3)
    assert read.checkpoint_iterations(tmp_path) == [3]
    assert checkpoints.best() is None


@pytest.mark.slow
def test_a_run_that_goes_on_measures_and_warns_as_an_undisturbed_one(run, tmp_path, monkeypatch):
    """Stopped in the middle: the same lines of metrics, the same best checkpoint; what was warned of is not said again."""
    monkeypatch.setattr(alarms, "_ALIKE", 100.0)
    monkeypatch.setattr(alarms, "_LONG", 3)
    options = [o for o in MEASURED if "iterations" not in o] + ["--evaluate-every=2", "--keep-best=coverage", "--keep=1"]
    found, warned = [], []
    for name, lengths in (("a", [8]), ("b", [4, 8])):
        out = "".join(run(*options, "--run", name, "--summary-every=1", f"--iterations={length}")[1] for length in lengths)
        logs = tmp_path / "logs" / name
        lines = [json.loads(line) for line in (logs / "metrics.jsonl").read_text().splitlines()]
        numbers = [{k: v for k, v in line.items() if k != "images_per_second"} for line in lines]
        found.append((numbers, read.read_best(logs / "checkpoints"), read.checkpoint_iterations(logs / "checkpoints")))
        warned.append(out.count("Warning at iteration"))
    # Where the shorter one ended its last line has the end's figures, too.
    found[1][0][3] = {k: v for k, v in found[1][0][3].items() if k in found[0][0][3]}
    assert found[0] == found[1]
    assert warned == [1, 1]


def monitor(metric, best=None, whole=True):
    """A `QualityMonitor` of the protocol `ours`, whose run has that record of its best checkpoint."""
    this = QualityMonitor.__new__(QualityMonitor)
    this._metric, this._name, this.protocol = metric, "ours", {"format": 3}
    this._checkpoints = SimpleNamespace(best=lambda: best, is_whole=lambda iteration: whole)
    return this


def record(value, iteration=3, metric="recall", protocol="ours"):
    return {"iteration": iteration, "metric": metric, "value": value, "protocol": protocol}


@pytest.mark.parametrize(("best", "whole", "better"), [
    (None, True, True), (record(0.4), True, True), (record(0.6), True, False), (record(0.5), True, False),
    (record(0.5, iteration=9), True, False), (record(0.5, iteration=9), False, True), (record(0.6, iteration=3), False, False),
    (record(0.6, metric="precision"), True, True), (record(0.6, protocol="theirs"), True, True),
])  # fmt: skip
def test_when_a_state_is_the_best(best, whole, better):
    """Of recall 0.5 after nine iterations. An equal one is none, unless the checkpoint of that very state is damaged."""
    found = monitor("recall", best, whole)._best_record(9, {"recall": 0.5})
    assert found == ({"iteration": 9, "metric": "recall", "value": 0.5, "protocol": "ours"} if better else None)


def test_a_run_without_a_metric_has_no_best_state():
    assert monitor(None)._best_record(5, {}) is None


def test_the_protocol_that_a_run_was_measured_by_before_is_named(tmp_path):
    lines = [{"protocol": "old"}, {"protocol": "older"}, {}]
    run = SimpleNamespace(name="run", logs=tmp_path, metrics=lambda: lines)
    with pytest.raises(UserError) as error:
        monitor(None).open(None, run, None)
    assert f"run run has been measured in another way ({tmp_path / 'quality' / 'protocol-older.json'})" in str(error.value)


@pytest.mark.parametrize(("version", "by", "remedy"), [
    (3, "", "with the same --features, --evaluate-images and file in data/features, or without --evaluate-every"),
    (2, ", by another version of tfgan", "without --evaluate-every"),
])  # fmt: skip
def test_the_way_on_from_another_protocol(tmp_path, version, by, remedy):
    """No option brings back how an older version computed its figures."""
    run = SimpleNamespace(name="run", logs=tmp_path, metrics=lambda: [{"protocol": "older"}])
    file = tmp_path / "quality" / "protocol-older.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"format": version, "features": "random"}))
    with pytest.raises(UserError) as error:
        monitor(None).open(None, run, None)
    assert_says(error.value, "run run", by, file, "--features random", f"Continue {remedy}, or start with --fresh")


# the measure -> whether more of it is better
MEASURES = {
    "frechet_distance": False, "kernel_distance": False, "precision": True, "recall": True, "density": True, "coverage": True,
    "class_agreement": True, "mean_frechet_distance_within_classes": False,
}  # fmt: skip
GOODNESS = (0.4, 0.9, 0.2, 0.6)  # after 1, 2, 3 and 4 iterations


def test_every_measure_to_choose_by_is_here():
    assert dict(measurements.HIGHER_IS_BETTER) == MEASURES


class GoodByOne:
    """Finds the states as good as that by one measure, and by all others just as bad."""

    protocol = {"features": "none"}  # noqa: RUF012
    class_figures = SimpleNamespace(within=lambda labels: ["a class"])

    def __init__(self, measure):
        self._measure = measure
        self._left = list(GOODNESS)

    def figures(self, samples, quick=False, labels=None):
        good = self._left.pop(0)
        return {name: good if more == (name == self._measure) else 1 - good for name, more in MEASURES.items()}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_best_state_is_kept(tmp_path, graph, measure):
    """Also where an earlier protocol had a better one: figures of two protocols are not compared."""
    unbeaten = {"iteration": 0, "metric": measure, "value": 5 if MEASURES[measure] else -5, "protocol": "another"}
    (tmp_path / "best.json").write_text(json.dumps(unbeaten))
    recipe = recipes.recipe("vanilla", "digits")
    z = tf.placeholder(tf.float32, [None, recipe.z_dim])
    samples = tf.zeros([tf.shape(z)[0], *recipe.image_shape])
    gan = SimpleNamespace(samples=samples, feed_of=lambda rows, _: {z: rows})
    monitor = QualityMonitor(gan, recipe, GoodByOne(measure), seed=0, samples=10, keep_best=measure)
    tf.train.get_or_create_global_step()
    checkpoints = Checkpoints(tmp_path, keep=1)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        monitor.open(session, SimpleNamespace(name="run", logs=tmp_path, metrics=list), checkpoints)
        kept = []
        for iteration in range(1, 5):
            line = monitor.measure(iteration)
            checkpoints.save(session, iteration)
            monitor.keep(lambda iteration: checkpoints.save(session, iteration))
            kept.append(read.read_best(tmp_path)["iteration"])
            good = GOODNESS[iteration - 1]
            assert line[measure] == pytest.approx(good if MEASURES[measure] else 1 - good)
    assert kept == [1, 2, 2, 2]
    assert read.checkpoint_iterations(tmp_path) == [2, 4]
    best = read.read_best(tmp_path)
    np.testing.assert_allclose(best["value"], 0.9 if MEASURES[measure] else 0.1)
    assert best["metric"] == measure


def test_the_samples_that_are_measured_are_no_others(graph):
    """Their noise is draw 2 of stream 2: the grids have draw 0, and the projector draw 1."""
    recipe, gan = recipes.recipe("vanilla", "digits"), SimpleNamespace(samples=None)
    monitor = QualityMonitor(gan, recipe, GoodByOne("recall"), seed=7, samples=5)
    expected = tf.random.stateless_uniform([5, 100], [7, 2 * 4096 + 2 * 256], -1.0, 1.0)
    with tf.Session() as session:
        np.testing.assert_array_equal(*session.run([monitor._noise, expected]))
