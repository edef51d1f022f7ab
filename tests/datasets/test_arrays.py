"""Arrays of images in a source: which there are, which belong together, which is chosen, and what is packed of it."""

import gzip
import hashlib
import re

import numpy as np
import pytest
from PIL import Image

from tests.datasets.plain_source import PlainSource
from tests.datasets.test_array_files import GREY
from tests.datasets.test_array_files import LABELS
from tests.datasets.test_array_files import find
from tests.datasets.test_array_files import idx
from tests.datasets.test_array_files import npy
from tests.datasets.test_array_files import npz
from tfgan import datasets
from tfgan.datasets import arrays
from tfgan.datasets import pack
from tfgan.datasets import sources
from tfgan.errors import UserError

TRAIN = "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"  # SHA-256 of MNIST's pixels
TEST = "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"
OTHERS = 255 - GREY[:5]


@pytest.fixture
def notes(monkeypatch):
    """The notes of packed data."""
    lines = []
    monkeypatch.setattr(pack.Writer, "note", lambda writer, line: lines.append(line), raising=False)
    return lines


@pytest.mark.parametrize("files", [
    {"train-images-idx3-ubyte": idx(GREY), "train-labels-idx1-ubyte": idx(LABELS.astype("u1")),
     "t10k-images-idx3-ubyte": idx(OTHERS), "t10k-labels-idx1-ubyte": idx(LABELS[:5].astype("u1"))},
    {"train-images-idx3-ubyte__train-images-idx3-ubyte": idx(GREY),
     "train-labels-idx1-ubyte__train-labels-idx1-ubyte": idx(LABELS.astype("u1")), "train-images_dot_idx3-ubyte": idx(GREY),
     "t10k-images-idx3-ubyte__t10k-images-idx3-ubyte": idx(OTHERS), "t10k-labels_dot_idx1-ubyte": idx(LABELS[:5].astype("u1"))},
    {"raw__kmnist-letters-train-images-idx3-ubyte_dot_gz": gzip.compress(idx(GREY)),
     "raw__kmnist-letters-train-images-idx3-ubyte": idx(GREY),
     "raw__kmnist-letters-train-labels-idx1-ubyte_dot_gz": gzip.compress(idx(LABELS.astype("u1"))),
     "raw__kmnist-letters-test-images-idx3-ubyte": idx(OTHERS),
     "raw__kmnist-letters-test-labels-idx1-ubyte": idx(LABELS[:5].astype("u1"))},
    {"x_train_dot_npy": npy(GREY), "y_train_dot_npy": npy(LABELS),
     "x_test_dot_npy": npy(OTHERS), "y_test_dot_npy": npy(LABELS[:5])},
    {"trainX_dot_npy": npy(GREY), "trainY_dot_npy": npy(LABELS), "testX_dot_npy": npy(OTHERS), "testY_dot_npy": npy(LABELS[:5])},
    {"train__images_dot_npy": npy(GREY), "train__labels_dot_npy": npy(LABELS),
     "test__images_dot_npy": npy(OTHERS), "test__labels_dot_npy": npy(LABELS[:5])},
    {"kmnist-train-imgs_dot_npz": npz(arr_0=GREY), "kmnist-train-labels_dot_npz": npz(arr_0=LABELS),
     "kmnist-test-imgs_dot_npz": npz(arr_0=OTHERS), "kmnist-test-labels_dot_npz": npz(arr_0=LABELS[:5])},
    {"mnist_dot_npz": npz(x_train=GREY, y_train=LABELS, x_test=OTHERS, y_test=LABELS[:5])},
    {"medical_dot_npz": npz(train_images=GREY, train_labels=LABELS[:, None], val_images=GREY[:2], val_labels=LABELS[:2, None],
                            test_images=OTHERS, test_labels=LABELS[:5, None])},
    {"train_dot_npz": npz(data=GREY, target=LABELS), "test_dot_npz": npz(image=OTHERS, label=LABELS[:5])},
    {"train_dot_npz": npz(arr_0=GREY, arr_1=LABELS), "testing_dot_npz": npz(X=OTHERS, y=LABELS[:5])},
    {"a_train_dot_npz": npz(pictures=GREY, kinds=LABELS, size=9), "a_test_dot_npz": npz(faces=OTHERS, ids=LABELS[:5])},
], ids=[
    "idx", "kaggle", "letters", "x y", "X Y", "folders", "kmnist", "keras", "medical", "data target", "arr", "others",
])  # fmt: skip
def test_images_and_labels_of_usual_names(tmp_path, files):
    found = find(tmp_path, **files)
    for split, expected in (("train", GREY), ("test", OTHERS)):
        file = arrays.choose(found, split)
        images, labels = file.read()
        assert (images[..., 0] == expected).all()
        assert labels.tolist() == LABELS[: len(expected)].tolist()
        assert file.labels.name in {name.replace("__", "/").replace("_dot_", ".") for name in files}


