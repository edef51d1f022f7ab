"""What the alarms say and at which values they begin; which protocol's figures are compared; which state is the better one."""

import inspect
import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.quality.test_alarms import GOOD
from tfgan import evaluate
from tfgan import recipes
from tfgan.datasets.pack import Data
from tfgan.errors import UserError
from tfgan.quality import evaluation
from tfgan.quality import metrics
from tfgan.quality import protocols
from tfgan.quality import similarity
from tfgan.quality.alarms import Alarms
from tfgan.quality.evaluation import Reference
from tfgan.quality.monitor import QualityMonitor

COLLAPSED = (
    "G has collapsed to few images, or is about to. Lower learning rates for both networks, --spectral-normalization or a "
    "--penalty often help; start over with --fresh or another --run"
)
WON = (
    "D has distinguished all real images from all fakes for 10 lines of metrics, and G learns little from it. A lower "
    "--d-learning-rate, --instance-noise 0.1 or a --penalty slows D down"
)
VANISHED = "G's gradient is below 1% of what it was, and G hardly changes: "
NAN = "NaN may follow. A lower --learning-rate often helps"


def covering(*counts):
    return [{**GOOD, "classes_covered": count} for count in counts]


def with_gradients(*values):
    return [{**GOOD, "g_gradient": value} for value in values]


@pytest.mark.parametrize(("lines", "loss", "texts"), [
    (covering(10, 9, 5), "hinge", [f"the samples cover 5 classes, after 10 before: {COLLAPSED}"]),
    (covering(2, 0), "hinge", [f"the samples cover 0 classes, after 2 before: {COLLAPSED}"]),
    ([{**GOOD, "diversity": 0.0123}] * 10, "hinge", [f"G's images are 1% as far apart as real ones: {COLLAPSED}"]),
    ([{**GOOD, "d_loss_real": 0.004, "d_loss_fake": 0.004}] * 10, "hinge", [WON]),
    (with_gradients(*[100] * 5, *[0.9] * 5), "hinge", [f"{VANISHED}slow D down with --d-learning-rate"]),
    (with_gradients(*[100] * 5, *[0.9] * 5), "minimax", [f"{VANISHED}--loss non-saturating has larger gradients"]),
    (with_gradients(*[1] * 10, *[100] * 5, *[0.9] * 5), "hinge", []),  # the first ten count
    (with_gradients(*[100] * 5, *[1] * 5), "hinge", []),  # 1% is enough
    (with_gradients(*[100] * 6, *[0.9] * 4), "hinge", []),  # for too few lines
    ([{**GOOD, "g_loss": -2e5, "d_loss": 1e5}], "hinge", [f"g_loss is -200,000: {NAN}"]),
    ([{**GOOD, "d_loss": 123_456.0, "g_gradient": 1e5}], "hinge", [f"d_loss is 123,456: {NAN}"]),
    (with_gradients(1e5), "hinge", [f"g_gradient is 100,000: {NAN}"]),
    (with_gradients(99_999.0), "hinge", []),
])  # fmt: skip
def test_what_an_alarm_says(lines, loss, texts):
    alarms = Alarms(loss)
    assert [alarm.text for line in lines for alarm in alarms.look(line)] == texts


@pytest.mark.parametrize(("low", "high", "rings"), [
    (0.049, 0.3, True), (0.05, 0.3, False), (0.15, 0.39, False), (0.15, 0.4, True), (0.161, 0.4, False), (0.19, 0.5, True),
])  # fmt: skip
def test_how_low_the_diversity_may_fall(low, high, rings):
    alarms = Alarms("hinge")
    lines = [{**GOOD, "diversity": value} for value in [high] * 10 + [low] * 5]
    assert any(alarm.kind == "collapse" for line in lines for alarm in alarms.look(line)) == rings


def test_a_line_without_all_measures_sets_off_nothing():
    for name in GOOD:
        alarms = Alarms("hinge")
        line = {**GOOD, "g_loss": 1e9, "d_loss": 1e9, "classes_covered": 1}
        del line[name]
        assert alarms.look(line) == []


