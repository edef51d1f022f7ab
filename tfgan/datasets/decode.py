"""Decodes a picture file to pixels as a viewer would show it: upright, on white. Then crops and resizes it."""

import dataclasses
import functools
import hashlib
import os
import threading
import time
import warnings
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from tfgan.datasets.folders import UnreadableMember
from tfgan.datasets.folders import read_file
from tfgan.datasets.formats import DamagedPicture
from tfgan.datasets.formats import clip
from tfgan.datasets.formats import examine
from tfgan.datasets.formats import read_part

_REUSED = 2**22  # bytes of memory that plain JPEGs reuse, because allocating fresh memory is slow


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


def decode_chunk(pictures, contents, size, crop, channels=3):
    """Decodes some pictures: (uint8 [n, h, w, channels], their labels, (name, reason) of each reject, the chunk's digest).

    pictures: a list of `Picture`. contents: for each picture its bytes, or the arguments of `folders.read_file`, or the reason
    why it cannot be read. The other arguments are those of `decode`.
    """
    images, labels, rejects, digest = [], [], [], hashlib.sha256()
    with warnings.catch_warnings(action="ignore"):  # Pillow's warnings about unusual files
        for picture, content in zip(pictures, contents, strict=True):
            data = read_content(content)
            update_digest(digest, picture, data)
            try:
                if isinstance(data, str):
                    raise DamagedPicture(data)
                images.append(decode(data, size, crop, picture.box, channels))
                labels.append(picture.label)
            except DamagedPicture as error:
                rejects.append((picture.name, str(error)))
    return np.array(images, np.uint8).reshape(-1, *size, channels), labels, rejects, digest.digest()


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


def decode(data, size, crop, box=None, channels=3):
    """Decodes a picture file's bytes, crops it to its box or else its crop, and resizes it bilinearly: uint8 [*size, channels].

    size: (h, w). crop: a `CentreCrop`, or None for the whole picture. box: (left, top, right, bottom) in pixels, clipped to the
    picture. channels: 3, or 1 for the luminance. An animation's first frame is used, transparency becomes white, 16 bits are
    scaled to 8, and EXIF's rotation is applied. Raises DamagedPicture.
    """

    def outline(width, height):
        return box or (crop.box(width, height) if crop else (0, 0, width, height))

    pixels = _plain_jpeg(data)
    if pixels is None:
        part = examine(data, lambda image: read_part(image, outline, 2 * max(size)))
    else:
        height, width, _ = pixels.shape
        left, top, right, bottom = clip(outline(width, height), width, height)
        # Crop before resizing: resize's own box would mix in pixels from around it. Image.fromarray would need a copy.
        first = memoryview(pixels).cast("B")[3 * (top * width + left) :]
        part = Image.frombytes("RGB", (right - left, bottom - top), first, "raw", "RGB", 3 * width, 1)
    small = part.resize((size[1], size[0]), Image.Resampling.BILINEAR).convert("RGB" if channels == 3 else "L")
    return np.frombuffer(small.tobytes(), np.uint8).reshape(*size, channels)


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
