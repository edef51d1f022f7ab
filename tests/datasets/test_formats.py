"""Files of all formats and sizes are opened within bounded memory."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.datasets.test_decode import WHOLE
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_decode import ramp
from tests.datasets.test_decode import solid
from tfgan.datasets import formats
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.decode import decode
from tfgan.datasets.formats import DamagedPicture
from tfgan.datasets.formats import is_grey
from tfgan.datasets.formats import upright_size


def vast_png():
    """A few bytes that promise 50,000 x 50,000 pixels."""
    header, pixels = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0), zlib.compress(bytes(1000))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (b"IHDR" + header, b"IDAT" + pixels)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_bombs_are_refused_unread():
    with pytest.raises(DamagedPicture, match="50,000 x 50,000 pixels, more than .* bytes when decoded; make a smaller copy"):
        decode(vast_png(), (8, 8), WHOLE)
    assert formats.stored_size(vast_png()) == (50_000, 50_000), "the header alone costs nothing"
    assert Image.MAX_IMAGE_PIXELS == 89_478_485, "Pillow's limit holds for others"


@pytest.mark.parametrize(
    ("kind", "options", "mode"),
    [
        ("JPEG", {"quality": 95}, "RGB"), ("JPEG", {"quality": 95, "progressive": True}, "L"), ("PNG", {}, "RGB"),
        ("PNG", {}, "L"), ("PNG", {}, "P"), ("PNG", {}, "1"), ("PNG", {}, "I;16"), ("PNG", {}, "RGBA"),
        ("TIFF", {"compression": "tiff_lzw"}, "L"), ("TIFF", {}, "RGB"), ("GIF", {}, "P"),
        ("BMP", {}, "RGB"), ("WEBP", {"lossless": True}, "RGB"), ("PPM", {}, "L"), ("JPEG2000", {}, "RGB"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_scans_beyond_pillows_limit(kind, options, mode, orientation, monkeypatch):
    """Reduced by a whole factor in bands first, they look as always: here of their mean, to some levels."""
    y, x = np.mgrid[:900, :1200]
    levels = np.uint8(128 + 60 * np.sin(x / 200) + 60 * np.cos(y / 170))
    image = Image.fromarray(np.uint16(levels) * 257) if mode == "I;16" else Image.fromarray(levels).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.flipud(levels)))
    if kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = options | {"exif": exif}
    data = encoded(image, kind, **options)
    crops = [(WHOLE, None), (CentreCrop(333), None), (WHOLE, (31, 70, 800, 1100)), (None, None)]
    expected = [decode(data, (16, 20), *crop).astype(int) for crop in crops]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200_000)
    monkeypatch.setattr(formats, "_BAND", 50_000)
    for crop, pixels in zip(crops, expected, strict=True):
        assert np.abs(decode(data, (16, 20), *crop) - pixels).max() <= 6
    monkeypatch.setattr(formats, "_MOST_BYTES", 100_000)
    with pytest.raises(DamagedPicture, match=r"(1,200 x 900|900 x 1,200) pixels, more than 100,000 bytes"):
        decode(data, (700, 700), WHOLE)


def test_progressive_jpegs_are_kept_whole_by_their_decoder(monkeypatch):
    """With two bytes for each of the coefficients; plain ones are not, so that they may be far larger."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200_000)
    image = photo(1000, 1000)
    for limit, kept in ((5_900_000, False), (6_200_000, True)):
        monkeypatch.setattr(formats, "_MOST_BYTES", limit)
        assert decode(encoded(image, "JPEG"), (8, 8), WHOLE).shape == (8, 8, 3)
        if kept:
            assert decode(encoded(image, "JPEG", progressive=True), (8, 8), WHOLE).shape == (8, 8, 3)
        else:
            with pytest.raises(DamagedPicture, match="1,000 x 1,000 pixels"):
                decode(encoded(image, "JPEG", progressive=True), (8, 8), WHOLE)


@pytest.mark.slow
def test_a_scan_of_90_million_pixels():
    """With Pillow's own limits; beside Pillow's memory, which tracemalloc does not see, little is needed."""
    data = encoded(Image.fromarray(np.full((9500, 9500), 99, np.uint8)), "PNG", compress_level=1)
    tracemalloc.start()
    assert (decode(data, (64, 64), WHOLE) == 99).all()
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()


@pytest.mark.parametrize(("data", "grey"), [
    (encoded(photo(600, 600).convert("L"), "JPEG"), True), (encoded(photo(600, 600), "JPEG"), False),
    (encoded(photo(40, 40).convert("L").convert("RGB"), "PNG"), True), (encoded(photo(40, 40), "PNG"), False),
    (encoded(photo(600, 600).convert("L").convert("RGB"), "PNG"), False),  # too large to look at
    (encoded(photo(40, 40).convert("L"), "GIF"), True), (encoded(photo(40, 40).quantize(), "GIF"), False),
    (encoded(ramp, "PNG"), True), (encoded(solid("LA", (3, 4)), "PNG"), True), (encoded(solid("1", 1), "PNG"), True),
])  # fmt: skip
def test_what_is_grey(data, grey):
    assert is_grey(data) == grey


def test_upright_size():
    exif = Image.Exif()
    for orientation, size in ((1, (40, 20)), (3, (40, 20)), (6, (20, 40)), (8, (20, 40))):
        exif[0x0112] = orientation
        for kind in ("JPEG", "PNG", "TIFF"):
            assert upright_size(encoded(Image.new("RGB", (40, 20)), kind, exif=exif)) == size
