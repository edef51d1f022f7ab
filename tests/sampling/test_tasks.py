"""`python -m tfgan.sample --project`, `--directions` and `--complete`: what they write and what they refuse."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import tfgan
from tests.conftest import own_pixels
from tests.datasets.test_formats import vast_png
from tests.models import handmade
from tfgan import recipes
from tfgan import sample
from tfgan.sampling import drawing
from tfgan.sampling import picture_files
from tfgan.sampling import tasks
from tfgan.sampling.inversion import Projected

SIDE = 8
RECIPE = recipes.recipe("vanilla", "digits").replace(image_shape=(SIDE, SIDE, 1), z_dim=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run by hand, pictures of its own samples, masks, and what is no picture."""
    folder = tmp_path_factory.mktemp("folder")
    rng = np.random.default_rng(0)
    values = handmade.vanilla_state(rng, 4, rng.uniform(size=(128, SIDE**2)))
    values = {name: 0.3 * value for name, value in values.items() if "Average" not in name}
    run = handmade.write_run(folder / "logs" / "run", RECIPE, {1: values}, seed=5)
    with tfgan.Sampler(run) as sampler:
        for n, image in enumerate(sampler.images(sampler.z(3, 5))):
            Image.fromarray(image[..., 0]).resize((80, 80), Image.Resampling.NEAREST).save(folder / f"{n}.png")
    mask = np.zeros([80, 80], np.uint8)
    for name, value in (("none", 0), ("all", 255)):
        Image.fromarray(mask + np.uint8(value)).save(folder / f"{name}.png")
    mask[20:40, 30:60] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(mask[:40]).save(folder / "half.png")
    (folder / "words.png").write_text("no picture")
    (folder / "vast.png").write_bytes(vast_png())
    return folder


