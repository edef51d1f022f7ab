"""Networks that begin with another program's checkpoint of tf.train.Saver."""

import hashlib
import pathlib
import re

import numpy as np

from tfgan import recipes
from tfgan.common import files
from tfgan.errors import UserError
from tfgan.graph.gan import build
from tfgan.graph.scope import AVERAGE
from tfgan.runs import manifests
from tfgan.runs.read import read_run
from tfgan.tf1 import tf

_FILES = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")  # how the names of a checkpoint's files end


def read(path, recipe):
    """Reads the recipe's networks, averages included, from the checkpoint at that path: {variable's name: float32 array}.

    path: a checkpoint's prefix (`model.ckpt-1000`) or one of its files, a folder whose file `checkpoint` names the newest one, or
    one of tfgan's own checkpoints. Variables match by name and shape, or by the model's TF1_NAMES, a map of the source program's
    names to tfgan's. The optimisers' own variables are not taken: they begin anew. Prints what matched and what did not. Raises
    UserError where nothing matches, where something cannot be read, and where only one of the recipe and tfgan's own checkpoint
    is conditional.
    """
    _refuse_other_kind(path, recipe)
    shapes = _network_shapes(recipe)
    aliases = recipes.model_module(recipe.model).TRAITS.tf1_names
    floats = _read_floats(path)
    source = {aliases.get(name, name): name for name in floats}
    of_d = {name for name in source.keys() & shapes.keys() if name.startswith("discriminator/")}
    if is_other_projection := recipe.projected and of_d and projection_seed(path) is None:
        source = {name: theirs for name, theirs in source.items() if name not in of_d}

    values, absent, mismatched, used = {}, [], [], set()
    for name, shape in shapes.items():
        if name not in source:
            absent += [name] if name not in of_d else []
        elif floats[source[name]].shape != shape:
            mismatched.append(f"{name} ({floats[source[name]].shape} there, {shape} here)")
        else:
            values[name] = np.asarray(floats[source[name]], np.float32)
            if not np.isfinite(values[name]).all():
                raise UserError(f"--init-from: {source[name]} holds NaN or infinity in {path}; give an earlier checkpoint")
            used.add(source[name])
    if not values:
        theirs, ours = _listed(sorted(f"{name} {value.shape}" for name, value in floats.items())[:5]), _listed(list(shapes)[:5])
        raise UserError(
            f"--init-from: nothing in {path} fits {recipe.model}, neither by name and shape nor by its TF1_NAMES; there are "
            f"{theirs} and so on, here {ours} and so on; give another, or another --model"
        )
    print(f"Begun from {path}: {len(values)} of {len(shapes)} variables of the networks")
    if is_other_projection:
        print("  D begins anew: its fixed part follows from the seed of a projected run, and this is no checkpoint in such a run")
    for words, names in (
        ("not in it, so begun as without it", absent),
        ("of another shape, so begun as without it", mismatched),
        ("in it, and not used", sorted(floats.keys() - used)),
    ):
        if names:
            print(f"  {words}: {_listed(names)}")
    return values


def projection_seed(path):
    """The seed of the fixed part of a projected D in the checkpoint of a run. None if it has none, or if the run is not here."""
    place = pathlib.Path(path).absolute()
    for folder in (place, *place.parents[:2]):
        if folder.name == "checkpoints" and (folder.parent / "config.json").exists():
            run = read_run(folder.parent)
            seed = run.seed if run.recipe.projection_seed is None else run.recipe.projection_seed
            return seed if run.recipe.projected else None
    return None


def sha256(path):
    """The SHA-256 of the checkpoint's numbers, in hex. None if there is no checkpoint that can be read."""
    digest = hashlib.sha256()
    try:
        for name, value in sorted(_read_floats(path).items()):
            digest.update(name.encode() + value.tobytes())
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


def _read_floats(path):
    """The checkpoint's variables of floating point: {name: array}. Raises UserError."""
    place = pathlib.Path(_FILES.sub("", str(path)))
    try:
        if (place / "model.index").exists():  # one of tfgan's own
            place = place / "model"
        elif (state := tf.train.get_checkpoint_state(str(place))) is not None:  # a folder
            place = pathlib.Path(state.model_checkpoint_path)
        with files.plain_path(place) as plain:
            reader = tf.train.load_checkpoint(str(plain))
            types = reader.get_variable_to_dtype_map()
            return {name: _tensor(reader, name, path) for name, dtype in types.items() if dtype.is_floating}
    except (OSError, tf.errors.OpError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"--init-from: {path} is no checkpoint of tf.train.Saver ({reason}); give its files' common beginning, such as "
            "model.ckpt-1000, or the folder that holds them and a file named checkpoint"
        ) from error


def _tensor(reader, name, path):
    try:
        return np.asarray(reader.get_tensor(name))
    except (tf.errors.OpError, RuntimeError, IndexError) as error:  # the last two as TensorFlow's C++ throws them
        raise UserError(f"--init-from: {name} cannot be read from {path} ({type(error).__name__}); get the file again") from error


def _listed(names):
    return ", ".join(names)
