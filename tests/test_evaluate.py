"""`tfgan.evaluate`, run as a user runs it: figures of samples, and the protocol that belongs to each."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfgan import datasets
from tfgan import evaluate
from tfgan import report
from tfgan.common import images
from tfgan.datasets import Request
from tfgan.datasets import download
from tfgan.datasets.pack import Data
from tfgan.errors import UserError
from tfgan.quality import classifier
from tfgan.quality import evaluation
from tfgan.quality import measurements
from tfgan.quality import metrics
from tfgan.quality.features import Extractor
from tfgan.recipes import recipe
from tfgan.runs import read

FEW = ["--images=50", "--features=random"]


def refuse(file, folder, *_):
    raise UserError(f"cannot fetch {file.name}. Check the network, or put it into {folder} by hand")


def linked(source, target):
    """A copy; of a checkpoint's variables, which take a gigabyte and which nothing here changes, another name for the file."""
    (os.link if ".data-" in source else shutil.copy2)(source, target)


@pytest.fixture
def evaluated(command, runs, tmp_path):
    """evaluated(*options): the command, in a folder with copies of the short runs and their pictures."""
    for folder in ("logs", "out"):
        shutil.copytree(runs / folder, tmp_path / folder, copy_function=linked)
    return command(evaluate)


def test_the_figures_and_their_protocol(evaluated, tmp_path):
    status, out, err = evaluated("--run", "mlp-digits", *FEW)
    assert (status, err) == (0, "")
    (path,) = (tmp_path / "logs" / "mlp-digits" / "quality").glob("random-*/000004.json")
    assert f"Saved {path.relative_to(tmp_path)}" in out
    result = json.loads(path.read_text())
    assert result["iteration"] == 4
    assert result["protocol"] == {
        "format": 3, "features": "random", "features_sha256": result["protocol"]["features_sha256"], "dataset": "digits",
        "data_sha256": read.find_run("mlp-digits").config["data_sha256"], "split": "training images", "size": "10 x 10 x 1",
        "model_size": "28 x 28 x 1", "real": 50, "samples": 50, "seed": 0,
    }  # fmt: skip
    assert set(measurements.HIGHER_IS_BETTER) - set(measurements.OF_CLASSES) < set(result["figures"])
    assert not set(measurements.OF_CLASSES) & set(result["figures"])
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
    assert json.loads(path.read_text())["figures"] == result["figures"]
    (others,) = {*path.parent.parent.glob("random-*/000004.json")} - {path}
    assert json.loads(others.read_text())["figures"] != result["figures"], "another protocol, another place"


@pytest.mark.slow
def test_several_runs_side_by_side_and_what_cannot_be_compared(evaluated):
    shutil.copytree("logs/mlp-digits", "logs/other")
    status, out, err = evaluated("--run", "mlp-digits", "other", *FEW)
    assert (status, err) == (0, "")
    line = next(line for line in out.splitlines() if line.startswith("frechet_distance"))
    assert line.split()[1] == line.split()[2]
    assert "mlp-digits @ 4" in out
    status, _, err = evaluated("--run", "mlp-digits", "dcgan28-digits", *FEW)
    assert (status, err) == (0, ""), "another model of the same data can be"
    results = [{"run": run, "protocol": {"real": real, "x": 1}} for run, real in (("a", 50), ("b", 60))]
    with pytest.raises(UserError, match="figures of a and b cannot be compared: real is 50 and 60; evaluate them separately"):
        measurements.require_same(results)


