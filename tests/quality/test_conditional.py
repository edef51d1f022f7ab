"""Figures of a conditional run, class by class, against their definitions written out here."""

import json

import numpy as np
import pytest
from scipy import linalg
from scipy.spatial.distance import pdist
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.models.handmade import vanilla_images
from tests.models.handmade import vanilla_state
from tests.models.handmade import write_run
from tests.quality.test_evaluation import by_the_classifier
from tfgan import datasets
from tfgan import evaluate
from tfgan import recipes
from tfgan import report
from tfgan.datasets.pack import Data
from tfgan.quality import classifier
from tfgan.quality import evaluation
from tfgan.quality import measurements
from tfgan.quality.conditional import ClassFigures
from tfgan.runs import read
from tfgan.sampling.inference import Sampler

NAMES = ("cat", "dog", "owl")


def distance_of(real, fake):
    """The Frechet distance by the matrix root, for sets of full rank."""
    a, b = np.cov(real.T), np.cov(fake.T)
    return ((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)


def diversity_of(real, fake):
    """By the distances of all pairs: their mean square is twice the trace of the covariance."""
    return np.sqrt((pdist(fake) ** 2).mean() / (pdist(real) ** 2).mean())


def sets(seed, **counts):
    """(features [N, 2], labels [N]) with so many rows of each class, mixed."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(range(3), [counts[name] for name in NAMES]))
    return rng.normal(size=(len(labels), 2)) * (1 + seed) + labels[:, None], labels


def test_by_hand():
    """With a class of too few real images, and one of too few samples: both are None, and not in the mean."""
    (real, labels), (fake, asked) = sets(0, cat=10, dog=30, owl=9), sets(1, cat=14, dog=11, owl=40)
    seen = np.where(np.arange(65) % 5 == 0, (asked + 1) % 3, asked)
    this = ClassFigures(NAMES, real, labels)
    found = this.measure(fake, seen, asked)
    assert list(found) == [
        "class_agreement", "classes_seen", "mean_frechet_distance_within_classes", "frechet_distance_within_classes",
        "diversity_within_classes",
    ]  # fmt: skip
    assert found["class_agreement"] == 52 / 65
    for a, row in enumerate(NAMES):
        for s, column in enumerate(NAMES):
            assert found["classes_seen"][row][column] == sum((asked == a) & (seen == s))
    pairs = [(real[labels == n], fake[asked == n]) for n in range(2)]
    distances = [distance_of(*pair) for pair in pairs]
    within = found["frechet_distance_within_classes"]
    assert within == {"cat": pytest.approx(distances[0]), "dog": pytest.approx(distances[1]), "owl": None}
    assert abs(distances[0] - distances[1]) > 0.1
    assert found["mean_frechet_distance_within_classes"] == pytest.approx(np.mean(distances))
    expected = [pytest.approx(diversity_of(*pair)) for pair in pairs]
    assert found["diversity_within_classes"] == {"cat": expected[0], "dog": expected[1], "owl": None}
    assert this.within(asked) == ["cat", "dog"]
    json.dumps(found)

    few, asked = sets(1, cat=9, dog=10, owl=40)
    assert this.within(asked) == ["dog"]
    found = this.measure(few, asked, asked)
    assert found["class_agreement"] == 1
    assert [name for name, value in found["diversity_within_classes"].items() if value is not None] == ["dog"]
    assert found["mean_frechet_distance_within_classes"] == found["frechet_distance_within_classes"]["dog"]


def test_what_cannot_be_measured():
    """Without the real images' labels, and with too few images of every class."""
    (real, labels), (fake, asked) = sets(0, cat=10, dog=10, owl=10), sets(1, cat=9, dog=9, owl=9)
    unknown, few = ClassFigures(NAMES, real, None), ClassFigures(NAMES, real, labels)
    assert list(unknown.measure(fake, asked, asked)) == ["class_agreement", "classes_seen"]
    found = few.measure(fake, asked, asked)
    assert "mean_frechet_distance_within_classes" not in found
    assert found["frechet_distance_within_classes"] == found["diversity_within_classes"] == dict.fromkeys(NAMES)
    assert unknown.within(asked) == few.within(asked) == []


def test_samples_that_are_alike_and_real_ones_that_are():
    real, labels = sets(0, cat=20, dog=20, owl=20)
    asked = labels
    fake = np.where(asked[:, None] == 1, 5.0, real)
    found = ClassFigures(NAMES, real, labels).measure(fake, asked, asked)
    assert found["diversity_within_classes"] == {"cat": pytest.approx(1), "dog": 0, "owl": pytest.approx(1)}
    assert found["frechet_distance_within_classes"]["cat"] == pytest.approx(0, abs=1e-9)
    equal = ClassFigures(NAMES, np.where(labels[:, None] == 1, 5.0, real), labels)
    assert equal.measure(real, asked, asked)["diversity_within_classes"]["dog"] == 1


class Seeing:
    """Stands for an `Extractor`: features are two pixels, and the class is a third one."""

    classes, recognise = NAMES, None

    def __init__(self, kind, shape, dataset, data_dir):
        self.about = {"features": kind, "features_sha256": "seeing"}

    def __call__(self, images):
        pixels = images[:, 0, :3, 0]
        return pixels[:, :2] / 256, np.eye(3)[pixels[:, 2]]

    def close(self):
        pass


@pytest.fixture
def labelled(monkeypatch):
    """{split: (images, labels)} that stand for MNIST, and `Seeing` for what extracts features."""
    rng = np.random.default_rng(0)
    parts = {}
    for split, count in (("train", 60), ("test", 120)):
        images = rng.integers(0, 256, (count, 28, 28, 1)).astype(np.uint8)
        images[:, 0, 2, 0] = labels = rng.integers(0, 3, count).astype(np.int32)
        parts[split] = images, labels

    def load(info, data_dir, request):
        images, labels = (np.concatenate(part) for part in zip(*(parts[split] for split in request.splits), strict=True))
        return Data(images, labels, NAMES, "-".join(request.splits))

    monkeypatch.setattr("tfgan.datasets.mnist.load", load)
    monkeypatch.setattr(evaluation, "Extractor", Seeing)
    return parts


def test_the_real_images_of_a_class_are_those_with_its_label(labelled, tmp_path):
    """Of the half and the rows that are compared; other classes, and none, change nothing else."""
    recipe = recipes.recipe("vanilla", "mnist").replace(subset=None)
    samples, asked = labelled["train"][0][:50], np.arange(50) % 3
    found = {}
    for classes in (NAMES, NAMES[::-1], ()):
        with evaluation.Evaluator(recipe, "train", tmp_path, "random", 45, classes=classes) as this:
            found[classes] = this.protocol, this.figures(samples, quick=True, labels=asked if classes else None)
    rows = np.linspace(0, 59, 45).round().astype(int)
    real, labels = (part[1::2][rows] for part in labelled["test"])
    protocol, figures = found[NAMES]
    of_real, of_fake = (images[:, 0, :2, 0] / 256 for images in (real, samples))
    for n, name in enumerate(NAMES):
        expected = distance_of(of_real[labels == n], of_fake[asked == n])
        assert figures["frechet_distance_within_classes"][name] == pytest.approx(expected)
    assert figures["class_agreement"] == (samples[:, 0, 2, 0] == asked).mean()
    assert 0.1 < figures["class_agreement"] < 0.6
    assert found[NAMES[::-1]] == found[()]
    rest = {name: value for name, value in figures.items() if name in found[()][1]}
    assert (protocol, rest) == found[()], "the protocol of an unconditional run"
    assert len(figures) == len(rest) + 5


def test_labels_of_other_names_are_not_the_classes(labelled, tmp_path, monkeypatch):
    monkeypatch.setattr(Seeing, "classes", ("a", "b", "c"))
    recipe = recipes.recipe("vanilla", "mnist").replace(subset=None)
    with evaluation.Evaluator(recipe, "train", tmp_path, "random", 45, classes=("a", "b", "c")) as this:
        found = this.figures(labelled["train"][0], quick=True, labels=labelled["train"][1])
    assert found["class_agreement"] == 1
    assert "frechet_distance_within_classes" not in found


def conditional_run(folder, images, sha256):
    """A conditional vanilla run whose label adds to z, and the same without labels; of both the state is returned."""
    rng = np.random.default_rng(0)
    pixels = images[:128].reshape(128, 100) / 255
    states = [vanilla_state(rng, 4 + classes, pixels) for classes in (10, 0)]
    states[0]["discriminator/dense/kernel"] = np.zeros([110, 128], np.float32)
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(10, 10, 1), z_dim=4, g_average=0.9)
    of_labels = recipe.replace(conditional="concat", classes=10)
    counts = {str(n): 400 if n == 3 else 155 for n in range(10)}
    run = write_run(folder / "with", of_labels, {3: states[0]}, data_sha256=sha256, classes=counts)
    write_run(folder / "without", recipe, {3: states[1]}, data_sha256=sha256)
    return run, states[0]


