"""Networks that begin with another program's checkpoint of tf.train.Saver."""

import hashlib
import pathlib

import numpy as np

from tfgan import recipes
from tfgan.errors import UserError
from tfgan.graph.gan import build
from tfgan.graph.scope import AVERAGE
from tfgan.runs import manifests
from tfgan.tf1 import tf


def read(path, recipe):
    """Reads the recipe's networks, averages included, from the checkpoint at that path: {variable's name: float32 array}.

    path: a checkpoint's prefix (`model.ckpt-1000`), a folder whose file `checkpoint` names the newest one, or one of tfgan's own
    checkpoints. Variables match by name and shape, or by the model's TF1_NAMES, a map of the source program's names to tfgan's.
    The optimisers' own variables are not read: they begin anew. Prints what matched and what did not. Raises UserError where
    nothing matches, where nothing can be read, and where only one of the recipe and tfgan's own checkpoint is conditional.
    """
    _refuse_other_kind(path, recipe)
    wanted = _network_shapes(recipe)
    aliases = getattr(recipes.model_module(recipe.model), "TF1_NAMES", {})
    reader = _reader(path)
    types = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map()
    found = {name: tuple(shape) for name, shape in shapes.items() if types[name].is_floating}
    source = {aliases.get(name, name): name for name in found}

    values, absent, mismatched, used = {}, [], [], set()
    for name, shape in wanted.items():
        if name not in source:
            absent.append(name)
        elif found[source[name]] != shape:
            mismatched.append(f"{name} ({found[source[name]]} there, {shape} here)")
        else:
            values[name] = _tensor(reader, source[name], path)
            used.add(source[name])
    if not values:
        theirs, ours = _listed(sorted(f"{name} {shape}" for name, shape in found.items())[:5]), _listed(list(wanted)[:5])
        raise UserError(
            f"--init-from: nothing in {path} fits {recipe.model}, neither by name and shape nor by its TF1_NAMES; there are "
            f"{theirs} and so on, here {ours} and so on; give another, or another --model"
        )
    print(f"Begun from {path}: {len(values)} of {len(wanted)} variables of the networks")
    for words, names in (
        ("not in it, so begun as without it", absent),
        ("of another shape, so begun as without it", mismatched),
        ("in it, and not used", sorted(found.keys() - used)),
    ):
        if names:
            print(f"  {words}: {_listed(names)}")
    return values


def sha256(path):
    """The SHA-256 of the checkpoint's numbers, in hex. None if there is no checkpoint that can be read."""
    digest = hashlib.sha256()
    try:
        reader = _reader(path)
        for name, dtype in sorted(reader.get_variable_to_dtype_map().items()):
            if dtype.is_floating:
                digest.update(name.encode() + _tensor(reader, name, path).tobytes())
    except UserError:
        return None
    return digest.hexdigest()


def _refuse_other_kind(path, recipe):
    """Raises UserError where a label's place in the networks is in only one of the two: what is missing would begin untrained."""
    place = pathlib.Path(path)
    place = place if place.is_dir() else place.parent  # of a checkpoint's prefix
    if not (place / manifests.NAME).exists() or manifests.find_damage(place):
        return
    if (there := bool(manifests.class_names(place))) != (recipe.conditional is not None):
        remedy = "give --conditional, too" if there else "leave --conditional out"
        kind = "a conditional run" if there else "a run without labels"
        raise UserError(f"--init-from: {path} is of {kind}; {remedy}, or give another checkpoint")


def _network_shapes(recipe):
    """{variable's name: shape} of both networks, averages included."""
    with tf.Graph().as_default():
        gan = build(recipe)
    return {v.op.name: tuple(v.shape.as_list()) for rows in (gan.g_layers, gan.d_layers) for row in rows for v in row[2]}


def load(session, values):
    """Sets the current graph's variables of these names and their moving averages. values: what `read` returned."""
    for variable in tf.global_variables():
        if (name := variable.op.name.removesuffix(AVERAGE)) in values:
            for component in getattr(variable, "values", (variable,)):  # of each replica here
                component.load(values[name], session)


def _reader(path):
    place = pathlib.Path(str(path).removesuffix(".index"))
    try:
        if (place / "model.index").exists():  # one of tfgan's own
            place = place / "model"
        return tf.train.load_checkpoint(str(place))
    except (OSError, tf.errors.OpError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"--init-from: {path} is no checkpoint of tf.train.Saver ({reason}); give its files' common beginning, such as "
            "model.ckpt-1000, or the folder that holds them and a file named checkpoint"
        ) from error


def _tensor(reader, name, path):
    try:
        value = np.asarray(reader.get_tensor(name), np.float32)
    except (tf.errors.OpError, RuntimeError, IndexError) as error:  # the last two as TensorFlow's C++ throws them
        raise UserError(f"--init-from: {name} cannot be read from {path} ({type(error).__name__}); get the file again") from error
    if not np.isfinite(value).all():
        raise UserError(f"--init-from: {name} holds NaN or infinity in {path}; give an earlier checkpoint")
    return value


def _listed(names):
    return ", ".join(names)
