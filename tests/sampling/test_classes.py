"""Which classes --label asks for, which image gets which, and where it lies in a picture."""

import itertools
import shlex
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.conftest import own_pixels
from tests.models.handmade import vanilla_images
from tests.models.handmade import vanilla_logits
from tests.models.handmade import vanilla_state
from tests.models.handmade import write_run
from tfgan import datasets
from tfgan import recipes
from tfgan import sample
from tfgan.errors import UserError
from tfgan.runs import read
from tfgan.sampling import classes
from tfgan.sampling import drawing
from tfgan.sampling.inference import Sampler

CLOTHES = SimpleNamespace(name="run", classes={"Bag": 5, "Ankle boot": 7, "1": 9, "T-shirt, top": 2})


@pytest.mark.parametrize(("text", "chosen"), [
    ("Bag", (0,)), ("Ankle boot,Bag", (1, 0)), ("3, 0", (3, 0)), ("1", (2,)), ("T-shirt, top", (3,)), ("0,0", (0, 0)),
    ('Bag,"T-shirt, top"', (0, 3)), ('"T-shirt, top", Bag , "1"', (3, 0, 2)),
])  # fmt: skip
def test_classes_by_name_and_by_number(text, chosen):
    """A name goes before a number, and a name may contain a comma."""
    assert classes.choose(text, CLOTHES) == chosen


ODD = (
    "a", "b", "a,b", " a", "a ", '"a"', '"a","b"', '6" nail', "it's", "-x", "--label", "100%", "%s", "$HOME", "`a`", "a\\b", "*",
    "new\nline", "0", "7", "1,2", ",", '"', "#", "ä ö", "!", "a;b", "~",
)  # fmt: skip


def test_a_label_that_is_told_names_its_classes_when_it_is_pasted():
    """All pairs of odd names. The shell's words go through the command's own parser."""
    run = SimpleNamespace(name="run", classes=dict.fromkeys(ODD, 1))
    for pair in [*itertools.product(range(len(ODD)), repeat=2), *((n,) for n in range(len(ODD)))]:
        told = f"--label={shlex.quote(classes.label(ODD[n] for n in pair))}"
        options = sample.parser().parse_args(shlex.split(f"--run=a {told}"))
        assert classes.choose(options.label, run) == pair


@pytest.mark.parametrize("text", ["4", "-1", "bag", "", "Bag,"])
def test_what_is_no_class_is_refused_with_those_that_are(text):
    with pytest.raises(UserError, match='no class .*; give one of Bag, Ankle boot, 1, "T-shirt, top", or its number'):
        classes.choose(text, CLOTHES)
    with pytest.raises(UserError, match="^--label: plain is not conditional; leave --label out, or train"):
        classes.choose(text, SimpleNamespace(name="plain", classes={}))


def test_classes_are_dealt_in_turn_whatever_the_count():
    assert classes.deal((7, 3), 5).tolist() == [7, 3, 7, 3, 7]
    assert [classes.default_count((0,) * n) for n in (1, 2, 3, 10)] == [64, 64, 72, 80]


def test_the_best_of_each_class_are_kept():
    """D's logit is the noise. Of twelve draws, dealt to the classes 1 and 0, each class keeps its two best."""
    logits = np.float32([3, 9, 5, 1, 8, 2, 4, 7, 0, 6, 1, 5])
    sampler = SimpleNamespace(
        recipe=SimpleNamespace(z_dim=1), z=lambda count, seed, first: logits[first : first + count, None],
        scores=lambda z, labels: z[:, 0],
    )  # fmt: skip
    labels = classes.deal((1, 0), 4)
    z, scores = drawing.best_of(sampler, drawing.Source(0), labels, 4, 3)
    assert scores.tolist() == z[:, 0].tolist() == [8, 9, 5, 7], "class 1 has 3 5 8 4 0 1, class 0 has 9 1 2 7 6 5"


