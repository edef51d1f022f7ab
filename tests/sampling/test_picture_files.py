"""The user's pictures and masks at a model's size."""

import numpy as np
from PIL import Image

from tfgan.sampling import picture_files


def test_what_of_a_mask_lies_in_the_hole(tmp_path):
    """Pixels at least an eighth white, so that a hole keeps those that it cuts: nothing of what is to go stays at its rim."""
    levels = [0, 31, 32, 100, 127, 128, 254, 255]
    Image.fromarray(np.uint8([levels] * 8)).save(tmp_path / "mask.png")
    Image.new("L", (8, 8)).save(tmp_path / "picture.png")
    found = picture_files.read_mask(tmp_path / "mask.png", tmp_path / "picture.png", (8, 8, 1))
    np.testing.assert_array_equal(found, [[False, False, True, True, True, True, True, True]] * 8)
