"""Conditional runs from beginning to end: what they write, that they go on, and how others begin with their networks.

Those that cannot be end with one line that has the remedy, exit status 2, and nothing half-written.
"""

import itertools
import json

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfgan
from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import own_pixels
from tests.conftest import random_images
from tests.conftest import saved_variables
from tests.conftest import small
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_mnist import idx
from tests.datasets.test_mnist import small_mnist  # noqa: F401
from tests.datasets.test_sources import make
from tests.distribution.test_team import losses
from tests.distribution.test_team import team
from tests.distribution.test_team import trained
from tests.training.test_options import settings_of
from tfgan import datasets
from tfgan.common import images
from tfgan.datasets.batches import Batches
from tfgan.datasets.classes import Classes
from tfgan.datasets.classes import combinations
from tfgan.runs import manifests
from tfgan.tf1 import tf

# how many of each digit the embedded set has, by UCI's description of it
DIGITS = {"0": 178, "1": 182, "2": 177, "3": 183, "4": 181, "5": 182, "6": 181, "7": 179, "8": 174, "9": 180}


def test_a_conditional_run_end_to_end(run, tmp_path):
    """Its classes in its config, a grid with a row for each, of the same noise, and D's loss of the classes as a chart."""
    status, out, err = run(*TINY, "--model=vanilla", "--iterations=11", "--conditional", "auxiliary", "--run=x", "--seed=4")
    assert (status, err) == (0, "")
    assert "Labels: 10 classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), by auxiliary" in out
    logs = tmp_path / "logs" / "x"
    config = json.loads((logs / "config.json").read_text())
    assert config["classes"] == DIGITS
    assert (config["recipe"]["conditional"], config["recipe"]["classes"]) == ("auxiliary", 10)
    saved_run = tfgan.find_run("x")
    assert saved_run.classes == DIGITS
    assert manifests.class_names(saved_run.checkpoints / "000011") == list(DIGITS)
    np.testing.assert_allclose(saved_run.class_shares, [count / 1797 for count in DIGITS.values()])

    with tfgan.Sampler(saved_run) as sampler:
        z = sampler.z(4, seed=4)
        rows = [sampler.images(z, [label] * 4) for label in range(10)]
    picture = np.asarray(Image.open(tmp_path / "out" / "x-000011.png"))
    times = picture.shape[0] // 280
    strip, tiles = np.split(picture, [picture.shape[1] - 4 * 28 * times], axis=1)
    assert (strip == 255).any(axis=1).all(), "a white strip with the names at the left"
    assert all((row < 100).any() for row in np.split(strip, 10)), "a name in each row"
    own = tiles[::times, ::times]
    np.testing.assert_array_equal(own.repeat(times, 0).repeat(times, 1), tiles)
    expected = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])[..., 0]
    assert np.abs(own.astype(int) - expected).max() <= 1
    assert all((a != b).any() for a, b in itertools.pairwise(rows))

    lines = [json.loads(line) for line in (logs / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        parts = line["d_loss_real"] + line["d_loss_fake"] + line["d_class_loss"]
        assert line["d_loss"] == pytest.approx(parts, rel=1e-5)
    assert lines[0]["d_class_loss"] == pytest.approx(2 * np.log(10), rel=0.3)
    assert saved_run.metrics()[-1]["d_class_loss"] == lines[-1]["d_class_loss"]
    events = EventAccumulator(str(logs), size_guidance={"scalars": 0}).Reload()
    values = [event.value for event in events.Scalars("loss/d_class_loss")]
    np.testing.assert_allclose(values, [line["d_class_loss"] for line in lines], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["projection", "auxiliary"])
def test_continuing_equals_never_having_stopped(run, tmp_path, method):
    options = (*TINY, "--model=compact", "--conditional", method, "--d-steps=2", "--seed=2")
    assert run(*options, "--run=whole", "--iterations=13")[0] == 0
    for length in (5, 9, 13):
        status, out, _ = run(*options, "--run=parts", f"--iterations={length}")
        assert status == 0
    assert "Continuing parts from iteration 9 of 13" in out
    assert_same_variables(*(saved_variables(tmp_path / "logs" / name) for name in ("whole", "parts")))
    for grid in ("000010.png", "000013.png"):
        whole, parts = (np.asarray(Image.open(tmp_path / "out" / f"{name}-{grid}")) for name in ("whole", "parts"))
        np.testing.assert_array_equal(whole, parts)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "method", "changes"), [
    ("vanilla", "projection", {}), ("mlp", "auxiliary", {"d_steps": 2, "g_average": 0.9}),
    ("mlp", "concat", {"penalty": "wgan-gp"}),
])  # fmt: skip
def test_two_replicas_train_as_one_would(model, method, changes):
    recipe = tfgan.recipe(model).replace(batch_size=7, subset=None, conditional=method, classes=3, **changes)
    data = random_images(recipe, 31)
    of_images = np.random.default_rng(0).choice(3, 31, p=(0.6, 0.3, 0.1)).astype(np.int32)
    classes = Classes(of_images, ("a", "b", "c"))
    (one, at_one), (several, at_two) = (trained(recipe, data, 10, team(replicas), classes) for replicas in (1, 2))
    np.testing.assert_allclose(losses(several), losses(one), rtol=2e-5, atol=2e-5)
    if method == "auxiliary":
        np.testing.assert_allclose(*([line["d_class_loss"] for line in lines] for lines in (several, one)), rtol=2e-5)
    for name, (first, second) in at_two.items():
        np.testing.assert_array_equal(first, second, err_msg=name)
        np.testing.assert_allclose(first, at_one[name][0], atol=1e-3 if model == "vanilla" else 2e-4, err_msg=name)


