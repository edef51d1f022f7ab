"""`python -m tfgan.train`: trains one of the tutorials. Parses and checks everything, then hands over to `loop`.

TensorFlow is imported only after the options have been read, so that --help and their errors come at once.
"""

import argparse
import json
import os
import pathlib
import platform
import re

import numpy as np

from tfgan import datasets
from tfgan import files
from tfgan import recipes
from tfgan.errors import ArgumentParser
from tfgan.errors import Diverged
from tfgan.errors import UserError
from tfgan.errors import run_command
from tfgan.saved import CHOSEN_BY
from tfgan.saved import FEATURES

# options that change the recipe: field -> type, help
_OVERRIDES = {
    "epochs": (int, "passes over the data"),
    "iterations": (int, "updates of G"),
    "batch_size": (int, "images in a batch"),
    "z_dim": (int, "length of the noise vector"),
    "optimizer": (str, "adam, or sgd: Nesterov's momentum of 0.9, at 5e-4 unless --learning-rate is given"),
    "learning_rate": (float, "of both networks"),
    "beta1": (float, "Adam's decay of the first moment"),
    "smooth": (float, "label real images 1 - SMOOTH in D's loss"),
}
# the remedies that no tutorial has, likewise
_REMEDIES = {
    "loss": (str, "non-saturating (the tutorials'), minimax, least-squares, wasserstein or hinge"),
    "penalty": (str, "on D's gradient: wgan-gp, r1 or dragan"),
    "penalty_weight": (float, "of that; default 10"),
    "weight_clip": (float, "D's variables are kept within this of 0, for the wasserstein loss: 0.01 in its paper"),
    "d_normalization": (str, "in place of D's batch normalisation: layer or none; batch keeps it beside a penalty"),
    "d_steps": (int, "updates of D for each of G, on batches of their own"),
    "d_learning_rate": (float, "of D, where it is to be another"),
    "learning_rate_half_life": (int, "iterations in which the learning rates halve"),
    "instance_noise": (float, "standard deviation of noise on what D sees"),
    "instance_noise_half_life": (int, "iterations in which that noise halves"),
    "g_average": (float, "decay of a moving average of G's variables, which samples are made with: 0.999, say"),
}
_HOW = ("deterministic", "xla", "mixed_precision")  # options that change the arithmetic, not the recipe
_MODEL_OF_SIZE = {28: "dcgan28", 64: "dcgan64"}  # where the data set's own model makes another size
_SGD_LEARNING_RATE = 5e-4  # of the program behind the dog tutorial


_BEST = "best: the one that was measured best for the data set, in place of a tutorial's"


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.train", description="Trains a GAN. The same command again continues an unfinished run.")
    names = ", ".join(datasets.DATASETS)
    p.add_argument("--dataset", default="digits", metavar="NAME_OR_PATH", help=f"{names}, or a folder, zip or tar of pictures")
    p.add_argument("--model", choices=recipes.MODELS, help="the tutorial (default: the one of the data set)")
    sizes = "images of 28x28 or 64x64 (default: the model's)"
    p.add_argument("--image-size", type=int, choices=_MODEL_OF_SIZE, help=sizes)
    p.add_argument("--keep-going", action="store_true", help="train also where more than 5%% of the pictures are damaged")
    p.add_argument("--in-memory", action="store_true", help="read all images into memory, instead of mapping the file")
    group = p.add_argument_group("hyper-parameters (default: the tutorial's own)")
    for name, (kind, text) in _OVERRIDES.items():
        choices = ("adam", "sgd") if name == "optimizer" else None
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, choices=choices, help=text)
    group.add_argument("--recipe", choices=("tutorial", "best"), default="tutorial", help=_BEST)
    group.add_argument("--flip", action="store_true", help="mirror real images left to right at random")
    group.add_argument("--as-written", action="store_true", help="the tutorial's own loop: fed placeholders, two runs")
    group.add_argument("--init-from", metavar="PATH", help="begin with the networks of a tf.train.Saver checkpoint")
    group.add_argument("--seed", type=int, default=0, help="all randomness follows from it (default 0)")
    group = p.add_argument_group("remedies (docs/quality.md says what each is for)")
    for name, (kind, text) in _REMEDIES.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, help=text)
    group.add_argument("--spectral-normalization", action="store_true", help="of D's kernels")
    group.add_argument("--augment", metavar="NAMES", help=f"what D's images go through: any of {','.join(recipes.AUGMENTATIONS)}")
    group = p.add_argument_group("what is written, in iterations")
    for name, default in (("sample", 1000), ("summary", 100)):
        group.add_argument(f"--{name}-every", type=int, default=default, metavar="N", help=f"default {default}")
    for name, default in (("histogram", 100), ("checkpoint", 500)):
        text = f"default {default}, less often where that takes over 0.5%% of the time"
        group.add_argument(f"--{name}-every", type=int, metavar="N", help=text)
    group.add_argument("--checkpoint-minutes", type=float, default=10, metavar="N", help="also, in minutes; default 10")
    group.add_argument("--keep", type=int, default=3, metavar="N", help="checkpoints that are kept; default 3")
    group = p.add_argument_group("quality")
    text = "measure samples against real images, in iterations"
    group.add_argument("--evaluate-every", type=int, metavar="N", help=text)
    group.add_argument("--evaluate-images", type=int, default=2000, metavar="N", help="so many of each; default 2000")
    group.add_argument("--features", choices=FEATURES, help="in which they are compared, as tfgan.evaluate has them")
    text = f"keep the best checkpoint, by {', '.join(CHOSEN_BY)}"
    group.add_argument("--keep-best", choices=CHOSEN_BY, metavar="METRIC", help=text)
    group.add_argument("--stop-on-collapse", action="store_true", help="save and stop (status 3) at a warning of collapse")
    group = p.add_argument_group("where")
    group.add_argument("--data-dir", default="data", help="default data")
    group.add_argument("--log-dir", default="logs", help="for TensorBoard and checkpoints (default logs)")
    group.add_argument("--out-dir", default="out", help="for pictures (default out)")
    group.add_argument("--run", metavar="NAME", help="default MODEL-DATASET")
    group = p.add_argument_group("GPUs")
    group.add_argument("--device", type=_device, default="auto", help="auto, cpu, gpu, or a GPU's number; default auto")
    group.add_argument("--xla", action="store_true", help="compile the graph with XLA; slower on CPUs, and refused there")
    group.add_argument("--mixed-precision", action="store_true", help="float16 where TensorFlow holds it safe; on GPUs only")
    p.add_argument("--deterministic", action="store_true", help="TensorFlow's deterministic kernels on GPUs; slower")
    p.add_argument("--fresh", action="store_true", help="start over: the run's checkpoints, logs and pictures are removed")
    p.add_argument("--dry-run", action="store_true", help="print the recipe as JSON and the layers as tables, and stop")
    return p


