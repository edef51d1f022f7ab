"""Features of images: what each kind computes, and that it is learnt, kept and named once."""

import hashlib

import numpy as np
import pytest
from scipy import signal

from tfgan import datasets
from tfgan.datasets import download
from tfgan.datasets.pack import Data
from tfgan.errors import UserError
from tfgan.quality import classifier
from tfgan.quality import features
from tfgan.quality.features import Extractor
from tfgan.quality.similarity import ms_ssim
from tfgan.tf1 import tf
from tfgan.tf1 import tf2


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """(a classifier of the embedded digits, the folder where it is kept). A sixth of the usual images is enough for these."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "_IMAGES", 30_000)
        return classifier.load_or_train("digits", (10, 10, 1), folder), folder


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


def test_the_classifier_learns_the_digits_and_is_kept(learnt, monkeypatch):
    found, folder = learnt
    assert found.accuracy > 0.95
    assert found.classes == tuple("0123456789")
    monkeypatch.setattr(classifier, "_train", None)  # it would be called
    again = classifier.load_or_train("digits", (10, 10, 1), folder)
    assert (again.accuracy, again.sha256) == (found.accuracy, found.sha256)
    for name, weights in found.weights.items():
        np.testing.assert_array_equal(again.weights[name], weights)


def test_a_damaged_classifier_is_learnt_again(learnt, monkeypatch, tmp_path):
    found, folder = learnt
    (kept,) = (folder / "features").glob("classifier-*.npz")
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / kept.name).write_bytes(kept.read_bytes()[:5000])
    monkeypatch.setattr(classifier, "_train", lambda *_: found)
    assert classifier.load_or_train("digits", (10, 10, 1), tmp_path) is found
    assert (tmp_path / "features" / kept.name).stat().st_size > 5000


def test_the_accuracy_is_of_images_that_it_was_not_trained_on(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(classifier, "_train", lambda *parts: seen.append(parts) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        classifier.load_or_train("digits", (10, 10, 1), tmp_path)
    images, labels, held_out, held_out_labels, _ = seen[0]
    assert (len(images), len(held_out)) == (len(labels), len(held_out_labels)) == (1437, 360)
    both = np.concatenate([images, held_out]).reshape(1797, -1)
    everything = digits(tmp_path).images.reshape(1797, -1)
    np.testing.assert_array_equal(np.sort(both.sum(1)), np.sort(everything.sum(1)))


def test_classifier_features_and_probabilities(learnt, tmp_path):
    data = digits(tmp_path)
    with Extractor("classifier", (10, 10, 1), "digits", learnt[1]) as extractor:
        found, probabilities = extractor(data.images[:300])
        alone, _ = extractor(data.images[260:261])
        assert extractor.about["classifier_accuracy"] == learnt[0].accuracy
    assert found.shape == (300, 128)
    assert found.min() >= 0
    np.testing.assert_allclose(alone[0], found[260], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert (probabilities.argmax(1) == data.labels[:300]).mean() > 0.95


def test_what_has_no_classes_has_no_classifier(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    rng = np.random.default_rng(0)
    from PIL import Image

    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (70, 70, 3)).astype(np.uint8)).save(folder / f"{number}.png")
    with pytest.raises(UserError, match="no classes.*--features random"):
        Extractor("classifier", (64, 64, 3), str(folder), tmp_path / "data")


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
    with pytest.raises(UserError, match=r"put it into .*inception by hand: classify.* \(95,673,916 bytes, md5:e6bb"):
        Extractor("inception", (28, 28, 1), "mnist", tmp_path)
    (tmp_path / "inception").mkdir(exist_ok=True)
    (tmp_path / "inception" / "classify_image_graph_def.pb").write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged, or a different file: its md5"):
        Extractor("inception", (28, 28, 1), "mnist", tmp_path)
    known = hashlib.md5(b"nothing").hexdigest()
    monkeypatch.setattr(features, "_INCEPTION", features._INCEPTION._replace(known_hash=f"md5:{known}"))
    with pytest.raises(UserError, match="not Inception's frozen graph"):
        Extractor("inception", (28, 28, 1), "mnist", tmp_path)


def own_pictures(count):
    rng = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int32) % 2
    pixels = (rng.integers(0, 100, (count, 12, 12, 3)) + 100 * labels[:, None, None, None]).astype(np.uint8)
    return Data(pixels, labels, ("a", "b"), f"{count}")


def test_a_classifier_of_own_pictures(tmp_path, monkeypatch):
    """It learns from as many pictures as one batch; of fewer it would learn nothing, and is refused."""
    monkeypatch.setattr(classifier, "_IMAGES", 2_000)
    found = classifier.load_or_train(own_pictures(125), (12, 12, 3), tmp_path)
    assert found.accuracy > 0.9
    for count in (6, 124):
        with pytest.raises(UserError, match=f"own has {count} images, too few for a classifier, which needs 125; give"):
            classifier.load_or_train(own_pictures(count), (12, 12, 3), tmp_path)
    assert len(list((tmp_path / "features").glob("*.npz"))) == 1
    renamed = own_pictures(125)._replace(label_names=("a", "c"))
    assert classifier.load_or_train(renamed, (12, 12, 3), tmp_path).classes == ("a", "c"), "folders were renamed since then"


def similarity(a, b):
    """MS-SSIM of two images [h, h] as by Karras et al. 2018: always five scales, with a smaller window on the small ones."""
    c1, c2 = 2.55**2, 7.65**2
    found = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        x = np.arange(size := min(11, len(a))) - (size - 1) / 2
        window = np.outer(*[np.exp(-(x**2) / (2 * (1.5 * size / 11) ** 2))] * 2)

        def mean(y, window=window):
            return signal.convolve2d(y, window / window.sum(), "valid")

        covariance = mean(a * b) - mean(a) * mean(b)
        structure = (2 * covariance + c2) / (mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2 + c2)
        luminance = (2 * mean(a) * mean(b) + c1) / (mean(a) ** 2 + mean(b) ** 2 + c1) if scale == 4 else 1
        found *= max((luminance * structure).mean(), 0) ** weight
        a, b = (np.pad(y, (0, len(y) % 2), "edge") for y in (a, b))
        a, b = (y.reshape(len(y) // 2, 2, -1, 2).mean((1, 3)) for y in (a, b))
    return found


def test_ms_ssim(tmp_path):
    """Of one image with itself 1; of different ones less; by the definition, in grey and in colour."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (20, 28, 28, 1)).astype(np.uint8)
    assert ms_ssim(np.repeat(noise[:1], 5, axis=0), pairs=10) == pytest.approx(1, rel=1e-12)
    assert ms_ssim(noise, pairs=50) < 0.2
    assert ms_ssim(noise, pairs=50) == ms_ssim(noise, pairs=50)
    assert ms_ssim(digits(tmp_path).images, pairs=20) < 0.9
    for side in (11, 28, 64, 176):
        a = rng.integers(0, 256, (side // 4 + 1, side // 4 + 1)).repeat(4, 0).repeat(4, 1)[:side, :side]
        b = (a * 0.6 + rng.integers(0, 100, (side, side))).astype(np.uint8)
        expected = similarity(a.astype(float), b.astype(float))
        assert 0.3 < expected < 0.95
        pair = np.stack([a, b]).astype(np.uint8)[..., None]
        assert ms_ssim(pair, pairs=4) == pytest.approx(expected, rel=1e-9), side
        assert ms_ssim(pair.repeat(3, 3), pairs=4) == pytest.approx(expected, rel=1e-9), side
    standard = tf2.image.ssim_multiscale(*pair[:, None], 255).numpy()  # where the five scales have whole windows
    assert standard == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match="two images"):
        ms_ssim(noise[:1])
