"""The pictures of a run in training, without a session."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfgan import recipes
from tfgan.common import images
from tfgan.runs.write import RunDir
from tfgan.training.grids import GridHook

SIDE = 8  # of the images


@pytest.mark.parametrize(("end", "points"), [(1, 1), (3, 1), (4, 2), (511, 255), (512, 256), (9999, 256)])
def test_a_short_run_has_few_points(graph, end, points):
    recipe = recipes.recipe("vanilla", "digits").replace(batch_size=2)
    hook = GridHook(SimpleNamespace(recipe=recipe, settings=SimpleNamespace(seed=0), end=end))
    assert hook._z_of_points.shape.as_list() == [points, 100]


def test_a_pair_has_fakes_left_and_reals_right(graph, tmp_path):
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(SIDE, SIDE, 1), batch_size=4)
    shown = []
    board = SimpleNamespace(picture=lambda *what: shown.append(what))
    (tmp_path / "out").mkdir()
    run = RunDir("run", str(tmp_path / "logs"), str(tmp_path / "out"))
    hook = GridHook(SimpleNamespace(recipe=recipe, settings=SimpleNamespace(seed=0), end=1, run=run, board=board))
    fake, real = np.random.default_rng(0).integers(0, 256, (2, 4, SIDE, SIDE, 1), dtype=np.uint8)
    hook.after({"iteration": 6}, {"fake": fake / np.float32(255), "real": real / np.float32(255)})
    path = tmp_path / "out" / "run-000007-pair.png"
    assert shown == [("fake_beside_real", 7, path)]
    picture = np.asarray(Image.open(path))
    times = picture.shape[0] // (2 * SIDE)
    picture = picture[::times, ::times]
    assert picture.shape == (2 * SIDE, 4 * SIDE + 4)
    assert (picture[:, 2 * SIDE : -2 * SIDE] == 255).all(), "a white line between them"
    for half, content in ((picture[:, : 2 * SIDE], fake), (picture[:, -2 * SIDE :], real)):
        np.testing.assert_array_equal(images.split_grid(half[..., None], SIDE, SIDE), content)