def test_a_protocol_that_differs_in_several_ways():
    results = [{"run": run, "protocol": protocol} for run, protocol in (
        ("a", {"real": 5, "seed": 0, "size": "1"}), ("b", {"real": 5, "seed": 0, "size": "1"}),
        ("c", {"real": 6, "seed": 0, "classifier_accuracy": 0.5}),
    )]  # fmt: skip
    protocols.require_same(results[:2])
    words = "figures of a and c cannot be compared: classifier_accuracy is None and 0.5; real is 5 and 6; size is 1 and None; "
    with pytest.raises(UserError) as error:
        protocols.require_same(results)
    assert str(error.value) == f"{words}evaluate them separately"


class Extractor:
    """Stands for the features: two pixels."""

    def __init__(self, kind, shape, dataset, data_dir):
        self.about = {"features": kind, "features_sha256": "x"}

    def __call__(self, images):
        return images.reshape(len(images), -1)[:, :2] / 255, None

    def close(self):
        pass


@pytest.fixture
def evaluator(monkeypatch, tmp_path):
    """evaluator(data set, kind): an `Evaluator` of 12 real images and 40 training images of 2 x 2."""
    images = np.random.default_rng(0).integers(0, 256, (52, 2, 2, 1), dtype=np.uint8)
    reference = Reference(images[:12], "digits", "test, the held-out half", Data(images[12:]), "sha256")
    monkeypatch.setattr(evaluation, "reference_images", lambda *_: reference)
    monkeypatch.setattr(evaluation, "Extractor", Extractor)
    monkeypatch.setattr(evaluation, "ms_ssim", lambda images: 0.5)

    def of(dataset, kind=None):
        recipe = recipes.recipe("vanilla", dataset).replace(image_shape=(2, 2, 1))
        return evaluation.Evaluator(recipe, "sha256", tmp_path, kind, 12)

    return of


@pytest.mark.parametrize(("dataset", "kind"), [
    ("digits", "classifier"), ("mnist", "classifier"), ("fashion-mnist", "classifier"), ("celeba", "random"), ("dogs", "random"),
])  # fmt: skip
def test_the_features_of_each_data_set(evaluator, dataset, kind):
    assert evaluator(dataset).protocol["features"] == kind
    assert evaluator(dataset, "pixels").protocol["features"] == "pixels"


