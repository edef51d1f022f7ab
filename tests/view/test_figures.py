"""What a reader takes from a figure: which axis says what, where it begins, what is dark, and what its numbers are."""

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tfgan.quality.conditional import ClassFigures
from tfgan.view import figures
from tfgan.view import neighbours

NAMES = ("ant", "bee", "cat", "dog")
# rows of (asked, seen, number of samples): of each class most are seen as another one, and no two cells are alike
SEEN = [("ant", "bee", 8), ("ant", "ant", 2), ("bee", "cat", 6), ("bee", "bee", 4), ("cat", "dog", 9), ("cat", "ant", 1)]


@pytest.fixture
def drawn(monkeypatch):
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
    """Where a point of the data is drawn, in pixels from the left and from the bottom."""
    return axes.transData.transform((x, y))


def test_the_axes_of_the_classes_are_those_that_they_are_called(drawn, tmp_path):
    """The cell of samples that were asked for as one class and are seen as another lies where the axes' words lead."""
    figures.plot_classes(tmp_path / "a.png", counts_of(SEEN), "run")
    axes, bar = drawn[0].axes
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


def test_a_cell_is_darker_the_larger_its_share_and_its_number_can_be_read(drawn, tmp_path):
    """As drawn: on the picture's own pixels. The colours of two figures compare, because each has all from 0 to 100%."""
    path = tmp_path / "a.png"
    figures.plot_classes(path, counts_of(SEEN), "run")
    axes = drawn[0].axes[0]
    (heat,) = axes.images
    assert heat.get_clim() == (0, 100)
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(float) / 255
    scale = pixels.shape[1] / drawn[0].bbox.width
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
def test_the_curves_go_to_the_right_and_up_and_their_ticks_are_numbers(drawn, tmp_path, length, top):
    """Each tick bears its own number, however long the run and however high its losses; none is a factor of a power of ten."""
    figures.plot_curves(tmp_path / "a.png", lines(length, top), "run")
    for axes in drawn[0].axes:
        (left, low), (right, high) = on_screen(axes, 0, 0), on_screen(axes, length, 1)
        assert (left < right, low < high) == (True, True)
    losses, outputs = drawn[0].axes
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
    figures.plot_nearest(tmp_path / "c.png", samples, samples, neighbours.by_pixels(samples, samples), "run")
    figures.plot_classes(tmp_path / "d.png", counts_of(SEEN), "run")
    for name in "abcd":
        pixels = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGBA"))
        assert (pixels[..., 3] == 255).all()
        for rim in (pixels[0], pixels[-1], pixels[:, -1]):
            assert (rim == 255).all(), name
