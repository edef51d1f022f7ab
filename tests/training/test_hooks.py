"""All that a run in training tells: its lines, pictures, events and figures, each against what it is said to show.

One short run, with a clock that goes by a second with each iteration, and figures of quality that are known. What hooks do
beside that is tested without a session.
"""

import contextlib
import io
import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tests.models.handmade import vanilla_images
from tests.training.test_board import read_events
from tfgan import recipes
from tfgan import train
from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.quality import monitor
from tfgan.quality.evaluation import Evaluator
from tfgan.runs import read
from tfgan.sampling.inference import Sampler
from tfgan.tf1 import tf
from tfgan.training import hooks
from tfgan.training import instruments
from tfgan.training import loop
from tfgan.training import steps
from tfgan.training.grids import GridHook
from tfgan.training.hook import Fetch

SEED, IMAGES = 3, 1797
OPTIONS = {
    "model": "vanilla", "batch-size": 599, "iterations": 8, "seed": SEED, "g-average": 0.9, "learning-rate": 0.003,
    "summary-every": 2, "sample-every": 4, "histogram-every": 4, "checkpoint-every": 4, "evaluate-every": 3,
    "evaluate-images": 20, "features": "pixels", "keep-best": "precision",
}  # fmt: skip
# the figures of quality at 3, 6 and 8 iterations, each metric's values its own
PRECISION = (0.3, 0.2, 0.25)
QUALITY = {
    "frechet_distance": 1.0, "kernel_distance": 2.0, "precision": None, "recall": 3.0, "density": 4.0, "coverage": 5.0,
    "recognised": 0.5, "classifier_score": 6.0, "classes_covered": 7, "class_imbalance": 8.0,
}  # fmt: skip
TAGS = {
    "loss/d_loss": "d_loss", "loss/d_loss_real": "d_loss_real", "loss/d_loss_fake": "d_loss_fake", "loss/g_loss": "g_loss",
    "discriminator/mean_output_on_real": "d_real", "discriminator/mean_output_on_fake": "d_fake",
    "training/g_gradient": "g_gradient", "training/diversity": "diversity", "speed/images_per_second": "images_per_second",
    "quality/frechet_distance": "frechet_distance", "quality/kernel_distance": "kernel_distance",
    "quality/precision": "precision", "quality/recall": "recall", "quality/density": "density", "quality/coverage": "coverage",
    "quality/recognised": "recognised", "quality/classifier_score": "classifier_score",
    "quality/classes_covered": "classes_covered", "quality/class_imbalance": "class_imbalance",
}  # fmt: skip
FUSED = steps.fused


