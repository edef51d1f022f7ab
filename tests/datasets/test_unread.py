"""Kinds of files that are not read: each is known by its first bytes or its name, and its command makes what is read."""

import gzip
import io
import pathlib
import pickle
import re
import shutil
import subprocess
import sys
import time
import types

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

from tests.datasets.plain_source import PlainSource
from tests.datasets.test_array_files import GREY
from tests.datasets.test_array_files import LABELS
from tests.datasets.test_parquet import PNGS
from tfgan.datasets import arrays
from tfgan.datasets import unread
from tfgan.datasets.parquet import Parquet

SQUARES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"
CIFAR = np.random.default_rng(0).integers(0, 256, (12, 3072), np.uint8)


def make(folder, *names):
    """A source of empty files."""
    for name in names:
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return types.SimpleNamespace(path=pathlib.Path(folder), files=list(names))


@pytest.mark.parametrize(("begin", "what"), [
    (b"Rar!\x1a\x07\x01\x00", "RAR"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"), (b"MATLAB 5.0 MAT-file", "MATLAB"), (b"MATLAB 7.3 MAT-file", "HDF5"),
    (b"ARROW1\0\0", "Arrow"),
    (pickle.dumps({1: 2}, 2), "pickle"), (pickle.dumps({1: 2}), "pickle"), (pickle.dumps(GREY, 2), "pickle"),
    (gzip.compress(pickle.dumps((1, 2), 4)), "pickle"), (b"\0\0\0\x18ftypheic", "HEIC"), (b"\0\0\0\x18ftypmif1", "HEIC"),
    (b"\0\0\0\x18ftypisom", "video"), (b"\0\0\0\x14ftypqt  ", "video"), (b"RIFF\0\0\0\0AVI LIST", "video"),
    (b"\x1aE\xdf\xa3", "video"), (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"8BPS\0\1", "Photoshop"), (b"%PDF-1.7", "PDF"), (bytes(128) + b"DICM", "DICOM"), (bytes(344) + b"n+1\0", "NIfTI"),
    (gzip.compress(bytes(344) + b"n+1\0"), "NIfTI"), (bytes(16) + b"\xde\xc0\xef\xbe", "LMDB"), (b" <!DOCTYPE html>", "web page"),
    (b"version https://git-lfs.github.com/spec/v1", "Git LFS"), (b"<svg xmlns=", "SVG"),
    (b"<?xml version='1.0'?>\n<svg width='9'>", "SVG"), (b"<?xml version='1.0'?><Error><Code>AccessDenied", "web page"),
])  # fmt: skip
def test_first_bytes_tell_the_kind_whatever_the_name(tmp_path, begin, what):
    path = tmp_path / "data.h5"
    path.write_bytes(begin)
    sentence = unread.refusal(path)
    assert re.match(rf"{path} is .*{what}", sentence)
    assert "\n" not in sentence


@pytest.mark.parametrize(("name", "command"), [
    ("a.tfrecord", "TFRecordDataset"), ("mnist-train.tfrecord-00000-of-00001", "TFRecordDataset"), ("a.rar", "unrar x .*a.rar"),
    ("faces.part1.rar", "unrar x .*faces.part1.rar"), ("a.7z.001", r"cat .*/a.7z.\* > whole && mv whole .*/a.7z"),
    ("a.z01", "zip -s 0 .*/a.zip"), ("a.tar.gz.aa", r"cat .*/a.tar.gz.\*"), ("lsun/data.mdb", "lmdb.open"), ("a.h5", "h5py"),
    ("IMG_1.HEIC", "magick .*/IMG_1.HEIC"),
    ("a.nef", "magick .*/a.nef"), ("a.svg", "magick"), ("a.nii.gz", "nibabel"), ("a.dcm", "pydicom"), ("a.mat", "loadmat"),
    ("a.arff", "@data"), ("cifar/data_batch_1", "pickle.load"), ("data_batch_1.bin", "3073"), ("a.pt", "weights_only=True"),
    ("a.mov", r"ffmpeg -i .*/a.mov"), ("a.docx", "soffice"), ("a.xlsx", "convert-to csv"),
    ("a.iso", "7z x .*/a.iso"), ("a.zip.crdownload", "download it again"), ("a.zip.part", "download it again"),
    ("a.webloc", "browser"), ("a.jpg.dvc", "dvc pull"), ("a b.rar", "unrar x '.*a b.rar'"),
    ("a.tar.zst", "zstd -d .*/a.tar.zst"), ("a.tar.lzma", "xz -d .*/a.tar.lzma"),
])  # fmt: skip
def test_names_tell_the_kind_of_what_is_inside(tmp_path, name, command):
    source = make(tmp_path, "LICENSE", name, "b.jxl")
    assert re.match(rf"{tmp_path}/{re.escape(name)} is .*, and is not read; .*{command}", unread.refusal_inside(source))
    source.path = pathlib.Path("absent.zip")
    assert unread.refusal_inside(source).endswith("; extract the archive to a folder, and give that")


@pytest.mark.parametrize("names", [[], ["a.txt", "b.csv", "train", "readme.md", "a.jpg", "part", "aa", "a.ai.txt"]])
def test_other_names_are_none(names):
    assert unread.refusal_inside(types.SimpleNamespace(path="", files=names)) is None


def test_one_command_converts_all_files_of_a_kind(tmp_path, monkeypatch):
    """Wherever they lie in the folder."""
    monkeypatch.setitem(unread._NAMES, "*.x", unread.Kind("X", "", "cp {} {}.jpg"))
    source = make(tmp_path / "my pictures", "1.x", "a/2.X", "a/b c/3.x", "4.txt")
    command = unread.refusal_inside(source).split("result: ")[1]
    subprocess.run(["bash", "-c", command], check=True)
    copies = {path.relative_to(source.path).as_posix() for path in source.path.rglob("*.jpg")}
    assert copies == {"1.x.jpg", "a/2.X.jpg", "a/b c/3.x.jpg"}
    parts = make(tmp_path / "parts", "a.7z.001", "a.7z.002")
    assert unread.refusal_inside(parts).endswith(f"cat {parts.path}/a.7z.* > whole && mv whole {parts.path}/a.7z")


@pytest.mark.parametrize("content", [b"hello", b"PK\3\4", b"\x1f\x8b", b"\x1f\x8b\x08" + bytes(50), coded := PNGS[0]])
def test_other_files_are_none(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert unread.refusal(tmp_path / "x") is None
    assert unread.refusal(tmp_path / "absent") is None


def test_many_names_cost_little():
    sources = [types.SimpleNamespace(path="", files=[f"{n}.{suffix}" for n in range(200_000)]) for suffix in ("heic", "txt")]
    begin = time.perf_counter()
    assert "HEIC" in unread.refusal_inside(sources[0])
    assert unread.refusal_inside(sources[1]) is None
    assert time.perf_counter() - begin < 1


def run(path, monkeypatch):
    """Runs the command for a file, in the folder of the file."""
    monkeypatch.chdir(path.parent)
    command = unread.refusal(path).split("result: ", 1)[1].replace("python", sys.executable, 1)
    subprocess.run(["bash", "-c", command], check=True, capture_output=True)


def read(path):
    return arrays.choose(arrays.find(PlainSource(path))).read()


def test_the_command_for_pickles(tmp_path, monkeypatch):
    path = tmp_path / "data batch_1"
    path.write_bytes(pickle.dumps({b"data": CIFAR, b"labels": LABELS.tolist(), b"batch_label": b"training batch 1"}, 2))
    run(path, monkeypatch)
    images, labels = read(tmp_path / "data batch_1.npz")
    assert (images.transpose(0, 3, 1, 2).reshape(12, -1) == CIFAR).all()
    assert labels.tolist() == LABELS.tolist()
    path = tmp_path / "mnist.pkl.gz"
    split = (SQUARES.reshape(12, -1) / np.float32(255), LABELS)
    path.write_bytes(gzip.compress(pickle.dumps((split, split, split), 2)))
    run(path, monkeypatch)
    assert (read(tmp_path / "mnist.pkl.gz.npz")[0][..., 0] == SQUARES).all()


def test_the_commands_for_other_arrays(tmp_path, monkeypatch):
    matrices = {"X": CIFAR.reshape(12, 32, 32, 3).transpose(1, 2, 3, 0), "y": LABELS[:, None]}
    pytest.importorskip("scipy.io").savemat(tmp_path / "train_32x32.mat", matrices)
    run(tmp_path / "train_32x32.mat", monkeypatch)
    images, labels = read(tmp_path / "train_32x32.mat.npz")
    assert (images.reshape(12, -1) == CIFAR).all()
    assert labels.tolist() == LABELS.tolist()
    np.column_stack([LABELS.astype("u1"), CIFAR]).tofile(tmp_path / "data_batch_1.bin")
    run(tmp_path / "data_batch_1.bin", monkeypatch)
    assert (read(tmp_path / "data_batch_1.bin.npz")[0].transpose(0, 3, 1, 2).reshape(12, -1) == CIFAR).all()
    rows = "".join(f"{','.join(map(str, row))},{label}\n" for row, label in zip(SQUARES.reshape(12, -1), LABELS, strict=True))
    (tmp_path / "mnist.arff").write_text(f"@RELATION x\n@ATTRIBUTE y {{0,1,2}}\n@DATA\n{rows}")
    run(tmp_path / "mnist.arff", monkeypatch)
    assert (read(tmp_path / "mnist.arff.csv")[0][..., 0] == SQUARES).all()


def test_the_command_for_torch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    for name, zipped in (("new.pt", True), ("training.bin", False)):
        tensors = (torch.tensor(SQUARES), torch.tensor(LABELS))
        torch.save(tensors, tmp_path / name, _use_new_zipfile_serialization=zipped)
        run(tmp_path / name, monkeypatch)
        assert (read(tmp_path / f"{name}.npz")[0][..., 0] == SQUARES).all()


def test_the_command_for_hdf5(tmp_path, monkeypatch):
    with pytest.importorskip("h5py").File(tmp_path / "x.h5", "w") as file:
        file["group/images"], file["labels"] = SQUARES, LABELS
    run(tmp_path / "x.h5", monkeypatch)
    assert (read(tmp_path / "x.h5.npy")[0][..., 0] == SQUARES).all()


def test_the_command_for_arrow(tmp_path, monkeypatch):
    table = pa.table({"image": PNGS})
    feather.write_feather(table, tmp_path / "a.feather")
    with pa.OSFile(str(tmp_path / "b.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    for name in ("a.feather", "b.arrow"):
        run(tmp_path / name, monkeypatch)
        file = Parquet(io.BytesIO((tmp_path / f"{name}.parquet").read_bytes()), name)
        assert [file.read(each) for each in file.names] == PNGS


def test_the_commands_for_archives_and_parts(tmp_path, monkeypatch):
    content = np.random.default_rng(0).bytes(5000)
    for n in range(3):
        (tmp_path / f"a b.tar.00{n + 1}").write_bytes(content[2000 * n : 2000 * (n + 1)])
    run(tmp_path / "a b.tar.001", monkeypatch)
    assert (tmp_path / "a b.tar").read_bytes() == content
    for program, suffix in (("zstd", "zst"), ("lz4", "lz4")):
        if shutil.which(program):
            packed = subprocess.run([program, "-c", "a b.tar"], check=True, capture_output=True).stdout
            (tmp_path / f"c.tar.{suffix}").write_bytes(packed)
            run(tmp_path / f"c.tar.{suffix}", monkeypatch)
            assert (tmp_path / "c.tar").read_bytes() == content
            (tmp_path / "c.tar").unlink()


@pytest.mark.slow
def test_the_command_for_tfrecords(tmp_path, monkeypatch):
    from tfgan.tf1 import tf2 as tf

    def feature(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    with tf.io.TFRecordWriter(str(tmp_path / "x.tfrecord")) as writer:
        for png in PNGS[:5]:
            features = tf.train.Features(feature={"image/encoded": feature(png), "image/format": feature(b"PNG")})
            writer.write(tf.train.Example(features=features).SerializeToString())
    run(tmp_path / "x.tfrecord", monkeypatch)
    assert [path.read_bytes() for path in sorted((tmp_path / "pictures").iterdir())] == PNGS[:5]


@pytest.mark.parametrize(("data", "words"), [
    (b"", "an empty file"), (bytes(2000), "nothing but zeros"), (bytes(2000) + b"x", "nothing but zeros"),
    (b"\n<!DOCTYPE html><p>Log in", "a web page"), (b'{"error": 403}', "JSON"), (b"\0\0\0\x18ftypavif\0\0", "AVIF"),
    (b"PK\3\4\x14", "an archive"), (b"\x1f\x8b\x08", "an archive"), (b"\x93NUMPY\1\0", "a NumPy array"),
    (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"), (POINTER, "a pointer of Git LFS"),
])  # fmt: skip
def test_what_lies_where_pictures_should_be(data, words):
    assert unread.kind_of(data) == f"{words}, which is not read"


@pytest.mark.parametrize("data", [b"some words", b"\xff\xd8\xff\xe0 and no more"])
def test_what_is_of_no_known_kind(data):
    assert unread.kind_of(data) == "not a picture of a known kind"


def rejects(*counts):
    """(name, reason) so many times each."""
    reasons = [reason for count, reason in counts for _ in range(count)]
    return [(f"{n}.jpg", reason.replace("NAME", f"{n}.jpg")) for n, reason in enumerate(reasons)]


@pytest.mark.parametrize(("counts", "words"), [
    ([(3, unread.kind_of(POINTER))], " (all of them: a pointer of Git LFS; run `git lfs pull` in its folder)"),
    ([(1, unread.kind_of(b"")), (2, unread.kind_of(b"%PDF"))],
     " (2 of them: a PDF; run this for each, and move FILE elsewhere: pdftoppm -png FILE FILE)"),
    ([(1, unread.kind_of(b"")), (1, "x"), (1, "y")], ""), ([], ""),
    ([(2, "File 'NAME' is encrypted, password required for extraction"), (1, "x")],
     " (2 of them: encrypted; extract it with its password (7z x FILE) to a folder, and give that)"),
    ([(1, "truncated (12 bytes not processed)"), (2, "truncated (1,234 bytes not processed)")],
     " (all of them: truncated (... bytes not processed))"),
    ([(2, "cannot read NAME")], " (all of them: cannot read ...)"),
])  # fmt: skip
def test_the_reason_of_at_least_half_of_them(counts, words):
    """Those that differ only by names and numbers are one."""
    assert unread.main_reason(rejects(*counts)) == words
