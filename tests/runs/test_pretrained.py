"""The generators that come with tfgan: what ships, that it draws digits, and how it is used and refused."""

import hashlib
import re
import shutil

import numpy as np
import pytest
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

import tfgan
from benchmarks.pretrained import DATA_FILE
from benchmarks.pretrained import OPTIONS
from benchmarks.pretrained import generator_alone
from tests.conftest import assert_says
from tests.conftest import own_pixels
from tests.conftest import saved_variables
from tfgan import sample
from tfgan.errors import UserError
from tfgan.runs import pretrained
from tfgan.runs import read
from tfgan.training import options as training

NAMES = ("digits", "mnist")


def test_the_names():
    assert tuple(pretrained.names()) == NAMES == tuple(OPTIONS)


@pytest.mark.parametrize("name", NAMES)
def test_what_ships(name):
    """G alone, small, with the bits of the card's SHA-256, and a card whose command gives the run's recipe."""
    run, folder = tfgan.pretrained(name), pretrained.FOLDER / name
    card = (folder / "card.md").read_text()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 500_000
    variables = saved_variables(folder)
    assert {variable.partition("/")[0] for variable in variables} == {"generator"}
    assert f"{sum(value.size for value in variables.values()):,}" in card
    (data,) = [path for path in files if path.name == DATA_FILE]
    assert hashlib.sha256(data.read_bytes()).hexdigest() in card
    command = re.search(r"`python -m tfgan\.train (.*)`", card)[1].split()
    settings = training.settings(training.parser().parse_args(command))
    assert (settings.recipe, settings.seed) == (run.recipe, run.seed)


@pytest.mark.parametrize("name", NAMES)
def test_they_draw_digits(name):
    """A classifier of real digits of 8x8 finds each digit among the samples, and samples lie near real ones, unlike noise."""
    real = load_digits()
    neighbours = KNeighborsClassifier(1).fit(real.data / 16, real.target)
    with tfgan.Sampler(tfgan.pretrained(name)) as sampler:
        made = sampler.images(sampler.z(128, seed=5))[..., 0] / 255
    side = slice(3, 25) if name == "digits" else slice(4, 24)  # without the margin around the data's digits
    cut = made[:, side, side]
    small = np.stack([ndimage.zoom(ndimage.uniform_filter(x, 3), 8 / len(x), order=1) for x in cut])
    scaled = small.reshape(128, 64) / small.max((1, 2))[:, None].clip(0.01)
    distance = neighbours.kneighbors(scaled)[0].mean()
    shuffled = np.random.default_rng(0).permuted(scaled, axis=1)
    assert distance < 0.65 * neighbours.kneighbors(shuffled)[0].mean()
    assert np.bincount(neighbours.predict(scaled), minlength=10).min() >= 2


def test_a_generator_alone_makes_the_runs_own_images(runs, tmp_path):
    """Also where G's averages make them: a colour run of four iterations, whose G's own weights are elsewhere."""
    run = read.find_run("compact-pictures", runs / "logs")
    parameters = generator_alone(run, tmp_path / "g", "somebody")
    alone = read.read_run(tmp_path / "g")
    assert parameters == sum(value.size for value in saved_variables(alone.logs).values())
    with tfgan.Sampler(run) as theirs, tfgan.Sampler(alone) as ours:
        z = theirs.z(5, seed=2)
        np.testing.assert_array_equal(ours.images(z), theirs.images(z))
        assert theirs.scores(z).shape == (5,)
        with pytest.raises(tfgan.UserError, match="g is a generator without D, so nothing can be scored; train"):
            ours.scores(z)


def test_the_sample_command(command, tmp_path):
    status, out, err = command(sample)("--pretrained", "digits", "--seed", 3, "--grid", "2x3")
    assert (status, err) == (0, "")
    assert out == "6 images of pretrained-digits, iteration 5,000\nSaved out/pretrained-digits-sample.png\n"
    picture = own_pixels("out/pretrained-digits-sample.png", 2 * 28)
    with tfgan.Sampler(tfgan.pretrained("digits")) as sampler:
        made = sampler.images(sampler.z(6, seed=3))[..., 0]
    np.testing.assert_array_equal(picture[28:, 56:], made[5])
    assert command(sample)("--pretrained", "digits", "--count", 7, "--format", "npz", "--to", "a.npz")[0] == 0
    assert np.load("a.npz")["images"].shape == (7, 28, 28, 1)
    assert command(sample)("--pretrained", "digits", "--interpolate", 3, "--count", 2)[0] == 0
    assert own_pixels("out/pretrained-digits-interpolation.png", 2 * 28).shape == (2 * 28, 3 * 28)


NONE_OF_THAT_NAME = ("those of digits and mnist", "python -m tfgan.train")


@pytest.mark.parametrize(("options", "parts"), [
    (("--pretrained=cats",), ("'cats'", *NONE_OF_THAT_NAME)), (("--pretrained=..",), ("'..'", *NONE_OF_THAT_NAME)),
    (("--pretrained=",), ("''", *NONE_OF_THAT_NAME)),
    (("--pretrained=digits", "--best-of=3"), ("pretrained-digits", "without D", "train a run of your own")),
    (("--pretrained=digits", "--iteration=5"), ("--pretrained and --iteration", "leave one of them out")),
    (("--pretrained=digits", "--run=x"), ("--run: not allowed with argument --pretrained", "--help")),
    (("--count=3",), ("--run --pretrained is required", "--help")),
])  # fmt: skip
def test_refused(command, options, parts, tmp_path):
    status, out, err = command(sample)(*options)
    assert (status, out) == (2, "")
    assert_says(err, *parts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("spoil", "reason"), [
    (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0"), "model.data-00000-of-00001 differs from what was written"),
    (lambda path: path.unlink(), "model.data-00000-of-00001 is missing"),
    (lambda path: shutil.rmtree(path.parent), "manifest.json is missing"),
])  # fmt: skip
def test_damage_is_one_line(command, monkeypatch, tmp_path, spoil, reason):
    copy = tmp_path / "generators"
    shutil.copytree(pretrained.FOLDER / "digits", copy / "digits")
    spoil(next(copy.rglob(DATA_FILE)))
    monkeypatch.setattr(pretrained, "FOLDER", copy)
    status, out, err = command(sample)("--pretrained=digits")
    assert (status, out) == (2, "")
    assert_says(err, "the generator digits", reason, "install tfgan again")


def test_a_copy_of_tfgan_without_generators_says_so(monkeypatch):
    monkeypatch.setattr(pretrained, "names", lambda: [])
    with pytest.raises(UserError) as error:
        pretrained.pretrained("digits")
    assert_says(error.value, "no generator 'digits'", "this copy of it has none", "--run")
