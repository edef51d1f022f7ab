"""Whether the features of a network trained on ImageNet rank real photos that were spoilt in known ways."""

import numpy as np
import pytest
from PIL import Image
from PIL import ImageFilter
from PIL import ImageOps

from tfgan.quality import metrics
from tfgan.quality.features import Extractor

_COUNT = 600  # photos on each side


def photos(folder, breeds, count, begin):
    """uint8 [count, 64, 64, 3]: as many photos of each breed, from number `begin` of each on."""
    each = count // len(breeds)
    files = [file for breed in breeds for file in sorted((folder / "Images" / breed).iterdir())[begin : begin + each]]
    found = [ImageOps.fit(Image.open(file).convert("RGB"), (64, 64), Image.Resampling.BOX) for file in files]
    return np.stack([np.asarray(picture) for picture in found])


def blurred(images, radius):
    return np.stack([np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius))) for image in images])


def noisy(images, deviation):
    return (images + np.random.default_rng(0).normal(0, deviation, images.shape)).clip(0, 255).round().astype(np.uint8)


@pytest.mark.slow
def test_dogs_that_are_spoilt_are_further_away(real_data, tmp_path):
    """Stronger changes are further than weaker ones, and all further than other real photos. A mirror changes next to nothing."""
    if not (real_data / "Images").is_dir():
        pytest.skip("TFGAN_TEST_DATA has no dogs")
    breeds = sorted(folder.name for folder in (real_data / "Images").iterdir())
    few = breeds[::12]
    real, other = (photos(real_data, breeds, _COUNT, begin) for begin in (0, _COUNT // len(breeds)))
    distance, recall = {}, {}
    with Extractor("imagenet", (64, 64, 3), "dogs", tmp_path) as extractor:
        of_real, _ = extractor(real)

        def measure(name, images):
            features, _ = extractor(np.ascontiguousarray(images))
            distance[name] = metrics.frechet_distance(metrics.statistics(of_real), metrics.statistics(features))
            recall[name] = metrics.precision_and_recall(of_real, features)[1]

        measure("other", other)
        measure("mirrored", other[:, :, ::-1])
        measure("blurred a little", blurred(other, 1))
        measure("blurred", blurred(other, 2))
        measure("noisy a little", noisy(other, 10))
        measure("noisy", noisy(other, 30))
        measure("few breeds", photos(real_data, few, _COUNT, 20))
    assert distance["mirrored"] == pytest.approx(distance["other"], rel=0.05)
    assert recall["mirrored"] == pytest.approx(recall["other"], abs=0.05)
    for kind in ("blurred", "noisy"):
        assert distance["other"] * 1.1 < distance[f"{kind} a little"] < 0.8 * distance[kind]
        assert recall["other"] > recall[kind]
    assert distance["few breeds"] > 1.2 * distance["other"]
    assert recall["few breeds"] < 0.9 * recall["other"]
