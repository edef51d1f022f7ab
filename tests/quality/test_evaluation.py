"""Every figure of quality, as `Evaluator` and `python -m tfgan.evaluate` give it, against its definition written out here.

In sets whose figures are all different, so that none can stand for another.
"""

import json
import pathlib

import numpy as np
import pytest
from scipy import linalg
from scipy.spatial.distance import cdist
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.models.handmade import vanilla_images
from tests.models.handmade import vanilla_state
from tests.models.handmade import write_run
from tfgan import datasets
from tfgan import evaluate
from tfgan import recipes
from tfgan.datasets.pack import Data
from tfgan.quality import classifier
from tfgan.quality import evaluation
from tfgan.quality import metrics
from tfgan.quality.evaluation import Evaluator
from tfgan.quality.similarity import ms_ssim
from tfgan.sampling.inference import Sampler
from tfgan.tf1 import tf2

CLASSES = ("cat", "dog", "owl")
OF_IMAGES = ("precision", "recall", "density", "coverage", "class_imbalance", "class_shares")  # shares of so many images


def of_features(real, fake):
    """The figures of two sets of features, by the papers' definitions."""
    apart, of_real, of_fake = cdist(fake, real), np.sort(cdist(real, real)), np.sort(cdist(fake, fake))
    within = apart < of_real[:, 5]  # column 0 is each one's distance to itself
    a, b = np.cov(real.T), np.cov(fake.T)
    moved = ((real.mean(0) - fake.mean(0)) ** 2).sum()
    distance, spread = metrics.kernel_distance(real, fake)
    return {
        "frechet_distance": moved + np.trace(a + b) - 2 * np.sqrt(np.maximum(linalg.eigvals(a @ b).real, 0)).sum(),
        "kernel_distance": distance,
        "kernel_distance_spread": spread,
        "precision": (apart <= of_real[:, 3]).any(1).mean(),
        "recall": (apart <= of_fake[:, [3]]).any(0).mean(),
        "density": within.sum() / (5 * len(fake)),
        "coverage": within.any(0).mean(),
    }


def of_classes(real, fake, names):
    """Likewise of two sets' probabilities of the classes."""
    shares, of_real = (np.array([(p.argmax(1) == n).mean() for n in range(len(names))]) for p in (fake, real))
    marginal = fake.mean(0)
    information = [sum(p * np.log(p / q) for p, q in zip(row, marginal, strict=True) if p > 0) for row in fake]
    return {
        "classifier_score": np.exp(np.mean(information)),
        "classes_covered": (shares >= 0.01).sum(),
        "class_imbalance": np.maximum(shares - of_real, 0).sum(),
        "class_shares": dict(zip(names, shares, strict=True)),
    }


def of_pixels(real, fake, training):
    """Likewise of the images, uint8 [N, h, w, c]; without what is known of real ones that were not trained on."""
    flat_real, flat_fake, flat_training = (x.reshape(len(x), -1) / 255 for x in (real, fake, training))

    def spread(x):
        return x[np.linspace(0, len(x) - 1, min(len(real), len(fake))).round().astype(int)]

    return {
        "sliced_wasserstein_of_pixels": metrics.sliced_wasserstein(spread(flat_real), spread(flat_fake)),
        "ms_ssim": ms_ssim(fake),
        "ms_ssim_of_real": ms_ssim(real),
        "nearest_training_image": np.median(cdist(flat_fake, flat_training).min(1)),
        "training_images_searched": len(training),
    }


def assert_figures(found, expected, images=None):
    """images: how many samples, and real ones, where rounding may bring one of them across a border."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == near(name, value, images), name


def near(name, value, images=None):
    """What a figure may be."""
    one = 1.1 / images if images and name in OF_IMAGES else 1e-6
    return pytest.approx(value, rel=1e-3, abs=one)


def assert_all_differ(figures):
    """Else a swap would not be seen."""
    numbers = [value for value in figures.values() if not isinstance(value, dict)]
    apart = np.abs(np.subtract.outer(numbers, numbers))
    assert apart[~np.eye(len(numbers), dtype=bool)].min() > 1e-3


class Known:
    """Stands for an `Extractor`: features are two pixels, and the classes' probabilities three others."""

    classes = CLASSES

    def __init__(self, kind, shape, dataset, data_dir):
        self.about = {"features": kind, "features_sha256": "known"}
        self.calls = []

    def __call__(self, images):
        self.calls.append(len(images))
        pixels = images[:, 0, :5, 0] / np.float32(256)  # exact: equal distances are equal
        return pixels[:, :2], pixels[:, 2:] / pixels[:, 2:].sum(1, keepdims=True)

    def close(self):
        pass


