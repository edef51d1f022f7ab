"""The data sets by name: what each contains, and how its images become one uint8 array.

Begin with `load_for` below. `pack` stores the array, `batches` selects the rows of each batch, and `pipeline` feeds them to the
graph. To add a data set, write one file with `load(info, data_dir, request)` and add one entry to `DATASETS`. Never change the
order of a data set's images: it determines every batch, and so the results of every seed.
"""

import importlib
import os
import pathlib
import stat
from typing import NamedTuple

from tfgan.common.command import in_shell
from tfgan.datasets import classes
from tfgan.datasets import words
from tfgan.errors import UserError


class Info(NamedTuple):
    """What is known of a data set before it is read."""

    name: str
    module: str  # the file in this package that loads it
    channels: int
    model: str  # the default model
    size: int  # the side of the images that this model trains on, in pixels
    about: str  # what it contains
    terms: str  # the licence
    splits: tuple = ("train",)  # its parts
    path: pathlib.Path | None = None  # only for the user's own pictures
    classes: int | None = None  # how many its labels have


class Request(NamedTuple):
    """What the caller wants of a data set."""

    size: tuple  # (h, w) in pixels that photos are resized to; the pipeline resizes data sets of a fixed size
    splits: tuple = ("train",)
    keep_going: bool = False  # accept many damaged pictures
    exclude: tuple = ()  # folders to skip in the search for the user's own pictures, since tfgan writes to them
    channels: int = 3  # of own pictures: 1 for grey
    fetch: bool = True  # download missing files; otherwise a missing file is a UserError

    def require_fetch(self, name, data_dir):
        """Raises UserError if the data set of that name must be fetched into data_dir, but this request does not allow it."""
        if not self.fetch:
            how = f"python -m tfgan.datasets {name} --data-dir {in_shell(data_dir)}"
            raise UserError(f"{name} is not in {data_dir}, or not complete; {how} fetches it")


_BOTH = ("train", "test")
_RESEARCH = "non-commercial research only"

DATASETS = {
    info.name: info
    for info in (
        Info(
            "digits", "digits", 1, "mlp", 28, "1,797 grey digits of 8x8, embedded", "CC BY 4.0 (UCI Optical Recognition)",
            classes=10,
        ),
        Info(
            "mnist", "mnist", 1, "dcgan28", 28, "70,000 grey digits of 28x28 (12 MB)", "CC BY-SA 3.0",
            _BOTH, classes=10,
        ),
        Info(
            "fashion-mnist", "mnist", 1, "dcgan28", 28, "70,000 grey pictures of clothes, 28x28 (31 MB)", "MIT",
            _BOTH, classes=10,
        ),
        Info("celeba", "celeba", 3, "dcgan28", 28, "202,599 faces of 178x218 (1.4 GB)", _RESEARCH),
        Info(
            "dogs", "dogs", 3, "dogs", 64, "20,580 photos of 120 breeds (0.8 GB)", f"{_RESEARCH} (ImageNet)",
            classes=120,
        ),
    )
}  # fmt: skip


def resolve(name, data_dir):
    """The data set that a user's words name: one of `DATASETS`, or the path of a file or folder. Tells what is not obvious.

    Raises UserError if there is none.
    """
    path, in_data_dir = os.path.expanduser(name), os.path.join(data_dir, name)
    if name in DATASETS:
        if os.path.isdir(name):
            print(f"Note: {name} is the data set of that name, and not the folder here; for that, give ./{name}")
    elif os.path.exists(path):
        return path
    elif name and os.path.exists(in_data_dir):
        print(f"{name} is taken from {in_data_dir}")
        return in_data_dir
    _entry(name, data_dir)
    return name


def info(name):
    """The `Info` of a data set. name: its name, or the path of a file or folder. Raises UserError if there is neither.

    A short look at own pictures tells whether they are grey, so that a grey model is their default.
    """
    from tfgan.datasets import own  # not at the top, as `pack` below

    entry = _entry(name)
    if entry.path is not None and own.are_grey(os.path.abspath(name), os.stat(name).st_mtime_ns):
        return entry._replace(channels=1, model="dcgan28", size=28)
    return entry


