"""Decodes a picture file to pixels as a viewer would show it: upright, on white. Then crops and resizes it."""

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

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # some of Pillow's other formats start external programs
_REUSED = 2**22  # bytes of memory that plain JPEGs reuse, because allocating fresh memory is slow
_SMALLEST_SIDE = 8  # pixels after cropping; a smaller picture shows nothing


class DamagedPicture(Exception):
    """A picture cannot be used. The message says why."""


class Picture(NamedTuple):
    """One image of a data set."""

    name: str  # the name of the source's member
    box: tuple | None = None  # the part to use, (left, top, right, bottom) in pixels; None: the job's crop
    label: object = None  # an int, a list of ints, or None


@dataclasses.dataclass(frozen=True)
class CentreCrop:
    """The central square with this side in pixels. None means the largest one."""

    side: int | None

    def box(self, width, height):
        """(left, top, right, bottom) in a picture of this size. The box never exceeds the picture."""
        side = min(width, height, self.side or width)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side


def exit_with_parent(parent):
    """Makes this process exit soon after its parent (a pid). Otherwise a pool's processes would outlive a killed parent."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def decode_chunk(pictures, contents, size, crop):
    """Decodes some pictures: (uint8 [n, h, w, 3], their labels, (name, reason) of each rejected picture, the chunk's digest).

    pictures: a list of `Picture`. contents: for each picture its bytes, or the arguments of `sources.read_file`, or the reason
    why it cannot be read. size: (h, w). crop: a `CentreCrop`.
    """
    images, labels, rejects, digest = [], [], [], hashlib.sha256()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warnings about unusual files
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for picture, content in zip(pictures, contents, strict=True):
            data = read_content(content)
            update_digest(digest, picture, data)
            try:
                if isinstance(data, str):
                    raise DamagedPicture(data)
                images.append(decode(data, size, crop, picture.box))
                labels.append(picture.label)
            except DamagedPicture as error:
                rejects.append((picture.name, str(error)))
    return np.array(images, np.uint8).reshape(-1, *size, 3), labels, rejects, digest.digest()


def read_content(content):
    """The bytes of a picture, or the reason (a str) why it cannot be read. content: one of the `contents` of `decode_chunk`."""
    try:
        return read_file(*content) if isinstance(content, tuple) else content
    except UnreadableMember as error:
        return str(error)


def update_digest(digest, picture, data):
    """Adds a picture's name, box, label and bytes (or reason) to a digest."""
    data = data.encode() if isinstance(data, str) else data
    digest.update(repr((*picture, len(data))).encode())
    digest.update(data)


def decode(data, size, crop, box=None):
    """Decodes a picture file's bytes, crops it to its box or else its crop, and resizes it bilinearly: uint8 [*size, 3].

    size: (h, w). box: (left, top, right, bottom) in pixels, clipped to the picture. An animation's first frame is used,
    transparency becomes white, 16 bits are scaled to 8, and EXIF's rotation is applied. Raises DamagedPicture.
    """
    pixels = _plain_jpeg(data)
    if pixels is None:
        try:
            pixels = _any_picture(data)
        except MemoryError:  # the machine lacks memory; the picture may be fine
            raise
        except PIL.UnidentifiedImageError as error:
            raise DamagedPicture("not a picture of a known kind") from error
        except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
            raise DamagedPicture(f"{error or type(error).__name__}") from error
    height, width, _ = pixels.shape
    left, top, right, bottom = box or crop.box(width, height)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if min(right - left, bottom - top) < _SMALLEST_SIDE:
        sides = f"{max(right - left, 0)} x {max(bottom - top, 0)} pixels"
        raise DamagedPicture(f"{sides}, fewer than {_SMALLEST_SIDE} x {_SMALLEST_SIDE}")
    # Crop before resizing: resize's own box would mix in pixels from around it. Image.fromarray would need a copy.
    first = memoryview(pixels).cast("B")[3 * (top * width + left) :]
    image = Image.frombytes("RGB", (right - left, bottom - top), first, "raw", "RGB", 3 * width, 1)
    small = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.frombuffer(small.tobytes(), np.uint8).reshape(*size, 3)


def _plain_jpeg(data):
    """uint8 [H, W, 3] of an ordinary JPEG without EXIF, valid until the next call; None for damaged and all other files.

    libjpeg-turbo gives the same pixels as Pillow in half the time, and releases Python's global lock.
    """
    if not data.startswith(b"\xff\xd8\xff") or b"Exif\0" in data[: 2**16]:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in ("YCbCr", "Gray") or height * width > Image.MAX_IMAGE_PIXELS:
            return None
        return simplejpeg.decode_jpeg(data, "RGB", buffer=_reused_buffer(height, width))
    except ValueError:
        return None  # Pillow reads it, or says what is wrong with it


@functools.cache
def _reused_memory():
    return np.empty(_REUSED, np.uint8)


def _reused_buffer(height, width):
    """uint8 [height, width, 3] in memory that every picture reuses, or None if the picture is too large for it."""
    size = height * width * 3
    return _reused_memory()[:size].reshape(height, width, 3) if size <= _REUSED else None


def _any_picture(data):
    """uint8 [H, W, 3] of any file that Pillow reads. Raises DamagedPicture, or any of Pillow's errors."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > Image.MAX_IMAGE_PIXELS:
            raise DamagedPicture(f"{image.width:,} x {image.height:,} pixels, more than {Image.MAX_IMAGE_PIXELS:,} in all")
        image.load()
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise DamagedPicture("its pixels are floating-point numbers of unknown range")
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it at 255
        levels = np.clip(np.asarray(image), 0, 65535).astype(np.float32)
        if image.mode != "I" or levels.max() > 255:  # mode I has 32 bits, of which 8 or 16 are used
            levels /= 257
        image = Image.fromarray(np.rint(levels).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))
