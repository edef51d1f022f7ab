"""One array in a file, in every encoding: its shape, its pixels, its labels; and files that are damaged, pickled or bombs."""

import gzip
import io
import struct
import subprocess
import sys

import numpy as np
import pytest

from tests.datasets.plain_source import PlainSource
from tfgan.datasets import arrays
from tfgan.datasets import tables
from tfgan.errors import UserError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 9, 8), np.uint8)
COLOUR = RNG.integers(0, 256, (12, 8, 8, 3), np.uint8)
SMOOTH = np.rint(np.indices((12, 8, 8)).sum(0)[..., None] * (3, 9, 1) + (200, 0, 90)).clip(0, 255).astype(np.uint8)
LABELS = np.arange(12) % 3


def idx(values, kind=8, count=None):
    """An IDX file's bytes. count: the rows that its header promises."""
    shape = (len(values) if count is None else count, *values.shape[1:])
    return struct.pack(f">HBB{values.ndim}I", 0, kind, values.ndim, *shape) + values.tobytes()


def npy(values, **options):
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


def npz(**members):
    file = io.BytesIO()
    np.savez_compressed(file, **members)
    return file.getvalue()


def announce(shape, dtype="|u1", content=b""):
    """An .npy whose header announces that shape."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


def find(tmp_path, **files):
    for name, content in files.items():
        path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return arrays.find(PlainSource(tmp_path))


def read(tmp_path, **files):
    [file] = find(tmp_path, **files)
    return file.read()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images_dot_idx3-ubyte", "anything_dot_gz", "x_dot_bin"])
def test_idx_is_known_by_its_first_bytes(tmp_path, pack, name):
    [file] = find(tmp_path, **{name: pack(idx(GREY))})
    assert file.shape == (12, 9, 8, 1)
    images, labels = file.read()
    assert (images[..., 0] == GREY).all()
    assert labels is None


def test_idx_of_four_dimensions_and_of_other_types(tmp_path):
    assert (read(tmp_path, images=idx(COLOUR))[0] == COLOUR).all()
    assert (read(tmp_path, images=idx(COLOUR.transpose(0, 3, 1, 2)))[0] == COLOUR).all()
    assert (read(tmp_path, images=idx(GREY.astype(">i4"), 12))[0][..., 0] == GREY).all()


@pytest.mark.parametrize(
    ("values", "images"),
    [
        (GREY, GREY[..., None]),
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR),
        (np.asfortranarray(COLOUR), COLOUR),
        (GREY[:, :8].reshape(12, 64), GREY[:, :8, :, None]),
        (GREY[..., None], GREY[..., None]),
        (GREY[:, None], GREY[..., None]),
        (SMOOTH.transpose(0, 3, 1, 2).reshape(12, -1), SMOOTH),  # as CIFAR's rows are
        (SMOOTH.reshape(12, -1), SMOOTH),
        (GREY.astype(">i8"), GREY[..., None]),
        (GREY.astype(np.float64), GREY[..., None]),
        (GREY / np.float32(255), GREY[..., None]),
        (GREY / 127.5 - 1, GREY[..., None]),
        (GREY > 99, (GREY > 99)[..., None] * np.uint8(255)),
        ((GREY > 99).astype(np.int32), (GREY > 99)[..., None] * np.uint8(255)),
    ],
    ids=[
        "grey", "colour", "channels first", "fortran", "rows", "one channel", "one channel first", "planar rows",
        "rows of colours", "big-endian", "floats", "0 to 1", "-1 to 1", "bool", "0 and 1",
    ],
)  # fmt: skip
def test_npy_of_every_shape_and_type(tmp_path, values, images):
    [file] = find(tmp_path, a_dot_npy=npy(values))
    assert file.shape == images.shape
    assert file.read()[0].dtype == np.uint8
    assert (file.read()[0] == images).all()


@pytest.mark.parametrize("values", [GREY.astype(np.uint16) * 257, GREY - 128.0, GREY / 255 - 0.5, np.full((3, 9, 9), np.nan)])
def test_pixels_of_an_unknown_range_are_refused_with_the_remedy(tmp_path, values):
    with pytest.raises(UserError, match=r"the pixels of .*a.npy are from .*; save them with np.save, scaled: \(\(x - x.min"):
        read(tmp_path, a_dot_npy=npy(values))


def test_a_range_that_only_later_rows_leave(tmp_path):
    values = np.zeros((40_000, 28, 28), np.float32)
    values[:, 0, 0] = 1
    values[-1] = 255
    assert read(tmp_path, a_dot_npy=npy(values))[0][-1].min() == 255, "the range is that of all rows"
    values[0], values[-1] = 255, 256
    with pytest.raises(UserError, match="to 256"):
        read(tmp_path, a_dot_npy=npy(values))


def test_emnist_is_turned_upright(tmp_path):
    squares = GREY[:, :8]
    [file] = find(tmp_path, **{"emnist-letters-train-images-idx3-ubyte": idx(squares)})
    assert (file.read()[0][..., 0] == squares.transpose(0, 2, 1)).all()
    assert "turned upright" in file.notes[0]
    (tmp_path / "emnist-letters-train-images-idx3-ubyte").unlink()
    [file] = find(tmp_path, **{"kmnist-train-images-idx3-ubyte": idx(squares)})
    assert ((file.read()[0][..., 0] == squares).all(), file.notes) == (True, [])


def test_the_command_for_pickled_pictures(tmp_path, monkeypatch):
    """Of a path with blanks and quotes."""
    (tmp_path / "it's $HOME").mkdir()
    pictures = np.array([*GREY, None], object)[:-1]
    for name, content in (("x.npy", npy(pictures, allow_pickle=True)), ("y.npz", npz(**{"a b": pictures}))):
        (tmp_path / "it's $HOME" / name).write_bytes(content)
        [file] = arrays.find(PlainSource(tmp_path / "it's $HOME" / name))
        command = file.problem.split("plain numbers: ")[1].replace("python", sys.executable, 1)
        subprocess.run(["bash", "-c", command], check=True, cwd=tmp_path)
        assert (np.load(tmp_path / "images.npy") == GREY).all()


def test_pickled_arrays_are_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    bombs = np.array([Bomb(), Bomb()], object)
    for name, content in (("x_dot_npy", npy(bombs, allow_pickle=True)), ("x_dot_npz", npz(images=bombs))):
        [file] = find(tmp_path, **{name: content})
        with pytest.raises(UserError, match="is pickled, and is never unpickled; .*: python -c .*allow_pickle=True"):
            file.read()
        (tmp_path / name.replace("_dot_", ".")).unlink()
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", idx(GREY)[:-9], "its header promises"),
        ("train-images-idx3-ubyte", idx(GREY) + b"x", "its header promises"),
        ("train-images-idx3-ubyte_dot_gz", gzip.compress(idx(GREY)[:-9]), "cannot reshape array of size 855"),
        ("train-images-idx3-ubyte_dot_gz", gzip.compress(idx(GREY) + b"x"), "cannot reshape array of size 865"),
        ("train-images-idx3-ubyte_dot_gz", gzip.compress(b"<html>"), "it begins with b'<html>'"),
        ("train-images-idx3-ubyte_dot_gz", gzip.compress(idx(GREY))[:-100], "end-of-stream"),
        ("train-images-idx3-ubyte", b"", "it is empty"),
        ("train-images-idx3-ubyte", idx(GREY)[:8], "its header promises"),
        ("train-images-idx3-ubyte", idx(GREY, count=2**32 - 1), "its header promises"),
        ("a_dot_npy", announce((2**40, 28, 28)), "its header promises"),
        ("a_dot_npy", announce((-5, 28, 28)), "its header promises"),
        ("a_dot_npy", npy(GREY)[:40], "is damaged"),
        ("a_dot_npy", npy(GREY)[:-1], "its header promises"),
        ("a_dot_npz", npz(x=GREY)[:-30], "is damaged"),
    ],
    ids=range(14),
)  # fmt: skip
def test_damaged_files_are_refused_without_the_advice_to_delete(tmp_path, name, content, message):
    [file] = find(tmp_path, **{name: content})
    with pytest.raises(UserError) as error:
        (file if file.problem is None else arrays.choose([file])).read()
    assert message in str(error.value)
    assert "download it again" in str(error.value)
    assert "remove" not in str(error.value)


@pytest.mark.parametrize("bomb", [npz(x=GREY), gzip.compress(idx(GREY))], ids=["npz", "gzip"])
def test_bombs_are_refused_from_their_headers(tmp_path, bomb, monkeypatch):
    [file] = find(tmp_path, a_dot_npz=bomb)
    assert (file.read()[0][..., 0] == GREY).all()
    monkeypatch.setattr(tables, "MOST_BYTES", 800)
    [file] = find(tmp_path, a_dot_npz=bomb)
    assert "a.npz is too large (its header promises [12, 9, 8], 864 bytes, and at most 800 fit into memory)" in file.problem
    assert "extract it, or save it with np.save" in file.problem


def test_a_bomb_of_many_rows(tmp_path):
    [file] = find(tmp_path, a_dot_npy=gzip.compress(idx(GREY, count=2**32 - 1)))
    assert "is too large" in file.problem


@pytest.mark.parametrize("values", [GREY, COLOUR.transpose(0, 3, 1, 2), np.asfortranarray(COLOUR), GREY / 255], ids=range(4))
def test_a_large_plain_file_is_mapped(tmp_path, values, monkeypatch):
    [file] = find(tmp_path, a_dot_npy=npy(values))
    images, _ = file.read()
    monkeypatch.setattr(tables, "MOST_BYTES", 800)
    [file] = find(tmp_path, a_dot_npy=npy(values))
    assert isinstance(file.read()[0], np.memmap) == (values.dtype == np.uint8)
    assert (file.read()[0] == images).all()


def test_a_megabyte_of_header_is_refused(tmp_path):
    [file] = find(tmp_path, a_dot_npy=b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**20) + b"(" * 2**20)
    assert "is damaged" in file.problem


@pytest.mark.parametrize("labels", [
    LABELS, LABELS[:, None], np.eye(3)[LABELS], LABELS.astype(np.float32), LABELS.astype(np.uint8),
], ids=["numbers", "columns", "one-hot", "floats", "bytes"])  # fmt: skip
def test_labels_of_every_shape(tmp_path, labels):
    assert read(tmp_path, a_dot_npz=npz(x=GREY, y=labels))[1].tolist() == LABELS.tolist()


def test_labels_that_are_words(tmp_path):
    words = np.array(["cat", "ant", "bee"])[LABELS]
    assert (read(tmp_path, a_dot_npz=npz(x=GREY, y=words))[1] == words).all()


@pytest.mark.parametrize("labels", [LABELS[:5], np.ones((12, 4)), np.full((12, 2), "0")], ids=["too few", "several", "words"])
def test_labels_that_do_not_fit_are_left_out_with_a_note(tmp_path, labels):
    [file] = find(tmp_path, images_dot_npy=npy(GREY), labels_dot_npy=npy(labels))
    assert file.labels.name == "labels.npy"
    assert file.read()[1] is None
    assert "labels.npy are not used" in file.notes[0]


@pytest.mark.parametrize("content", [npy(GREY), npz(x=GREY, y=LABELS), idx(GREY)], ids=["npy", "npz", "idx"])
def test_random_changes_never_end_in_another_error(tmp_path, content):
    for seed in range(200):
        rng, changed = np.random.default_rng(seed), bytearray(content)
        for at in rng.integers(min(len(content), 150), size=3):
            changed[at] = rng.choice(list(b"0123456789(),'{}\n\0\xff"))
        try:
            for file in find(tmp_path, a_dot_npy=bytes(changed)):
                arrays.choose([file]).read()
        except UserError:
            pass
