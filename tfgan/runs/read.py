"""Reads what `tfgan.train` wrote of each run into its log and output folders."""

import contextlib
import json
import operator
import os
import pathlib
import re
from typing import NamedTuple

from tfgan.common import files
from tfgan.errors import UserError
from tfgan.recipes import MODELS
from tfgan.recipes import Recipe

LOSSES = ("d_loss", "g_loss")  # every line of metrics has these
_MEASURES = (  # in most lines
    "d_loss_real", "d_loss_fake", "d_class_loss", "d_real", "d_fake", "g_gradient", "diversity", "images_per_second"
)  # fmt: skip
LONGEST_ENDING = f"-{2**53}-pair.png.part"  # of the files that are named after a run
METRICS, LOCK = "metrics.jsonl", "lock"  # in a run's folder
MEASURES = {  # of metrics.jsonl, in words
    "d_loss": "D's loss",
    "g_loss": "G's loss",
    "d_real": "D's mean output on real images",
    "d_fake": "D's mean output on samples",
}
BEST = "best.json"  # in the folder of checkpoints
_PARTS = ("recipe", "environment")  # every config has these


class SavedRun(NamedTuple):
    """A run that training has started."""

    name: str
    logs: pathlib.Path  # its folder
    config: dict  # the content of config.json
    recipe: Recipe

    @property
    def seed(self):
        """The seed it was trained with."""
        return int(self.config["seed"])

    @property
    def checkpoints(self):
        """The folder of its checkpoints."""
        return self.logs / "checkpoints"

    @property
    def iterations(self):
        """Its length in iterations."""
        return self.recipe.total_iterations(int(self.config["images"]))

    @property
    def newest_iteration(self):
        """The iteration of its newest checkpoint, from which it goes on. 0 if it has none. Raises OSError."""
        return max(checkpoint_iterations(self.checkpoints), default=0)

    @property
    def about(self):
        """What it is, in a line."""
        return f"{self.recipe.model} on {self.recipe.dataset_name}, seed {self.seed}"

    @property
    def has_discriminator(self):
        """Whether its checkpoints have D. Those of the generators that come with tfgan do not."""
        return self.config.get("has_discriminator", True)

    @property
    def classes(self):
        """A conditional run's classes: {name: how many training images it has}. {} for other runs."""
        return self.config.get("classes", {})

    @property
    def class_shares(self):
        """Each class's share of the training images, a list in the order of `classes`."""
        counts = self.classes.values()
        return [count / sum(counts) for count in counts]

    def metrics(self):
        """The lines of metrics.jsonl, as dicts."""
        return read_metrics(self.logs)


def find_run(run, log_dir="logs"):
    """The `SavedRun` of this name in log_dir. run: a name, or the path of a run's folder. Raises UserError if there is none."""
    for folder in (pathlib.Path(log_dir) / run, pathlib.Path(run)):
        if run and (folder / "config.json").is_file():
            return read_run(folder)
    names = run_names(log_dir)
    listing = f"there are {', '.join(names)}" if names else "there is none; python -m tfgan.train makes one"
    raise UserError(f"there is no run {run!r} in {log_dir}: {listing}")


def run_names(log_dir):
    """The names of all runs in log_dir, sorted. Raises UserError if the folder cannot be read."""
    folder = pathlib.Path(log_dir)
    try:
        return sorted(place.parent.name for place in folder.glob("*/config.json")) if folder.exists() else []
    except OSError as error:
        raise UserError(f"--log-dir: cannot read {log_dir} ({error.strerror}); allow it, or give another") from error