def test_the_report_shows_the_figures(evaluated, command, tmp_path):
    assert evaluated("--run", "mlp-digits", *FEW)[0] == 0
    (path,) = (tmp_path / "logs/mlp-digits/quality").glob("random-*/000004.json")
    (path.parent / "000003.json").write_text('{"iteration": 3, "figures": {"recall": "?"}, "protocol": {}}')
    result = json.loads(path.read_text())
    result["figures"]["class_shares"] = {"9": 0.125}
    path.write_text(json.dumps(result))
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
    assert len([*(tmp_path / "logs/mlp-digits/quality").glob("random-*/000002.json")]) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--run", "nothing"], "there is no run 'nothing'"),
        (["--run", "mlp-digits", "--iteration=3"], "no checkpoint of iteration 3"),
        (["--run", "mlp-digits", "--iteration=last"], "--iteration is 'last'; give a checkpoint's iteration, or best"),
        (["--run", "mlp-digits", "--iteration=best"], "no best checkpoint; --evaluate-every with --keep-best keeps one"),
        (["--run", "mlp-digits", "--images=5"], "--images is 5; it must be from 10"),
        (["--run", "compact-pictures", "--features=inception"], "by hand"),
        (["--run", "mlp-digits", "--seed=-1"], "--seed is -1"),
        (["--run", "mlp-digits", "--against=nowhere"], "there is no data set 'nowhere' and no folder"),
        (["--run", "mlp-digits", "--features=vgg"], "invalid choice"),
        ([], "--run"),
    ],
)
def test_nonsense(evaluated, options, words, monkeypatch):
    monkeypatch.setattr(download, "fetch", refuse)
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
    assert "are not those that the run was trained on; give their folder with --data-dir" in err


def test_judge_against_the_metrics_themselves(tmp_path):
    """What `figures` says of real images that play the samples, and of noise; the same for any size of batches."""
    of_digits = recipe("mlp", "digits")
    data = datasets.load("digits", tmp_path, Request((28, 28)))
    with evaluation.Evaluator(of_digits, data.sha256, tmp_path, "pixels", 500) as evaluator:
        real = images.resize_round_trip(data.images[np.linspace(0, 1796, 500).round().astype(int)], (28, 28, 1))
        noisy = np.random.default_rng(0).integers(0, 256, real.shape).astype(np.uint8)
        same, noise = evaluator.figures(real), evaluator.figures(noisy)
    features = real.reshape(500, -1) / 255
    assert same["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    assert same["sliced_wasserstein_of_pixels"] == 0
    assert same["nearest_training_image"] == 0
    assert same["training_images_searched"] == 1797
    assert noise["frechet_distance"] > 5
    assert noise["precision"] < 0.1 < same["precision"]
    fake = np.random.default_rng(0).integers(0, 256, real.shape).reshape(500, -1) / 255
    expected = metrics.frechet_distance(metrics.statistics(features), metrics.statistics(fake))
    assert noise["frechet_distance"] == pytest.approx(expected, rel=1e-5)


def test_the_real_images_features_are_computed_once(tmp_path, monkeypatch):
    of_digits, sha256 = recipe("mlp", "digits"), datasets.load("digits", tmp_path, Request((28, 28))).sha256
    samples = np.random.default_rng(0).integers(0, 256, (20, 10, 10, 1)).astype(np.uint8)
    counts = []
    extract = Extractor.__call__
    monkeypatch.setattr(Extractor, "__call__", lambda self, x: counts.append(len(x)) or extract(self, x))
    found = []
    for _ in range(2):
        with evaluation.Evaluator(of_digits, sha256, tmp_path, "random", 100) as evaluator:
            found.append(evaluator.figures(samples, quick=True))
    assert counts == [100, 20, 20]
    assert found[0] == found[1]


def test_halves_of_the_test_split_are_the_reference_where_the_run_did_not_train_on_it(tmp_path, monkeypatch):
    """Every second image is held out; the others are there to choose by."""
    numbered = np.broadcast_to(np.arange(100, 141, dtype=np.uint8)[:, None, None, None], [41, 28, 28, 1])
    parts = {"train": np.zeros([60, 28, 28, 1], np.uint8), "test": numbered}

    def load(info, data_dir, request):
        return Data(np.concatenate([parts[split] for split in request.splits]), sha256="-".join(request.splits))

    monkeypatch.setattr("tfgan.datasets.mnist.load", load)
    names = {False: "test, the half to choose by", True: "test, the held-out half"}
    for held_out, first in ((False, 100), (True, 101)):
        half = evaluation.reference_images(recipe("dcgan28", "mnist"), "train", tmp_path, 30, held_out)
        assert (half.split, half.sha256, len(half.training.images)) == (names[held_out], "test", 60)
        assert half.images[:, 0, 0, 0].tolist() == list(range(first, 141, 2))
        few = evaluation.reference_images(recipe("dcgan28", "mnist"), "train", tmp_path, 6, held_out)
        assert set(few.images[:, 0, 0, 0]) < set(half.images[:, 0, 0, 0])
        assert len(few.images) == 6
    both = evaluation.reference_images(recipe("dcgan64", "mnist"), "train-test", tmp_path, 30, held_out=True)
    assert (both.split, len(both.training.images), len(both.images)) == ("training images", 101, 30)


def test_real_images_that_are_given(evaluated, tmp_path):
    """They take the place of the training images, in the training images' size. The training images themselves are told."""
    greys = [0, 30, 60, 120, 200, 255]
    (tmp_path / "others").mkdir()
    for grey in greys:
        Image.new("RGB", (20, 30), (grey, grey, grey)).save(tmp_path / "others" / f"{grey:03}.png")
    of_digits, sha256 = recipe("mlp", "digits"), read.find_run("mlp-digits").config["data_sha256"]
    given = evaluation.reference_images(of_digits, sha256, tmp_path / "data", 99, held_out=True, against="others")
    assert (given.images.shape, given.images[:, 5, 5, 0].tolist()) == ((6, 10, 10, 1), greys)
    assert len(given.training.images) == 1797
    status, out, err = evaluated("--run", "mlp-digits", *FEW, "--against", f"{tmp_path}/others/")
    assert (status, err) == (0, "")
    assert "against 6 real images of others (given), 10 x 10 x 1" in out
    status, out, _ = evaluated("--run", "mlp-digits", *FEW, "--against=digits")
    assert status == 0
    assert "against 50 real images of digits (training images)" in out


def write_pictures(folder, count):
    """Noise of 12 x 12, whose range depends on the folder's name."""
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 20 * len(folder.name), (count, 12, 12, 3), dtype=np.uint8)
    for n, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{n:03}.png")


