"""Writes a run's files: logs/RUN with its config, metrics and checkpoints, and its pictures in out/."""

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import tempfile

from tfgan.common import files
from tfgan.common import images
from tfgan.common import places
from tfgan.common.command import in_shell
from tfgan.datasets import DATASETS
from tfgan.datasets import pack
from tfgan.errors import UserError
from tfgan.recipes import Recipe
from tfgan.runs import environment
from tfgan.runs import read

# What determines a run besides its recipe. All else may change when the run continues: intervals, folders, ways of reading.
_FIXED = ("seed", "as_written", "images", "data_sha256", "labels_sha256", "init_from")
_NAME_MAX = 255  # bytes of a file's name, where the system does not tell
_LENGTH = ("epochs", "iterations")  # fields of the recipe that may change: a finished run can be extended


def check_new_name(name, out_dir):
    """Raises UserError for a name that would make trouble later: as an option, or as the beginning of a file's name."""
    if name.startswith("-"):
        raise UserError(f"--run is {name!r}, which commands would take for an option; give a name that begins otherwise")
    existing = places.existing_parent(out_dir)
    most = os.pathconf(existing, "PC_NAME_MAX") if hasattr(os, "pathconf") else _NAME_MAX
    most, size = most - len(read.LONGEST_ENDING), len(os.fsencode(name))
    if size > most:
        remedy = f"give a --run NAME of {most} bytes at most"
        raise UserError(f"the run's name has {size} bytes, too many for the files that are named after it; {remedy}: {name}")


