"""Which generators the page of a run has: also while the run is trained, started over or damaged."""

import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from tests.models.handmade import write_run
from tfgan import datasets
from tfgan import recipes
from tfgan import train
from tfgan.common import files
from tfgan.common import places
from tfgan.datasets import digits as digits_data
from tfgan.errors import UserError
from tfgan.explore import __main__ as explore
from tfgan.explore import folder
from tfgan.explore.generators import Generators
from tfgan.runs import read
from tfgan.sampling.inference import Sampler


@pytest.fixture
def logs(runs, tmp_path):
    """A copy of the run of mlp, which has the checkpoints 2 and 4."""
    shutil.copytree(runs / "logs" / "mlp-digits", tmp_path / "logs" / "mlp-digits")
    return tmp_path / "logs" / "mlp-digits"


def damage(checkpoint):
    (weights,) = checkpoint.glob("*.data*")
    weights.write_bytes(weights.read_bytes()[:-1])


def test_checkpoints_are_offered_as_they_are_now(logs):
    kept = logs / "checkpoints"
    (kept / "best.json").write_text(json.dumps({"iteration": 2, "metric": "recall", "value": 0.5}))
    source = Generators(read.read_run(logs))
    assert source.choices() == [("4 (newest)", 4), ("2 (best recall)", 2)]
    assert source.first() == (4, "")
    assert Generators(read.read_run(logs), 2).first() == (2, "")
    shutil.copytree(kept / "000004", kept / "000006")  # training goes on
    shutil.rmtree(kept / "000002")
    assert source.choices() == [("6 (newest)", 6), ("4", 4)]
    with pytest.raises(UserError, match="no checkpoint of iteration 2; it has those of 4, 6"):
        source.open(2)


def test_opened_generators_outlive_their_files(logs):
    source = Generators(read.read_run(logs))
    before = source.open(2)
    shutil.rmtree(logs / "checkpoints" / "000002")
    assert source.open(2) is before
    assert before.images(before.z(1, 0)).shape == (1, 28, 28, 1)


def start_over(logs, monkeypatch, *options):
    monkeypatch.chdir(logs.parent.parent)
    given = ["--model=mlp", "--dataset=digits", "--batch-size=8", "--checkpoint-every=2", "--iterations=4", "--fresh", *options]
    monkeypatch.setattr(sys, "argv", ["train", "--run=mlp-digits", *given])
    assert train.main() == 0


def test_a_run_that_is_started_over_has_other_weights(logs, monkeypatch):
    """Under the same iterations, with the page open. Before they are there, the page keeps those that it has."""
    source = Generators(read.read_run(logs))
    old = source.open(4)
    z = old.z(4, 0)
    start_over(logs, monkeypatch, "--seed=3", "--learning-rate=0.01")
    new = source.open(4)
    with Sampler(read.read_run(logs), 4) as sampler:
        np.testing.assert_array_equal(new.images(z), sampler.images(z))
    assert np.abs(new.images(z).astype(int) - old.images(z)).max() > 0
    assert source.open(4) is new
    shutil.rmtree(logs / "checkpoints" / "000004")
    assert source.open(4) is new


@pytest.mark.parametrize("options", [["--seed=4"], ["--seed=3", "--z-dim=50"], ["--seed=3", "--conditional"]])
def test_a_page_does_not_go_on_with_another_recipe(logs, monkeypatch, options):
    """Nor with another seed, which it shows. A run that was only made longer is the same."""
    source = Generators(read.read_run(logs))
    source.open(4)
    start_over(logs, monkeypatch, *options)
    words = "run mlp-digits was started over with another recipe or other images; end this page with Ctrl-C, and open it again"
    with pytest.raises(UserError, match=words):
        source.open(4)


def test_a_run_that_goes_on_is_the_same(logs, monkeypatch):
    source = Generators(read.read_run(logs))
    monkeypatch.chdir(logs.parent.parent)
    given = ["--model=mlp", "--dataset=digits", "--batch-size=8", "--checkpoint-every=2", "--iterations=6", "--seed=3"]
    monkeypatch.setattr(sys, "argv", ["train", *given])
    assert train.main() == 0
    assert source.newest() == (6, "")
    assert source.open(6).iteration == 6


