"""A run's files: logs/RUN with config, metrics and checkpoints, and its pictures in out/."""

import json
import pathlib
import re
import shutil
import tempfile

from tfgan import files
from tfgan import images
from tfgan.errors import UserError

_MAY_CHANGE = ("epochs", "iterations")  # a finished run may be made longer
_FIXED = ("seed", "as_written", "images")  # what else decides a run, beside its recipe


class RunDir:
    """The files of the run `name` in log_dir and out_dir. Makes nothing; raises UserError where they cannot be written."""

    def __init__(self, name, log_dir, out_dir):
        if not re.fullmatch(r"[\w.+-]+", name) or name in (".", ".."):
            raise UserError(f"--run is {name!r}; it names files, so use letters, digits, '.', '_', '+' and '-' only")
        self.name = name
        self.out_dir = pathlib.Path(out_dir)
        self.logs = pathlib.Path(log_dir) / name
        self.checkpoints = self.logs / "checkpoints"
        self._config = self.logs / "config.json"
        self._metrics = self.logs / "metrics.jsonl"
        for option, folder in (("--log-dir", self.logs), ("--out-dir", self.out_dir)):
            existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
            try:
                with tempfile.TemporaryFile(dir=existing):
                    pass
            except OSError as error:
                raise UserError(f"{option}: {folder} cannot be written ({error.strerror}); give another") from error

    def start(self, config, fresh):
        """Begins or continues the run with that config: JSON values, among them recipe, seed, as_written and images.

        fresh: whatever the run has is removed first. Raises UserError where the run was made with another config.
        """
        try:
            if fresh:
                self._remove()
            if self._config.exists():
                self._refuse_changes(config)
            self.out_dir.mkdir(parents=True, exist_ok=True)
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            _replace(self._config, json.dumps(config, indent=2) + "\n")
        except OSError as error:
            raise UserError(f"run {self.name} cannot be written: {error}; mend that, or give another --run") from error

    def _remove(self):
        if self.logs.exists():
            shutil.rmtree(self.logs)
        pictures = re.compile(re.escape(self.name) + r"-(real|losses|\d{6,}|\d{6,}-pair)\.png")
        for path in self.out_dir.glob("*.png"):
            if pictures.fullmatch(path.name):
                path.unlink()

    def _refuse_changes(self, config):
        try:
            was, now = ({**c["recipe"], **{n: c[n] for n in _FIXED}} for c in (json.loads(self._config.read_text()), config))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self._config} is damaged ({error}); --fresh starts the run over") from error
        names = sorted(name for name in was.keys() | now.keys() if name not in _MAY_CHANGE)
        changed = [f"{n} was {was.get(n)!r}, now {now.get(n)!r}" for n in names if was.get(n) != now.get(n)]
        if changed:
            raise UserError(
                f"run {self.name} was made otherwise: {'; '.join(changed)}. Give the same again, or --fresh to start over "
                "(its checkpoints and pictures are removed), or another --run NAME"
            )

    def metrics(self):
        """The lines of metrics.jsonl, as dicts; a last line that broke off is left out."""
        lines = self._metrics.read_text().splitlines(keepends=True) if self._metrics.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def cut_metrics(self, iteration):
        """Removes the lines from that iteration on: what is done again is written again."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["iteration"] < iteration]
        _replace(self._metrics, "".join(kept))

    def add_metrics(self, line):
        """Appends one dict of JSON values."""
        with open(self._metrics, "a") as file:
            file.write(json.dumps(line) + "\n")

    def save_picture(self, suffix, picture):
        """Writes out/RUN-SUFFIX.png, uint8 [h, w, c]; its path. suffix: an iteration, or a word."""
        suffix = f"{suffix:06d}" if isinstance(suffix, int) else suffix
        path = self.out_dir / f"{self.name}-{suffix}.png"
        images.save_png(path, picture)
        return path


def _replace(path, text):
    """Writes a file that is never seen half-written."""
    with files.whole(path) as file:
        file.write(text.encode())
