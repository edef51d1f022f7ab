"""A tutorial's hyper-parameters as frozen data."""

import dataclasses
import importlib
import json
import os

from tfgan.errors import UserError

TUTORIALS = ("vanilla", "mlp", "dcgan28", "dcgan64", "dogs")
BEST = "compact"  # the model of the recipes that were measured best
MODELS = (*TUTORIALS, BEST)
AUGMENTATIONS = ("color", "translation", "cutout")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides what is trained, and nothing about where its files go.

    Raises UserError for a value out of its range. Exactly one of `epochs` and `iterations` gives the length.
    """

    model: str  # a file of tfgan/models
    dataset: str  # a name known to tfgan.datasets, or the path of the user's own pictures
    splits: tuple = ("train",)  # the parts of the data set that are joined
    subset: tuple | None = None  # [first, end) of them; None: all
    image_shape: tuple  # (height, width, channels)
    value_range: tuple  # what uint8 0 and 255 become
    z_dim: int
    z_distribution: str  # "uniform" in [-1, 1), or "normal"
    z_of_g: str  # of G's update: the "same" z as D's, or a "fresh" one
    d_sees_inference: bool = False  # D's fakes from G with moving averages (Keras' predict), not the batch's
    batch_size: int
    last_batch: str  # a short one is: "join"ed with the next epoch, "keep"t, "drop"ped, "fill"ed from the epoch's head
    flip: bool = False  # real images are mirrored left to right at random
    order_seed: int | None = None  # None: a new order each epoch; else NumPy's legacy permutation of that seed, always
    epochs: int | None = None
    iterations: int | None = None
    optimizer: str = "adam"  # or "sgd", with Nesterov's momentum
    learning_rate: float
    beta1: float = 0.9  # of Adam; of SGD the momentum is 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    smooth: float = 0.0  # real images are labelled 1 - smooth in D's loss
    d_loss_weight: float = 1.0  # on the sum of D's two halves
    sample_count: int  # images in the sample grid
    real_count: int | None = None  # images in the grid of real ones; None: as many
    show_pairs: bool = False  # also a picture of the batch just trained on, fakes beside reals
    # Remedies, which no tutorial has.
    loss: str = "non-saturating"  # a name of losses.LOSSES
    weight_clip: float | None = None  # D's variables are kept within this of 0 after each of its updates
    penalty: str | None = None  # on D's gradient: wgan-gp, r1 or dragan
    penalty_weight: float = 10.0
    d_normalization: str | None = None  # in place of D's batch normalisation: layer, none; batch keeps it beside a penalty
    spectral_normalization: bool = False  # of D's kernels
    d_steps: int = 1  # updates of D in an iteration, each with a batch and z of its own; if several, G's z is fresh
    d_learning_rate: float | None = None  # None: learning_rate
    learning_rate_half_life: int | None = None  # iterations in which both rates halve
    instance_noise: float = 0.0  # standard deviation of what is added to D's images, in units of the value range
    instance_noise_half_life: int | None = None
    augment: tuple = ()  # what D's images go through: color, translation, cutout
    g_average: float = 0.0  # decay of the moving average of G's variables that samples are made with; 0: none

    def __post_init__(self):
        for name in ("image_shape", "value_range", "splits", "subset", "augment"):
            if isinstance(getattr(self, name), list):  # from JSON
                object.__setattr__(self, name, tuple(getattr(self, name)))
        lives = ("learning_rate_half_life", "instance_noise_half_life")
        for name in ("z_dim", "batch_size", "epochs", "iterations", "d_steps", *lives):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name} is {value}; it must be 1 or more")
        for name, low, high in (("beta1", 0, 1), ("beta2", 0, 1), ("smooth", 0, 1), ("g_average", 0, 1)):
            if not low <= getattr(self, name) < high:
                raise UserError(f"{name} is {getattr(self, name)}; it must be at least {low} and below {high}")
        for name in ("learning_rate", "d_learning_rate", "weight_clip", "penalty_weight"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"{name} is {value}; it must be above 0 and finite")
        if not 0 <= self.instance_noise < float("inf"):
            raise UserError(f"instance_noise is {self.instance_noise}; it must be 0 or more, and finite")
        choices = {
            "z_distribution": ("uniform", "normal"),
            "z_of_g": ("same", "fresh"),
            "last_batch": ("join", "keep", "drop", "fill"),
            "optimizer": ("adam", "sgd"),
            "loss": ("non-saturating", "minimax", "least-squares", "wasserstein", "hinge"),
            "penalty": (None, "wgan-gp", "r1", "dragan"),
            "d_normalization": (None, "batch", "layer", "none"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                named = ", ".join(filter(None, allowed))
                raise UserError(f"{name} is {getattr(self, name)!r}; it must be one of {named}")
        if unknown := [name for name in self.augment if name not in AUGMENTATIONS]:
            raise UserError(f"augment is {unknown[0]!r}; it is any of {', '.join(AUGMENTATIONS)}")
        if (self.epochs is None) == (self.iterations is None):
            raise UserError(f"epochs is {self.epochs} and iterations {self.iterations}; give exactly one of them")
        self._refuse_senseless()

    def _refuse_senseless(self):
        """Raises UserError for combinations that cannot do what they are for."""
        bounded = self.weight_clip is not None or self.penalty is not None or self.spectral_normalization
        if self.loss == "wasserstein" and not bounded:
            remedy = "add penalty wgan-gp, weight_clip 0.01 or spectral_normalization"
            raise UserError(f"the wasserstein loss needs a bound on D, whose output grows without end else: {remedy}")
        if self.smooth and self.loss in ("wasserstein", "hinge"):
            raise UserError(f"smooth is {self.smooth:g}, but the {self.loss} loss has no labels to smooth; make smooth 0")
        if self.weight_clip is not None and self.loss != "wasserstein":
            raise UserError(f"weight_clip is for the wasserstein loss, and the loss is {self.loss}; leave one of them out")
        if self.weight_clip is not None and self.spectral_normalization:
            raise UserError("weight_clip and spectral_normalization: the second undoes the first; leave one of them out")
        if self.instance_noise_half_life is not None and not self.instance_noise:
            raise UserError("instance_noise_half_life is given, but instance_noise is 0; leave it out, or give both")

    @property
    def dataset_name(self):
        """The data set's name; of own pictures that of their folder or archive, without the folders that it lies in."""
        return os.path.basename(self.dataset)

    def rate(self, iteration):
        """The learning rate of G at that iteration, a number or a float tensor."""
        return _halving(self.learning_rate, self.learning_rate_half_life, iteration)

    def noise(self, iteration):
        """The standard deviation of the instance noise at that iteration, likewise."""
        return _halving(self.instance_noise, self.instance_noise_half_life, iteration)

    def replace(self, **changes):
        """A copy with these fields changed. Raises UserError for an unknown field; one length displaces the other."""
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise UserError(f"a recipe has no field {name!r}; its fields are {', '.join(known)}")
        if changes.get("epochs") is not None:
            changes.setdefault("iterations", None)
        elif changes.get("iterations") is not None:
            changes.setdefault("epochs", None)
        return dataclasses.replace(self, **changes)

    def per_epoch(self, images):
        """Batches an epoch of so many images; with joined epochs the quotient, not a whole number."""
        size = self.batch_size
        parts = {"join": images / size, "drop": images // size, "keep": -(-images // size), "fill": -(-images // size)}
        return parts[self.last_batch]

    def length(self, images):
        """The iterations of the whole run, on so many images."""
        return self.iterations or max(1, int(self.epochs * self.per_epoch(images) / self.d_steps))

    def to_dict(self):
        """The fields as JSON has them: tuples as lists."""
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


def _halving(value, life, iteration):
    return value if life is None else value * 0.5 ** (iteration / life)


def model_module(model):
    """The module of that model. Raises UserError where there is none."""
    if model not in MODELS:
        raise UserError(f"there is no model {model!r}; the models are {', '.join(MODELS)}")
    return importlib.import_module(f"tfgan.models.{model}")


def refuse_for_model(recipe):
    """Raises UserError for what makes no sense with the recipe's model; imports TensorFlow."""
    batch_norm = getattr(model_module(recipe.model), "D_BATCH_NORM", False)
    if recipe.penalty is not None and batch_norm and recipe.d_normalization is None:
        raise UserError(
            f"penalty {recipe.penalty} is on D's gradient at each image, and {recipe.model}'s D has batch normalisation, which "
            "mixes them; say d_normalization layer or none, or batch to keep it all the same"
        )
    if recipe.d_normalization is not None and not batch_norm:
        raise UserError(f"d_normalization is in place of batch normalisation, and {recipe.model}'s D has none; leave it out")


def recipe(model, dataset=None):
    """The tutorial's recipe for that model and data set (its first one by default); imports TensorFlow.

    A data set that the tutorial did not use gets its hyper-parameters, all of the images (of Fashion-MNIST the part that
    it takes of MNIST), and colour where the data has it.
    dataset: a name known to tfgan.datasets, or the path of a folder or archive of pictures. Raises UserError.
    """
    from tfgan import datasets  # here, so that model files, which import this module, stay below the data sets

    recipes = model_module(model).RECIPES
    if dataset is None:
        return next(iter(recipes.values()))
    info = datasets.info(dataset)
    if dataset in recipes:
        return recipes[dataset]
    base = next(iter(recipes.values()))
    height, width, channels = base.image_shape
    changes = {"dataset": dataset, "image_shape": (height, width, max(channels, info.channels))}
    if info.name not in ("mnist", "fashion-mnist"):  # what MNIST alone has: a test split, a validation part, an order
        changes |= {"splits": ("train",), "subset": None, "order_seed": None}
    if info.path is not None:
        changes["dataset"] = os.path.abspath(dataset)
    return base.replace(**changes)


def resized(recipe, side):
    """The recipe for square images of that side, in pixels. Raises UserError if its model makes none of that size."""
    height, width, channels = recipe.image_shape
    if (height, width) == (side, side):
        return recipe
    makes = getattr(model_module(recipe.model), "makes", None)  # a model without it makes its recipe's size only
    if makes is None or not makes(side):
        raise UserError(f"--image-size is {side}, but {recipe.model} makes none of that size; take {height}, or another --model")
    return recipe.replace(image_shape=(side, side, channels))
