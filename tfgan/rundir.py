"""A run's files: logs/RUN with config, metrics and checkpoints, and its pictures in out/."""

import json
import os
import pathlib
import re
import shutil
import tempfile

from tfgan import images
from tfgan.errors import UserError

_MAY_CHANGE = ("epochs", "iterations")  # a finished run may be made longer


class RunDir:
    """The files of the run `name` in log_dir and out_dir. Makes both; raises UserError where they cannot be written."""

    def __init__(self, name, log_dir, out_dir):
        if not re.fullmatch(r"[\w.+-]+", name) or name in (".", ".."):
            raise UserError(f"--run is {name!r}; it names files, so use letters, digits, '.', '_', '+' and '-' only")
        self.name = name
        self.out_dir = pathlib.Path(out_dir)
        self.logs = pathlib.Path(log_dir) / name
        self.checkpoints = self.logs / "checkpoints"
        self._config = self.logs / "config.json"
        self._metrics = self.logs / "metrics.jsonl"
        for option, folder in (("--log-dir", pathlib.Path(log_dir)), ("--out-dir", self.out_dir)):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                raise UserError(f"{option} {folder} cannot be written: {error.strerror}; give another") from error

    def start(self, config, fresh):
        """Begins or continues the run with that config, a dict of JSON values with the keys recipe, seed and as_written.

        fresh: whatever the run has is removed first. Raises UserError where the run was made with another config.
        """
        if fresh:
            shutil.rmtree(self.logs, ignore_errors=True)
            pictures = re.compile(re.escape(self.name) + r"-(real|losses|\d{6,}|\d{6,}-pair)\.png")
            for path in self.out_dir.iterdir():
                if pictures.fullmatch(path.name):
                    path.unlink()
        if self._config.exists():
            self._refuse_changes(json.loads(self._config.read_text()), config)
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        part = self._config.with_suffix(".part")
        part.write_text(json.dumps(config, indent=2) + "\n")
        os.replace(part, self._config)

    def _refuse_changes(self, was, now):
        was, now = ({**c["recipe"], "seed": c["seed"], "as_written": c["as_written"]} for c in (was, now))
        names = sorted(name for name in was.keys() | now.keys() if name not in _MAY_CHANGE)
        changed = [f"{n} was {was.get(n)!r}, now {now.get(n)!r}" for n in names if was.get(n) != now.get(n)]
        if changed:
            raise UserError(
                f"run {self.name} was made otherwise: {'; '.join(changed)}. Give the same again, or --fresh to start over "
                "(its checkpoints and pictures are removed), or another --run NAME"
            )

    def metrics(self):
        """The lines of metrics.jsonl, as dicts."""
        if not self._metrics.exists():
            return []
        return [json.loads(line) for line in self._metrics.read_text().splitlines()]

    def cut_metrics(self, iteration):
        """Removes the lines from that iteration on: what is done again is written again."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["iteration"] < iteration]
        part = self._metrics.with_suffix(".part")
        part.write_text("".join(kept))
        os.replace(part, self._metrics)

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
