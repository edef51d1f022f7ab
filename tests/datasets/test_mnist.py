"""MNIST and Fashion-MNIST: found in every form, fetched, known by their content, labelled; what is wrong is said in a line."""

import gzip
import hashlib
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import tfgan
from tests.conftest import load_data
from tests.datasets.faulty_server import FaultyServer
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan.datasets import mnist


def idx(values, magic=None, claimed=None):
    """A gzipped IDX file's bytes."""
    shape = (claimed or len(values), *values.shape[1:])
    magic = magic if magic is not None else 0x800 + values.ndim
    return gzip.compress(struct.pack(f">{1 + values.ndim}I", magic, *shape) + values.tobytes())


@pytest.fixture
def small_mnist(monkeypatch):
    """MNIST as published, replaced by four small files; their bytes by name."""
    files = {}
    for split, name, count in (("train", "train", 7), ("test", "t10k", 3)):
        rng = np.random.default_rng(count)
        contents = {"images": rng.integers(0, 256, (count, 28, 28), np.uint8), "labels": rng.integers(0, 10, count, np.uint8)}
        digests = [hashlib.sha256(values.tobytes()).hexdigest() for values in contents.values()]
        monkeypatch.setitem(mnist._FACTS["mnist"], split, mnist.Facts(count, contents["images"].mean(), *digests))
        for kind, values in contents.items():
            file = f"{name}-{mnist._KINDS[kind]}"
            files[file] = idx(values)
            known = (hashlib.md5(files[file]).hexdigest(), len(files[file]))
            monkeypatch.setitem(mnist._KNOWN["mnist"], f"{name}-{kind}", known)
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


