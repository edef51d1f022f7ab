"""The sheets on which an eye counts: each sample and each real photo once, in an order that only the key tells."""

import json

import numpy as np
from PIL import Image

from benchmarks import eye
from tests.models.handmade import random_state
from tests.models.handmade import write_run
from tfgan import recipes
from tfgan.common import images


def test_the_key_tells_the_real_photos(command, tmp_path):
    """Here they are red, which no sample of this generator is. Its samples are those of the seed, in another order."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(9):
        Image.new("RGB", (80, 80), (240, number, 0)).save(folder / f"{number}.png")
    recipe = recipes.recipe("dcgan64")
    write_run(tmp_path / "logs" / "hand", recipe, {3: random_state(recipe)})
    (tmp_path / "out").mkdir()
    status, _, err = command(eye)("--run", "hand", "--against", folder, "--samples", 17, "--real", 6)
    assert (status, err) == (None, "")
    key = json.loads((tmp_path / "out" / "hand-eye.json").read_text())
    assert key["run"] == "hand"
    assert len(set(key["real"])) == 6
    assert sorted(key["real"]) != list(range(18, 24))
    tiles = []
    for number, rows in ((1, 4), (2, 4)):
        sheet = images.load_png(tmp_path / "out" / f"hand-eye-{number}.png")
        assert sheet.shape == (rows * 224, 1000, 3)
        tiles += [sheet[y + 60 : y + 180, x + 40 : x + 150] for y in range(0, rows * 224, 224) for x in range(0, 1000, 200)]
    red = [number for number, tile in enumerate(tiles, 1) if np.abs(tile - np.float64([240, 4, 0])).max() < 6]
    assert red == key["real"]
    assert len({tile.tobytes() for tile in tiles[:23]}) == 23, "each is another one"
    assert (tiles[23] == 255).all(), "the last sheet is not full"
