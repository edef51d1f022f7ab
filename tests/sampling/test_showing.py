"""`python -m tfgan.sample --project`, `--directions` and `--complete`: what they write and what they refuse."""

import re

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import tfgan
from tests.models import handmade
from tfgan import recipes
from tfgan import sample
from tfgan.sampling import picture_files
from tfgan.sampling import showing

SIDE = 8
RECIPE = recipes.recipe("vanilla", "digits").replace(image_shape=(SIDE, SIDE, 1), z_dim=4)


@pytest.fixture
def make(command, tmp_path):
    """make(*options): `python -m tfgan.sample` of a run by hand, beside pictures of its own samples."""
    rng = np.random.default_rng(0)
    values = handmade.vanilla_state(rng, 4, rng.uniform(size=(128, SIDE**2)))
    values = {name: 0.3 * value for name, value in values.items() if "Average" not in name}
    run = handmade.write_run(tmp_path / "logs" / "run", RECIPE, {1: values}, seed=5)
    with tfgan.Sampler(run) as sampler:
        for n, image in enumerate(sampler.images(sampler.z(3, 5))):
            Image.fromarray(image[..., 0]).resize((80, 80), Image.Resampling.NEAREST).save(tmp_path / f"{n}.png")
    mask = np.zeros([80, 80], np.uint8)
    for name, value in (("none", 0), ("all", 255)):
        Image.fromarray(mask + np.uint8(value)).save(tmp_path / f"{name}.png")
    mask[20:40, 30:60] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.fromarray(mask[:40]).save(tmp_path / "half.png")
    (tmp_path / "words.png").write_text("no picture")
    Image.new("1", (10_000, 10_000)).save(tmp_path / "vast.png")
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


def test_a_strip_for_each_direction(make):
    assert make("--directions=3") == (0, "3 directions of run, iteration 1\nSaved out/run-directions.png\n", "")
    assert make("--directions=5")[::2] == (2, "tfgan: error: 5 directions cannot be found in noise of 4 values; ask for 1 to 4\n")


@pytest.mark.parametrize(("options", "words"), [
    (["--project", "words.png"], "--project: words.png cannot be used: not a picture of a known kind; give another picture"),
    (["--project", "vast.png"], "--project: vast.png cannot be used: 10,000 x 10,000 pixels, more than"),
    (["--project", "gone.png"], "--project: gone.png cannot be read: No such file or directory; give another file"),
    (["--project", "0.png", "--count=3"], "--project and --count cannot be combined"),
    (["--project", "0.png", "--to=a.gif"], "--to is a.gif, but the name of a file of --format png must end in .png"),
    (["--complete=0.png"], "--complete needs --mask, too; give both, or neither"),
    (["--mask=0.png"], "--mask needs --complete, too; give both, or neither"),
    (["--complete=0.png", "--mask=half.png"], "--mask: half.png has 80 x 40 pixels, but 0.png has 80 x 80 pixels"),
    (["--complete=0.png", "--mask=none.png"], "the mask has no hole to fill"),
    (["--complete=0.png", "--mask=all.png"], "the mask is all hole"), (["--directions=0"], "--directions is 0; it must be 1 or"),
    (["--directions=2", "--project", "0.png"], "--directions and --project cannot be combined"),
])  # fmt: skip
def test_what_is_refused(make, options, words):
    status, _, err = make(*options)
    assert status == 2
    assert err.startswith(f"tfgan: error: {words}")
    assert err.count("\n") == 1


def test_pairs_lie_above_one_another():
    given = np.arange(18, dtype=np.uint8)[:, None, None, None]
    images, layout = showing.pairs(given, given + 100)
    cells = np.zeros([4 * 16], int) - 1
    cells[layout.cells] = images.ravel()
    assert (layout.rows, layout.columns, layout.names) == (4, 16, ("given", "found") * 2)
    expected = [[*range(16)], [*range(100, 116)], [16, 17] + [-1] * 14, [116, 117] + [-1] * 14]
    assert cells.reshape(4, 16).tolist() == expected
