"""Exports a generator as SavedModel, TFLite and ONNX, and compares each with the session."""

import contextlib
import json
import os
import shutil
import tempfile
from typing import NamedTuple

import numpy as np

import tfgan
from tfgan import tf1
from tfgan.common import files
from tfgan.errors import UserError
from tfgan.graph import networks
from tfgan.graph import noise
from tfgan.graph.fast import products
from tfgan.runs import checkpoints
from tfgan.sampling.exports import ABOUT
from tfgan.sampling.exports import FILES
from tfgan.sampling.inference import CHUNK
from tfgan.sampling.inference import Sampler
from tfgan.tf1 import Session
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

# Other kernels add float32 numbers in another order, which moves values by about 1e-6. This is a fortieth of a grey level.
TOLERANCE = 1e-4  # the largest difference of images in [0, 1]
LEVELS = 1  # the largest difference of uint8: a value halfway between two levels may be rounded to either
_OUTPUTS = ("images", "uint8")  # of every format
ALL_CLASSES = -1  # the `label` with which from_seed makes images of all classes, in the shares of the data
_DISTRIBUTIONS = {"uniform": "uniform in [-1, 1)", "normal": "normal, mean 0 and variance 1"}


class Comparison(NamedTuple):
    """What a signature of an export must make."""

    signature: str
    inputs: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]  # the session's "images" and "uint8"


def export(run, iteration, formats, folder):
    """Writes the generator of a `read.SavedRun` into a folder (a Path), verifies it there, and writes model.json.

    iteration: that of the checkpoint, or None for the newest. formats: keys of FILES. Raises UserError if there is no such
    checkpoint, or if an exported generator's images differ from the session's; OSError if a file cannot be written.
    """
    tf.logging.set_verbosity(tf.logging.ERROR)  # TensorFlow warns that graphs and SavedModels are deprecated
    with _hide_stderr(), files.plain_path(folder) as plain:
        _export(run, iteration, formats, plain)


def _export(run, iteration, formats, folder):
    recipe = run.recipe
    with Sampler(run, iteration) as sampler:
        iteration = sampler.iteration
        comparisons = compare_with(sampler, run)
    shape = f"[N, {', '.join(map(str, recipe.image_shape))}]"
    parameters = write_formats(run, iteration, formats, folder)
    whose = f"Generator of {run.name}, iteration {iteration:,}"
    inputs, of_classes, label, label_of_seed = f"z [N, {recipe.z_dim}]", {}, "", ""
    if run.classes:
        inputs += f", label [N] of {recipe.classes} classes"
        of_classes = {"classes": [*run.classes]}
        label = f", label: int32 [N] from 0 to {recipe.classes - 1}"
        label_of_seed = f", label: int32 [] from 0 to {recipe.classes - 1}, or {ALL_CLASSES} for all as frequent as in the data"
    print(f"{whose}: {recipe.model}, {parameters:,} parameters, {inputs} -> images {shape}", flush=True)
    outputs = f"images: float32 {shape} from 0 to 1, uint8: uint8 {shape} from 0 to 255"
    about = {
        "tfgan_export": 1,  # the version of this file's format
        "run": run.name,
        "iteration": iteration,
        "model": recipe.model,
        "dataset": recipe.dataset_name,
        "parameters": parameters,
        "z_dim": recipe.z_dim,
        "z_distribution": _DISTRIBUTIONS[recipe.z_distribution],
        "image_shape": recipe.image_shape,
        **of_classes,
        "signatures": {
            "serving_default": f"z: float32 [N, {recipe.z_dim}]{label} -> {outputs}",
            "from_seed": f"seed: int64 [], count: int64 []{label_of_seed} -> {outputs}; in saved_model only",
        },
        "tolerance": {"images": TOLERANCE, "uint8": LEVELS},
        "files": {FILES[name]: verify(name, folder / FILES[name], comparisons) for name in formats},
        "versions": {"tfgan": tfgan.__version__, "tensorflow": tf.__version__},
    }
    (folder / ABOUT).write_text(f"{json.dumps(about, indent=2)}\n")


