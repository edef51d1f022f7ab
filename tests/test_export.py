"""`python -m tfgan.export`: what it leaves, run by each format's own runtime beside the training graph; and its refusals."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import tfgan
from tests.conftest import TINY
from tests.conftest import network_variables
from tests.conftest import saved_variables
from tfgan import export
from tfgan.common import files
from tfgan.errors import UserError
from tfgan.runs import read
from tfgan.sampling import formats
from tfgan.sampling.exports import FILES
from tfgan.sampling.inference import Sampler
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")
CLOSE = 1e-5  # of [0, 1]: float32 added up in another order; seen are 1e-6


@pytest.fixture(scope="module")
def mlp(runs, tmp_path_factory):
    """The run of mlp, exported from a terminal in all formats that can be made here: run, folder, status, out, err."""
    folder = tmp_path_factory.mktemp("exports")
    options = ["--log-dir", str(runs / "logs"), "--run", "mlp-digits", "--to", "below/mlp"]
    command = [sys.executable, "-m", "tfgan.export", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    run = read.find_run("mlp-digits", runs / "logs")
    return SimpleNamespace(run=run, folder=folder / "below/mlp", status=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture
def exports(command, monkeypatch, runs):
    """exports(*options): the command in this process, of the run of mlp unless another is given."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # as the command sets it; undone after the test
    this = command(export)
    return lambda *options, name="mlp-digits": this("--log-dir", runs / "logs", "--run", name, *options)


def session_images(run, z):
    """The training graph's own images of z in inference mode, by the newest checkpoint, from 0 to 1."""
    low, high = run.recipe.value_range
    with tf.Graph().as_default(), tf.Session() as session:
        gan = tfgan.build(run.recipe)
        saver = tf.train.Saver([*network_variables(gan), *gan.g_averages])
        saver.restore(session, tf.train.latest_checkpoint(str(run.checkpoints)))
        return (session.run(gan.samples, {gan.input_z: z}) - low) / (high - low)


def noise(run, count):
    return np.random.default_rng(count).uniform(-1, 1, (count, run.recipe.z_dim)).astype(np.float32)


def assert_images(made, expected):
    """What a format made is what the training graph made."""
    assert made["images"].dtype == np.float32
    assert made["uint8"].dtype == np.uint8
    np.testing.assert_allclose(made["images"], expected, rtol=0, atol=CLOSE)
    np.testing.assert_allclose(made["uint8"], 255 * expected, rtol=0, atol=0.5 + 255 * CLOSE)
    assert made["images"].shape == made["uint8"].shape == expected.shape
    assert len(expected) == 1 or np.ptp(expected, axis=0).max() > 100 * CLOSE, "they depend on z, else this says nothing"


def in_tflite(path, z):
    """The plain way of TFLite's documentation: resize, allocate, set, invoke, get."""
    interpreter = tf2.lite.Interpreter(str(path))
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, z.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, z)
    interpreter.invoke()
    arrays = [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]
    return {"uint8" if array.dtype == np.uint8 else "images": array for array in arrays}


def needs_onnx(module="tf2onnx"):
    return pytest.importorskip(module, reason=f"{module} is not installed: pip install 'tfgan[onnx]'")


