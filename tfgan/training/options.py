"""The options of `python -m tfgan.train`, and the `Settings` that they ask for."""

import argparse
import dataclasses
import pathlib

from tfgan import datasets
from tfgan import recipes
from tfgan.common.command import ArgumentParser
from tfgan.datasets import labels
from tfgan.errors import UserError
from tfgan.runs.saved import FEATURE_KINDS
from tfgan.runs.saved import HIGHER_IS_BETTER
from tfgan.runs.saved import OF_CLASSES
from tfgan.training.settings import CHECKPOINT_EVERY
from tfgan.training.settings import HISTOGRAM_EVERY
from tfgan.training.settings import DataAccess
from tfgan.training.settings import Evaluation
from tfgan.training.settings import Folders
from tfgan.training.settings import Hardware
from tfgan.training.settings import Intervals
from tfgan.training.settings import Settings

# options that change the recipe: field -> type, help
_OVERRIDES = {
    "epochs": (int, "passes over the data"),
    "iterations": (int, "updates of G"),
    "batch_size": (int, "images in a batch"),
    "z_dim": (int, "length of the noise vector"),
    "optimizer": (str, "adam, or sgd: Nesterov's momentum of 0.9, at 5e-4 unless --learning-rate is given"),
    "learning_rate": (float, "the learning rate of both networks"),
    "beta1": (float, "Adam's decay of the first moment"),
    "smooth": (float, "label real images 1 - SMOOTH in D's loss"),
}
# the remedies that no tutorial has, likewise
_REMEDIES = {
    "loss": (str, "non-saturating (the tutorials'), minimax, least-squares, wasserstein, hinge or relativistic"),
    "penalty": (str, "a penalty on D's gradient: wgan-gp, r1, r1r2 or dragan"),
    "penalty_weight": (float, "its weight in D's loss; default 10"),
    "weight_clip": (float, "keep D's variables within this distance of 0, for the wasserstein loss: 0.01 in its paper"),
    "d_normalization": (str, "what replaces D's batch normalisation: layer or none; batch keeps it beside a penalty"),
    "d_steps": (int, "updates of D for each of G, on batches of their own"),
    "d_learning_rate": (float, "the learning rate of D, if it differs from G's"),
    "learning_rate_half_life": (int, "iterations in which the learning rates halve"),
    "instance_noise": (float, "standard deviation of the noise that is added to D's images"),
    "instance_noise_half_life": (int, "iterations in which that noise halves"),
    "g_average": (float, "make samples with a moving average of G's variables, of this decay: 0.999, say"),
}
# where the data set's own model makes another size
_MODEL_OF_SIZE = {28: "dcgan28", 64: "dcgan64", 128: "fastgan", 256: "fastgan"}
_SGD_LEARNING_RATE = 5e-4  # the dog tutorial's program has it


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.train", description="Trains a GAN. The same command again continues an unfinished run.")
    _add_data(p)
    _add_recipe(p)
    _add_remedies(p)
    _add_intervals(p)
    _add_quality(p)
    _add_folders(p)
    _add_devices(p)
    p.add_argument("--fresh", action="store_true", help="start over: remove the run's checkpoints, logs and pictures first")
    p.add_argument("--dry-run", action="store_true", help="print the recipe as JSON and the layers as tables, and stop")
    return p


def _add_data(p):
    names = ", ".join(datasets.DATASETS)
    p.add_argument("--dataset", default="digits", metavar="NAME_OR_PATH", help=f"{names}, or a folder, zip or tar of pictures")
    p.add_argument("--model", choices=recipes.MODELS, help="the tutorial (default: the one of the data set)")
    sizes = "the side of the images in pixels (default: the model's)"
    p.add_argument("--image-size", type=int, choices=_MODEL_OF_SIZE, help=sizes)
    p.add_argument("--keep-going", action="store_true", help="train even if more than 5%% of the pictures are damaged")
    p.add_argument("--in-memory", action="store_true", help="read all images into memory instead of mapping the file")


def _add_recipe(p):
    group = p.add_argument_group("hyper-parameters (default: the tutorial's own)")
    for name, (kind, text) in _OVERRIDES.items():
        choices = ("adam", "sgd") if name == "optimizer" else None
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, choices=choices, help=text)
    best = "best: the recipe that was measured best for the data set, in place of a tutorial's"
    group.add_argument("--recipe", choices=("tutorial", "best"), default="tutorial", help=best)
    group.add_argument("--flip", action="store_true", help="mirror real images left to right at random")
    conditions = f"train on labels, too: {', '.join(recipes.CONDITIONS)} (default: the best one for the model)"
    group.add_argument("--conditional", nargs="?", const="", metavar="METHOD", help=conditions)
    attribute = "an attribute of celeba that makes two classes; with several, each combination is a class"
    group.add_argument("--label-attribute", action="append", metavar="NAME", help=attribute)
    group.add_argument("--as-written", action="store_true", help="the tutorial's own loop: fed placeholders, two runs")
    group.add_argument("--init-from", metavar="PATH", help="begin with the networks of a tf.train.Saver checkpoint")
    group.add_argument("--seed", type=int, default=0, help="all randomness follows from it (default 0)")


