"""Images as NumPy arrays, outside the graph: value ranges, sizes, grids, PNG files."""

import math

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from tfgan.common import files
from tfgan.errors import UserError

_SIDE = 600  # about how many pixels the longer side of an enlarged picture has
_AT_A_TIME = 500  # images that are resized together, to limit memory


def from_uint8(x, value_range):
    """Maps 0 to 255 linearly to value_range, (low, high). x: a float array or tensor of any shape."""
    low, high = value_range
    return x * ((high - low) / 255.0) + low


def to_uint8(x, value_range):
    """Maps value_range, (low, high), linearly to uint8 0 to 255. Values are rounded, and clipped if they lie outside."""
    low, high = value_range
    return np.rint((np.clip(x, low, high) - low) * (255.0 / (high - low))).astype(np.uint8)


def evenly_spaced(count, total):
    """The indices of `count` of `total` images at equal distances, int [min(count, total)]. Images are often sorted."""
    return np.linspace(0, total - 1, min(count, total)).round().astype(int)


def preprocess_array(batch, image_shape, value_range):
    """uint8 [N, h, w, c] -> float32 [N, *image_shape] in value_range: what a model is trained on, in NumPy and Pillow.

    `datasets.pipeline.preprocess_tensor` does the same in the graph.
    """
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
    """uint8 [N, h, w, c] -> uint8 [N, *shape]: resized bilinearly, and converted to grey or colour if `shape` requires it."""
    if images.shape[1:] == tuple(shape):
        return images
    height, width, channels = shape
    mode = "L" if channels == 1 else "RGB"
    pictures = [to_pillow(x).convert(mode).resize((width, height), Image.Resampling.BILINEAR) for x in images]
    return np.stack([np.asarray(x).reshape(shape) for x in pictures])


def resize_round_trip(images, image_shape):
    """uint8 [N, h, w, c] -> uint8 [N, h, w, c]: resized to a model's image_shape, as D sees them, and back.

    Samples that are compared with real images at the data's size have been resized and have lost detail. The real images
    must lose as much.
    """
    if images.shape[1:] == tuple(image_shape):
        return images
    parts = []
    for begin in range(0, len(images), _AT_A_TIME):
        at_model_size = preprocess_array(images[begin : begin + _AT_A_TIME], image_shape, (0.0, 255.0))
        parts.append(resize_to_shape(to_uint8(at_model_size, (0.0, 255.0)), images.shape[1:]))
    return np.concatenate(parts)


def grid(images, rows, columns):
    """uint8 [N, h, w, c] -> uint8 [rows * h, columns * w, c]: the first rows * columns images, row by row. N must suffice."""
    _, height, width, channels = images.shape
    tiles = images[: rows * columns].reshape(rows, columns, height, width, channels)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def square_grid(images):
    """uint8 [N, h, w, c] -> uint8 [side * h, side * w, c], side = floor(sqrt(N)): the first side * side images, row by row."""
    side = math.isqrt(len(images))
    return grid(images, side, side)


def name_rows(picture, names):
    """uint8 [h, w, c] -> the same with a white strip at its left, in which each row of tiles has its name."""
    height, _, channels = picture.shape
    row = height // len(names)
    size = min(row // 2, 20)
    font = ImageFont.load_default(size)
    width = round(max(font.getlength(name) for name in names)) + size
    strip = Image.new("L" if channels == 1 else "RGB", (width, height), "white")
    draw = ImageDraw.Draw(strip)
    for n, name in enumerate(names):
        draw.text((width - size // 2, n * row + row // 2), name, fill="black", font=font, anchor="rm")
    return np.concatenate([np.asarray(strip).reshape(height, width, channels), picture], axis=1)


def split_grid(picture, height, width):
    """The inverse of `grid`: uint8 [rows * height, columns * width, c] -> uint8 [rows * columns, height, width, c].

    Pixels at the right and at the bottom that make up no whole image are dropped.
    """
    rows, columns, channels = picture.shape[0] // height, picture.shape[1] // width, picture.shape[2]
    parts = picture[: rows * height, : columns * width].reshape(rows, height, columns, width, channels)
    return parts.transpose(0, 2, 1, 3, 4).reshape(-1, height, width, channels)


def enlarge(picture):
    """Repeats each pixel of uint8 [h, w, c], so that the longer side has about 600 pixels. Larger pictures stay unchanged."""
    times = max(1, round(_SIDE / max(picture.shape[:2])))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def side_by_side(left, right):
    """Places two pictures of the same size side by side, with a white line of 4 pixels between them."""
    line = np.full((left.shape[0], 4, left.shape[2]), 255, np.uint8)
    return np.concatenate([left, line, right], axis=1)


def to_pillow(picture):
    """Converts uint8 [h, w, 1 or 3] to a Pillow image of mode L or RGB."""
    return Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)


def save_png(path, picture):
    """Writes uint8 [h, w, 1 or 3] as a PNG file, atomically."""
    with files.atomic_write(path) as file:
        to_pillow(picture).save(file, "PNG")


def load_png(path):
    """Reads a picture that `save_png` wrote: uint8 [h, w, 1 or 3]. Raises UserError if it cannot be read."""
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow raises SyntaxError for a damaged PNG
        raise UserError(f"{path} cannot be read as a picture ({error}); remove it, or make it again") from error
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
