"""Thousands of spoiled files through packing: no traceback, no hang, and nothing lost of the good ones."""

import gzip
import signal
import tarfile
import zipfile

import numpy as np
import pytest

import tfgan
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_mnist import idx
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan.datasets import arrays
from tfgan.datasets import sources
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.decode import decode

SIZE = (16, 16)
_HANG_S = 30


class Hang(BaseException):
    """No Exception: packing takes those of decoders for damage."""


@pytest.fixture(params=["short", pytest.param("long", marks=pytest.mark.slow)])
def rounds(request):
    """How many of each kind; an alarm ends what hangs."""

    def fail(*_):
        raise Hang(f"nothing came for {_HANG_S} s")

    before = signal.signal(signal.SIGALRM, fail)
    yield {"short": 30, "long": 500}[request.param]
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


HEADERS = [
    b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x10\0\0\0WEBP", b"PK\x03\x04", b"BM", b"II*\0", b"\x1f\x8b\x08\0"
]  # fmt: skip


def spoil(data, rng):
    """(the spoiled bytes, first byte that differs, one past the last that does)."""
    data = bytearray(data)
    kind = rng.integers(6)
    first = int(rng.integers(len(data)))
    if kind == 0:  # one bit
        data[first] ^= 1 << int(rng.integers(8))
        return bytes(data), first, first + 1
    if kind == 1:  # many bits
        places = rng.integers(len(data), size=20)
        for place in places:
            data[place] ^= 1 << int(rng.integers(8))
        return bytes(data), int(places.min()), int(places.max()) + 1
    if kind == 2:  # broken off
        return bytes(data[:first]), first, len(data)
    if kind == 3:  # another kind's header
        header = HEADERS[rng.integers(len(HEADERS))]
        data[: len(header)] = header
        return bytes(data), 0, len(header)
    length = int(rng.integers(1, 200))
    end = min(first + length, len(data))
    data[first:end] = bytes(end - first) if kind == 4 else rng.bytes(end - first)
    return bytes(data), first, end


def picture_files(rng):
    for n in range(12):
        image = photo(int(rng.integers(16, 90)), int(rng.integers(16, 90)), n)
        kind = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")[n % 6]
        image = image.convert(("RGB", "L", "RGB", "P", "RGB", "CMYK")[n % 6])
        yield encoded(image, kind)


def load(path, folder):
    signal.alarm(_HANG_S)
    return datasets.load(str(path), folder / "data", datasets.Request(SIZE, keep_going=True))


def test_spoiled_pictures(tmp_path, rounds):
    """In one folder with good ones: these come out as alone, and those are there or listed with a reason."""
    rng = np.random.default_rng(0)
    for n in range(-(-rounds // 10)):
        files, good = {}, {}
        for k, content in enumerate(picture_files(rng)):
            files[f"{k:02}-good.jpg"] = content
            good[f"{k:02}-good.jpg"] = decode(content, SIZE, CentreCrop(None))
            for j in range(3):
                files[f"{k:02}-spoiled-{j}.jpg"], *_ = spoil(content, rng)
        path = make(tmp_path / f"mine-{n}", files)
        data = load(path, tmp_path)
        rejects = list((tmp_path / "data" / "packed").glob(f"own-mine-{n}-*.rejected.txt"))
        listed = rejects[0].read_text().splitlines() if rejects else []
        assert len(data.images) + len(listed) == len(files)
        names = sorted(set(files) - {line.split("\t")[0] for line in listed})
        assert set(good) <= set(names)
        assert all(line.split("\t")[1] for line in listed)
        for name, image in zip(names, data.images, strict=True):
            if name in good:
                np.testing.assert_array_equal(image, good[name])


def members_of(path):
    """{member: (first byte, one past the last) of its header and data} of a zip or tar."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            sizes = {m: 30 + len(m.filename) + m.compress_size for m in archive.infolist()}
            return {m.filename: (m.header_offset, m.header_offset + size) for m, size in sizes.items()}
    with tarfile.open(path) as archive:
        return {m.name: (m.offset, m.offset_data + m.size) for m in archive}


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_spoiled_archives(tmp_path, rounds, suffix):
    """What the damage did not touch is there (in a compressed one it touches all), or the archive is refused, in a line."""
    rng = np.random.default_rng(1)
    files = {f"{n}.png": content for n, content in enumerate(picture_files(rng))}
    whole = make(tmp_path / f"whole{suffix}", files)
    content, members = whole.read_bytes(), members_of(whole) if suffix != ".tar.gz" else {}
    expected = {name: decode(data, SIZE, CentreCrop(None)) for name, data in files.items()}
    refused = []
    for n in range(rounds):
        spoiled, first, end = spoil(content, rng)
        path = tmp_path / f"mine-{n}{suffix}"
        path.write_bytes(spoiled)
        try:
            data = load(path, tmp_path)
        except tfgan.UserError as error:
            refused.append(str(error))
            continue
        kept = {image.tobytes() for image in data.images}
        for name, (begin, past) in members.items():
            if past <= first or (begin >= end and len(spoiled) == len(content)):
                assert expected[name].tobytes() in kept, (n, name)
    limits = {".zip": 0.9, ".tar": 0.1, ".tar.gz": 0.7}  # a zip without its directory, a gzip from its first bytes on
    assert len(refused) <= limits[suffix] * rounds
    assert "\n" not in "".join(refused)


def read_array(path):
    """The images of a file of arrays."""
    if not (files := arrays.find(sources.open_source(path))):
        raise tfgan.UserError("it holds no images")
    return arrays.choose(files).read()[0]


def test_spoiled_idx_files(tmp_path, rounds):
    """The right array, or a line."""
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (9, 28, 28), dtype=np.uint8)
    whole = idx(images)
    path, refused = tmp_path / "train-images-idx3-ubyte.gz", []
    for _ in range(rounds):
        signal.alarm(_HANG_S)
        content, *_ = spoil(whole, rng)
        path.write_bytes(content)
        try:
            assert (read_array(path)[..., 0] == images).all(), "gzip's own checksum lets nothing else through"
        except tfgan.UserError as error:
            refused.append(str(error))
    assert len(refused) > rounds / 2
    assert "\n" not in "".join(refused)


def test_spoiled_uncompressed_idx(tmp_path, rounds):
    """Behind gzip's checksum: headers that promise more than there is, or less, or terabytes."""
    rng = np.random.default_rng(3)
    plain = gzip.decompress(idx(rng.integers(0, 256, (9, 28, 28), dtype=np.uint8)))
    path, refused = tmp_path / "x.gz", []
    for _ in range(rounds):
        signal.alarm(_HANG_S)
        header, *_ = spoil(plain[:16], rng)
        path.write_bytes(gzip.compress(header + plain[16:], 1))
        try:
            assert read_array(path).size <= len(plain)
        except tfgan.UserError as error:
            refused.append(str(error))
    assert len(refused) > rounds / 2
    assert "\n" not in "".join(refused)


def test_the_spoiler_spoils():
    """The tests above would be empty if most of its work were harmless."""
    rng = np.random.default_rng(0)
    [content, *_] = picture_files(rng)
    harmless = 0
    for _ in range(200):
        spoiled, first, end = spoil(content, rng)
        assert spoiled[:first] == content[:first]
        assert len(spoiled) < len(content) or spoiled[end:] == content[end:]
        harmless += spoiled == content
    assert harmless < 20