@pytest.mark.parametrize(("name", "split"), [
    ("X_train", "train"), ("xtrain", "train"), ("training_set", "train"), ("digits", None), ("valid", "valid"),
    ("dev_x", "valid"), ("validation-images", "valid"), ("contest", None), ("valentine", None), ("trainer", None),
    ("testdata", "test"), ("t10k", "test"),
])  # fmt: skip
def test_splits_are_words_of_the_names(tmp_path, name, split):
    [file] = find(tmp_path, **{f"{name}_dot_npy": npy(GREY)})
    assert file.split == split


def test_several_candidates_are_named_with_the_way_to_one(tmp_path):
    variants = ("balanced", "byclass", "digits")
    found = find(tmp_path, **{f"kmnist-{each}-train-images-idx3-ubyte": idx(GREY[n:]) for n, each in enumerate(variants)})
    with pytest.raises(UserError, match="holds 3 arrays of images .*byclass.*; give one: --dataset ") as error:
        arrays.choose(found)
    path = re.search(r"--dataset (.*)", str(error.value))[1]
    assert (arrays.choose(arrays.find(PlainSource(path))).read()[0][..., 0] == GREY).all()


def test_several_candidates_in_an_npz(tmp_path):
    found = find(tmp_path, a_dot_npz=npz(left=GREY, right=GREY))
    with pytest.raises(UserError, match=r"\(a.npz\[left\], a.npz\[right\]\); save one: python -c .*/a.npz left$"):
        arrays.choose(found)


def test_numbers_that_are_no_images_are_described(tmp_path):
    [file] = find(tmp_path, a_dot_npy=npy(np.zeros((5, 4))), b_dot_npy=npy(np.zeros((7, 3, 3))))
    with pytest.raises(UserError, match=r"a.npy \[5, 4\], b.npy \[7, 3, 3\].*\[N, h, w\].*np.stack"):
        arrays.choose([file])


def test_a_damaged_file_is_passed_over_for_a_whole_one_and_told_otherwise(tmp_path):
    files = {"a-train-images-idx3-ubyte": idx(GREY)[:-1], "b-train-images-idx3-ubyte": idx(GREY)}
    assert arrays.choose(find(tmp_path, **files)).name.startswith("b")
    (tmp_path / "b-train-images-idx3-ubyte").unlink()
    found = find(tmp_path, **{"t10k-images-idx3-ubyte": idx(OTHERS)})
    with pytest.raises(UserError, match="a-train-images"):
        arrays.choose(found)


def test_damaged_labels_are_told(tmp_path):
    [file] = find(tmp_path, **{"train-images-idx3-ubyte": idx(GREY), "train-labels-idx1-ubyte": b""})
    with pytest.raises(UserError, match="train-labels-idx1-ubyte .*is empty"):
        file.read()


def test_a_folder_of_many_files_costs_little_and_its_arrays_are_found(tmp_path):
    class Many(PlainSource):
        def __init__(self, path):
            super().__init__(path)
            self.files += [f"{n}.xml" for n in range(200_000)]  # which cannot be opened

    (tmp_path / "x_train.npy").write_bytes(npy(GREY))
    [file] = arrays.find(Many(tmp_path))
    assert (file.read()[0][..., 0] == GREY).all()


@pytest.mark.parametrize("files", [
    {"a_dot_npz": npz(**{f"a{n}": GREY[0] for n in range(101)})}, {f"{n}_dot_npy": npy(GREY[0]) for n in range(1001)},
], ids=["npz", "npy"])  # fmt: skip
def test_an_array_for_each_picture_is_told(tmp_path, files):
    with pytest.raises(UserError, match="(holds 101 arrays|no array of images .*); put all pictures into one with np.stack"):
        arrays.choose(find(tmp_path, **files))


def packed(tmp_path, size=(28, 28), **files):
    file = arrays.choose(find(tmp_path / "in", **files))
    return pack.load_or_pack(arrays.ArrayPackingJob(file, size), "a", tmp_path / "data")


def test_small_squares_are_packed_as_they_are(tmp_path, notes):
    squares = GREY[:, :8]
    data = packed(tmp_path, x_dot_npy=npy(squares), y_dot_npy=npy(LABELS * 2 + 1))
    assert (data.images[..., 0] == squares).all()
    assert (data.label_names, data.labels.tolist()) == (("1", "3", "5"), LABELS.tolist())
    assert data.sha256 == hashlib.sha256(squares.tobytes()).hexdigest()


