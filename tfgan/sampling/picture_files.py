"""The user's own pictures and masks, brought to a model's size as training would bring them."""

import pathlib
import warnings

import numpy as np
from PIL import Image

from tfgan.common.images import resize_to_shape
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.decode import decode
from tfgan.datasets.formats import DamagedPicture
from tfgan.datasets.formats import upright_size
from tfgan.errors import UserError

_PARTLY = 32  # of 255: how white a pixel must be in the reduced mask to lie in the hole; a hole keeps the pixels that it cuts


def read_pictures(paths, image_shape, option):
    """The centre squares of picture files at a model's size, uint8 [N, *image_shape]. Raises UserError.

    image_shape: (h, w, c); one channel means grey. option: what to name in errors.
    """
    return np.concatenate([decode_picture(_read(path, option), image_shape, f"{option}: {path}") for path in paths])


def decode_picture(data, image_shape, name):
    """The same of one file's bytes, uint8 [1, *image_shape]. name: what errors call it."""
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow's warnings about unusual files
            decoded = decode(data, image_shape[:2], CentreCrop(None))
    except DamagedPicture as error:
        raise UserError(f"{name} cannot be used: {error}; give another picture") from error
    return resize_to_shape(decoded[None], image_shape)


def centre_drawing(drawing, image_shape):
    """What was drawn, white on black, scaled and centred as MNIST's digits are: uint8 [h, w, 1]. drawing: uint8 [H, W].

    Of 28 pixels the longer side of its bounding box takes 20. Its centre of mass is in the middle of pixel 14, counted from 0, as
    it is in MNIST's files. LeCun et al. 1998, "Gradient-based learning applied to document recognition", describes both.
    """
    height, width, _ = image_shape
    centred = np.zeros([height, width], np.uint8)
    rows, columns = (np.flatnonzero(drawing.any(axis)) for axis in (1, 0))
    if len(rows):
        drawn = drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        longer = 20 / 28 * min(height, width)
        size = [max(1, round(side * longer / max(drawn.shape))) for side in drawn.shape]
        small = np.asarray(Image.fromarray(drawn).resize(size[::-1], Image.Resampling.BOX))
        places = []
        for axis, (side, whole) in enumerate(zip(size, (height, width), strict=True)):
            mass = np.average(np.arange(side), weights=small.sum(1 - axis, dtype=float))
            places.append(int(np.clip(round(whole / 2 - mass), 0, whole - side)))
        top, left = places
        centred[top : top + size[0], left : left + size[1]] = small
    return centred[..., None]


def read_mask(path, picture, image_shape):
    """The mask in a picture file, bool [h, w], True (white) in the hole, cropped and reduced like the picture it belongs to.

    picture: that file's path. Raises UserError if the mask cannot be used or has another size than the picture.
    """
    data, of_picture = _read(path, "--mask"), _read(picture, "--complete")
    grey = decode_picture(data, (*image_shape[:2], 1), f"--mask: {path}")
    sizes = [upright_size(each) for each in (data, of_picture)]
    if sizes[0] != sizes[1]:
        has, wants = ("{} x {} pixels".format(*size) for size in sizes)
        raise UserError(f"--mask: {path} has {has}, but {picture} has {wants}; give a mask of the same size")
    return grey[0, :, :, 0] >= _PARTLY


def _read(path, option):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{option}: {path} cannot be read: {error.strerror}; give another file") from error
