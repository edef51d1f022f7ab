"""Films: which frame comes when, where its images lie, and what fills the rest."""

import re

import numpy as np
import pytest
from PIL import Image

from tfgan.common import images
from tfgan.errors import UserError
from tfgan.runs import read
from tfgan.view import film


def frames_of(path):
    """The frames of a film as a player shows them, uint8 [n, h, w, 3]."""
    if path.suffix == ".mp4":
        import imageio.v3 as iio

        return iio.imread(path, plugin="FFMPEG")
    with Image.open(path) as moving:
        found = []
        for number in range(moving.n_frames):
            moving.seek(number)
            found.append(np.asarray(moving.convert("RGB")))
    return np.stack(found)


@pytest.mark.parametrize("kind", film.KINDS)
def test_an_interpolation_goes_there_first_and_then_back(tmp_path, kind):
    """Five images of four steps: two rows of three, row by row, the last place white. No two images are alike."""
    levels = 10 + 10 * np.arange(20, dtype=np.uint8).reshape(5, 4)
    path = tmp_path / f"way.{kind}"
    film.save_interpolation(path, np.broadcast_to(levels[..., None, None, None], [5, 4, 2, 2, 1]))
    shown = frames_of(path)
    assert len(shown) == 6
    rows, columns = (np.array(shown.shape[1:3]) // (4, 6)) * 2
    for frame, step in zip(shown, (0, 1, 2, 3, 2, 1), strict=True):
        middles = frame[rows // 2 :: rows, columns // 2 :: columns, 0].astype(int)
        assert np.abs(middles - [[*levels[:3, step]], [*levels[3:, step], 255]]).max() <= 4


def test_an_mp4_of_odd_sides_has_no_dark_rim_and_holds_its_last_frame(tmp_path):
    """The encoding requires even sides: a row and a column more, below and to the right, like the ones beside them."""
    frames = [np.full([601, 603, 1], level, np.uint8) for level in (60, 220)]
    frames[1][:2] = 0  # a line at the top
    film.save(tmp_path / "a.mp4", frames, seconds=0.5)
    shown = frames_of(tmp_path / "a.mp4").astype(int)
    assert shown.shape == (1 + 4, 602, 604, 3)
    assert np.abs(shown[0] - 60).max() <= 4
    for frame in shown[1:]:
        assert np.abs(frame[8:] - 220).max() <= 6
        assert frame[0].max() <= 40, "the line is at the top, the rim below"


@pytest.fixture
def filmed(monkeypatch):
    """What `film.save` was asked for: [{"path", "frames", "seconds", "hold"}]."""
    found = []

    def save(path, frames, seconds, hold=True):
        found.append({"path": path, "frames": list(frames), "seconds": seconds, "hold": hold})

    monkeypatch.setattr(film, "save", save)
    return found


def grey(*levels, side=4, channels=1):
    """uint8 [N, side, side, channels]: an image of each level."""
    return np.broadcast_to(np.uint8(levels)[:, None, None, None], [len(levels), side, side, channels]).copy()


@pytest.mark.parametrize("kind", ["gif", "webp"])
@pytest.mark.parametrize(("hold", "last"), [(True, 2000), (False, 120)])
def test_the_last_frame_is_held_for_two_seconds_if_asked(tmp_path, kind, hold, last):
    path = tmp_path / f"film.{kind}"
    film.save(path, grey(0, 90, 200), seconds=0.12, hold=hold)
    with Image.open(path) as moving:
        times = []
        for number in range(3):
            moving.seek(number)
            moving.load()
            times.append(moving.info["duration"])
    assert times == [120, 120, last]


@pytest.mark.parametrize("absent", ["imageio", "imageio_ffmpeg"])
def test_mp4_needs_both_of_its_packages(monkeypatch, absent):
    monkeypatch.setattr(film.importlib.util, "find_spec", lambda name: None if name == absent else object())
    with pytest.raises(UserError, match=re.escape("mp4 needs imageio with its encoder: pip install 'tfgan[mp4]'; or choose gif")):
        film.require_encoder("mp4")
    for kind in ("gif", "webp"):
        film.require_encoder(kind)


@pytest.mark.parametrize(("count", "seconds"), [(1, 0.5), (20, 0.5), (40, 0.25), (200, 0.05), (300, 0.05)])
def test_a_film_takes_ten_seconds_within_limits(tmp_path, filmed, monkeypatch, count, seconds):
    monkeypatch.setattr(images, "load_png", lambda place: grey(1)[0])
    film.save_run_film(tmp_path / "run.gif", dict.fromkeys(range(count), tmp_path / "a.png"))
    assert (len(filmed[0]["frames"]), filmed[0]["seconds"]) == (count, seconds)


def test_which_grids_a_long_film_has(tmp_path, filmed, monkeypatch):
    """Evenly spaced: of 601, every second; of 1000, those nearest to multiples of 999 / 299."""
    monkeypatch.setattr(images, "load_png", lambda place: grey(1)[0])
    found = film.save_run_film(tmp_path / "run.gif", dict.fromkeys(range(1000), tmp_path / "a.png"))
    assert [*found][:4] == [0, 3, 7, 10]
    assert [*found][-2:] == [996, 999]


def test_there_and_back():
    assert [film.there_and_back(list("abcd"[:n])) for n in (1, 2, 3, 4)] == [["a"], ["a", "b"], list("abcb"), list("abcdcb")]


@pytest.mark.parametrize(("steps", "seconds"), [(2, 0.2), (10, 0.2), (20, 0.1), (50, 0.04), (200, 0.04)])
def test_the_film_of_an_interpolation(tmp_path, filmed, steps, seconds):
    """Five images in two rows of three, of which the last is white, at the speed of two seconds for all steps."""
    made = np.broadcast_to(np.uint8([10, 20, 30, 40, 50])[:, None, None, None, None], [5, steps, 1, 1, 1])
    film.save_interpolation(tmp_path / "a.gif", made)
    (asked,) = filmed
    assert (asked["seconds"], asked["hold"], len(asked["frames"])) == (seconds, False, 2 * steps - 2)
    assert asked["frames"][0][..., 0].tolist() == [[10, 20, 30], [40, 50, 255]]


def numbered(count, height=4, width=6, channels=1):
    return np.arange(count * height * width * channels).astype(np.uint8).reshape(count, height, width, channels)


def save_grids(folder, pictures):
    for iteration, picture in pictures.items():
        images.save_png(folder / f"run-{iteration:06d}.png", picture)
    return read.sample_grids(folder, "run")


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
