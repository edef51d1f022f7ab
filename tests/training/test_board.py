"""What TensorBoard is given: read back by its own readers, from runs begun, gone on with, and finished."""

import collections
import subprocess
import sys

import numpy as np
import pytest
from tensorboard import context
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import backend_context
from tensorboard.plugins.hparams import list_session_groups

import tfgan
from tests.conftest import TINY
from tests.conftest import small
from tests.graph.test_gan import build_on_random_images
from tfgan.common import images
from tfgan.graph.measures import measures_of_d
from tfgan.tf1 import tf
from tfgan.training import projector
from tfgan.training.board import Board

EVERYTHING = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0}
# metrics.jsonl's names -> TensorBoard's tags, and what stands above their charts
SERIES = {
    "d_loss": ("loss/d_loss", "D's loss"),
    "d_loss_real": ("loss/d_loss_real", "D's loss on real images"),
    "d_loss_fake": ("loss/d_loss_fake", "D's loss on fakes"),
    "g_loss": ("loss/g_loss", "G's loss"),
    "d_penalty": ("loss/d_penalty", "The penalty on D's gradient"),
    "d_real": ("discriminator/mean_output_on_real", "D's output on real images"),
    "d_fake": ("discriminator/mean_output_on_fake", "D's output on fakes"),
    "g_gradient": ("training/g_gradient", "G's gradient"),
    "diversity": ("training/diversity", "Diversity of the fakes"),
    "images_per_second": ("speed/images_per_second", "Images per second"),
    "frechet_distance": ("quality/frechet_distance", "Frechet distance"),
    "kernel_distance": ("quality/kernel_distance", "Kernel distance"),
    "precision": ("quality/precision", "Precision"),
    "recall": ("quality/recall", "Recall"),
    "density": ("quality/density", "Density"),
    "coverage": ("quality/coverage", "Coverage"),
    "recognised": ("quality/recognised", "Recognised"),
    "classifier_score": ("quality/classifier_score", "Classifier score"),
    "classes_covered": ("quality/classes_covered", "Classes covered"),
    "class_imbalance": ("quality/class_imbalance", "Imbalance of classes"),
    "class_agreement": ("quality/class_agreement", "Agreement with the classes"),
    "mean_frechet_distance_within_classes": (
        "quality/mean_frechet_distance_within_classes", "Frechet distance within classes"
    ),
}


def read_events(folder):
    events = EventAccumulator(str(folder), size_guidance=EVERYTHING)
    events.Reload()
    return events


def provider(logs):
    """TensorBoard's data as its pages ask for them, loaded by Python; the browser's tests load them by the data server."""
    return MultiplexerDataProvider(multiplexer(logs), str(logs))


def multiplexer(logs):
    return EventMultiplexer().AddRunsFromDirectory(str(logs)).Reload()


def rows(logs):
    """The table of runs: name -> (hyper-parameters, last metrics, status)."""
    table = backend_context.Context(base_plugin.TBContext(data_provider=provider(logs)))
    request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100, allowed_statuses=api_pb2.Status.values())
    request.include_metrics = True
    handler = list_session_groups.Handler(context.RequestContext(), table, "", request)
    table_rows = {}
    for group in handler.run().session_groups:
        hparams = {name: getattr(value, value.WhichOneof("kind")) for name, value in group.hparams.items()}
        (session,) = group.sessions
        metrics = {metric.name.tag: metric.value for metric in group.metric_values}
        table_rows[session.name] = hparams, metrics, api_pb2.Status.Name(session.status)
    return table_rows