def test_a_row_of_a_picture_has_one_class():
    layout = classes.layout((7, 3), 16, [*"0123456789"])
    assert (layout.rows, layout.columns, layout.names) == (4, 4, ("7", "7", "3", "3"))
    assert np.asarray(layout.cells)[:4].tolist() == [0, 8, 1, 9], "in turn: of 7, of 3, of 7, of 3"
    assert classes.names_of_ways([1, 8, 3, 3], [*"0123456789"]) == ("1 to 8", "3")


CLASSES = {"apple pie": 60, "T-shirt/top": 30, "0": 10}  # names with a space, with a slash, and like a number


NAMES = tuple(CLASSES)


SIDE, Z = 10, 4


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """The values of the variables: each class and each z gives an image of its own."""
    digits = datasets.load("digits", tmp_path_factory.mktemp("data"), datasets.Request((SIDE, SIDE))).images
    values = vanilla_state(np.random.default_rng(0), Z + 3, digits[:128].reshape(128, -1) / 255)
    kernel = values["discriminator/dense/kernel"]
    values["discriminator/dense/kernel"] = np.concatenate([kernel, np.random.default_rng(1).normal(size=(3, 128)) / 2])
    return {name: np.float32(value) for name, value in values.items()}


@pytest.fixture(scope="module")
def logs(state, tmp_path_factory):
    """A folder with two runs: `fruit` with those classes, and `plain`, which is not conditional."""
    folder = tmp_path_factory.mktemp("logs")
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(SIDE, SIDE, 1), z_dim=Z, g_average=0.9)
    write_run(folder / "fruit", recipe.replace(conditional="concat", classes=3), {1: state}, seed=5, classes=CLASSES)
    write_run(folder / "plain", recipe, {})
    return folder


@pytest.fixture
def samples(logs, command):
    """samples(*options): `python -m tfgan.sample` of that run."""
    return lambda *options, run="fruit": command(sample)("--log-dir", logs, "--run", run, *options)


@pytest.fixture
def archive_of(samples):
    """archive_of(*options): what the archive contains that the command writes."""

    def run(*options):
        status, _, err = samples("--format=npz", "--to=a.npz", *options)
        assert (status, err) == (0, "")
        return np.load("a.npz")

    return run


def joined(z, labels):
    """What G's first layer gets: z with the one-hot vector behind it. labels: [N] or the vectors themselves."""
    labels = np.asarray(labels)
    return np.concatenate([z, np.eye(3)[labels] if labels.ndim == 1 else labels], 1)


def images_of(state, z, labels):
    """The images by NumPy, levels from 0 to 255 that are not rounded."""
    return 255 * vanilla_images(state, joined(z, labels), True).reshape(-1, SIDE, SIDE, 1)


def assert_images(found, expected):
    assert (found.dtype, found.shape) == (np.uint8, expected.shape)
    assert np.abs(found - expected).max() < 0.51


@pytest.fixture(scope="module")
def sampler(logs):
    with Sampler(read.find_run("fruit", logs)) as opened:
        yield opened


def test_images_and_scores_are_of_their_labels(sampler, state):
    z = sampler.z(70, seed=1)
    labels = np.random.default_rng(0).integers(0, 3, 70)
    expected = images_of(state, z, labels)
    assert_images(sampler.images(z, labels), expected)
    logits = vanilla_logits(state, joined(expected.reshape(70, -1) / 255, labels), False)
    np.testing.assert_allclose(sampler.scores(z, labels), logits, atol=1e-3)
    others = (labels + 1) % 3
    assert np.abs(expected - images_of(state, z, others)).mean() > 10, "a label changes the image"
    assert np.abs(sampler.scores(z, others) - logits).mean() > 0.1


def test_an_image_depends_on_its_z_and_label_alone(sampler):
    z, labels = sampler.z(200, seed=1), np.arange(200) % 3
    whole = sampler.images(z, labels)
    for begin, end in ((0, 1), (60, 70), (130, 200)):
        part = sampler.images(z[begin:end], labels[begin:end]).astype(int)
        assert np.abs(part - whole[begin:end]).max() <= 1
    np.testing.assert_array_equal(sampler.images(z[:64], labels[:64]), whole[:64])


