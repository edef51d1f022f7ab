"""Images as arrays: levels, sizes, grids, names of rows, PNG files."""


import numpy as np
import pytest
from PIL import Image

from tfgan.common import images
from tfgan.errors import UserError


@pytest.mark.parametrize(("height", "width", "times"), [
    (28, 28, 21), (64, 64, 9), (400, 10, 2), (10, 399, 2), (401, 401, 1), (700, 700, 1), (1300, 2, 1), (1, 1, 600),
])  # fmt: skip
def test_how_much_a_picture_is_enlarged(height, width, times):
    """To about 600 pixels of its longer side. A larger one is left as it is."""
    assert images.enlarge(np.zeros([height, width, 1], np.uint8)).shape == (height * times, width * times, 1)


def test_levels_are_rounded_and_clipped():
    found = images.to_uint8(np.array([-2, -1, -0.9961, 0, 0.5, 1, 9]), (-1, 1))
    assert (found.dtype, found.tolist()) == (np.uint8, [0, 0, 0, 128, 191, 255, 255])
    assert images.from_uint8(np.array([0.0, 51.0, 255.0]), (-1, 1)).tolist() == pytest.approx([-1, -0.6, 1])


def test_tiles_that_are_not_whole_are_dropped():
    numbers = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7, 1)
    tiles = images.split_grid(numbers, 2, 3)
    assert tiles.shape == (4, 2, 3, 1)
    assert tiles[3, :, :, 0].tolist() == [[17, 18, 19], [24, 25, 26]]
    assert images.square_grid(np.zeros([8, 2, 3, 1], np.uint8)).shape == (4, 6, 1), "four of the eight"


def test_each_row_has_its_own_name(tmp_path):
    """Left of the picture, black on white, the first one at the top. A longer name takes more ink."""
    picture = np.full([3 * 40, 50, 3], 7, np.uint8)
    for names in (["", "mmm", "m"], ["m", "", "mmm"]):
        named = images.name_rows(picture, names)
        assert (named[:, -50:] == 7).all()
        strip = named[:, :-50]
        ink = (255.0 - strip).reshape(3, 40, -1).sum((1, 2))
        assert [n for _, n in sorted(zip(ink, names, strict=True))] == ["", "m", "mmm"]
        assert ink[names.index("")] == 0
    grey = images.name_rows(picture[..., :1], names)
    np.testing.assert_array_equal(grey, named[..., :1])


def test_pictures_are_read_in_grey_or_colour(tmp_path):
    kinds = {"L": (7, [7]), "RGB": ((1, 2, 3), [1, 2, 3]), "RGBA": ((1, 2, 3, 9), [1, 2, 3]), "1": (1, [255] * 3)}
    for mode, (colour, expected) in kinds.items():
        Image.new(mode, (2, 1), colour).save(tmp_path / "a.png")
        found = images.load_png(tmp_path / "a.png")
        assert (found.dtype, found.tolist()) == (np.uint8, [[expected, expected]])
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"a.png cannot be read as a picture \(.*\); remove it, or make it again$"):
        images.load_png(tmp_path / "a.png")


def test_images_that_are_resized_many_at_a_time(monkeypatch):
    """The same whether in one part or in several, and in another number of channels."""
    made = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    whole = images.resize_round_trip(made, (4, 4, 1))
    monkeypatch.setattr(images, "_AT_A_TIME", 2)
    np.testing.assert_array_equal(images.resize_round_trip(made, (4, 4, 1)), whole)
    assert images.resize_round_trip(made, (8, 8, 1)) is made
    assert images.resize_to_shape(made, (8, 8, 3)).shape == (5, 8, 8, 3)


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (7, 7, 1)])
def test_round_trip_is_the_way_of_samples(shape):
    real = np.random.default_rng(0).integers(0, 256, (5, 10, 10, 1), dtype=np.uint8)
    for value_range in ((0.0, 1.0), (-1.0, 1.0)):
        samples = images.to_uint8(images.preprocess_array(real, shape, value_range), value_range)
        round_trip = images.resize_round_trip(real, shape).astype(int)
        assert abs(round_trip - images.resize_to_shape(samples, (10, 10, 1))).max() <= 1  # of rounding
    assert (images.resize_round_trip(real, shape) != real).any()
    assert images.resize_round_trip(real, (10, 10, 1)) is real


def test_images_are_resized_bilinearly():
    """Of columns of 0 and 255 in turn half as many are grey but for the ends; nearest neighbours would be black or white."""
    columns = np.tile(np.uint8([0, 255]), [4, 16, 8])[..., None]
    resized = images.resize_to_shape(columns, (16, 8, 1))
    assert resized.shape == (4, 16, 8, 1)
    assert 100 < resized[:, :, 1:-1].min() <= resized[:, :, 1:-1].max() < 155


def numbered(count, height=4, width=6, channels=1):
    return np.arange(count * height * width * channels).astype(np.uint8).reshape(count, height, width, channels)


@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_undo_a_grid(tmp_path, channels):
    made = numbered(6, channels=channels)
    grid = images.grid(made, 2, 3)
    assert grid.shape == (8, 18, channels)
    np.testing.assert_array_equal(grid[4:, 6:12], made[4])
    np.testing.assert_array_equal(images.split_grid(grid, 4, 6), made)
    images.save_png(tmp_path / "a.png", grid)
    np.testing.assert_array_equal(images.load_png(tmp_path / "a.png"), grid)
