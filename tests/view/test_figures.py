"""What a reader takes from a figure: which axis says what, where it begins, what is dark, and what its numbers are."""

import os
import subprocess
import sys

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial.distance import cdist

from tfgan.quality import nearest
from tfgan.quality.conditional import ClassFigures
from tfgan.view import figures

NAMES = ("ant", "bee", "cat", "dog")
# rows of (asked, seen, number of samples): of each class most are seen as another one, and no two cells are alike
SEEN = [("ant", "bee", 8), ("ant", "ant", 2), ("bee", "cat", 6), ("bee", "bee", 4), ("cat", "dog", 9), ("cat", "ant", 1)]


@pytest.fixture
def rendered(monkeypatch):
    """The figures that were saved, in their order. They are saved all the same."""
    found, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **given: found.append(figure) or save(figure, file, **given))
    return found


def counts_of(rows):
    """What the evaluation makes of these samples: {asked: {seen: count}}."""
    asked, seen = (np.repeat([NAMES.index(row[n]) for row in rows], [row[2] for row in rows]) for n in range(2))
    return ClassFigures(NAMES, np.zeros([1, 2]), None).measure(np.zeros([len(asked), 2]), seen, asked)["classes_seen"]


def luminance(colour):
    return float(np.dot(matplotlib.colors.to_rgb(colour), (0.2126, 0.7152, 0.0722)))


def on_screen(axes, x, y):
    """Where a point of the data is rendered, in pixels from the left and from the bottom."""
    return axes.transData.transform((x, y))


def test_the_axes_of_the_classes_are_those_that_they_are_called(rendered, tmp_path):
    """The cell of samples that were asked for as one class and are seen as another lies where the axes' words lead."""
    figures.plot_classes(tmp_path / "a.png", counts_of(SEEN), "run")
    axes, bar = rendered[0].axes
    (heat,) = axes.images
    sides = {"asked for": None, "seen": None}
    for axis, number in ((axes.yaxis, 0), (axes.xaxis, 1)):
        (word,) = [word for word in sides if word in axis.get_label_text()]
        labels = [label.get_text() for label in axis.get_ticklabels()]
        sides[word] = number, dict(zip(labels, axis.get_ticklocs().astype(int), strict=True))
    (asked_side, asked_at), (seen_side, seen_at) = sides.values()
    assert {asked_side, seen_side} == {0, 1}
    shares = np.moveaxis(heat.get_array().filled(np.nan), (asked_side, seen_side), (0, 1))
    for asked, seen, count in SEEN:
        share = 100 * count / sum(row[2] for row in SEEN if row[0] == asked)
        assert shares[asked_at[asked], seen_at[seen]] == share
    assert np.isnan(shares[asked_at["dog"]]).all(), "none was asked for"
    unit = bar.get_ylabel()
    sums = np.nansum(shares, axis={"% of the row": 1, "% of the column": 0}[unit])
    assert set(sums) <= {0, 100}
    assert on_screen(axes, 0, 0)[1] > on_screen(axes, 0, 1)[1], "the first row is the topmost"
    assert on_screen(axes, 0, 0)[0] < on_screen(axes, 1, 0)[0]


def test_a_cell_is_darker_the_larger_its_share_and_its_number_can_be_read(rendered, tmp_path):
    """As rendered: on the picture's own pixels. The colours of two figures compare, because each has all from 0 to 100%."""
    path = tmp_path / "a.png"
    figures.plot_classes(path, counts_of(SEEN), "run")
    axes = rendered[0].axes[0]
    (heat,) = axes.images
    assert heat.get_clim() == (0, 100)
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(float) / 255
    scale = pixels.shape[1] / rendered[0].bbox.width
    light, known = {}, []
    for (row, column), share in np.ndenumerate(heat.get_array().filled(np.nan)):
        x, y = (scale * place for place in on_screen(axes, column - 0.4, row + 0.4))
        light[row, column] = luminance(pixels[round(pixels.shape[0] - y), round(x)])
        if np.isnan(share):
            assert light[row, column] == 1
        else:
            known.append((share, light[row, column]))
    levels = [level for _, level in sorted(known)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] - levels[-1] > 0.5
    for text in axes.texts:
        column, row = text.get_position()
        assert abs(luminance(text.get_color()) - light[row, column]) > 0.4, text.get_text()


