"""`python -m tfgan.sample`: which images, what is written, and what is refused."""

import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.conftest import own_pixels
from tests.models.handmade import write_run
from tfgan import recipes
from tfgan import sample
from tfgan.errors import UserError
from tfgan.runs import read
from tfgan.sampling import drawing
from tfgan.sampling import inference
from tfgan.sampling import latents
from tfgan.sampling.inference import Sampler


@pytest.fixture
def samples(runs, command):
    """samples(*options): `python -m tfgan.sample` on those runs, its files in the current folder's out."""

    def run(*options):
        return command(sample)("--log-dir", runs / "logs", *options)

    return run


def test_a_picture_and_its_grid(samples, tmp_path):
    status, out, err = samples("--run", "mlp-digits")
    assert (status, err) == (0, "")
    assert out == "64 images of mlp-digits, iteration 4\nSaved out/mlp-digits-sample.png\n"
    whole = own_pixels("out/mlp-digits-sample.png", 8 * 28)
    assert whole.shape == (8 * 28, 8 * 28)
    assert samples("--run", "mlp-digits", "--grid", "3x5", "--to", "some/where.png")[0] == 0
    part = own_pixels("some/where.png", 3 * 28)
    assert part.shape == (3 * 28, 5 * 28)
    np.testing.assert_array_equal(part[:28], whole[:28, : 5 * 28])
    np.testing.assert_array_equal(part[28:56, :28], whole[:28, 5 * 28 : 6 * 28])
    assert samples("--run", "mlp-digits", "--count", "7")[0] == 0
    seven = own_pixels("out/mlp-digits-sample.png", 2 * 28)
    assert seven.shape == (2 * 28, 4 * 28)
    assert (seven[28:, 3 * 28 :] == 255).all(), "no eighth image"
    assert samples("--run", "mlp-digits", "--count", "7", "--seed", "4")[0] == 0
    assert (own_pixels("out/mlp-digits-sample.png", 2 * 28) != seven).any()


