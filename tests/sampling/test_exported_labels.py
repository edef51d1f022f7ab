"""Exports of conditional runs: each class in each runtime, against the training graph; what they say; a mistake in one class."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import TINY
from tests.conftest import network_variables
from tests.models.handmade import write_run
from tests.test_export import CLOSE
from tests.test_export import assert_images
from tests.test_export import needs_onnx
from tfgan import export
from tfgan import recipes
from tfgan.graph import networks
from tfgan.graph.gan import build
from tfgan.runs import saved
from tfgan.sampling import formats
from tfgan.sampling.exports import FILES
from tfgan.sampling.inference import Sampler
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")
CLASSES = {"Sneaker": 70, "Ankle boot": 20, "Bag": 10}


@pytest.fixture(scope="module", params=["compact", "fastgan"])
def made(request, tmp_path_factory):
    """A run by hand, whose classes have scales and offsets of their own, and an export of it.

    run; folder: of the export; session_images: the training graph's own images of z and labels in inference mode, from 0 to 1.
    """
    folder = tmp_path_factory.mktemp("labelled")
    changes = {"conditional": "projection", "classes": 3, "g_average": 0.0, "penalty": None, "projected": False, "z_dim": 5}
    recipe = recipes.recipe(request.param).replace(**changes)
    rng = np.random.default_rng(0)
    with tf.Graph().as_default():
        gan, session = build(recipe), tf.Session()
        shapes = {v.op.name: v.shape.as_list() for v in network_variables(gan)}
        values = {name: rng.normal(size=shape) / np.prod(shape[:-1]) ** 0.5 for name, shape in shapes.items()}
        values |= {name: rng.uniform(0.5, 1.5, shape) for name, shape in shapes.items() if name.endswith(("gamma", "variance"))}
        values |= {name: rng.normal(size=shape) for name, shape in shapes.items() if name.endswith("beta")}
        for variable in network_variables(gan):
            variable.load(values[variable.op.name], session)

    def session_images(z, labels):
        return (session.run(gan.samples, {gan.input_z: z, gan.input_y_fake: labels}) + 1) / 2

    run = write_run(folder / "run", recipe, {1: values}, seed=9, classes=CLASSES)
    (folder / "new").mkdir()
    formats.export(run, None, export.available_formats(None), folder / "new")
    yield SimpleNamespace(run=run, folder=folder / "new", session_images=session_images)
    session.close()


def in_tensorflow(path, z, labels):
    signature = tf2.saved_model.load(str(path)).signatures["serving_default"]
    return {name: tensor.numpy() for name, tensor in signature(z=tf2.constant(z), label=tf2.constant(labels)).items()}


def in_tflite(path, z, labels):
    interpreter = tf2.lite.Interpreter(str(path))
    given = {"z": z, "label": labels}
    for signature in interpreter.get_signature_list().values():
        assert sorted(signature["inputs"]) == ["label", "z"]
    return interpreter.get_signature_runner()(**given)


def in_onnxruntime(path, z, labels):
    needs_onnx()
    session = needs_onnx("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    ends = {end.name: (end.type, end.shape) for end in session.get_inputs()}
    assert ends == {"z": ("tensor(float)", ["N", z.shape[1]]), "label": ("tensor(int32)", ["N"])}
    return dict(zip(("images", "uint8"), session.run(["images", "uint8"], {"z": z, "label": labels}), strict=True))


RUNTIMES = {"savedmodel": in_tensorflow, "tflite": in_tflite, "onnx": in_onnxruntime}


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.slow
def test_every_class_in_every_format_in_any_number(made, name):
    """Rows of one class, and rows of all of them."""
    z = np.random.default_rng(1).normal(size=(20, 5)).astype(np.float32)
    path = made.folder / FILES[name]
    of_class = []
    for label in range(3):
        labels = np.full(4, label, np.int32)
        of_class.append(made.session_images(z[:4], labels))
        assert_images(RUNTIMES[name](path, z[:4], labels), of_class[-1])
    assert min(np.abs(of_class[a] - of_class[b]).mean() for a, b in ((0, 1), (1, 2), (2, 0))) > 0.01
    mixed = np.arange(20, dtype=np.int32) % 3
    for count in (1, 20):
        assert_images(RUNTIMES[name](path, z[:count], mixed[:count]), made.session_images(z[:count], mixed[:count]))


@pytest.mark.slow
def test_a_seed_with_a_class_and_with_those_of_the_data(made):
    make = tf2.saved_model.load(str(made.folder / "saved_model")).signatures["from_seed"]
    with Sampler(made.run) as sampler:
        for seed, count, label in ((4, 70, -1), (9, 130, -1), (4, 3, 0), (4, 70, 1), (2**62, 64, 2)):
            z = sampler.z(count, seed)
            labels = sampler.labels(count, seed) if label == -1 else np.full(count, label)
            found = make(seed=tf2.constant(seed, tf2.int64), count=tf2.constant(count, tf2.int64), label=tf2.constant(label))
            assert_images({name: x.numpy() for name, x in found.items()}, made.session_images(z, labels))
    assert make(seed=tf2.constant(1, tf2.int64), count=tf2.constant(0, tf2.int64), label=tf2.constant(1))["uint8"].shape[0] == 0


@pytest.mark.slow
def test_what_it_says_of_its_classes(made):
    about = json.loads((made.folder / "model.json").read_text())
    assert about["classes"] == ["Sneaker", "Ankle boot", "Bag"]
    assert about["signatures"]["serving_default"].startswith("z: float32 [N, 5], label: int32 [N] from 0 to 2 -> images: ")
    text = "seed: int64 [], count: int64 [], label: int32 [] from 0 to 2, or -1 for all as frequent as in the data -> images: "
    assert about["signatures"]["from_seed"].startswith(text)
    assert max(file["difference"]["images"] for file in about["files"].values()) < CLOSE


class Counted:
    """Stands for a `Sampler` of 20 classes: an image's one value says its class."""

    def z(self, count, seed):
        return np.arange(count * 2, dtype=np.float32).reshape(count, 2)

    def labels(self, count, seed):
        return np.arange(count, dtype=np.int32) % 7

    def values(self, z, labels):
        return np.float32(labels)[:, None] / 10 - 1

    def images(self, z, labels):
        return np.uint8(labels)[:, None]


