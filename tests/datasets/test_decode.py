"""Pictures of all kinds come out as a person who looks at the file would expect; what is damaged or absurd is refused."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image
from PIL import features

from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.decode import decode
from tfgan.datasets.formats import DamagedPicture

WHOLE = CentreCrop(None)


def encoded(image, kind, **options):
    """A picture file's bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photo(width, height, seed=0):
    """Something with smooth parts, edges and grain."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // width, y * 255 // height, 40 + 160 * ((x // 9 + y // 7) % 2)], -1)
    return Image.fromarray(np.clip(pixels + np.random.default_rng(seed).normal(0, 8, pixels.shape), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}, {"quality": 30}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_plain_jpeg_is_pillows_crop_and_bilinear(mode, options):
    """The fast way gives Pillow's pixels, to a grey level."""
    data = encoded(photo(178, 218).convert(mode), "JPEG", **options)
    expected = Image.open(io.BytesIO(data)).convert("RGB").crop((35, 55, 143, 163)).resize((28, 28), Image.Resampling.BILINEAR)
    ours = decode(data, (28, 28), CentreCrop(108))
    assert (ours.shape, ours.dtype) == ((28, 28, 3), np.uint8)
    np.testing.assert_allclose(ours.astype(int), np.asarray(expected, int), atol=1)


def test_a_box_and_another_shape():
    """Rows and columns are not mixed up, and what of a box lies outside is left off."""
    image = Image.new("RGB", (100, 60))
    image.paste((255, 0, 0), (80, 0, 100, 60))
    data = encoded(image, "PNG")
    tall = decode(data, (40, 20), WHOLE, (60, 0, 130, 60))
    assert tall.shape == (40, 20, 3)
    assert (decode(data, (20, 20), WHOLE, (85, -20, 120, 30)) == [255, 0, 0]).all()
    assert (tall[:, :7, 0] < 10).all()
    assert (tall[:, 13:, 0] == 255).all()


def test_centre_crop():
    """The central 108x108 of 178x218 is columns 35 to 142 and rows 55 to 162."""
    assert CentreCrop(108).box(178, 218) == (35, 55, 143, 163)
    assert CentreCrop(108).box(100, 60) == WHOLE.box(100, 60) == (20, 0, 80, 60)


def solid(mode, colour, size=(20, 20)):
    return Image.new(mode, size, colour)