def in_onnxruntime(path, z):
    needs_onnx()
    session = needs_onnx("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [(end.name, end.shape[0]) for end in session.get_inputs()] == [("z", "N")]
    return dict(zip(("images", "uint8"), session.run(["images", "uint8"], {"z": z}), strict=True))


def in_tensorflow(path, z):
    assert tf2.executing_eagerly()
    signature = tf2.saved_model.load(str(path)).signatures["serving_default"]
    return {name: tensor.numpy() for name, tensor in signature(z=tf2.constant(z)).items()}


RUNTIMES = {"savedmodel": in_tensorflow, "tflite": in_tflite, "onnx": in_onnxruntime}


def test_what_it_says_and_leaves(mlp):
    assert (mlp.status, mlp.err) == (0, "")
    names = [FILES[name] for name in export.available_formats(None)]
    about = json.loads((mlp.folder / "model.json").read_text())
    weights = 96 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 784 + 784
    first, *lines, last = mlp.out.splitlines()[-2 - len(names) :]
    assert first == f"Generator of mlp-digits, iteration 4: mlp, {weights:,} parameters, z [N, 96] -> images [N, 28, 28, 1]"
    assert last == f"Saved in below/mlp: {', '.join(names)}, model.json"
    for line, name in zip(lines, names, strict=True):
        number = r"(\d\.\de-\d\d) \(limit 0.0001\), in uint8 by (\d) \(limit 1\)"
        size, by, levels = re.fullmatch(rf"{name} +(\S+) MB; in .* it differs from the session by up to {number}", line).groups()
        paths = [path for path in (mlp.folder / name, *(mlp.folder / name).rglob("*")) if path.is_file()]
        told = about["files"][name]
        assert told["bytes"] == sum(path.stat().st_size for path in paths)
        assert weights * 4 < told["bytes"] < weights * 4.1, "the weights once, and little else"
        assert (size, by) == (f"{told['bytes'] / 1e6:.1f}", f"{told['difference']['images']:.1e}")
        assert float(by) < CLOSE
        assert told["difference"]["uint8"] == int(levels)
    assert sorted(path.name for path in mlp.folder.iterdir()) == sorted([*names, "model.json"])
    expected = {"run": "mlp-digits", "iteration": 4, "model": "mlp", "dataset": "digits", "parameters": weights}
    assert about.items() >= (expected | {"z_dim": 96, "image_shape": [28, 28, 1]}).items()
    assert about["z_distribution"].startswith("uniform")
    assert about["signatures"].keys() == {"serving_default", "from_seed"}


def test_the_generator_alone_goes_out(mlp):
    trained = saved_variables(mlp.run.logs)
    weights = [f"generator/{layer}/{part}" for layer in ("dense", "dense_1", "dense_2") for part in ("bias", "kernel")]
    exported = tf.train.load_checkpoint(str(mlp.folder / "saved_model" / "variables" / "variables"))
    assert sorted(exported.get_variable_to_shape_map()) == weights
    for name in weights:
        np.testing.assert_array_equal(exported.get_tensor(name), trained[name])
    for path in mlp.folder.rglob("*"):
        if path.is_file():
            assert not re.search(rb"discriminator|Adam|beta1_power|global_step", path.read_bytes()), path


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_format_makes_the_sessions_images_in_any_number(mlp, name):
    z = noise(mlp.run, 100)
    expected = session_images(mlp.run, z)
    for count in (1, 3, 100):
        assert_images(RUNTIMES[name](mlp.folder / FILES[name], z[:count]), expected[:count])


def test_a_seeds_images_are_the_samplers(mlp):
    loaded = tf2.saved_model.load(str(mlp.folder / "saved_model"))

    def images(seed, count):
        made = loaded.signatures["from_seed"](seed=tf2.constant(seed, tf2.int64), count=tf2.constant(count, tf2.int64))
        return {name: tensor.numpy() for name, tensor in made.items()}

    with Sampler(mlp.run) as sampler:
        for seed, count in ((5, 1), (5, 64), (2**62, 100), (0, 128)):
            z = sampler.z(count, seed)
            made = images(seed, count)
            assert_images(made, session_images(mlp.run, z))
            assert np.abs(made["uint8"].astype(int) - sampler.images(z)).max() <= 1
    np.testing.assert_allclose(images(5, 100)["images"][:64], images(5, 64)["images"], rtol=0, atol=CLOSE)
    for none in (0, -1, -100):
        assert images(5, none)["images"].shape == (0, 28, 28, 1)


build_signatures = formats.build_signatures


def spoiled_values(recipe, class_shares):
    """Half a thousandth off: no more than a rounding in uint8."""
    return build_signatures(recipe.replace(value_range=(-1.0, 1.001)), class_shares)


def spoiled_order(recipe, class_shares):
    """The images of a seed in another order."""
    signatures = build_signatures(recipe, class_shares)
    inputs, outputs = signatures["from_seed"]
    return signatures | {"from_seed": (inputs, {name: tf.reverse(x, [0]) for name, x in outputs.items()})}


@pytest.mark.parametrize(
    ("name", "spoiled"),
    [("savedmodel", spoiled_order), ("savedmodel", spoiled_values), ("tflite", spoiled_values), ("onnx", spoiled_values)],
)
def test_a_spoiled_model_is_noticed_and_what_was_there_stays(exports, mlp, monkeypatch, tmp_path, name, spoiled):
    if name == "onnx":
        needs_onnx()
    if spoiled is spoiled_order:
        shutil.copytree(mlp.folder, tmp_path / "new")
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    monkeypatch.setattr(formats, "build_signatures", spoiled)
    status, out, err = exports("--to", "new", "--format", name)
    last = err.splitlines()[-1]
    by = float(re.match(rf"tfgan: error: {FILES[name]} .* by up to (\S+) \(limit 0.0001\), in uint8", last)[1])
    assert (formats.TOLERANCE < by < 0.0005) == (spoiled is spoiled_values)
    assert (status, "nothing was written" in last, "Saved" in out) == (2, True, False)
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_an_earlier_export_is_replaced_without_onnx(exports, mlp, tmp_path, monkeypatch):
    """tf2onnx being absent; and what a killed process left is cleared."""
    shutil.copytree(mlp.folder, tmp_path / "old")
    (tmp_path / "old" / ".tfgan-export" / "new" / "saved_model").mkdir(parents=True)
    (tmp_path / "old" / ".tfgan-export.lock").touch()
    (tmp_path / "old" / "model.onnx").write_text("an earlier one")
    about = json.loads((mlp.folder / "model.json").read_text())
    about["tfgan_files"]["model.onnx"] = hashlib.sha256(b"an earlier one").hexdigest()
    (tmp_path / "old" / "model.json").write_text(json.dumps(about))
    find_spec = export.importlib.util.find_spec
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find_spec(name))
    status, out, _ = exports("--to", "old", "--iteration", 2)
    assert status == 0
    assert "ONNX is left out: tf2onnx not installed here: pip install 'tfgan[onnx]'\n" in out
    assert sorted(path.name for path in (tmp_path / "old").iterdir()) == ["model.json", "model.tflite", "saved_model"]
    assert json.loads((tmp_path / "old" / "model.json").read_text())["iteration"] == 2
    status, _, err = exports("--to", "new", "--format", "tflite,onnx")
    assert (status, err.count("\n")) == (2, 1)
    assert "--format onnx: tf2onnx not installed here: pip install 'tfgan[onnx]'" in err