@pytest.mark.slow
def test_the_commands_on_a_run_with_labels(command, tmp_path, monkeypatch):
    """Beside a run without: the file, the table, the picture and the page."""
    monkeypatch.setattr(classifier, "_IMAGES", 3_000)  # enough to tell most of them apart
    data = datasets.load("digits", tmp_path / "data", datasets.Request((10, 10)))
    run, state = conditional_run(tmp_path / "logs", data.images, data.sha256)
    status, out, err = command(evaluate)("--run", "with", "without", "--images", 150, "--seed", 4)
    assert (status, err) == (0, "")
    with Sampler(run, 3) as sampler:
        z, asked = sampler.z(150, 4), sampler.labels(150, 4)
    made = vanilla_images(state, np.concatenate([z, np.eye(10)[asked]], 1), averaged=True)
    samples = np.rint(255 * made).astype(np.uint8).reshape(150, 10, 10, 1)
    rows = np.linspace(0, 1796, 150).round().astype(int)
    (kept,) = (tmp_path / "data" / "features").glob("classifier-*.npz")
    (of_real, _, _), (of_fake, seen, _) = (by_the_classifier(kept, images) for images in (data.images[rows], samples))
    (path,) = (run.logs / "quality").glob("classifier-*/000003.json")
    figures = json.loads(path.read_text())["figures"]
    assert figures["class_agreement"] == pytest.approx((seen.argmax(1) == asked).mean(), abs=1.1 / 150)
    assert {name: sum(row.values()) for name, row in figures["classes_seen"].items()} == {
        str(n): (asked == n).sum() for n in range(10)
    }
    enough = [n for n in range(10) if min((asked == n).sum(), (data.labels[rows] == n).sum()) >= 10]
    diversity = figures["diversity_within_classes"]
    assert [name for name, value in diversity.items() if value is not None] == [str(n) for n in enough]
    assert 3 in enough
    assert 2 <= len(enough) < 10
    pair = of_real[data.labels[rows] == 3], of_fake[asked == 3]
    assert diversity["3"] == pytest.approx(diversity_of(*pair), rel=1e-3)
    shown = {line[:36].strip(): line[36:].split() for line in out.splitlines()}
    assert shown["diversity within 3"] == [f"{diversity['3']:.2f}", "-"]
    assert list(shown.values()).count(["too", "few", "images", "-"]) == 2 * (10 - len(enough))

    from tfgan.common import images

    (tmp_path / "out").mkdir()
    for name, shape in (("with", (100, 80, 1)), ("without", (80, 80, 1))):
        images.save_png(tmp_path / "out" / f"{name}-000003.png", np.zeros(shape, np.uint8))
        status, out, err = command(report)("--run", name)
        assert (status, err) == (0, "")
        assert ("Saved out/with-classes.png" in out.splitlines()) == (name == "with")
        page = (tmp_path / "out" / f"{name}.html").read_text()
        assert ("<h2>Classes asked for and seen</h2>" in page) == ("diversity within 3" in page) == (name == "with")


