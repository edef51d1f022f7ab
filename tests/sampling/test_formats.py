"""Exports are compared with the session: what counts as a difference, and what is shown where the comparison fails."""

import contextlib
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest

import tfgan
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
from tfgan.runs import read
from tfgan.sampling import formats
from tfgan.sampling.exports import FILES
from tfgan.sampling.inference import Sampler
from tfgan.tf1 import tf
from tfgan.tf1 import tf2


def test_differences_are_seen():
    a = np.zeros([2, 3], np.float32)
    assert formats.difference(a, a) == 0
    assert formats.difference(a + np.float32(0.25), a) == 0.25
    assert formats.difference(np.uint8([0, 255]), np.uint8([1, 254])) == 1, "without wrapping around"
    for other in (a[:1], a[:, :1], a.astype(np.float64)):
        assert formats.difference(other, a) == np.inf
    assert not formats.difference(np.full_like(a, np.nan), a) <= formats.TOLERANCE


def comparisons(z, expected):
    """With z alone, in batches of eight, three and one."""
    parts = [{name: x[:size] for name, x in expected.items()} for size in (8, 3, 1)]
    return [formats.Comparison("serving_default", {"z": z[: len(part["images"])]}, part) for part in parts]


def test_nan_in_one_batch_is_noticed(monkeypatch, tmp_path):
    def model(z):
        value = np.nan if len(z) == 3 else 0
        return {"images": np.full([len(z), 1], value, np.float32), "uint8": np.zeros([len(z), 1], np.uint8)}

    monkeypatch.setattr(formats, "load_format", lambda *_: ("a test", model))
    z = np.zeros([8, 4])
    with pytest.raises(tfgan.UserError, match="nan"):
        formats.verify("tflite", tmp_path / "model.tflite", comparisons(z, model(z)))


class Levels:
    """Stands for a `Sampler`: it makes images whose values are -2, 0 and 2."""

    def __init__(self, run, iteration):
        self.iteration = iteration

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def z(self, count, seed):
        return np.full([count, 5], seed)

    def labels(self, count, seed):
        return np.zeros(count, np.int32)

    def values(self, z, labels=None):
        return np.float32([[-2, 0, 2]]).repeat(len(z), axis=0)

    def images(self, z, labels=None):
        return np.uint8([[0, 128, 255]]).repeat(len(z), axis=0)


@pytest.mark.parametrize(("dataset", "model", "noise"), [
    ("celeba", "dcgan28", "uniform in [-1, 1)"), ("mnist", "dcgan64", "normal, mean 0 and variance 1"),
    ("/home/me/private/pets", "dcgan64", "normal, mean 0 and variance 1"),
])  # fmt: skip
def test_what_an_export_says_of_itself(monkeypatch, tmp_path, capsys, dataset, model, noise):
    """The file model.json and the printed line; a format is compared in 65 images, whose values are cut to the range.

    Of the user's own pictures it has the folder's name, and not where that lies.
    """
    given = []
    monkeypatch.setattr(formats, "Sampler", Levels)
    monkeypatch.setattr(formats, "write_formats", lambda *_: 1_234_567)
    monkeypatch.setattr(formats, "verify", lambda name, path, *rest: given.append((name, path, *rest)) or {"bytes": 5})
    recipe = recipes.recipe(model, "celeba" if dataset == "celeba" else "mnist").replace(z_dim=5, dataset=dataset)
    run = write_run(tmp_path / "run", recipe, {}, seed=9)
    formats._export(run, 12_000, ["tflite", "savedmodel"], tmp_path)
    side = recipe.image_shape[0]
    shape = f"[N, {side}, {side}, 3]"
    line = f"Generator of run, iteration 12,000: {model}, 1,234,567 parameters, z [N, 5] -> images {shape}\n"
    assert capsys.readouterr().out == line
    outputs = f"images: float32 {shape} from 0 to 1, uint8: uint8 {shape} from 0 to 255"
    assert json.loads((tmp_path / "model.json").read_text()) == {
        "tfgan_export": 1, "run": "run", "iteration": 12_000, "model": model, "dataset": dataset.rpartition("/")[2],
        "parameters": 1_234_567,
        "z_dim": 5, "z_distribution": noise, "image_shape": [side, side, 3],
        "signatures": {
            "serving_default": f"z: float32 [N, 5] -> {outputs}",
            "from_seed": f"seed: int64 [], count: int64 [] -> {outputs}; in saved_model only",
        },
        "tolerance": {"images": 1e-4, "uint8": 1}, "files": {"model.tflite": {"bytes": 5}, "saved_model": {"bytes": 5}},
        "versions": {"tfgan": tfgan.__version__, "tensorflow": formats.tf.__version__},
    }  # fmt: skip
    assert [(name, path.name) for name, path, _ in given] == [("tflite", "model.tflite"), ("savedmodel", "saved_model")]
    *of_z, of_seed = given[0][2]
    assert [(each.signature, each.inputs["z"].shape) for each in of_z] == [("serving_default", (n, 5)) for n in (8, 3, 1)]
    assert (of_seed.signature, of_seed.inputs) == ("from_seed", {"seed": 9, "count": 65})
    assert of_seed.expected["images"][64].tolist() == [0, 0.5, 1]


