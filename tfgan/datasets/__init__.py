"""The data sets by name: what they are, and their images as one uint8 array.

A new data set is one file here with `load(info, data_dir, recipe)` and one entry in `DATASETS`.
"""

import importlib
import pathlib
from typing import NamedTuple

from tfgan.errors import UserError


class Info(NamedTuple):
    """What is known of a data set before any of it is read."""

    name: str
    module: str  # the file in this package that loads it
    channels: int
    model: str  # the default model
    path: pathlib.Path | None = None  # of the user's own folder


DATASETS = {
    info.name: info
    for info in (
        Info("digits", "digits", 1, "mlp"),
        Info("mnist", "mnist", 1, "dcgan28"),
        Info("fashion-mnist", "mnist", 1, "dcgan28"),
        Info("celeba", "celeba", 3, "dcgan28"),
        Info("dogs", "dogs", 3, "dogs"),
    )
}


def info(name):
    """The Info of a data set's name or of a folder's path. Raises UserError where there is neither."""
    if name in DATASETS:
        return DATASETS[name]
    path = pathlib.Path(name)
    if path.is_dir():
        return Info("folder", "folder", 3, "dcgan64", path)
    raise UserError(
        f"there is no data set {name!r} and no folder of that name; the data sets are {', '.join(DATASETS)}, "
        "or give the path of a folder of pictures"
    )


def load(recipe, data_dir):
    """The recipe's images, uint8 [N, h, w, c]; what is missing in data_dir (a Path) is fetched, or UserError raised.

    h and w may differ from the recipe's image_shape, and c may be 1 where that has 3: `pipeline` fits them to it.
    """
    found = info(recipe.dataset)
    module = importlib.import_module(f"tfgan.datasets.{found.module}")
    images = module.load(found, data_dir, recipe)
    if recipe.subset:
        images = images[slice(*recipe.subset)]
    return images
