"""CelebA: found in every form, cropped, and labelled with its attributes."""

import numpy as np
import pytest

import tfgan
from tests.conftest import load_data
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_formats import vast_png
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan.datasets import celeba
from tfgan.datasets import sources

FACES = {f"img_align_celeba/00000{n}.jpg": encoded(photo(178, 218, n), "JPEG") for n in (1, 2, 3)}


def test_celeba_crop(tmp_path):
    """The central 108x108, no more and no less: at that size nothing is resized, and the pixels are the face's own."""
    face = photo(178, 218)
    make(tmp_path, {"img_align_celeba/000001.png": encoded(face, "PNG")})
    images = datasets.load("celeba", tmp_path, datasets.Request((108, 108))).images
    np.testing.assert_array_equal(images, np.asarray(face)[None, 55:163, 35:143])
    assert load_data("dcgan28", tmp_path, "celeba").images.shape == (1, 28, 28, 3)


TABLE = "3\nBald Male Young\n" + "".join(f"00000{n}.jpg  -1  1 {row}\n" for n, row in ((1, 1), (2, -1), (3, 1)))
CSV = "image_id,Bald,Male,Young\n000001.jpg,-1,1,1\n000002.jpg,-1,1,-1\n000003.jpg,-1,1,1\n"
ATTRIBUTES = [[0, 1, 1], [0, 1, 0], [0, 1, 1]]


def test_celeba_from_its_archive_without_extracting(tmp_path, monkeypatch):
    make(tmp_path / "celeba.zip", FACES)
    data = load_data("dcgan28", tmp_path, "celeba")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["celeba.zip", "packed"]
    (tmp_path / "celeba.zip").unlink()
    assert (load_data("dcgan28", tmp_path, "celeba").images == data.images).all(), "once packed, the archive is not needed"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(celeba, "_ARCHIVE", celeba._ARCHIVE._replace(urls=("http://127.0.0.1:9/",)))
    with pytest.raises(tfgan.UserError, match="cannot fetch img_align_celeba.zip"):
        load_data("dcgan64", tmp_path, "celeba")  # another size needs it


def below(folder, files=FACES):
    return {f"{folder}/{name}": content for name, content in files.items()}


def kaggle(folder):
    make(folder / "archive.zip", below("img_align_celeba") | {"list_attr_celeba.csv": CSV.encode()})


def kaggle_renamed(folder):
    kaggle(folder)
    (folder / "archive.zip").rename(folder / "img_align_celeba.zip")


def torchvision(folder):
    make(folder, below("celeba") | {"celeba/list_attr_celeba.txt": TABLE.encode()})


def drive(folder):
    """The authors' drive, with the faces once more as they are not aligned."""
    wild = {name.replace("_align", ""): encoded(photo(300, 400, 9), "JPEG") for name in FACES}
    make(folder / "faces.zip", FACES)
    make(folder, {"CelebA/Img/img_align_celeba.zip": (folder / "faces.zip").read_bytes()} | below("CelebA/Img", wild))
    (folder / "faces.zip").unlink()
    make(folder, {"CelebA/Anno/list_attr_celeba.txt": TABLE.encode(), "CelebA/README.txt": b"read me"})


def drive_in_parts(folder):
    for n, (name, content) in enumerate(FACES.items()):
        make(folder / f"img_align_celeba-20240101T000000Z-00{n}.zip", {name: content})
    (folder / "list_attr_celeba.txt").write_text(TABLE)


def interrupted_unzip(folder):
    make(folder / "img_align_celeba.zip", FACES)
    make(folder, dict(list(FACES.items())[:1]) | {"list_attr_celeba.txt": TABLE.encode()})


def by_gender(folder):
    genders = dict(zip(FACES, ("Train/Male", "Train/Female", "Test/Male"), strict=True))
    make(folder, {f"celeba/{genders[name]}/{name.rpartition('/')[2]}": content for name, content in FACES.items()})
    (folder / "list_attr_celeba.csv").write_text(CSV)


@pytest.mark.parametrize("put", [kaggle, kaggle_renamed, torchvision, drive, drive_in_parts, interrupted_unzip, by_gender])
def test_celeba_in_every_form_is_the_same(tmp_path, put):
    make(tmp_path / "plain", FACES)
    plain = load_data("dcgan28", tmp_path / "plain", "celeba")
    put(tmp_path)
    data = load_data("dcgan28", tmp_path, "celeba")
    assert data.sha256 == plain.sha256
    assert data.label_names == ("Bald", "Male", "Young")
    assert data.labels.dtype == np.uint8
    assert data.labels.tolist() == ATTRIBUTES


def test_a_path_to_celeba_is_cropped_as_celeba(tmp_path, capsys):
    kaggle(tmp_path)
    named = datasets.load("celeba", tmp_path, datasets.Request((64, 64)))
    path = datasets.load(str(tmp_path / "archive.zip"), tmp_path, datasets.Request((64, 64)))
    assert path.sha256 == named.sha256
    assert path.labels.tolist() == ATTRIBUTES
    assert f"{tmp_path / 'archive.zip'} holds CelebA's faces: each is cropped as --dataset celeba does" in capsys.readouterr().out


