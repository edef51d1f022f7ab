"""Which figures are made of a run, and of which of its grids and measurements."""

import json

import numpy as np
import pytest

from tests.models.handmade import write_run
from tests.view.test_figures import SIDE
from tests.view.test_figures import assert_neighbours
from tests.view.test_figures import cells
from tests.view.test_figures import noisy
from tfgan import recipes
from tfgan.common import images
from tfgan.view import figures
from tfgan.view import gallery


def grey(*levels, side=4, channels=1):
    """uint8 [N, side, side, channels]: an image of each level."""
    return np.broadcast_to(np.uint8(levels)[:, None, None, None], [len(levels), side, side, channels]).copy()


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