@pytest.mark.slow
def test_in_training(run, tmp_path, monkeypatch):
    """Each measurement has the figures, in the lines of metrics and in TensorBoard, and the best one by them is kept."""
    monkeypatch.setattr(classifier, "_IMAGES", 3_000)
    options = ["--model=vanilla", "--conditional=concat", "--batch-size=8", "--iterations=4", "--evaluate-every=2"]
    by_distance = ["--keep-best=mean_frechet_distance_within_classes", "--run=few"]
    status, _, err = run(*options, *by_distance, "--evaluate-images=20")
    assert status == 2
    assert "no class has 10 samples and 10 real images with known labels; give more --evaluate-images, or keep" in err
    assert run(*options, "--keep-best=class_agreement", "--evaluate-images=300", "--run=a")[0] == 0
    lines = [line for line in read.read_metrics(tmp_path / "logs" / "a") if "evaluated" in line]
    assert [line["evaluated"] for line in lines] == [2, 4]
    for line in lines:
        assert 0 <= line["class_agreement"] <= 1
        assert line["mean_frechet_distance_within_classes"] > 0
        assert list(line["diversity_within_classes"]) == list("0123456789")
        assert not line.keys() & {"class_shares", "classes_seen", "frechet_distance_within_classes"}
    best = read.read_best(tmp_path / "logs/a/checkpoints")
    assert (best["metric"], best["value"]) == ("class_agreement", max(line["class_agreement"] for line in lines))
    events = EventAccumulator(str(tmp_path / "logs/a")).Reload()
    for name in measurements.OF_CLASSES:
        assert [e.value for e in events.Scalars(f"quality/{name}")] == [pytest.approx(line[name]) for line in lines]