ramp = Image.fromarray(np.full((20, 20), 0x8080, np.uint16))  # the middle of 16 bits


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(solid("L", 77), "PNG"), (77, 77, 77)),
        (encoded(solid("1", 1), "PNG"), (255, 255, 255)),
        (encoded(solid("P", 0, (20, 20)), "PNG"), (0, 0, 0)),
        (encoded(solid("RGB", (9, 99, 199)).quantize(), "GIF"), (9, 99, 199)),
        (encoded(solid("RGBA", (255, 0, 0, 0)), "PNG"), (255, 255, 255)),
        (encoded(solid("RGBA", (255, 0, 0, 128)), "PNG"), (255, 127, 127)),
        (encoded(solid("RGBA", (255, 0, 0, 0)), "WEBP", lossless=True), (255, 255, 255)),
        (encoded(solid("LA", (40, 255)), "PNG"), (40, 40, 40)),
        (encoded(solid("RGB", (9, 99, 199)), "PNG", transparency=(9, 99, 199)), (255, 255, 255)),
        (encoded(solid("CMYK", (0, 255, 255, 0)), "JPEG", quality=95), (255, 0, 0)),
        (encoded(ramp, "PNG"), (128, 128, 128)),
        (encoded(ramp, "TIFF"), (128, 128, 128)),
        (encoded(Image.fromarray(np.full((20, 20), 0xFFFF, np.uint16)), "PNG"), (255, 255, 255)),
        (encoded(Image.fromarray(np.full((20, 20), 0xFF, np.uint16)), "PNG"), (1, 1, 1)),  # nearly black, however few its bits
        (encoded(ramp.convert("I"), "TIFF"), (128, 128, 128)),
        (encoded(solid("I", 77), "TIFF"), (77, 77, 77)),
        (encoded(solid("RGB", (9, 99, 199)), "BMP"), (9, 99, 199)),
        (encoded(solid("RGB", (9, 99, 199)), "WEBP", lossless=True), (9, 99, 199)),
        (encoded(solid("L", 9), "GIF", save_all=True, append_images=[solid("L", 200)]), (9, 9, 9)),
        (encoded(solid("RGB", 9), "WEBP", save_all=True, append_images=[solid("RGB", 250)], lossless=True), (9, 0, 0)),
    ],
    ids=range(20),
)  # fmt: skip
def test_every_kind_of_pixel(data, expected):
    image = decode(data, (8, 8), WHOLE)
    assert np.abs(image.astype(int) - expected).max() <= 2, image[0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(orientation):
    """Against Pillow's own transposition of the upright picture, through the file."""
    upright = Image.new("RGB", (40, 40))
    upright.paste((255, 0, 0), (0, 0, 20, 20))
    upright.paste((0, 255, 0), (20, 0, 40, 20))
    turned = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the inverse, by Pillow's numbers of transpositions
    stored = upright.transpose(Image.Transpose(turned[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG", "WEBP"):
        image = decode(encoded(stored, kind, exif=exif, quality=95), (40, 40), WHOLE).astype(int)
        assert np.abs(image[8, 8] - [255, 0, 0]).max() < 20, (kind, orientation)
        assert np.abs(image[8, 30] - [0, 255, 0]).max() < 20, (kind, orientation)


needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")


def halves():
    """Red left, green right."""
    image = Image.new("RGB", (48, 48), (200, 20, 30))
    image.paste((10, 180, 60), (24, 0, 48, 48))
    return image


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True}), ("WEBP", {"quality": 95}), ("GIF", {}), ("BMP", {}),
        ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("JPEG2000", {}), ("PPM", {}),
        ("MPO", {"quality": 95, "save_all": True, "append_images": [Image.new("RGB", (48, 48))]}),  # a telephone's JPEG
        pytest.param("AVIF", {"quality": 95}, marks=needs_avif),
    ],
)  # fmt: skip
def test_every_format_is_accepted(kind, options):
    image = decode(encoded(halves(), kind, **options), (12, 12), WHOLE).astype(int)
    levels = 12 if "quality" in options else 2  # of 255: what the lossy ones lose of colour at an edge's distance of 8 pixels
    assert np.abs(image[:, :4] - [200, 20, 30]).max() <= levels
    assert np.abs(image[:, 8:] - [10, 180, 60]).max() <= levels


@pytest.mark.parametrize("kind", ["PCX", "TGA", "SGI", "ICO", "DDS", "EPS"])
def test_other_formats_are_not_read(kind):
    """Pillow would read them, some of them by starting a program; the pages promise those above."""
    data = encoded(halves(), kind)
    assert Image.open(io.BytesIO(data)).format == kind
    with pytest.raises(DamagedPicture, match="PostScript" if kind == "EPS" else "not a picture of a known kind"):
        decode(data, (8, 8), WHOLE)