@pytest.mark.parametrize(("values", "searched"), [(160, 40), (159, 39), (80, 20), (79, 19), (1, 1)])
def test_of_many_training_images_every_nth_is_searched(evaluator, monkeypatch, values, searched):
    """40 images of four values each; the sliced distance has six pairs of images at least."""
    monkeypatch.setattr(evaluation, "_VALUES", values)
    counts = []
    monkeypatch.setattr(metrics, "sliced_wasserstein", lambda real, fake: counts.append((len(real), len(fake))) or 0.5)
    found = evaluator("celeba").figures(np.arange(44, dtype=np.uint8).reshape(11, 2, 2, 1))
    assert found["training_images_searched"] == searched
    assert counts == [(min(11, max(6, values // 4)),) * 2]


@pytest.mark.parametrize(("count", "shape", "searched"), [
    (60_000, (28, 28, 1), 60_000), (202_599, (28, 28, 3), 25_510), (20_580, (64, 64, 3), 4_882),
])  # fmt: skip
def test_all_of_mnist_is_searched_and_of_the_photos_every_eighth_and_every_fifth(count, shape, searched):
    training = np.broadcast_to(np.uint8(0), (count, *shape))
    this = SimpleNamespace(_reference=SimpleNamespace(training=Data(training)), _model_shape=shape)
    assert len(evaluation.Evaluator._training.func(this)) == searched


def test_a_thousand_samples_from_first_to_last_are_compared_with_the_training_images(evaluator, monkeypatch):
    """The median is that of all, in whatever order they are, also where the first thousand are all copies, or all far."""
    this = evaluator("celeba")
    copy = this._training[:1]
    far = (255 * (copy < 128)).astype(np.uint8)
    distance = np.sqrt(((far / 255.0 - this._training / 255.0) ** 2).sum((1, 2, 3))).min()
    counts, nearest = [], metrics.nearest_distances
    monkeypatch.setattr(metrics, "nearest_distances", lambda real, fake: counts.append(len(fake)) or nearest(real, fake))
    for copies, others, expected in ((1200, 1800, distance), (1800, 1200, 0)):
        for parts in ([copy.repeat(copies, 0), far.repeat(others, 0)], [far.repeat(others, 0), copy.repeat(copies, 0)]):
            assert this.figures(np.concatenate(parts))["nearest_training_image"] == pytest.approx(expected, rel=1e-5)
    assert set(counts[1:]) == {1000}  # the first call is of the 12 real images


def test_real_images_that_are_sorted_are_compared_from_first_to_last(evaluator, monkeypatch, tmp_path):
    """Of two classes, one after the other, a perfect G has a distance near 0, and real images their own distance to others."""
    rng = np.random.default_rng(0)
    dark, bright = (rng.integers(low, low + 30, (count, 2, 2, 1)).astype(np.uint8) for low, count in ((0, 1400), (200, 1600)))
    real, mixed = np.concatenate([dark, bright]), np.concatenate([dark[::2], bright[::2]])
    reference = Reference(real, "mine", "given", Data(dark[:1000]), "sha256")
    monkeypatch.setattr(evaluation, "reference_images", lambda *_: reference)
    monkeypatch.setattr(evaluation, "_VALUES", 4000)  # those of a thousand images
    found = evaluator("celeba").figures(rng.permutation(mixed))
    assert found["sliced_wasserstein_of_pixels"] < 0.05, "0.5 with the first thousand alone, which are dark"
    assert found["nearest_training_image_of_real"] > 2 * (200 - 30) / 255, "more than half of them are bright"


def test_stored_features_of_fewer_images_are_not_used(evaluator, tmp_path):
    expected = evaluator("celeba")._features
    (path,) = (tmp_path / "features").glob("real-random-*.npz")
    np.savez(path, features=expected[:11])
    np.testing.assert_array_equal(evaluator("celeba")._features, expected)


def test_six_images_are_enough_to_measure(monkeypatch, tmp_path):
    for count in (5, 6):
        data = Data(np.zeros([count, 2, 2, 1], np.uint8), sha256="x")
        monkeypatch.setattr("tfgan.datasets.find_training_images", lambda *_, data=data: data)
        if count == 6:
            assert len(evaluation.reference_images(recipes.recipe("mlp", "digits"), "x", tmp_path, 99, True).images) == 6
        else:
            with pytest.raises(UserError, match="digits has 5 images; measuring needs 6 or more"):
                evaluation.reference_images(recipes.recipe("mlp", "digits"), "x", tmp_path, 99, True)


def monitor(metric, best=None, whole=True):
    """A `QualityMonitor` of the protocol `ours`, whose run has that record of its best checkpoint."""
    this = QualityMonitor.__new__(QualityMonitor)
    this._metric, this._name, this._every, this.protocol = metric, "ours", 5, {"format": 3}
    this._checkpoints = SimpleNamespace(best=lambda: best, is_whole=lambda iteration: whole)
    return this


def record(value, iteration=3, metric="recall", protocol="ours"):
    return {"iteration": iteration, "metric": metric, "value": value, "protocol": protocol}


@pytest.mark.parametrize(("best", "whole", "better"), [
    (None, True, True), (record(0.4), True, True), (record(0.6), True, False), (record(0.5), True, False),
    (record(0.5, iteration=9), True, False), (record(0.5, iteration=9), False, True), (record(0.6, iteration=3), False, False),
    (record(0.6, metric="precision"), True, True), (record(0.6, protocol="theirs"), True, True),
])  # fmt: skip
def test_when_a_state_is_the_best(best, whole, better):
    """Of recall 0.5 after nine iterations. An equal one is none, unless the checkpoint of that very state is damaged."""
    found = monitor("recall", best, whole)._best_record(9, {"recall": 0.5})
    assert found == ({"iteration": 9, "metric": "recall", "value": 0.5, "protocol": "ours"} if better else None)


def test_the_beginning_is_not_measured():
    assert [n for n in range(12) if monitor(None).due(n)] == [5, 10]
    assert monitor(None)._best_record(5, {}) is None


def test_the_protocol_that_a_run_was_measured_by_before_is_named(tmp_path):
    lines = [{"protocol": "old"}, {"protocol": "older"}, {}]
    run = SimpleNamespace(name="run", logs=tmp_path, metrics=lambda: lines)
    with pytest.raises(UserError) as error:
        monitor(None).open(None, run, None)
    assert f"run run has been measured in another way ({tmp_path / 'quality' / 'protocol-older.json'})" in str(error.value)


@pytest.mark.parametrize(("version", "by", "remedy"), [
    (3, "", "with the same --features, --evaluate-images and file in data/features, or without --evaluate-every"),
    (2, ", by another version of tfgan", "without --evaluate-every"),
])  # fmt: skip
def test_the_way_on_from_another_protocol(tmp_path, version, by, remedy):
    """No option brings back how an older version computed its figures."""
    run = SimpleNamespace(name="run", logs=tmp_path, metrics=lambda: [{"protocol": "older"}])
    file = tmp_path / "quality" / "protocol-older.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"format": version, "features": "random"}))
    with pytest.raises(UserError) as error:
        monitor(None).open(None, run, None)
    assert str(error.value) == (
        f"run run has been measured in another way{by} ({file}, --features random); the figures cannot be compared. "
        f"Continue {remedy}, or start with --fresh"
    )


def test_the_table_that_evaluate_prints(capsys):
    protocol = {"features": "classifier", "features_sha256": "0123456789abcdef", "classifier_accuracy": 0.98765, "samples": 2000}
    protocol |= {"seed": 4, "real": 1797, "dataset": "digits", "split": "training images", "size": "10 x 10 x 1"}
    figures = {"recall": 0.123456, "training_images_searched": 1797, "class_shares": {"9": 0.0314}}
    others = {"recall": 12.0, "training_images_searched": 5, "class_shares": {"9": 1.0}}
    results = [{"run": "a", "iteration": 4, "figures": figures}, {"run": "longer", "iteration": 12, "figures": others}]
    evaluate.show([{**result, "protocol": protocol} for result in results])
    assert capsys.readouterr().out == (
        "                           a @ 4  longer @ 12\n"
        "recall                    0.1235           12\n"
        "training_images_searched   1,797            5\n"
        "share of 9                  3.1%       100.0%\n"
        "Features: classifier (0123456789ab, accuracy 98.77%); 2,000 samples of seed 4 against 1,797 real images of digits "
        "(training images), 10 x 10 x 1\n"
    )


@pytest.mark.parametrize(("options", "words"), [
    (["--images=9"], "--images is 9; it must be from 10 to 100,000"), (["--images=100001"], "--images is 100001; it must be"),
    ([f"--seed={2**63}"], f"--seed is {2**63}; it must be at least 0 and below 2^63"), (["--images=10"], "there is no run 'a'"),
    (["--images=100000", f"--seed={2**63 - 1}"], "there is no run 'a'"),
])  # fmt: skip
def test_how_many_images_and_which_seeds_evaluate_takes(command, options, words):
    status, _, err = command(evaluate)("--run=a", *options)
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith(f"tfgan: error: {words}")


@pytest.mark.parametrize(("measure", "expected"), [
    (metrics.kernel_distance, {"subsets": 100, "size": 1000, "seed": 2020}), (metrics.precision_and_recall, {"neighbours": 3}),
    (metrics.density_and_coverage, {"neighbours": 5}), (metrics.classes_covered, {"real": None, "least": 0.01}),
    (metrics.sliced_wasserstein, {"directions": 512, "seed": 0}), (similarity.ms_ssim, {"seed": 0, "pairs": 1000}),
])  # fmt: skip
def test_the_defaults_of_the_metrics(measure, expected):
    """Those of torch-fidelity and of the papers: figures of other ones cannot be compared."""
    parameters = inspect.signature(measure).parameters.items()
    assert {name: p.default for name, p in parameters if p.default is not inspect.Parameter.empty} == expected


def test_how_far_sums_may_be_from_one():
    for sum_of, good in ((1.0009, True), (1.0011, False), (0.9991, True), (0.9989, False)):
        for measure, given in ((metrics.classifier_score, ([[sum_of, 0]],)), (metrics.classes_covered, ([0], 2, [sum_of, 0]))):
            if good:
                measure(*given)
            else:
                with pytest.raises(ValueError, match="sum to 1"):
                    measure(*given)
