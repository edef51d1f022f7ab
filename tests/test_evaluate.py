"""`tfgan.evaluate` and the measuring of quality in training, run as a user runs them."""

import json
import shutil

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import assert_same_variables
from tests.conftest import saved_variables
from tfgan import datasets
from tfgan import evaluate
from tfgan import images
from tfgan import report
from tfgan import saved
from tfgan.checkpoints import Checkpoints
from tfgan.datasets import Request
from tfgan.datasets.pack import Data
from tfgan.errors import UserError
from tfgan.quality import alarms
from tfgan.quality import evaluation
from tfgan.quality import metrics
from tfgan.quality.features import Extractor
from tfgan.recipes import recipe
from tfgan.tf1 import tf

FEW = ["--images=50", "--features=random"]


@pytest.fixture
def evaluated(command, runs, tmp_path):
    """evaluated(*options): the command, in a folder with copies of the short runs and their pictures."""
    for folder in ("logs", "out"):
        shutil.copytree(runs / folder, tmp_path / folder)
    return command(evaluate)


def test_the_figures_and_their_protocol(evaluated, tmp_path):
    status, out, err = evaluated("--run", "mlp-digits", *FEW)
    assert (status, err) == (0, "")
    path = tmp_path / "logs" / "mlp-digits" / "quality" / "000004-random.json"
    assert f"Saved {path.relative_to(tmp_path)}" in out
    result = json.loads(path.read_text())
    assert result["iteration"] == 4
    assert result["protocol"] == {
        "format": 1, "features": "random", "features_sha256": result["protocol"]["features_sha256"], "dataset": "digits",
        "data_sha256": saved.find_run("mlp-digits").config["data_sha256"], "split": "training images", "size": "10 x 10 x 1",
        "real": 50, "samples": 50, "seed": 0,
    }  # fmt: skip
    assert set(saved.CHOSEN_BY) < set(result["figures"])
    for name, value in result["figures"].items():
        assert np.isfinite(value), name
    board = EventAccumulator(str(path.parent))
    board.Reload()
    (event,) = board.Scalars("quality/frechet_distance")
    assert event.step == 4
    assert event.value == pytest.approx(result["figures"]["frechet_distance"], rel=1e-6)

    again = evaluated("--run", "mlp-digits", *FEW)
    assert again[0] == 0
    assert json.loads(path.read_text())["figures"] == result["figures"], "the same command, the same figures"
    other = evaluated("--run", "mlp-digits", *FEW, "--seed=1")
    assert other[0] == 0
    assert json.loads(path.read_text())["figures"] != result["figures"]


def test_several_runs_side_by_side_and_what_cannot_be_compared(evaluated):
    shutil.copytree("logs/mlp-digits", "logs/other")
    status, out, err = evaluated("--run", "mlp-digits", "other", *FEW)
    assert (status, err) == (0, "")
    line = next(line for line in out.splitlines() if line.startswith("frechet_distance"))
    assert line.split()[1] == line.split()[2]
    assert "mlp-digits @ 4" in out
    status, _, err = evaluated("--run", "mlp-digits", "dcgan28-digits", *FEW)
    assert (status, err) == (0, ""), "another model of the same data can be"
    with pytest.raises(UserError, match="figures of a and b cannot be compared: real is 50 and 60; evaluate each by itself"):
        evaluation.same_protocol([{"run": "a", "protocol": {"real": 50, "x": 1}}, {"run": "b", "protocol": {"real": 60, "x": 1}}])


def test_the_report_shows_the_figures(evaluated, command, tmp_path):
    assert evaluated("--run", "mlp-digits", *FEW)[0] == 0
    folder = tmp_path / "logs/mlp-digits/quality"
    (folder / "000003-random.json").write_text('{"iteration": 3, "figures": {"recall": "?"}, "protocol": {}}')
    result = json.loads((folder / "000004-random.json").read_text())
    result["figures"]["class_shares"] = {"9": 0.125}
    (folder / "000004-random.json").write_text(json.dumps(result))
    assert command(report)("--run", "mlp-digits")[0] == 0
    page = (tmp_path / "out/mlp-digits.html").read_text()
    assert "Quality of iteration 4" in page
    assert "Quality of iteration 3" not in page
    assert f"{result['figures']['frechet_distance']:.4g}" in page
    assert "share of 9" in page
    assert "12.5%" in page
    assert result["protocol"]["features_sha256"] in page