class RunDir:
    """The files of the run `name` in log_dir and out_dir.

    The constructor creates nothing. It raises UserError if the name is unsuitable or the folders cannot be written.
    """

    def __init__(self, name, log_dir, out_dir):
        if not re.fullmatch(r"[\w.+-]+", name) or name in (".", ".."):
            raise UserError(f"--run is {name!r}; files are named after it, so use only letters, digits, '.', '_', '+' and '-'")
        self.name = name
        self.out_dir = pathlib.Path(out_dir)
        self.logs = pathlib.Path(log_dir) / name
        self.checkpoints = self.logs / "checkpoints"
        self._quality = self.logs / "quality"
        self._config = self.logs / "config.json"
        self._metrics = self.logs / read.METRICS
        for option, folder in (("--log-dir", self.logs), ("--out-dir", self.out_dir)):
            try:
                with tempfile.TemporaryFile(dir=places.existing_parent(folder)):
                    pass
            except OSError as error:
                raise UserError(f"{option}: {folder} cannot be written ({error.strerror}); give another") from error

    @contextlib.contextmanager
    def locked(self, without_locks="give a --log-dir on a local disk"):
        """Reserves the run for this process. Raises UserError if another process trains it, or if this cannot be known.

        without_locks: the remedy where the file system has no locks.
        """
        try:
            with files.exclusive_lock(self.logs / read.LOCK):
                yield
        except files.LockHeld as error:
            raise UserError(f"run {self.name} is being trained by {error}; wait, stop it, or give another --run") from error
        except files.NoLocks as error:
            raise UserError(f"run {self.name} cannot be reserved: {files.describe_error(error)}; {without_locks}") from error
        except OSError as error:
            raise self._unwritable(error) from error

    def start(self, config, fresh, done, end, data_dir=None):
        """Starts or continues the run with this config: JSON values for the recipe, _FIXED and the environment.

        fresh: remove all that the run has first. done: the newest checkpoint's iteration, or 0. end: the run's length in
        iterations. A run that is already longer keeps its config. data_dir: of the images, which are compared where they are
        others. Raises UserError if the run has a different config. If it has a different environment, prints a warning and
        records both.
        """
        try:
            if fresh:
                self._remove()
            was = read.read_config(self.logs)
            if done and not was and not fresh:
                raise UserError(f"{self._config} is gone, but not its checkpoints; put it back, or --fresh starts the run over")
            if was:
                self._refuse_changes(was, config, done, data_dir)
                config = {**config, "earlier_environments": self._environments(was, config)}
                if done and config.get("init_from"):  # what the run began with may have been moved or changed since then
                    config |= {"init_from": was.get("init_from"), "init_from_sha256": was.get("init_from_sha256")}
            self.out_dir.mkdir(parents=True, exist_ok=True)
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            for part in (*read.picture_files(self.out_dir, self.name, ".part"), *self.logs.glob("*.part")):
                part.unlink()  # left by a process that was killed
            if fresh or done <= end:
                _write_text(self._config, json.dumps(config, indent=2) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error):
        reason = files.describe_error(error)
        return UserError(f"run {self.name} cannot be written in {self.logs}: {reason}; fix that, or give another --run")

    def _remove(self):
        # The config is removed last: after an interruption, the remaining files still belong to the old run.
        if self.checkpoints.exists():
            shutil.rmtree(self.checkpoints)
        board = (*self.logs.glob("events.out.tfevents.*"), *self.logs.glob("projector_*"))
        if self._quality.exists():
            shutil.rmtree(self._quality)
        for path in (*read.picture_files(self.out_dir, self.name), *board, self._metrics, self._config):
            path.unlink(missing_ok=True)

    def _environments(self, was, config):
        """All earlier environments, oldest first. Prints a warning if the current one differs from the last."""
        if differences := environment.changes(was["environment"], config["environment"]):
            print(f"Warning: run {self.name} continues, but its results may differ in their last bits: {'; '.join(differences)}")
            return [*was["earlier_environments"], was["environment"]]
        return was["earlier_environments"]

    def _refuse_changes(self, was, config, done, data_dir):
        defaults = {field.name: field.default for field in dataclasses.fields(Recipe) if field.default is not dataclasses.MISSING}
        defaults = json.loads(json.dumps(defaults))  # for fields that an older version's config lacks
        if was.get("shards"):
            remedy = "give --fresh to start over, or another --run"
            raise UserError(f"run {self.name} was trained on shards, which this version does not read; {remedy}")
        free, of_data = {*_LENGTH, *_moved(was, config)}, _change_of_images(was, config, data_dir)
        if of_data:
            free |= {"images", "data_sha256", "labels_sha256"}
        was, now = ({**defaults, **c["recipe"], **{name: c.get(name) for name in _FIXED}} for c in (was, config))
        names = sorted(name for name in was.keys() | now.keys() if name not in free)
        differences = [f"{n} was {was.get(n)!r}, now {now.get(n)!r}" for n in names if was.get(n) != now.get(n)]
        if of_data and not differences:
            networks = f" that begins from its networks: --run NEW --init-from {in_shell(self.checkpoints)}"
            way_on = f"Give it those alone, or train a new run on the new ones{networks if done else ': --run NEW'}"
            raise UserError(f"run {self.name} was begun on other images: {of_data}. {way_on}")
        if differences or of_data:
            differences += [of_data] if of_data else []
            raise UserError(
                f"run {self.name} has other settings: {'; '.join(differences)}. Give the same again, or --fresh to start over "
                "(which removes its checkpoints and pictures), or another --run NAME. You may change --iterations, --epochs, the "
                "intervals, and the folders"
            )

    def remove(self):
        """Removes the run and its pictures. Raises UserError if another process trains it."""
        with self.locked(without_locks=f"nobody can be training it, so remove {self.logs} by hand"):
            self._remove()
            for path in self.logs.iterdir():
                if not path.name.startswith("lock"):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.logs.rmdir()

    def metrics(self):
        """The lines of metrics.jsonl, as dicts."""
        return read.read_metrics(self.logs)

    def rewind_to(self, iteration):
        """Removes the metrics from this iteration on, and the pictures of later ones. Training makes them again."""
        lines = [json.dumps(line) + "\n" for line in self.metrics() if line["iteration"] < iteration]
        _write_text(self._metrics, "".join(lines))
        for made_at, path in read.pictures_by_iteration(self.out_dir, self.name):
            if made_at > iteration:
                path.unlink(missing_ok=True)

    def add_metrics(self, line):
        """Appends one line, a dict of JSON values, to metrics.jsonl."""
        with files.add_path_to_errors(self._metrics), open(self._metrics, "a") as file:
            file.write(json.dumps(line) + "\n")

    def sync_metrics(self):
        """Makes the system write metrics.jsonl to the disk."""
        if self._metrics.exists():
            files.fsync(self._metrics)

    def picture_path(self, suffix):
        """The path of a picture: out/RUN-SUFFIX.png. suffix: an iteration, or a word."""
        suffix = f"{suffix:06d}" if isinstance(suffix, int) else suffix
        return self.out_dir / f"{self.name}-{suffix}.png"

    def save_picture(self, suffix, picture):
        """Saves uint8 [h, w, c], enlarged, at `picture_path` of the suffix. Returns that path."""
        path = self.picture_path(suffix)
        images.save_png(path, images.enlarge(picture))
        return path


def _moved(was, now):
    """The names of the settings that are paths and may differ, since what decides is the content: pictures, --init-from.

    A checkpoint that is gone cannot be compared, and neither can one whose SHA-256 an older version did not record. Both may
    differ, because a run that goes on does not read it. was, now: configs.
    """
    own = not {each["recipe"]["dataset"] for each in (was, now)} & DATASETS.keys()
    if own and was.get("data_sha256") == now.get("data_sha256"):
        yield "dataset"
    digests = {each.get("init_from_sha256") for each in (was, now)} - {None}
    if was.get("init_from") and now.get("init_from") and len(digests) < 2:
        yield "init_from"


def _change_of_images(was, now, data_dir):
    """How the images of two configs differ, in words; "" if they do not."""
    if was.get("data_sha256") in (None, now.get("data_sha256")):
        return ""
    words = f"{was['images']:,} images were there, and {now['images']:,} are there now"
    packed = [pack.find_by_sha256(each["data_sha256"], data_dir) if data_dir else None for each in (was, now)]
    if None in packed:
        return words
    old, new = (collections.Counter(hashlib.sha256(image).digest() for image in data.images) for data in packed)
    came, went = (new - old).total(), (old - new).total()
    return f"{words}: {came:,} came and {went:,} went (the old ones are still packed, so evaluate finds them)"


def _write_text(path, text):
    """Writes a text file atomically."""
    with files.atomic_write(path) as file:
        file.write(text.encode())
