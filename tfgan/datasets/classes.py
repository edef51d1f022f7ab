"""The classes of a conditional run: one number an image, whatever labels its data set has."""

import hashlib
from typing import NamedTuple

import numpy as np

from tfgan.errors import UserError

_MOST = 64  # classes that attributes may make together


class Classes(NamedTuple):
    """The classes of a conditional run's images."""

    of_images: np.ndarray  # int32 [N]
    names: tuple

    @property
    def counts(self):
        """How many images each class has, [classes]."""
        return np.bincount(self.of_images, minlength=len(self.names))

    @property
    def shares(self):
        """Each class's share of all images, [classes]."""
        return self.counts / len(self.of_images)

    @property
    def sha256(self):
        """The SHA-256 of the images' class numbers, in hex: it tells whether two runs have the same labels."""
        return hashlib.sha256(np.ascontiguousarray(self.of_images, "<i4")).hexdigest()


def with_classes(data, recipe):
    """The `pack.Data` with one class for each image, int32 [N], and the classes' names, for a conditional recipe.

    CelebA's attributes make classes as the recipe's label_attributes say: each combination is one. Raises UserError if the data
    have no labels, or none that fit the recipe.
    """
    if data.labels is None or len(data.label_names) < 2:
        raise UserError(_how_to_give_labels(recipe))
    if data.labels.ndim == 1:
        if recipe.label_attributes:
            raise UserError(f"--label-attribute is for celeba's attributes; {recipe.dataset_name} has classes, so leave it out")
        if len(data.labels) != len(data.images):
            numbers = f"{len(data.images):,} images and {len(data.labels):,} labels"
            raise UserError(f"{recipe.dataset_name} has {numbers}; get it again")
        return data
    attributes = recipe.label_attributes
    if not attributes:
        names = ", ".join(data.label_names)
        raise UserError(f"{recipe.dataset_name} has attributes and no classes; choose with --label-attribute, from {names}")
    for name in attributes:
        if name not in data.label_names:
            raise UserError(f"--label-attribute is {name!r}; it must be one of {', '.join(data.label_names)}")
    columns = np.asarray(data.labels[:, [data.label_names.index(name) for name in attributes]], np.int32)
    return data._replace(labels=columns @ _place_values(attributes), label_names=combinations(attributes))


def combinations(attributes):
    """The names of the classes that these attributes make: not the first and not the second, ..., both."""
    if len(set(attributes)) < len(attributes) or 2 ** len(attributes) > _MOST:
        limit = f"{len(attributes)} attributes make {2 ** len(attributes)} classes"
        raise UserError(f"--label-attribute: {limit}, and {_MOST} is the most; name each once, and six at most")
    bits = (np.arange(2 ** len(attributes))[:, None] // _place_values(attributes)) % 2
    return tuple(" and ".join(n if bit else f"not {n}" for n, bit in zip(attributes, row, strict=True)) for row in bits)


def _place_values(attributes):
    return 2 ** np.arange(len(attributes))[::-1].astype(np.int32)


def _how_to_give_labels(recipe):
    remedies = {
        "mnist": "put the label files beside the image files",
        "fashion-mnist": "put the label files beside the image files",
        "celeba": "put list_attr_celeba.txt into the data folder",
        "dogs": "put annotation.tar or Annotation into the data folder",
    }
    remedy = remedies.get(recipe.dataset, "give each class a folder of its own, two or more, or add a labels.csv")
    return f"--conditional: {recipe.dataset_name} has no labels; {remedy}"
