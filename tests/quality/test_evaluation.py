"""Every figure of quality, as `Evaluator` and `python -m tfgan.evaluate` give it, against its definition written out here.

In sets whose figures are all different, so that none can stand for another.
"""

import collections
import json
import pathlib
from types import SimpleNamespace

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
from tfgan.common import images
from tfgan.datasets import Request
from tfgan.datasets.pack import Data
from tfgan.errors import UserError
from tfgan.quality import classifier
from tfgan.quality import evaluation
from tfgan.quality import measurements
from tfgan.quality import metrics
from tfgan.quality.evaluation import Evaluator
from tfgan.quality.evaluation import Reference
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


def of_names(real, fake):
    """Likewise of two sets' features, whose first values have names; equally frequent names count from the smallest on."""
    first, second, names = ((x[:, 0] * 256).astype(int) // 10 for x in (real[::2], real[1::2], fake))
    known, count = set(), 0
    for name, times in sorted(collections.Counter(first.tolist()).items(), key=lambda pair: (-pair[1], pair[0])):
        if count < 0.95 * len(first):
            known.add(name)
            count += times
    shares = {key: sum(name in known for name in x) / len(x) for key, x in (("", names), ("_of_real", second))}
    return {f"recognised{key}": share for key, share in shares.items()}


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
    """Stands for an `Extractor`: features are two pixels, the classes' probabilities three others, the name a pixel's tens."""

    classes = CLASSES

    def __init__(self, kind, shape, dataset, data_dir):
        self.about = {"features": kind, "features_sha256": "known"}
        self.calls = []

    def __call__(self, images):
        self.calls.append(len(images))
        pixels = images[:, 0, :5, 0] / np.float32(256)  # exact: equal distances are equal
        return pixels[:, :2], pixels[:, 2:] / pixels[:, 2:].sum(1, keepdims=True)

    def recognise(self, features):
        return (features[:, 0] * 25.6).astype(int)

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
    expected = of_features(of_real, of_fake) | of_names(of_real, of_fake) | of_classes(p_real, p_fake, CLASSES)
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
        expected = of_features(of_real, of_fake) | of_names(of_real, of_fake) | of_classes(p_real, p_fake, CLASSES)
        assert_figures(found[-1][1], expected)
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

    def figures(self, samples, labels):
        return {"samples": samples, "labels": labels}


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
    assert found["figures"] == {"samples": ("images", ("z", 77, 4), labels), "labels": labels}
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


class TwoPixels:
    """Stands for the features: two pixels."""

    recognise = None

    def __init__(self, kind, shape, dataset, data_dir):
        self.about = {"features": kind, "features_sha256": "x"}

    def __call__(self, images):
        return images.reshape(len(images), -1)[:, :2] / 255, None

    def close(self):
        pass


@pytest.fixture
def small_evaluator(monkeypatch, tmp_path):
    """small_evaluator(data set, kind): an `Evaluator` of 12 real images and 40 training images of 2 x 2."""
    images = np.random.default_rng(0).integers(0, 256, (52, 2, 2, 1), dtype=np.uint8)
    reference = Reference(images[:12], "digits", "test, the held-out half", Data(images[12:]), "sha256")
    monkeypatch.setattr(evaluation, "reference_images", lambda *_: reference)
    monkeypatch.setattr(evaluation, "Extractor", TwoPixels)
    monkeypatch.setattr(evaluation, "ms_ssim", lambda images: 0.5)

    def of(dataset, kind=None):
        recipe = recipes.recipe("vanilla", dataset).replace(image_shape=(2, 2, 1))
        return evaluation.Evaluator(recipe, "sha256", tmp_path, kind, 12)

    return of


@pytest.mark.parametrize(("dataset", "kind"), [
    ("digits", "classifier"), ("mnist", "classifier"), ("fashion-mnist", "classifier"), ("celeba", "random"), ("dogs", "random"),
])  # fmt: skip
def test_the_default_features_are_in_the_protocol(small_evaluator, dataset, kind):
    assert small_evaluator(dataset).protocol["features"] == kind
    assert small_evaluator(dataset, "pixels").protocol["features"] == "pixels"


@pytest.mark.parametrize(("values", "searched"), [(160, 40), (159, 39), (80, 20), (79, 19), (1, 1)])
def test_of_many_training_images_every_nth_is_searched(small_evaluator, monkeypatch, values, searched):
    """40 images of four values each; the sliced distance has six pairs of images at least."""
    monkeypatch.setattr(evaluation, "_VALUES", values)
    counts = []
    monkeypatch.setattr(metrics, "sliced_wasserstein", lambda real, fake: counts.append((len(real), len(fake))) or 0.5)
    found = small_evaluator("celeba").figures(np.arange(44, dtype=np.uint8).reshape(11, 2, 2, 1))
    assert found["training_images_searched"] == searched
    assert counts == [(min(11, max(6, values // 4)),) * 2]


@pytest.mark.parametrize(("count", "shape", "searched"), [
    (60_000, (28, 28, 1), 60_000), (202_599, (28, 28, 3), 25_510), (20_580, (64, 64, 3), 4_882),
])  # fmt: skip
def test_all_of_mnist_is_searched_and_of_the_photos_every_eighth_and_every_fifth(count, shape, searched):
    training = np.broadcast_to(np.uint8(0), (count, *shape))
    this = SimpleNamespace(_reference=SimpleNamespace(training=Data(training)), _model_shape=shape)
    assert len(evaluation.Evaluator._training.func(this)) == searched


def test_a_thousand_samples_from_first_to_last_are_compared_with_the_training_images(small_evaluator, monkeypatch):
    """The median is that of all, in whatever order they are, also where the first thousand are all copies, or all far."""
    this = small_evaluator("celeba")
    copy = this._training[:1]
    far = (255 * (copy < 128)).astype(np.uint8)
    distance = np.sqrt(((far / 255.0 - this._training / 255.0) ** 2).sum((1, 2, 3))).min()
    counts, nearest = [], metrics.nearest_distances
    monkeypatch.setattr(metrics, "nearest_distances", lambda real, fake: counts.append(len(fake)) or nearest(real, fake))
    for copies, others, expected in ((1200, 1800, distance), (1800, 1200, 0)):
        for parts in ([copy.repeat(copies, 0), far.repeat(others, 0)], [far.repeat(others, 0), copy.repeat(copies, 0)]):
            assert this.figures(np.concatenate(parts))["nearest_training_image"] == pytest.approx(expected, rel=1e-5)
    assert set(counts[1:]) == {1000}  # the first call is of the 12 real images


def test_real_images_that_are_sorted_are_compared_from_first_to_last(small_evaluator, monkeypatch, tmp_path):
    """Of two classes, one after the other, a perfect G has a distance near 0, and real images their own distance to others."""
    rng = np.random.default_rng(0)
    dark, bright = (rng.integers(low, low + 30, (count, 2, 2, 1)).astype(np.uint8) for low, count in ((0, 1400), (200, 1600)))
    real, mixed = np.concatenate([dark, bright]), np.concatenate([dark[::2], bright[::2]])
    reference = Reference(real, "mine", "given", Data(dark[:1000]), "sha256")
    monkeypatch.setattr(evaluation, "reference_images", lambda *_: reference)
    monkeypatch.setattr(evaluation, "_VALUES", 4000)  # those of a thousand images
    found = small_evaluator("celeba").figures(rng.permutation(mixed))
    assert found["sliced_wasserstein_of_pixels"] < 0.05, "0.5 with the first thousand alone, which are dark"
    assert found["nearest_training_image_of_real"] > 2 * (200 - 30) / 255, "more than half of them are bright"


def test_stored_features_of_fewer_images_are_not_used(small_evaluator, tmp_path):
    expected = small_evaluator("celeba")._features
    (path,) = (tmp_path / "features").glob("real-random-*.npz")
    np.savez(path, features=expected[:11])
    np.testing.assert_array_equal(small_evaluator("celeba")._features, expected)


def test_six_images_are_enough_to_measure(monkeypatch, tmp_path):
    for count in (5, 6):
        data = Data(np.zeros([count, 2, 2, 1], np.uint8), sha256="x")
        monkeypatch.setattr("tfgan.datasets.find_training_images", lambda *_, data=data: data)
        if count == 6:
            assert len(evaluation.reference_images(recipes.recipe("mlp", "digits"), "x", tmp_path, 99, True).images) == 6
        else:
            with pytest.raises(UserError, match="digits has 5 images; measuring needs 6 or more"):
                evaluation.reference_images(recipes.recipe("mlp", "digits"), "x", tmp_path, 99, True)


# Every model on images of 10x10, and those whose size is not 28x28 on such images.
_QUICK = ("mlp", "dcgan64")
_CASES = [
    *(pytest.param("digits", m, None, marks=[] if m in _QUICK else [pytest.mark.slow]) for m in recipes.MODELS),
    ("digits", "compact", 64),
    ("digits", "mlp", 64),
    *(pytest.param("mnist", *rest, marks=pytest.mark.slow) for rest in (("dcgan64", None), ("compact", 64))),
]
_GREY_LEVEL = 1 / 255  # by so much a pixel may differ that is rounded in one value range and in another


def recipe_of(model, dataset, side):
    recipe = recipes.recipe(model, dataset)
    return recipe if side is None else recipes.resized(recipe, side)


def as_d_sees_them(real, recipe):
    """What `python -m tfgan.train` feeds D, as pixels of the model's size: samples of a G that is perfect."""
    return images.to_uint8(images.preprocess_array(real, recipe.image_shape, recipe.value_range), recipe.value_range)


@pytest.mark.parametrize(("dataset", "model", "side"), _CASES)
def test_real_images_as_d_sees_them_are_found_real(tmp_path, monkeypatch, dataset, model, side):
    """Real images that go the way of samples are at distance 0, and read as learnt by heart."""
    real = datasets.load("digits", tmp_path, Request((28, 28))).images[:60]
    if dataset == "mnist":
        real = images.resize_to_shape(real, (28, 28, 1))
        parts = {"train": real[:40], "test": real[40:].repeat(2, axis=0)}  # so that both halves are the same

        def load(info, data_dir, request):
            return Data(np.concatenate([parts[split] for split in request.splits]), sha256="-".join(request.splits))

        monkeypatch.setattr("tfgan.datasets.mnist.load", load)
    recipe = recipe_of(model, dataset, side).replace(subset=None)
    sha256 = datasets.load_for(recipe, tmp_path).sha256
    with evaluation.Evaluator(recipe, sha256, tmp_path, "pixels", 20) as evaluator:
        reference = evaluation.reference_images(recipe, sha256, tmp_path, 20, held_out=True)
        found = evaluator.figures(as_d_sees_them(reference.images, recipe))
        copies = evaluator.figures(as_d_sees_them(reference.training.images[:20], recipe))
        others = evaluator.figures(255 - as_d_sees_them(reference.images, recipe), quick=True)
    assert found["frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert others["frechet_distance"] > 1
    assert (found["precision"], found["recall"]) == (1, 1)
    assert found["sliced_wasserstein_of_pixels"] == pytest.approx(0, abs=_GREY_LEVEL)
    assert found["ms_ssim"] == pytest.approx(found["ms_ssim_of_real"], abs=1e-3)
    pixels = reference.images[0].size
    assert copies["nearest_training_image"] < _GREY_LEVEL * pixels**0.5
    if reference.split != "training images":
        of_real = found["nearest_training_image_of_real"]
        assert found["nearest_training_image"] == pytest.approx(of_real, abs=_GREY_LEVEL * pixels**0.5)
        assert of_real > 0.5


def test_figures_at_two_sizes_of_a_model_are_not_compared(tmp_path):
    data = datasets.load("digits", tmp_path, Request((28, 28)))
    results = []
    for side in (28, 64):
        with evaluation.Evaluator(recipe_of("compact", "digits", side), data.sha256, tmp_path, "random", 20) as evaluator:
            results.append({"run": f"of {side}", "protocol": evaluator.protocol})
    with pytest.raises(UserError, match="of 28 and of 64 cannot be compared: model_size is 28 x 28 x 1 and 64 x 64 x 1;"):
        measurements.require_same(results)