class Clock:
    """Goes by a second with each iteration, and by a hundred while samples are measured."""

    now = 0.0

    def looked_at(self):
        return self.now

    def steps(self, *given):
        """The step functions, each of whose runs takes a second."""
        return [lambda *arguments, step=step: (setattr(self, "now", self.now + 1), step(*arguments))[1] for step in FUSED(*given)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the run left and said, and what its evaluator was shown."""
    folder, clock, judged, drawn, out = tmp_path_factory.mktemp("told"), Clock(), [], {}, io.StringIO()

    def figures(self, samples, quick=False, labels=None):
        clock.now += 100
        judged.append(samples)
        return {**QUALITY, "precision": PRECISION[len(judged) - 1], "class_shares": {"0": 1.0}}

    def savefig(figure, file, **_):
        drawn[len(drawn)] = figure
        save(figure, file, **_)

    save = Figure.savefig
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        patch.chdir(folder)
        for user in (instruments, monitor, loop):
            patch.setattr(user, "time", SimpleNamespace(perf_counter=clock.looked_at))
        patch.setattr(steps, "fused", clock.steps)
        patch.setattr(Evaluator, "figures", figures)
        patch.setattr(Figure, "savefig", savefig)
        patch.setattr(sys, "argv", ["train", "--run=told", *(f"--{name}={value}" for name, value in OPTIONS.items())])
        assert train.main() == 0
    run = read.find_run("told", folder / "logs")
    lines = [json.loads(line) for line in (run.logs / "metrics.jsonl").read_text().splitlines()]
    return SimpleNamespace(
        folder=folder, run=run, judged=judged, drawn=list(drawn.values()), out=out.getvalue(), lines=lines,
        events=read_events(run.logs),
    )  # fmt: skip


def variables_at(run, iteration):
    reader = tf.train.load_checkpoint(str(run.checkpoints / f"{iteration:06d}" / "model"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def samples_of(run, iteration, number, count):
    """What the moving averages make of one of the run's draws of noise, in levels: [count, 784]; and what the raw G makes."""
    values = variables_at(run, iteration)
    with tf.Graph().as_default(), tf.Session() as session:
        z = session.run(noise.latent("uniform", [count, 100], noise.key(SEED, number, Stream.Z_SAMPLE)))
    return (255 * vanilla_images(values, z, averaged) for averaged in (True, False))


def assert_samples(samples, run, iteration, number):
    averaged, raw = samples_of(run, iteration, number, len(samples))
    samples = samples.reshape(len(samples), 784).astype(float)
    assert np.abs(samples - averaged).max() < 0.51, "rounded"
    assert np.abs(samples - raw).mean() > 1, "the raw G's images are others"


def tiles(picture, columns, side):
    """A picture of side x side images in rows, perhaps enlarged -> uint8 [N, side, side]."""
    picture = np.asarray(picture).squeeze()
    times = picture.shape[1] // (columns * side)
    picture = picture[::times, ::times]
    return picture.reshape(-1, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)


def out(told, suffix):
    return Image.open(told.folder / "out" / f"told-{suffix}.png")


def test_each_grid_is_of_the_averages_of_its_iteration(told):
    for iteration in (4, 8):
        assert_samples(tiles(out(told, f"{iteration:06d}"), 4, 28), told.run, iteration, 0)
    with Sampler(told.run) as sampler:
        assert_samples(sampler.images(sampler.z(16, SEED)), told.run, 8, 0)


def test_the_projectors_fakes_are_samples_and_its_reals_are_real(told):
    labels = [line.split("\t") for line in (told.run.logs / "projector_labels.tsv").read_text().splitlines()[1:]]
    assert labels == [["fake", str(n)] for n in range(256)] + [["real", str(n)] for n in range(256)]
    thumbnails = tiles(Image.open(told.run.logs / "projector_sprite.png"), 23, 28)
    assert_samples(thumbnails[:256], told.run, 8, 1)
    np.testing.assert_array_equal(thumbnails[256 : 256 + 16], tiles(out(told, "real"), 4, 28))


def test_the_judge_is_shown_the_averages_samples(told):
    assert len(told.judged) == 3
    for samples, iteration in ((told.judged[0], 3), (told.judged[2], 8)):
        assert samples.dtype == np.uint8
        assert_samples(samples, told.run, iteration, 2)


def test_the_best_is_kept(told):
    """Of precision the highest: that of three iterations."""
    best = read.read_best(told.run.checkpoints)
    assert (best["iteration"], best["metric"], best["value"]) == (3, "precision", 0.3)
    assert read.checkpoint_iterations(told.run.checkpoints) == [3, 4, 8]
    assert read.resolve_iteration(told.run, "best") == 3


def test_a_lines_counts_and_its_rate(told):
    """Of three batches an epoch; the evaluator's time is not the training's."""
    assert [(line["iteration"], line["epoch"]) for line in told.lines] == [(0, 0), (2, 0), (3, 1), (4, 1), (6, 2), (7, 2)]
    assert [line["images_per_second"] for line in told.lines] == [599] * 6


def test_how_long_the_samples_were_measured(told):
    pattern = r"Measured the samples (\d+) times, in (\d+) s, (\S+) of all the time\nSaved .*\nFinished 8 iterations in (\d+) s"
    times, seconds, share, total = re.search(pattern, told.out).groups()
    assert (times, seconds, share) == ("3", "300", f"{300 / int(total):.1%}")


def test_its_last_words(told):
    *_, finished, more = told.out.splitlines()
    assert finished.partition(" s. ")[2] == "Pictures: out/told*"
    assert more == "More of them: python -m tfgan.sample --run logs/told"


def test_a_lines_figures_of_quality(told):
    measured = {line["evaluated"]: line for line in told.lines if "evaluated" in line}
    assert [line["iteration"] for line in measured.values()] == [3, 6, 7]
    for (iteration, line), precision in zip(measured.items(), PRECISION, strict=True):
        assert {name: line[name] for name in QUALITY} == {**QUALITY, "precision": precision}, iteration


def test_what_is_printed_is_what_is_kept(told):
    pattern = r"^iteration (\d+)/8  epoch (\d+)  d_loss (\S+)  g_loss (\S+)  (\d+) images/s  \S+ left$"
    shown = [tuple(map(float, numbers)) for numbers in re.findall(pattern, told.out, re.M)]
    names = ("iteration", "epoch", "d_loss", "g_loss", "images_per_second")
    assert shown == [tuple(round(line[name], 4) for name in names) for line in told.lines]


def test_tensorboards_curves_are_the_lines(told):
    assert set(told.events.Tags()["scalars"]) == set(TAGS)
    for tag, name in TAGS.items():
        curve = [(event.step, event.value) for event in told.events.Scalars(tag)]
        expected = [(line["iteration"], pytest.approx(line[name], rel=1e-6)) for line in told.lines if name in line]
        assert curve == expected, tag
    last = [told.lines[-1][name] for name in TAGS.values()]
    assert len(set(last)) == len(last), "all are different, or a swap would not be seen"


def test_tensorboards_pictures_are_those_of_the_folder(told):
    for tag, iterations in (("samples", (0, 4, 8)), ("real", (0,))):
        events = told.events.Images(tag)
        assert [event.step for event in events] == list(iterations)
        for event in events:
            shown = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))
            file = out(told, "real" if tag == "real" else f"{event.step:06d}")
            np.testing.assert_array_equal(tiles(shown, 4, 28), tiles(file, 4, 28), err_msg=f"{tag} {event.step}")