def lines(length, top):
    """Lines of metrics of a run of that length, whose losses reach that height."""
    return [{"iteration": n, "d_loss": top * n / length, "g_loss": 1.0, "d_real": 0.5, "d_fake": 0.5} for n in (0, length)]


@pytest.mark.parametrize(("length", "top"), [(900, 2.0), (200_000, 3.0), (3_000_000, 5e6)])
def test_the_curves_go_to_the_right_and_up_and_their_ticks_are_numbers(rendered, tmp_path, length, top):
    """Each tick bears its own number, however long the run and however high its losses; none is a factor of a power of ten."""
    figures.plot_curves(tmp_path / "a.png", lines(length, top), "run")
    for axes in rendered[0].axes:
        (left, low), (right, high) = on_screen(axes, 0, 0), on_screen(axes, length, 1)
        assert (left < right, low < high) == (True, True)
    losses, outputs = rendered[0].axes
    for axis in (losses.yaxis, outputs.xaxis, outputs.yaxis):
        ticks = [(label.get_text(), tick) for label, tick in zip(axis.get_ticklabels(), axis.get_ticklocs(), strict=True)]
        assert len(ticks) > 3
        for text, tick in ticks:
            assert float(text.replace(",", "")) == pytest.approx(tick, abs=1e-9)
            assert "e" not in text
        assert axis.get_offset_text().get_text() == ""


def test_all_figures_are_on_white(tmp_path):
    """Up to their margins, without transparency: a dark page would make their black words unreadable."""
    picture = np.full([8, 8, 1], 9, np.uint8)
    samples = np.stack([picture] * 2)  # of two classes; the title has room all the same
    figures.plot_curves(tmp_path / "a.png", lines(10, 1.0), "run")
    figures.plot_beside_real(tmp_path / "b.png", picture, picture, "run")
    figures.plot_nearest(tmp_path / "c.png", samples, samples, nearest.by_pixels(samples, samples), "run")
    figures.plot_classes(tmp_path / "d.png", counts_of(SEEN), "run")
    for name in "abcd":
        pixels = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGBA"))
        assert (pixels[..., 3] == 255).all()
        for rim in (pixels[0], pixels[-1], pixels[:, -1]):
            assert (rim == 255).all(), name


def grey(*levels, side=4, channels=1):
    """uint8 [N, side, side, channels]: an image of each level."""
    return np.broadcast_to(np.uint8(levels)[:, None, None, None], [len(levels), side, side, channels]).copy()


def draw_nearest(folder, samples, real):
    figures.plot_nearest(folder / "a.png", samples, real, nearest.by_pixels(samples, real), "run")


def assert_true_levels(axes):
    """Black is 0 and white is 255, whatever levels the picture has, and a pixel has sharp edges."""
    (shown,) = axes.images
    assert (shown.get_clim(), shown.get_cmap().name, shown.get_interpolation()) == ((0, 255), "gray", "nearest")


def test_pictures_in_figures_keep_their_levels(drawn, tmp_path):
    """Levels 100 to 110 would be black and white if matplotlib chose the limits."""
    figures.plot_beside_real(tmp_path / "a.png", grey(100)[0], grey(110)[0], "run")
    draw_nearest(tmp_path, grey(100, 105), grey(105, 106, 107, 110))
    for figure in drawn:
        for axes in figure.axes:
            assert_true_levels(axes)


