"""`python -m tfgan.datasets`: the list, what it shows of a data set, and what it refuses."""

import numpy as np
from PIL import Image

from tfgan.datasets import __main__ as datasets


def test_pictures_in_a_folder_of_a_long_name_are_shown(command, tmp_path):
    accent = "\u00e9"  # two bytes
    place = tmp_path / (accent * 125)
    place.mkdir()
    Image.fromarray(np.zeros([32, 32, 3], np.uint8)).save(place / "a.png")
    status, out, err = command(datasets)(place.name, "--image-size=16")
    assert status == 0, err
    assert f"Saved out/{accent * 100}-real.png" in out