def test_each_histogram_is_its_variables(told):
    """Before the updates of iteration 4: what the checkpoint of four iterations holds."""
    values = variables_at(told.run, 4)
    names = [f"{network}/{layer}/{part}" for network in ("generator", "discriminator") for layer in ("dense", "dense_1")
             for part in ("kernel", "bias")]  # fmt: skip
    assert sorted(told.events.Tags()["histograms"]) == sorted(names)
    for name in names:
        histogram = {event.step: event.histogram_value for event in told.events.Histograms(name)}[4]
        assert histogram.num == values[name].size
        for of_histogram, of_variable in ((histogram.min, values[name].min()), (histogram.max, values[name].max())):
            assert of_histogram == pytest.approx(of_variable, rel=1e-6), name
        assert histogram.sum == pytest.approx(values[name].sum(dtype=float), rel=1e-3, abs=1e-3)


def test_the_figures_at_its_end(told):
    """The curves are the lines', and the samples of the last grid stand beside the real ones."""
    curves, beside, _ = told.drawn
    labelled = {line.get_label(): line for axes in curves.axes for line in axes.get_lines()}
    for label, name in (("D", "d_loss"), ("G", "g_loss"), ("on real images", "d_real"), ("on samples", "d_fake")):
        first, second = (told.lines[n][name] for n in range(2))
        np.testing.assert_allclose(labelled[label].get_ydata()[:2], [first, (0.09 * first + 0.1 * second) / 0.19])
        assert list(labelled[label].get_xdata()) == [line["iteration"] for line in told.lines]
    for axes, suffix in zip(beside.axes, ("000008", "real"), strict=True):
        np.testing.assert_array_equal(tiles(axes.images[0].get_array(), 4, 28), tiles(out(told, suffix), 4, 28))


