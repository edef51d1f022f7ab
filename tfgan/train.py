"""`python -m tfgan.train`: trains one of the tutorials. Parses and checks everything, then hands over to `loop`.

TensorFlow is imported only after the options have been read, so that --help and their errors come at once.
"""

import itertools
import json
import os
import pathlib
import platform
import re

import numpy as np

from tfgan import datasets
from tfgan.common import files
from tfgan.common import output
from tfgan.common.command import run_command
from tfgan.distribution import cluster
from tfgan.errors import Collapsed
from tfgan.errors import Diverged
from tfgan.errors import UserError
from tfgan.runs import environment
from tfgan.training.options import HOW
from tfgan.training.options import parser
from tfgan.training.options import resolve

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    processes = cluster.of_options(options.hosts, options.task)
    refuse_for_team(options, processes)
    if processes is not None:  # else TensorFlow, which comes with the recipes, tells in many lines of each that is gone
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    recipe = resolve(options)
    if options.dry_run:
        return dry_run(recipe)
    with output.ignore_write_errors("stdout"):  # which is not what a run is for
        return train_on(options, recipe, processes)


def train_on(options, recipe, processes):
    """Trains on the devices and hosts that the options ask for; the exit status. processes: a `cluster.Cluster`, or None."""
    devices = prepare_devices(options)
    refuse_for_devices(devices, processes)
    from tfgan import tf1
    from tfgan.distribution import distribute
    from tfgan.training import loop

    config = loop.session_config(recipe, options.xla, options.mixed_precision, options.as_written)
    team = distribute.team(devices, processes, options.sync_batch_norm, config)
    try:
        try:
            return train(recipe, options, team)
        except tf1.tf.errors.ResourceExhaustedError as error:
            raise UserError(f"batch_size {recipe.batch_size} needs more memory than there is; give a smaller one") from error
    except (UserError, Diverged, Collapsed) as error:
        team.refuse(error)
        raise


def train(recipe, options, team):
    """Trains as a process of the team; the exit status. Everything that can be refused is refused before anything is written."""
    from tfgan.datasets.batches import Batches
    from tfgan.distribution import follow
    from tfgan.runs import checkpoints
    from tfgan.runs.rundir import RunDir
    from tfgan.tf1 import tf
    from tfgan.training import loop
    from tfgan.training import warm_start

    default_name = re.sub(r"[^\w.+-]+", "-", f"{recipe.model}-{recipe.dataset_name}")
    run = RunDir(options.run or default_name, options.log_dir, options.out_dir) if team.chief else None
    images, sha256 = images_of_team(recipe, options, team)
    parts = zip(images, team.local, strict=True)
    batches = [Batches(part, recipe, options.seed, replica, team.count) for part, replica in parts]
    how = {name: getattr(options, name) for name in HOW}
    config = {
        "recipe": recipe.to_dict(),
        "seed": options.seed,
        "as_written": options.as_written,
        "images": batches[0].count,
        "data_sha256": sha256,
        "shards": options.shards,
        "init_from": None if options.init_from is None else os.path.abspath(options.init_from),
        "environment": environment.environment(**how, replicas=team.count),
    }
    team.agree(follow.facts(config, options))
    if not team.chief:
        return follow.follow(recipe, batches, options, team)
    judge = None
    if options.evaluate_every is not None:
        from tfgan.quality.evaluation import Evaluator

        # A process has one pool of threads, of the size that its first session asks for: it shall be the run's.
        tf.Session(graph=tf.Graph(), config=loop.session_config(recipe, as_written=options.as_written)).close()
        data_dir, count = pathlib.Path(options.data_dir), options.evaluate_images
        judge = Evaluator(recipe, sha256, data_dir, options.features, count, held_out=False)
    with run.locked():
        try:
            done = 0 if options.fresh else max(checkpoints.checkpoint_iterations(run.checkpoints), default=0)
            initial = warm_start.read(options.init_from, recipe) if options.init_from is not None and not done else {}
            run.start(config, options.fresh, done, batches[0].iterations)
            describe(recipe, batches[0], run, options, team.count)
            return loop.train(recipe, batches, run, options, initial, judge, team)
        except OSError as error:
            reason = files.describe_error(error)
            raise UserError(f"run {run.name} cannot go on: {reason}; mend that and run the same command again") from error
        except Diverged as error:
            made = checkpoints.checkpoint_iterations(run.checkpoints)
            newest = f"{run.checkpoints}/{made[-1]:06d} is from before" if made else "no checkpoint was made before"
            raise Diverged(f"{error}; {newest}. A lower --learning-rate often helps (with --fresh, or another --run)") from error