def test_shares_of_classes_in_one_image(sampler, state):
    z, shares = sampler.z(3, seed=1), np.array([[0.5, 0.25, 0.25], [0, 0.1, 0.9], [0, 1, 0]])
    assert_images(sampler.images(z, shares), images_of(state, z, shares))
    np.testing.assert_array_equal(sampler.images(z, np.eye(3)), sampler.images(z, [0, 1, 2]))


@pytest.mark.parametrize("labels", [
    [0, 1, 3], [0, 1, -1], [0, 1], [[0], [1], [2]], [0.0, 1.0, 2.0], np.eye(3)[:2], 2 * np.eye(3), np.eye(3, dtype=int),
    [[1.5, -0.5, 0]] * 3, np.full([3, 3], np.nan), ["a", "b", "c"],
])  # fmt: skip
def test_labels_that_are_none(sampler, labels):
    words = r"labels must be 3 integers from 0 to 2, one for each row of z, or 3 rows of 3 shares that sum to 1"
    with pytest.raises(UserError, match=words):
        sampler.images(sampler.z(3, seed=1), labels)


def test_without_labels_they_are_those_of_the_runs_seed(sampler):
    z = sampler.z(70, seed=1)
    np.testing.assert_array_equal(sampler.images(z), sampler.images(z, sampler.labels(70, seed=5)))
    labels = sampler.labels(10_000, seed=2)
    shares = np.bincount(labels) / 10_000
    np.testing.assert_allclose(shares, [0.6, 0.3, 0.1], atol=4 * (0.25 / 10_000) ** 0.5)  # four standard deviations
    np.testing.assert_array_equal(sampler.labels(100, 2, first=700), labels[700:800])


@pytest.mark.parametrize(("text", "chosen"), [
    ("apple pie", [0]), ("T-shirt/top", [1]), ("1", [1]), ("0", [2]), ("2", [2]), ("apple pie,T-shirt/top", [0, 1]),
    ("T-shirt/top, apple pie", [1, 0]), ("1,1,0", [1, 1, 2]),
])  # fmt: skip
def test_samples_have_the_classes_in_turn(archive_of, sampler, state, text, chosen):
    """A name goes before a number: here class 0 is "apple pie", and "0" is the name of class 2."""
    archive = archive_of("--label", text, "--count=7")
    assert sorted(archive) == ["images", "labels", "z"]
    assert archive["labels"].dtype == np.int32
    assert archive["labels"].tolist() == (chosen * 7)[:7]
    np.testing.assert_array_equal(archive["z"], sampler.z(7, seed=5))
    assert_images(archive["images"], images_of(state, archive["z"], archive["labels"]))


def test_without_label_the_data_decide(archive_of, sampler, state):
    archive = archive_of("--count=200", "--seed=8")
    np.testing.assert_array_equal(archive["labels"], sampler.labels(200, seed=8))
    assert_images(archive["images"], images_of(state, sampler.z(200, seed=8), archive["labels"]))


def test_ones_own_noise_with_labels(archive_of, state):
    z = np.random.default_rng(3).uniform(-1, 1, (5, Z)).astype(np.float32)
    np.save("z.npy", z)
    archive = archive_of("--z=z.npy", "--label=2,1")
    assert archive["labels"].tolist() == [2, 1, 2, 1, 2]
    assert_images(archive["images"], images_of(state, z, archive["labels"]))


def test_names_are_a_part_of_a_files_name(samples, tmp_path):
    assert samples("--label=apple pie,1,0", "--count=4", "--format=folder", "--to=f")[0] == 0
    names = sorted(path.name for path in (tmp_path / "f").iterdir())
    assert names == ["000000-apple-pie.png", "000001-T-shirt-top.png", "000002-0.png", "000003-apple-pie.png"]