def packed_files(data_dir):
    return {path.name: path.read_bytes() for path in (data_dir / "packed").iterdir()}


def test_own_pictures_beside_what_tfgan_writes(run, command, tmp_path, monkeypatch):
    """tfgan's pictures are none of the user's, whatever they are read for. What a run was trained on stays as it is."""
    monkeypatch.setattr(classifier, "_IMAGES", 500)
    for name, count in (("cats", 65), ("horses", 65), ("data/old", 2), ("logs/old", 2), ("out/old", 2)):
        write_pictures(tmp_path / name, count)
    options = ["--dataset=.", "--model=mlp", "--image-size=28", "--batch-size=4", "--run=mine"]
    assert run(*options, "--iterations=1")[0] == 0
    packed = packed_files(tmp_path / "data")
    judge = command(evaluate)
    for further in ([], ["--against=."]):
        status, out, err = judge("--run=mine", "--images=40", "--features=classifier", *further)
        assert (status, err) == (0, "")
        assert [line.split()[2] for line in out.splitlines() if line.startswith("share of")] == ["cats", "horses"]
        assert "(training images)" in out
    assert packed_files(tmp_path / "data") == packed

    write_pictures(tmp_path / "zebras", 4)  # now the pictures are others
    assert run(*options, "--iterations=2")[0] == 2
    assert packed_files(tmp_path / "data").items() > packed.items()
    assert judge("--run=mine", "--images=40", "--features=classifier")[0] == 0
    run_of_them = read.find_run("mine")
    assert len(report.training_images(run_of_them, tmp_path / "data", tmp_path / "out")) == 130

    shutil.rmtree(tmp_path / "zebras")
    shutil.rmtree(tmp_path / "data" / "packed")
    assert judge("--run=mine", "--images=40", "--features=random")[0] == 0, "they are packed again as for training"