@pytest.fixture
def make(command, folder, tmp_path):
    """make(*options): `python -m tfgan.sample` of the run, in a copy of that folder."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return lambda *options: command(sample)("--run=run", *options)


def test_pictures_go_to_noise_and_back(make):
    status, out, err = make("--project", "0.png", "1.png", "2.png")
    assert (status, err) == (0, "")
    *found, picture, noise = out.splitlines()
    assert [re.sub(r"\d\.\d%", "x%", line) for line in found] == [f"{n}.png: mean error x% of the range" for n in range(3)]
    assert (picture, noise) == ("Saved out/run-project.png", "Saved out/run-project.npy")
    assert make("--z=out/run-project.npy", "--format=npz")[0] == 0
    made = np.load("out/run-sample.npz")["images"]
    given = picture_files.read_pictures([f"{n}.png" for n in range(3)], RECIPE.image_shape, "--project")
    assert np.abs(made.astype(int) - given).mean() < 0.02 * 255


def test_a_hole_is_shown_and_filled(make):
    status, out, _ = make("--complete=0.png", "--mask=mask.png")
    assert status == 0
    assert out.startswith("0.png, outside the hole: mean error ")
    picture = np.asarray(Image.open("out/run-complete.png"))
    side = picture.shape[0]
    times = side // SIDE
    hole = np.zeros([SIDE, SIDE], bool)
    hole[2:4, 3:6] = True
    given, _, filled = (picture[::times, n * side : (n + 1) * side : times] for n in range(3))
    original = picture_files.read_pictures(["0.png"], RECIPE.image_shape, "")[0, ..., 0]
    mask = picture_files.read_mask("mask.png", "0.png", RECIPE.image_shape)
    assert mask[hole].all()
    assert not (mask & ~ndimage.binary_dilation(hole, np.ones([3, 3]))).any(), "it reaches only pixels that it mixes into"
    np.testing.assert_array_equal(given[mask], 128)
    np.testing.assert_array_equal(filled[~mask], original[~mask])


def test_a_strip_for_each_direction(make, monkeypatch):
    """With its number at the left, from 1 on."""
    assert make("--directions=3") == (0, "3 directions of run, iteration 1\nSaved out/run-directions.png\n", "")
    layouts, save = [], tasks._save
    monkeypatch.setattr(tasks, "_save", lambda path, images, layout: layouts.append(layout) or save(path, images, layout))
    assert make("--directions=2")[0] == 0
    assert layouts == [(2, 9, None, ("1", "2"))]
    assert make("--directions=5")[::2] == (2, "tfgan: error: 5 directions cannot be found in noise of 4 values; ask for 1 to 4\n")


REPLACED = "would be replaced, but"
TAKEN = ("faces.npy", "faces.gif", "faces.webp", "faces.png.part", "faces.npy.part")


@pytest.mark.parametrize(("options", "words"), [
    (["--project", "0.png", "--to=0.png"], "0.png {} 0.png is read from there"),
    (["--project", "1.png", "0.png", "--to=./0.png"], "0.png {} 0.png is read from there"),
    (["--project", "0.png", "--to=link.png"], "link.png {} 0.png is read from there"),
    (["--project", "0.png", "--to=hard.png"], "hard.png {} 0.png is read from there"),
    (["--project", "0.png", "--to=through/0.png"], "through/0.png {} 0.png is read from there"),
    (["--project", "mine.npy", "--to=mine.png"], "mine.npy {} mine.npy is read from there"),
    (["--project", "out/run-project.png"], "out/run-project.png {} out/run-project.png is read from there"),
    (["--complete=0.png", "--mask=mask.png", "--to=0.png"], "0.png {} 0.png is read from there"),
    (["--complete=0.png", "--mask=mask.png", "--to=mask.png"], "mask.png {} mask.png is read from there"),
    (["--z=z.npz", "--format=npz", "--to=z.npz"], "z.npz {} z.npz is read from there"),
    (["--z=z.npz", "--format=npz", "--to=through/z.npz"], "through/z.npz {} z.npz is read from there"),
    (["--project", "0.png", "--to=faces.png"], "faces.npy {} --to names only faces.png; remove it, or give another --to"),
    (["--interpolate=2", "--to=faces.png"], "faces.gif {} --to names only faces.png; remove it, or give another --to"),
    (["--interpolate=2", "--film=webp", "--to=faces.png"], "faces.webp {} --to names only faces.png"),
    (["--to=faces.png"], "faces.png.part {} --to names only faces.png"),
    (["--directions=1", "--to=faces.png"], "faces.png.part {} --to names only faces.png"),
])  # fmt: skip
def test_no_input_is_replaced_and_nothing_that_was_not_named(make, tmp_path, options, words):
    for name in TAKEN:
        (tmp_path / name).write_text("mine")
    (tmp_path / "out").mkdir()
    for name in ("out/run-project.png", "mine.npy"):  # pictures are known by their content
        (tmp_path / name).write_bytes((tmp_path / "0.png").read_bytes())
    with open("z.npz", "wb") as file:
        np.save(file, np.zeros([1, 4], np.float32))
    (tmp_path / "link.png").symlink_to("0.png")
    (tmp_path / "hard.png").hardlink_to(tmp_path / "0.png")
    (tmp_path / "through").symlink_to(".")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status, out, err = make(*options)
    assert (status, out) == (2, "")
    assert err.startswith(f"tfgan: error: {words.format(REPLACED)}")
    assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_was_named_is_replaced_and_what_tfgan_named_itself(make, tmp_path):
    (tmp_path / "named.png").write_text("an earlier one")
    assert make("--to=named.png", "--count=1")[0] == 0
    for _ in range(2):
        assert make("--interpolate=2", "--count=1")[0] == 0
    assert Image.open("named.png").size == (600, 600)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"run-interpolation.png", "run-interpolation.gif"}


class Asked:
    """Stands for a `Sampler`: it notes what it is asked for. What it finds is of classes 2 and 0."""

    class_names = "abcd"

    def __init__(self):
        self.of_search, self.of_images = [], []

    def project(self, images, seed=0, labels=None, mask=None, show=None):
        self.of_search.append((len(images), seed, None if labels is None else labels.tolist(), mask))
        return Projected(np.zeros([len(images), 4]), images, np.zeros(len(images)), np.int32([2, 0])[: len(images)])

    def complete(self, images, mask, seed=0, labels=None, show=None):
        return self.project(images, seed, labels, mask)

    def images(self, z, labels=None):
        self.of_images.append(None if labels is None else labels.tolist())
        return np.zeros([len(z), 2, 2, 1], np.uint8)


@pytest.mark.parametrize(("chosen", "labels"), [((), None), ((1,), [1, 1]), ((3, 1, 2), [3, 1])])
def test_the_seed_and_the_classes_reach_the_search_and_the_class_found_the_picture(tmp_path, chosen, labels):
    sampler, source = Asked(), drawing.Source(seed=11, classes=chosen)
    given, hole = np.ones([2, 2, 2, 1], np.uint8), np.eye(2, dtype=bool)
    tasks.Projection(source, ["a", "b"], given, tmp_path / "a.png", tmp_path / "a.npy").write(sampler)
    tasks.Completion(source, "a", given[:1], hole, tmp_path / "b.png").write(sampler)
    assert sampler.of_search == [(2, 11, labels, None), (1, 11, labels and labels[:1], hole)]
    assert sampler.of_images == [[2]]
    np.testing.assert_array_equal(own_pixels(tmp_path / "b.png", 2)[:, :2], [[128, 1], [1, 128]])


@pytest.mark.parametrize(("options", "words"), [
    (["--project", "words.png"], "--project: words.png cannot be used: not a picture of a known kind; give another picture"),
    (["--project", "vast.png"], "--project: vast.png cannot be used: 50,000 x 50,000 pixels, more than"),
    (["--project", "gone.png"], "--project: gone.png cannot be read: No such file or directory; give another file"),
    (["--project", "0.png", "--count=3"], "--project and --count cannot be combined"),
    (["--project", "0.png", "--to=a.gif"], "--to is a.gif, but the name of a file of --format png must end in .png"),
    (["--complete=0.png"], "--complete needs --mask, too; give both, or neither"),
    (["--mask=0.png"], "--mask needs --complete, too; give both, or neither"),
    (["--complete=0.png", "--mask=half.png"], "--mask: half.png has 80 x 40 pixels, but 0.png has 80 x 80 pixels"),
    (["--complete=0.png", "--mask=none.png"], "the mask has no hole to fill"),
    (["--complete=0.png", "--mask=all.png"], "the mask is all hole"), (["--directions=0"], "--directions is 0; it must be 1 or"),
    (["--directions=2", "--project", "0.png"], "--directions and --project cannot be combined"),
    *((options, "run run has no checkpoint of iteration 9; it has those of 1") for options in (
        ["--project", "0.png", "--iteration=9"], ["--complete=0.png", "--mask=mask.png", "--iteration=9"],
        ["--directions=2", "--iteration=9"], ["--interpolate=2", "--iteration=9"],
    )),
])  # fmt: skip
def test_what_is_refused(make, options, words):
    status, _, err = make(*options)
    assert status == 2
    assert err.startswith(f"tfgan: error: {words}")
    assert err.count("\n") == 1


def test_pairs_lie_above_one_another():
    given = np.arange(18, dtype=np.uint8)[:, None, None, None]
    images, layout = tasks.pairs(given, given + 100)
    cells = np.zeros([4 * 16], int) - 1
    cells[layout.cells] = images.ravel()
    assert (layout.rows, layout.columns, layout.names) == (4, 16, ("given", "found") * 2)
    expected = [[*range(16)], [*range(100, 116)], [16, 17] + [-1] * 14, [116, 117] + [-1] * 14]
    assert cells.reshape(4, 16).tolist() == expected


def test_a_strip_goes_in_whole_standard_deviations_and_has_the_image_in_its_middle(folder):
    with tfgan.Sampler(tfgan.find_run("run", folder / "logs")) as sampler:
        images = tasks.strips(sampler, drawing.Source(seed=3), 2)
        z, deviation = sampler.z(1, 3), 3**-0.5  # of U[-1, 1)
        for strip, way in zip(images, sampler.directions(2), strict=True):
            moved = np.stack([z[0] + steps * deviation * way for steps in (-4, -3, -2, -1, 0, 1, 2, 3, 4)])
            expected = sampler.images(moved.clip(-1, 1).astype(np.float32))
            assert np.abs(strip.astype(int) - expected).max() <= 1
            np.testing.assert_array_equal(strip[4], sampler.images(z)[0])
            assert len(np.unique(strip.reshape(9, -1), axis=0)) > 5