@pytest.mark.parametrize(("chosen", "count", "grid", "rows", "columns", "cells", "names"), [
    ([2], 4, None, 2, 2, [0, 1, 2, 3], "cc"), ([0, 1], 4, None, 2, 2, [0, 2, 1, 3], "ab"),
    ([1, 0], 3, None, 2, 2, [0, 2, 1], "ba"),
    ([0, 1], 12, None, 4, 3, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11], "aabb"),
    ([0, 1], 8, (4, 2), 4, 2, [0, 4, 1, 5, 2, 6, 3, 7], "aabb"), ([0, 1], 6, (3, 2), 3, 2, [0, 3, 1, 4, 2, 5], ""),
    ([0, 1], 5, (2, 4), 2, 4, [0, 4, 1, 5, 2], "ab"), ([0, 1, 2], 2, None, 2, 1, [0, 1], "ab"),
    ([0, 1, 2], 2, (3, 2), 3, 2, [0, 2], "abc"), ([0, 1, 2], 2, (1, 2), 1, 2, [0, 1], ""),
])  # fmt: skip
def test_rows_of_one_class_where_they_fit(chosen, count, grid, rows, columns, cells, names):
    found = classes.layout(chosen, count, "abc", grid)
    assert (found.rows, found.columns, found.cells.tolist(), "".join(found.names)) == (rows, columns, cells, names)


def test_a_picture_is_about_square_and_the_default_fills_its_rows():
    for number in (1, 2, 3, 5, 7, 10, 120):
        count = classes.default_count(range(number))
        found = classes.layout(range(number), count, [str(n) for n in range(number)])
        assert 64 <= count == found.rows * found.columns
        assert found.columns == 8
    for number, count in ((2, 20), (3, 100), (4, 1000), (7, 333)):
        found = classes.layout(range(number), count, "abcdefg")
        assert len(set(found.cells)) == count <= found.rows * found.columns
        assert 0.5 < found.rows / found.columns < 2


def test_the_picture_has_a_row_for_each_class_with_its_name(samples, state, sampler):
    status, out, _ = samples("--label=0,apple pie", "--grid=4x2", "--to=rows.png")
    assert (status, out) == (0, "8 images of fruit, iteration 1\nSaved rows.png\n")
    expected = images_of(state, sampler.z(8, seed=5), [2, 0] * 4)[..., 0]
    expected = expected[[0, 2, 4, 6, 1, 3, 5, 7]].reshape(4, 2, SIDE, SIDE).transpose(0, 2, 1, 3).reshape(4 * SIDE, 2 * SIDE)
    picture = np.asarray(Image.open("rows.png"))
    times = picture.shape[0] // (4 * SIDE)
    strip, tiles = np.split(picture, [picture.shape[1] - 2 * SIDE * times], axis=1)
    assert np.abs(tiles[::times, ::times] - expected).max() < 0.51
    assert [bool((row < 100).any()) for row in np.split(strip, 4)] == [True] * 4
    assert samples("--to=rows.png", "--count=4")[0] == 0
    assert own_pixels("rows.png", 2 * SIDE).shape == (2 * SIDE, 2 * SIDE), "without --label no names"


@pytest.mark.parametrize("label", [["--label=0,apple pie"], []])
def test_the_best_are_the_best_of_their_class(archive_of, sampler, state, label, monkeypatch):
    monkeypatch.setattr(drawing, "_AT_A_TIME", 11)
    archive = archive_of("--count=7", "--best-of=6", *label)
    labels = np.array([2, 0, 2, 0, 2, 0, 2]) if label else sampler.labels(7, seed=5)
    np.testing.assert_array_equal(archive["labels"], labels)
    z, of_all = sampler.z(42, seed=5), np.tile(labels, 6)
    logits = vanilla_logits(state, joined(images_of(state, z, of_all).reshape(42, -1) / 255, of_all), False)
    assert len(set(labels)) > 1
    for label in set(labels):
        ours = np.flatnonzero(of_all == label)
        best = ours[np.argsort(-logits[ours])][: (labels == label).sum()]
        np.testing.assert_array_equal(archive["z"][labels == label], z[best])
        np.testing.assert_allclose(archive["scores"][labels == label], logits[best], atol=1e-3)
    assert_images(archive["images"], images_of(state, archive["z"], labels))


