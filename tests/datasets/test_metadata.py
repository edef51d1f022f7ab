"""Metadata, broken or large, cost no picture whose pixels are whole; pixels that are not whole still do."""

import io
import struct
import zlib

import numpy as np
import PIL
import pytest
from PIL import Image

from tests.datasets.test_decode import WHOLE
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tfgan.datasets.decode import decode
from tfgan.datasets.formats import DamagedPicture
from tfgan.datasets.metadata import without_metadata

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's warnings about what is broken
PHOTO = photo(60, 50)
TURNED = Image.Exif()
TURNED[0x0112] = 6
PNG = encoded(PHOTO, "PNG")
JPEG = encoded(PHOTO, "JPEG")
TIFF = encoded(PHOTO, "TIFF")
LZW = encoded(PHOTO, "TIFF", compression="tiff_lzw")
WEBP = encoded(PHOTO, "WEBP", lossless=True)


def chunk(kind, content, crc=None):
    """A PNG's chunk."""
    crc = zlib.crc32(kind + content) if crc is None else crc
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def png(*chunks, late=False):
    """The photo with these chunks before its pixels, or behind them."""
    place = len(PNG) - 12 if late else 33
    return PNG[:place] + b"".join(chunks) + PNG[place:]


def segment(marker, content, length=None):
    """A JPEG's segment. length: what it says of itself."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2 if length is None else length) + content


def jpeg(*segments):
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def tiff(data, tag, kind, count, value):
    """The TIFF with one more tag."""
    (place,) = struct.unpack_from("<I", data, 4)
    (number,) = struct.unpack_from("<H", data, place)
    tags = [data[place + 2 + 12 * n : place + 14 + 12 * n] for n in range(number)]
    tags = sorted([*tags, struct.pack("<HHII", tag, kind, count, value)], key=lambda each: struct.unpack_from("<H", each))
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + struct.pack("<H", number + 1) + b"".join(tags) + bytes(4)


def zeros(count):
    return zlib.compress(bytes(count))


EMPTY_EXIF = segment(0xE1, b"Exif\0\0garbage")  # with EXIF data, Pillow reads the file, which is stricter

CASES = {
    "a colour profile above 1 MB": (PNG, png(chunk(b"iCCP", b"x\0\0" + zeros(2_000_000)))),
    "an empty colour profile": (PNG, png(chunk(b"iCCP", b""))),
    "a colour profile of an unknown kind": (PNG, png(chunk(b"iCCP", b"x\0\7garbage"))),
    "iTXt that grows": (PNG, png(chunk(b"iTXt", b"k\0\1\0\0\0" + zeros(2_000_000)))),
    "zTXt that grows": (PNG, png(chunk(b"zTXt", b"k\0\0" + zeros(2_000_000)))),
    "zTXt that grows, behind the pixels": (PNG, png(chunk(b"zTXt", b"k\0\0" + zeros(2_000_000)), late=True)),
    "70 MB of text": (PNG, png(chunk(b"tEXt", b"k\0" + bytes(70_000_000)))),
    "a wrong checksum of text": (PNG, png(chunk(b"tEXt", b"k\0x", 5))),
    "a wrong checksum of gAMA": (PNG, png(chunk(b"gAMA", b"\0\0\0\1", 5))),
    "a wrong checksum of transparency": (PNG, png(chunk(b"tRNS", bytes(6), 5))),
    "pHYs that breaks off": (PNG, png(chunk(b"pHYs", b"\0"))),
    "the file ends in text": (PNG, png(chunk(b"tEXt", b"k\0" + bytes(1000)), late=True)[:-500]),
    "an animation that is none": (PNG, png(chunk(b"acTL", b""))),
    "broken EXIF in PNG": (PNG, png(chunk(b"eXIf", b"garbage!!"))),
    "PNG with more behind it": (PNG, PNG + b"garbage" * 99),
    "broken EXIF in JPEG": (JPEG, jpeg(EMPTY_EXIF)),
    "a broken colour profile": (JPEG, jpeg(EMPTY_EXIF, segment(0xE2, b"ICC_PROFILE\0"))),
    "a broken list of pictures": (
        JPEG, jpeg(EMPTY_EXIF, segment(0xE2, b"MPF\0II*\0\x08\0\0\0\1\0\1\xb0\4\0\1\0\0\0\5\0\0\0\0\0\0\0")),
    ),
    "a JFIF segment that breaks off": (JPEG, JPEG[:2] + segment(0xE0, b"JFIF") + EMPTY_EXIF + JPEG[20:]),
    "an Adobe segment that breaks off": (JPEG, jpeg(EMPTY_EXIF, segment(0xEE, b"Adobe"))),
    "a segment that is longer than it says": (JPEG, jpeg(segment(0xEC, b"x" * 50, 20))),
    "junk between segments": (JPEG, jpeg(b"junk")),
    "JPEG with more behind it": (JPEG, JPEG + b"garbage" * 99),
    "a tag of another kind": (TIFF, tiff(TIFF, 700, 3, 4, 8)),
    "a tag of another kind, compressed": (LZW, tiff(LZW, 700, 3, 4, 8)),
    "a tag that leads beyond the end": (LZW, tiff(LZW, 34675, 7, 1000, 99_999_999)),
    "broken EXIF in WebP": (WEBP, encoded(PHOTO, "WEBP", lossless=True, exif=b"Exif\0\0garbage")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_broken_and_large_metadata(case):
    plain, data = CASES[case]
    assert data != plain
    np.testing.assert_array_equal(decode(data, (50, 60), WHOLE), decode(plain, (50, 60), WHOLE))


def test_what_is_left_keeps_the_rotation_and_the_transparency():
    """Although the picture is read only without its broken parts."""
    broken = chunk(b"gAMA", b"\0\0\0\1", 5)
    clear = encoded(Image.new("RGBA", (20, 20), (255, 0, 0, 0)), "PNG")
    palette = encoded(Image.new("P", (20, 20)), "PNG", transparency=0)
    for data in (clear, palette):
        assert (decode(data[:33] + broken + data[33:], (8, 8), WHOLE) == 255).all()
    for kind, part in (("PNG", broken), ("JPEG", segment(0xEE, b"Adobe"))):
        data = encoded(PHOTO, kind, exif=TURNED)
        place = 33 if kind == "PNG" else 2
        spoiled = data[:place] + part + data[place:]
        with pytest.raises(PIL.UnidentifiedImageError), Image.open(io.BytesIO(spoiled), formats=[kind]):
            pass  # as Pillow reads neither
        np.testing.assert_array_equal(decode(spoiled, (60, 50), WHOLE), decode(data, (60, 50), WHOLE))


@pytest.mark.parametrize("data", [PNG, JPEG, TIFF, LZW, WEBP], ids=["PNG", "JPEG", "TIFF", "LZW", "WebP"])
def test_pixels_that_break_off_are_refused_all_the_same(data):
    for part in (0.5, 0.9):
        with pytest.raises(DamagedPicture):
            decode(data[: int(part * len(data))], (8, 8), WHOLE)


@pytest.mark.parametrize("data", [PNG, JPEG, TIFF, LZW, WEBP], ids=["PNG", "JPEG", "TIFF", "LZW", "WebP"])
def test_files_that_end_anywhere_and_other_files(data):
    """No error, and nothing that grows."""
    for end in range(len(data) - 1, 0, -17):
        assert len(without_metadata(data[:end])) <= end + 300
    for other in (b"", b"GIF89a", b"\xff\xd8", b"\x89PNG", b"RIFF....WEBP", b"II*\0\xff\xff\xff\xff"):
        assert len(without_metadata(other)) < 30
