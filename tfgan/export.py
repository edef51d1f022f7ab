"""`python -m tfgan.export`: a run's generator as SavedModel, TFLite and ONNX, each compared with the session on the spot.

TensorFlow is imported only after the options have been read, so that --help and their errors come at once.
"""

import contextlib
import importlib.util
import json
import os
import pathlib
import shutil
import tempfile

import numpy as np

import tfgan
from tfgan.common import files
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.runs import saved

FILES = {"savedmodel": "saved_model", "tflite": "model.tflite", "onnx": "model.onnx"}  # format -> its name in the folder
# Other kernels add up float32 in another order: that was seen to move a value by 1e-6. This is a fortieth of a grey level.
TOLERANCE = 1e-4  # of images in [0, 1]
LEVELS = 1  # of uint8: what lies halfway between two may be rounded to either
_OUTPUTS = ("images", "uint8")  # of every format
_DISTRIBUTIONS = {"uniform": "uniform in [-1, 1)", "normal": "normal, mean 0 and variance 1"}
_ABOUT = "model.json"  # goes first and comes last: a folder that has it holds a whole export
_PART = ".tfgan-export"  # the folder, inside that one, where an export is made; its lock's files begin so, too


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.export", description="Exports a run's generator, for use without tfgan, and verifies it.")
    p.add_argument("--run", required=True, metavar="NAME", help="a run's name, or the path of its folder")
    p.add_argument("--to", required=True, metavar="DIR", help="the folder to write; an earlier export there is replaced")
    p.add_argument("--iteration", metavar="K", help="of the checkpoint, or best (default: the newest)")
    text = f"{', '.join(FILES)}, or several with commas between (default: all)"
    p.add_argument("--format", type=lambda text: text.split(","), action="extend", help=text)
    p.add_argument("--log-dir", default="logs", help="where runs are; default logs")
    return p


def available(asked):
    """The formats to write: those asked for; all, where that is None, but ONNX only if what makes it is installed.

    Raises UserError where something else was asked for, or ONNX and it cannot be made.
    """
    if unknown := ", ".join(sorted({*(asked or ())} - {*FILES})):
        raise UserError(f"--format is {unknown!r}; it must be of {', '.join(FILES)}")
    missing = " and ".join(name for name in ("tf2onnx", "onnxruntime") if importlib.util.find_spec(name) is None)
    wanted = [name for name in FILES if asked is None or name in asked]
    if missing and "onnx" in wanted:
        remedy = f"{missing} not installed here: pip install 'tfgan[onnx]'"
        if asked is not None:
            raise UserError(f"--format onnx: {remedy}")
        print(f"ONNX is left out: {remedy}")
        wanted.remove("onnx")
    return wanted