def test_what_a_conditional_export_says_of_its_signatures(monkeypatch, tmp_path, capsys):
    """Where a label goes in, and where labels come out."""
    monkeypatch.setattr(formats, "Sampler", Levels)
    monkeypatch.setattr(formats, "write_formats", lambda *_: 7)
    recipe = recipes.recipe("dcgan28", "mnist").replace(z_dim=5, conditional="concat", classes=3)
    formats._export(write_run(tmp_path / "run", recipe, {}, classes={"a": 5, "b": 1, "c": 1}), 2, [], tmp_path)
    assert ": dcgan28, 7 parameters, z [N, 5], label [N] of 3 classes -> images [N, 28, 28, 1]\n" in capsys.readouterr().out
    about = json.loads((tmp_path / "model.json").read_text())
    assert about["classes"] == ["a", "b", "c"]
    z, images, only = "z: float32 [N, 5]", "float32 [N, 28, 28, 1] from 0 to 1", "; in saved_model only"
    outputs = f"images: {images}, uint8: uint8 [N, 28, 28, 1] from 0 to 255"
    assert about["signatures"] == {
        "serving_default": f"{z}, label: int32 [N] from 0 to 2 -> {outputs}",
        "from_seed": "seed: int64 [], count: int64 [], label: int32 [] from 0 to 2, or -1 for all as frequent as in the data -> "
        f"{outputs}{only}",
    }


def test_fastgan_is_exported_and_makes_its_images(fastgan_run, tmp_path):
    """Of usual noise and of truncated noise, which is very short."""
    formats.write_formats(fastgan_run, 1, ["savedmodel"], tmp_path)
    _, model = formats.load_format("savedmodel", tmp_path / "saved_model")
    with Sampler(fastgan_run) as sampler:
        z = sampler.z(5, seed=1)
        for given in (z, sampler.noise.truncate(z, 0.3)):
            made = model(z=given)
            np.testing.assert_allclose(made["images"], (sampler.values(given) + 1) / 2, atol=1e-5)
            assert np.abs(made["uint8"].astype(int) - sampler.images(given)).max() <= 1
        of_seed = model("from_seed", seed=np.int64(1), count=np.int64(5))["images"]
        np.testing.assert_allclose(of_seed, (sampler.values(z) + 1) / 2, atol=1e-5)
    assert made["images"].std(0).mean() < 0.5 * of_seed.std(0).mean()


@pytest.mark.parametrize(("by", "levels", "good"), [
    (0.9e-4, 1, True), (1.1e-4, 1, False), (0, 2, False), (0, 0, True),
])  # fmt: skip
def test_how_far_an_export_may_differ(monkeypatch, tmp_path, capsys, by, levels, good):
    """In batches of eight, three and one; its size is that of all its files."""
    sizes = []

    def model(z):
        sizes.append(len(z))
        return {"images": np.full([len(z), 1], float(by)), "uint8": np.full([len(z), 1], levels, np.uint8)}

    (tmp_path / "model.tflite").write_bytes(bytes(2_340_000))
    monkeypatch.setattr(formats, "load_format", lambda *_: ("a test", model))
    expected = {"images": np.zeros([9, 1]), "uint8": np.zeros([9, 1], np.uint8)}
    arguments = ("tflite", tmp_path / "model.tflite", comparisons(np.zeros([9, 4]), expected))
    differs = f"in a test {'it ' if good else ''}differs from the session by up to {by:.1e} (limit 0.0001), in uint8 by {levels} "
    if good:
        assert formats.verify(*arguments) == {"bytes": 2_340_000, "difference": {"images": by, "uint8": levels}}
        assert capsys.readouterr().out == f"model.tflite   2.3 MB; {differs}(limit 1)\n"
    else:
        with pytest.raises(tfgan.UserError) as error:
            formats.verify(*arguments)
        remedy = "nothing was written. Give the other formats, and please report this"
        assert str(error.value) == f"model.tflite {differs}(limit 1); {remedy}"
    assert sizes == [8, 3, 1]