def test_every_series_is_described_once_in_a_file(graph, tmp_path):
    """Two files of one run, and of each its every tag twice."""
    recipe = small("dcgan28", "mnist")
    board = Board(tfgan.build(recipe), recipe, iterations=21)
    metrics = {name: float(number) for number, name in enumerate(SERIES)}
    (tmp_path / "run").mkdir()
    images.save_png(tmp_path / "a.png", np.zeros([2, 3, 1], np.uint8))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for start in (0, 2):
            board.open(tmp_path / "run", session, start)
            for iteration in (start, start + 1):
                board.scalars(iteration, {"iteration": iteration, **metrics})
                board.histograms(iteration)
                for tag in ("samples", "real", "fake_beside_real"):
                    board.picture(tag, iteration, tmp_path / "a.png")
            board.close()

    assert (recipe.iterations, rows(tmp_path)["run"][0]["iterations"]) == (None, 21), "the length, where the recipe has epochs"
    data, ask = provider(tmp_path), {"ctx": context.RequestContext(), "experiment_id": ""}
    listed = {
        **data.list_scalars(plugin_name="scalars", **ask)["run"],
        **data.list_blob_sequences(plugin_name="images", **ask)["run"],
        **data.list_tensors(plugin_name="histograms", **ask)["run"],
    }
    events = read_events(tmp_path / "run")
    tags = events.Tags()
    assert set(listed) == {*tags["scalars"], *tags["images"], *tags["histograms"]}
    assert sorted(tags["scalars"]) == sorted(tag for tag, _ in SERIES.values())
    for name, (tag, title) in SERIES.items():
        assert {event.value for event in events.Scalars(tag)} == {metrics[name]}, name
        assert listed[tag].display_name == title
    assert sorted(tags["images"]) == ["fake_beside_real", "real", "samples"]
    for tag, series in listed.items():
        assert len(series.description) > 20, tag
        assert series.display_name, tag
    assert listed["generator/batch_normalization/moving_mean"].description.startswith("512, not trained: moved by each pass;")
    assert listed["discriminator/conv2d/kernel"].description.startswith("5 x 5 x 1 x 128, trained;")
    written = [path for path in (tmp_path / "run").iterdir() if "begun" not in path.name]
    assert len(written) == 2
    for path in written:
        values = [value for event in tf.train.summary_iterator(str(path)) for value in event.summary.value]
        described = collections.Counter(value.tag for value in values if value.HasField("metadata"))
        assert described == dict.fromkeys([*listed, "recipe"], 1)
        assert {count for tag, count in collections.Counter(value.tag for value in values).items() if tag != "recipe"} == {2}


def test_what_is_measured_of_d(graph):
    """In NumPy, from the logits and images of the same run; D is moved first, so that real and fake are told apart."""
    _, gan = build_on_random_images("mlp", "mnist")
    measures = measures_of_d(gan)
    handles = [gan.d_logits_real, gan.d_logits_fake, gan.input_real, gan.fake, gan.d_loss]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(gan.train_op)
        values, real, fake, images_of_batch, fakes, loss = session.run([measures, *handles])
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    expected = {
        "d_loss": loss,
        "d_loss_real": np.log1p(np.exp(-real)).mean(),
        "d_loss_fake": np.log1p(np.exp(fake)).mean(),
        "d_real": (1 / (1 + np.exp(-real))).mean(),
        "d_fake": (1 / (1 + np.exp(-fake))).mean(),
        "diversity": np.sqrt(fakes.var(0).sum() / images_of_batch.var(0).sum()),
    }
    assert abs(expected["d_real"] - expected["d_fake"]) > 1e-3
    assert values == {name: pytest.approx(value, rel=1e-5) for name, value in expected.items()}


