"""MNIST's IDX files: found where they lie, fetched, verified, labelled; and what is wrong with them said in a line."""

import gzip
import hashlib
import struct
from types import SimpleNamespace

import numpy as np
import pytest

import tfgan
from tests.conftest import load_data
from tests.datasets.faulty_server import FaultyServer
from tests.datasets.test_sources import make
from tfgan.datasets import mnist


def idx(values, magic=None, claimed=None):
    """A gzipped IDX file's bytes."""
    shape = (claimed or len(values), *values.shape[1:])
    magic = magic if magic is not None else 0x800 + values.ndim
    return gzip.compress(struct.pack(f">{1 + values.ndim}I", magic, *shape) + values.tobytes())


@pytest.fixture
def small_mnist(monkeypatch):
    """MNIST's checksums replaced by those of four small files; their bytes by name."""
    files = {}
    for split, count in (("train", 7), ("t10k", 3)):
        rng = np.random.default_rng(count)
        contents = {"images": rng.integers(0, 256, (count, 28, 28), np.uint8), "labels": rng.integers(0, 10, count, np.uint8)}
        for kind, values in contents.items():
            name = f"{split}-{mnist._KINDS[kind]}"
            files[name] = idx(values)
            known = (hashlib.md5(files[name]).hexdigest(), len(files[name]))
            monkeypatch.setitem(mnist._KNOWN["mnist"], f"{split}-{kind}", known)
    return files


IMAGES = "train-images-idx3-ubyte.gz"
LABELS = "train-labels-idx1-ubyte.gz"


def test_mnist_files_are_read_verified_and_selected(tmp_path, small_mnist):
    make(tmp_path / "mnist", small_mnist)
    train = load_data("dcgan28", tmp_path)
    assert isinstance(train.images, np.memmap)
    assert train.images.tobytes() == gzip.decompress(small_mnist[IMAGES])[16:]
    assert train.labels.tolist() == list(gzip.decompress(small_mnist[LABELS])[8:])
    both = load_data("dcgan64", tmp_path)
    assert (len(both.images), len(both.labels)) == (10, 10)
    assert (both.images[:7] == train.images).all()
    part = load_data("mlp", tmp_path, subset=(2, 5))
    assert (part.images == train.images[2:5]).all()
    assert (part.labels == train.labels[2:5]).all()


def test_mnist_directly_in_the_data_directory_and_without_labels(tmp_path, small_mnist):
    make(tmp_path, {IMAGES: small_mnist[IMAGES]})
    data = load_data("dcgan28", tmp_path)
    assert (len(data.images), data.labels, data.label_names) == (7, None, ())
    make(tmp_path, {LABELS: small_mnist[LABELS]})
    assert len(load_data("dcgan28", tmp_path).labels) == 7, "labels that come later are noticed"
    for name in (IMAGES, LABELS):
        (tmp_path / name).unlink()
    assert len(load_data("dcgan28", tmp_path).images) == 7, "once packed, the files are not needed"


def test_labels_of_one_split_only_are_none_of_both(tmp_path, small_mnist):
    make(tmp_path, {name: content for name, content in small_mnist.items() if name != "t10k-labels-idx1-ubyte.gz"})
    both = load_data("dcgan64", tmp_path)
    assert (len(both.images), both.labels, both.label_names) == (10, None, ())
    one = load_data("dcgan28", tmp_path)
    assert (len(one.images), len(one.labels)) == (7, 7)
    assert both.sha256 != one.sha256


