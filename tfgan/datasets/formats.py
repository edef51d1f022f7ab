"""Opens picture files of many formats with Pillow, in bounded memory, and whatever is broken beside the pixels."""

import contextlib
import functools
import io
import threading

import numpy as np
import PIL
from PIL import Image

from tfgan.datasets.metadata import without_metadata
from tfgan.datasets.unread import kind_of

# Pillow's formats that are read, and the bytes of memory that each needs for a pixel beside the picture itself. Of the other
# formats some start programs, and some fit any file.
_FORMATS = {
    "JPEG": 0, "MPO": 0, "PNG": 0, "BMP": 0, "GIF": 0, "PPM": 0, "TIFF": 3, "WEBP": 12, "AVIF": 12, "JPEG2000": 16,
}  # fmt: skip
_MOST_BYTES = 2**30  # of memory for a picture beyond Pillow's own limit of pixels, since every core decodes one
_BAND = 2**22  # pixels of such a picture that are converted at a time
_GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L")  # Pillow's modes
_FEW_PIXELS = 2**18  # so few are looked at in a moment
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # EXIF's orientation: the Image.Transpose that makes it upright
_LIFTING = threading.Lock()
_SMALLEST_SIDE = 8  # pixels after cropping; a smaller picture shows nothing


class DamagedPicture(Exception):
    """A picture cannot be used. The message says why."""


def examine(data, look, whole=True):
    """look(the file as Pillow's image), if need be without the file's metadata. Raises DamagedPicture."""
    try:
        with _any_size():  # only the header is read
            image = Image.open(io.BytesIO(data), formats=_formats())
        with image:
            return look(image)
    except (MemoryError, DamagedPicture):  # the machine lacks memory, and the picture may be fine; or it has been judged
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
        if whole and (stripped := without_metadata(data)) != data:
            return examine(stripped, look, whole=False)
        unknown = isinstance(error, PIL.UnidentifiedImageError)
        raise DamagedPicture(kind_of(data) if unknown else f"{error or type(error).__name__}") from error


@functools.cache
def _formats():
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]  # Pillow may be without some of them


@contextlib.contextmanager
def _any_size():
    """Lifts Pillow's limit of pixels inside."""
    with _LIFTING:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _orientation(image):
    """EXIF's orientation, 1 to 8; 1 where there is none, or where it is unreadable, as for viewers."""
    try:
        orientation = image.getexif().get(0x0112)
    except MemoryError:
        raise
    except Exception:  # as Pillow's decoders
        orientation = None
    return orientation if orientation in _TURNS else 1


def stored_size(data):
    """(width, height) of a picture as its header says, whatever its size. Raises DamagedPicture."""
    return examine(data, lambda image: image.size)


def upright_size(data):
    """(width, height) of a picture as a viewer would show it. Raises DamagedPicture."""

    def size_of(image):
        image.load()  # Pillow itself turns a TIFF then
        return image.size[::-1] if _orientation(image) >= 5 else image.size

    return examine(data, size_of)


def is_grey(data):
    """Whether a picture has no colours, by its header, and if it is small by its pixels. Raises DamagedPicture."""

    def without_colours(image):
        if image.mode in _GREY or image.width * image.height > _FEW_PIXELS:
            return image.mode in _GREY
        pixels = np.asarray(image.convert("RGB"))
        return bool((pixels == pixels[..., :1]).all())

    return examine(data, without_colours)


def read_part(image, outline, least):
    """The outlined part of a file's picture, upright, on white, in RGB.

    outline: (width, height) of the picture -> the part's box. A picture beyond Pillow's limit of pixels is reduced by a whole
    factor which leaves so many pixels at `least` in each direction.
    """
    if image.mode == "F":
        raise DamagedPicture("its pixels are floating-point numbers of unknown range")
    (width, height), factor = image.size, 1
    large = width * height > Image.MAX_IMAGE_PIXELS
    if large:
        left, top, right, bottom = outline(width, height)
        factor = max(1, min(right - left, bottom - top) // least)
        image.draft(None, (width // factor, height // factor))  # JPEG's decoder reduces by 2, 4 or 8
        _limit_memory(image, width, height)
    reduced = round(width / image.width)
    with _any_size() if large else contextlib.nullcontext():
        image.load()
    orientation = _orientation(image)
    width, height = (width, height) if reduced > 1 else image.size  # Pillow itself turns a TIFF
    width, height = (height, width) if orientation >= 5 else (width, height)
    box = _as_stored(clip(outline(width, height), width, height), width, height, orientation)
    left, top, right, bottom = (edge // reduced for edge in box)
    wide = image.mode != "I" or image.getextrema()[1] > 255  # mode I has 32 bits, of which 8 or 16 are used
    if large:
        factor = max(1, factor // reduced)
        part = Image.new("RGB", (-(-(right - left) // factor), -(-(bottom - top) // factor)))
        rows = factor * max(1, _BAND // (factor * (right - left)))
        for row in range(top, bottom, rows):
            band = _on_white(image.crop((left, row, right, min(row + rows, bottom))), wide)
            part.paste(band.reduce(factor), (0, (row - top) // factor))
    else:
        part = _on_white(image.crop((left, top, right, bottom)), wide)
    return part.transpose(Image.Transpose(_TURNS[orientation])) if orientation > 1 else part


def clip(box, width, height):
    """What of a box lies in a picture of this size. Raises DamagedPicture if that is next to nothing."""
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
    if min(right - left, bottom - top) < _SMALLEST_SIDE:
        sides = f"{max(right - left, 0)} x {max(bottom - top, 0)} pixels"
        raise DamagedPicture(f"{sides}, fewer than {_SMALLEST_SIDE} x {_SMALLEST_SIDE}")
    return left, top, right, bottom


def _as_stored(box, width, height, orientation):
    """Where a box of the upright picture lies in the file's. width, height: of the upright picture."""
    left, top, right, bottom = box
    if orientation in (2, 3, 6, 7):
        left, right = width - right, width - left
    if orientation in (3, 4, 7, 8):
        top, bottom = height - bottom, height - top
    return (top, left, bottom, right) if orientation >= 5 else (left, top, right, bottom)


def _limit_memory(image, width, height):
    """Raises DamagedPicture if a picture would need too much memory. width, height: before JPEG's decoder reduces it."""
    pixels = width * height
    size = {"1": 1, "L": 1, "P": 1}.get(image.mode, 2 if image.mode.startswith("I;16") else 4)
    needed = size * image.width * image.height + _FORMATS[image.format] * pixels
    if image.format in ("JPEG", "MPO") and image.fp.getvalue().find(b"\xff\xda", image.fp.tell()) >= 0:
        needed += 2 * len(image.layer) * pixels  # a further scan: the decoder keeps the coefficients of all
    if needed > _MOST_BYTES:
        raise DamagedPicture(
            f"{width:,} x {height:,} pixels, more than {_MOST_BYTES:,} bytes when decoded; make a smaller copy, as by "
            "vipsthumbnail --size 4000 FILE"
        )


def _on_white(image, wide):
    """RGB of a part of a picture. wide: whether its grey levels have 16 bits, if they have more than 8."""
    if image.mode.startswith("I"):  # Pillow's own conversion would clip it at 255
        levels = np.clip(np.asarray(image), 0, 65535).astype(np.float32)
        image = Image.fromarray(np.rint(levels / 257 if wide else levels).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
