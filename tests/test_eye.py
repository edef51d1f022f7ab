"""The sheets on which an eye counts: each sample and each real photo once, in an order that only the key tells."""

import json

import numpy as np
from PIL import Image

from benchmarks import eye
from tests.models.handmade import random_state
from tests.models.handmade import write_run
from tfgan import recipes
from tfgan.common import images
from tfgan.sampling.inference import Sampler


def test_the_key_tells_the_real_photos(command, tmp_path):
    """Here they are red, which no sample of this generator is. Its samples are the first 17 of a seed, in another order."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(9):
        Image.new("RGB", (80, 80), (240, number, 0)).save(folder / f"{number}.png")
    recipe = recipes.recipe("dcgan64")
    run = write_run(tmp_path / "logs" / "hand", recipe, {3: random_state(recipe)})
    status, _, err = command(eye)("--run", "hand", "--against", folder, "--samples", 17, "--real", 6)
    assert (status, err) == (None, "")
    key = json.loads((tmp_path / "out" / "hand-eye.json").read_text())
    assert key["run"] == "hand"
    assert len(set(key["real"])) == 6
    assert sorted(key["real"]) != list(range(18, 24))
    sheets = [images.load_png(tmp_path / "out" / f"hand-eye-{number}.png") for number in (1, 2)]
    assert [sheet.shape for sheet in sheets] == [(4 * 224, 5 * 200, 3)] * 2
    corners = [(y, x) for y in range(24, 4 * 224, 224) for x in range(0, 5 * 200, 200)]
    tiles = [sheet[y : y + 192, x : x + 192] for sheet in sheets for y, x in corners]
    red = [number for number, tile in enumerate(tiles, 1) if np.abs(tile - np.float64([240, 4, 0])).max() < 6]
    assert red == key["real"]
    assert len({tile.tobytes() for tile in tiles[:23]}) == 23, "each is another one"
    assert (tiles[23] == 255).all(), "the last sheet is not full"
    with Sampler(run) as sampler:
        samples = sampler.images(sampler.z(17, seed=43))
    means = [tile.mean() for number, tile in enumerate(tiles[:23], 1) if number not in red]
    np.testing.assert_allclose(sorted(means), sorted(samples.mean((1, 2, 3))), atol=1.5)
