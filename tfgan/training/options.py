"""The options of `python -m tfgan.train`, and the `Settings` that they ask for.

The fields of `Recipe`, `Settings` and `Hardware` are options. Here are those that choose a recipe, and a few that do more.
"""

from tfgan import datasets
from tfgan import recipes
from tfgan.common import fields
from tfgan.common.command import ArgumentParser
from tfgan.datasets.classes import combinations
from tfgan.errors import UserError
from tfgan.quality.measurements import OF_CLASSES
from tfgan.recipes import Recipe
from tfgan.training.settings import SEVERAL
from tfgan.training.settings import Hardware
from tfgan.training.settings import Settings

# where the data set's own model makes another size
_MODEL_OF_SIZE = {28: "dcgan28", 64: "dcgan64", 128: "fastgan", 256: "fastgan"}
_SGD_LEARNING_RATE = 5e-4  # the dog tutorial's program has it


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.train", description="Trains a GAN. The same command again continues an unfinished run.")
    _add_choice_of_recipe(p)
    fields.add_options(p, Recipe, defaults=False)
    fields.add_options(p, Settings)
    several = fields.add_options(p, Hardware)[SEVERAL]
    several.add_argument("--hosts", metavar="A:PORT,B:PORT", help="train on these hosts together; the first saves. Or TF_CONFIG")
    several.add_argument("--task", type=int, metavar="N", help="which of the hosts this process is, from 0 on")
    return p


def _add_choice_of_recipe(p):
    names = ", ".join(datasets.DATASETS)
    p.add_argument("--dataset", default="digits", metavar="NAME_OR_PATH", help=f"{names}, or a folder, archive or file of images")
    p.add_argument("--model", choices=recipes.MODELS, help="the tutorial (default: the one of the data set)")
    best = "best: the recipe that was measured best for the data set, in place of a tutorial's"
    p.add_argument("--recipe", choices=("tutorial", "best"), default="tutorial", help=best)
    sizes = "the side of the images in pixels (default: the model's)"
    p.add_argument("--image-size", type=int, choices=_MODEL_OF_SIZE, help=sizes)
    conditions = f"train on labels, too: {', '.join(recipes.CONDITIONS)} (default: {recipes.BEST_CONDITION})"
    p.add_argument("--conditional", nargs="?", const="", metavar="METHOD", help=conditions)
    attribute = "an attribute of celeba that makes two classes; with several, each combination is a class"
    p.add_argument("--label-attribute", action="append", metavar="NAME", help=attribute)
    p.add_argument("--dry-run", action="store_true", help="print the recipe as JSON and the layers as tables, and stop")


def settings(options, cluster=None):
    """The `Settings` that the parsed options ask for. cluster: the `Cluster` of processes, or None. Raises UserError."""
    values = vars(options)
    fields.check(Settings, values, fields.flag)
    if options.evaluate_every is None and (options.keep_best or options.features):
        raise UserError(f"--{'keep-best' if options.keep_best else 'features'} needs --evaluate-every; give that, too")
    recipe = _recipe(options)
    _refuse_together(options, recipe)
    recipes.check_fits_model(recipe)
    if recipe.projected:
        from tfgan.graph import projected  # here, because it imports TensorFlow

        projected.check_installed()
    hardware = Hardware(cluster=cluster, **_fields(Hardware, values))
    return Settings(recipe=recipe, hardware=hardware, **_fields(Settings, values))


def _fields(cls, values):
    """Those of the values whose names are options of the class's fields."""
    return {each.name: values[each.name] for each in fields.fields(cls) if each.about.group is not None}


def _recipe(options):
    """The recipe that the options ask for: a tutorial's, or the best one, with the given changes."""
    dataset = datasets.resolve(options.dataset, options.data_dir)
    info = datasets.info(dataset)
    changes = {name: value for name, value in _fields(Recipe, vars(options)).items() if value is not None}
    if changes.get("optimizer") == "sgd":
        changes.setdefault("learning_rate", _SGD_LEARNING_RATE)
    if options.projected:  # the choice of Sauer et al. 2021
        changes = {"loss": "hinge", "spectral_normalization": changes.get("weight_clip") is None, **changes}
    side = options.image_size or info.size
    model = options.model or (info.model if side == info.size else _MODEL_OF_SIZE[side])
    if options.recipe == "best":
        model = _best_model(options, info)
    changes |= _conditional(options, info)
    recipe = recipes.recipe(model, dataset).replace(**changes)
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


def _conditional(options, info):
    """The changes of a recipe that --conditional asks for. The number of classes may follow from the data later."""
    if options.conditional is None:
        if options.label_attribute:
            raise UserError("--label-attribute is for --conditional; give that too")
        return {}
    attributes = tuple(options.label_attribute or ())
    if info.name == "celeba" and not attributes:  # told before 1.4 GB are fetched
        raise UserError("--conditional: celeba has attributes and no classes; choose with --label-attribute: Smiling, say")
    classes = len(combinations(attributes)) if attributes else info.classes
    method = options.conditional or recipes.BEST_CONDITION
    return {"conditional": method, "label_attributes": attributes, "classes": classes}


def _refuse_together(options, recipe):
    """Raises UserError for options that do not go together, or not with the recipe."""
    if options.keep_best in OF_CLASSES and recipe.conditional is None:
        raise UserError(f"--keep-best {options.keep_best} is for conditional runs; give --conditional, or another figure")
    if options.devices is not None and options.device.isdecimal():
        raise UserError(f"--device {options.device} and --devices: the second says it all; leave the first out")