@pytest.mark.slow
def test_own_pictures_train_on_colour_with_the_names_of_their_folders(run, tmp_path):
    for n, image in enumerate(random_images(small("compact", "celeba"), 12)):
        folder = tmp_path / "pets" / ("cats", "dogs", "fish")[n % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{n}.png")
    options = ("--model=compact", "--dataset=pets", "--batch-size=3", "--iterations=2", "--image-size=28", "--conditional")
    assert run(*options, "--run=own")[0] == 0
    config = json.loads((tmp_path / "logs" / "own" / "config.json").read_text())
    assert config["classes"] == {"cats": 4, "dogs": 4, "fish": 4}
    assert np.asarray(Image.open(tmp_path / "out" / "own-000002.png")).shape[0] % (3 * 28) == 0
    assert own_pixels(tmp_path / "out" / "own-real.png", 28 * 3).shape[2] == 3
    status, out, _ = run(*options, "--run=own", "--dry-run")
    assert json.loads(out[: out.index("\n\n")]) == config["recipe"]


@pytest.mark.slow
def test_a_run_begins_with_networks_of_its_own_kind_only(run, tmp_path):
    """What the other kind lacks, such as a class's scale and offset, would begin untrained."""
    options = (*TINY, "--model=compact", "--iterations=1")
    assert run(*options, "--run=without")[0] == run(*options, "--conditional", "--run=with")[0] == 0
    without, of_labels = (f"logs/{name}/checkpoints/000001" for name in ("without", "with"))
    status, _, err = run(*options, "--conditional", f"--init-from={without}", "--run=other")
    told = f"--init-from: {without} is of a run without labels; leave --conditional out, or give another checkpoint"
    assert (status, told in err, (tmp_path / "logs" / "other").exists()) == (2, True, False)
    status, _, err = run(*options, f"--init-from={of_labels}", "--run=other")
    told = f"--init-from: {of_labels} is of a conditional run; give --conditional, too, or give another checkpoint"
    assert (status, told in err) == (2, True)
    begins = (*options, "--learning-rate=1e-30", "--d-learning-rate=1e-30", "--run=other")
    assert run(*begins, "--conditional", f"--init-from={of_labels}")[0] == 0
    theirs, ours = (saved_variables(tmp_path / "logs" / name) for name in ("with", "other"))
    for name in ("generator/dense/kernel", "generator/batch_normalization/gamma", "discriminator/projection/kernel"):
        np.testing.assert_array_equal(theirs[name], ours[name])


@pytest.mark.slow
def test_as_written_is_the_tutorials_loop_with_labels(run, tmp_path):
    """A TF 1.x program of two alternating runs, written out here."""
    assert run("--model=vanilla", "--batch-size=8", "--iterations=3", "--as-written", "--conditional", "--run=x")[0] == 0
    recipe = tfgan.find_run("x").recipe
    data = tfgan.datasets.load_for(recipe, tmp_path)
    batches = Batches(data.images, recipe, 0)
    shares = np.array(list(DIGITS.values())) / 1797
    with tf.Graph().as_default(), tf.Session() as session:
        gan = tfgan.build(recipe)
        session.run(tf.global_variables_initializer())
        for i in range(3):
            real = images.preprocess_array(batches[i], recipe.image_shape, recipe.value_range)
            z, z_g = (np.random.default_rng([0, i, 1 + n]).uniform(-1, 1, (8, 100)) for n in (0, 1))
            y_fake, y_g = (np.random.default_rng([0, i, 13 + n]).choice(10, 8, p=shares) for n in (0, 1))
            y = data.labels[batches.indices(i)]
            session.run(gan.d_train_op, {gan.input_real: real, gan.input_y: y, gan.input_z: z, gan.input_y_fake: y_fake})
            session.run(gan.g_train_op, {gan.input_z_g: z_g, gan.input_y_g: y_g})
        expected = {v.op.name: session.run(v) for v in tf.global_variables()}
    assert_same_variables(saved_variables(tmp_path / "logs" / "x"), expected)


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


@pytest.mark.parametrize(("arguments", "words"), [
    (["--label-attribute=Smiling"], "--label-attribute is for --conditional; give that too"),
    (["--conditional", "projecton"], "conditional is 'projecton'; it must be one of concat, projection, auxiliary"),
    (["--conditional=PROJECTION"], "conditional is 'PROJECTION'; it must be one of concat, projection, auxiliary"),
    (["--dataset=celeba", "--conditional"], "--conditional: celeba has attributes and no classes; choose with --label-"),
    (["--dataset=celeba", "--conditional", *SEVEN], "--label-attribute: 7 attributes make 128 classes, and 64 is the most; "),
    (["--dataset=celeba", "--conditional", *SEVEN[:1] * 2], "--label-attribute: 2 attributes make 4 classes, and 64 is the "),
])  # fmt: skip
def test_options_that_are_refused(arguments, words):
    with pytest.raises(tfgan.UserError) as error:
        settings_of(*arguments)
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
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.parent == tmp_path / "data" / "packed" for path in new)
    assert not [path for path in new if path.suffix == ".part"]


