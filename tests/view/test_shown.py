"""What a picture, a figure or a page shows stands where its words say: pictures of one grey level each, known numbers."""

import base64
import html
import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

from tests.models.handmade import write_run
from tfgan import recipes
from tfgan import report
from tfgan.common import images
from tfgan.view import figures
from tfgan.view import gallery
from tfgan.view import neighbours

SIDE = 8  # of the images


@pytest.fixture
def drawn(monkeypatch):
    """All figures that matplotlib was asked to save, in their order."""
    found = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **_: found.append(figure) or file.write(b"a figure"))
    return found


def noisy(count, seed):
    """uint8 [count, SIDE, SIDE, 1], no two alike."""
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 1), dtype=np.uint8)


def test_the_curves_are_whose_label_they_bear(drawn, tmp_path):
    names = {"D": "d_loss", "G": "g_loss", "on real images": "d_real", "on samples": "d_fake"}
    constant = dict(zip(names.values(), (1.5, 2.5, 0.75, 0.25), strict=True))
    figures.plot_curves(tmp_path / "a.png", [{"iteration": 10 * n, **constant, "d_loss": 1.5 + n} for n in range(3)], "run")
    losses, outputs = drawn[0].axes
    assert ("losses" in losses.get_title(), losses.get_ylabel()) == (True, "loss")
    assert "1 for real, 0 for fake" in outputs.get_title()
    for axes, labels in ((losses, ("D", "G")), (outputs, ("on real images", "on samples"))):
        assert [text.get_text() for text in axes.get_legend().get_texts()] == list(labels)
        handles = axes.get_legend().get_lines()
        for label, handle in zip(labels, handles, strict=True):
            pale, line = [line for line in axes.get_lines() if line.get_color() == handle.get_color()]
            values = [constant[names[label]] + n * (label == "D") for n in range(3)]
            assert (line.get_label(), pale.get_alpha()) == (label, 0.3)
            assert list(pale.get_ydata()) == values
            np.testing.assert_allclose(line.get_ydata(), figures.smoothed(values))
            assert list(line.get_xdata()) == list(pale.get_xdata()) == [0, 10, 20]


@pytest.mark.parametrize(("d_loss", "g_loss", "lowest"), [(-3.0, 1.0, -3.0), (1.0, -2.0, -2.0), (1.0, 2.0, 0.0)])
def test_the_axis_of_losses_begins_at_0_or_at_the_lowest_below_it(drawn, tmp_path, d_loss, g_loss, lowest):
    """A wasserstein loss is below 0; D's mean output is always from 0 to 1."""
    lines = [{"iteration": n, "d_loss": d_loss + n, "g_loss": g_loss + n} for n in range(3)]
    figures.plot_curves(tmp_path / "a.png", lines, "run")
    losses, outputs = drawn[0].axes
    assert losses.get_ylim()[0] == lowest
    assert losses.get_ylim()[1] >= max(d_loss, g_loss) + 2
    assert outputs.get_ylim() == (0, 1)


def cells(canvas, rows, columns):
    """[row][column] of a canvas, each cut to its picture, [SIDE, SIDE]."""
    height, width = canvas.shape[0] // rows, canvas.shape[1] // columns
    return canvas.reshape(rows, height, columns, width).swapaxes(1, 2)[:, :, :SIDE, :SIDE]