def _add_remedies(p):
    group = p.add_argument_group("remedies (docs/remedies.md says what each is for)")
    for name, (kind, text) in _REMEDIES.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, help=text)
    group.add_argument("--spectral-normalization", action="store_true", help="normalise D's kernels by their spectral norm")
    projected = "D judges what a network trained on ImageNet makes of images; with the hinge loss and spectral normalisation"
    group.add_argument("--projected", action="store_true", help=projected)
    augmentations = f"what D's images go through: any of {','.join(recipes.AUGMENTATIONS)}"
    group.add_argument("--augment", metavar="NAMES", help=augmentations)


def _add_intervals(p):
    group = p.add_argument_group("what is written, in iterations")
    for name, default in (("sample", 1000), ("summary", 100)):
        group.add_argument(f"--{name}-every", type=int, default=default, metavar="N", help=f"default {default}")
    for name, default in (("histogram", HISTOGRAM_EVERY), ("checkpoint", CHECKPOINT_EVERY)):
        text = f"default {default}, less often where that takes over 0.2%% of the time"
        group.add_argument(f"--{name}-every", type=int, metavar="N", help=text)
    text = "save a checkpoint after so many minutes, too; default 10"
    group.add_argument("--checkpoint-minutes", type=float, default=10, metavar="N", help=text)
    group.add_argument("--keep", type=int, default=3, metavar="N", help="newest checkpoints that are kept; default 3")


def _add_quality(p):
    group = p.add_argument_group("quality")
    text = "measure samples against real images, in iterations"
    group.add_argument("--evaluate-every", type=int, metavar="N", help=text)
    group.add_argument("--evaluate-images", type=int, default=2000, metavar="N", help="so many of each; default 2000")
    group.add_argument("--features", choices=FEATURE_KINDS, help="the features that are compared, as in tfgan.evaluate")
    text = f"keep the best checkpoint, by {', '.join(HIGHER_IS_BETTER)}"
    group.add_argument("--keep-best", choices=HIGHER_IS_BETTER, metavar="METRIC", help=text)
    group.add_argument("--stop-on-collapse", action="store_true", help="save and stop (status 3) at a warning of collapse")


def _add_folders(p):
    group = p.add_argument_group("where")
    group.add_argument("--data-dir", default="data", help="default data")
    group.add_argument("--log-dir", default="logs", help="for TensorBoard and checkpoints (default logs)")
    group.add_argument("--out-dir", default="out", help="for pictures (default out)")
    group.add_argument("--run", metavar="NAME", help="default MODEL-DATASET")


def _add_devices(p):
    group = p.add_argument_group("GPUs")
    group.add_argument("--device", type=_device, default="auto", help="auto, cpu, gpu, or a GPU's number; default auto")
    group.add_argument("--xla", action="store_true", help="compile the graph with XLA; slower on CPUs, and refused there")
    text = "float16 on GPUs; bfloat16 on CPUs that have AMX, or AMD's AVX512_BF16"
    group.add_argument("--mixed-precision", action="store_true", help=text)
    text = "use TensorFlow's deterministic kernels on GPUs; slower"
    group.add_argument("--deterministic", action="store_true", help=text)
    group = p.add_argument_group("several devices and hosts (docs/distributed.md)")
    text = "train on these GPUs together (or, without any, on as many logical CPUs): 0,1"
    group.add_argument("--devices", type=_devices, metavar="NUMBERS", help=text)
    group.add_argument("--hosts", metavar="A:PORT,B:PORT", help="train on these hosts together; the first saves. Or TF_CONFIG")
    group.add_argument("--task", type=int, metavar="N", help="which of the hosts this process is, from 0 on")
    text = "normalise batches over the whole batch, not over each device's part"
    group.add_argument("--sync-batch-norm", action="store_true", help=text)
    text = "read the data set's shards (tfgan.datasets --shards N): each device or host its own"
    group.add_argument("--shards", type=int, metavar="N", help=text)


def _device(text):
    if text in ("auto", "cpu", "gpu") or text.isdecimal():
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not auto, cpu, gpu or a GPU's number")


