"""Limits, colours and the order of what is shown: durations of films, margins of figures, parts of the page."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import tfgan
from tests.models.handmade import write_run
from tfgan import recipes
from tfgan.common import images
from tfgan.errors import UserError
from tfgan.view import figures
from tfgan.view import film
from tfgan.view import gallery
from tfgan.view import neighbours
from tfgan.view import page


@pytest.fixture
def drawn(monkeypatch):
    """All figures that matplotlib was asked to save, in their order."""
    found = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **_: found.append(figure) or file.write(b"a figure"))
    return found


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


def plot_nearest(folder, samples, real):
    figures.plot_nearest(folder / "a.png", samples, real, neighbours.by_pixels(samples, real), "run")


def assert_true_levels(axes):
    """Black is 0 and white is 255, whatever levels the picture has, and a pixel has sharp edges."""
    (shown,) = axes.images
    assert (shown.get_clim(), shown.get_cmap().name, shown.get_interpolation()) == ((0, 255), "gray", "nearest")


def test_pictures_in_figures_keep_their_levels(drawn, tmp_path):
    """Levels 100 to 110 would be black and white if matplotlib chose the limits."""
    figures.plot_beside_real(tmp_path / "a.png", grey(100)[0], grey(110)[0], "run")
    plot_nearest(tmp_path, grey(100, 105), grey(105, 106, 107, 110))
    for figure in drawn:
        for axes in figure.axes:
            assert_true_levels(axes)


def test_neighbours_are_apart_on_white_and_in_colour_if_either_is(drawn, tmp_path):
    colour = grey(0, 50, side=8, channels=3)
    colour[..., 2] = 200
    plot_nearest(tmp_path, grey(0, 20, 40, side=8), colour)
    canvas = np.asarray(drawn[0].axes[0].images[0].get_array())
    assert canvas.shape == (3 * (8 + 2), 3 * (8 + 2), 3), "a row of samples, and only two real images"
    cells = canvas.reshape(3, 10, 3, 10, 3).swapaxes(1, 2)
    assert (cells[:, :, 8:] == 255).all()
    assert (cells[:, :, :, 8:] == 255).all()
    assert cells[0, :, 0, 0].tolist() == [[0, 0, 0], [20, 20, 20], [40, 40, 40]]
    assert {tuple(pixel) for pixel in cells[1:, :, 0, 0].reshape(-1, 3)} == {(0, 0, 200), (50, 50, 200)}
    assert len(drawn[0].axes[0].texts) == 6


def test_how_many_were_searched_has_its_thousands_apart(drawn, tmp_path):
    plot_nearest(tmp_path, grey(1), grey(*range(250)).repeat(5, axis=0))
    assert drawn[0].texts[0].get_text() == "run: samples, and below them the nearest of 1,250 training images"


@pytest.mark.parametrize(("most", "at_a_time", "searched", "indices"), [
    (1, 10**6, 1, [0]), (10**6, 1, 5, [0, 1, 2]), (3 * 16, 10**6, 3, [0, 2, 4]),
])  # fmt: skip
def test_at_least_one_real_image_is_searched(monkeypatch, most, at_a_time, searched, indices):
    """Even if one alone has more values than are allowed. Equal ones are given in their own order."""
    monkeypatch.setattr(neighbours, "_MOST_VALUES", most)
    monkeypatch.setattr(neighbours, "_AT_A_TIME", at_a_time)
    nearest = neighbours.by_pixels(grey(7), grey(7, 7, 7, 7, 7))
    assert (nearest.searched, nearest.indices.tolist()) == (searched, [indices])
    assert nearest.distances.tolist() == [[0.0, 0.0, 0.0][:searched]]


def test_the_titles_of_the_curves_and_a_measure_that_a_line_lacks(drawn, tmp_path):
    losses = {"d_loss": 1, "g_loss": 2}
    lines = [{"iteration": 0, **losses}, {"iteration": 5, **losses, "d_real": 0.5, "d_fake": 0.25}]
    figures.plot_curves(tmp_path / "a.png", lines, "mine")
    losses, outputs = drawn[0].axes
    assert losses.get_title() == "mine: losses (smoothed; pale: raw)"
    assert outputs.get_title() == "D's mean output, a sigmoid: 1 for real, 0 for fake"
    assert outputs.get_xlabel() == "iteration"
    raw, _ = (line.get_ydata() for line in outputs.get_lines() if line.get_color() == outputs.get_lines()[0].get_color())
    assert np.isnan(raw[0])
    assert raw[1] == 0.5


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


@pytest.mark.parametrize(("width", "height"), [(48, 24), (288, 24), (480, 40), (600, 50)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_strip_of_a_caption(width, height, channels):
    """Its letters have a twenty-fourth of the width, but 12 pixels at least."""
    framed = film.add_caption(np.zeros([10, width, channels], np.uint8), "1")
    assert framed.shape == (10 + height, width, channels)
    assert not framed[:10].any()
    assert framed[10:].max() == 255


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


@pytest.mark.parametrize(("metrics", "real_picture", "real", "kinds"), [
    ([], False, None, [".gif"]), ([{"iteration": 0, "d_loss": 1, "g_loss": 1}], False, None, [".gif", "-losses.png"]),
    ([], True, None, [".gif", "-beside-real.png"]), ([], False, grey(1, 2, 3, 4), [".gif", "-nearest.png"]),
    ([{"iteration": 0, "d_loss": 1, "g_loss": 1}], True, grey(5), [".gif", "-losses.png", "-beside-real.png", "-nearest.png"]),
])  # fmt: skip
def test_what_is_made_of_what_is_there(tmp_path, drawn, metrics, real_picture, real, kinds):
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(4, 4, 1), sample_count=4)
    images.save_png(tmp_path / "run-000000.png", images.square_grid(grey(1, 2, 3, 4)))
    if real_picture:
        images.save_png(tmp_path / "run-real.png", images.square_grid(grey(1, 2, 3, 4)))
    made = gallery.make("run", tmp_path, recipe, metrics, real)
    assert made == [tmp_path / f"run{kind}" for kind in kinds]
    assert len(drawn) == len(kinds) - 1
    assert all(path.exists() for path in made)


def write_page(tmp_path, film_name="run.gif", pictures=(), **config):
    """The page of a run without metrics, with that film and those pictures. config: further fields of its config.json."""
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {}, **config)
    for name in (film_name, *pictures):
        (tmp_path / name).write_bytes(b"a film")
    page.write(tmp_path / "run.html", run, tmp_path, tmp_path / film_name)
    return (tmp_path / "run.html").read_text()


PICTURES = [f"run-{suffix}.png" for suffix in ("000010", "000010-pair", "real", "beside-real", "nearest", "losses")]


def test_the_order_of_the_page_and_which_pictures_keep_sharp_pixels(tmp_path):
    text = write_page(tmp_path, pictures=PICTURES)
    sections = [part.split("</h2>", 1) for part in text.split("<h2>")[1:]]
    assert [title for title, _ in sections] == [
        "Samples", "Film", "Beside real images", "The last training batch", "Nearest training images", "Curves", "Data", "Recipe",
    ]  # fmt: skip
    sharp = [title for title, content in sections if 'class="pixels"' in content]
    assert sharp == ["Samples", "The last training batch", "Data"]
    assert f"Made by tfgan {tfgan.__version__}." in text


def test_what_is_missing_is_omitted(tmp_path):
    text = write_page(tmp_path)
    assert re.findall("<h2>(.*?)</h2>", text) == ["Film", "Data", "Recipe"]
    assert text.count("<img") == 1
    assert "<video" not in text


def test_an_mp4_is_a_video(tmp_path):
    text = write_page(tmp_path, film_name="run.mp4")
    assert '<video autoplay loop muted controls src="data:video/mp4;base64,YSBmaWxt"></video>' in text
    assert "<img" not in text


def table(text, title):
    section = text.split(f"<h2>{title}</h2>")[1].split("<h2>")[0]
    return dict(re.findall("<tr><th>(.*?)</th><td>(.*?)</td></tr>", section))


def test_the_rows_of_the_page(tmp_path):
    """Only what is set: a recipe's fields, the machine's properties; several devices are one row."""
    environment = {"device": ["A", "B"], "processor": None, "onednn": False, "threads": 0, "python": "3.12"}
    text = write_page(tmp_path, environment=environment, images=12_345)
    assert table(text, "Time and machine") == {"device": "A, B", "python": "3.12"}
    assert table(text, "Data")["images"] == "12,345"
    fields = table(text, "Recipe")
    assert (fields["dataset"], fields["smooth"], fields["flip"]) == ("digits", "0.0", "False")
    assert not fields.keys() & {"epochs", "penalty", "d_learning_rate", "weight_clip"}


def test_what_is_said_of_quality():
    found = {"figures": {"recall": 0.123456, "classes_covered": 10, "class_shares": {"a": 0.03141}}}
    found["figures"] |= {"frechet_distance_within_classes": {"a": 1.23456}, "diversity_within_classes": {"a": None}}
    found["figures"]["classes_seen"] = {"a": {"a": 5}}
    found["protocol"] = {"real": 7, "seed": 0}
    expected = [
        ("recall", "0.1235"), ("classes_covered", "10"), ("share of a", "3.1%"), ("Frechet distance within a", "1.235"),
        ("diversity within a", "too few images"), ("protocol", "real 7, seed 0"),
    ]  # fmt: skip
    assert page.quality(found) == expected


@pytest.mark.parametrize(("rates", "expected"), [
    ([], []), ([5], []), ([0, 5], []), ([5, None], []),
    ([0, 5, 10], [("training time", "5 s for 3 iterations"), ("images per second", "10 (median)")]),
    ([4000, 1000, 2000], [("training time", "under a second for 3 iterations"), ("images per second", "2,000 (median)")]),
])  # fmt: skip
def test_a_pace_needs_two_rates(rates, expected):
    """Lines without a rate, or with 0, do not count. Iterations are 0, 1, 2, in batches of ten images."""
    run = SimpleNamespace(recipe=SimpleNamespace(d_steps=1, batch_size=10))
    lines = [{"iteration": n} if rate is None else {"iteration": n, "images_per_second": rate} for n, rate in enumerate(rates)]
    assert page._pace(run, lines) == expected


def test_the_last_lines_numbers_are_those_that_it_has():
    assert page._final([]) == []
    lines = [{"iteration": 0, "d_loss": 5.0, "d_real": 0.5}, {"iteration": 1999, "d_loss": 1.23456}]
    assert page._final(lines) == [("at iteration", "1,999"), ("D's loss", "1.2346")]