def test_an_earlier_checkpoint(evaluated, tmp_path):
    assert evaluated("--run", "mlp-digits", "--iteration=2", *FEW)[0] == 0
    assert (tmp_path / "logs/mlp-digits/quality/000002-random.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--run", "nothing"], "there is no run 'nothing'"),
        (["--run", "mlp-digits", "--iteration=3"], "no checkpoint of iteration 3"),
        (["--run", "mlp-digits", "--iteration=last"], "--iteration is 'last'; give a checkpoint's iteration, or best"),
        (["--run", "mlp-digits", "--iteration=best"], "no best checkpoint; it is kept by --evaluate-every with --keep-best"),
        (["--run", "mlp-digits", "--images=1"], "--images is 1"),
        (["--run", "mlp-digits", "--seed=-1"], "--seed is -1"),
        (["--run", "mlp-digits", "--features=vgg"], "invalid choice"),
        ([], "--run"),
    ],
)
def test_nonsense(evaluated, options, words):
    status, _, err = evaluated(*options)
    assert status == 2
    assert words in err
    assert len(err.splitlines()) == 1


def test_data_that_is_not_here(evaluated, tmp_path):
    path = tmp_path / "logs/mlp-digits/config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "data_sha256": "0" * 64}))
    status, _, err = evaluated("--run", "mlp-digits", *FEW)
    assert status == 2
    assert "are not those that the run was trained on; give the folder that has them as --data-dir" in err


