"""A tutorial's hyper-parameters as frozen data, and where they come from."""

import dataclasses
import importlib
import json
import math
import os

from tfgan import datasets
from tfgan.errors import UserError

TUTORIALS = ("vanilla", "mlp", "dcgan28", "dcgan64", "dogs")
MODELS = (*TUTORIALS, "compact", "fastgan")
BEST_MODELS = {"mnist": "compact", "celeba": "fastgan", "dogs": "fastgan"}  # data set -> model of the recipe that measured best
BEST_FOR_PICTURES = "fastgan"  # the same for the user's own
AUGMENTATIONS = ("color", "translation", "cutout")
CONDITIONS = ("concat", "projection", "auxiliary")  # how the networks get the label, see graph/labels.py
BEST_CONDITION = "projection"  # it measured best with every model that was tried, see docs/labels.md
_ROWS = 10  # the most classes that a sample grid shows

# The ranges of Recipe's fields. None is allowed wherever it is the default.
_FROM_1 = (
    "z_dim", "batch_size", "epochs", "iterations", "d_steps", "learning_rate_half_life", "instance_noise_half_life", "classes"
)  # fmt: skip
_LARGEST = dict.fromkeys(_FROM_1, 2**31 - 1) | {"iterations": 2**53, "d_steps": 1000}
_FROM_0_BELOW_1 = ("beta1", "beta2", "smooth", "g_average")
_ABOVE_0 = ("learning_rate", "d_learning_rate", "weight_clip", "penalty_weight")
_CHOICES = {
    "z_distribution": ("uniform", "normal"),
    "z_of_g": ("same", "fresh"),
    "last_batch": ("join", "keep", "drop", "fill"),
    "optimizer": ("adam", "sgd"),
    "loss": ("non-saturating", "minimax", "least-squares", "wasserstein", "hinge", "relativistic"),
    "penalty": (None, "wgan-gp", "r1", "r1r2", "dragan"),
    "d_normalization": (None, "batch", "layer", "none"),
    "conditional": (None, *CONDITIONS),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what is trained. Where files are read and written is not part of it.

    Exactly one of `epochs` and `iterations` gives the length. Raises UserError for a value out of its range, and for a
    combination that cannot work.
    """

    model: str  # a file of tfgan/models
    dataset: str  # a name known to tfgan.datasets, or the path of the user's own pictures
    splits: tuple = ("train",)  # the parts of the data set that are joined
    subset: tuple | None = None  # their images [first, end); None: all
    image_shape: tuple  # (height, width, channels)
    value_range: tuple  # (what uint8 0 becomes, what 255 becomes)
    z_dim: int
    z_distribution: str  # "uniform" in [-1, 1), or "normal"
    z_of_g: str  # z of G's update: the "same" as D's, or a "fresh" one
    d_sees_inference: bool = False  # G makes D's fakes with its moving averages (Keras' predict), not with the batch's statistics
    batch_size: int
    last_batch: str  # an epoch's short last batch: "join" it with the next epoch, "keep", "drop", "fill" from the epoch's head
    flip: bool = False  # mirror real images left to right at random
    order_seed: int | None = None  # None: a new order each epoch; else always the permutation of NumPy's legacy generator
    epochs: int | None = None
    iterations: int | None = None
    optimizer: str = "adam"  # or "sgd", with Nesterov's momentum of 0.9
    learning_rate: float  # G's, and D's unless d_learning_rate is given
    beta1: float = 0.9  # Adam's
    beta2: float = 0.999  # Adam's
    epsilon: float = 1e-8  # Adam's
    smooth: float = 0.0  # the label of real images in D's loss is 1 - smooth
    d_loss_weight: float = 1.0  # multiplies the sum of D's two halves
    sample_count: int  # images in the sample grid
    real_count: int | None = None  # images in the grid of real ones; None: as many
    show_pairs: bool = False  # also draw the batch just trained on, fakes beside reals
    # Remedies, which no tutorial has.
    loss: str = "non-saturating"  # a name of losses.LOSSES
    weight_clip: float | None = None  # clip D's variables to [-weight_clip, weight_clip] after each of its updates
    penalty: str | None = None  # on D's gradient: "wgan-gp", "r1", "r1r2" or "dragan"
    penalty_weight: float = 10.0
    d_normalization: str | None = None  # replaces D's batch normalisation: "layer", "none"; "batch" keeps it beside a penalty
    spectral_normalization: bool = False  # of D's kernels
    d_steps: int = 1  # updates of D in an iteration, each with its own batch and z; above 1, G's z is fresh
    d_learning_rate: float | None = None  # None: learning_rate
    learning_rate_half_life: int | None = None  # iterations in which both rates halve
    instance_noise: float = 0.0  # standard deviation of the noise added to D's images, in units of the value range
    instance_noise_half_life: int | None = None  # iterations in which it halves
    augment: tuple = ()  # augmentations of D's images: "color", "translation", "cutout"
    projected: bool = False  # D judges what a network trained on ImageNet makes of its images, see graph/projected.py
    projection_seed: int | None = None  # of a projected D's fixed part, where the run began with another one's D; None: the run's
    g_average: float = 0.0  # decay of the moving average of G's variables that makes the samples; 0: no average
    # Labels, which no tutorial uses.
    conditional: str | None = None  # how both networks get the label: "concat", "projection" or "auxiliary"; None: not at all
    classes: int | None = None  # how many classes the data have; only with `conditional`
    label_attributes: tuple = ()  # CelebA's attributes whose combinations are the classes

    def __post_init__(self):
        self._lists_to_tuples()
        self._check_numbers()
        self._check_choices()
        self._check_combinations()

    def _lists_to_tuples(self):
        """JSON has lists where a recipe has tuples."""
        for name in ("image_shape", "value_range", "splits", "subset", "augment", "label_attributes"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))

    def _check_numbers(self):
        """Raises UserError for a number out of its range."""
        for name in _FROM_1:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name} is {value}; it must be 1 or more")
            if value is not None and value > _LARGEST[name]:
                raise UserError(f"{name} is {value}; it must be {_LARGEST[name]:,} at most")
        for name in _FROM_0_BELOW_1:
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise UserError(f"{name} is {value}; it must be at least 0 and below 1")
        for name in _ABOVE_0:
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"{name} is {value}; it must be above 0 and finite")
        if not 0 <= self.instance_noise < float("inf"):
            raise UserError(f"instance_noise is {self.instance_noise}; it must be 0 or more, and finite")

    def _check_choices(self):
        """Raises UserError for a name that is none of its choices."""
        for name, choices in _CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise UserError(f"{name} is {value!r}; it must be one of {', '.join(filter(None, choices))}")
        for value in self.augment:
            if value not in AUGMENTATIONS:
                raise UserError(f"augment is {value!r}; it must be one or more of {', '.join(AUGMENTATIONS)}")

    def _check_combinations(self):
        """Raises UserError for fields that do not work together."""
        if (self.epochs is None) == (self.iterations is None):
            raise UserError(f"epochs is {self.epochs} and iterations {self.iterations}; give exactly one of them")
        bounded = self.weight_clip is not None or self.penalty is not None or self.spectral_normalization
        if self.loss == "wasserstein" and not bounded:
            remedy = "add penalty wgan-gp, weight_clip 0.01 or spectral_normalization"
            raise UserError(f"the wasserstein loss needs a bound on D, whose output grows without end otherwise; {remedy}")
        if self.smooth and self.loss in ("wasserstein", "hinge", "relativistic"):
            raise UserError(f"smooth is {self.smooth:g}, but the {self.loss} loss has no labels to smooth; make smooth 0")
        if self.weight_clip is not None and self.loss != "wasserstein":
            raise UserError(f"weight_clip is for the wasserstein loss, and the loss is {self.loss}; leave one of them out")
        if self.weight_clip is not None and self.spectral_normalization:
            raise UserError("spectral_normalization undoes what weight_clip does; leave one of them out")
        if self.instance_noise_half_life is not None and not self.instance_noise:
            raise UserError("instance_noise_half_life is given, but instance_noise is 0; leave it out, or give both")
        if self.projected and self.penalty is not None:
            raise UserError(f"penalty {self.penalty} bounds a D that sees images; leave it out, or leave out projected")
        if self.conditional is None and (self.classes is not None or self.label_attributes):
            raise UserError("classes and label_attributes are for conditional networks; give conditional, too")

    @property
    def dataset_name(self):
        """The data set's name. For the user's own pictures it is that of their folder or archive, without the path."""
        return os.path.basename(self.dataset)

    @property
    def grid_shape(self):
        """(rows, columns) of the sample grid: a square, or a row for each of the first ten classes."""
        side = math.isqrt(self.sample_count)
        return (side if self.classes is None else min(self.classes, _ROWS)), side

    def learning_rate_at(self, iteration):
        """G's learning rate at that iteration. iteration: a number or a float tensor; so is the result."""
        return _halved(self.learning_rate, self.learning_rate_half_life, iteration)

    def instance_noise_at(self, iteration):
        """The instance noise's standard deviation at that iteration. iteration: a number or a float tensor; so is the result."""
        return _halved(self.instance_noise, self.instance_noise_half_life, iteration)

    def replace(self, **changes):
        """A copy with these fields changed. New `epochs` replace `iterations`, and the other way round.

        Raises UserError for an unknown field, and where the copy would not be allowed.
        """
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise UserError(f"a recipe has no field {name!r}; its fields are {', '.join(known)}")
        if changes.get("epochs") is not None:
            changes.setdefault("iterations", None)
        elif changes.get("iterations") is not None:
            changes.setdefault("epochs", None)
        return dataclasses.replace(self, **changes)

    def batches_per_epoch(self, images):
        """The batches of an epoch of that many images. With joined epochs it is the quotient, not always a whole number."""
        size = self.batch_size
        rounded_up = -(-images // size)
        return {"join": images / size, "drop": images // size, "keep": rounded_up, "fill": rounded_up}[self.last_batch]

    def total_iterations(self, images):
        """The iterations of the whole run, on that many images."""
        return self.iterations or max(1, int(self.epochs * self.batches_per_epoch(images) / self.d_steps))

    def to_dict(self):
        """The fields in JSON's types: tuples become lists."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, fields):
        """The inverse of `to_dict`. Raises UserError for unknown or missing fields."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - known):
            raise UserError(f"unknown fields in a recipe: {', '.join(unknown)}")
        try:
            return cls(**fields)
        except TypeError as error:
            raise UserError(f"an incomplete recipe: {error}") from error


def _halved(value, half_life, iteration):
    return value if half_life is None else value * 0.5 ** (iteration / half_life)


def model_module(model):
    """The module of that model; imports TensorFlow. Raises UserError where there is none."""
    if model not in MODELS:
        raise UserError(f"there is no model {model!r}; the models are {', '.join(MODELS)}")
    return importlib.import_module(f"tfgan.models.{model}")


def check_fits_model(recipe):
    """Raises UserError if the recipe's remedies do not work with its model; imports TensorFlow."""
    batch_norm = recipe.projected or model_module(recipe.model).TRAITS.d_batch_norm
    if recipe.penalty is not None and batch_norm and recipe.d_normalization is None:
        raise UserError(
            f"penalty {recipe.penalty} needs D's gradient at each image, but {recipe.model}'s D has batch normalisation, which "
            "mixes the images of a batch; give d_normalization layer or none, or batch to keep it"
        )
    if recipe.d_normalization is not None and not batch_norm:
        raise UserError(f"d_normalization replaces D's batch normalisation, but {recipe.model}'s D has none; leave it out")


def recipe(model, dataset=None):
    """The tutorial's recipe for that model and data set; imports TensorFlow.

    dataset: a name known to tfgan.datasets, or the path of a folder or archive of pictures. None: the tutorial's first data set.
    A data set that the tutorial did not use gets the hyper-parameters of the first one, all of its images, and colour where it
    has colour. Fashion-MNIST gets the same part of its images as MNIST. Raises UserError for an unknown model or data set.
    """
    tutorial = model_module(model).RECIPES
    first = next(iter(tutorial.values()))
    if dataset is None:
        return first
    info = datasets.info(dataset)
    if dataset in tutorial:
        return tutorial[dataset]
    height, width, channels = first.image_shape
    changes = {"dataset": dataset, "image_shape": (height, width, max(channels, info.channels))}
    if info.name not in ("mnist", "fashion-mnist"):  # other data sets have no test split, and other numbers of images
        changes |= {"splits": ("train",), "subset": None, "order_seed": None}
    if info.path is not None:
        changes["dataset"] = os.path.abspath(dataset)
    return first.replace(**changes)


def resized(recipe, side):
    """The recipe for square images of that side, in pixels. Raises UserError if its model cannot make them."""
    height, width, channels = recipe.image_shape
    if (height, width) == (side, side):
        return recipe
    can_make = model_module(recipe.model).TRAITS.can_make
    if can_make is None or not can_make(side):
        raise UserError(
            f"--image-size is {side}, but {recipe.model} makes no images of that size; take {height}, or another --model"
        )
    return recipe.replace(image_shape=(side, side, channels))
