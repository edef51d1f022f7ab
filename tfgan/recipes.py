"""A tutorial's hyper-parameters as frozen data, and where they come from."""

import dataclasses
import importlib
import json
import math
import os

from tfgan import datasets
from tfgan.common.fields import Range
from tfgan.common.fields import check
from tfgan.common.fields import field
from tfgan.errors import UserError

TUTORIALS = ("vanilla", "mlp", "dcgan28", "dcgan64", "dogs")
MODELS = (*TUTORIALS, "compact", "fastgan")
BEST_MODELS = {"mnist": "compact", "celeba": "fastgan", "dogs": "fastgan"}  # data set -> model of the recipe that measured best
BEST_FOR_PICTURES = "fastgan"  # the same for the user's own
AUGMENTATIONS = ("color", "translation", "cutout")
CONDITIONS = ("concat", "projection", "auxiliary")  # how the networks get the label, see graph/labels.py
BEST_CONDITION = "projection"  # best, or nearly, with every model that was measured: docs/results/labels.md
WITHOUT_SMOOTH = ("wasserstein", "hinge", "relativistic")  # losses that have no labels to smooth
_ROWS = 10  # the most classes that a sample grid shows

# The groups of options, and of tables in docs/, that a field may belong to.
TUTORIAL = "hyper-parameters (default: the tutorial's own)"
REMEDY = "remedies (docs/remedies.md says what each is for)"
_COUNT = Range(1, 2**31 - 1)
_SHARE = Range(0, 1, excluded=(1,))
_POSITIVE = Range(0, math.inf, excluded=(0, math.inf))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what is trained. Where files are read and written is not part of it.

    A field that `field` makes says its range and its choices, and which option sets it. Exactly one of `epochs` and
    `iterations` gives the length. Raises UserError for a value out of its range, and for a combination that cannot work.
    """

    model: str = field(compared=True)  # a file of tfgan/models
    dataset: str = field(compared=True)  # a name known to tfgan.datasets, or the path of the user's own pictures
    splits: tuple = ("train",)  # the parts of the data set that are joined
    subset: tuple | None = None  # their images [first, end); None: all
    image_shape: tuple  # (height, width, channels)
    value_range: tuple  # (what uint8 0 becomes, what 255 becomes)
    z_dim: int = field("length of the noise vector", TUTORIAL, range=_COUNT, compared=True)
    z_distribution: str = field(choices=("uniform", "normal"), compared=True)  # uniform: in [-1, 1)
    z_of_g: str = field(choices=("same", "fresh"))  # z of G's update: the same as D's, or a fresh one
    d_sees_inference: bool = False  # G makes D's fakes with its moving averages (Keras' predict), not with the batch's statistics
    batch_size: int = field("images in a batch", TUTORIAL, range=_COUNT, compared=True)
    # What becomes of an epoch's short last batch: joined with the next epoch, kept, dropped, or filled from the epoch's head.
    last_batch: str = field(choices=("join", "keep", "drop", "fill"))
    flip: bool = field("mirror real images left to right at random", TUTORIAL, default=False, compared=True)
    order_seed: int | None = None  # None: a new order each epoch; else always the permutation of NumPy's legacy generator
    epochs: int | None = field("length of the run, in passes over the data", TUTORIAL, default=None, range=_COUNT)
    iterations: int | None = field(
        "length of the run, in updates of G", TUTORIAL, default=None, range=Range(1, 2**53),
        note="A finished run becomes longer with a larger number.",
    )  # fmt: skip
    optimizer: str = field(
        "optimiser of both networks", TUTORIAL, default="adam", choices=("adam", "sgd"), compared=True,
        note="SGD has Nesterov's momentum of 0.9, and a learning rate of 5e-4 unless you give another.",
    )  # fmt: skip
    learning_rate: float = field("learning rate of both networks", TUTORIAL, range=_POSITIVE, compared=True)
    beta1: float = field("Adam's decay of the first moment", TUTORIAL, default=0.9, range=_SHARE, compared=True)
    beta2: float = field(default=0.999, range=_SHARE)  # Adam's
    epsilon: float = 1e-8  # Adam's
    smooth: float = field(
        "label real images 1 - X in D's loss, and not 1", REMEDY, default=0.0, range=_SHARE, paper="Salimans et al. 2016",
        compared=True,
    )  # fmt: skip
    d_loss_weight: float = 1.0  # multiplies the sum of D's two halves
    sample_count: int  # images in the sample grid
    real_count: int | None = None  # images in the grid of real ones; None: as many
    show_pairs: bool = False  # also draw the batch just trained on, fakes beside reals
    # Remedies, which no tutorial has.
    loss: str = field(
        "losses of both networks", REMEDY, default="non-saturating", compared=True,
        choices=("non-saturating", "minimax", "least-squares", "wasserstein", "hinge", "relativistic"),
        note="The table below has their formulas.",
    )  # fmt: skip
    weight_clip: float | None = field(
        "bound for the wasserstein loss: cut off D's variables at this distance from 0 after each of its updates", REMEDY,
        default=None, range=_POSITIVE, note="The paper has 0.01.", paper="Arjovsky et al. 2017",
    )  # fmt: skip
    penalty: str | None = field(
        "penalty on D's gradient", REMEDY, default=None, choices=("wgan-gp", "r1", "r1r2", "dragan"), compared=True,
        note="The table below has their formulas.",
    )  # fmt: skip
    penalty_weight: float = field("weight of the penalty in D's loss", REMEDY, default=10.0, range=_POSITIVE)
    d_normalization: str | None = field(
        "what replaces D's batch normalisation, which does not go with a penalty", REMEDY, default=None,
        choices=("batch", "layer", "none"), note="`none` leaves it out, and `batch` keeps it beside a penalty.",
        paper="Ba et al. 2016",
    )  # fmt: skip
    spectral_normalization: bool = field(
        "divide D's kernels by their largest singular value", REMEDY, default=False, paper="Miyato et al. 2018"
    )
    d_steps: int = field(
        "updates of D for each update of G", REMEDY, default=1, range=Range(1, 1000), paper="Goodfellow et al. 2014",
        note="Each has a new batch and new noise. An iteration is still one update of G.",
    )  # fmt: skip
    d_learning_rate: float | None = field(
        "learning rate of D, where it differs from G's", REMEDY, default=None, range=_POSITIVE, paper="Heusel et al. 2017",
        compared=True,
    )  # fmt: skip
    learning_rate_half_life: int | None = field(
        "iterations in which both learning rates halve", REMEDY, default=None, range=_COUNT
    )
    instance_noise: float = field(
        "standard deviation of the noise that is added to all images that D sees", REMEDY, default=0.0,
        range=Range(0, math.inf, excluded=(math.inf,)), note="Its unit is that of the images' values.",
        paper="Sønderby et al. 2017",
    )  # fmt: skip
    instance_noise_half_life: int | None = field("iterations in which that noise halves", REMEDY, default=None, range=_COUNT)
    augment: tuple = field(
        "random changes of all images that D sees, joined by commas", REMEDY, default=(), choices=AUGMENTATIONS,
        note="Gradients pass through them. They help with small data sets.", paper="Zhao et al. 2020",
    )  # fmt: skip
    projected: bool = field(
        "let D judge what a network trained on ImageNet makes of the images", REMEDY, default=False, paper="Sauer et al. 2021",
        note="D sees it at four scales. The loss is then hinge unless you give another, with spectral normalisation. This "
        "needs `pip install 'tfgan[features]'`.",
    )  # fmt: skip
    projection_seed: int | None = None  # of a projected D's fixed part, where the run began with another one's D; None: the run's
    g_average: float = field(
        "make samples with a moving average of G's variables, of this decay", REMEDY, default=0.0, range=_SHARE, compared=True,
        note="0.999 is usual.", paper="Yazici et al. 2019",
    )  # fmt: skip
    # Labels, which no tutorial uses.
    conditional: str | None = field(default=None, choices=CONDITIONS)  # how both networks get the label; None: not at all
    classes: int | None = field(default=None, range=_COUNT)  # how many classes the data have; only with `conditional`
    label_attributes: tuple = ()  # CelebA's attributes whose combinations are the classes

    def __post_init__(self):
        for name, value in list(vars(self).items()):
            if isinstance(value, list):  # JSON has lists where a recipe has tuples
                object.__setattr__(self, name, tuple(value))
        check(Recipe, vars(self))
        self._check_combinations()

    def _check_combinations(self):
        """Raises UserError for fields that do not work together."""
        if (self.epochs is None) == (self.iterations is None):
            raise UserError(f"epochs is {self.epochs} and iterations {self.iterations}; give exactly one of them")
        bounded = self.weight_clip is not None or self.penalty is not None or self.spectral_normalization
        if self.loss == "wasserstein" and not bounded:
            remedy = "add penalty wgan-gp, weight_clip 0.01 or spectral_normalization"
            raise UserError(f"the wasserstein loss needs a bound on D, whose output grows without end otherwise; {remedy}")
        if self.smooth and self.loss in WITHOUT_SMOOTH:
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