def _devices(text):
    numbers = text.split(",")
    if not all(number.isdecimal() for number in numbers) or len(set(map(int, numbers))) < len(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different numbers such as 0,1")
    return tuple(map(int, numbers))


def settings(options, cluster=None):
    """The `Settings` that the parsed options ask for. cluster: the `Cluster` of processes, or None. Raises UserError."""
    _refuse_out_of_range(options)
    recipe = _recipe(options)
    _refuse_together(options, recipe)
    recipes.check_fits_model(recipe)
    if recipe.projected:
        from tfgan.graph import projected  # here, because it imports TensorFlow

        projected.check_installed()
    evaluation = None
    if options.evaluate_every is not None:
        evaluation = Evaluation(
            every=options.evaluate_every,
            images=options.evaluate_images,
            features=options.features,
            keep_best=options.keep_best,
        )
    given = vars(options)
    return Settings(
        recipe=recipe,
        **_fields(Settings, given, "recipe"),
        intervals=Intervals(**_fields(Intervals, given)),
        folders=Folders(
            data=pathlib.Path(options.data_dir), logs=pathlib.Path(options.log_dir), out=pathlib.Path(options.out_dir)
        ),
        data_access=DataAccess(**_fields(DataAccess, given)),
        hardware=Hardware(cluster=cluster, **_fields(Hardware, given)),
        evaluation=evaluation,
    )


def _fields(of, given, *others):
    """The given options that are fields of that class, under the same name."""
    return {field.name: given[field.name] for field in dataclasses.fields(of) if field.name in given and field.name not in others}


def _refuse_out_of_range(options):
    """Raises UserError for a number that makes no sense by itself."""
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


def _recipe(options):
    """The recipe that the options ask for: a tutorial's, or the best one, with the given changes."""
    info = datasets.info(options.dataset)
    given = {name: getattr(options, name) for name in (*_OVERRIDES, *_REMEDIES)}
    changes = {name: value for name, value in given.items() if value is not None}
    if changes.get("optimizer") == "sgd":
        changes.setdefault("learning_rate", _SGD_LEARNING_RATE)
    for name in ("flip", "spectral_normalization", "projected"):
        if getattr(options, name):
            changes[name] = True
    if options.projected:  # as Sauer et al. 2021 have it
        changes = {"loss": "hinge", "spectral_normalization": changes.get("weight_clip") is None, **changes}
    if options.augment is not None:
        changes["augment"] = tuple(options.augment.split(",")) if options.augment else ()
    side = options.image_size or info.size
    model = options.model or (info.model if side == info.size else _MODEL_OF_SIZE[side])
    if options.recipe == "best":
        model = _best_model(options, info)
    changes |= _conditional(options, info, model)
    recipe = recipes.recipe(model, options.dataset).replace(**changes)
    return recipes.resized(recipe, options.image_size) if options.image_size else recipe


def _best_model(options, info):
    """The model of the recipe that was measured best for the data. Raises UserError if there is none, or another is asked for."""
    best = recipes.BEST_MODELS.get(options.dataset) if info.path is None else recipes.BEST_FOR_PICTURES
    if best is None:
        known = ", ".join(recipes.BEST_MODELS)
        raise UserError(f"--recipe best: none was measured for {options.dataset}; there is one of {known}, and of your pictures")
    if options.model not in (None, best):
        raise UserError(f"--recipe best is one of model {best}; leave --model {options.model} out")
    return best


def _conditional(options, info, model):
    """The changes of a recipe that --conditional asks for. The number of classes may follow from the data later."""
    if options.conditional is None:
        if options.label_attribute:
            raise UserError("--label-attribute is for --conditional; give that too")
        return {}
    attributes = tuple(options.label_attribute or ())
    if info.name == "celeba" and not attributes:  # told before 1.4 GB are fetched
        raise UserError("--conditional: celeba has attributes and no classes; choose with --label-attribute: Smiling, say")
    classes = len(labels.combinations(attributes)) if attributes else info.classes
    method = options.conditional or recipes.BEST_CONDITION
    return {"conditional": method, "label_attributes": attributes, "classes": classes}


def _refuse_together(options, recipe):
    """Raises UserError for options that do not go together, or not with the recipe."""
    if options.keep_best in OF_CLASSES and recipe.conditional is None:
        raise UserError(f"--keep-best {options.keep_best} is for conditional runs; give --conditional, or another figure")
    if options.shards is not None:
        if options.evaluate_every is not None or options.in_memory:
            other = "in-memory" if options.in_memory else "evaluate-every"
            raise UserError(f"--shards and --{other}: no process has all images; leave one of them out")
        if recipe.conditional is not None:
            raise UserError("--shards and --conditional: shards hold no labels; leave one of them out")
        if recipe.subset is not None:
            raise UserError(f"--shards: {recipe.model}'s recipe takes a part of {recipe.dataset} only; give another --model")
    if options.devices is not None and options.device.isdecimal():
        raise UserError(f"--device {options.device} and --devices: the second says it all; leave the first out")
