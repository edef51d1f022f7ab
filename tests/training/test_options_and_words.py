"""Options that are refused, what a run says of itself, and what its hooks want of each iteration; nothing is trained."""

import pathlib
from types import SimpleNamespace

import numpy as np
import pytest

from tfgan import recipes
from tfgan import train
from tfgan.errors import UserError
from tfgan.runs import saved
from tfgan.tf1 import tf
from tfgan.training import charts
from tfgan.training import describe
from tfgan.training import options
from tfgan.training import projector
from tfgan.training import warm_start
from tfgan.training.hooks import Wanted
from tfgan.training.hooks import grids
from tfgan.training.hooks import metrics
from tfgan.training.hooks import quality
from tfgan.training.hooks import stop
from tfgan.training.hooks import tensorboard
from tfgan.training.hooks import wanted


def settings_of(*given):
    return options.settings(options.parser().parse_args(given))


@pytest.mark.parametrize(("given", "words"), [
    *(([f"--{name}-every=0"], f"--{name}-every is 0; it must be 1 or more")
      for name in ("sample", "summary", "histogram", "checkpoint", "evaluate")),
    (["--features=pixels"], "--features is of --evaluate-every; give that too"),
    (["--features=pixels", "--keep-best=recall"], "--keep-best is of --evaluate-every; give that too"),
    (["--evaluate-images=9"], "--evaluate-images is 9; it must be from 10 to 100,000"),
    (["--evaluate-images=100001"], "--evaluate-images is 100001; it must be from 10 to 100,000"),
    (["--keep=0"], "--keep is 0; it must be 1 or more"),
    (["--checkpoint-minutes=0"], "--checkpoint-minutes is 0; it must be above 0"),
    (["--checkpoint-minutes=nan"], "--checkpoint-minutes is nan; it must be above 0"),
    ([f"--seed={2**63}"], f"--seed is {2**63}; it must be at least 0 and below 2^63"),
    (["--shards=2", "--in-memory"], "--shards and --in-memory: no process has all images; leave one of them out"),
    (["--shards=2", "--evaluate-every=5"], "--shards and --evaluate-every: no process has all images; leave one of them out"),
    (["--shards=2", "--dataset=mnist", "--model=mlp"], "--shards: mlp's recipe takes a part of mnist only; give another --model"),
    (["--device=0", "--devices=0,1"], "--device 0 and --devices: the second says it all; leave the first out"),
    (["--devices=0,0"], "argument --devices: '0,0' is not a list of different numbers such as 0,1"),
    (["--devices=0,00"], "argument --devices: '0,00' is not a list of different numbers such as 0,1"),
    (["--devices=0,"], "argument --devices: '0,' is not a list of different numbers such as 0,1"),
    (["--device=-1"], "argument --device: '-1' is not auto, cpu, gpu or a GPU's number"),
    (["--image-size=32"], "argument --image-size: invalid choice: 32 (choose from"),
    (["--recipe=best", "--dataset=fashion-mnist"], "--recipe best: none was measured for fashion-mnist; there is one of mnist, "),
])  # fmt: skip
def test_options_that_are_refused(given, words):
    with pytest.raises(UserError) as error:
        settings_of(*given)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("given", [
    ["--evaluate-images=10"], ["--evaluate-images=100000"], ["--keep=1"], ["--checkpoint-minutes=1e-9"], ["--sample-every=1"],
    [f"--seed={2**63 - 1}"], ["--shards=1"], ["--device=cpu", "--devices=0,1"], ["--mixed-precision"], ["--augment="],
    ["--recipe=best", "--dataset=mnist", "--model=compact"],
])  # fmt: skip
def test_options_at_their_limits(given):
    settings_of(*given)