def images_of_team(recipe, options, team):
    """([what each of this process's replicas reads], the SHA-256 of all images); what is missing is fetched and packed."""
    data_dir = pathlib.Path(options.data_dir)
    if options.shards is not None:
        from tfgan.datasets import shards

        size = None if datasets.info(recipe.dataset).channels == 1 else recipe.image_shape[:2]  # the grey ones have but one
        read = [shards.read(recipe.dataset, size, data_dir, options.shards, replica, team.count) for replica in team.local]
        return [images for images, _ in read], read[0][1]
    own = [pathlib.Path(os.path.realpath(folder)) for folder in (options.data_dir, options.log_dir, options.out_dir)]
    data = datasets.load_for(recipe, data_dir, options.keep_going, exclude=own)
    return [read_all(data.images) if options.in_memory else data.images] * len(team.local), data.sha256


def refuse_for_team(options, processes):
    """Raises UserError for what does not go with the number of replicas. processes: a `cluster.Cluster`, or None."""
    several = processes is not None or len(options.devices or ()) > 1
    if several and options.as_written:
        raise UserError("--as-written is the tutorials' own loop, on one device; leave it out, or --devices and --hosts")
    if not several and options.sync_batch_norm:
        raise UserError("--sync-batch-norm is for several devices or hosts; leave it out, or give --devices or --hosts")


def prepare_devices(options):
    """Imports TensorFlow with the devices that the options ask for, and says what it found; their names. Raises UserError."""
    # CUDA reads this when TensorFlow first looks for devices; with one GPU visible, that one is "the first".
    allotted = os.environ.get(_VISIBLE)
    if options.device == "cpu":
        os.environ[_VISIBLE] = "-1"
    elif options.device not in ("auto", "gpu"):
        os.environ[_VISIBLE] = visible_gpus(f"--device {options.device}", [int(options.device)], allotted)
    elif options.devices is not None:
        option = f"--devices {','.join(map(str, options.devices))}"
        os.environ[_VISIBLE] = visible_gpus(option, options.devices, allotted)
    from tfgan import tf1

    tf1.tf.logging.set_verbosity(tf1.tf.logging.ERROR)  # compat.v1 warns of its own deprecation now and then
    if options.deterministic:
        tf1.tf2.config.experimental.enable_op_determinism()
    gpus = tf1.gpus()
    print(f"TensorFlow {tf1.tf.__version__}, Python {platform.python_version()}")
    if gpus:
        wanted = len(options.devices or (0,))
        if len(gpus) < wanted:
            raise UserError(f"--devices names {wanted} GPUs, and TensorFlow finds {len(gpus)} of them here; name fewer")
        print(f"Device: {', '.join(gpus)}; training uses {f'{wanted} of them' if wanted > 1 else 'the first GPU'}")
        return [f"/gpu:{n}" for n in range(wanted)]
    if options.device not in ("auto", "cpu"):
        of = "" if allotted is None else f", where {_VISIBLE} is {allotted!r}"
        raise UserError(f"--device {options.device}: TensorFlow finds no such GPU here{of}; leave it out to train on the CPU")
    if options.xla:
        raise UserError("--xla: no GPU was found, and on a CPU XLA makes training several times slower; leave it out")
    if options.mixed_precision:
        raise UserError("--mixed-precision: no GPU was found, and on a CPU float16 gains nothing; leave it out")
    found = "As asked" if options.device == "cpu" else "No GPU was found"
    print(f"Device: CPU, {environment.cores()} cores. {found}: the README's table says how long each tutorial takes")
    return [f"/cpu:{n}" for n in range(len(options.devices or (0,)))]