@pytest.mark.parametrize("kind", ["folder", "pets.zip", "pets.tar"])
def test_own_pictures_need_two_folders(run, tmp_path, kind):
    picture = encoded(photo(20, 20), "PNG")
    remedy = f"--conditional: {kind} has no labels; give each class a folder of its own, two or more, or add a labels.csv"
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
    refused(run, tmp_path, "--conditional: mnist has no labels", *options)


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
    for attributes, names, expected in (
        (["Young"], ["not Young", "Young"], [1, 1, 0, 1, 1, 0]),
        (
            ["Male", "Smiling"],
            ["not Male and not Smiling", "not Male and Smiling", "Male and not Smiling", "Male and Smiling"],
            [1, 0, 3, 2, 3, 3],
        ),
    ):
        options = ["--dataset=celeba", "--conditional", *(f"--label-attribute={name}" for name in attributes)]
        recipe = settings_of(*options).recipe
        assert (recipe.classes, recipe.label_attributes) == (len(names), tuple(attributes))
        data = datasets.load_for(recipe, tmp_path)
        assert list(data.label_names) == names
        assert (data.labels.tolist(), data.labels.dtype) == (expected, np.int32)
        classes = Classes(data.labels, data.label_names)
        assert classes.counts.tolist() == [expected.count(label) for label in range(len(names))]
        np.testing.assert_allclose(classes.shares, classes.counts / 6)
    assert len(combinations(tuple("ABCDEF"))) == 64


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