def test_a_damaged_file_is_named_with_both_checksums(tmp_path, small_mnist):
    good = small_mnist[IMAGES]
    (tmp_path / IMAGES).write_bytes(good[:-9])
    with pytest.raises(tfgan.UserError) as error:
        load_data("dcgan28", tmp_path)
    for part in ("train-images", hashlib.md5(good).hexdigest(), hashlib.md5(good[:-9]).hexdigest(), "remove it"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b""), "magic 0x0, 0 bytes"),
        (gzip.compress(b"short"), "5 bytes"),
        (idx(np.zeros((2, 3, 3), np.uint8), magic=0xD03), "0xd03"),
        (idx(np.zeros((2, 3, 3), np.uint8), magic=0x802), "0x802"),
        (idx(np.zeros((2, 3, 3), np.uint8), claimed=4), "promises 36"),
        (idx(np.zeros((2, 3, 3), np.uint8))[:-12], "not a complete gzip"),
        (b"<html>", "not a complete gzip"),
    ],
    ids=range(7),
)
def test_idx_files_that_are_none(tmp_path, content, message):
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(tfgan.UserError, match=message):
        mnist.read_idx(tmp_path / "x.gz")


def test_real_truncated_file(real_data):
    with pytest.raises(tfgan.UserError, match="not a complete gzip"):
        mnist.read_idx(real_data / "damaged" / IMAGES)


def test_real_mnist(real_data, tmp_path):
    (tmp_path / "mnist").symlink_to(real_data / "mnist")
    data = load_data("vanilla", tmp_path)
    assert (data.images.shape, data.images.dtype) == ((55_000, 28, 28, 1), np.uint8)
    assert abs(data.images.mean() / 255 - 0.1307) < 0.001, "the mean of MNIST that everyone normalises by"
    everything = load_data("dcgan28", tmp_path).labels
    assert np.bincount(everything).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_mnist_from_a_mirror_with_its_labels(tmp_path, small_mnist, monkeypatch):
    server = FaultyServer()
    server.files |= small_mnist
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with server.running():
        monkeypatch.setitem(mnist._MIRRORS, "mnist", (f"{server.address}/404/", f"{server.address}/good/"))
        data = load_data("dcgan28", tmp_path)
        asked = server.asked()
        again = load_data("dcgan28", tmp_path)
    assert len(data.images) == len(data.labels) == len(again.labels) == 7
    assert asked == server.asked() == "404 good 404 good", "images and labels of one split, and once"


def test_without_a_network_one_line_says_what_to_put_where(tmp_path, small_mnist, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(mnist._MIRRORS, "mnist", ("http://127.0.0.1:9/a/", "http://127.0.0.1:9/b/"))
    with pytest.raises(tfgan.UserError) as error:
        load_data("dcgan64", tmp_path / "data")
    message = str(error.value)
    assert "\n" not in message
    for name, content in small_mnist.items():
        assert f"http://127.0.0.1:9/a/{name} or http://127.0.0.1:9/b/{name}" in message
        assert hashlib.md5(content).hexdigest() in message
        assert f"{len(content):,} bytes" in message
    assert str(tmp_path / "data" / "mnist") in message
    assert not (tmp_path / "data").exists()


def test_the_names_of_the_classes():
    clothes = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"  # Xiao et al. 2017, table 2
    assert {"mnist": tuple("0123456789"), "fashion-mnist": tuple(clothes.split(", "))} == mnist._CLASSES


def test_files_in_the_data_folder_itself_are_mnists(tmp_path, small_mnist, monkeypatch):
    """Fashion-MNIST's files have the same names, and are looked for in a folder of their own."""
    for name, content in small_mnist.items():
        (tmp_path / name).write_bytes(content)
    assert len(load_data("dcgan28", tmp_path).images) == 7
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(mnist._MIRRORS, "fashion-mnist", ("http://127.0.0.1:9/",))
    with pytest.raises(tfgan.UserError, match="cannot fetch"):
        load_data("dcgan28", tmp_path, "fashion-mnist")


@pytest.mark.parametrize(("name", "split", "files"), [
    ("mnist", "train", ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]),
    ("mnist", "test", ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]),
    ("fashion-mnist", "test", ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]),
])  # fmt: skip
def test_names_of_mnists_files_and_arrays(name, split, files):
    remotes = [mnist._remote(name, split, kind) for kind in ("images", "labels")]
    assert [remote.name for remote in remotes] == files
    for remote in remotes:
        assert all(url.endswith(f"/{remote.name}") for url in remote.urls)
    assert mnist._name(SimpleNamespace(name=name), split) == f"{name}-{split}-28x28"
