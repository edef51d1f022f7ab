"""How a run starts: its data, its configuration, its evaluator, then the loop. All refusals come before anything is written."""

import contextlib
import dataclasses
import os
import re
import sys
from typing import Any
from typing import NamedTuple

import numpy as np

from tfgan import datasets
from tfgan.common import files
from tfgan.common import machine
from tfgan.common import places
from tfgan.datasets.batches import Batches
from tfgan.datasets.classes import Classes
from tfgan.errors import Diverged
from tfgan.errors import UserError
from tfgan.graph import networks
from tfgan.quality import measurements
from tfgan.recipes import Recipe
from tfgan.runs import checkpoints
from tfgan.runs import environment
from tfgan.runs import read
from tfgan.runs import write
from tfgan.tf1 import Session
from tfgan.tf1 import tf
from tfgan.training import loop
from tfgan.training import warm_start
from tfgan.training.describe import describe
from tfgan.training.describe import print_recipe
from tfgan.training.session import session_config
from tfgan.training.settings import Settings

_COPIES = {"adam": 3, "sgd": 2}  # of a variable: itself and the optimiser's moments


class TrainingData(NamedTuple):
    """What a run trains on."""

    images: np.ndarray  # uint8 [N, h, w, c]
    sha256: str  # of the images
    recipe: Recipe  # the run's, which now knows the number of classes
    classes: Classes | None = None  # of the images; None where the recipe is not conditional


class Preparation(NamedTuple):
    """A run that could begin."""

    settings: Settings  # their recipe now knows the number of classes
    run: write.RunDir | None  # None in a process that is not the chief
    data: TrainingData
    batches: list  # the `Batches` of each replica in this process
    config: dict[str, Any]  # the content of config.json


def show(settings):
    """Prints the recipe and its layers. Writes nothing but what is packed to count the classes of the user's own pictures."""
    recipe = settings.recipe
    if recipe.conditional is not None and recipe.classes is None:
        with contextlib.redirect_stdout(sys.stderr):  # the output is the recipe alone
            recipe = recipe.replace(classes=len(load_data(settings).label_names))
    refuse_too_large(recipe)
    print_recipe(recipe)


def prepare(settings, team):
    """The `Preparation` of a run in a process of the team. Fetches and packs missing data. Raises UserError."""
    name = settings.run or default_name(settings.recipe)
    if not os.path.exists(os.path.join(settings.log_dir, name, "config.json")):  # an earlier version may have begun it
        write.check_new_name(name, settings.out_dir)
    run = write.RunDir(name, settings.log_dir, settings.out_dir) if team.chief else None
    settings = with_projection_seed(settings, run)
    data = read_data(settings)
    refuse_too_large(data.recipe)
    settings = dataclasses.replace(settings, recipe=data.recipe)
    replicas = team.local
    batches = [Batches(data.images, data.recipe, settings.seed, replica, team.count, data.classes) for replica in replicas]
    return Preparation(settings, run, data, batches, run_config(settings, batches[0], data, team.count))


def with_projection_seed(settings, run):
    """The settings, with the seed of D's fixed part in the recipe: --init-from takes a projected D along as a whole.

    A run that goes on has that seed in its config. run: the `RunDir`, or None in a process that is not the chief.
    """
    if not settings.recipe.projected or settings.init_from is None:
        return settings
    if run is not None and not settings.fresh and read.checkpoint_iterations(run.checkpoints):
        config = read.read_config(run.logs)
        seed = config and config["recipe"].get("projection_seed")
    else:
        seed = warm_start.projection_seed(settings.init_from)
    return dataclasses.replace(settings, recipe=settings.recipe.replace(projection_seed=None if seed == settings.seed else seed))


def default_name(recipe):
    """The run's name where the user gives none: MODEL-DATASET."""
    return re.sub(r"[^\w.+-]+", "-", f"{recipe.model}-{recipe.dataset_name}")


def read_data(settings):
    """The `TrainingData`. Fetches and packs what is missing."""
    recipe = settings.recipe
    data = load_data(settings)
    images = read_all(data.images) if settings.in_memory else data.images
    if recipe.conditional is None:
        return TrainingData(images, data.sha256, recipe)
    recipe = recipe.replace(classes=len(data.label_names))
    return TrainingData(images, data.sha256, recipe, Classes(np.asarray(data.labels), data.label_names))