@pytest.mark.parametrize(("label", "ends"), [
    (["--label=apple pie,0"], [0, 2] * 3), (["--label=T-shirt/top"], [1] * 6), ([], None),
])  # fmt: skip
def test_an_interpolation_goes_between_two_classes(samples, sampler, state, label, ends):
    assert samples("--interpolate=5", "--count=3", *label)[0] == 0
    ends = sampler.labels(6, seed=5) if ends is None else np.array(ends)
    z, t = sampler.z(6, seed=5), np.linspace(0, 1, 5)[:, None]
    rows = []
    for a, b in ((0, 1), (2, 3), (4, 5)):
        way, shares = (1 - t) * z[a] + t * z[b], (1 - t) * np.eye(3)[ends[a]] + t * np.eye(3)[ends[b]]
        rows.append(np.concatenate(list(images_of(state, way, shares)[..., 0]), axis=1))
    picture = np.asarray(Image.open("out/fruit-interpolation.png"))
    times = picture.shape[0] // (3 * SIDE)
    strip, tiles = np.split(picture, [picture.shape[1] - 5 * SIDE * times], axis=1)
    assert np.abs(tiles[::times, ::times] - np.concatenate(rows)).max() < 0.51
    assert [bool((row < 100).any()) for row in np.split(strip, 3)] == [True] * 3


def test_the_noise_behind_pictures_comes_back_with_the_classes_that_are_told(samples, archive_of, sampler):
    """As names that --label takes, in the pictures' order; each line about a picture has its own."""
    labels = np.array([1, 0, 2])
    given = sampler.images(sampler.z(3, seed=2), labels)
    for name, image in zip("abc", given, strict=True):
        Image.fromarray(image[..., 0]).save(f"{name}.png")
    status, out, err = samples("--project", "a.png", "b.png", "c.png")
    assert (status, err) == (0, "")
    *found, told = out.splitlines()[:4]
    assert [line.rpartition(", class ")[2] for line in found] == [NAMES[n] for n in labels]
    assert told == "With this noise as --z, give the classes, too: --label='T-shirt/top,apple pie,0'"
    archive = archive_of("--z=out/fruit-project.npy", *shlex.split(told.rpartition(", too: ")[2]))
    assert np.abs(archive["images"].astype(int) - given).mean() < 0.02 * 255


LISTED = "give one of apple pie, T-shirt/top, 0, or its number from 0 on"


@pytest.mark.parametrize(("run", "options", "words"), [
    ("plain", ["--label=0"], "--label: plain is not conditional; leave --label out, or train a run with --conditional"),
    ("fruit", ["--label=3"], f"--label: fruit has no class '3'; {LISTED}"),
    ("fruit", ["--label=-1"], f"--label: fruit has no class '-1'; {LISTED}"),
    ("fruit", ["--label=Bag"], f"--label: fruit has no class 'Bag'; {LISTED}"),
    ("fruit", ["--label=1,"], f"--label: fruit has no class ''; {LISTED}"),
    ("fruit", ["--label="], f"--label: fruit has no class ''; {LISTED}"),
    ("fruit", ["--label=0,1,2", "--interpolate=3"],
     "--label names 3 classes, but --interpolate goes from one to another; give two, or one"),
])  # fmt: skip
def test_labels_that_do_not_fit_are_refused(samples, tmp_path, run, options, words):
    assert samples(*options, run=run) == (2, "", f"tfgan: error: {words}\n")
    assert not list(tmp_path.iterdir())
