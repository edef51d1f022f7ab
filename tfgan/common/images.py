"""Images outside the graph: value ranges, sizes, grids, PNG."""

import math

import numpy as np
from PIL import Image

from tfgan.common import files
from tfgan.errors import UserError

_SIDE = 600  # pixels of the longer side of a picture to be looked at, about
_AT_A_TIME = 500  # images that are resized in one block of memory


def from_uint8(x, value_range):
    """0 to 255 -> value_range, linearly; a float array or tensor of any shape."""
    low, high = value_range
    return x * ((high - low) / 255.0) + low


def to_uint8(x, value_range):
    """value_range -> uint8 0 to 255, rounded, what lies outside clipped."""
    low, high = value_range
    return np.rint((np.clip(x, low, high) - low) * (255.0 / (high - low))).astype(np.uint8)


def preprocess_array(batch, image_shape, value_range):
    """uint8 [N, h, w, c] -> float32 [N, *image_shape], as `datasets.pipeline.preprocess_tensor` does it, in NumPy and Pillow."""
    height, width, channels = image_shape
    x = batch.astype(np.float32)
    if x.shape[1:3] != (height, width):
        planes = [
            [Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR) for plane in np.moveaxis(image, -1, 0)]
            for image in x
        ]
        x = np.moveaxis(np.array([[np.asarray(plane) for plane in image] for image in planes]), 1, -1)
    x = from_uint8(x, value_range)
    return x if x.shape[3] == channels else np.repeat(x, channels, axis=3)


def resize_to_shape(images, shape):
    """uint8 [N, h, w, c] -> uint8 [N, *shape]: resized bilinearly, colour made grey where need be; as they are if they fit."""
    if images.shape[1:] == tuple(shape):
        return images
    height, width, channels = shape
    mode = "L" if channels == 1 else "RGB"
    resized = [to_pillow(x).convert(mode).resize((width, height), Image.Resampling.BILINEAR) for x in images]
    return np.stack([np.asarray(x).reshape(shape) for x in resized])


def resize_round_trip(images, image_shape):
    """uint8 [N, h, w, c] -> uint8 [N, h, w, c]: brought to a model's image_shape, as D sees them, and back to their own.

    Samples that are compared at the data's size have been resized, which costs them detail. Real images that they are compared
    with must have lost as much.
    """
    if images.shape[1:] == tuple(image_shape):
        return images
    parts = []
    for begin in range(0, len(images), _AT_A_TIME):
        at_models_size = preprocess_array(images[begin : begin + _AT_A_TIME], image_shape, (0.0, 255.0))
        parts.append(resize_to_shape(to_uint8(at_models_size, (0.0, 255.0)), images.shape[1:]))
    return np.concatenate(parts)


def grid(images, rows, columns):
    """uint8 [N, h, w, c] -> uint8 [rows * h, columns * w, c]: the first rows * columns images, row by row; N as many or more."""
    _, height, width, channels = images.shape
    tiles = images[: rows * columns].reshape(rows, columns, height, width, channels)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def square_grid(images):
    """uint8 [N, h, w, c] -> uint8 [side * h, side * w, c], side = floor(sqrt(N)): the first side * side images, in rows."""
    side = math.isqrt(len(images))
    return grid(images, side, side)


def split_grid(picture, height, width):
    """The inverse of `grid`: uint8 [rows * height, columns * width, c] -> uint8 [rows * columns, height, width, c].

    What is beyond whole tiles is left out.
    """
    rows, columns, channels = picture.shape[0] // height, picture.shape[1] // width, picture.shape[2]
    parts = picture[: rows * height, : columns * width].reshape(rows, height, columns, width, channels)
    return parts.transpose(0, 2, 1, 3, 4).reshape(-1, height, width, channels)


def enlarge(picture):
    """uint8 [h, w, c], each pixel repeated so often that the longer side has about 600 pixels; a larger picture as it is."""
    times = max(1, round(_SIDE / max(picture.shape[:2])))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def side_by_side(left, right):
    """Two pictures of one size, left and right, a white line of 4 pixels between them."""
    line = np.full((left.shape[0], 4, left.shape[2]), 255, np.uint8)
    return np.concatenate([left, line, right], axis=1)


def to_pillow(picture):
    """uint8 [h, w, 1 or 3] as a Pillow image of mode L or RGB."""
    return Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)


def save_png(path, picture):
    """Writes uint8 [h, w, 1 or 3] as PNG; the file appears whole or not at all."""
    with files.atomic_write(path) as file:
        to_pillow(picture).save(file, "PNG")


def load_png(path):
    """A picture as `save_png` wrote it: uint8 [h, w, 1 or 3]. Raises UserError where it cannot be read."""
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # SyntaxError is of a damaged PNG
        raise UserError(f"{path} cannot be read as a picture ({error}); remove it, or make it again") from error
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