def test_a_damaged_file_is_named_and_kept(tmp_path, small_mnist, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(mnist._MIRRORS, "mnist", ("http://127.0.0.1:9/",))
    folder = make(tmp_path / "mnist", {IMAGES: small_mnist[IMAGES][:-9]})
    with pytest.raises(tfgan.UserError) as error:
        load_data("dcgan28", tmp_path)
    assert f"{folder}/{IMAGES} is damaged" in str(error.value)
    assert "remove" not in str(error.value)
    assert (folder / IMAGES).exists()


def test_an_empty_file_does_not_stand_in_the_way(tmp_path, small_mnist, monkeypatch):
    """It is passed over where another form is there, and fetched again where there is none."""
    make(tmp_path / "mnist", {IMAGES: b""})
    np.savez(tmp_path / "mnist.npz", **arrays_of(small_mnist))
    assert len(load_data("dcgan28", tmp_path).images) == 7
    server = FaultyServer()
    server.files |= small_mnist
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    make(tmp_path / "other" / "mnist", {IMAGES: b""})
    with server.running():
        monkeypatch.setitem(mnist._MIRRORS, "mnist", (f"{server.address}/good/",))
        assert len(load_data("dcgan28", tmp_path / "other").images) == 7
    assert (tmp_path / "other" / "mnist" / IMAGES).read_bytes() == small_mnist[IMAGES]


def arrays_of(files):
    """The arrays of Keras's mnist.npz."""
    images = {name: np.frombuffer(gzip.decompress(content), np.uint8) for name, content in files.items()}
    return {
        "x_train": images[IMAGES][16:].reshape(-1, 28, 28), "y_train": images[LABELS][8:],
        "x_test": images[IMAGES.replace("train", "t10k")][16:].reshape(-1, 28, 28),
        "y_test": images[LABELS.replace("train", "t10k")][8:],
    }  # fmt: skip


def put_raw(folder, files):
    make(folder / "MNIST" / "raw", {name.removesuffix(".gz"): gzip.decompress(content) for name, content in files.items()})


def put_gzipped_again(folder, files):
    """Other bytes of the same content: the container does not decide."""
    make(folder / "mnist", {name: gzip.compress(gzip.decompress(content), 1, mtime=7) for name, content in files.items()})


def put_without_suffix(folder, files):
    """A browser unpacks a file and keeps its name."""
    make(folder / "MNIST_data", {name: gzip.decompress(content) for name, content in files.items()})


def put_kaggles_archive(folder, files):
    """Each file once more, in a folder of its own name."""
    names = {name: name.removesuffix("-idx3-ubyte.gz").removesuffix("-idx1-ubyte.gz") for name in files}
    contents = {name: gzip.decompress(content) for name, content in files.items()}
    plain = {f"{short}.{name[len(short) + 1 : -3]}": contents[name] for name, short in names.items()}
    twice = {f"{name.removesuffix('.gz')}/{name.removesuffix('.gz')}": content for name, content in contents.items()}
    make(folder / "archive.zip", plain | twice)


def put_keras(folder, files):
    np.savez_compressed(folder / "mnist.npz", **arrays_of(files))


def put_csv(folder, files):
    """Kaggle's, with a header."""
    arrays = arrays_of(files)
    for split in ("train", "test"):
        rows = np.column_stack([arrays[f"y_{split}"], arrays[f"x_{split}"].reshape(-1, 784)])
        header = ",".join(["label", *(f"{n // 28 + 1}x{n % 28 + 1}" for n in range(784))])
        np.savetxt(folder / f"mnist_{split}.csv", rows, "%d", ",", header=header, comments="")


def put_parquet(folder, files):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    arrays = arrays_of(files)
    (folder / "mnist").mkdir()
    for split in ("train", "test"):
        rows = [{"bytes": encoded(Image.fromarray(image), "PNG"), "path": None} for image in arrays[f"x_{split}"]]
        table = pyarrow.table({"image": rows, "label": arrays[f"y_{split}"].astype("int64")})
        parquet.write_table(table, folder / "mnist" / f"{split}-00000-of-00001.parquet")


PUTS = (put_raw, put_gzipped_again, put_without_suffix, put_kaggles_archive, put_keras, put_csv, put_parquet)


@pytest.mark.parametrize("put", PUTS)
def test_mnist_in_every_form_is_the_same(tmp_path, small_mnist, put, capsys):
    put(tmp_path, small_mnist)
    data = load_data("dcgan64", tmp_path)  # it trains on both splits
    arrays = arrays_of(small_mnist)
    np.testing.assert_array_equal(data.images[..., 0], np.concatenate([arrays["x_train"], arrays["x_test"]]))
    np.testing.assert_array_equal(data.labels, np.concatenate([arrays["y_train"], arrays["y_test"]]))
    assert data.label_names == tuple("0123456789")
    assert "Note" not in capsys.readouterr().out


def test_labels_in_words_are_not_taken_for_digits(tmp_path, small_mnist):
    arrays = arrays_of(small_mnist)
    words = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    np.savez(tmp_path / "mnist.npz", **(arrays | {"y_train": words[arrays["y_train"]]}))
    assert load_data("dcgan28", tmp_path).labels is None


def test_a_path_to_mnist_is_known(tmp_path, small_mnist, capsys):
    put_keras(tmp_path, small_mnist)
    path = load_data("dcgan28", tmp_path, str(tmp_path / "mnist.npz"))
    assert path.sha256 == load_data("dcgan28", tmp_path).sha256
    assert f"{tmp_path / 'mnist.npz'} holds MNIST's train split" in capsys.readouterr().out


def test_a_part_of_mnist_is_taken_with_a_note(tmp_path, small_mnist, monkeypatch, capsys):
    arrays = arrays_of(small_mnist)
    monkeypatch.setattr(mnist, "_ALIKE", 20.0)  # so few images of noise are as near as this
    np.savez(tmp_path / "mnist.npz", x_train=arrays["x_train"][:5], y_train=arrays["y_train"][:5])
    assert len(load_data("dcgan28", tmp_path).images) == 5
    assert "has 5 images, and MNIST's train split has 7" in capsys.readouterr().out


def test_a_damaged_file_beside_a_good_one_costs_nothing(tmp_path, small_mnist):
    whole = gzip.decompress(small_mnist[IMAGES])
    make(tmp_path / "mnist", {IMAGES: small_mnist[IMAGES][:-9], "copy/train-images.idx3-ubyte": whole})
    assert load_data("dcgan28", tmp_path).images.tobytes() == whole[16:]


def test_dark_pictures_are_no_digits(tmp_path, small_mnist, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(mnist._MIRRORS, "mnist", ("http://127.0.0.1:9/",))
    monkeypatch.setattr(mnist, "_ALIKE", 300.0)
    for size, mode in (((29, 28), "L"), ((28, 28), "RGB")):
        picture = encoded(photo(*size).convert(mode), "PNG")
        make(tmp_path / mode, {f"archive/{n}.png": picture for n in range(3)})
        with pytest.raises(tfgan.UserError, match="archive has no images of MNIST"):
            load_data("dcgan28", tmp_path / mode)


def test_another_data_set_under_mnists_names_is_refused_with_the_way_to_train_on_it(tmp_path, small_mnist, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(mnist._MIRRORS, "mnist", ("http://127.0.0.1:9/",))
    folder = make(tmp_path / "mnist", {IMAGES: idx(np.full((7, 28, 28), 222, np.uint8))})
    with pytest.raises(tfgan.UserError) as error:
        load_data("dcgan28", tmp_path)
    assert f"is not MNIST's train split; to train on it, give --dataset {folder}" in str(error.value)
    assert "remove" not in str(error.value)


def test_a_real_truncated_file(real_data, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(mnist._MIRRORS, "mnist", ("http://127.0.0.1:9/",))
    (tmp_path / "mnist").symlink_to(real_data / "damaged")
    with pytest.raises(tfgan.UserError, match=IMAGES):
        load_data("dcgan28", tmp_path)


def test_real_mnist(real_data, tmp_path):
    (tmp_path / "mnist").symlink_to(real_data / "mnist")
    data = load_data("vanilla", tmp_path)
    assert (data.images.shape, data.images.dtype) == ((55_000, 28, 28, 1), np.uint8)
    assert abs(data.images.mean() / 255 - 0.1307) < 0.001, "the mean of MNIST that everyone normalises by"
    everything = load_data("dcgan28", tmp_path)
    assert everything.sha256 == mnist._FACTS["mnist"]["train"].images
    everything = everything.labels
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


def test_files_in_the_data_folder_itself(tmp_path, small_mnist, monkeypatch):
    """MNIST's and Fashion-MNIST's files have the same names: their content tells which they are."""
    make(tmp_path, small_mnist)
    assert len(load_data("dcgan28", tmp_path).images) == 7
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(mnist._MIRRORS, "fashion-mnist", ("http://127.0.0.1:9/",))
    with pytest.raises(tfgan.UserError, match="cannot fetch .* is not Fashion-MNIST's train split"):
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
