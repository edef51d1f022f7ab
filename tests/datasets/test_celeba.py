"""CelebA: found in every form, cropped, and labelled with its attributes."""

import hashlib

import numpy as np
import pytest

import tfgan
from tests.conftest import load_data
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan.datasets import celeba

FACES = {f"img_align_celeba/00000{n}.jpg": encoded(photo(178, 218, n), "JPEG") for n in (1, 2, 3)}


@pytest.fixture
def celeba_zip(tmp_path, monkeypatch):
    """CelebA's zip, of three pictures, under the tutorial's name."""
    path = make(tmp_path / "celeba.zip", FACES)
    monkeypatch.setattr(celeba, "_HASH", "md5:" + hashlib.md5(path.read_bytes()).hexdigest())
    return path


def test_celeba_crop(tmp_path):
    """The central 108x108, no more and no less: at that size nothing is resized, and the pixels are the face's own."""
    face = photo(178, 218)
    make(tmp_path, {"img_align_celeba/000001.png": encoded(face, "PNG")})
    images = datasets.load("celeba", tmp_path, datasets.Request((108, 108))).images
    np.testing.assert_array_equal(images, np.asarray(face)[None, 55:163, 35:143])
    assert load_data("dcgan28", tmp_path, "celeba").images.shape == (1, 28, 28, 3)


def test_celeba_from_its_archive_without_extracting(tmp_path, celeba_zip, monkeypatch):
    data = load_data("dcgan28", tmp_path, "celeba")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["celeba.zip", "packed"]
    make(tmp_path, FACES)
    assert (load_data("dcgan28", tmp_path, "celeba").images == data.images).all(), "the extracted folder holds the same"
    celeba_zip.write_bytes(celeba_zip.read_bytes()[:-1])
    for name in FACES:
        (tmp_path / name).unlink()
    (tmp_path / "img_align_celeba").rmdir()
    with pytest.raises(tfgan.UserError, match="damaged, or a different file"):
        load_data("dcgan28", tmp_path, "celeba")
    celeba_zip.unlink()
    assert (load_data("dcgan28", tmp_path, "celeba").images == data.images).all(), "once packed, the archive is not needed"
    monkeypatch.setattr(celeba, "_ARCHIVE", celeba._ARCHIVE._replace(urls=("http://127.0.0.1:9/",)))
    with pytest.raises(tfgan.UserError, match="cannot fetch img_align_celeba.zip"):
        load_data("dcgan64", tmp_path, "celeba")  # another size needs it


def test_celebas_attributes(tmp_path, celeba_zip):
    table = tmp_path / "list_attr_celeba.txt"
    table.write_text("3\nBald Male Young\n" + "".join(f"00000{n}.jpg  -1  1 {row}\n" for n, row in ((1, 1), (2, -1), (3, 1))))
    data = load_data("dcgan28", tmp_path, "celeba")
    assert data.label_names == ("Bald", "Male", "Young")
    assert data.labels.dtype == np.uint8
    assert data.labels.tolist() == [[0, 1, 1], [0, 1, 0], [0, 1, 1]]
    table.write_text("1\nBald Male\n000001.jpg -1 1\n")
    with pytest.raises(tfgan.UserError, match=r"no line for 000002.jpg \(2 files are missing\)"):
        load_data("dcgan28", tmp_path, "celeba")
    table.write_text("1\nBald Male\n000001.jpg -1\n")
    with pytest.raises(tfgan.UserError, match="not a list of CelebA's attributes"):
        load_data("dcgan28", tmp_path, "celeba")


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