def test_mistakes_are_one_line(exports, runs, tmp_path):
    def refused(*options, **name):
        status, _, err = exports(*options, **name)
        assert (status, err.count("\n")) == (2, 1), err
        return err

    assert "there is no run 'nun' in" in (err := refused("--to", "new", name="nun"))
    assert "there are compact-pictures, dcgan28-digits, mlp-digits" in err
    assert "no checkpoint of iteration 3; it has those of 2, 4" in refused("--to", "new", "--iteration", 3)
    logs = runs / "logs" / "mlp-digits"
    (tmp_path / "empty").mkdir()
    shutil.copy(logs / "config.json", tmp_path / "empty")
    assert "run empty has no checkpoint yet" in refused("--to", "new", name=tmp_path / "empty")
    shutil.copytree(logs, tmp_path / "damaged")
    (weights,) = (tmp_path / "damaged" / "checkpoints" / "000002").glob("*.data*")
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "iteration 2 is damaged" in refused("--to", "new", "--iteration", 2, name=tmp_path / "damaged")
    assert "--format is 'onxx'" in refused("--to", "new", "--format", "tflite,onxx")
    assert "--iteration" in refused("--to", "new", "--iteration", "x")
    assert not (tmp_path / "new").exists()


def test_a_folder_of_other_things_is_left_alone(exports, mlp, tmp_path):
    (tmp_path / "file").touch()
    mine = {"mine/notes.txt": "notes", "graph/model.json": "{}", "models/saved_model/mine": "", "added/mine": ""}
    mine |= {"inside/saved_model/variables/mine": "", "changed/model.tflite": "mine"}
    for copy in ("added", "inside", "changed"):
        shutil.copytree(mlp.folder, tmp_path / copy)
    for name, text in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    before = sorted(tmp_path.rglob("*"))
    for to, reason in (
        ("mine", r"holds other things \(notes.txt\)"),
        ("graph", r"holds other things \(model.json\)"),
        ("models", r"holds other things \(saved_model\)"),
        ("added", r"holds other things \(mine\)"),
        ("inside", r"holds other things \(saved_model/variables/mine\)"),
        ("changed", r"changed/model.tflite was changed since tfgan wrote it; move it elsewhere, or give another folder"),
        ("file", "file cannot be written: file: Not a directory"),
        ("file/below", "file/below cannot be written: .*Not a directory"),
    ):
        status, _, err = exports("--to", to)
        assert (status, err.count("\n")) == (2, 1), err
        assert re.search(reason, err), err
    with files.exclusive_lock(tmp_path / "locked" / ".tfgan-export.lock"):
        status, _, err = exports("--to", "locked")
    assert (status, err.count("\n")) == (2, 1)
    assert re.search(r"locked is being written by process \d+", err)
    assert sorted(tmp_path.rglob("*")) == before


