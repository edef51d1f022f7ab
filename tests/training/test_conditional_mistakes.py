"""Conditional runs that cannot be: one line with the remedy, exit status 2, nothing half-written. Classes of attributes."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

import tfgan
from tests.conftest import TINY
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_mnist import idx
from tests.datasets.test_mnist import small_mnist  # noqa: F401
from tests.datasets.test_sources import make
from tests.training.test_options_and_words import settings_of
from tfgan import datasets
from tfgan.datasets import labels
from tfgan.datasets import mnist

SEVEN = [f"--label-attribute={name}" for name in "ABCDEFG"]
FACES = ("--dataset=celeba", "--model=compact", "--batch-size=2", "--iterations=2")
# Smiling, Male, Young of six faces
ATTRIBUTES = [(1, 0, 1), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 1, 1), (1, 1, 0)]


def write_faces(folder, attributes=True):
    picture = encoded(photo(178, 218), "PNG")
    make(folder / "img_align_celeba", {f"{n:06}.png": picture for n in range(1, 7)})
    if attributes:
        lines = [f"{n:06}.png {' '.join('1' if bit else '-1' for bit in row)}" for n, row in enumerate(ATTRIBUTES, 1)]
        (folder / "list_attr_celeba.txt").write_text("\n".join(["6", "Smiling Male Young", *lines]))


@pytest.mark.parametrize(("given", "words"), [
    (["--label-attribute=Smiling"], "--label-attribute is for --conditional; give that too"),
    (["--conditional", "projecton"], "conditional is 'projecton'; it must be one of concat, projection, auxiliary"),
    (["--conditional=PROJECTION"], "conditional is 'PROJECTION'; it must be one of concat, projection, auxiliary"),
    (["--dataset=celeba", "--conditional"], "--conditional: celeba has attributes and no classes; choose with --label-"),
    (["--dataset=celeba", "--conditional", *SEVEN], "--label-attribute: 7 attributes make 128 classes, and 64 is the most; "),
    (["--dataset=celeba", "--conditional", *SEVEN[:1] * 2], "--label-attribute: 2 attributes make 4 classes, and 64 is the "),
    (["--shards=2", "--conditional"], "--shards and --conditional: shards hold no labels; leave one of them out"),
])  # fmt: skip
def test_options_that_are_refused(given, words):
    with pytest.raises(tfgan.UserError) as error:
        settings_of(*given)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("model", tfgan.recipes.MODELS)
def test_a_method_may_be_left_out(model):
    """Also before another option."""
    recipe = settings_of("--conditional", "--model", model, "--dataset", "digits").recipe
    assert (recipe.conditional, recipe.classes) == ("projection", 10)
    assert recipe.replace(conditional=None, classes=None) == settings_of("--model", model, "--dataset", "digits").recipe
    assert settings_of("--conditional", "concat", "--model", model).recipe.conditional == "concat"


def refused(run, tmp_path, words, *options):
    """Asserts one line that holds these words, and that the command left nothing but what it packed."""
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    status, _, err = run(*options)
    assert (status, err.count("\n")) == (2, 1), err
    assert err.startswith("tfgan: error: ")
    assert words in err
    made = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.parent == tmp_path / "data" / "packed" for path in made)
    assert not [path for path in made if path.suffix == ".part"]


@pytest.mark.parametrize("kind", ["folder", "pets.zip", "pets.tar"])
def test_own_pictures_need_two_folders(run, tmp_path, kind):
    picture = encoded(photo(20, 20), "PNG")
    remedy = f"--conditional: {kind} has no labels; give each class a sub-folder of its own, two or more of them"
    options = (f"--dataset={kind}", "--model=vanilla", "--batch-size=1", "--iterations=1", "--conditional")
    for folder in ("", "cats/"):
        make(tmp_path / kind, {f"{folder}{n}.png": picture for n in range(3)})
        refused(run, tmp_path, remedy, *options)
        if kind == "folder" and not folder:
            for path in (tmp_path / kind).iterdir():
                path.unlink()
    make(tmp_path / kind, {f"{folder}/{n}.png": picture for folder in ("cats", "dogs") for n in range(3)})
    refused(run, tmp_path, "--label-attribute is for celeba's attributes; ", *options, "--label-attribute=Smiling")
    recipe = settings_of(*options).recipe
    data = datasets.load_for(recipe, tmp_path / "data")
    assert (data.labels.tolist(), data.label_names) == ([0, 0, 0, 1, 1, 1], ("cats", "dogs"))


def test_mnists_labels(run, tmp_path, small_mnist, monkeypatch):  # noqa: F811
    images, of_labels = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
    make(tmp_path / "data", {images: small_mnist[images]})
    options = ("--dataset=mnist", "--batch-size=2", "--iterations=1", "--model=compact", "--conditional")
    refused(run, tmp_path, "--conditional: mnist has no labels; put the label files beside the image files", *options)
    make(tmp_path / "data", {of_labels: small_mnist[of_labels]})
    words = "--label-attribute is for celeba's attributes; mnist has classes, so leave it out"
    refused(run, tmp_path, words, *options, "--label-attribute=Smiling")
    short = idx(np.zeros(5, np.uint8))
    make(tmp_path / "data", {of_labels: short})
    monkeypatch.setitem(mnist._KNOWN["mnist"], "train-labels", (hashlib.md5(short).hexdigest(), len(short)))
    refused(run, tmp_path, "7 images and 5 labels", *options)


def test_faces_need_attributes(run, tmp_path):
    write_faces(tmp_path / "data", attributes=False)
    words = "--conditional: celeba has no labels; put list_attr_celeba.txt into the data folder"
    refused(run, tmp_path, words, *FACES, "--conditional", "--label-attribute=Smiling")
    write_faces(tmp_path / "data")
    words = "--label-attribute is 'Bald'; it must be one of Smiling, Male, Young"
    refused(run, tmp_path, words, *FACES, "--conditional", "--label-attribute=Smiling", "--label-attribute=Bald")


def test_each_combination_of_attributes_is_a_class(tmp_path):
    """In the order of the options; the first one is the highest binary place."""
    write_faces(tmp_path)
    for chosen, names, expected in (
        (["Young"], ["not Young", "Young"], [1, 1, 0, 1, 1, 0]),
        (
            ["Male", "Smiling"],
            ["not Male and not Smiling", "not Male and Smiling", "Male and not Smiling", "Male and Smiling"],
            [1, 0, 3, 2, 3, 3],
        ),
    ):
        options = ["--dataset=celeba", "--conditional", *(f"--label-attribute={name}" for name in chosen)]
        recipe = settings_of(*options).recipe
        assert (recipe.classes, recipe.label_attributes) == (len(names), tuple(chosen))
        data = datasets.load_for(recipe, tmp_path)
        assert list(data.label_names) == names
        assert (data.labels.tolist(), data.labels.dtype) == (expected, np.int32)
        classes = labels.Classes(data.labels, data.label_names)
        assert classes.counts.tolist() == [expected.count(label) for label in range(len(names))]
        np.testing.assert_allclose(classes.shares, classes.counts / 6)
    assert len(labels.combinations(tuple("ABCDEF"))) == 64


@pytest.mark.slow
def test_a_run_on_faces(run, tmp_path):
    """Four classes, one of them without a face in the data."""
    write_faces(tmp_path / "data")
    path = tmp_path / "data" / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("000002.png -1 -1", "000002.png 1 -1"))
    assert run(*FACES, "--conditional", "--label-attribute=Male", "--label-attribute=Smiling", "--run=faces")[0] == 0
    config = json.loads((tmp_path / "logs" / "faces" / "config.json").read_text())
    names = ("not Male and not Smiling", "not Male and Smiling", "Male and not Smiling", "Male and Smiling")
    assert config["classes"] == dict(zip(names, (0, 2, 1, 3), strict=True))
    with tfgan.Sampler(tfgan.find_run("faces")) as sampler:
        assert set(sampler.labels(200, seed=1)) == {1, 2, 3}
        assert sampler.images(sampler.z(1, seed=0), [0]).shape == (1, 28, 28, 3)
    assert np.asarray(Image.open(tmp_path / "out" / "faces-000002.png")).shape[0] % (4 * 28) == 0


@pytest.mark.slow
def test_a_run_goes_on_as_it_was_begun(run, tmp_path):
    assert run(*TINY, "--model=vanilla", "--iterations=1", "--run=x")[0] == 0
    config = (tmp_path / "logs" / "x" / "config.json").read_bytes()
    words = "conditional was None, now 'projection'"
    refused(run, tmp_path, words, *TINY, "--model=vanilla", "--iterations=2", "--run=x", "--conditional")
    assert (tmp_path / "logs" / "x" / "config.json").read_bytes() == config
    assert run(*TINY, "--model=vanilla", "--iterations=1", "--run=y", "--conditional")[0] == 0
    words = "conditional was 'projection', now 'concat'"
    refused(run, tmp_path, words, *TINY, "--model=vanilla", "--iterations=2", "--run=y", "--conditional=concat")
    words = "conditional was 'projection', now None"
    refused(run, tmp_path, words, *TINY, "--model=vanilla", "--iterations=2", "--run=y")