def test_what_some_options_become():
    found = settings_of("--devices=1,0", "--augment=color,cutout", "--evaluate-every=7", "--flip", "--spectral-normalization")
    assert (found.hardware.devices, found.recipe.augment) == ((1, 0), ("color", "cutout"))
    assert (found.evaluation.every, found.evaluation.images, found.evaluation.features) == (7, 2000, None)
    assert (found.recipe.flip, found.recipe.spectral_normalization) == (True, True)
    plain = settings_of("--augment=")
    assert (plain.recipe.augment, plain.recipe.flip, plain.evaluation, plain.hardware.devices) == ((), False, None, None)


@pytest.mark.parametrize(("as_written", "replicas", "how"), [
    (True, 1, "as written"), (False, 1, "fused"), (False, 2, "fused, on 2 replicas"),
])  # fmt: skip
def test_what_a_run_says_of_itself(capsys, as_written, replicas, how):
    recipe = recipes.recipe("dcgan64", "mnist").replace(batch_size=6, learning_rate=0.00123456789)
    folders = SimpleNamespace(logs=pathlib.Path("there"))
    settings = SimpleNamespace(recipe=recipe, as_written=as_written, seed=9, folders=folders)
    asked, saved_pictures = [], []
    batches = SimpleNamespace(images=np.zeros([70_000, 28, 28, 1], np.uint8), count=70_000, iterations=12_345)
    batches.first_images = lambda count: asked.append(count) or batches.images[:count]
    run = SimpleNamespace(save_picture=lambda *given: saved_pictures.append(given) or "out/real.png")
    describe.describe(settings, batches, run, replicas)
    assert capsys.readouterr().out == (
        "Data: mnist, 70,000 images of 28 x 28 x 1, trained on as 64 x 64 x 3\n"
        f"Recipe: dcgan64, batch 6, 12,345 iterations ({how}), z 100 normal, adam 0.00123457, seed 9\n"
        "Saved out/real.png; TensorBoard: tensorboard --logdir there\n"
    )
    ((suffix, picture),) = saved_pictures
    assert (asked, suffix, picture.shape) == ([64], "real", (8 * 64, 8 * 64, 3))


def test_the_table_of_layers(capsys):
    def variable(count, trainable):
        return SimpleNamespace(shape=SimpleNamespace(num_elements=lambda: count), trainable=trainable)

    rows = [("dense", [None, 7], [variable(1200, True), variable(34, True)]), ("norm", [None, 7], [variable(5, False)])]
    assert describe._print_layers("Generator", rows) == [1234, 5]
    assert capsys.readouterr().out.splitlines() == [
        "", "Generator                       output shape              parameters",
        "dense                           (None, 7)                      1,234",
        "norm                            (None, 7)                          5",
        "1,239 parameters: 1,234 trainable, 5 not trainable",
    ]  # fmt: skip


@pytest.mark.parametrize(("height", "width", "size"), [
    (28, 28, (28, 28)), (62, 62, (62, 62)), (64, 64, (32, 32)), (64, 128, (64, 32)), (75, 75, (75, 75)), (96, 96, (32, 32)),
    (99, 99, (33, 33)), (100, 100, (50, 50)), (96, 64, (32, 48)), (8, 8, (8, 8)),
])  # fmt: skip
def test_thumbnails_are_reduced_by_a_whole_number(height, width, size):
    """Of (height, width) to (width, height) pixels: about 32, by a number that divides both sides."""
    picture, found = projector.sprite(np.zeros([2, height, width, 1], np.uint8))
    assert found == size
    assert picture.shape == (2 * size[1], 2 * size[0], 1)


@pytest.mark.parametrize(("end", "points"), [(1, 1), (3, 1), (4, 2), (511, 255), (512, 256), (9999, 256)])
def test_a_short_run_has_few_points(graph, end, points):
    recipe = recipes.recipe("vanilla", "digits").replace(batch_size=2)
    hook = grids.GridHook(SimpleNamespace(recipe=recipe, settings=SimpleNamespace(seed=0), end=end))
    assert hook._z_of_points.shape.as_list() == [points, 100]