def test_each_class_is_compared_in_both_signatures():
    run = SimpleNamespace(seed=9, classes=dict.fromkeys("abcdefghijklmnopqrst", 1), recipe=SimpleNamespace(value_range=(-1, 1)))
    found = formats.compare_with(Counted(), run)
    of_z = [each for each in found if each.signature == "serving_default"]
    assert {len(each.inputs["z"]) for each in of_z} >= {8, 3, 1}
    assert {int(label) for each in of_z for label in each.inputs["label"]} == set(range(20))
    for each in of_z:
        assert each.inputs["label"].dtype == np.int32
        np.testing.assert_array_equal(each.expected["uint8"][:, 0], each.inputs["label"])
    of_seed = {int(each.inputs["label"]): each for each in found if each.signature == "from_seed"}
    assert sorted(of_seed) == [-1, *range(20)]
    for label, each in of_seed.items():
        count = each.inputs["count"]
        assert count == (65 if label == -1 else 2)
        expected = np.arange(65) % 7 if label == -1 else [label] * 2
        np.testing.assert_array_equal(each.expected["uint8"][:, 0], expected)


build_signatures = formats.build_signatures


def one_class_wrong(recipe, class_shares):
    """The last class's images are those of the one before."""
    with pytest.MonkeyPatch.context() as patch:
        samples = networks.samples
        last = recipe.classes - 1
        patch.setattr(networks, "samples", lambda recipe, z, y: samples(recipe, z, tf.where(y < last, y, y - 1)))
        return build_signatures(recipe, class_shares)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNTIMES)
def test_a_mistake_in_one_class_is_noticed(made, command, monkeypatch, tmp_path, name):
    if name == "onnx":
        needs_onnx()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # as the command sets it; undone after the test
    monkeypatch.setattr(formats, "build_signatures", one_class_wrong)
    status, _, err = command(export)("--run", made.run.logs, "--to=wrong", "--format", name)
    assert status == 2
    assert f"{FILES[name]} in " in err
    assert "nothing was written" in err
    assert not list((tmp_path / "wrong").glob("[!.]*"))


@pytest.mark.slow
@pytest.mark.parametrize(("model", "method"), [
    ("vanilla", "concat"), ("mlp", "projection"), ("dcgan28", "auxiliary"), ("compact", "projection"), ("dcgan64", "concat"),
    ("fastgan", "projection"),
])  # fmt: skip
def test_trained_runs_in_every_format(run, command, tmp_path, model, method):
    needs_onnx()
    options = ["--model", model, "--conditional", method, "--run=labelled-digits", "--iterations=4"]
    assert run(*TINY, *options)[0] == 0
    status, out, err = command(export)("--run=labelled-digits", "--to=export")
    assert (status, "label [N] of 10 classes" in out) == (0, True), err
    found = saved.find_run("labelled-digits")
    assert json.loads((tmp_path / "export" / "model.json").read_text())["classes"] == list("0123456789")
    with Sampler(found) as sampler:
        z, labels = np.tile(sampler.z(2, seed=0), [10, 1]), np.repeat(np.arange(10, dtype=np.int32), 2)
        low, high = found.recipe.value_range
        expected = (sampler.values(z, labels).clip(low, high) - low) / (high - low)
    for name, in_runtime in RUNTIMES.items():
        assert_images(in_runtime(tmp_path / "export" / FILES[name], z, labels), expected)