def test_larger_faces_are_not_cut_to_pieces(tmp_path, monkeypatch):
    """CelebA-HQ's are whole faces, of which the central 108x108 is skin."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(celeba, "_ARCHIVE", celeba._ARCHIVE._replace(urls=("http://127.0.0.1:9/",)))
    make(tmp_path, {f"CelebA-HQ-img/{n}.jpg": encoded(photo(300, 300, n), "JPEG") for n in range(3)})
    words = r"300 x 300 pixels, and not CelebA's of 178 x 218; for them, give --dataset .*CelebA-HQ"
    with pytest.raises(tfgan.UserError, match=words):
        load_data("dcgan28", tmp_path, "celeba")


def test_the_data_folder_may_be_that_of_the_faces(tmp_path):
    make(tmp_path, {name.rpartition("/")[2]: content for name, content in FACES.items()})
    assert len(load_data("dcgan28", tmp_path, "celeba").images) == 3


def test_faces_as_pngs_have_the_same_attributes(tmp_path):
    faces = {name.replace(".jpg", ".png").replace("celeba/", "celeba_png/"): encoded(photo(178, 218), "PNG") for name in FACES}
    make(tmp_path, faces | {"list_attr_celeba.txt": TABLE.encode()})
    assert load_data("dcgan28", tmp_path, "celeba").labels.tolist() == ATTRIBUTES


def test_attributes_that_come_later_are_noticed_at_a_path(tmp_path):
    path = make(tmp_path / "celeba", FACES)
    request = datasets.Request((64, 64))
    assert datasets.load(str(path), tmp_path, request).labels is None
    (tmp_path / "list_attr_celeba.txt").write_text(TABLE)
    assert datasets.load(str(path), tmp_path, request).labels.tolist() == ATTRIBUTES


def test_a_face_that_promises_too_much_is_no_traceback(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(celeba, "_ARCHIVE", celeba._ARCHIVE._replace(urls=("http://127.0.0.1:9/",)))
    make(tmp_path, {"celeba/000001.png": vast_png()})
    with pytest.raises(tfgan.UserError):
        load_data("dcgan28", tmp_path, "celeba")


def test_celeba_without_its_attributes(tmp_path):
    """As DCGAN-tensorflow leaves it."""
    make(tmp_path, {name.replace("img_align_celeba", "celebA"): content for name, content in FACES.items()})
    data = load_data("dcgan28", tmp_path, "celeba")
    assert (len(data.images), data.labels) == (3, None)


def test_a_list_that_lacks_faces(tmp_path):
    make(tmp_path, FACES | {"list_attr_celeba.txt": b"1\nBald Male\n000001.jpg -1 1\n"})
    with pytest.raises(tfgan.UserError, match=r"no line for 000002.jpg \(2 files are missing\)"):
        load_data("dcgan28", tmp_path, "celeba")


@pytest.mark.parametrize(("files", "known"), [
    (below("x"), True), (below("x", {name.replace("img_align_celeba", "a"): FACES[name] for name in FACES}), False),
    ({"celeba/a.jpg": FACES["img_align_celeba/000001.jpg"]}, False),
    ({"celeba/000001.jpg": encoded(photo(300, 400), "JPEG")}, False),
    ({"a/000001.jpg": FACES["img_align_celeba/000001.jpg"], "list_attr_celeba.csv": CSV.encode()}, True),
])  # fmt: skip
def test_faces_are_recognized_by_names_and_sizes(tmp_path, files, known):
    assert celeba.recognizes(sources.open_source(make(tmp_path / "a.zip", files))) == known


@pytest.mark.parametrize(("name", "text", "reason"), [
    ("list_attr_celeba.txt", "1\nBald Male\na.jpg 1 -1\n", None),
    ("list_attr_celeba.csv", "image_id,Bald,Male\na.jpg,1,-1\n", None),
    ("list_attr_celeba.csv", "image_id,Bald,Male\na.jpg,1,0\n", None),
    ("list_attr_celeba.txt", "1\nBald Male\na.jpg 1\n", "its lines differ in length"),
    ("list_attr_celeba.txt", "1\nBald Male\na.jpg 1 2\n", "'2'"), ("list_attr_celeba.txt", "1\n", "not enough values to unpack"),
    ("list_attr_celeba.txt", "", "list index"),
])  # fmt: skip
def test_a_list_of_attributes(tmp_path, name, text, reason):
    source = sources.open_source(make(tmp_path / "a", {name: text.encode()}))
    if reason is None:
        assert celeba.read_attributes(source, name) == ({"a.jpg": [1, 0]}, ("Bald", "Male"))
        return
    with pytest.raises(tfgan.UserError) as error:
        celeba.read_attributes(source, name)
    assert str(error.value).startswith(f"{source.path}: {name} is not a list of CelebA's attributes ({reason}")
    assert str(error.value).endswith("download it again")
