"""Films: which frame comes when, where its images lie, and what fills the rest."""

import numpy as np
import pytest
from PIL import Image

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