def settings_for(show_pairs=True, evaluate_every=7):
    intervals = SimpleNamespace(sample_every=4, summary_every=5, histogram_every=None)
    evaluation = SimpleNamespace(every=evaluate_every) if evaluate_every else None
    return SimpleNamespace(recipe=SimpleNamespace(show_pairs=show_pairs), intervals=intervals, evaluation=evaluation)


def test_what_the_hooks_want_of_each_iteration():
    """Measures at the summaries, the measurements and the end; the batch before each grid and at the end."""
    n, m, b = Wanted.NOTHING, Wanted.MEASURES, Wanted.BATCH
    every, few = [grids.GridHook, metrics.MetricsHook, quality.QualityHook], [grids.GridHook, tensorboard.TensorBoardHook]
    for hooks, show_pairs, expected in (
        (every, True, [m, n, n, b, n, m, n, b, n, n, b]), (every, False, [m, n, n, n, n, m, n, m, n, n, m]),
        (few, True, [n, n, n, b, n, n, n, b, n, n, b]), (few, False, [n] * 10 + [m]),
    ):  # fmt: skip
        assert [wanted(hooks, settings_for(show_pairs), 11, iteration) for iteration in range(11)] == expected
    assert quality.QualityHook.applies(settings_for())
    assert not quality.QualityHook.applies(settings_for(evaluate_every=None))
    assert tensorboard.TensorBoardHook.interval(settings_for()) == 100


def test_a_signal_stops_but_not_at_the_end():
    done = []
    context = SimpleNamespace(end=9, session=None, write=done.append, save=lambda n: done.append(("saved", n)))
    context.team = SimpleNamespace(leave=lambda: done.append("left"), stop_signal=lambda session, at, own: own if at > 3 else 0)
    hook = stop.StopHook(context)
    hook._interruption = SimpleNamespace(signal=15)
    assert [hook.after_each(n) for n in (3, 9)] == [None, None]
    assert done == []
    assert hook.after_each(4) == 143
    assert done == ["left", ("saved", 4), "Stopped after iteration 4 of 9, saved; the same command goes on from there."]


# TensorBoard's tag -> words that tell what it shows, typed in a second time
SHOWN = {
    "loss/d_loss": "What D's update minimises: 1.39 (2 ln 2, times the recipe's d_loss_weight) where D guesses, far less",
    "loss/d_loss_real": "The half of D's loss that is low when D calls real images real. The relativistic loss is one value for "
    "both, and this is half of it.",
    "loss/d_loss_fake": "The half of D's loss that is low when D calls G's images fake. The relativistic loss is one value for "
    "both, and this is half of it.",
    "loss/d_penalty": "A part of D's loss, times its weight; near 0 where D is smooth.",
    "loss/d_class_loss": "It is 2 ln C (4.61 for ten classes) where D guesses, and near 0 where D knows each class.",
    "loss/g_loss": "What G's update minimises: 0.69 (ln 2) where D guesses, less where D calls G's images real, more",
    "discriminator/mean_output_on_real": "For the real batch, the mean of a sigmoid of D's logits.",
    "discriminator/mean_output_on_fake": "For the batch that G made, the mean of a sigmoid of D's logits.",
    "training/g_gradient": "The norm of the gradient over all of G's variables. Near 0, G stands still.",
    "training/diversity": "How far the batch's fakes differ from each other, divided by how far its real images do. Near 0",
    "speed/images_per_second": "Real images per second of training, since the point before.",
    "samples": "What G makes of the same noise each time, with the moving averages of batch normalisation.",
    "real": "The first images of the first epoch, to compare the samples with.",
    "fake_beside_real": "The batch just trained on: G's images left, real ones right.",
    "quality/frechet_distance": "lower is better; equal sets of images have about 0.",
    "quality/kernel_distance": "lower is better; equal sets of images have 0, give or take its spread.",
    "quality/precision": "the share of samples that look like some real image.",
    "quality/recall": "the share of real images that look like some sample.",
    "quality/density": "how many real images a sample is near to; about 1 for equal sets of images.",
    "quality/coverage": "the share of real images that have a sample near.",
    "quality/classifier_score": "from 1 to the number of classes; more is sharper and more varied.",
    "quality/classes_covered": "the number of classes that at least a hundredth of the samples belong to.",
    "quality/class_imbalance": "the share of the samples that would have to change their class.",
    "quality/class_agreement": "the share of samples that are seen as the class asked for.",
    "quality/mean_frechet_distance_within_classes": "lower is better; the mean of all classes.",
}