def assert_neighbours(figure, samples, real):
    """Each column has a sample, and below it its own three nearest ones, nearest first, each above its distance."""
    distances = cdist(samples.reshape(len(samples), -1), real.reshape(len(real), -1)) / SIDE
    (axes,) = figure.axes
    canvas = np.asarray(axes.images[0].get_array())
    found = cells(canvas, 4, len(samples))
    height, width = canvas.shape[0] // 4, canvas.shape[1] // len(samples)
    numbers = {(int(text.get_position()[1] // height), int(text.get_position()[0] // width)): text for text in axes.texts}
    assert len(numbers) == 3 * len(samples)
    for column, sample in enumerate(samples):
        np.testing.assert_array_equal(found[0, column], sample[..., 0])
        for rank, number in enumerate(np.argsort(distances[column])[:3], 1):
            np.testing.assert_array_equal(found[rank, column], real[number, ..., 0])
            text = numbers[rank, column]
            assert text.get_text() == f"{distances[column, number]:.0f}"
            assert text.get_position()[1] % height > SIDE, "below its picture"


def test_the_neighbours_stand_below_their_own_sample(drawn, tmp_path):
    samples, real = noisy(5, 0), noisy(40, 1)
    figures.plot_nearest(tmp_path / "a.png", samples, real, neighbours.by_pixels(samples, real), "run, iteration 7")
    assert_neighbours(drawn[0], samples, real)
    (title,) = drawn[0].texts
    assert title.get_text() == "run, iteration 7: samples, and below them the nearest of 40 training images"


def test_the_figures_are_of_the_last_grid(drawn, tmp_path):
    """Beside it the real images, as many of both and in one size; and its first eight samples' neighbours."""
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(SIDE, SIDE, 1), sample_count=9, real_count=4)
    grids = {0: noisy(9, 0), 3: noisy(9, 1), 12: noisy(9, 2)}
    real = noisy(30, 3)
    for suffix, content in ({f"{n:06d}": grid for n, grid in grids.items()} | {"real": real[:4]}).items():
        images.save_png(tmp_path / f"run-{suffix}.png", images.enlarge(images.square_grid(content)))
    gallery.make("run", tmp_path, recipe, [], real)
    beside, nearest = drawn
    assert beside.get_suptitle() == "run, iteration 12"
    left, right = sorted(beside.axes, key=lambda axes: axes.get_position().x0)
    for axes, title, content in ((left, "samples", grids[12]), (right, "real", real)):
        assert axes.get_title() == title
        shown = cells(np.asarray(axes.images[0].get_array()), 2, 2).reshape(4, SIDE, SIDE, 1)
        np.testing.assert_array_equal(shown, content[[0, 1, 3, 4] if title == "samples" else range(4)])
    assert_neighbours(nearest, grids[12][:8], real)


def test_the_neighbours_of_a_conditional_run_are_those_of_a_sample_of_each_class(drawn, tmp_path):
    """The first of each row, of eight rows at the most; the names at the left of the grid are none of its images."""
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(SIDE, SIDE, 1), sample_count=9, conditional="concat")
    real = noisy(30, 1)
    for classes, rows in ((2, 2), (10, 10)):
        grid = noisy(3 * rows, classes)
        picture = images.name_rows(images.enlarge(images.grid(grid, rows, 3)), [f"class {n}" for n in range(rows)])
        images.save_png(tmp_path / "run-000012.png", picture)
        gallery.make("run", tmp_path, recipe.replace(classes=classes), [], real)
        assert_neighbours(drawn[-1], grid[::3][:8], real)


def test_what_the_page_says_below_its_pictures_and_beside_its_numbers(command, tmp_path, monkeypatch):
    """Every section has its own file's picture, and the numbers are the last line's."""
    recipe = recipes.recipe("vanilla", "digits").replace(iterations=20, batch_size=10)
    run = write_run(tmp_path / "logs" / "run", recipe, {}, seed=6, environment={"device": "a machine"})
    lines = [
        {"iteration": n, "d_loss": 1.0 + n, "g_loss": 2.25 + n, "d_real": 0.75, "d_fake": 0.25, "images_per_second": rate}
        for n, rate in ((0, 10.0), (9, 30.0), (15, 20.0))
    ]
    (run.logs / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run.logs / "quality" / "random-0").mkdir(parents=True)
    found = {"precision": 0.25, "recall": 0.5, "class_shares": {"9": 0.125}}
    found = {"iteration": 16, "figures": found, "protocol": {"real": 7}}
    (run.logs / "quality" / "random-0" / "000016.json").write_text(json.dumps(found))
    out = tmp_path / "out"
    out.mkdir()
    files = {
        suffix: f"content of {suffix}".encode()
        for suffix in ("-000010.png", "-000016.png", "-000010-pair.png", "-000016-pair.png", "-real.png", "-beside-real.png",
                       "-nearest.png", "-alike.png", "-classes.png", "-losses.png", ".gif")
    }  # fmt: skip
    for suffix, content in files.items():
        (out / f"run{suffix}").write_bytes(content)
    monkeypatch.setattr(gallery, "make", lambda name, out_dir, *_: [out_dir / f"{name}.gif"])
    assert command(report)("--run", "run")[0] == 0
    page = (out / "run.html").read_text()
    sections = dict(part.split("</h2>", 1) for part in page.split("<h2>")[1:])
    expected = {
        "Samples": ("-000016.png", "Samples of fixed noise after 16 iterations"),
        "Film": (".gif", "The same noise through the whole run"),
        "Beside real images": ("-beside-real.png", "Samples left, training images right"),
        "The last training batch": ("-000016-pair.png", "Fakes left, reals right"),
        "Nearest training images": ("-nearest.png", "Samples (top) and the training images nearest to them"),
        "Training images most alike": ("-alike.png", "Samples (top) and the training images most alike, not by pixels"),
        "Classes asked for and seen": ("-classes.png", "Each row: what the samples of that class are seen as"),
        "Curves": ("-losses.png", "Losses, and D's mean output on real images and samples"),
        "Data": ("-real.png", "Training images"),
    }
    for title, (suffix, caption) in expected.items():
        section = sections.pop(title)
        (picture,) = re.findall(r'alt="([^"]*)" src="data:image/(\w+);base64,([^"]+)"', section)
        assert (html.unescape(picture[0]), picture[1]) == (caption, suffix.rpartition(".")[2])
        assert base64.b64decode(picture[2]) == files[suffix], title
        assert re.findall("<figcaption>(.*?)</figcaption>", html.unescape(section)) == [caption]
        sections[title] = section
    rows = {title: dict(re.findall("<tr><th>(.*?)</th><td>(.*?)</td></tr>", html.unescape(s))) for title, s in sections.items()}
    assert rows["Curves"] == {
        "at iteration": "15", "D's loss": "16.0000", "G's loss": "17.2500", "D's mean output on real images": "0.7500",
        "D's mean output on samples": "0.2500",
    }  # fmt: skip
    assert rows["Data"].items() >= {"data set": "digits", "images": "1,797"}.items()
    quality = {"precision": "0.25", "recall": "0.5", "share of 9": "12.5%", "protocol": "real 7"}
    assert rows["Quality of iteration 16"] == quality
    # 10 / 10 + 9 * 10 / 30 + 6 * 10 / 20 seconds
    expected = {"training time": "7 s for 16 iterations", "images per second": "20 (median)", "device": "a machine"}
    assert rows["Time and machine"] == expected


def test_the_picture_of_the_classes(tmp_path, monkeypatch):
    """A row for each class asked for; its cells are shares of the row in percent, and the names stand at both sides."""
    kept = []
    monkeypatch.setattr(figures, "_save", lambda figure, path: kept.append(figure))
    counts = {"cat": {"cat": 6, "dog": 2, "owl": 0}, "dog": {"cat": 1, "dog": 9, "owl": 0}}
    counts["owl"] = dict.fromkeys(("cat", "dog", "owl"), 0)
    figures.plot_classes(tmp_path / "a.png", counts, "run, iteration 3")
    axes = kept[0].axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array().filled(np.nan), [[75, 25, 0], [10, 90, 0], [np.nan] * 3])
    assert [text.get_text() for text in axes.texts] == ["75", "25", "10", "90"]
    assert [text.get_position() for text in axes.texts] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [text.get_text() for text in labels] == list(counts)
    assert kept[0].get_suptitle() == "run, iteration 3: 83.3% of the samples are seen as asked for"
    for classes in (21, 6):
        many = {f"n{n}": {f"n{m}": int(n == m) for m in range(classes)} for n in range(classes)}
        figures.plot_classes(tmp_path / "b.png", many, "run")
    assert [len(figure.axes[0].texts) for figure in kept] == [4, 0, 6]
    inches = [figure.get_size_inches().tolist() for figure in kept]  # 3 and 2 beyond the cells: two inches of them at least
    np.testing.assert_allclose(inches, [[5, 4], [3 + 21 * 0.13, 2 + 21 * 0.13], [3 + 6 * 0.45, 2 + 6 * 0.45]])


def test_the_classes_of_the_newest_measurement_are_drawn(tmp_path, monkeypatch):
    """By iteration, then by time; none without such a measurement."""
    drawn = []
    monkeypatch.setattr(figures, "plot_classes", lambda *given: drawn.append(given))
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {})
    assert gallery.make_classes(run, tmp_path) == []
    for kind, iteration, at, count in (("a", 9, 5, 1), ("b", 12, 1, 2), ("c", 12, 0, 3), ("d", 20, 9, None)):
        path = run.logs / "quality" / kind / f"{iteration:06d}.json"
        path.parent.mkdir(parents=True)
        found = {"recall": 0.5} | ({} if count is None else {"classes_seen": {"x": {"x": count}}})
        path.write_text(json.dumps({"iteration": iteration, "at": at, "figures": found, "protocol": {}}))
    assert gallery.make_classes(run, tmp_path) == [tmp_path / "run-classes.png"]
    assert drawn == [(tmp_path / "run-classes.png", {"x": {"x": 2}}, "run, iteration 12")]