@pytest.mark.slow
def test_own_pictures_few_and_moved_away(run, command, tmp_path):
    for count, name in ((9, "mine"), (5, "few")):
        (tmp_path / name).mkdir()
        for n, picture in enumerate(np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)):
            Image.fromarray(picture).save(tmp_path / name / f"{n}.png")
        options = ["--dataset", name, "--model=mlp", "--batch-size=4", "--iterations=1", "--run", name]
        assert run(*options)[0] == 0
        (tmp_path / name).rename(tmp_path / f"{name}-moved")
    status, out, err = command(evaluate)("--run", "mine", "--images=10")
    assert (status, err) == (0, "")
    assert "against 9 real images of mine (training images)" in out
    status, _, err = command(evaluate)("--run", "few", "--images=10")
    assert status == 2
    assert "has 5 images; measuring needs 6 or more" in err


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    data = datasets.load("digits", tmp_path, Request((28, 28)))
    of_digits, sha256 = recipe("mlp", "digits"), data.sha256
    figures = []
    for kept in (True, False):
        if not kept:
            shutil.rmtree(tmp_path / "features")
            (tmp_path / "features").write_text("no folder")
        with evaluation.Evaluator(of_digits, sha256, tmp_path, "random", 100) as evaluator:
            figures.append(evaluator.figures(data.images[::60], quick=True))
    assert figures[0] == figures[1], "the same as where it can be written"
    assert 0 < figures[0]["coverage"] < 1
    with pytest.raises(UserError, match="the features cannot be stored"):
        evaluation.Evaluator(of_digits, sha256, tmp_path, "classifier", 100)


def test_each_column_bears_its_own_run_and_iteration(capsys):
    protocol = {"features": "random", "features_sha256": "0" * 64, "samples": 50, "seed": 0, "real": 60}
    protocol |= {"dataset": "digits", "split": "training images", "size": "10 x 10 x 1"}
    results = [
        {"run": run, "iteration": iteration, "figures": {"recall": recall}, "protocol": protocol}
        for run, iteration, recall in (("a", 4, 0.25), ("b", 7, 0.5))
    ]
    evaluate.show(results)
    heading, row, _ = capsys.readouterr().out.splitlines()
    assert heading.split() == ["a", "@", "4", "b", "@", "7"]
    assert row.split() == ["recall", "0.25", "0.5"]


def test_the_table_that_evaluate_prints(capsys):
    protocol = {"features": "classifier", "features_sha256": "0123456789abcdef", "classifier_accuracy": 0.98765, "samples": 2000}
    protocol |= {"seed": 4, "real": 1797, "dataset": "digits", "split": "training images", "size": "10 x 10 x 1"}
    figures = {"recall": 0.123456, "training_images_searched": 1797, "class_shares": {"9": 0.0314}}
    others = {"recall": 12.0, "training_images_searched": 5, "class_shares": {"9": 1.0}}
    results = [{"run": "a", "iteration": 4, "figures": figures}, {"run": "longer", "iteration": 12, "figures": others}]
    evaluate.show([{**result, "protocol": protocol} for result in results])
    assert capsys.readouterr().out == (
        "                           a @ 4  longer @ 12\n"
        "recall                    0.1235           12\n"
        "training_images_searched   1,797            5\n"
        "share of 9                  3.1%       100.0%\n"
        "Features: classifier (0123456789ab, accuracy 98.77%); 2,000 samples of seed 4 against 1,797 real images of digits "
        "(training images), 10 x 10 x 1\n"
    )


@pytest.mark.parametrize(("options", "words"), [
    (["--images=9"], "--images is 9; it must be from 10 to 100,000"), (["--images=100001"], "--images is 100001; it must be"),
    ([f"--seed={2**63}"], f"--seed is {2**63}; it must be at least 0 and below 2^63"), (["--images=10"], "there is no run 'a'"),
    (["--images=100000", f"--seed={2**63 - 1}"], "there is no run 'a'"),
])  # fmt: skip
def test_how_many_images_and_which_seeds_evaluate_takes(command, options, words):
    status, _, err = command(evaluate)("--run=a", *options)
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith(f"tfgan: error: {words}")
