"""A run's checkpoints: each a folder that appears whole by one rename; damaged ones are noticed and passed over."""

import hashlib
import json
import os
import re
import shutil

from tfgan.common import files
from tfgan.errors import UserError
from tfgan.runs.saved import BEST
from tfgan.runs.saved import read_best
from tfgan.runs.saved import checkpoint_iterations
from tfgan.tf1 import os_errors
from tfgan.tf1 import tf

_FORMAT = 1  # of what is written here
_MODEL = "model"  # tf.train.Saver's prefix inside a checkpoint
_STATE = "checkpoint"  # TensorFlow's own record of the newest, beside the folders


class Checkpoints:
    """The checkpoints in a folder (a Path), of all variables of the current graph; the newest `keep` are kept, and the best.

    FOLDER/000500/ is the state after 500 iterations: tf.train.Saver's files `model.*`, to be restored by any TF 1.x
    program, and manifest.json with their SHA-256.
    """

    def __init__(self, folder, keep):
        self._folder = folder
        self._keep = keep
        self._part = folder / ".part"
        self._saver = tf.train.Saver(max_to_keep=0)

    def restore(self, session):
        """Loads the newest whole checkpoint; its iteration, or None where the run never made one.

        Warns of those that are damaged or gone. Raises UserError where some were made and none is whole.
        """
        iteration = newest_whole(self._folder)
        if iteration is not None:
            load(self._saver, session, self._path(iteration))
        return iteration

    def save(self, session, iteration):
        """Writes all variables as that iteration's checkpoint, whole and on the disk; only then removes what is superseded.

        Superseded are the oldest beyond `keep`, and those beyond this iteration: the run went on from before them, because
        they are damaged. Raises OSError where it cannot be written; those that are there stay.
        """
        _clear(self._part)
        self._part.mkdir()
        try:
            self._write(session, iteration)
        except OSError:
            shutil.rmtree(self._part, ignore_errors=True)  # the disk may be full
            raise

        _remove(self._path(iteration))
        os.replace(self._part, self._path(iteration))
        files.fsync(self._folder)
        with files.atomic_write(self._folder / _STATE) as file:
            file.write(f'model_checkpoint_path: "{iteration:06d}/{_MODEL}"\n'.encode())
        self._remove_superseded(iteration)

    def _remove_superseded(self, iteration):
        best = self.best()
        if best and best["iteration"] > iteration:
            (self._folder / BEST).unlink()
        before = [other for other in checkpoint_iterations(self._folder) if other <= iteration]
        kept = {*before[-self._keep :], *(other for other in before if best and other == best["iteration"])}
        for other in set(checkpoint_iterations(self._folder)) - kept:
            _remove(self._path(other))

    def best(self):
        """What is known of the best checkpoint, as `keep` was told it; None without one."""
        return read_best(self._folder)

    def is_whole(self, iteration):
        """Whether there is a whole checkpoint of that iteration."""
        return iteration in checkpoint_iterations(self._folder) and find_damage(self._path(iteration)) is None

    def keep_best(self, best):
        """Keeps a checkpoint beside the newest ones, in place of the best one before. best: `iteration`, `metric`, `value`."""
        with files.atomic_write(self._folder / BEST) as file:
            file.write((json.dumps(best) + "\n").encode())
        self._remove_superseded(checkpoint_iterations(self._folder)[-1])

    def _write(self, session, iteration):
        with os_errors(self._path(iteration)):
            self._saver.save(session, str(self._part / _MODEL), write_meta_graph=False, write_state=False)
        digests = {path.name: _digest(path) for path in self._part.iterdir()}
        manifest = {"format": _FORMAT, "iteration": iteration, "sha256": digests}
        (self._part / "manifest.json").write_text(json.dumps(manifest, indent=1))
        for path in self._part.iterdir():
            files.fsync(path)
        files.fsync(self._part)

    def _path(self, iteration):
        return self._folder / f"{iteration:06d}"


def newest_whole(folder):
    """The iteration of the newest whole checkpoint in that folder, or None where none was ever made.

    Warns of those that are damaged or gone. Raises UserError where some were made and none is whole.
    """
    wrong = _gone(folder)
    for iteration in reversed(checkpoint_iterations(folder)):
        path = folder / f"{iteration:06d}"
        if reason := find_damage(path):
            wrong.append(f"{path} is damaged ({reason})")
            continue
        for line in wrong:
            print(f"Warning: checkpoint {line}; taking the one before, {path}", flush=True)
        return iteration
    if wrong:
        raise UserError(f"no checkpoint is left to go on from: {'; '.join(wrong)}. Put back a whole one, or --fresh starts over")
    return None


def load(saver, session, path):
    """Restores a `tf.train.Saver`'s variables from the whole checkpoint at that path. Raises UserError."""
    verbosity = tf.logging.get_verbosity()
    tf.logging.set_verbosity(tf.logging.ERROR)  # in a notebook TensorFlow says which parameters it restores
    try:
        with session.graph.as_default():
            saver.restore(session, str(path / _MODEL))
    except (tf.errors.OpError, ValueError) as error:
        if reason := find_damage(path):
            raise UserError(f"{path} was changed or removed just now ({reason}); run the same command again") from error
        reason = f"is whole, but cannot be loaded into this program's graph ({type(error).__name__})"
        raise UserError(f"{path} {reason}; use the version that made it, or train the run anew with --fresh") from error
    finally:
        tf.logging.set_verbosity(verbosity)


def _gone(folder):
    """[what is wrong] where the newest checkpoint that was published is not there, else []."""
    state = folder / _STATE
    named = re.search(r'model_checkpoint_path: "(\d+)/', state.read_text(errors="replace")) if state.exists() else None
    last = named and folder / named[1]
    return [f"{last} is gone"] if last and not last.exists() else []


def find_damage(path):
    """What is wrong with the checkpoint at that path, in words, or None where it is what was written.

    Raises OSError where it cannot be read: that may pass, and is no reason to give it up.
    """
    try:
        manifest = json.loads((path / "manifest.json").read_text())
        if (manifest["format"], manifest["iteration"]) != (_FORMAT, int(path.name)):
            return "its manifest is of another"
        for name, digest in manifest["sha256"].items():
            if _digest(path / name) != digest:
                return f"{name} is not what was written"
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        return f"{os.path.basename(error.filename)} is missing"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its manifest cannot be read"
    return None


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path):
    """Removes a checkpoint's folder, which is never seen half-removed."""
    removed = path.with_name(".removed")
    _clear(removed)
    if path.exists():
        os.replace(path, removed)
        _clear(removed)


def _clear(path):
    """Removes a folder or file that does not count."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
