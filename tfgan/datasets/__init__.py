"""The data sets by name: what they are, and their images as one uint8 array.

Begin with `load_for` below. `pack` keeps the array, `batches` puts its rows in order, and `pipeline` carries them into the graph.
A new data set is one file here with `load(info, data_dir, request)` and one entry in `DATASETS`. The order of a data set's images
decides every batch: whatever changes it changes the results of a seed.
"""

import importlib
import os
import pathlib
from typing import NamedTuple

from tfgan.datasets import sources
from tfgan.errors import UserError


class Info(NamedTuple):
    """What is known of a data set before any of it is read."""

    name: str
    module: str  # the file in this package that loads it
    channels: int
    model: str  # the default model
    size: int  # the side of the images, in pixels, that this model trains on
    about: str  # what it holds
    terms: str  # the licence
    splits: tuple = ("train",)  # its parts
    files: tuple = ()  # in data_dir: any of them means that it has been downloaded
    path: pathlib.Path | None = None  # of the user's own pictures


class Request(NamedTuple):
    """What is wanted of a data set."""

    size: tuple  # (h, w) in pixels, of what is cut out of photos; the pipeline fits other sizes to the model
    splits: tuple = ("train",)
    keep_going: bool = False  # also where many pictures are damaged
    exclude: tuple = ()  # folders (resolved paths) that own pictures are searched without
    fetch: bool = True  # what is not here; else that is a UserError

    def may_fetch(self, name, data_dir):
        """Raises UserError where the data set of that name, which is not in data_dir, must not be fetched."""
        if not self.fetch:
            raise UserError(f"{name} is not in {data_dir}, or not whole; python -m tfgan.datasets {name} fetches it")


_BOTH = ("train", "test")
_RESEARCH = "non-commercial research only"

DATASETS = {
    info.name: info
    for info in (
        Info("digits", "digits", 1, "mlp", 28, "1,797 grey digits of 8x8, embedded", "CC BY 4.0 (UCI Optical Recognition)"),
        Info(
            "mnist", "mnist", 1, "dcgan28", 28, "70,000 grey digits of 28x28 (12 MB)", "CC BY-SA 3.0",
            _BOTH, ("mnist/train-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz"),
        ),
        Info(
            "fashion-mnist", "mnist", 1, "dcgan28", 28, "70,000 grey pictures of clothes, 28x28 (31 MB)", "MIT",
            _BOTH, ("fashion-mnist/train-images-idx3-ubyte.gz",),
        ),
        Info(
            "celeba", "celeba", 3, "dcgan28", 28, "202,599 faces of 178x218 (1.4 GB)", _RESEARCH,
            files=("img_align_celeba", "img_align_celeba.zip", "celeba.zip"),
        ),
        Info(
            "dogs", "dogs", 3, "dogs", 64, "20,580 photos of 120 breeds (0.8 GB)", f"ImageNet's: {_RESEARCH}",
            files=("Images", "images.tar", "generative-dog-images.zip"),
        ),
    )
}  # fmt: skip


def info(name):
    """The Info of a data set's name, or of the path of a folder or archive. Raises UserError where there is neither."""
    if name in DATASETS:
        return DATASETS[name]
    path = pathlib.Path(name)
    if name and (os.path.isdir(path) or (os.path.isfile(path) and name.lower().endswith(sources.ARCHIVES))):
        return Info("own", "own", 3, "dcgan64", 64, "your own pictures", "yours", path=path)
    raise UserError(
        f"there is no data set {name!r} and no folder or archive of that name; the data sets are {', '.join(DATASETS)}, "
        f"or give the path of a folder, or of a {', '.join(sources.ARCHIVES)}, of pictures"
    )


def load(name, data_dir, request):
    """The `pack.Data` of a data set, by its name or path; what is missing in data_dir (a Path) is fetched and packed.

    Images of another size than the requested, and grey ones, are fitted to the model by `pipeline`. Raises UserError.
    """
    found = info(name)
    try:
        return _load(found, data_dir, request)
    except OSError as error:  # of looking for files; what is read and written has lines of its own
        place = error.filename or data_dir
        raise UserError(f"cannot read {place}: {error.strerror}; allow it, or give another --data-dir") from error


def _load(found, data_dir, request):
    return importlib.import_module(f"tfgan.datasets.{found.module}").load(found, data_dir, request)


def load_for(recipe, data_dir, keep_going=False, exclude=()):
    """The `pack.Data` that a recipe trains on: its splits, and of them its subset."""
    request = Request(recipe.image_shape[:2], recipe.splits, keep_going, exclude=exclude)
    return _subset(load(recipe.dataset, data_dir, request), recipe)


def find_training_images(recipe, sha256, data_dir):
    """What `load_for` gave a recipe, if its images have that SHA-256 and are here still; None, or UserError, else.

    Nothing is fetched; what was not packed may be.
    """
    from tfgan.datasets import pack  # here: processes that decode pictures import this package, and need none of that

    data = pack.find_by_sha256(sha256, data_dir)
    if data is None:
        request = Request(recipe.image_shape[:2], recipe.splits, keep_going=True, fetch=False)
        data = load(recipe.dataset, data_dir, request)
    return _subset(data, recipe) if data.sha256 == sha256 else None


def _subset(data, recipe):
    if recipe.subset is None:
        return data
    part = slice(*recipe.subset)
    return data._replace(images=data.images[part], labels=None if data.labels is None else data.labels[part])
