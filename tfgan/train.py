"""`python -m tfgan.train`: trains one of the tutorials. Parses and checks everything, then hands over to `training.loop`.

TensorFlow is imported only after the options have been read, so that --help and mistakes in the options are answered at once.
"""

import contextlib
import dataclasses
import os
import re
from typing import NamedTuple

import numpy as np

from tfgan import datasets
from tfgan.common import files
from tfgan.common import output
from tfgan.common import signals
from tfgan.common.command import run_command
from tfgan.datasets.labels import Classes
from tfgan.distribution import cluster
from tfgan.distribution import devices
from tfgan.errors import Collapsed
from tfgan.errors import Diverged
from tfgan.errors import UserError
from tfgan.recipes import Recipe
from tfgan.runs import environment
from tfgan.runs import saved
from tfgan.runs.saved import OF_CLASSES
from tfgan.training import options
from tfgan.training.options import parser


def main():
    """Runs the command; its exit status."""
    given = parser().parse_args()
    processes = cluster.of_options(given.hosts, given.task)
    if processes is not None:  # TensorFlow, which comes with the recipes, would print many lines for each process that is gone
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    settings = options.settings(given, processes)
    devices.refuse_for_replicas(settings.hardware, settings.as_written)
    if given.dry_run:
        from tfgan.training.describe import print_recipe
        from tfgan.training.guards import refuse_too_large

        recipe = settings.recipe
        if recipe.conditional is not None and recipe.classes is None:  # the user's own pictures must be looked at
            recipe = recipe.replace(classes=len(load_data(settings).label_names))
        refuse_too_large(recipe)
        print_recipe(recipe)
        return 0
    with output.ignore_write_errors("stdout"):  # a run goes on when nobody reads its lines any more
        return train_on_devices(settings)


def train_on_devices(settings):
    """Trains on the devices and hosts that the settings ask for; returns the exit status."""
    hardware = settings.hardware
    names = devices.prepare_devices(hardware)
    from tfgan.distribution.team import make_team
    from tfgan.tf1 import tf
    from tfgan.training.session import config_for

    with signals.leave_on_signal() if hardware.cluster else contextlib.nullcontext():  # until training begins, which saves first
        team = make_team(names, hardware.cluster, hardware.sync_batch_norm, config_for(settings))
        try:
            try:
                return train(settings, team)
            except tf.errors.ResourceExhaustedError as error:
                size = settings.recipe.batch_size
                raise UserError(f"batch_size {size} needs more memory than there is; give a smaller one") from error
        except (UserError, Diverged, Collapsed) as error:
            team.refuse(error)
            raise


def train(settings, team):
    """Trains as a process of the team; returns the exit status. All refusals come before anything is written."""
    from tfgan.datasets.batches import Batches
    from tfgan.distribution import follow
    from tfgan.runs import rundir
    from tfgan.training.guards import refuse_too_large

    folders, name = settings.folders, settings.run or default_name(settings.recipe)
    if not os.path.exists(os.path.join(folders.logs, name, "config.json")):  # an earlier version may have begun it
        rundir.check_new_name(name, folders.out)
    run = rundir.RunDir(name, folders.logs, folders.out) if team.chief else None
    settings = with_projection_seed(settings, run)
    data = read_data(settings, team)
    refuse_too_large(data.recipe)
    settings = dataclasses.replace(settings, recipe=data.recipe)
    parts = zip(data.images, team.local, strict=True)
    batches = [Batches(part, data.recipe, settings.seed, replica, team.count, data.classes) for part, replica in parts]
    config = run_config(settings, batches[0], data, team.count)
    team.agree(follow.facts(config, settings))
    if not team.chief:
        return follow.follow(settings, batches, team)
    evaluator = make_evaluator(settings, data)
    with run.locked():
        return train_as_chief(settings, batches, run, config, evaluator, team)


def with_projection_seed(settings, run):
    """The settings, with the seed of D's fixed part in the recipe: --init-from takes a projected D along as a whole.

    A run that goes on has that seed in its config. run: the `RunDir`, or None in a process that is not the chief.
    """
    if not settings.recipe.projected or settings.init_from is None:
        return settings
    if run is not None and not settings.fresh and saved.checkpoint_iterations(run.checkpoints):
        was = saved.read_config(run.logs)
        seed = was and was["recipe"].get("projection_seed")
    else:
        from tfgan.training import warm_start

        seed = warm_start.projection_seed(settings.init_from)
    return dataclasses.replace(settings, recipe=settings.recipe.replace(projection_seed=None if seed == settings.seed else seed))


