"""What is read beside the pictures, and what is said where it is damaged; the names under which arrays are packed."""

from types import SimpleNamespace

import numpy as np
import pytest

import tfgan
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan.datasets import celeba
from tfgan.datasets import dogs
from tfgan.datasets import mnist
from tfgan.datasets import pack
from tfgan.datasets import sources


@pytest.mark.parametrize(("text", "reason"), [
    ("1\nBald Male\na.jpg 1 -1\n", None), ("1\nBald Male\na.jpg 1\n", "its lines differ in length"),
    ("1\nBald Male\na.jpg 1 0\n", "'0'"), ("1\n", "not enough values to unpack"), ("1\nBald Male\n\n", "not enough values"),
])  # fmt: skip
def test_a_list_of_attributes(tmp_path, text, reason):
    path = tmp_path / "list.txt"
    path.write_text(text)
    if reason is None:
        assert celeba.read_attributes(path) == ({"a.jpg": [1, 0]}, ("Bald", "Male"))
        return
    with pytest.raises(tfgan.UserError) as error:
        celeba.read_attributes(path)
    assert str(error.value).startswith(f"{path} is not a list of CelebA's attributes ({reason}")
    assert str(error.value).endswith("); get it again, or remove it")


def boxed(**edges):
    return "".join(f"<{name}>{value}</{name}>" for name, value in edges.items())


@pytest.mark.parametrize(("content", "boxes"), [
    ("<annotation/>", []), (boxed(xmin=1, ymin=2, xmax=3, ymax=4), [(1, 2, 3, 4)]),
    (boxed(ymax=4, xmax=3, ymin=2, xmin=1), [(1, 2, 3, 4)]),
    (boxed(xmin=1, ymin=2, xmax=3), None), (boxed(xmin="x", ymin=2, xmax=3, ymax=4), None), ("<", None),
])  # fmt: skip
def test_boxes_of_an_annotation(tmp_path, content, boxes):
    within = f"<annotation><object><bndbox>{content}</bndbox></object></annotation>"
    text = content if content.startswith("<annotation") else within
    make(tmp_path / "a", {"n1/n1_1": text.encode()})
    source = sources.open_source(tmp_path / "a", wanted=dogs._is_annotation)
    if boxes is not None:
        assert dogs.bounding_boxes(source, "n1/n1_1") == boxes
        return
    with pytest.raises(tfgan.UserError) as error:
        dogs.bounding_boxes(source, "n1/n1_1")
    assert str(error.value).startswith(f"n1/n1_1 in {tmp_path}/a is not an annotation (")
    assert str(error.value).endswith("); remove it, or put annotation.tar there again")


@pytest.mark.parametrize(("name", "good"), [
    ("Annotation/n02085620-Chihuahua/n02085620_10074", True), ("n1_1", True), ("a/n1_1.jpg", False), ("n1/README", False),
])  # fmt: skip
def test_names_of_annotations(name, good):
    assert dogs._is_annotation(name) == good


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


def test_names_of_packed_arrays(tmp_path):
    """Of the user's own pictures: what a file's name may have of the folder's, its checksum and its size."""
    picture = encoded(photo(20, 20), "PNG")
    for folder, beginning in (("my pets & others", "own-my-pets-others-"), ("é" + "n" * 99, f"own--{'n' * 79}-")):
        make(tmp_path / folder, {"a.png": picture})
        datasets.load(str(tmp_path / folder), tmp_path / "data", datasets.Request((8, 9)))
        (name,) = [name for name in pack.list_manifests("own", tmp_path / "data") if name.startswith(beginning)]
        assert len(name) == len(beginning) + len("01234567-8x9")
        assert name.endswith("-8x9")
    for name in ("celeba", "dogs"):
        folder = {"celeba": "img_align_celeba", "dogs": "Images"}[name]
        make(tmp_path / "data" / folder, {"n1-breed/n1_1.png": picture})
        datasets.load(name, tmp_path / "data", datasets.Request((8, 9)))
        assert [*pack.list_manifests(name, tmp_path / "data")] == [f"{name}-8x9"]


def test_an_array_that_cannot_be_packed_and_what_packing_says(tmp_path, capsys):
    make(tmp_path / "mine", {"a.png": encoded(photo(20, 20), "PNG")})
    (tmp_path / "packed").touch()
    with pytest.raises(tfgan.UserError) as error:
        datasets.load(str(tmp_path / "mine"), tmp_path, datasets.Request((8, 8)))
    words = str(error.value)
    assert words.startswith(f"cannot pack {tmp_path}/mine into {tmp_path}/packed/own-mine-")
    assert words.endswith("; fix that, or give another --data-dir")
    (tmp_path / "packed").unlink()
    assert datasets.load(str(tmp_path / "mine"), tmp_path, datasets.Request((8, 8))).images.shape == (1, 8, 8, 3)
    assert capsys.readouterr().out.startswith(f"Packed 1 pictures of {tmp_path}/mine in 0.")


@pytest.mark.parametrize(("manifest", "good"), [
    ({}, True), ({"format": 2}, False), ({"settings": {"size": [9, 9]}}, False), ({"count": 3}, False),
    ({"shape": [1, 2, 1]}, False),
    ({"label_names": ["a", "b"]}, False),
])  # fmt: skip
def test_which_packed_arrays_are_used(tmp_path, manifest, good):
    """Those whose manifest describes them; labels that it names must be there."""
    (tmp_path / "packed").mkdir()
    np.save(tmp_path / "packed" / "own-a.npy", np.zeros([2, 1, 1, 1], np.uint8))
    whole = {"format": 1, "settings": {"size": [1, 1]}, "count": 2, "shape": [1, 1, 1], "label_names": [], "rejected": 0}
    pack._write_manifest(tmp_path / "packed" / "own-a.npy", {**whole, "sha256": "x", **manifest})
    data = pack.load_packed("own-a", tmp_path, {"size": [1, 1]})
    assert (data is not None) == good
    assert (pack.find_by_sha256("x", tmp_path) is not None) == (good or "settings" in manifest)
    assert pack.find_by_sha256("y", tmp_path) is None
