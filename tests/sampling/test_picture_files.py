"""The user's pictures and masks at a model's size."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tests.conftest import load_data
from tfgan.sampling import picture_files


def test_what_of_a_mask_lies_in_the_hole(tmp_path):
    """Pixels at least an eighth white, so that a hole keeps those that it cuts: nothing of what is to go stays at its rim."""
    levels = [0, 31, 32, 100, 127, 128, 254, 255]
    Image.fromarray(np.uint8([levels] * 8)).save(tmp_path / "mask.png")
    Image.new("L", (8, 8)).save(tmp_path / "picture.png")
    found = picture_files.read_mask(tmp_path / "mask.png", tmp_path / "picture.png", (8, 8, 1))
    np.testing.assert_array_equal(found, [[False, False, True, True, True, True, True, True]] * 8)


def lines(*points, side=280, width=24):
    """White lines on black through points from 0 to 1, uint8 [side, side]: pixels nearer to them than half the width."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    drawing = np.zeros([side, side], np.uint8)
    for (x0, y0), (x1, y1) in zip(np.array(points[:-1]) * side, np.array(points[1:]) * side, strict=True):
        along = ((columns - x0) * (x1 - x0) + (rows - y0) * (y1 - y0)) / max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1e-9)
        along = along.clip(0, 1)
        drawing[np.hypot(columns - x0 - along * (x1 - x0), rows - y0 - along * (y1 - y0)) < width / 2] = 255
    return drawing


def as_mnist(drawing, side=28):
    """A drawing scaled and centred as MNIST's digits, float [side, side]: exact means over areas, and SciPy's centre of mass."""
    rows, columns = (slice(*(place + [0, 1])) for place in np.sort(np.argwhere(drawing), 0)[[0, -1]].T)
    box = drawing[rows, columns].astype(float)
    size = [max(1, round(n * side * 20 / 28 / max(box.shape))) for n in box.shape]
    shares = []  # [size, n]: how much of each of the box's pixels lies in each of the small one's, which sum to 1
    for small, n in zip(size, box.shape, strict=True):
        edges, pixels = np.linspace(0, n, small + 1)[:, None], np.arange(n)
        overlaps = (np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)).clip(0)
        shares.append(overlaps * small / n)
    small = shares[0] @ box @ shares[1].T
    mass = ndimage.center_of_mass(small)
    top, left = (min(max(round(side / 2 - each), 0), side - n) for each, n in zip(mass, size, strict=True))
    return np.pad(small, ((top, side - top - size[0]), (left, side - left - size[1])))


@pytest.mark.parametrize("side", [28, 32])
@pytest.mark.parametrize("points", [
    [(0.2, 0.1), (0.9, 0.1), (0.4, 0.7)], [(0.5, 0.2), (0.5, 0.5)], [(0.1, 0.9), (0.6, 0.8)],
])  # fmt: skip
def test_a_drawing_is_scaled_and_centred_as_mnist_says(points, side):
    """Pillow counts whole pixels where a small pixel ends amid one, of the twenty that make it up: hence the tolerance."""
    found = picture_files.centre_drawing(lines(*points), (side, side, 1))
    assert (found.shape, found.dtype) == ((side, side, 1), np.uint8)
    expected = as_mnist(lines(*points), side)
    np.testing.assert_allclose(found[..., 0], expected, atol=255 / 10)
    assert np.abs(found[..., 0] - expected).mean() < 1


def test_a_dot_becomes_large_and_nothing_stays_black():
    found = picture_files.centre_drawing(lines((0.2, 0.7), (0.2, 0.7)), (28, 28, 1))
    assert np.ptp(np.argwhere(found[..., 0]), 0).tolist() == [19, 19]
    assert not picture_files.centre_drawing(np.zeros([280, 280], np.uint8), (28, 28, 1)).any()


def test_mnists_digits_are_where_they_would_be_if_they_were_drawn(real_data):
    digits = load_data("vanilla", real_data, "mnist").images[:200, ..., 0]
    for digit in digits:
        drawing = np.pad(digit, ((2, 9), (7, 4))).repeat(8, 0).repeat(8, 1)
        found = picture_files.centre_drawing(drawing, (28, 28, 1))[..., 0]
        assert np.abs(found.astype(int) - digit).mean() < 1