def test_judge_against_the_metrics_themselves(tmp_path):
    """What `figures` says of real images that play the samples, and of noise; the same for any size of batches."""
    of_digits = recipe("mlp", "digits")
    data = datasets.load("digits", tmp_path, Request((28, 28)))
    with evaluation.Judge(of_digits, data.sha256, tmp_path, "pixels", 500) as judge:
        real = data.images[np.linspace(0, 1796, 500).round().astype(int)]
        same, noise = (judge.figures(x) for x in (real, np.random.default_rng(0).integers(0, 256, real.shape).astype(np.uint8)))
    features = real.reshape(500, -1) / 255
    assert same["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    assert same["sliced_wasserstein"] == 0
    assert same["nearest_training_image"] == 0
    assert same["training_images_searched"] == 1797
    assert noise["frechet_distance"] > 5
    assert noise["precision"] < 0.1 < same["precision"]
    fake = np.random.default_rng(0).integers(0, 256, real.shape).reshape(500, -1) / 255
    expected = metrics.frechet_distance(metrics.statistics(features), metrics.statistics(fake))
    assert noise["frechet_distance"] == pytest.approx(expected, rel=1e-5)


def test_samples_of_another_size_and_colour_are_brought_to_the_datas(tmp_path):
    data = datasets.load("digits", tmp_path, Request((28, 28)))
    with evaluation.Judge(recipe("dcgan64", "digits"), data.sha256, tmp_path, "pixels", 200) as judge:
        enlarged = images.like(data.images[:200], (64, 64, 3))
        assert judge.figures(enlarged, quick=True)["frechet_distance"] < 3


def test_the_real_images_features_are_computed_once(tmp_path, monkeypatch):
    of_digits, sha256 = recipe("mlp", "digits"), datasets.load("digits", tmp_path, Request((28, 28))).sha256
    samples = np.random.default_rng(0).integers(0, 256, (20, 10, 10, 1)).astype(np.uint8)
    counts = []
    extract = Extractor.__call__
    monkeypatch.setattr(Extractor, "__call__", lambda self, x: counts.append(len(x)) or extract(self, x))
    found = []
    for _ in range(2):
        with evaluation.Judge(of_digits, sha256, tmp_path, "random", 100) as judge:
            found.append(judge.figures(samples, quick=True))
    assert counts == [100, 20, 20]
    assert found[0] == found[1]


def test_the_test_split_is_the_reference_where_the_run_did_not_train_on_it(tmp_path, monkeypatch):
    parts = {"train": np.zeros([60, 28, 28, 1], np.uint8), "test": np.ones([40, 28, 28, 1], np.uint8)}

    def load(info, data_dir, request):
        return Data(np.concatenate([parts[split] for split in request.splits]), sha256="-".join(request.splits))

    monkeypatch.setattr("tfgan.datasets.mnist.load", load)
    held_out = evaluation.reference(recipe("dcgan28", "mnist"), "train", tmp_path, 30)
    assert (held_out.split, held_out.sha256, len(held_out.training)) == ("test", "test", 60)
    assert held_out.images.shape == (30, 28, 28, 1)
    assert (held_out.images == 1).all()
    both = evaluation.reference(recipe("dcgan64", "mnist"), "train-test", tmp_path, 30)
    assert (both.split, len(both.training)) == ("training images", 100)


MEASURED = ["--model=mlp", "--batch-size=8", "--iterations=6", "--summary-every=3", "--evaluate-images=20", "--features=random"]


def test_quality_in_training(run, tmp_path):
    """Figures at every second iteration and at the end, for metrics and TensorBoard; the best checkpoint outlives --keep 1."""
    status, out, err = run(*MEASURED, "--evaluate-every=2", "--keep-best=frechet_distance", "--keep=1", "--checkpoint-every=1")
    assert (status, err) == (0, "")
    assert "Measured the samples 3 times, in " in out
    logs = tmp_path / "logs" / "mlp-digits"
    lines = [json.loads(line) for line in (logs / "metrics.jsonl").read_text().splitlines()]
    measured = {line["evaluated"]: line for line in lines if "evaluated" in line}
    assert [line["iteration"] for line in lines] == [0, 2, 3, 4, 5]
    assert list(measured) == [2, 4, 6]
    values = {iteration: line["frechet_distance"] for iteration, line in measured.items()}
    best = saved.best_of(logs / "checkpoints")
    assert best == {
        "iteration": min(values, key=values.get), "metric": "frechet_distance", "value": min(values.values()),
        "protocol": measured[2]["protocol"],
    }  # fmt: skip
    assert set(saved.iterations(logs / "checkpoints")) == {6, best["iteration"]}
    protocol = json.loads((logs / "quality" / f"protocol-{best['protocol']}.json").read_text())
    assert (protocol["features"], protocol["real"], protocol["samples"]) == ("random", 20, 20)
    board = EventAccumulator(str(logs))
    board.Reload()
    assert [event.step for event in board.Scalars("quality/frechet_distance")] == [2, 4, 5]


def test_measuring_changes_no_bit(run, tmp_path):
    found = []
    for name, options in (("a", []), ("b", ["--evaluate-every=2", "--keep-best=recall"])):
        assert run(*[o for o in MEASURED if options or "features" not in o], *options, "--run", name)[0] == 0
        found.append(saved_variables(tmp_path / "logs" / name))
    assert_same_variables(*found)


def test_measured_in_training_as_by_the_command(run, command, tmp_path):
    """The last figures of training and those of `evaluate` of the same samples differ by other noise only: they are near."""
    assert run(*MEASURED[:3], "--evaluate-every=6", "--evaluate-images=400", "--features=random", "--iterations=6")[0] == 0
    line = json.loads((tmp_path / "logs/mlp-digits/metrics.jsonl").read_text().splitlines()[-1])
    assert command(evaluate)("--run", "mlp-digits", "--images=400", "--features=random")[0] == 0
    result = json.loads((tmp_path / "logs/mlp-digits/quality/000006-random.json").read_text())
    assert line["frechet_distance"] == pytest.approx(result["figures"]["frechet_distance"], rel=0.02)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--keep-best=recall"], "--keep-best is of --evaluate-every; give that too"),
        (["--features=random"], "--features is of --evaluate-every; give that too"),
        (["--evaluate-every=0"], "--evaluate-every is 0"),
        (["--evaluate-every=5", "--evaluate-images=5"], "--evaluate-images is 5"),
        (["--evaluate-every=5", "--keep-best=loss"], "invalid choice"),
        (["--recipe=best", "--model=mlp"], "--recipe best is one of model compact; leave --model mlp out"),
        (["--loss=wasserstein"], "needs a bound on D"),
        (["--model=dcgan28", "--penalty=r1"], "say d_normalization layer or none"),
        (["--augment=colour"], "augment is 'colour'; it is any of color, translation, cutout"),
    ],
)
def test_nonsense_in_training(run, options, words, tmp_path):
    status, _, err = run(*options)
    assert status == 2
    assert words in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "logs").exists()


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
    assert saved.iterations(tmp_path / "logs/stopped/checkpoints") == [10]


def test_the_best_checkpoint_is_forgotten_when_training_goes_back_behind_it(graph, tmp_path):
    tf.train.get_or_create_global_step()
    checkpoints = Checkpoints(tmp_path, keep=2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for iteration in (1, 2, 3, 4):
            checkpoints.save(session, iteration)
            if iteration == 1:
                checkpoints.keep({"iteration": 1, "metric": "recall", "value": 0.5})
        assert saved.iterations(tmp_path) == [1, 3, 4]
        checkpoints.keep({"iteration": 4, "metric": "recall", "value": 0.7})
        assert saved.iterations(tmp_path) == [3, 4], "the best one before is not kept any longer"
        checkpoints.save(session, 3)
    assert saved.iterations(tmp_path) == [3]
    assert checkpoints.best() is None


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
        found.append((numbers, saved.best_of(logs / "checkpoints"), saved.iterations(logs / "checkpoints")))
        warned.append(out.count("Warning at iteration"))
    # Where the shorter one ended its last line has the end's figures, too.
    found[1][0][3] = {k: v for k, v in found[1][0][3].items() if k in found[0][0][3]}
    assert found[0] == found[1]
    assert warned == [1, 1]