@contextlib.contextmanager
def _hide_stderr():
    """Hides what TensorFlow, TFLite, tf2onnx and onnxruntime print on stderr inside. Shows it after an unexpected exception."""
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except Exception as error:
            if not isinstance(error, (UserError, OSError)):
                hidden.seek(0)
                os.write(stderr, hidden.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def build_signatures(recipe, class_shares):
    """Builds a recipe's G for use in the current graph: {signature: (its inputs, its outputs)}, both {name: tensor}.

    serving_default: z, float32 [N, z_dim] -> images, float32 [N, h, w, c] in [0, 1], and uint8, the same from 0 to 255.
    from_seed: seed and count, int64 scalars -> the same outputs for the first `count` rows of `Sampler.z` with this seed.

    A conditional recipe has a further input `label`: int32 [N] in serving_default, an int32 scalar in from_seed, which is the
    class of all its images, or ALL_CLASSES for those of `Sampler.labels` with this seed. A number beyond the classes gives images
    of no class. class_shares: each class's share of the data, [classes].
    """
    low, high = recipe.value_range
    conditional = recipe.conditional is not None

    def outputs(z, y=None):
        with products.native():
            x, _ = networks.samples(recipe, z, y)
        x = tf.clip_by_value(x, low, high) - low
        return {"images": x / (high - low), "uint8": tf.cast(tf.round(x * (255.0 / (high - low))), tf.uint8)}

    def chunk(number):
        z = noise.latent(recipe.z_distribution, [CHUNK, recipe.z_dim], noise.key(seed, number, noise.Stream.Z_SAMPLE))
        z = tf.reshape(z[:rows], [-1, recipe.z_dim])
        if not conditional:
            return outputs(z)
        of_data = noise.labels(class_shares, [CHUNK], noise.key(seed, number, noise.Stream.LABEL_SAMPLE))
        return outputs(z, tf.where(tf.equal(label, ALL_CLASSES), of_data[:rows], tf.fill([rows], label)))

    ends = {"z": tf.placeholder(tf.float32, [None, recipe.z_dim], "z")}
    if conditional:
        ends["label"] = tf.placeholder(tf.int32, [None], "label")
    of_z = {name: tf.identity(x, name) for name, x in outputs(*ends.values()).items()}
    # Noise is keyed by chunk, and one chunk at a time limits memory. All chunks have the same number of rows.
    of_chunks = {name: tf.placeholder(tf.int64, [], name) for name in ("seed", "count")}
    seed, count = of_chunks.values()
    if conditional:
        label = of_chunks["label"] = tf.placeholder(tf.int32, [], "label_of_seed")
    rows = tf.clip_by_value(count, 1, CHUNK)
    numbers = tf.range(tf.maximum((count + CHUNK - 1) // CHUNK, 1))
    chunks = tf.map_fn(chunk, numbers, fn_output_signature={name: x.dtype for name, x in of_z.items()}, parallel_iterations=1)
    of_seed = {name: tf.reshape(x, [-1, *recipe.image_shape])[: tf.maximum(count, 0)] for name, x in chunks.items()}
    return {"serving_default": (ends, of_z), "from_seed": (of_chunks, of_seed)}


def write_formats(run, iteration, formats, folder):
    """Writes the G of a run's checkpoint into the folder and returns its number of parameters.

    TFLite is converted from a SavedModel, which is removed again if it is not one of the formats. Raises UserError if the
    checkpoint cannot be loaded, OSError if a file cannot be written.
    """
    saved_model = folder / FILES["savedmodel"]
    with tf.Graph().as_default() as graph, Session() as session:
        definitions = build_signatures(run.recipe, run.class_shares)
        parameters = sum(variable.shape.num_elements() for variable in tf.global_variables())
        checkpoints.load(tf.train.Saver(), session, run.checkpoints / f"{iteration:06d}")
        protos = {name: tf.saved_model.predict_signature_def(*ends) for name, ends in definitions.items()}
        with tf1.os_errors(saved_model):
            builder = tf.saved_model.Builder(str(saved_model))
            builder.add_meta_graph_and_variables(session, [tf.saved_model.SERVING], protos)
            builder.save()
        frozen = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), _OUTPUTS)
    if "tflite" in formats:
        converter = tf2.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=["serving_default"])
        (folder / FILES["tflite"]).write_bytes(converter.convert())
    if "onnx" in formats:
        _write_onnx(frozen, [*definitions["serving_default"][0]], folder / FILES["onnx"])
    if "savedmodel" not in formats:
        shutil.rmtree(saved_model)
    return parameters


