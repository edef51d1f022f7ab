"""The manifests of a run's checkpoints: which checkpoint is whole, and which is damaged. No TensorFlow."""

import json
import os
import re

from tfgan.common import files
from tfgan.errors import UserError
from tfgan.runs.read import checkpoint_iterations

NAME = "manifest.json"  # in a checkpoint
FORMAT = 1  # its version
STATE = "checkpoint"  # TensorFlow's own record of the newest checkpoint, beside the folders


def class_names(path):
    """The names of the classes of the whole checkpoint at that path, a list; [] where its run was not conditional."""
    return json.loads((path / NAME).read_text()).get("classes", [])  # checkpoints before labels have no such entry


def _print_warning(line):
    print(f"Warning: {line}", flush=True)


def newest_whole(folder, warn=_print_warning):
    """The iteration of the newest whole checkpoint in this folder, or None if none was ever saved.

    warn: is called with a line for each newer one that is damaged or missing. Raises UserError if all are.
    """
    problems = _find_missing(folder)
    for iteration in reversed(checkpoint_iterations(folder)):
        path = folder / f"{iteration:06d}"
        if reason := find_damage(path):
            problems.append(f"{path} is damaged ({reason})")
            continue
        for line in problems:
            warn(f"checkpoint {line}; using the one before, {path}")
        return iteration
    if problems:
        raise UserError(f"there is no whole checkpoint: {'; '.join(problems)}. Put one back, or start over with --fresh")
    return None


def _find_missing(folder):
    """[what is wrong] if the checkpoint that TensorFlow's record names is missing, otherwise []."""
    state = folder / STATE
    match = re.search(r'model_checkpoint_path: "(\d+)/', state.read_text(errors="replace")) if state.exists() else None
    last = match and folder / match[1]
    return [f"{last} is gone"] if last and not last.exists() else []


def find_damage(path):
    """What is wrong with the checkpoint at that path, in words, or None if it is whole.

    Raises OSError if it cannot be read: this may be temporary, and does not mean that the checkpoint is damaged.
    """
    try:
        manifest = json.loads((path / NAME).read_text())
        if (manifest["format"], manifest["iteration"]) != (FORMAT, int(path.name)):
            return "its manifest belongs to another checkpoint"
        for name, digest in manifest["sha256"].items():
            if files.digest(path / name) != digest:
                return f"{name} differs from what was written"
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        return f"{os.path.basename(error.filename)} is missing"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its manifest cannot be read"
    return None