def test_an_archive_a_folder_and_the_same_noise_from_a_file(samples, runs, tmp_path):
    for name in ("a", "b"):
        run = runs / "logs" / "compact-pictures"
        assert samples("--run", run, "--count", 70, "--format", "npz", "--to", f"{name}.npz")[0] == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes(), "the same command, the same bytes"
    archive = np.load("a.npz")
    assert sorted(archive) == ["images", "z"]
    assert (archive["images"].shape, archive["images"].dtype, archive["z"].shape) == ((70, 28, 28, 3), np.uint8, (70, 64))

    np.save("z.npy", archive["z"])
    assert samples("--run", "compact-pictures", "--z", "z.npy", "--format", "folder", "--to", "f")[0] == 0
    files = sorted(path.name for path in (tmp_path / "f").iterdir())
    assert files == [f"{n:06d}.png" for n in range(70)]
    for n in (0, 69):
        np.testing.assert_array_equal(np.asarray(Image.open(f"f/{n:06d}.png")), archive["images"][n])
    status, _, err = samples("--run", "compact-pictures", "--format", "folder", "--to", "f")
    assert (status, err) == (2, "tfgan: error: f is not empty; give another folder with --to, or remove it\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "g.part").mkdir()
    (tmp_path / "g.part" / "precious").touch()
    (tmp_path / "link").symlink_to("empty")
    for place in ("g", "link"):
        assert samples("--run", "mlp-digits", "--count", 2, "--format", "folder", "--to", place)[0] == 0
    assert sorted(path.name for path in (tmp_path / "empty").iterdir()) == ["000000.png", "000001.png"]
    assert (tmp_path / "g.part" / "precious").exists()
    assert not list(tmp_path.glob(".*"))


def test_best_of_are_the_best_by_d(samples, runs, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "_AT_A_TIME", 25)  # so that they are drawn and judged in several parts
    options = ("--run", "mlp-digits", "--format", "npz")
    assert samples(*options, "--count", 60, "--to", "all.npz")[0] == 0
    assert samples(*options, "--count", 6, "--best-of", 10, "--to", "best.npz")[0] == 0
    everything, best = np.load("all.npz"), np.load("best.npz")
    with Sampler(read.find_run("mlp-digits", runs / "logs")) as sampler:
        scores = sampler.scores(everything["z"])
    order = np.argsort(-scores)[:6]
    np.testing.assert_array_equal(best["z"], everything["z"][order])
    np.testing.assert_array_equal(best["scores"], scores[order])
    assert scores[order].min() > np.median(scores)


def test_a_chosen_iteration(samples, runs):
    assert samples("--run", "mlp-digits", "--iteration", 2)[1].startswith("64 images of mlp-digits, iteration 2\n")
    early = own_pixels("out/mlp-digits-sample.png", 8 * 28)
    grid = own_pixels(read.sample_grids(runs / "out", "mlp-digits")[4], 4 * 28)
    assert (early[:28, : 4 * 28] != grid[:28]).any()


def test_interpolation(samples, runs, tmp_path):
    assert samples("--run", "mlp-digits", "--interpolate", 5, "--count", 3)[0] == 0
    grid = own_pixels("out/mlp-digits-interpolation.png", 3 * 28)
    assert grid.shape == (3 * 28, 5 * 28)
    with Sampler(read.find_run("mlp-digits", runs / "logs")) as sampler:
        z = sampler.z(6, seed=3)
        middle = sampler.images((z[[0]] + z[[1]]) / 2)
        ends = sampler.images(z)
    for place, expected in ((0, ends[0]), (2, middle[0]), (4, ends[1])):
        difference = grid[:28, place * 28 : (place + 1) * 28].astype(int) - expected[:, :, 0]
        assert np.abs(difference).max() <= 1
    np.testing.assert_allclose(grid[56:, 4 * 28 :].astype(int), ends[5, :, :, 0], atol=1)
    with Image.open("out/mlp-digits-interpolation.gif") as moving:
        assert moving.n_frames == 5 + 3, "there, and back without either end"
        assert moving.info["loop"] == 0
        for number, step in enumerate((0, 1, 2, 3, 4, 3, 2, 1)):  # a column of the grid is a frame, its images in a row
            moving.seek(number)
            frame = np.asarray(moving.convert("L").resize((3 * 28, 28), Image.Resampling.NEAREST)).reshape(28, 3, 28)
            column = grid.reshape(3, 28, 5, 28)[:, :, step]
            assert np.abs(frame.transpose(1, 0, 2).astype(int) - column).max() <= 1
    assert samples("--run", "mlp-digits", "--interpolate", 3, "--film", "webp", "--to", "other/way.png")[0] == 0
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == ["way.png", "way.webp"]


def test_truncation_of_the_noise_of_a_seed(samples, runs, tmp_path):
    config = tmp_path / "copy" / "config.json"  # mlp's networks do not know how their noise was drawn
    shutil.copytree(runs / "logs" / "mlp-digits", config.parent)
    config.write_text(config.read_text().replace('"z_distribution": "uniform"', '"z_distribution": "normal"'))
    options = ("--run", config.parent, "--format", "npz")
    assert samples(*options)[0] == 0
    whole = np.load("out/copy-sample.npz")["z"]
    assert abs(whole.std() - 1) < 0.05 < 3 < whole.max()
    assert samples(*options, "--truncation", 0.5)[0] == 0
    np.testing.assert_array_equal(np.load("out/copy-sample.npz")["z"], latents.Noise("normal").truncate(whole, 0.5))


def test_truncated_noise_of_a_generator_that_normalises_it(samples, fastgan_run):
    """The noise that is saved makes the same images again."""
    command = ("--run", fastgan_run.logs, "--format=npz", "--to=a.npz")
    assert samples(*command, "--truncation=0.05")[0] == 0
    cut = np.load("a.npz")
    assert cut["images"].std(0).mean() < 5 < cut["images"].std(), "64 images that are nearly one"
    np.save("z.npy", cut["z"])
    assert samples(*command, "--z=z.npy")[0] == 0
    np.testing.assert_array_equal(np.load("a.npz")["images"], cut["images"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--run", "nothing"], "there is no run 'nothing' in {logs}: there are compact-pictures, dcgan28-digits, mlp-digits"),
        (["--run", ""], "there is no run ''"),
        (["--iteration", 3], "run mlp-digits has no checkpoint of iteration 3; it has those of 2, 4"),
        (["--count", 0], "--count is 0; it must be 1 or more"),
        (["--best-of", 1], "--best-of is 1; it must be 2 or more"),
        (["--interpolate", 1], "--interpolate is 1; it must be 2 or more"),
        (["--interpolate", 201], "--interpolate is 201; it must be 200 at most"),
        (["--interpolate", 3, "--count", 51], "--interpolate has 51 rows, but 50 at most"),
        (["--seed", -1], "--seed is -1; it must be 0 or more"),
        (["--seed", 2**63], f"--seed is {2**63}; it must be {2**63 - 1} at most"),
        (["--truncation", 0.5], "--truncation is for normal noise, but that of mlp-digits is uniform; leave it out"),
        (["--truncation", "nan"], "--truncation is nan; it must be above 0"),
        (["--grid", "3by4"], "argument --grid: '3by4' is not ROWSxCOLS, such as 4x8 (see python -m tfgan.sample --help)"),
        (["--grid", "2x2", "--count", 4], "--grid and --count cannot be combined"),
        (["--grid", "2x2", "--format", "npz"], "--grid is for --format png, not npz"),
        (["--film", "webp"], "--film is for --interpolate"),
        (["--interpolate", 4, "--best-of", 3], "--interpolate and --best-of cannot be combined"),
        (["--z", "z.npy", "--seed", 3], "--z and --seed cannot be combined"),
        (["--z", "none.npy"], "--z: none.npy cannot be read: No such file or directory"),
        (["--z", "words.npy"], "--z: words.npy cannot be read: it is not an array that numpy.save wrote"),
        (["--z", "narrow.npy"], "--z: narrow.npy contains [4, 7], but this run's noise is [N, 96], with N of 1 or more"),
        (["--z", "nan.npy"], "--z: nan.npy must contain floating-point numbers without NaN and infinity"),
        (["--z", "large.npy"], "--z: large.npy must contain floating-point numbers without NaN and infinity"),
        (["--z", "whole.npy"], "--z: whole.npy must contain floating-point numbers without NaN and infinity; its type is int64"),
        (["--z", "zip.npy"], "--z: zip.npy cannot be read: it is not an array"),
        (["--z", "endless.npy"], "--z: endless.npy cannot be read: it is not an array"),
        (["--z", "odd.npy", "--interpolate", 3], "--z holds 3 rows, but --interpolate takes them in pairs"),
        (["--count", 20_000], "20,000 images are too many for one picture (10,000); use --format npz or folder"),
        (["--to", "a.jpg"], "--to is a.jpg, but the name of a file of --format png must end in .png"),
        (["--to", "here.png"], "here.png is a folder; give a file with --to, or --format folder"),
        (["--to", "words.npy/a.png"], "the samples cannot be written: words.npy"),
    ],
)  # fmt: skip
def test_what_is_refused(samples, runs, tmp_path, options, words):
    (tmp_path / "here.png").mkdir()
    (tmp_path / "words.npy").write_text("no array")
    np.save(tmp_path / "narrow.npy", np.zeros([4, 7]))
    for name, value in (("nan", np.nan), ("large", 1e300), ("whole", 1)):
        np.save(tmp_path / f"{name}.npy", np.full([4, 96], value))
    (tmp_path / "zip.npy").write_bytes(b"PK\3\4broken")
    with open(tmp_path / "endless.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 96)})
    np.save(tmp_path / "odd.npy", np.zeros([3, 96]))
    before = sorted(tmp_path.rglob("*"))
    status, _, err = samples(*([] if "--run" in options else ["--run", "mlp-digits"]), *options)
    assert status == 2
    assert err.startswith(f"tfgan: error: {words}".format(logs=runs / "logs")), err
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before, "nothing is left behind"


def test_the_current_folder_and_an_interruption(samples, tmp_path, monkeypatch):
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    assert samples("--run", "mlp-digits", "--count", 2, "--format", "folder", "--to", ".")[0] == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["000000.png", "000001.png"]

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Sampler, "images", interrupted)
    for options in (("--format", "folder"), ("--format", "npz"), ()):
        assert samples("--run", "mlp-digits", *options)[0] == 130
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted((tmp_path / "new").iterdir())


def test_a_checkpoint_that_training_removes_meanwhile(samples, runs, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(runs / "logs" / "mlp-digits", copy)
    chosen = inference.choose_checkpoint

    def then_removed(*arguments):
        iteration = chosen(*arguments)
        shutil.rmtree(copy / "checkpoints" / f"{iteration:06d}")
        return iteration

    monkeypatch.setattr(inference, "choose_checkpoint", then_removed)
    status, _, err = samples("--run", copy)
    assert status == 2
    assert "000004 has just been changed or removed (manifest.json is missing); run the same command again" in err


def test_runs_without_or_with_damaged_checkpoints(samples, runs, tmp_path):
    copy = tmp_path / "logs" / "copy"
    shutil.copytree(runs / "logs" / "mlp-digits", copy)
    [data] = (copy / "checkpoints" / "000004").glob("*.data*")
    data.write_bytes(data.read_bytes()[:-1])
    status, _, err = samples("--run", copy, "--iteration", 4)
    assert status == 2
    reason = "is damaged (model.data-00000-of-00001 differs from what was written)"
    assert f"the checkpoint of iteration 4 {reason}; use another: 2\n" in err
    status, out, _ = samples("--run", copy)
    assert status == 0
    assert "using the one before" in out
    assert "64 images of copy, iteration 2" in out
    shutil.rmtree(copy / "checkpoints" / "000002")
    assert f"{reason}; the run has no other; start over with --fresh\n" in samples("--run", copy, "--iteration", 4)[2]
    shutil.rmtree(copy / "checkpoints")
    status, _, err = samples("--run", copy)
    assert (status, err) == (2, "tfgan: error: run copy has no checkpoint yet; train it first\n")
    (copy / "config.json").write_text('{"recipe": {"model": "mlp"}, "environment": {}}')
    status, _, err = samples("--run", copy)
    assert status == 2
    assert "config.json cannot be used by this version (an incomplete recipe" in err


RECIPE = recipes.recipe("vanilla", "digits").replace(image_shape=(2, 2, 1), z_dim=2)


class Counter:
    """Stands for a `Sampler`: row n of a seed's noise is (seed, n), its image has level n, and D's logit is -(n modulo 3)."""

    def __init__(self, run, iteration=None):
        self.name, self.recipe, self.class_names, self.iteration = run.name, RECIPE, (), iteration or 1234
        self.noise = latents.Noise(RECIPE.z_distribution)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def z(self, count, seed, first=0):
        return np.stack([np.full(count, seed), np.arange(first, first + count)], 1).astype(np.float32)

    def labels(self, count, seed, first=0):
        return None

    def images(self, z, labels=None):
        return np.broadcast_to(z[:, 1].astype(np.uint8)[:, None, None, None], [len(z), 2, 2, 1])

    def scores(self, z, labels=None):
        return -(z[:, 1] % 3)


@pytest.fixture
def make(command, tmp_path, monkeypatch):
    """make(*options): `python -m tfgan.sample` of a run by hand, whose seed is 5, with `Counter`."""
    monkeypatch.setattr(inference, "Sampler", Counter)
    write_run(tmp_path / "logs" / "run", RECIPE, {}, seed=5)
    np.save(tmp_path / "six.npy", np.float32([[9, n] for n in range(6)]))
    return lambda *options: command(sample)("--run=run", *options)


@pytest.mark.parametrize(("options", "rows", "path"), [
    (["--format=npz"], 64, "out/run-sample.npz"), (["--format=npz", "--count=3"], 3, "out/run-sample.npz"),
    (["--format=npz", "--z=six.npy"], 6, "out/run-sample.npz"), (["--format=npz", "--out-dir=o"], 64, "o/run-sample.npz"),
    (["--format=npz", "--out-dir=o", "--to=p/a.npz"], 64, "p/a.npz"), (["--format=folder", "--count=2"], 2, "out/run-sample"),
    (["--grid=2x3"], 6, "out/run-sample.png"), (["--grid=2x2", "--z=six.npy"], 4, "out/run-sample.png"),
    (["--grid=2X4", "--z=six.npy"], 6, "out/run-sample.png"),
])  # fmt: skip
def test_how_many_images_are_written_where(make, options, rows, path):
    status, out, err = make(*options)
    assert (status, err, out) == (0, "", f"{rows:,} images of run, iteration 1,234\nSaved {path}\n")
    if path.endswith("npz"):
        assert len(np.load(path)["images"]) == rows
    else:
        assert pathlib.Path(path).exists()


def test_the_seed_is_the_runs_unless_another_is_given(make):
    for options, seed in (([], 5), (["--seed=0"], 0), (["--seed=7"], 7), (["--z=six.npy"], 9)):
        assert make("--format=npz", *options)[0] == 0
        assert set(np.load("out/run-sample.npz")["z"][:, 0]) == {seed}


def test_the_best_of_equal_ones_are_those_drawn_first(make):
    assert make("--format=npz", "--count=40", "--best-of=3")[0] == 0
    made = np.load("out/run-sample.npz")
    assert (made["z"][:, 1].tolist(), made["scores"].tolist()) == ([*range(0, 120, 3)], [0] * 40)


def test_what_an_interpolation_says(make):
    status, out, _ = make("--interpolate=4", "--z=six.npy", "--film=webp")
    saved = "Saved out/run-interpolation.png\nSaved out/run-interpolation.webp\n"
    assert (status, out) == (0, f"4 steps between 3 pairs of images of run, iteration 1,234\n{saved}")
    assert make("--interpolate=2")[1].startswith("2 steps between 8 pairs of images of run")


@pytest.mark.parametrize(("options", "words"), [
    *((["--z=a", f"--{name}=1"], f"--z and --{name} cannot be combined; leave one of them out") for name in ("count", "seed")),
    (["--z=a", "--truncation=1"], "--z and --truncation cannot be combined"),
    (["--z=a", "--best-of=2"], "--z and --best-of cannot be combined"),
    (["--interpolate=2", "--format=png"], "--interpolate and --format cannot be combined"),
    (["--interpolate=2", "--grid=1x1"], "--interpolate and --grid cannot be combined"),
    (["--grid=1x1", "--count=1"], "--grid and --count cannot be combined"),
    (["--grid=1x1", "--format=folder"], "--grid is for --format png, not folder"),
    (["--count", str(2**40 + 1)], f"--count is {2**40 + 1}; it must be {2**40} at most"),
    (["--best-of", str(2**20 + 1)], f"--best-of is {2**20 + 1}; it must be {2**20} at most"),
    (["--truncation=0"], "--truncation is 0; it must be above 0"), (["--truncation=-1"], "--truncation is -1; it must be above"),
    (["--truncation=inf"], "--truncation is inf; it must be above 0"),
    (["--film=gif"], "--film is for --interpolate; give that too, or use python -m tfgan.report for the film of the run"),
    (["--count=1", "--best-of=2", "--seed=0", "--truncation=1e-9", "--format=npz"], None),
    (["--count", str(2**40), "--best-of", str(2**20), "--seed", str(2**63 - 1)], None), (["--interpolate=200"], None),
    (["--grid=1x1", "--format=png"], None), (["--grid=1x1", "--z=a"], None), (["--interpolate=2", "--z=a", "--film=gif"], None),
])  # fmt: skip
def test_options_that_go_together(options, words):
    given = sample.parser().parse_args(["--run=a", *options])
    if words is None:
        sample.check(given)
        return
    with pytest.raises(UserError) as error:
        sample.check(given)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("text", ["0x3", "3x0", "3x", "x3", "3 x 3", "-1x3", "3*3", "3x3x3"])
def test_grids_that_are_none(text):
    with pytest.raises(UserError, match="argument --grid: .* is not ROWSxCOLS, such as 4x8"):
        sample.parser().parse_args(["--run=a", f"--grid={text}"])