def test_the_page_begins_with_the_newest_whole_checkpoint_and_says_so(logs, command, monkeypatch):
    damage(logs / "checkpoints" / "000004")
    source, run = Generators(read.read_run(logs)), read.read_run(logs)
    kept = run.checkpoints
    note = f"checkpoint {kept}/000004 is damaged (model.data-00000-of-00001 differs from what was written); "
    assert source.first() == source.newest() == (2, f"{note}using the one before, {kept}/000002")
    with pytest.raises(UserError, match="iteration 4 is damaged .*; use another: 2"):
        source.open(4)
    written = []
    monkeypatch.setattr(folder, "write", lambda run, iteration, place: written.append(iteration))
    status, out, err = command(explore)("--run", logs, "--to=there")
    assert (status, written, err) == (0, [2], "")
    assert out.startswith("Warning: checkpoint ")
    damage(kept / "000002")
    for ask in (source.first, source.newest):
        with pytest.raises(UserError, match="there is no whole checkpoint: .*000004 is damaged .*000002 is damaged"):
            ask()
    shutil.rmtree(kept)
    with pytest.raises(UserError, match="run mlp-digits has no checkpoint yet; train it first"):
        source.first()
    again = "is being trained and has no checkpoint yet; try again when it has saved its first one"
    with files.exclusive_lock(logs / "lock"), pytest.raises(UserError, match=again):
        source.first()


def test_a_checkpoint_to_begin_with_that_is_gone_later(logs):
    source = Generators(read.read_run(logs), 2)
    assert source.first() == (2, "")
    shutil.rmtree(logs / "checkpoints" / "000002")
    assert source.first() == (4, "the checkpoint of iteration 2 is no longer kept; this is that of 4")
    assert source.open(4).iteration == 4


def test_real_images_are_training_images_of_the_models_size(trained):
    """Digits that were enlarged and are reduced again are smoother than they were, and nearer to themselves than to others."""
    levels, digits = digits_data.levels_and_digits()
    rows = np.linspace(0, 1796, 32).round().astype(int)
    real = Generators(read.find_run("seen", trained), data_dir=places.DataDir("data")).real
    assert (real.images.shape, real.images.dtype, real.note) == ((32, 28, 28, 1), np.uint8, "")
    np.testing.assert_array_equal(real.labels, digits[rows])
    small = [Image.fromarray(image[..., 0]).resize((10, 10), Image.Resampling.BOX) for image in real.images]
    distances = np.abs(np.stack(small)[:, None, 1:-1, 1:-1] / 255 - levels / 16).mean((2, 3))
    np.testing.assert_array_equal(distances.argmin(1), rows)


@pytest.mark.parametrize(("dataset", "sha256", "classes", "words"), [
    ("mnist", "", {}, "mnist is not in {place}, or not complete; python -m tfgan.datasets mnist --data-dir {place} fetches it"),
    ("digits", "", {}, "the images in {place} are not those that the run was trained on; give their folder with --data-dir"),
    ("digits", None, {"a": 9, "b": 9}, "the labels in {place} are not those of the run; give their folder with --data-dir"),
])  # fmt: skip
def test_why_there_are_no_real_images(tmp_path, dataset, sha256, classes, words):
    place = tmp_path / "data"
    recipe = recipes.recipe("mlp", dataset).replace(**({"conditional": "projection", "classes": 2} if classes else {}))
    sha256 = datasets.load("digits", place, datasets.Request((28, 28))).sha256 if sha256 is None else sha256
    run = write_run(tmp_path / "run", recipe, {1: {"a": 0}}, data_sha256=sha256, classes=classes)
    real = Generators(run, data_dir=places.DataDir(place)).real
    assert (len(real.images), real.labels) == (0, None)
    assert real.note == f"There are no real images here: {words.format(place=place)}."


def test_real_images_of_own_pictures_that_have_changed(tmp_path):
    """--data-dir would change nothing: the pictures are where the run found them."""
    pets = tmp_path / "pets"
    pets.mkdir()
    for n in range(6):
        Image.new("RGB", (64, 64), (40 * n, 0, 0)).save(pets / f"{n}.png")
    recipe = recipes.recipe("dcgan64").replace(dataset=str(pets))
    run = write_run(tmp_path / "run", recipe, {1: {"a": 0}}, data_sha256="")
    note = Generators(run, data_dir=places.DataDir(tmp_path / "data")).real.note
    changed = f"the images in {pets} have changed since the run was trained; put the earlier ones back"
    assert note == f"There are no real images here: {changed}."
