"""What the writer of an array notices of its images."""

import numpy as np
import pytest

from tfgan.datasets.writer import Writer


@pytest.mark.parametrize(("most", "dark"), [(16, True), (63, True), (64, False), (255, False)])
def test_images_of_12_bits_in_16_are_nearly_black(tmp_path, most, dark):
    """So are those of 14 bits; a mark that each X-ray has in a corner changes nothing."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, most, (40, 40, 40, 1), np.uint8, endpoint=True)
    for mark in (most, 255):
        images[:, 0, 0] = mark
        with Writer(tmp_path / "a.npy") as writer:
            for chunk in np.split(images, 4):
                writer.add(chunk)
            writer.add(images[:0])
            assert ["nearly black" in note for note in writer.exposure()] == [True] * dark