def assert_exported(run, folder):
    """The export of that run is in the folder in all formats that can be made here, and makes its images."""
    z = noise(run, 5)
    expected = session_images(run, z)
    for name in export.available_formats(None):
        for count in (2, 5):
            assert_images(RUNTIMES[name](folder / FILES[name], z[:count]), expected[:count])


@pytest.mark.slow
def test_convolutions_and_averages(exports, runs, tmp_path):
    assert exports("--to", "dcgan28", name="dcgan28-digits")[0] == 0
    assert_exported(read.find_run("dcgan28-digits", runs / "logs"), tmp_path / "dcgan28")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vanilla", "mlp", "dcgan28", "dcgan64", "dogs", "compact", "fastgan"])
def test_every_model_in_every_format(run, command, tmp_path, model):
    needs_onnx()
    assert run(*TINY, "--model", model, "--iterations", 20)[0] == 0
    status, out, err = command(export)("--run", f"{model}-digits", "--to", "export")
    assert status == 0, err
    assert_exported(read.find_run(f"{model}-digits"), tmp_path / "export")


@pytest.mark.parametrize(("requested", "absent", "found", "words"), [
    (None, [], ["savedmodel", "tflite", "onnx"], ""), (["onnx", "savedmodel"], [], ["savedmodel", "onnx"], ""),
    (None, ["tf2onnx"], ["savedmodel", "tflite"], "ONNX is left out: tf2onnx not installed here: pip install 'tfgan[onnx]'\n"),
    (None, ["tf2onnx", "onnxruntime"], ["savedmodel", "tflite"],
     "ONNX is left out: tf2onnx and onnxruntime not installed here: pip install 'tfgan[onnx]'\n"),
    (["tflite"], ["onnxruntime"], ["tflite"], ""),
    (["onnx"], ["onnxruntime"], None, "--format onnx: onnxruntime not installed here: pip install 'tfgan[onnx]'"),
    (["z", "tflite", "a"], [], None, "--format is 'a, z'; choose from savedmodel, tflite, onnx"),
])  # fmt: skip
def test_formats_that_are_written(monkeypatch, capsys, requested, absent, found, words):
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None if name in absent else object())
    if found is None:
        with pytest.raises(UserError) as error:
            export.available_formats(requested)
        assert str(error.value) == words
    else:
        assert (export.available_formats(requested), capsys.readouterr().out) == (found, words)


def test_several_options_of_formats_add_up():
    assert export.parser().parse_args(["--run=a", "--to=b", "--format=a,b", "--format=c"]).format == ["a", "b", "c"]