def test_the_alarms_know_the_loss_and_its_smoothing(monkeypatch):
    """With smoothed labels D's least possible loss is not 0."""
    of_alarms = []
    monkeypatch.setattr(hooks, "Alarms", lambda *args: of_alarms.append(args) or SimpleNamespace(ringing=set()))
    recipe = recipes.recipe("vanilla").replace(loss="minimax", smooth=0.25)
    run = SimpleNamespace(metrics=list)
    settings = SimpleNamespace(stop_on_collapse=False)
    hooks.AlarmHook(SimpleNamespace(recipe=recipe, run=run, settings=settings, start=0, end=9)).begin()
    assert of_alarms == [("minimax", 0.25)]


def settings_for(show_pairs=True, evaluate_every=7):
    recipe = SimpleNamespace(show_pairs=show_pairs)
    return SimpleNamespace(recipe=recipe, sample_every=4, summary_every=5, histogram_every=None, evaluate_every=evaluate_every)


def test_what_the_hooks_fetch_from_each_iteration():
    """Measures at the summaries, the measurements and the end; the batch before each grid and at the end."""
    n, m, b = Fetch.NOTHING, Fetch.MEASURES, Fetch.BATCH
    every, few = [GridHook, hooks.MetricsHook, hooks.QualityHook], [GridHook, hooks.TensorBoardHook]
    for of_run, show_pairs, expected in (
        (every, True, [m, n, n, b, n, m, n, b, n, n, b]), (every, False, [m, n, n, n, n, m, n, m, n, n, m]),
        (few, True, [n, n, n, b, n, n, n, b, n, n, b]), (few, False, [n] * 10 + [m]),
    ):  # fmt: skip
        assert [hooks.fetch_of_all(of_run, settings_for(show_pairs), 11, iteration) for iteration in range(11)] == expected
    assert hooks.QualityHook in hooks.hooks_for(settings_for())
    assert hooks.QualityHook not in hooks.hooks_for(settings_for(evaluate_every=None))
    assert hooks.TensorBoardHook.interval(settings_for()) == 100


def test_a_signal_stops_but_not_at_the_end():
    done = []
    context = SimpleNamespace(end=9, session=None, write=done.append, save=lambda n: done.append(("saved", n)))
    context.team = SimpleNamespace(leave=lambda: done.append("left"), stop_signal=lambda session, at, own: own if at > 3 else 0)
    hook = hooks.StopHook(context)
    hook._interruption = SimpleNamespace(signal=15)
    assert [hook.after_each(n) for n in (3, 9)] == [None, None]
    assert done == []
    assert hook.after_each(4) == 143
    assert done == ["left", ("saved", 4), "Stopped after iteration 4 of 9, saved; the same command goes on from there."]


@pytest.mark.parametrize("terminal", [True, False])
def test_the_bar_and_the_printed_line(capsys, monkeypatch, terminal):
    """Of a run that went on from iteration 20, on a clock on which ten seconds have gone by since."""
    behind, now = [], [5.0]
    bar = SimpleNamespace(disable=not terminal, set_postfix=lambda *positional, **named: behind.append((*positional, named)))
    monkeypatch.setattr(hooks.tqdm, "__new__", lambda cls, **settings: bar)
    monkeypatch.setattr(hooks, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    hook = hooks.ProgressHook(SimpleNamespace(start=20, end=100))
    hook.begin()
    now[0] += 10.0
    line = {"iteration": 39, "epoch": 2, "d_loss": 1.25, "g_loss": 0.75, "d_loss_real": 0.5, "images_per_second": 321.4}
    hook.each_line(line)
    assert behind == ([({"d_loss": "1.2500", "g_loss": "0.7500"}, {"images_s": "321"})] if terminal else [])
    printed = "iteration 39/100  epoch 2  d_loss 1.2500  g_loss 0.7500  321 images/s  00:30 left\n"
    assert capsys.readouterr().out == ("" if terminal else printed)