@pytest.mark.slow
def test_the_table_has_a_row_for_each_run(run, tmp_path, monkeypatch):
    """Running, finished, longer: always one row, of the run as it is now."""
    assert run(*TINY, "--iterations", 12, "--run", "b", "--model", "vanilla", "--learning-rate", 0.01, "--seed", 7)[0] == 0

    def disk_is_full(*_):
        raise OSError(28, "No space left on device")

    expected = {
        "model": "mlp", "dataset": "digits", "flip": False, "batch_size": 8, "optimizer": "adam",
        "learning_rate": 0.0003, "beta1": 0.5, "smooth": 0, "z_dim": 96, "z_distribution": "uniform", "iterations": 9,
        "loss": "non-saturating", "g_average": 0, "loop": "fused", "seed": 0,
    }  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(projector, "write", disk_is_full)
        assert run(*TINY, "--iterations", 9, "--run", "a")[0] == 0
    assert rows(tmp_path / "logs")["a"][::2] == (expected, "STATUS_UNKNOWN"), "not finished"
    for length in (9, 14):
        assert run(*TINY, "--iterations", length, "--run", "a")[0] == 0
        table = rows(tmp_path / "logs")
        assert sorted(table) == ["a", "b"]
        hparams, metrics, status = table["a"]
        assert hparams == expected | {"iterations": length}
        assert status == "STATUS_SUCCESS"
        events = read_events(tmp_path / "logs" / "a")
        assert metrics == {tag: pytest.approx(events.Scalars(tag)[-1].value) for tag in events.Tags()["scalars"]}
        assert events.Scalars("loss/g_loss")[-1].step == length - 1
        for of_table in ("session_start_info", "session_end_info"):
            assert len(multiplexer(tmp_path / "logs").Tensors("a", f"_hparams_/{of_table}")) == 1, "START superseded none"
    with monkeypatch.context() as patch:
        patch.setattr(projector, "write", disk_is_full)
        assert run(*TINY, "--iterations", 20, "--run", "a")[0] == 0
    hparams, _, status = rows(tmp_path / "logs")["a"]
    assert (hparams["iterations"], status) == (20, "STATUS_UNKNOWN"), "it was finished, and is no longer"
    hparams, _, status = table["b"]
    assert (hparams["model"], hparams["learning_rate"], hparams["seed"]) == ("vanilla", 0.01, 7)
    assert status == "STATUS_SUCCESS"


@pytest.mark.slow
def test_a_run_that_went_on_reads_as_one(run, tmp_path):
    """Every tag strictly increasing; the real images once; --as-written and the numbers of the recipe in the text."""
    for length in (12, 25):
        assert run(*TINY, "--iterations", length, "--as-written")[0] == 0
    events = read_events(tmp_path / "logs" / "mlp-digits")
    files = sorted((tmp_path / "logs" / "mlp-digits").glob("*tfevents*"))
    assert [path.suffix for path in files[:2]] == [".begun", ".finished"], "TensorBoard reads a growing file to the end, last"
    assert len(files) == 4
    tags = events.Tags()
    read = {"scalars": events.Scalars, "images": events.Images, "histograms": events.Histograms, "tensors": events.Tensors}
    for kind, of in read.items():
        for tag in tags[kind]:
            steps = [event.step for event in of(tag)]
            assert steps == sorted(set(steps)), tag
    assert [event.step for event in events.Images("real")] == [0]
    assert events.Images("real")[0].encoded_image_string == (tmp_path / "out" / "mlp-digits-real.png").read_bytes()
    assert [event.step for event in events.Tensors("recipe")] == [0, 12]
    for event, length in zip(events.Tensors("recipe"), (12, 25), strict=True):
        text = event.tensor_proto.string_val[0].decode()
        for row in ("learning_rate | 0.0003", "z_of_g | same", "loop | as written", "seed | 0", f"iterations | {length}"):
            assert f"| {row} |" in text


@pytest.mark.parametrize("model", ["vanilla", pytest.param("dcgan28", marks=pytest.mark.slow)])
def test_the_graph_is_the_gan_and_little_else(run, tmp_path, model):
    assert run("--model", model, "--batch-size", 4, "--iterations", 1)[0] == 0
    events = read_events(tmp_path / "logs" / f"{model}-digits")
    top = collections.Counter(node.name.split("/")[0] for node in tf.GraphDef.FromString(events.Graph().SerializeToString()).node)
    blocks = {"generator", "discriminator", "generator_training", "d_loss", "g_loss", "d_update", "g_update", "pipeline", "noise"}
    assert blocks <= set(top)
    assert len(top) <= 30, "what saves and checks variables is not in it, with its hundreds of nodes"
    assert sum(count == 1 for count in top.values()) <= 10


@pytest.mark.slow
def test_importing_it_leaves_tensorflows_import_to_tf1():
    code = "import warnings; warnings.simplefilter('error', RuntimeWarning); from tfgan.training import board, projector"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