@pytest.mark.parametrize(("error", "shown"), [(ValueError, "noise\n"), (tfgan.UserError, ""), (None, "")])
def test_what_others_say_is_shown_after_what_nobody_expected(capfd, error, shown):
    with pytest.raises(error) if error else contextlib.nullcontext(), formats._hide_stderr():
        os.write(2, b"noise\n")
        if error:
            raise error
    os.write(2, b"afterwards\n")
    assert capfd.readouterr() == ("", f"{shown}afterwards\n")


pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")


CLASSES = {"Sneaker": 70, "Ankle boot": 20, "Bag": 10}


@pytest.fixture(scope="module", params=["compact", "fastgan"])
def conditional(request, tmp_path_factory):
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
def test_every_class_in_every_format_in_any_number(conditional, name):
    """Rows of one class, and rows of all of them."""
    z = np.random.default_rng(1).normal(size=(20, 5)).astype(np.float32)
    path = conditional.folder / FILES[name]
    of_class = []
    for label in range(3):
        labels = np.full(4, label, np.int32)
        of_class.append(conditional.session_images(z[:4], labels))
        assert_images(RUNTIMES[name](path, z[:4], labels), of_class[-1])
    assert min(np.abs(of_class[a] - of_class[b]).mean() for a, b in ((0, 1), (1, 2), (2, 0))) > 0.01
    mixed = np.arange(20, dtype=np.int32) % 3
    for count in (1, 20):
        assert_images(RUNTIMES[name](path, z[:count], mixed[:count]), conditional.session_images(z[:count], mixed[:count]))


@pytest.mark.slow
def test_a_seed_with_a_class_and_with_those_of_the_data(conditional):
    make = tf2.saved_model.load(str(conditional.folder / "saved_model")).signatures["from_seed"]
    with Sampler(conditional.run) as sampler:
        for seed, count, label in ((4, 70, -1), (9, 130, -1), (4, 3, 0), (4, 70, 1), (2**62, 64, 2)):
            z = sampler.z(count, seed)
            labels = sampler.labels(count, seed) if label == -1 else np.full(count, label)
            found = make(seed=tf2.constant(seed, tf2.int64), count=tf2.constant(count, tf2.int64), label=tf2.constant(label))
            assert_images({name: x.numpy() for name, x in found.items()}, conditional.session_images(z, labels))
    assert make(seed=tf2.constant(1, tf2.int64), count=tf2.constant(0, tf2.int64), label=tf2.constant(1))["uint8"].shape[0] == 0


@pytest.mark.slow
def test_what_it_says_of_its_classes(conditional):
    about = json.loads((conditional.folder / "model.json").read_text())
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
def test_a_mistake_in_one_class_is_noticed(conditional, command, monkeypatch, tmp_path, name):
    if name == "onnx":
        needs_onnx()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # as the command sets it; undone after the test
    monkeypatch.setattr(formats, "build_signatures", one_class_wrong)
    status, _, err = command(export)("--run", conditional.run.logs, "--to=wrong", "--format", name)
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
    found = read.find_run("labelled-digits")
    assert json.loads((tmp_path / "export" / "model.json").read_text())["classes"] == list("0123456789")
    with Sampler(found) as sampler:
        z, labels = np.tile(sampler.z(2, seed=0), [10, 1]), np.repeat(np.arange(10, dtype=np.int32), 2)
        low, high = found.recipe.value_range
        expected = (sampler.values(z, labels).clip(low, high) - low) / (high - low)
    for name, in_runtime in RUNTIMES.items():
        assert_images(in_runtime(tmp_path / "export" / FILES[name], z, labels), expected)
