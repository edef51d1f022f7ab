"""Which images are made and where they go, with a sampler that counts; what sample, export and report say and refuse."""

import pathlib
from types import SimpleNamespace

import numpy as np
import pytest

from tests.models.handmade import write_run
from tfgan import export
from tfgan import recipes
from tfgan import report
from tfgan import sample
from tfgan.errors import UserError
from tfgan.sampling import drawing
from tfgan.sampling import inference
from tfgan.sampling import latents
from tfgan.sampling import sinks

RECIPE = recipes.recipe("vanilla", "digits").replace(image_shape=(2, 2, 1), z_dim=2)


class Counter:
    """Stands for a `Sampler`: row n of a seed's noise is (seed, n), its image has level n, and D's logit is -(n modulo 3)."""

    def __init__(self, run, iteration=None):
        self.recipe, self.iteration, self.noise = RECIPE, iteration or 1234, latents.Noise(RECIPE.z_distribution)

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


@pytest.mark.parametrize(("array", "words"), [
    (np.float16([[1, 2]]), None), (np.float64([[1, 2]]), None), (np.zeros([0, 2]), "contains [0, 2], but this run's noise is"),
    (np.zeros(2), "contains [2], but"), (np.zeros([1, 2, 2]), "contains [1, 2, 2], but"),
    (np.zeros([1, 2], bool), "its type is bool"), (np.zeros([1, 2], complex), "its type is complex128"),
    (np.array([["a", "b"]]), "its type is <U1"), (np.zeros([1, 2], np.uint8), "its type is uint8"),
    (np.array([[1.0, -np.inf]]), "without NaN and infinity"),
    (np.array([[1, None]], object), "cannot be read: it is not an array"),
])  # fmt: skip
def test_arrays_of_noise(tmp_path, array, words):
    np.save(tmp_path / "z.npy", array)
    if words is None:
        found = latents.read_noise(tmp_path / "z.npy", 2)
        assert (found.dtype, found.tolist()) == (np.float32, [[1, 2]])
        return
    with pytest.raises(UserError) as error:
        latents.read_noise(tmp_path / "z.npy", 2)
    assert words in str(error.value)


def test_an_archive_is_no_array_of_noise(tmp_path):
    np.savez(tmp_path / "z.npz", z=np.zeros([1, 2]))
    with pytest.raises(UserError, match=r"z.npz contains an archive, but this run's noise is \[N, 2\], with N of 1 or more"):
        latents.read_noise(tmp_path / "z.npz", 2)


@pytest.mark.parametrize(("kind", "path", "count", "grid", "words"), [
    ("png", "a.png", 10_000, None, None), ("png", "a.png", 10_001, None, "10,001 images are too many for one picture (10,000); "),
    ("png", "a.png", 1, (100, 101), "10,100 images are too many for one picture"), ("npz", "a.npz", 10**9, None, None),
    ("folder", "a", 10**9, None, None), ("folder", "empty", 1, None, None), ("folder", "file", 1, None, "file is a file; give a"),
    ("folder", "full", 1, None, "full is not empty; give another folder with --to, or remove it"),
    ("png", "full", 1, None, "full is a folder; give a file with --to, or --format folder"),
    ("npz", "a.png", 1, None, "--to is a.png, but the name of a file of --format npz must end in .npz"),
])  # fmt: skip
def test_targets(tmp_path, monkeypatch, kind, path, count, grid, words):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "full"):
        pathlib.Path(folder).mkdir()
    for file in ("file", "full/a"):
        pathlib.Path(file).touch()
    if words is None:
        sinks.check_target(kind, pathlib.Path(path), count, grid)
        return
    with pytest.raises(UserError) as error:
        sinks.check_target(kind, pathlib.Path(path), count, grid)
    assert str(error.value).startswith(words)


