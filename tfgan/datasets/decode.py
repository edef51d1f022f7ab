"""A picture's bytes -> pixels: upright, on white, cropped, resized, as a person who looks at the file would expect them."""

import dataclasses
import functools
import hashlib
import io
import os
import threading
import time
import warnings
from typing import NamedTuple

import numpy as np
import PIL
import simplejpeg
from PIL import Image
from PIL import ImageOps

from tfgan.datasets.sources import UnreadableMember
from tfgan.datasets.sources import read_file

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # Pillow knows others that start programs to be read
_REUSED = 2**22  # bytes kept for plain JPEGs: fresh memory each time would cost a quarter of their decoding
_SMALLEST_SIDE = 8  # pixels of what is left after cropping; less shows nothing


class DamagedPicture(Exception):
    """A picture that cannot be used; the message says why."""


class Picture(NamedTuple):
    """One image of a data set."""

    name: str  # of the member of the source
    box: tuple | None = None  # (left, top, right, bottom) of it to take, in pixels; None: the job's crop
    label: object = None  # an int, or a list of ints


@dataclasses.dataclass(frozen=True)
class CentreCrop:
    """The central square of that side, in pixels; None: the largest there is."""

    side: int | None

    def box(self, width, height):
        """(left, top, right, bottom) in a picture of that size, never larger than the picture."""
        side = min(width, height, self.side or width)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side


def exit_with_parent(parent):
    """Ends this process soon after its parent, a pid: a pool's processes would outlive a kill -9 of that for ever."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def decode_chunk(pictures, given, size, crop):
    """(uint8 [n, h, w, 3], their labels, (name, reason) of each that is left out, the chunk's digest); a process's work.

    pictures: with name, box and label; given: for each its bytes, or what `sources.read_file` takes, or a reason against it.
    """
    images, labels, rejected, digest = [], [], [], hashlib.sha256()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for picture, item in zip(pictures, given, strict=True):
            data = read_content(item)
            update_digest(digest, picture, data)
            try:
                if isinstance(data, str):
                    raise DamagedPicture(data)
                images.append(decode(data, size, crop, picture.box))
                labels.append(picture.label)
            except DamagedPicture as error:
                rejected.append((picture.name, str(error)))
    return np.array(images, np.uint8).reshape(-1, *size, 3), labels, rejected, digest.digest()


def read_content(given):
    """The bytes, or the reason against them, of what `decode_chunk` is given."""
    try:
        return read_file(*given) if isinstance(given, tuple) else given
    except UnreadableMember as error:
        return str(error)


def update_digest(digest, picture, data):
    """Adds a picture to a chunk's digest: its name, box, label and bytes."""
    data = data.encode() if isinstance(data, str) else data
    digest.update(repr((*picture, len(data))).encode())
    digest.update(data)


def decode(data, size, crop, box=None):
    """uint8 [h, w, 3] of a picture file's bytes: its box, or else its crop, resized bilinearly to size (h, w).

    box: (left, top, right, bottom) in pixels; what of it lies outside the picture is left off. Of an animation the first
    frame, transparency on white, 16 bits scaled to 8, EXIF's rotation applied. Raises DamagedPicture.
    """
    pixels = _plain_jpeg(data)
    if pixels is None:
        try:
            pixels = _any_picture(data)
        except MemoryError:  # this machine's lack and not the picture's
            raise
        except PIL.UnidentifiedImageError as error:
            raise DamagedPicture("no picture of a known kind") from error
        except Exception as error:  # Pillow's decoders fail in as many ways as files can be damaged; all are told
            raise DamagedPicture(f"{error or type(error).__name__}") from error
    height, width, _ = pixels.shape
    left, top, right, bottom = box or crop.box(width, height)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if min(right - left, bottom - top) < _SMALLEST_SIDE:
        raise DamagedPicture(f"{max(right - left, 0)} x {max(bottom - top, 0)} pixels, fewer than {_SMALLEST_SIDE} x {_SMALLEST_SIDE}")
    # Cropped first: resize's own box would let the pixels around it bleed in. And in place, without a copy for Image.fromarray.
    first = memoryview(pixels).cast("B")[3 * (top * width + left) :]
    image = Image.frombytes("RGB", (right - left, bottom - top), first, "raw", "RGB", 3 * width, 1)
    small = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.frombuffer(small.tobytes(), np.uint8).reshape(*size, 3)


def _plain_jpeg(data):
    """uint8 [H, W, 3] of the common JPEG, without EXIF; None for any other file, and for a damaged one.

    libjpeg-turbo without Pillow around it: the same pixels in half of the time, and outside Python's lock. They are valid
    until the next is decoded.
    """
    if not data.startswith(b"\xff\xd8\xff") or b"Exif\0" in data[: 2**16]:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in ("YCbCr", "Gray") or height * width > Image.MAX_IMAGE_PIXELS:
            return None
        return simplejpeg.decode_jpeg(data, "RGB", buffer=_room(height, width))
    except ValueError:
        return None  # Pillow says what is wrong with it, or reads it all the same


@functools.cache
def _memory():
    return np.empty(_REUSED, np.uint8)


def _room(height, width):
    """uint8 [height, width, 3] that the next picture will use again, or None where it does not fit."""
    size = height * width * 3
    return _memory()[:size].reshape(height, width, 3) if size <= _REUSED else None


def _any_picture(data):
    """uint8 [H, W, 3] of whatever Pillow reads."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > Image.MAX_IMAGE_PIXELS:
            raise DamagedPicture(f"{image.width:,} x {image.height:,} pixels, more than {Image.MAX_IMAGE_PIXELS:,} in all")
        image.load()
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise DamagedPicture("its pixels are floating-point numbers, whose range is not known")
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip at 255
        levels = np.clip(np.asarray(image), 0, 65535).astype(np.float32)
        if image.mode != "I" or levels.max() > 255:  # mode I has 32 bits, and of them 8 or 16 in use
            levels /= 257
        image = Image.fromarray(np.rint(levels).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))