def default_name(recipe):
    """The run's name where the user gives none: MODEL-DATASET."""
    return re.sub(r"[^\w.+-]+", "-", f"{recipe.model}-{recipe.dataset_name}")


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
        "shards": settings.data_access.shards,
        "init_from": None if settings.init_from is None else os.path.abspath(settings.init_from),
        "environment": environment.environment(**settings.hardware.arithmetic, replicas=replicas),
    }


def make_evaluator(settings, data):
    """The `Evaluator` that measures samples while the run trains, or None. data: the `TrainingData`.

    Raises UserError if the best checkpoint is to be kept by a figure that it cannot measure.
    """
    evaluation = settings.evaluation
    if evaluation is None:
        return None
    from tfgan.quality.evaluation import Evaluator
    from tfgan.tf1 import Session
    from tfgan.tf1 import tf
    from tfgan.training.session import session_config

    # A process has one pool of threads, of the size that its first session asks for. This makes it the run's.
    Session(graph=tf.Graph(), config=session_config(settings.recipe, as_written=settings.as_written)).close()
    evaluator = Evaluator(
        settings.recipe, data.sha256, settings.folders.data, evaluation.features, evaluation.images, held_out=False,
        classes=data.classes.names if data.classes else (), exclude=dataclasses.astuple(settings.folders),
    )  # fmt: skip
    if evaluator.choice:
        print(evaluator.choice)
    if evaluation.keep_best in OF_CLASSES and evaluator.class_figures is None:
        needed = "the features of a classifier that knows the run's classes"
        evaluator.extractor.close()
        raise UserError(f"--keep-best {evaluation.keep_best} needs {needed}; give --features classifier, or another figure")
    return evaluator


def train_as_chief(settings, batches, run, config, evaluator, team):
    """Trains the run whose lock this process holds; returns the exit status."""
    from tfgan.runs import checkpoints
    from tfgan.training import loop
    from tfgan.training import warm_start
    from tfgan.training.describe import describe

    try:
        done = 0 if settings.fresh else max(checkpoints.checkpoint_iterations(run.checkpoints), default=0)
        initial = {}
        if settings.init_from is not None:
            if not done:
                initial = warm_start.read(settings.init_from, settings.recipe)
            config = {**config, "init_from_sha256": warm_start.sha256(settings.init_from)}
        run.start(config, settings.fresh, done, batches[0].iterations)
        describe(settings, batches[0], run, team.count)
        return loop.train(settings, batches, run, initial, evaluator, team)
    except OSError as error:
        reason = files.describe_error(error)
        raise UserError(f"run {run.name} cannot go on: {reason}; mend that and run the same command again") from error
    except Diverged as error:
        saved = checkpoints.checkpoint_iterations(run.checkpoints)
        newest = f"{run.checkpoints}/{saved[-1]:06d} is from before" if saved else "no checkpoint was made before"
        raise Diverged(f"{error}; {newest}. A lower --learning-rate often helps (with --fresh, or another --run)") from error


class TrainingData(NamedTuple):
    """What a run trains on."""

    images: list  # those that each replica of this process reads
    sha256: str  # of all images
    recipe: Recipe  # the run's, which now knows the number of classes
    classes: Classes | None = None  # of the images; None where the recipe is not conditional


def read_data(settings, team):
    """The `TrainingData`. Fetches and packs what is missing."""
    recipe, access, folders = settings.recipe, settings.data_access, settings.folders
    if access.shards is not None:
        from tfgan.datasets import shards

        size = None if datasets.info(recipe.dataset).channels == 1 else recipe.image_shape[:2]  # grey data sets have one size
        read = [shards.read(recipe.dataset, size, folders.data, access.shards, replica, team.count) for replica in team.local]
        return TrainingData([images for images, _ in read], read[0][1], recipe)
    data = load_data(settings)
    images = [read_all(data.images) if access.in_memory else data.images] * len(team.local)
    if recipe.conditional is None:
        return TrainingData(images, data.sha256, recipe)
    recipe = recipe.replace(classes=len(data.label_names))
    return TrainingData(images, data.sha256, recipe, Classes(np.asarray(data.labels), data.label_names))


def load_data(settings):
    """The `pack.Data` that the settings' recipe trains on. What tfgan itself wrote is none of the user's pictures."""
    folders = settings.folders
    for option, folder in (("--log-dir", folders.logs), ("--out-dir", folders.out)):
        datasets.refuse_folder(settings.recipe.dataset, option, folder)
    return datasets.load_for(settings.recipe, folders.data, settings.data_access.keep_going, dataclasses.astuple(folders))


def read_all(images):
    """The memory-mapped images as an array in memory. Raises UserError where they are too large."""
    try:
        return np.array(images)
    except MemoryError as error:
        raise UserError(f"--in-memory needs {images.nbytes / 1e9:,.1f} GB, more than there are; leave it out") from error


if __name__ == "__main__":
    run_command(main)