def test_each_chart_is_described_and_none_as_another():
    assert SHOWN.keys() == charts.CHARTS.keys()
    assert set(charts.TAGS.values()) <= set(charts.CHARTS)
    for tag, words in SHOWN.items():
        assert [other for other, chart in charts.CHARTS.items() if words in chart.description] == [tag]
    for name, higher_is_better in saved.HIGHER_IS_BETTER.items():
        assert ("lower is better" in charts.CHARTS[charts.TAGS[name]].description) != higher_is_better, name


def test_what_an_unfit_checkpoint_has(monkeypatch):
    """Of its variables and of the network's, five are named."""
    monkeypatch.setattr(warm_start, "_read_floats", lambda path: {f"v{n}": np.zeros(n) for n in range(8)})
    monkeypatch.setattr(warm_start, "_network_shapes", lambda recipe: {f"w{n}": (n,) for n in range(7)})
    with pytest.raises(UserError) as error:
        warm_start.read("a.ckpt", recipes.recipe("mlp"))
    assert str(error.value) == (
        "--init-from: nothing in a.ckpt fits mlp, neither by name and shape nor by its TF1_NAMES; there are v0 (0,), v1 (1,), "
        "v2 (2,), v3 (3,), v4 (4,) and so on, here w0, w1, w2, w3, w4 and so on; give another, or another --model"
    )


class Reached(Exception):
    """Ends the command where it has what the test looks at."""


@pytest.mark.parametrize(("dataset", "given", "name"), [
    ("digits", None, "mlp-digits"), ("my pets & others", None, "mlp-my-pets-others"), ("digits", "mine", "mine"),
])  # fmt: skip
def test_a_runs_own_name(monkeypatch, dataset, given, name):
    def run_dir(name, logs, out):
        raise Reached(name, logs, out)

    monkeypatch.setattr("tfgan.runs.rundir.RunDir", run_dir)
    recipe = SimpleNamespace(model="mlp", dataset_name=dataset)
    settings = SimpleNamespace(recipe=recipe, folders=SimpleNamespace(logs="l", out="o"), run=given)
    with pytest.raises(Reached) as reached:
        train.train(settings, SimpleNamespace(chief=True))
    assert reached.value.args == (name, "l", "o")


def test_what_does_not_fit_into_memory(monkeypatch):
    def no_room(images):
        raise MemoryError

    monkeypatch.setattr(train.np, "array", no_room)
    with pytest.raises(UserError, match="^--in-memory needs 1,234.6 GB, more than there are; leave it out$"):
        train.read_all(SimpleNamespace(nbytes=1_234_567_000_000))


def test_a_batch_that_is_too_large_for_the_device(monkeypatch):
    refused = []
    team = SimpleNamespace(refuse=lambda error: refused.append(str(error)))
    monkeypatch.setattr("tfgan.distribution.devices.prepare_devices", lambda hardware: ["/cpu:0"])
    monkeypatch.setattr("tfgan.distribution.team.make_team", lambda *_: team)

    def no_room(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(train, "train", no_room)
    words = "batch_size 77 needs more memory than there is; give a smaller one"
    with pytest.raises(UserError, match=f"^{words}$"):
        train.train_on_devices(settings_of("--batch-size=77"))
    assert refused == [words]