def test_a_bar_is_shown_on_a_terminal_if_there_are_more_than_a_thousand_images(monkeypatch):
    asked = []
    monkeypatch.setattr(drawing, "tqdm", lambda **given: asked.append((given["unit"], given["disable"])))
    for terminal in (True, False):
        monkeypatch.setattr(drawing.sys, "stderr", SimpleNamespace(isatty=lambda terminal=terminal: terminal))
        for count in (1024, 1025):
            drawing._progress("images", count)
    assert asked == [(" images", True), (" images", False), (" images", True), (" images", True)]


def test_checkpoints_that_cannot_be_read(monkeypatch):
    def fail(folder):
        raise PermissionError(13, "Permission denied", "x/checkpoints")

    monkeypatch.setattr(inference.saved, "checkpoint_iterations", fail)
    with pytest.raises(UserError, match="run a's checkpoints cannot be read: x/checkpoints: Permission denied"):
        inference.choose_checkpoint(SimpleNamespace(name="a", checkpoints="x"))


@pytest.mark.parametrize(("requested", "absent", "found", "words"), [
    (None, [], ["savedmodel", "tflite", "onnx"], ""), (["onnx", "savedmodel"], [], ["savedmodel", "onnx"], ""),
    (None, ["tf2onnx"], ["savedmodel", "tflite"], "ONNX is left out: tf2onnx not installed here: pip install 'tfgan[onnx]'\n"),
    (None, ["tf2onnx", "onnxruntime"], ["savedmodel", "tflite"],
     "ONNX is left out: tf2onnx and onnxruntime not installed here: pip install 'tfgan[onnx]'\n"),
    (["tflite"], ["onnxruntime"], ["tflite"], ""),
    (["onnx"], ["onnxruntime"], None, "--format onnx: onnxruntime not installed here: pip install 'tfgan[onnx]'"),
    (["z", "tflite", "a"], [], None, "--format is 'a, z'; choose from savedmodel, tflite, onnx"),
])  # fmt: skip
def test_formats_that_are_written(monkeypatch, capsys, requested, absent, found, words):
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None if name in absent else object())
    if found is None:
        with pytest.raises(UserError) as error:
            export.available_formats(requested)
        assert str(error.value) == words
    else:
        assert (export.available_formats(requested), capsys.readouterr().out) == (found, words)


def test_several_options_of_formats_add_up():
    assert export.parser().parse_args(["--run=a", "--to=b", "--format=a,b", "--format=c"]).format == ["a", "b", "c"]


def test_why_a_report_has_no_neighbours_and_why_there_is_none(command, tmp_path, monkeypatch, capsys):
    run = write_run(tmp_path / "logs" / "run", RECIPE, {})
    monkeypatch.setattr("tfgan.datasets.find_training_images", lambda *_: None)
    assert report.training_images(run, pathlib.Path("d"), pathlib.Path("o")) is None
    note = "Note: the nearest training images are left out: they are not in d (--data-dir)\n"
    assert capsys.readouterr().out == note

    def fail(*_):
        raise OSError(28, "No space left on device", "out/run.gif")

    monkeypatch.setattr("tfgan.view.gallery.make", fail)
    status, _, err = command(report)("--run=run")
    reason = "out/run.gif: No space left on device; fix that"
    assert (status, err) == (2, f"tfgan: error: the report of run cannot be made: {reason}\n")


@pytest.mark.parametrize(("sign", "factors"), [(1, [1, 1.25, 1.5, 1.75, 2]), (-1, [1, 0.625, 0, -0.875, -2])])
def test_parallel_noise_is_interpolated_on_a_straight_line(sign, factors):
    """Opposite directions, too: they have no shortest path. The direction turns evenly from 1 to -1, and the length grows."""
    a = np.array([[3, 4]], np.float32)
    found = latents.Noise("normal").interpolate(a, 2 * sign * a, 5)[0]
    np.testing.assert_allclose(found, a * np.array(factors)[:, None], rtol=1e-5, atol=1e-5)
