"""Figures, films, the page, and `python -m tfgan.report` that makes them."""

import base64
import json
import pathlib
import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from tests.conftest import TINY
from tfgan import report
from tfgan.common import images
from tfgan.datasets import download
from tfgan.errors import UserError
from tfgan.runs import saved
from tfgan.view import figures
from tfgan.view import film
from tfgan.view import neighbours


@pytest.fixture
def here(runs, command, tmp_path):
    """A copy of the short runs in the current folder, and `python -m tfgan.report` on them, which needs no checkpoints."""
    shutil.copytree(runs, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints"))
    return command(report)


def numbered(count, height=4, width=6, channels=1):
    return np.arange(count * height * width * channels).astype(np.uint8).reshape(count, height, width, channels)


def save_grids(folder, pictures):
    for iteration, picture in pictures.items():
        images.save_png(folder / f"run-{iteration:06d}.png", picture)
    return saved.sample_grids(folder, "run")


@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_undo_a_grid(tmp_path, channels):
    made = numbered(6, channels=channels)
    grid = images.grid(made, 2, 3)
    assert grid.shape == (8, 18, channels)
    np.testing.assert_array_equal(grid[4:, 6:12], made[4])
    np.testing.assert_array_equal(images.split_grid(grid, 4, 6), made)
    images.save_png(tmp_path / "a.png", grid)
    np.testing.assert_array_equal(images.load_png(tmp_path / "a.png"), grid)


@pytest.mark.parametrize("kind", film.KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_film_shows_every_frame_once(tmp_path, kind, channels):
    levels = [10, 60, 120, 250]
    frames = [np.full([5, 7, channels], level, np.uint8) for level in levels]
    if channels == 3:
        for frame in frames:
            frame[:, :, 2] = 0  # no blue
    path = tmp_path / f"film.{kind}"
    film.save(path, iter(frames), seconds=0.25)
    if kind == "mp4":
        import imageio.v3 as iio

        pixels = iio.imread(path, plugin="FFMPEG")
        assert iio.immeta(path, plugin="FFMPEG")["fps"] == 4
        assert len(pixels) == 3 + 8, "the last one for two seconds"
        pixels, near = pixels[:4], 6
        assert all(side % 2 == 0 for side in pixels.shape[1:3])
    else:
        with Image.open(path) as moving:
            assert moving.info["loop"] == 0
            assert moving.n_frames == 4
            pixels, times = [], []
            for number in range(4):
                moving.seek(number)
                pixels.append(np.asarray(moving.convert("RGB")))
                times.append(moving.info["duration"])
        assert times[:3] == [250] * 3
        pixels, near = np.array(pixels), 1
        assert pixels.shape[1:3] == (5 * 86, 7 * 86)  # enlarged to about 600
    for frame, level in zip(pixels.astype(int), levels, strict=True):
        assert abs(frame[..., :2] - level).max() <= near
        assert frame[..., 2].max() <= near if channels == 3 else abs(frame[..., 2] - level).max() <= near
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_film_of_a_run_has_a_frame_a_grid_in_order_with_its_iteration(tmp_path, monkeypatch):
    written = {}
    monkeypatch.setattr(film, "save", lambda path, frames, seconds: written.update(frames=list(frames), seconds=seconds))
    texts = []
    monkeypatch.setattr(film, "add_caption", lambda picture, text: texts.append(text) or picture)
    grids = save_grids(tmp_path, {n: np.full([400, 400, 1], n // 1000, np.uint8) for n in (1000, 0, 20_000, 3000)})
    film.save_run_film(tmp_path / "run.gif", grids)
    assert texts == ["iteration 0", "iteration 1,000", "iteration 3,000", "iteration 20,000"]
    assert [frame.max() for frame in written["frames"]] == [0, 1, 3, 20]
    assert written["seconds"] == 0.5

    many = dict.fromkeys(range(1000), grids[1000])
    texts.clear()
    film.save_run_film(tmp_path / "run.gif", many)
    assert (len(texts), texts[0], texts[-1]) == (300, "iteration 0", "iteration 999")
    assert written["seconds"] == 0.05


def test_a_frame_says_its_iteration_below_the_picture():
    picture = np.full([400, 500, 3], 200, np.uint8)
    frame, other = film.add_caption(picture, "iteration 1,000"), film.add_caption(picture, "iteration 2,000")
    np.testing.assert_array_equal(frame[:400], picture)
    strip = frame[400:]
    assert strip.shape[1:] == (500, 3)
    assert strip.max() == 255 > 50 > strip.min(), "black on white"
    assert (strip != other[400:]).any()
    assert (strip[0] == 255).all()
    assert (strip[-1] == 255).all(), "the text is not cut"
    assert (strip[:, -1] == 255).all()


def test_grids_that_cannot_be_shown_are_left_out_and_told(tmp_path, capsys):
    one, larger = numbered(1)[0], numbered(1, 8, 8)[0]
    grids = save_grids(tmp_path, {0: one, 1: one, 2: one, 3: larger, 4: one})
    grids[1].write_bytes(b"no picture")
    grids[2].write_bytes(grids[2].read_bytes()[:-30])
    film.save_run_film(tmp_path / "run.gif", grids)
    out = capsys.readouterr().out
    assert "run-000001.png cannot be read as a picture" in out
    assert "run-000002.png cannot be read as a picture" in out
    assert "1 grids differ in size from the last one" in out
    with Image.open(tmp_path / "run.gif") as moving:
        assert moving.n_frames == 2
    with pytest.raises(UserError, match="there is no sample grid of run in"):
        film.save_run_film(tmp_path / "run.gif", {})


def test_mp4_without_its_encoder(monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(film.importlib.util, "find_spec", lambda name: None if name == "imageio_ffmpeg" else object())
    with pytest.raises(UserError, match=re.escape("pip install 'tfgan[mp4]'")):
        film.require_encoder("mp4")
    film.require_encoder("gif")


def test_smoothing_by_hand():
    assert figures.smoothed([5.0]) == [5.0]
    np.testing.assert_allclose(figures.smoothed([3.0] * 20), 3.0)
    # weights 0.1 * 0.9^k, divided by their sum
    np.testing.assert_allclose(figures.smoothed([1.0, 2.0, 4.0])[-1], (0.081 * 1 + 0.09 * 2 + 0.1 * 4) / 0.271)


@pytest.mark.parametrize("step", [2**24, 5000])
def test_nearest_images_are_scikit_learns(monkeypatch, step):
    monkeypatch.setattr(neighbours, "_AT_A_TIME", step)
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (500, 6, 5, 3), dtype=np.uint8)
    samples = np.concatenate([real[[7, 499]], rng.integers(0, 256, (9, 6, 5, 3), dtype=np.uint8)])
    indices, distances, searched, *_ = neighbours.by_pixels(samples, real)
    oracle = NearestNeighbors(n_neighbors=3, algorithm="kd_tree").fit(real.reshape(500, -1))
    expected, where = oracle.kneighbors(samples.reshape(11, -1))
    np.testing.assert_array_equal(indices, where)
    np.testing.assert_allclose(distances, expected / np.sqrt(90), atol=0.05)
    assert (indices[:2, 0].tolist(), searched) == ([7, 499], 500)
    assert distances[:2, 0].max() < 0.05 < 50 < distances[2:, 0].min(), "a memorised image is seen at once"


def test_nearest_images_where_the_model_is_larger_or_coloured():
    digits = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
    samples = digits[[3, 41]].repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)  # 32x32, colour
    indices, distances, *_ = neighbours.by_pixels(samples, digits)
    assert indices[:, 0].tolist() == [3, 41]
    assert distances[:, 0].max() < 0.6 * distances[:, 1].min()


def test_a_limit_to_the_search_is_told(monkeypatch):
    monkeypatch.setattr(neighbours, "_MOST_VALUES", 24 * 10)
    nearest = neighbours.by_pixels(numbered(100)[[0, 55, 99]], numbered(100))
    assert nearest.searched == 10
    assert nearest.indices[:, 0].tolist() == [0, 55, 99], "of every eleventh, from the first to the last"


def test_figures_of_a_report(here, tmp_path):
    status, out, err = here("--run", "dcgan28-digits")
    assert (status, err) == (0, "")
    kinds = (".gif", "-losses.png", "-beside-real.png", "-nearest.png", ".html")
    assert out.splitlines() == [f"Saved out/dcgan28-digits{kind}" for kind in kinds]
    for kind, size in (("-losses", (960, 840)), ("-beside-real", (1200, 672)), ("-nearest", (1152, 623))):
        pixels = np.asarray(Image.open(f"out/dcgan28-digits{kind}.png").convert("L"))
        assert abs(np.array(pixels.shape[::-1]) - size).max() <= 2
        assert pixels.std() > 10, "something is on it"


def test_a_last_grid_that_is_none_of_the_run(here, tmp_path):
    last = tmp_path / "out" / "mlp-digits-000004.png"
    last.write_bytes(b"no picture")
    status, out, _ = here("--run", "mlp-digits")
    assert status == 0, "the grid before serves"
    assert "the film is made without it" in out
    for side, words in ((130, None), (20, "mlp-digits-000004.png in out is not a grid of this run; remove it, or make it again")):
        images.save_png(last, np.zeros([side, side, 1], np.uint8))
        status, _, err = here("--run", "mlp-digits")
        assert (status, err) == ((2, f"tfgan: error: {words}\n") if words else (0, ""))


def test_a_report_fetches_nothing(here, tmp_path, monkeypatch):
    config = tmp_path / "logs" / "mlp-digits" / "config.json"
    fields = json.loads(config.read_text())
    for dataset in ("mnist", "celeba", "dogs"):
        fields["recipe"]["dataset"] = dataset
        config.write_text(json.dumps(fields))
        monkeypatch.setattr(download, "find_or_fetch", lambda *_: pytest.fail("it fetches"))
        status, out, _ = here("--run", "mlp-digits")
        assert status == 0
        assert f"Note: the nearest training images are left out: {dataset} is not in data, or not complete" in out


def test_training_ends_with_the_film_and_the_figures(runs):
    for name in ("mlp-digits", "compact-pictures", "dcgan28-digits"):
        for kind in (".gif", "-losses.png", "-beside-real.png", "-nearest.png"):
            assert (runs / "out" / f"{name}{kind}").stat().st_size > 1000


def test_the_page_holds_everything_and_asks_for_nothing(here, tmp_path):
    config = tmp_path / "logs" / "mlp-digits" / "config.json"
    fields = json.loads(config.read_text())
    fields["recipe"]["dataset"] = "/pictures/<b>of & mine"
    config.write_text(json.dumps(fields))
    status, out, _ = here("--run", "mlp-digits", "--film", "webp")
    assert status == 0
    missing = "the pictures are neither in /pictures/<b>of & mine nor packed in data; python -m tfgan.datasets PATH"
    assert f"Note: the nearest training images are left out: {missing} --image-size 28 --data-dir data packs" in out
    page = pathlib.Path("out/mlp-digits.html").read_text("utf-8")
    assert "<title>mlp-digits · tfgan</title>" in page
    progress = "seed 3: no checkpoint; metrics up to iteration 3 of 4."
    for words in (progress, "learning_rate", "0.0003", "images per second", "training time", "Nearest"):
        assert words in page
    assert page.count("&lt;b&gt;of &amp; mine") == 3
    assert "/pictures" not in page, "the page may be mailed"
    assert "<b>" not in page
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:)[^\"'\s>]+", page), "nothing but data: addresses"
    kinds = re.findall(r'src="data:(image|video)/(\w+);base64,([^"]+)"', page)
    content = [base64.b64decode(text) for _, _, text in kinds]
    assert [kind for _, kind, _ in kinds] == ["png", "webp", "png", "png", "png", "png"]
    assert content[1] == pathlib.Path("out/mlp-digits.webp").read_bytes()
    assert content[0] == pathlib.Path("out/mlp-digits-000004.png").read_bytes()


def test_the_training_time_is_that_of_the_metrics(runs):
    from tfgan.view import page

    run = saved.find_run("mlp-digits", runs / "logs")
    metrics = [{"iteration": n, "images_per_second": rate} for n, rate in ((0, 8.0), (100, 80.0), (200, 40.0))]
    # 1 * 8 / 8 + 100 * 8 / 80 + 100 * 8 / 40 seconds, in batches of eight
    assert page._pace(run, metrics) == [("training time", "31 s for 201 iterations"), ("images per second", "40 (median)")]
    twice = run._replace(recipe=run.recipe.replace(d_steps=2))
    assert page._pace(twice, metrics)[0] == ("training time", "1 min 2 s for 201 iterations"), "an iteration has two batches"
    assert [page._duration(s) for s in (0.2, 59, 3600, 3725)] == ["under a second", "59 s", "1 h", "1 h 2 min 5 s"]


@pytest.mark.parametrize("dataset", ["packed only", "changed", "absent"])
@pytest.mark.slow
def test_whose_neighbours_are_shown(here, tmp_path, command, dataset):
    """Own pictures: found by their checksum though the folder is gone; other pictures in the array are not shown."""
    from tfgan import train

    folder = tmp_path / "mine"
    folder.mkdir()
    for n, picture in enumerate(np.random.default_rng(0).integers(0, 256, (9, 20, 20, 3), dtype=np.uint8)):
        Image.fromarray(picture).save(folder / f"{n}.png")
    assert command(train)("--dataset", folder, "--model", "mlp", *TINY, "--iterations", 2, "--run", "own")[0] == 0
    (tmp_path / "out" / "own-nearest.png").unlink()
    shutil.rmtree(folder)
    [array] = (tmp_path / "data" / "packed").glob("own-mine-*.npy")
    if dataset == "changed":
        manifest = json.loads(array.with_suffix(".json").read_text())
        array.with_suffix(".json").write_text(json.dumps({**manifest, "sha256": "another"}))
    if dataset == "absent":
        shutil.rmtree(tmp_path / "data")
    status, out, _ = here("--run", "own")
    assert status == 0
    assert (tmp_path / "out" / "own-nearest.png").exists() == (dataset == "packed only")
    assert ("Note: the nearest training images are left out: " in out) == (dataset != "packed only")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--run", "nothing"], "there is no run 'nothing' in logs: there are compact-pictures, dcgan28-digits, mlp-digits"),
        (["--run", "mlp-digits", "--out-dir", "nowhere"], "there is no sample grid of mlp-digits in nowhere for a film"),
        (["--run", "mlp-digits", "--film", "avi"], "argument --film: invalid choice: 'avi'"),
        ([], "the following arguments are required: --run"),
    ],
)
def test_what_is_refused(here, options, words):
    status, _, err = here(*options)
    assert status == 2
    assert err.startswith(f"tfgan: error: {words}"), err
    assert err.count("\n") == 1