def _device(text):
    if text in ("auto", "cpu", "gpu") or text.isdecimal():
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not auto, cpu, gpu or a GPU's number")


def resolve(options):
    """The recipe that the options ask for. Raises UserError."""
    info = datasets.info(options.dataset)
    for name in ("sample_every", "summary_every", "histogram_every", "checkpoint_every", "evaluate_every"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise UserError(f"--{name.replace('_', '-')} is {getattr(options, name)}; it must be 1 or more")
    if options.evaluate_every is None and (options.keep_best or options.features):
        raise UserError(f"--{'keep-best' if options.keep_best else 'features'} is of --evaluate-every; give that too")
    if not 10 <= options.evaluate_images <= 10**5:
        raise UserError(f"--evaluate-images is {options.evaluate_images}; it must be from 10 to 100,000")
    if options.keep < 1:
        raise UserError(f"--keep is {options.keep}; it must be 1 or more")
    if not options.checkpoint_minutes > 0:
        raise UserError(f"--checkpoint-minutes is {options.checkpoint_minutes:g}; it must be above 0")
    if not 0 <= options.seed < 2**63:
        raise UserError(f"--seed is {options.seed}; it must be at least 0 and below 2^63")
    given = {name: getattr(options, name) for name in (*_OVERRIDES, *_REMEDIES)}
    changes = {name: value for name, value in given.items() if value is not None}
    if changes.get("optimizer") == "sgd":
        changes.setdefault("learning_rate", _SGD_LEARNING_RATE)
    for name in ("flip", "spectral_normalization"):
        if getattr(options, name):
            changes[name] = True
    if options.augment is not None:
        changes["augment"] = tuple(options.augment.split(",")) if options.augment else ()
    side = options.image_size or info.size
    model = options.model or (info.model if side == info.size else _MODEL_OF_SIZE[side])
    if options.recipe == "best":
        if options.model not in (None, recipes.BEST):
            raise UserError(f"--recipe best is one of model {recipes.BEST}; leave --model {options.model} out")
        model = recipes.BEST
        if options.dataset not in (known := recipes.model_module(model).RECIPES):
            raise UserError(f"--recipe best: none was measured for {options.dataset}; there is one of {', '.join(known)}")
    recipe = recipes.recipe(model, options.dataset).replace(**changes)
    if options.image_size:
        recipe = recipes.resized(recipe, options.image_size)
    if options.mixed_precision and recipe.penalty is not None:
        raise UserError("--mixed-precision and --penalty: float16 cannot hold a gradient's gradient; leave one of them out")
    recipes.refuse_for_model(recipe)
    return recipe


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    recipe = resolve(options)
    if options.dry_run:
        return dry_run(recipe)

    prepare_devices(options)

    # Everything that can be refused is refused before anything is written.
    from tfgan import checkpoints
    from tfgan import environment
    from tfgan import loop
    from tfgan import tf1
    from tfgan import warm_start
    from tfgan.datasets.batches import Batches
    from tfgan.rundir import RunDir

    default_name = re.sub(r"[^\w.+-]+", "-", f"{recipe.model}-{pathlib.Path(recipe.dataset).name}")
    run = RunDir(options.run or default_name, options.log_dir, options.out_dir)
    own = [pathlib.Path(os.path.realpath(folder)) for folder in (options.data_dir, options.log_dir, options.out_dir)]
    data = datasets.load_for(recipe, pathlib.Path(options.data_dir), options.keep_going, exclude=own)
    batches = Batches(read_all(data.images) if options.in_memory else data.images, recipe, options.seed)
    config = {
        "recipe": recipe.to_dict(),
        "seed": options.seed,
        "as_written": options.as_written,
        "images": len(batches.images),
        "data_sha256": data.sha256,
        "init_from": None if options.init_from is None else os.path.abspath(options.init_from),
        "environment": environment.environment(**{name: getattr(options, name) for name in _HOW}),
    }
    judge = None
    if options.evaluate_every is not None:
        from tfgan.quality.evaluation import Judge

        # A process has one pool of threads, of the size that its first session asks for: it shall be the run's.
        tf1.tf.Session(graph=tf1.tf.Graph(), config=loop.session_config(recipe, as_written=options.as_written)).close()
        judge = Judge(recipe, data.sha256, pathlib.Path(options.data_dir), options.features, options.evaluate_images)
    with run.locked():
        try:
            done = 0 if options.fresh else max(checkpoints.iterations(run.checkpoints), default=0)
            initial = warm_start.read(options.init_from, recipe) if options.init_from is not None and not done else {}
            run.start(config, options.fresh, done, batches.iterations)
            describe(recipe, batches, run, options)
            return loop.train(recipe, batches, run, options, initial, judge)
        except OSError as error:
            reason = files.reason(error)
            raise UserError(f"run {run.name} cannot go on: {reason}; mend that and run the same command again") from error
        except tf1.tf.errors.ResourceExhaustedError as error:
            raise UserError(f"batch_size {recipe.batch_size} needs more memory than there is; give a smaller one") from error
        except Diverged as error:
            made = checkpoints.iterations(run.checkpoints)
            newest = f"{run.checkpoints}/{made[-1]:06d} is from before" if made else "no checkpoint was made before"
            raise Diverged(f"{error}; {newest}. A lower --learning-rate often helps (with --fresh, or another --run)") from error


def prepare_devices(options):
    """Imports TensorFlow with the device that the options ask for, and says what it found. Raises UserError."""
    # CUDA reads this when TensorFlow first looks for devices; with one GPU visible, that one is "the first".
    if options.device not in ("auto", "gpu"):
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1" if options.device == "cpu" else options.device
    from tfgan import tf1

    tf1.tf.logging.set_verbosity(tf1.tf.logging.ERROR)  # compat.v1 warns of its own deprecation now and then
    if options.deterministic:
        tf1.tf2.config.experimental.enable_op_determinism()
    gpus = tf1.gpus()
    print(f"TensorFlow {tf1.tf.__version__}, Python {platform.python_version()}")
    if gpus:
        print(f"Device: {', '.join(gpus)}; training and sampling use the first GPU")
        return
    if options.device not in ("auto", "cpu"):
        raise UserError(f"--device {options.device}: TensorFlow finds no such GPU here; leave it out to train on the CPU")
    if options.xla:
        raise UserError("--xla: no GPU was found, and on a CPU XLA makes training several times slower; leave it out")
    if options.mixed_precision:
        raise UserError("--mixed-precision: no GPU was found, and on a CPU float16 gains nothing; leave it out")
    found = "As asked" if options.device == "cpu" else "No GPU was found"
    print(f"Device: CPU, {os.cpu_count()} cores. {found}: the README's table says how long each tutorial takes")


def read_all(images):
    """The memory-mapped images as an array in memory. Raises UserError where they are too large."""
    try:
        return np.array(images)
    except MemoryError as error:
        raise UserError(f"--in-memory needs {images.nbytes / 1e9:,.1f} GB, more than there are; leave it out") from error


def describe(recipe, batches, run, options):
    """Prints the data and the recipe's main numbers, and saves a grid of real images as out/RUN-real.png."""
    from tfgan import images

    count, *shape = batches.images.shape
    size = " x ".join(map(str, recipe.image_shape))
    print(f"Data: {recipe.dataset}, {count:,} images of {' x '.join(map(str, shape))}, trained on as {size}")
    how = "as written" if options.as_written else "fused"
    print(
        f"Recipe: {recipe.model}, batch {recipe.batch_size}, {batches.iterations:,} iterations ({how}), "
        f"z {recipe.z_dim} {recipe.z_distribution}, {recipe.optimizer} {recipe.learning_rate:g}, seed {options.seed}"
    )
    real = images.fit(batches.first(recipe.real_count or recipe.sample_count), recipe.image_shape, recipe.value_range)
    path = run.save_picture("real", images.square_grid(images.to_uint8(real, recipe.value_range)))
    print(f"Saved {path}; TensorBoard: tensorboard --logdir {options.log_dir}", flush=True)


def dry_run(recipe):
    """Prints the recipe and both networks' layers; builds the graph, trains nothing, writes nothing."""
    from tfgan.gan import build
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