def _write_onnx(frozen, inputs, path):
    """Converts a frozen graph (a GraphDef) with inputs of these names to ONNX."""
    import tf2onnx

    starts, ends = ([f"{name}:0" for name in names] for names in (inputs, _OUTPUTS))
    tensors = {tensor: tensor.removesuffix(":0") for tensor in (*starts, *ends)}
    model, _ = tf2onnx.convert.from_graph_def(frozen, input_names=starts, output_names=ends, tensors_to_rename=tensors)
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "N"
    path.write_bytes(model.SerializeToString())


def load_format(name, path):
    """Loads an export in its own runtime: (the runtime's name, a function of a signature's inputs -> {"images", "uint8"})."""
    if name == "tflite":
        return "TFLite's interpreter", tf2.lite.Interpreter(str(path)).get_signature_runner("serving_default")
    if name == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return "onnxruntime", lambda **inputs: dict(zip(_OUTPUTS, session.run(_OUTPUTS, inputs), strict=True))
    loaded = tf2.saved_model.load(str(path))

    def run(signature="serving_default", **inputs):
        outputs = loaded.signatures[signature](**{key: tf2.constant(value) for key, value in inputs.items()})
        return {key: tensor.numpy() for key, tensor in outputs.items()}

    return "eager TensorFlow 2", run


def compare_with(sampler, run):
    """The `Comparison`s of an export of a `Sampler`'s G, for any format: several numbers of images, and each class."""

    def session(z, y):
        low, high = run.recipe.value_range
        values = sampler.values(z, y)
        return {"images": (np.clip(values, low, high) - low) / (high - low), "uint8": sampler.images(z, y)}

    def of_seed(y, z, **label):
        return Comparison("from_seed", {"seed": np.int64(run.seed), "count": np.int64(len(z)), **label}, session(z, y))

    classes = len(run.classes)
    z = sampler.z(max(CHUNK + 1, classes), run.seed)
    inputs = {"z": z} | ({"label": np.arange(len(z), dtype=np.int32) % classes} if classes else {})
    whole = session(z, inputs.get("label"))
    parts = [slice(size) for size in (8, 3, 1)] + [slice(begin, begin + 8) for begin in range(8, classes, 8)]
    comparisons = [
        Comparison("serving_default", *({name: x[part] for name, x in rows.items()} for rows in (inputs, whole)))
        for part in parts
    ]
    first = z[: CHUNK + 1]
    if not classes:
        return [*comparisons, Comparison("from_seed", {"seed": np.int64(run.seed), "count": np.int64(len(z))}, whole)]
    comparisons.append(of_seed(sampler.labels(len(first), run.seed), first, label=np.int32(ALL_CLASSES)))
    return comparisons + [of_seed(np.full(2, label), first[:2], label=np.int32(label)) for label in range(classes)]


def verify(name, path, comparisons):
    """Runs an export in its own runtime, compares its images with the session's, and prints its size and the differences.

    comparisons: `Comparison`s; those of from_seed are for the SavedModel only. Returns the size and the differences as JSON
    values. Raises UserError if they exceed TOLERANCE or LEVELS.
    """
    runtime, model = load_format(name, path)
    pairs = [(model(**inputs), expected) for signature, inputs, expected in comparisons if signature == "serving_default"]
    if name == "savedmodel":
        of_seed = [each for each in comparisons if each.signature == "from_seed"]
        pairs += [(model("from_seed", **inputs), expected) for _, inputs, expected in of_seed]
    by, levels = (float(np.max([difference(own[key], expected[key]) for own, expected in pairs])) for key in _OUTPUTS)
    differs = f"differs from the session by up to {by:.1e} (limit {TOLERANCE:g}), in uint8 by {levels:g} (limit {LEVELS})"
    if not (by <= TOLERANCE and levels <= LEVELS):  # also if they are NaN
        remedy = "nothing was written. Give the other formats, and please report this"
        raise UserError(f"{path.name} in {runtime} {differs}; {remedy}")
    size = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
    print(f"{path.name:<12} {size / 1e6:5.1f} MB; in {runtime} it {differs}", flush=True)
    return {"bytes": size, "difference": {"images": by, "uint8": levels}}


def difference(a, b):
    """The largest absolute difference of two arrays: infinity if their shapes or types differ, NaN if one contains NaN."""
    same = (a.shape, a.dtype) == (b.shape, b.dtype)
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max()) if same else float("inf")