def test_neighbours_are_apart_on_white_and_in_colour_if_either_is(drawn, tmp_path):
    colour = grey(0, 50, side=8, channels=3)
    colour[..., 2] = 200
    draw_nearest(tmp_path, grey(0, 20, 40, side=8), colour)
    canvas = np.asarray(drawn[0].axes[0].images[0].get_array())
    assert canvas.shape == (3 * (8 + 2), 3 * (8 + 2), 3), "a row of samples, and only two real images"
    cells = canvas.reshape(3, 10, 3, 10, 3).swapaxes(1, 2)
    assert (cells[:, :, 8:] == 255).all()
    assert (cells[:, :, :, 8:] == 255).all()
    assert cells[0, :, 0, 0].tolist() == [[0, 0, 0], [20, 20, 20], [40, 40, 40]]
    assert {tuple(pixel) for pixel in cells[1:, :, 0, 0].reshape(-1, 3)} == {(0, 0, 200), (50, 50, 200)}
    assert len(drawn[0].axes[0].texts) == 6


def test_how_many_were_searched_has_its_thousands_apart(drawn, tmp_path):
    draw_nearest(tmp_path, grey(1), grey(*range(250)).repeat(5, axis=0))
    assert drawn[0].texts[0].get_text() == "run: samples, and below them the nearest of 1,250 training images"


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


SIDE = 8  # of the images


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
    figures.plot_nearest(tmp_path / "a.png", samples, real, nearest.by_pixels(samples, real), "run, iteration 7")
    assert_neighbours(drawn[0], samples, real)
    (title,) = drawn[0].texts
    assert title.get_text() == "run, iteration 7: samples, and below them the nearest of 40 training images"


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
    sides = [min(figure.get_size_inches()) for figure in kept]
    assert sides[0] < sides[2] < sides[1], "the more classes, the larger"


def test_smoothing_by_hand():
    assert figures.smoothed([5.0]) == [5.0]
    np.testing.assert_allclose(figures.smoothed([3.0] * 20), 3.0)
    # weights 0.1 * 0.9^k, divided by their sum
    np.testing.assert_allclose(figures.smoothed([1.0, 2.0, 4.0])[-1], (0.081 * 1 + 0.09 * 2 + 0.1 * 4) / 0.271)


DRAWING = """
import pathlib
from tfgan.common.command import run_command

def main():
    from tfgan.view import figures
    figures.plot_curves(pathlib.Path("curves.png"), [{"iteration": n, "d_loss": 1, "g_loss": 2} for n in range(3)], "run")

run_command(main)
"""


def drawn_elsewhere(folder, settings=b"", **environment):
    """Draws in a process of its own, whose current folder has those settings: (exit status, stderr, the figure or None)."""
    folder.mkdir()
    (folder / "matplotlibrc").write_bytes(settings)
    command, variables = [sys.executable, "-c", DRAWING], os.environ | environment
    result = subprocess.run(command, cwd=folder, env=variables, check=False, capture_output=True, text=True)
    path = folder / "curves.png"
    return result.returncode, result.stderr, path.read_bytes() if path.exists() else None


@pytest.fixture(scope="module")
def plain_figure(tmp_path_factory):
    """The figure where nothing is set."""
    status, err, content = drawn_elsewhere(tmp_path_factory.mktemp("plain") / "here", MPLBACKEND="")
    assert (status, err) == (0, "")
    return content


@pytest.mark.parametrize(("settings", "environment"), [
    (b"", {"MPLBACKEND": "module://ipympl.backend_nbagg"}),
    (b"", {"MPLBACKEND": "nonsense"}),
    (b"text.usetex: True\nfigure.facecolor: black\nsavefig.bbox: tight\n", {"PATH": ""}),
])  # fmt: skip
def test_it_is_the_same_with_any_backend_and_style(tmp_path, plain_figure, settings, environment):
    """A notebook hands on its backend, which may be absent here. There may be no LaTeX, either."""
    assert drawn_elsewhere(tmp_path / "here", settings, **environment) == (0, "", plain_figure)


def test_settings_that_cannot_be_read_are_one_line(tmp_path):
    status, err, content = drawn_elsewhere(tmp_path / "here", b"# \xff")
    assert (status, "Traceback" in err, content) == (2, False, None)
    last = err.splitlines()[-1]  # matplotlib itself has named the file
    assert last.startswith("tfgan: error: figures need matplotlib, which cannot be imported ('utf-8' codec can't decode")