def read_run(folder):
    """The `SavedRun` in this folder, which must have a config.json. Raises UserError if that is damaged."""
    if (config := read_config(folder)) is None:
        raise UserError(f"{folder / 'config.json'} is gone; train the run again")
    try:
        run = SavedRun(folder.resolve().name, folder, config, Recipe.from_dict(config["recipe"]))
        if run.recipe.model not in MODELS or not isinstance(run.recipe.dataset, str):
            raise UserError("no such model or data set")
        if len(run.classes) != (run.recipe.classes or 0):
            raise UserError("the names of the classes are missing")
        counts = (*run.classes.values(), config["images"], config["seed"], run.recipe.batch_size, run.recipe.z_dim)
        for number in (*counts, run.iterations):
            operator.index(number)
    except (UserError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{folder / 'config.json'} cannot be used by this version ({error}); train the run again") from error
    return run


def read_config(folder):
    """A run's config.json as a dict, or None if there is none. Raises UserError if it is damaged."""
    path = folder / "config.json"
    if not path.exists():
        return None
    try:
        config = json.loads(path.read_text())
        parts = {name: dict(config[name]) for name in _PARTS}
        return {**config, **parts, "earlier_environments": list(config.get("earlier_environments", []))}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); --fresh starts the run over") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); allow it") from error


def read_metrics(folder):
    """The lines of a run's metrics.jsonl, as dicts. Lines that are incomplete, or whose values are not numbers, are skipped."""
    path = folder / METRICS
    return parse_metrics(path.read_bytes()) if path.exists() else []


def is_training(folder):
    """Whether a process is training the run of that folder now. Raises OSError if this cannot be determined."""
    return files.lock_holder(folder / LOCK) is not None


def no_checkpoint(run):
    """The UserError for a `SavedRun` that has no checkpoint yet."""
    if is_training(run.logs):
        return UserError(f"run {run.name} is being trained and has no checkpoint yet; try again when it has saved its first one")
    return UserError(f"run {run.name} has no checkpoint yet; train it first")


def parse_metrics(content):
    """The lines of a part of metrics.jsonl, given as bytes, as `read_metrics` returns them."""
    metrics = []
    for line in content.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError):
            values = json.loads(line)
            numbers = {name: float(values[name]) for name in (*LOSSES, *(n for n in _MEASURES if n in values))}
            metrics.append({**values, **numbers, "iteration": int(values["iteration"])})
    return metrics


def checkpoint_iterations(folder):
    """The iterations of all checkpoints in this folder, ascending, including damaged ones. Raises OSError."""
    names = os.listdir(folder) if folder.exists() else []
    return sorted(int(name) for name in names if name.isdecimal() and name == f"{int(name):06d}")


def read_best(folder):
    """The record of the best checkpoint in a folder: a dict with `iteration`, `metric` and `value`. None if there is none."""
    try:
        best = json.loads((folder / BEST).read_text())
        return {**best, "iteration": int(best["iteration"]), "value": float(best["value"]), "metric": str(best["metric"])}
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def resolve_iteration(run, text):
    """The iteration that --iteration names. text: a number, `best` (the checkpoint of --keep-best), or None, which gives None.

    Raises UserError.
    """
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    if text != "best":
        raise UserError(f"--iteration is {text!r}; give a checkpoint's iteration, or best")
    if (best := read_best(run.checkpoints)) is None:
        raise UserError(f"run {run.name} has no best checkpoint; --evaluate-every with --keep-best keeps one")
    return best["iteration"]


def picture_files(out_dir, name, ending=""):
    """The sorted paths of all pictures, films and pages that training and `report` made of the run `name`, and of no other run.

    ending: what follows in the files' names, such as ".part".
    """
    kinds = r"-(real|losses|beside-real|nearest|alike|classes|\d{6,}|\d{6,}-pair)\.png|\.(gif|webp|mp4|html)"
    pattern = re.compile(rf"{re.escape(name)}({kinds}){re.escape(ending)}")
    names = os.listdir(out_dir) if out_dir.exists() else []
    return [out_dir / file for file in sorted(names) if pattern.fullmatch(file)]


def sample_grids(out_dir, name):
    """{iteration: path} of the run's sample grids, ascending."""
    return {n: path for n, path in pictures_by_iteration(out_dir, name) if path.name == f"{name}-{n:06d}.png"}


def pictures_by_iteration(out_dir, name):
    """[(iteration, path)] of the run's grids and pairs, ascending."""
    numbers = ((re.match(r"-(\d{6,})(-pair)?\.png", path.name.removeprefix(name)), path) for path in picture_files(out_dir, name))
    return sorted((int(number[1]), path) for number, path in numbers if number)