def _entry(name, data_dir="data"):
    """The `Info` without the look. data_dir: where names like this one are looked for if there is none."""
    if name in DATASETS:
        return DATASETS[name]
    try:
        mode = os.stat(name).st_mode
    except PermissionError as error:
        raise UserError(f"cannot read {name}: {error.strerror}; allow it, or give another") from error
    except (OSError, ValueError):
        remedy = words.remedy(name, DATASETS, data_dir)
        raise UserError(f"there is no data set {name!r} and no folder or file of that name; {remedy}") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(f"{name} is a pipe or a device; give a folder or a file")
    return Info("own", "own", 3, "dcgan64", 64, "your own pictures", "yours", path=pathlib.Path(name))


def load(name, data_dir, request):
    """The `pack.Data` of a data set. Files that are missing in data_dir (a Path) are fetched and packed.

    name: the data set's name or path. request: a `Request`. Some data sets ignore its size and have their own; `pipeline`
    converts images to the model's size and number of channels. Raises UserError.
    """
    entry = _entry(name)
    if os.path.islink(data_dir) and not os.path.exists(data_dir):
        raise UserError(f"{data_dir} is a link to {os.readlink(data_dir)}, where nothing is; mend it, or give another --data-dir")
    try:
        return _load(entry, data_dir, request)
    except OSError as error:  # from looking for files; reading and writing them raise UserErrors of their own
        place = error.filename or data_dir
        raise UserError(f"cannot read {place}: {error.strerror}; allow it, or give another --data-dir") from error


def _load(entry, data_dir, request):
    return _module(entry).load(entry, data_dir, request)


def forms_of(name):
    """The `forms.Form`s in which the data set of that name is known; () for the embedded digits."""
    return _module(DATASETS[name]).FORMS[name]


def _module(entry):
    return importlib.import_module(f"tfgan.datasets.{entry.module}")


def load_for(recipe, data_dir, keep_going=False, exclude=()):
    """The `pack.Data` that a recipe trains on: the subset of its splits, and for a conditional recipe one class an image.

    The other arguments are those of `Request`.
    """
    request = Request(recipe.image_shape[:2], recipe.splits, keep_going, exclude, recipe.image_shape[2])
    data = _subset(load(recipe.dataset, data_dir, request), recipe)
    return data if recipe.conditional is None else classes.with_classes(data, recipe)


def refuse_folder(dataset, option, folder):
    """Raises UserError if the user's own pictures are in a folder that tfgan writes pictures to. option: the folder's."""
    if dataset not in DATASETS and os.path.realpath(dataset) == os.path.realpath(folder):
        raise UserError(f"{option} is {folder}, the folder of your pictures; give another one, so that they are not mixed")


def find_training_images(recipe, sha256, data_dir, exclude=()):
    """The `pack.Data` that `load_for` returned for a recipe when it was trained, or None if the data have changed.

    sha256: of the images, from the run's config. exclude: see `Request`. Nothing is fetched, but images may be packed
    again. Raises UserError if the data are not in data_dir.
    """
    from tfgan.datasets import pack  # not at the top: the processes that decode pictures import this package without need for it

    data = pack.find_by_sha256(sha256, data_dir)
    if data is None:
        if recipe.dataset not in DATASETS and not os.path.exists(recipe.dataset):
            options = f"--image-size {recipe.image_shape[0]} --data-dir {in_shell(data_dir)}"
            remedy = f"python -m tfgan.datasets PATH {options} packs them from where they are now"
            raise UserError(f"the pictures are neither in {recipe.dataset} nor packed in {data_dir}; {remedy}")
        request = Request(recipe.image_shape[:2], recipe.splits, True, exclude, recipe.image_shape[2], fetch=False)
        data = load(recipe.dataset, data_dir, request)
    return _subset(data, recipe) if data.sha256 == sha256 else None


def other_images(recipe, data_dir):
    """What to tell the user where `find_training_images` returns None."""
    if recipe.dataset in DATASETS:
        return f"the images in {data_dir} are not those that the run was trained on; give their folder with --data-dir"
    return f"the images in {recipe.dataset} have changed since the run was trained; put the earlier ones back"


def _subset(data, recipe):
    if recipe.subset is None:
        return data
    rows = slice(*recipe.subset)
    return data._replace(images=data.images[rows], labels=None if data.labels is None else data.labels[rows])
