"""The classifier of a data set: that it learns, and that it is kept."""

import numpy as np
import pytest
from PIL import Image

from tfgan import datasets
from tfgan.datasets.pack import Data
from tfgan.errors import UserError
from tfgan.quality import classifier
from tfgan.quality.features import Extractor


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """(a classifier of the embedded digits, the folder where it is kept). A sixth of the usual images is enough for these."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "_IMAGES", 30_000)
        return classifier.load_or_train("digits", (10, 10, 1), folder), folder


def digits(tmp_path):
    return datasets.load("digits", tmp_path, datasets.Request((28, 28)))


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

    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (70, 70, 3)).astype(np.uint8)).save(folder / f"{number}.png")
    with pytest.raises(UserError, match="no classes.*--features random"):
        Extractor("classifier", (64, 64, 3), str(folder), tmp_path / "data")


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