JPEG = encoded(photo(60, 50), "JPEG")
PNG = encoded(photo(60, 50), "PNG")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "an empty file"),
        (b"<html>no picture</html>", "a web page"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (PNG[: len(PNG) // 2], "truncated|broken"),
        (encoded(solid("RGB", 0, (7, 300)), "PNG"), "7 x 7 pixels, fewer than 8 x 8"),
        (encoded(Image.new("F", (20, 20)), "TIFF"), "floating-point"),
    ],
    ids=range(6),
)
def test_damaged_pictures_and_why(data, reason):
    with pytest.raises(DamagedPicture, match=reason):
        decode(data, (8, 8), WHOLE)


def test_luminance_and_whole_pictures():
    """A grey file of the right size comes out as it is; colours as Pillow's L; without a crop nothing is cut off."""
    levels = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    for kind in ("PNG", "BMP", "TIFF"):
        found = decode(encoded(Image.fromarray(levels), kind), (28, 28), None, channels=1)
        assert found.shape == (28, 28, 1)
        np.testing.assert_array_equal(found[..., 0], levels)
    for kind in ("PNG", "JPEG"):
        data = encoded(halves(), kind, quality=100, subsampling=0)
        found = decode(data, (12, 12), WHOLE, channels=1)[..., 0].astype(int)
        assert np.abs(found[:, [2, -2]] - np.asarray(halves().convert("L"), int)[0, [0, -1]]).max() <= 2
    wide = decode(encoded(halves().resize((96, 24)), "PNG"), (12, 12), None)
    assert np.abs(wide[:, [0, -1]].astype(int) - [[200, 20, 30], [10, 180, 60]]).max() <= 2


def test_the_pixels_stay_as_they_were():
    """Every seed's results depend on them. Of files without loss, which are the same on every machine."""
    digest, image = hashlib.sha256(), photo(61, 47)
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = image.copy()
    clear.putalpha(image.convert("L"))
    grey = image.convert("L")
    deep = Image.fromarray(np.asarray(grey, np.uint16) * 251)
    flat = grey.point(lambda level: level // 2).convert("P")
    for each in (image, grey, clear, clear.convert("LA"), deep, deep.convert("I"), flat, image.convert("1")):
        for kind in ("PNG", "TIFF", "BMP"):
            if (kind == "BMP" and each.mode not in ("RGB", "L", "P", "1")) or (kind == "PNG" and each.mode == "I"):
                continue
            for options in ({}, {"exif": exif}) if kind == "PNG" else ({},):
                data = encoded(each, kind, **options)
                for crop, box in ((WHOLE, None), (CentreCrop(20), None), (WHOLE, (3, 5, 40, 90))):
                    digest.update(decode(data, (17, 24), crop, box))
    assert digest.hexdigest() == "2fa9725828f9ae3beee04653e5ca80acceb1fb6eaf6370d62246299ce55e41bd"


@pytest.mark.parametrize(("levels", "expected"), [
    ([0, 255], [0, 255]), ([0, 256], [0, 1]), ([-5, 100], [0, 100]), ([0, 70_000], [0, 255]), ([257, 514], [1, 2]),
])  # fmt: skip
def test_levels_of_32_bits_that_use_8_or_16(levels, expected):
    """By the largest: beyond 255 there are 16 bits. What lies outside is clipped."""
    pixels = np.repeat(np.int32(levels), 8)[None].repeat(8, axis=0)
    data = encoded(Image.fromarray(pixels), "TIFF")
    found = decode(data, (8, 16), WHOLE, (0, 0, 16, 8))
    assert found[0, [0, 15], 0].tolist() == expected


@pytest.mark.parametrize(("size", "box", "words"), [
    ((8, 8), None, None), ((7, 8), None, "7 x 7 pixels, fewer than 8 x 8"), ((20, 20), (0, 0, 8, 20), None),
    ((20, 20), (0, 0, 7, 20), "7 x 20 pixels, fewer than 8 x 8"), ((20, 20), (30, 5, 40, 15), "0 x 10 pixels, fewer than 8 x 8"),
    ((20, 20), (5, 18, 15, 40), "10 x 2 pixels, fewer than 8 x 8"),
])  # fmt: skip
def test_the_smallest_picture(size, box, words):
    data = encoded(solid("L", 9, size), "PNG")
    if words is None:
        assert (decode(data, (8, 8), WHOLE, box) == 9).all()
        return
    with pytest.raises(DamagedPicture) as error:
        decode(data, (8, 8), WHOLE, box)
    assert str(error.value) == words