def test_other_images_are_cropped_and_shrunk_as_pictures_are(tmp_path, notes):
    colours = np.random.default_rng(1).integers(0, 256, (3, 20, 16, 3), np.uint8)
    data = packed(tmp_path, (8, 8), x_dot_npy=npy(colours))
    expected = [Image.fromarray(each[2:18]).resize((8, 8), Image.Resampling.BILINEAR) for each in colours]
    assert (data.images == np.array(expected)).all()
    assert data.label_names == ()


def test_words_are_the_names_of_classes(tmp_path, notes):
    data = packed(tmp_path, a_dot_npz=npz(x=GREY[:, :8], y=np.array(["cat", "ant", "bee"])[LABELS]))
    assert (data.label_names, data.labels.tolist()) == (("ant", "bee", "cat"), [2, 0, 1] * 4)


@pytest.mark.parametrize("labels", [LABELS - 1, LABELS / 2, np.arange(1200)], ids=["negative", "fractions", "too many"])
def test_numbers_that_are_no_classes_are_noted(tmp_path, notes, labels):
    images = np.resize(GREY[:, :8], (len(labels), 8, 8))
    data = packed(tmp_path, x_dot_npy=npy(images), y_dot_npy=npy(labels))
    assert (data.labels, data.label_names) == (None, ())
    assert "are no classes" in notes[0]


def test_the_same_content_in_another_container_is_the_same_data_set(tmp_path, notes, capsys):
    first = packed(tmp_path, **{"images-idx3-ubyte": idx(GREY[:, :8]), "labels-idx1-ubyte": idx(LABELS.astype("u1"))})
    for name in ("images", "labels"):
        next((tmp_path / "in").glob(f"{name}-*")).unlink()
    capsys.readouterr()
    assert packed(tmp_path, a_dot_npz=npz(x=GREY[:, :8], y=LABELS)).sha256 == first.sha256
    assert "Packed" not in capsys.readouterr().out
    assert packed(tmp_path, a_dot_npz=npz(x=GREY[:, :8], y=LABELS[::-1])).labels.tolist() == LABELS[::-1].tolist()


def test_an_array_of_no_rows(tmp_path, notes):
    with pytest.raises(UserError, match="x.npy holds no images"):
        packed(tmp_path, x_dot_npy=npy(GREY[:0, :8]))


def test_real_mnist_in_every_container(tmp_path, real_data):
    (tmp_path / "gz").symlink_to(real_data / "mnist")
    raw = {path.name[:-3]: gzip.decompress(path.read_bytes()) for path in (real_data / "mnist").glob("*.gz")}
    images = [np.frombuffer(raw[f"{split}-images-idx3-ubyte"], np.uint8, offset=16) for split in ("train", "t10k")]
    train, test = (each.reshape(-1, 28, 28) for each in images)
    (tmp_path / "plain").mkdir()
    for name, content in raw.items():
        (tmp_path / "plain" / name).write_bytes(content)
    np.savez(tmp_path / "mnist.npz", x_train=train, x_test=test)
    for place in ("gz", "plain", "mnist.npz"):
        found = arrays.find(PlainSource(tmp_path / place))
        for split, sha256 in (("train", TRAIN), ("test", TEST)):
            assert hashlib.sha256(arrays.choose(found, split).read()[0].tobytes()).hexdigest() == sha256


def test_what_tfgan_packed_is_no_data(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((4, 9, 9), np.uint8))
    (tmp_path / "packed").mkdir()
    np.save(tmp_path / "packed" / "mnist-train-28x28.npy", np.zeros((4, 28, 28, 1), np.uint8))
    (tmp_path / "packed" / "mnist-train-28x28.json").write_text("{}")
    assert [file.name for file in arrays.find(sources.open_source(tmp_path))] == ["images.npy"]


def test_images_that_come_last_are_told_from_images_that_come_first(tmp_path):
    """As MATLAB saves them. Taken as they are they would be noise."""
    np.save(tmp_path / "x.npy", np.zeros((28, 28, 100), np.uint8))
    np.save(tmp_path / "y.npy", np.zeros((28, 28, 28), np.uint8))
    problems = [file.problem for file in arrays.find(sources.open_source(tmp_path))]
    assert "put the images first" in problems[0]
    assert "np.moveaxis(x, -1, 0)" in problems[0]
    assert problems[1] is None


def test_numbers_of_the_images_are_no_classes(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.arange(60 * 81, dtype=np.uint8).reshape(60, 9, 9), labels=np.arange(60))
    data = datasets.load(str(tmp_path / "x.npz"), tmp_path, datasets.Request((9, 9)))
    assert (data.labels, data.label_names) == (None, ())