def check(folder):
    """Raises UserError where that folder (a Path) holds anything but an earlier export, OSError where it is none."""
    found = sorted(os.listdir(folder)) if folder.exists() else []
    left = [name for name in found if name.startswith(_PART)]  # by a process that was killed
    others = [name for name in found if name not in (*FILES.values(), _ABOUT, *left)]
    known = left or not found
    with contextlib.suppress(OSError, ValueError, TypeError):
        known = known or "tfgan_export" in json.loads((folder / _ABOUT).read_text())
    if others or not known:
        listed = ", ".join((others or found)[:3])
        raise UserError(f"--to: {folder} holds other things ({listed}); give a folder that is new, empty or an earlier export")


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    run = saved.find_run(options.run, options.log_dir)
    formats = available(options.format)
    folder = pathlib.Path(options.to)
    # On the CPU, as TFLite and onnxruntime: GPUs shorten the factors of a product to TF32, by more than is tolerated here.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    try:
        check(folder)
        with files.exclusive_lock(folder / f"{_PART}.lock"), _quiet():
            part = folder / _PART
            shutil.rmtree(part, ignore_errors=True)  # of a killed process
            part.mkdir()
            try:
                export(run, saved.resolve_iteration(run, options.iteration), formats, part)
                place(part, formats, folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except files.LockHeld as error:
        raise UserError(f"--to: {folder} is being written by {error}; wait for it, or give another") from error
    except OSError as error:
        raise UserError(f"--to: {folder} cannot be written: {files.describe_error(error)}; mend that, or give another") from error
    print(f"Saved in {folder}: {', '.join([*(FILES[name] for name in formats), _ABOUT])}")
    return 0


@contextlib.contextmanager
def _quiet():
    """Withholds what TensorFlow, TFLite, tf2onnx and onnxruntime say on stderr, and shows it where something unexpected fails."""
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception as error:
            if not isinstance(error, (UserError, OSError)):
                aside.seek(0)
                os.write(stderr, aside.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def export(run, iteration, formats, folder):
    """Writes the generator of that run (a `saved.SavedRun`) into a folder, verifies it there, and adds model.json.

    iteration: of the checkpoint, or None for the newest; formats: of FILES. Raises UserError where there is no such
    checkpoint, and where the images of what was written are not the session's; OSError where it cannot be written.
    """
    from tfgan.sampling import inference
    from tfgan.tf1 import tf

    tf.logging.set_verbosity(tf.logging.ERROR)  # all that makes graphs and SavedModels is called deprecated
    recipe = run.recipe
    with inference.Sampler(run, iteration) as sampler:
        iteration = sampler.iteration
        z = sampler.z(inference.CHUNK + 1, run.seed)
        low, high = recipe.value_range
        values = sampler.values(z)
        expected = {"images": (np.clip(values, low, high) - low) / (high - low), "uint8": sampler.images(z)}
    shape = f"[N, {', '.join(map(str, recipe.image_shape))}]"
    parameters = write(run, iteration, formats, folder)
    whose = f"Generator of {run.name}, iteration {iteration:,}"
    print(f"{whose}: {recipe.model}, {parameters:,} parameters, z [N, {recipe.z_dim}] -> images {shape}", flush=True)
    outputs = f"images: float32 {shape} from 0 to 1, uint8: uint8 {shape} from 0 to 255"
    about = {
        "tfgan_export": 1,  # the format of this file
        "run": run.name,
        "iteration": iteration,
        "model": recipe.model,
        "dataset": recipe.dataset_name,
        "parameters": parameters,
        "z_dim": recipe.z_dim,
        "z_distribution": _DISTRIBUTIONS[recipe.z_distribution],
        "image_shape": recipe.image_shape,
        "signatures": {
            "serving_default": f"z: float32 [N, {recipe.z_dim}] -> {outputs}",
            "from_seed": f"seed: int64 [], count: int64 [] -> {outputs}; in saved_model only",
        },
        "tolerance": {"images": TOLERANCE, "uint8": LEVELS},
        "files": {FILES[name]: verified(name, folder / FILES[name], z, run.seed, expected) for name in formats},
        "versions": {"tfgan": tfgan.__version__, "tensorflow": tf.__version__},
    }
    (folder / _ABOUT).write_text(f"{json.dumps(about, indent=2)}\n")


def build(recipe):
    """A recipe's G for use, in the current graph: signature -> (its inputs, its outputs), both name -> tensor.

    serving_default: z, float32 [N, z_dim] -> images, float32 [N, h, w, c] in [0, 1], and uint8, the same from 0 to 255.
    from_seed: seed and count, int64 scalars -> the same of the first `count` rows of noise that `Sampler.z` has for the seed.
    """
    from tfgan.graph import noise
    from tfgan.graph import products
    from tfgan.sampling.inference import CHUNK
    from tfgan.sampling.inference import generator
    from tfgan.tf1 import tf

    low, high = recipe.value_range

    def outputs(z):
        with products.native():
            x, _ = generator(recipe, z)
        x = tf.clip_by_value(x, low, high) - low
        return {"images": x / (high - low), "uint8": tf.cast(tf.round(x * (255.0 / (high - low))), tf.uint8)}

    def chunk(number):
        z = noise.latent(recipe.z_distribution, [CHUNK, recipe.z_dim], noise.key(seed, number, noise.Stream.Z_SAMPLE))
        return outputs(tf.reshape(z[:rows], [-1, recipe.z_dim]))

    z = tf.placeholder(tf.float32, [None, recipe.z_dim], "z")
    of_z = {name: tf.identity(x, name) for name, x in outputs(z).items()}
    # Chunk by chunk, as the noise is keyed, so that no more memory is needed for more; of each as many rows as of the first.
    seed, count = (tf.placeholder(tf.int64, [], name) for name in ("seed", "count"))
    rows = tf.clip_by_value(count, 1, CHUNK)
    numbers = tf.range(tf.maximum((count + CHUNK - 1) // CHUNK, 1))
    chunks = tf.map_fn(chunk, numbers, fn_output_signature={name: x.dtype for name, x in of_z.items()}, parallel_iterations=1)
    of_seed = {name: tf.reshape(x, [-1, *recipe.image_shape])[: tf.maximum(count, 0)] for name, x in chunks.items()}
    return {"serving_default": ({"z": z}, of_z), "from_seed": ({"seed": seed, "count": count}, of_seed)}


def write(run, iteration, formats, folder):
    """Writes the G of the run's checkpoint into the folder, always as SavedModel; the number of its parameters.

    Raises UserError where the checkpoint cannot be loaded, OSError where something cannot be written.
    """
    from tfgan import tf1
    from tfgan.runs import checkpoints
    from tfgan.tf1 import tf

    saved_model = folder / FILES["savedmodel"]
    with tf.Graph().as_default() as graph, tf.Session() as session:
        signatures = build(run.recipe)
        parameters = sum(variable.shape.num_elements() for variable in tf.global_variables())
        checkpoints.load(tf.train.Saver(), session, run.checkpoints / f"{iteration:06d}")
        definitions = {name: tf.saved_model.predict_signature_def(*ends) for name, ends in signatures.items()}
        with tf1.os_errors(saved_model):
            builder = tf.saved_model.Builder(str(saved_model))
            builder.add_meta_graph_and_variables(session, [tf.saved_model.SERVING], definitions)
            builder.save()
        frozen = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), _OUTPUTS)
    if "tflite" in formats:
        converter = tf1.tf2.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=["serving_default"])
        (folder / FILES["tflite"]).write_bytes(converter.convert())
    if "onnx" in formats:
        import tf2onnx

        tensors = {f"{name}:0": name for name in ("z", *_OUTPUTS)}
        model, _ = tf2onnx.convert.from_graph_def(
            frozen, input_names=["z:0"], output_names=[f"{name}:0" for name in _OUTPUTS], tensors_to_rename=tensors
        )
        for end in (*model.graph.input, *model.graph.output):
            end.type.tensor_type.shape.dim[0].dim_param = "N"
        (folder / FILES["onnx"]).write_bytes(model.SerializeToString())
    return parameters


def runner(name, path):
    """(what runs that format; what was written there as a function of a signature's inputs -> {"images", "uint8"})."""
    from tfgan.tf1 import tf2

    if name == "tflite":
        return "TFLite's interpreter", tf2.lite.Interpreter(str(path)).get_signature_runner("serving_default")
    if name == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return "onnxruntime", lambda z: dict(zip(_OUTPUTS, session.run(_OUTPUTS, {"z": z}), strict=True))
    loaded = tf2.saved_model.load(str(path))

    def run(signature="serving_default", **inputs):
        made = loaded.signatures[signature](**{key: tf2.constant(value) for key, value in inputs.items()})
        return {key: tensor.numpy() for key, tensor in made.items()}

    return "eager TensorFlow 2", run


def verified(name, path, z, seed, expected):
    """Runs what was written in that format and compares; prints and returns its size and the largest differences.

    z: [N, z_dim], the noise that the seed begins with; expected: the session's {"images", "uint8"} of it.
    Raises UserError where they differ by more than TOLERANCE or LEVELS.
    """
    where, model = runner(name, path)
    pairs = [(model(z=z[:size]), {key: x[:size] for key, x in expected.items()}) for size in (8, 3, 1)]
    if name == "savedmodel":
        pairs.append((model("from_seed", seed=np.int64(seed), count=np.int64(len(z))), expected))
    by, levels = (float(np.max([difference(made[key], right[key]) for made, right in pairs])) for key in _OUTPUTS)
    differs = f"differs from the session by up to {by:.1e} ({TOLERANCE:g} is tolerated), in uint8 by {levels:g} ({LEVELS})"
    if not (by <= TOLERANCE and levels <= LEVELS):  # NaN is neither
        raise UserError(f"{path.name} in {where} {differs}; nothing was written. Give the other formats, and report this, please")
    size = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
    print(f"{path.name:<12} {size / 1e6:5.1f} MB, in {where} {differs}", flush=True)
    return {"bytes": size, "difference": {"images": by, "uint8": levels}}


def difference(a, b):
    """The largest difference of two arrays; infinite where shape or type is another, NaN where one holds NaN."""
    same = (a.shape, a.dtype) == (b.shape, b.dtype)
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max()) if same else float("inf")


def place(part, formats, folder):
    """Moves the formats made in `part`, and model.json, into the folder, in place of an earlier export.

    An exception, OSError or of a signal, puts the earlier one back.
    """
    for path in part.rglob("*"):
        files.fsync(path)
    earlier = part / "earlier"
    earlier.mkdir()
    moves = [(folder / name, earlier / name) for name in (_ABOUT, *FILES.values()) if (folder / name).exists()]
    moves += [(part / name, folder / name) for name in (*(FILES[name] for name in formats), _ABOUT)]
    done = []
    try:
        for move in moves:
            os.replace(*move)
            done.append(move)
    except BaseException:
        for source, target in reversed(done):
            os.replace(target, source)
        raise
    files.fsync(folder)


if __name__ == "__main__":
    run_command(main)