def load_data(settings):
    """The `pack.Data` that the settings' recipe trains on. What tfgan itself wrote is none of the user's pictures."""
    for option, folder in (("--log-dir", settings.log_dir), ("--out-dir", settings.out_dir)):
        datasets.refuse_folder(settings.recipe.dataset, option, folder)
    return datasets.load_for(settings.recipe, places.data_dir(settings), settings.keep_going, settings.own_folders)


def read_all(images):
    """The memory-mapped images as an array in memory. Raises UserError where they are too large."""
    try:
        return np.array(images)
    except MemoryError as error:
        raise UserError(f"--in-memory needs {images.nbytes / 1e9:,.1f} GB, more than there are; leave it out") from error


def refuse_too_large(recipe):
    """Raises UserError if G alone needs more memory than the machine has. TensorFlow would fail late, each time otherwise."""
    with tf.Graph().as_default():
        values = sum(v.shape.num_elements() for v in networks.inference(recipe, seed=0, judge=False).g_vars)
    needed, available = 4 * values * _COPIES[recipe.optimizer], machine.memory()
    if needed > available:
        raise UserError(
            f"z_dim is {recipe.z_dim:,}, with which G and its optimiser need {needed / 1e9:,.1f} GB of memory; this machine has "
            f"{available / 1e9:,.1f} GB; give a smaller --z-dim"
        )


def run_config(settings, batches, data, replicas):
    """What config.json says of the run, as JSON values. batches: of the first replica. data: the `TrainingData`."""
    classes = data.classes and dict(zip(data.classes.names, data.classes.counts.tolist(), strict=True))
    return {
        "recipe": settings.recipe.to_dict(),
        "seed": settings.seed,
        "as_written": settings.as_written,
        "images": batches.count,
        "data_sha256": data.sha256,
        **({"classes": classes, "labels_sha256": data.classes.sha256} if classes else {}),
        "init_from": None if settings.init_from is None else os.path.abspath(settings.init_from),
        "environment": environment.environment(**settings.hardware.arithmetic, replicas=replicas),
    }


def make_evaluator(settings, data):
    """The `Evaluator` that measures samples while the run trains, or None. data: the `TrainingData`.

    Raises UserError if the best checkpoint is to be kept by a figure that it cannot measure.
    """
    if settings.evaluate_every is None:
        return None
    from tfgan.quality.evaluation import Evaluator  # here: it imports what most runs do not need

    # A process has one pool of threads, of the size that its first session asks for. This makes it the run's.
    Session(graph=tf.Graph(), config=session_config(settings.recipe, as_written=settings.as_written)).close()
    evaluator = Evaluator(
        settings.recipe, data.sha256, places.data_dir(settings), settings.features, settings.evaluate_images, held_out=False,
        classes=data.classes.names if data.classes else (), exclude=settings.own_folders,
    )  # fmt: skip
    if evaluator.choice:
        print(evaluator.choice)
    if settings.keep_best in measurements.OF_CLASSES and evaluator.class_figures is None:
        needed = "the features of a classifier that knows the run's classes"
        evaluator.extractor.close()
        raise UserError(f"--keep-best {settings.keep_best} needs {needed}; give --features classifier, or another figure")
    return evaluator


def train_as_chief(preparation, team):
    """Trains the run, which this process reserves, as the chief of the team; returns the exit status."""
    settings, run, data, batches, config = preparation
    evaluator = make_evaluator(settings, data)
    with run.locked():
        try:
            done = 0 if settings.fresh else max(checkpoints.checkpoint_iterations(run.checkpoints), default=0)
            initial = {}
            if settings.init_from is not None:
                if not done:
                    initial = warm_start.read(settings.init_from, settings.recipe)
                config = {**config, "init_from_sha256": warm_start.sha256(settings.init_from)}
            run.start(config, settings.fresh, done, batches[0].iterations, places.data_dir(settings))
            describe(settings, batches[0], run, team.count)
            team.begin()
            return loop.train(settings, batches, run, initial, evaluator, team)
        except OSError as error:
            reason = files.describe_error(error)
            raise UserError(f"run {run.name} cannot go on: {reason}; mend that and run the same command again") from error
        except Diverged as error:
            iterations = checkpoints.checkpoint_iterations(run.checkpoints)
            newest = f"{run.checkpoints}/{iterations[-1]:06d} is from before" if iterations else "no checkpoint was made before"
            raise Diverged(f"{error}; {newest}. A lower --learning-rate often helps (with --fresh, or another --run)") from error