def visible_gpus(option, numbers, allotted):
    """What CUDA_VISIBLE_DEVICES is to be for these GPUs. Raises UserError for one beyond those that the process may use.

    option: what names them, in words. allotted: the variable as it is, or None. Where it is set, as Slurm does for a task,
    numbers count its entries, which may be UUIDs; where it leaves none, none is visible.
    """
    if allotted is None:
        return ",".join(map(str, numbers))
    entries = (entry.strip() for entry in allotted.split(","))
    there = list(itertools.takewhile(re.compile(r"[0-9]+|(GPU|MIG)-.+").fullmatch, entries))  # CUDA stops at the first other, too
    if there and max(numbers) >= len(there):
        last = f" to {len(there) - 1}" if len(there) > 1 else ""
        raise UserError(f"{option}: {_VISIBLE} is {allotted!r}, whose GPUs count as 0{last}; name such, or change the variable")
    return ",".join(there[number] for number in numbers) if there else "-1"


def refuse_for_devices(devices, processes):
    """Raises UserError where TensorFlow cannot train on these devices of several hosts."""
    if processes is not None and len(devices) > 1 and "cpu" in devices[0]:
        raise UserError("--devices of several hosts are GPUs, and there is none here; leave it out: a CPU is one device")


def read_all(images):
    """The memory-mapped images as an array in memory. Raises UserError where they are too large."""
    try:
        return np.array(images)
    except MemoryError as error:
        raise UserError(f"--in-memory needs {images.nbytes / 1e9:,.1f} GB, more than there are; leave it out") from error


def describe(recipe, batches, run, options, replicas):
    """Prints the data and the recipe's main numbers, and saves a grid of real images as out/RUN-real.png."""
    from tfgan.common import images

    count, *shape = batches.count, *batches.images.shape[1:]
    size = " x ".join(map(str, recipe.image_shape))
    print(f"Data: {recipe.dataset}, {count:,} images of {' x '.join(map(str, shape))}, trained on as {size}")
    how = "as written" if options.as_written else "fused" if replicas == 1 else f"fused, on {replicas} replicas"
    print(
        f"Recipe: {recipe.model}, batch {recipe.batch_size}, {batches.iterations:,} iterations ({how}), "
        f"z {recipe.z_dim} {recipe.z_distribution}, {recipe.optimizer} {recipe.learning_rate:g}, seed {options.seed}"
    )
    real = batches.first_images(recipe.real_count or recipe.sample_count)
    real = images.preprocess_array(real, recipe.image_shape, recipe.value_range)
    path = run.save_picture("real", images.square_grid(images.to_uint8(real, recipe.value_range)))
    print(f"Saved {path}; TensorBoard: tensorboard --logdir {options.log_dir}", flush=True)


def dry_run(recipe):
    """Prints the recipe and both networks' layers; builds the graph, trains nothing, writes nothing."""
    from tfgan.graph.gan import build
    from tfgan.tf1 import tf

    with tf.Graph().as_default():
        gan = build(recipe)
    print(json.dumps(recipe.to_dict(), indent=2))
    g, g_fixed = table("Generator", gan.g_layers)
    everything = g + g_fixed + sum(table("Discriminator", gan.d_layers))
    print(f"\nG's update: {everything:,} parameters in all, {g:,} trained, {everything - g:,} fixed")
    return 0


def table(title, rows):
    """Prints a network's layers; (trainable, not trainable) parameters in all."""
    print(f"\n{title:<28}{'output shape':<24}{'parameters':>12}")
    totals = [0, 0]
    for name, shape, variables in rows:
        sizes = [(v.shape.num_elements(), v.trainable) for v in variables]
        print(f"{name:<28}{tuple(shape)!s:<24}{sum(n for n, _ in sizes):>12,}")
        totals[0] += sum(n for n, trainable in sizes if trainable)
        totals[1] += sum(n for n, trainable in sizes if not trainable)
    print(f"{sum(totals):,} parameters: {totals[0]:,} trainable, {totals[1]:,} not trainable")
    return totals


if __name__ == "__main__":
    run_command(main)
