"""The noise whose images are nearest to given ones, and holes filled, for any runtime of a generator. NumPy only."""

from typing import Any
from typing import NamedTuple

import numpy as np

from tfgan.errors import UserError
from tfgan.sampling import search
from tfgan.sampling.blending import blend


class Projected(NamedTuple):
    """What was found for each image."""

    z: Any  # float32 [N, z_dim]
    images: Any  # uint8 [N, h, w, c]
    errors: Any  # float32 [N], the mean absolute error of the pixels that count, from 0 to 1
    labels: Any  # int32 [N], the classes that were given or found; None where the run is not conditional


class NoiseSearch:
    """Searches for the noise behind images.

    recipe: what has the generator's z_dim, z_distribution and image_shape. class_names: () where it is not conditional. images:
    function (z [N, z_dim], labels int32 [N] or None) -> uint8 [N, h, w, c]. generator: the `search.Generator` of the same G.
    """

    def __init__(self, recipe, class_names, images, generator):
        self._shape, self._classes = tuple(recipe.image_shape), len(class_names)
        self._images, self._generator = images, generator

    def project(self, images, seed=0, labels=None, mask=None, show=None):
        """The z whose images are nearest to the given ones: a `Projected`.

        images: uint8 [N, h, w, c], of the model's shape. seed: of the starts. labels: int [N], the classes of a conditional run's
        images; None means that each class is tried. mask: bool [N, h, w] or [h, w], True where the images count; None means
        everywhere. show(step, steps, images): called now and then with what is found so far, uint8 [N, h, w, c].

        Where the distance is small, the images may be pictures that G makes; where it is not, they are the nearest that were
        found. The result does not depend on how many images are given. Raises UserError if an argument does not fit the run.
        """
        images = self._checked(images)
        mask = np.ones(images.shape[:3], bool) if mask is None else self._checked_mask(mask, images)
        if not mask.any((1, 2)).all():
            raise UserError("the mask leaves nothing of an image that counts; it must be True somewhere")
        return self._search(images, mask.astype(np.float32), mask, seed, labels, show)

    def complete(self, images, mask, seed=0, labels=None, show=None):
        """Fills a hole in images: a `Projected`, with the given pixels outside and G's, blended, inside.

        After Yeh et al. 2017, arXiv:1607.07539, without their two other terms, which have not helped here: D's logit, and weights
        that are larger near the hole. mask: bool [N, h, w] or [h, w], True in the hole. The other arguments are those of
        `project`. errors are those of G's images outside the hole. Raises UserError if an argument does not fit the run.
        """
        images = self._checked(images)
        hole = self._checked_mask(mask, images)
        if not hole.any((1, 2)).all():
            raise UserError("the mask has no hole to fill; it must be True (white) somewhere")
        if hole.all((1, 2)).any():
            raise UserError("the mask is all hole; it must be False (black) where the image is known")
        found = self._search(images, (~hole).astype(np.float32), ~hole, seed, labels, show)
        return found._replace(images=np.stack([blend(*each) for each in zip(images, found.images, hole, strict=True)]))

    def _search(self, images, weights, counts, seed, labels, show):
        if labels is not None:
            labels = self._checked_labels(labels, len(images))

        def show_images(step, steps, z, labels):
            show(step, steps, self._images(z, labels))

        shown = None if show is None else show_images
        z, labels = search.search(self._generator, images.astype(np.float32) / 255, weights, seed, labels, shown)
        made = self._images(z, labels)
        distances = np.abs(made.astype(np.float32) - images).mean(3) / 255
        errors = (distances * counts).sum((1, 2)) / counts.sum((1, 2))
        return Projected(z, made, errors.astype(np.float32), labels)

    def _checked(self, images):
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[1:] != self._shape or images.dtype != np.uint8 or not len(images):
            found = f"{images.dtype} {list(images.shape)}"
            raise UserError(f"the images are {found}, but this run's are uint8 [N, {', '.join(map(str, self._shape))}]")
        return images

    @staticmethod
    def _checked_mask(mask, images):
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape not in (images.shape[:3], images.shape[1:3]):
            one, each = (list(images.shape[begin:3]) for begin in (1, 0))
            raise UserError(f"the mask is {mask.dtype} {list(mask.shape)}; it must be bool {one}, or {each}")
        return np.broadcast_to(mask, images.shape[:3])

    def _checked_labels(self, labels, count):
        classes, labels = self._classes, np.asarray(labels)
        if not classes:
            raise UserError("the run is not conditional and takes no labels; leave them out, or train one with --conditional")
        whole = np.issubdtype(labels.dtype, np.integer)
        if labels.shape != (count,) or not whole or not ((labels >= 0) & (labels < classes)).all():
            raise UserError(f"labels must be {count} integers from 0 to {classes - 1}, one for each image")
        return labels.astype(np.int32)
