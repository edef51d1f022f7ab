"""A run's files: logs/RUN with config, metrics and checkpoints, and its pictures in out/."""

import contextlib
import dataclasses
import json
import pathlib
import re
import shutil
import tempfile

from tfgan.common import files
from tfgan.common import images
from tfgan.errors import UserError
from tfgan.recipes import Recipe
from tfgan.runs import environment
from tfgan.runs import saved

# What decides a run, beside its recipe. All else may change when it goes on: intervals, places, options of reading.
_FIXED = ("seed", "as_written", "images", "data_sha256", "shards", "init_from")
_LENGTH = ("epochs", "iterations")  # of the recipe: a finished run may be made longer


class RunDir:
    """The files of the run `name` in log_dir and out_dir. Makes nothing; raises UserError where they cannot be written."""

    def __init__(self, name, log_dir, out_dir):
        if not re.fullmatch(r"[\w.+-]+", name) or name in (".", ".."):
            raise UserError(f"--run is {name!r}; it names files, so use letters, digits, '.', '_', '+' and '-' only")
        self.name = name
        self.out_dir = pathlib.Path(out_dir)
        self.logs = pathlib.Path(log_dir) / name
        self.checkpoints = self.logs / "checkpoints"
        self._quality = self.logs / "quality"
        self._config = self.logs / "config.json"
        self._metrics = self.logs / "metrics.jsonl"
        for option, folder in (("--log-dir", self.logs), ("--out-dir", self.out_dir)):
            try:
                existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
                with tempfile.TemporaryFile(dir=existing):
                    pass
            except OSError as error:
                raise UserError(f"{option}: {folder} cannot be written ({error.strerror}); give another") from error

    @contextlib.contextmanager
    def locked(self):
        """Keeps the run for this process. Raises UserError where another one trains it."""
        try:
            with files.exclusive_lock(self.logs / "lock"):
                yield
        except files.LockHeld as error:
            raise UserError(f"run {self.name} is being trained by {error}; wait for it, end it, or give another --run") from error
        except OSError as error:
            raise self._unwritable(error) from error

    def start(self, config, fresh, done, end):
        """Begins or continues the run with that config: JSON values, among them the recipe, _FIXED's and environment.

        fresh: whatever the run has is removed first. done: the newest checkpoint's iteration, or 0; end: the run's length; a
        run that is longer already keeps its config. Raises UserError where the run was made with another config; warns where
        it was made in another environment, and keeps that on record.
        """
        try:
            if fresh:
                self._remove()
            was = saved.read_config(self.logs)
            if done and not was and not fresh:
                raise UserError(f"{self._config} is gone, but not its checkpoints; put it back, or --fresh starts the run over")
            if was:
                self._refuse_changes(was, config)
                config = {**config, "earlier_environments": self._environments(was, config)}
            self.out_dir.mkdir(parents=True, exist_ok=True)
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            for part in (*saved.picture_files(self.out_dir, self.name, ".part"), *self.logs.glob("*.part")):
                part.unlink()  # of a process that was killed
            if fresh or done <= end:
                _replace(self._config, json.dumps(config, indent=2) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error):
        reason = files.describe_error(error)
        return UserError(f"run {self.name} cannot be written in {self.logs}: {reason}; mend that, or give another --run")

    def _remove(self):
        # The config goes last: what an interrupted removal leaves is still known to be the old run's.
        if self.checkpoints.exists():
            shutil.rmtree(self.checkpoints)
        board = (*self.logs.glob("events.out.tfevents.*"), *self.logs.glob("projector_*"))
        if self._quality.exists():
            shutil.rmtree(self._quality)
        for path in (*saved.picture_files(self.out_dir, self.name), *board, self._metrics, self._config):
            path.unlink(missing_ok=True)

    def _environments(self, was, config):
        """All environments before this one, oldest first."""
        if changed := environment.changes(was["environment"], config["environment"]):
            print(f"Warning: run {self.name} goes on, but its bits may become others than there: {'; '.join(changed)}")
            return [*was["earlier_environments"], was["environment"]]
        return was["earlier_environments"]

    def _refuse_changes(self, was, config):
        defaults = {field.name: field.default for field in dataclasses.fields(Recipe) if field.default is not dataclasses.MISSING}
        defaults = json.loads(json.dumps(defaults))  # of what an older version's config does not have
        was, now = ({**defaults, **c["recipe"], **{name: c.get(name) for name in _FIXED}} for c in (was, config))
        names = sorted(name for name in was.keys() | now.keys() if name not in _LENGTH)
        changed = [f"{n} was {was.get(n)!r}, now {now.get(n)!r}" for n in names if was.get(n) != now.get(n)]
        if changed:
            raise UserError(
                f"run {self.name} was made otherwise: {'; '.join(changed)}. Give the same again, or --fresh to start over "
                "(its checkpoints and pictures are removed), or another --run NAME. What may change: --iterations, --epochs, "
                "the intervals, and where things lie"
            )

    def remove(self):
        """Removes the run, its pictures included. Raises UserError where another process trains it."""
        with self.locked():
            self._remove()
            for path in self.logs.iterdir():
                if not path.name.startswith("lock"):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.logs.rmdir()

    def metrics(self):
        """The lines of metrics.jsonl, as dicts."""
        return saved.read_metrics(self.logs)

    def rewind_to(self, iteration):
        """Removes the lines of metrics from that iteration on, and the pictures beyond it: they are made again."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["iteration"] < iteration]
        _replace(self._metrics, "".join(kept))
        for made_at, path in saved.pictures_by_iteration(self.out_dir, self.name):
            if made_at > iteration:
                path.unlink(missing_ok=True)

    def add_metrics(self, line):
        """Appends one dict of JSON values."""
        with files.add_path_to_errors(self._metrics), open(self._metrics, "a") as file:
            file.write(json.dumps(line) + "\n")

    def sync_metrics(self):
        """Has the lines of metrics.jsonl on the disk."""
        if self._metrics.exists():
            files.fsync(self._metrics)

    def save_picture(self, suffix, picture):
        """Writes out/RUN-SUFFIX.png, uint8 [h, w, c], enlarged to be looked at; its path. suffix: an iteration, or a word."""
        suffix = f"{suffix:06d}" if isinstance(suffix, int) else suffix
        path = self.out_dir / f"{self.name}-{suffix}.png"
        images.save_png(path, images.enlarge(picture))
        return path


def _replace(path, text):
    """Writes a file that is never seen half-written."""
    with files.atomic_write(path) as file:
        file.write(text.encode())
