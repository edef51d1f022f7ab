"""Writes and restores a run's checkpoints. Each is a folder that gets its name when it is complete."""

import json
import os
import shutil

from tfgan.common import files
from tfgan.errors import UserError
from tfgan.runs import manifests
from tfgan.runs.read import BEST
from tfgan.runs.read import checkpoint_iterations
from tfgan.runs.read import read_best
from tfgan.tf1 import os_errors
from tfgan.tf1 import tf

_MODEL = "model"  # tf.train.Saver's prefix inside a checkpoint
_REMOVED = ".removed"  # a checkpoint on its way out


class Checkpoints:
    """The checkpoints in a folder (a Path), with all variables of the current graph.

    The newest `keep` checkpoints are kept, and the best one. FOLDER/000500/ has the state after 500 iterations: the files
    `model.*` of tf.train.Saver, which any TF 1.x program can restore, and manifest.json with their SHA-256 and the names of the
    classes (none where the run is not conditional).
    """

    def __init__(self, folder, keep, classes=()):
        self._folder = folder
        self._keep = keep
        self._classes = list(classes)
        self._part = folder / ".part"
        self._saver = tf.train.Saver(max_to_keep=0)

    def restore(self, session):
        """Restores the newest whole checkpoint and returns its iteration, or None if the run has never saved one.

        Prints a warning for each newer one that is damaged or missing. Raises UserError if all are. Removes what a process that
        was killed has left half-written or half-removed.
        """
        for rest in (self._part, self._folder / _REMOVED):
            _clear(rest)
        iteration = manifests.newest_whole(self._folder)
        if iteration is not None:
            load(self._saver, session, self._path(iteration))
        return iteration

    def save(self, session, iteration):
        """Saves all variables as this iteration's checkpoint. Once it is on the disk, removes superseded checkpoints.

        These are the oldest beyond `keep`, and all later ones: those are damaged, since the run continued from before them.
        Raises OSError if the checkpoint cannot be written; the others then stay.
        """
        _clear(self._part)
        self._part.mkdir()
        try:
            self._write(session, iteration)
        except OSError:
            shutil.rmtree(self._part, ignore_errors=True)  # make room: the disk may be full
            raise

        _remove(self._path(iteration))
        os.replace(self._part, self._path(iteration))
        files.fsync(self._folder)
        with files.atomic_write(self._folder / manifests.STATE) as file:
            file.write(f'model_checkpoint_path: "{iteration:06d}/{_MODEL}"\n'.encode())
        self._remove_superseded(iteration)

    def _remove_superseded(self, iteration):
        best = self.best()
        if best and best["iteration"] > iteration:
            (self._folder / BEST).unlink()
        before = [other for other in checkpoint_iterations(self._folder) if other <= iteration]
        current = {*before[-self._keep :], *(other for other in before if best and other == best["iteration"])}
        for other in set(checkpoint_iterations(self._folder)) - current:
            _remove(self._path(other))

    def best(self):
        """The record of the best checkpoint that `keep_best` was given, or None."""
        return read_best(self._folder)

    def is_whole(self, iteration):
        """Whether there is an undamaged checkpoint of this iteration."""
        return iteration in checkpoint_iterations(self._folder) and manifests.find_damage(self._path(iteration)) is None

    def keep_best(self, best):
        """Keeps a checkpoint as the best, instead of the previous best. best: a dict with `iteration`, `metric` and `value`."""
        with files.atomic_write(self._folder / BEST) as file:
            file.write((json.dumps(best) + "\n").encode())
        self._remove_superseded(checkpoint_iterations(self._folder)[-1])

    def _write(self, session, iteration):
        with os_errors(self._path(iteration)):
            self._saver.save(session, str(self._part / _MODEL), write_meta_graph=False, write_state=False)
        digests = {path.name: files.digest(path) for path in self._part.iterdir()}
        manifest = {"format": manifests.FORMAT, "iteration": iteration, "sha256": digests, "classes": self._classes}
        (self._part / manifests.NAME).write_text(json.dumps(manifest, indent=1))
        for path in self._part.iterdir():
            files.fsync(path)
        files.fsync(self._part)

    def _path(self, iteration):
        return self._folder / f"{iteration:06d}"


def load(saver, session, path):
    """Restores the variables of a `tf.train.Saver` from the whole checkpoint at that path. Raises UserError."""
    verbosity = tf.logging.get_verbosity()
    tf.logging.set_verbosity(tf.logging.ERROR)  # in a notebook TensorFlow prints what it restores
    try:
        with files.plain_path(path) as plain, session.graph.as_default():
            saver.restore(session, str(plain / _MODEL))
    except (tf.errors.OpError, ValueError) as error:
        if reason := manifests.find_damage(path):
            raise UserError(f"{path} has just been changed or removed ({reason}); run the same command again") from error
        reason = f"is whole, but does not fit this version's graph ({type(error).__name__})"
        raise UserError(f"{path} {reason}; use the version that made it, or train the run again with --fresh") from error
    finally:
        tf.logging.set_verbosity(verbosity)


def _remove(path):
    """Removes a checkpoint's folder. It is renamed first, so that no half-removed checkpoint is ever seen."""
    removed = path.with_name(_REMOVED)
    _clear(removed)
    if path.exists():
        os.replace(path, removed)
        _clear(removed)


def _clear(path):
    """Removes a folder or file, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