def pictures(count, seed, centre, spread, weights):
    """uint8 [count, 28, 28, 1] of which `Known` knows: its features lie about the centre, its classes have these weights."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 60 + 40 * seed, (count, 28, 28, 1))
    made[:, 0, :2, 0] = rng.normal(centre, spread, (count, 2))
    made[:, 0, 2:5, 0] = 1 + 250 * rng.dirichlet(weights, count)
    return made.clip(0, 255).astype(np.uint8)


@pytest.fixture
def known(monkeypatch):
    """{split: images} that stand for MNIST, and `Known` for what extracts features."""
    parts = {"train": pictures(60, 1, 100, 30, (1, 1, 1)), "test": pictures(90, 4, 100, 30, (2, 1, 1))}

    def load(info, data_dir, request):
        images = np.concatenate([parts[split] for split in request.splits])
        return Data(images, sha256=f"{'-'.join(request.splits)} {images.sum()}")

    monkeypatch.setattr("tfgan.datasets.mnist.load", load)
    monkeypatch.setattr(evaluation, "Extractor", Known)
    return parts


def evaluator(parts, tmp_path, count=30, subset=None):
    recipe = recipes.recipe("vanilla", "mnist").replace(subset=subset)
    return Evaluator(recipe, f"train {parts['train'].sum()}", tmp_path, "random", count)


def test_every_figure_is_its_own(known, tmp_path):
    """Of 25 samples, and 30 of the held-out test images; without those of pixels where it must be quick."""
    samples = pictures(25, 3, 120, 20, (4, 1, 0.2))
    real = known["test"][1::2][np.linspace(0, 44, 30).round().astype(int)]
    with evaluator(known, tmp_path) as this:
        found, quick = this.figures(samples), this.figures(samples, quick=True)
    (of_real, p_real), (of_fake, p_fake) = (Known("", (), "", "")(images) for images in (real, samples))
    expected = of_features(of_real, of_fake) | of_classes(p_real, p_fake, CLASSES)
    pixels = of_pixels(real, samples, known["train"])
    flat_real, flat_training = (x.reshape(len(x), -1) / 255 for x in (real, known["train"]))
    pixels["nearest_training_image_of_real"] = np.median(cdist(flat_real, flat_training).min(1))
    assert_figures(found, expected | pixels)
    assert_figures(quick, expected)
    assert_all_differ(found)


def test_the_real_images_own_figures_are_of_the_images_trained_on(known, tmp_path):
    """Two runs on parts of one data set share a folder; each figure is as if the other run had not been measured."""
    samples, name = pictures(25, 3, 120, 20, (4, 1, 0.2)), "nearest_training_image_of_real"
    for subset in (None, (0, 20), None, (0, 20)):
        trained_on = known["train"][slice(*subset) if subset else slice(None)]
        real = known["test"][1::2][np.linspace(0, 44, 30).round().astype(int)]
        flat_real, flat_training = (x.reshape(len(x), -1) / 255 for x in (real, trained_on))
        with evaluator(known, tmp_path, subset=subset) as this:
            assert this.figures(samples)[name] == pytest.approx(np.median(cdist(flat_real, flat_training).min(1)), rel=1e-6)


def test_the_real_images_features_are_kept_for_their_own_protocol_alone(known, tmp_path):
    """As many other images in the same folder are other ones; the same ones are looked at once."""
    samples = pictures(25, 3, 120, 20, (4, 1, 0.2))
    found = []
    for change in (0, 40, 40):
        known["test"] = pictures(90, 2, 100 + change, 30, (2, 1, 1))
        with evaluator(known, tmp_path) as this:
            calls = list(this.extractor.calls)
            found.append((calls, this.figures(samples, quick=True)))
        real = known["test"][1::2][np.linspace(0, 44, 30).round().astype(int)]
        (of_real, p_real), (of_fake, p_fake) = (Known("", (), "", "")(images) for images in (real, samples))
        assert_figures(found[-1][1], of_features(of_real, of_fake) | of_classes(p_real, p_fake, CLASSES))
    assert [calls for calls, _ in found] == [[30], [30], []]


class Asked:
    """Stands for the `Sampler` and the `Evaluator`, and notes what they are asked for."""

    iteration, choice = 3, None
    protocol = {"features": "known"}  # noqa: RUF012

    def __init__(self, *given, **named):
        self.noted.append((*given, named))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def z(self, count, seed):
        return ("z", count, seed)

    def labels(self, count, seed):
        return ("labels", count, seed)

    def images(self, z, labels):
        return ("images", z, labels)

    def figures(self, samples, asked):
        return {"samples": samples, "asked": asked}


def test_what_the_evaluate_command_asks_for(tmp_path, monkeypatch):
    """Samples of the seed, and of a conditional run each with the label that it is measured by."""
    noted = []
    monkeypatch.setattr(Asked, "noted", noted, raising=False)
    monkeypatch.setattr(evaluation, "Evaluator", Asked)
    monkeypatch.setattr("tfgan.sampling.inference.Sampler", Asked)
    recipe = recipes.recipe("vanilla", "mnist").replace(conditional="concat", classes=3)
    run = write_run(tmp_path / "run", recipe, {}, data_sha256="x", classes=dict.fromkeys(CLASSES, 5))
    found = evaluate.evaluate(run, 3, tmp_path / "data", "random", 77, 4, [], "others", pathlib.Path("pictures"))
    labels = ("labels", 77, 4)
    assert found["figures"] == {"samples": ("images", ("z", 77, 4), labels), "asked": labels}
    assert found["protocol"] == {"features": "known", "samples": 77, "seed": 4}
    assert (found["run"], found["iteration"]) == ("run", 3)
    exclude = (tmp_path / "data", tmp_path, pathlib.Path("pictures"))
    named = {"kind": "random", "count": 77, "classes": CLASSES, "against": "others", "exclude": exclude}
    assert noted == [(run, 3, {}), (recipe, "x", tmp_path / "data", named)]


def by_the_classifier(path, images):
    """(features, probabilities, its accuracy) of images, by the classifier kept in that file, in plain operations."""
    kept = np.load(path)
    x = images.astype(np.float32) / 255
    for layer in ("conv2d", "conv2d_1"):
        x = tf2.nn.conv2d(x, kept[f"classifier/{layer}/kernel"], 1, "SAME") + kept[f"classifier/{layer}/bias"]
        x = tf2.nn.max_pool2d(tf2.nn.relu(x), 2, 2, "VALID")
    x = x.numpy().reshape(len(images), -1)
    features = np.maximum(x @ kept["classifier/dense/kernel"] + kept["classifier/dense/bias"], 0)
    odds = np.exp(features @ kept["classifier/dense_1/kernel"] + kept["classifier/dense_1/bias"])
    return features, odds / odds.sum(1, keepdims=True), json.loads(str(kept["about"]))["accuracy"]


def test_the_evaluate_commands_figures(command, tmp_path, monkeypatch):
    """From the checkpoint to the table, the file and TensorBoard, with the classifier that digits are judged by."""
    monkeypatch.setattr(classifier, "_IMAGES", 3_000)  # enough to tell most of them apart
    data = datasets.load("digits", tmp_path / "data", datasets.Request((10, 10)))
    state = vanilla_state(np.random.default_rng(0), 4, data.images[:128].reshape(128, 100) / 255)
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(10, 10, 1), z_dim=4, g_average=0.9)
    other = {name: -value for name, value in state.items()}
    run = write_run(tmp_path / "logs" / "hand", recipe, {3: state, 5: other}, best=3, data_sha256=data.sha256)
    status, out, err = command(evaluate)("--run", "hand", "--iteration", "best", "--images", 150, "--seed", 4)
    assert (status, err) == (0, "")

    with Sampler(run, 3) as sampler:
        z = sampler.z(150, 4)
    samples = np.rint(255 * vanilla_images(state, z, averaged=True)).astype(np.uint8).reshape(150, 10, 10, 1)
    real = data.images[np.linspace(0, 1796, 150).round().astype(int)]
    (kept,) = (tmp_path / "data" / "features").glob("classifier-*.npz")
    (of_real, p_real, accuracy), (of_fake, p_fake, _) = (by_the_classifier(kept, images) for images in (real, samples))
    expected = of_features(of_real, of_fake) | of_classes(p_real, p_fake, "0123456789") | of_pixels(real, samples, data.images)
    (path,) = (run.logs / "quality").glob("classifier-*/000003.json")
    result = json.loads(path.read_text())
    assert (result["run"], result["iteration"], result["protocol"]["seed"]) == ("hand", 3, 4)
    assert_figures(result["figures"], expected, 150)
    assert 0.3 < result["protocol"]["classifier_accuracy"] == accuracy < 1

    shares = expected.pop("class_shares")
    heading, *rows, about, saved = out.splitlines()[1:]
    assert heading.split() == ["hand", "@", "3"]
    shown = {row[:28].strip(): row.split()[-1] for row in rows}
    assert list(shown) == [*expected, *(f"share of {n}" for n in range(10))]
    for name, value in expected.items():
        assert float(shown[name].replace(",", "")) == near(name, value, 150), name
    for n in range(10):
        assert float(shown[f"share of {n}"].removesuffix("%")) / 100 == pytest.approx(shares[str(n)], abs=2 / 150)
    assert f"accuracy {accuracy:.2%}); 150 samples of seed 4 against 150 real images of digits (training images)" in about
    assert saved == f"Saved {path.relative_to(tmp_path)}"

    events = EventAccumulator(str(path.parent)).Reload()
    assert set(events.Tags()["scalars"]) == {f"quality/{name}" for name in expected}
    for name, value in expected.items():
        assert [(event.step, event.value) for event in events.Scalars(f"quality/{name}")] == [(3, near(name, value, 150))]

    judged = []
    monkeypatch.setattr(evaluation, "ms_ssim", lambda given: judged.append(given) or ms_ssim(given))
    status, again, _ = command(evaluate)("--run", "hand", "--iteration", "best", "--images", 150, "--seed", 4)
    assert (status, again.splitlines()) == (0, out.splitlines()[1:])
    assert len(judged) == 1, "the real images' own figures were stored"
