"""The data sets: found where they lie, fetched, verified, labelled; and what is wrong with them said in a line."""

import hashlib

import numpy as np
import pytest
from PIL import Image

import tfgan
from tests.conftest import load_data
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan import recipes
from tfgan import train
from tfgan.datasets import __main__ as datasets_command
from tfgan.datasets import celeba
from tfgan.datasets import dogs
from tfgan.datasets import mnist
from tfgan.training import options as options_of_train

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


def test_own_pictures_are_cropped_to_their_centre_square(tmp_path):
    wide = photo(218, 178)
    make(tmp_path / "mine", {"a.png": encoded(wide, "PNG")})
    images = datasets.load(str(tmp_path / "mine"), tmp_path, datasets.Request((178, 178))).images
    np.testing.assert_array_equal(images, np.asarray(wide)[None, :, 20:198])


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


def annotation(*boxes):
    """The XML of a photo with dogs in these boxes."""
    edges = ("xmin", "ymin", "xmax", "ymax")
    objects = ["".join(f"<{edge}>{value}</{edge}>" for edge, value in zip(edges, box, strict=True)) for box in boxes]
    return f"<annotation>{''.join(f'<object><bndbox>{o}</bndbox></object>' for o in objects)}</annotation>".encode()


def dog_files(images="Images/n02085620-Chihuahua/", images_2="Images/n02099267-flat-coated_retriever/", annotations="Annotation"):
    """Two dogs in one photo, one in another, none annotated in a third."""
    park = Image.new("RGB", (100, 60))
    park.paste((255, 0, 0), (0, 0, 30, 30))
    park.paste((0, 255, 0), (60, 20, 100, 60))
    files = {images + "n02085620_1.jpg": park, images + "n02085620_2.jpg": park, images_2 + "n02099267_5.jpg": park}
    files = {name: encoded(image, "PNG") for name, image in files.items()}
    files[f"{annotations}/n02085620-Chihuahua/n02085620_1"] = annotation((0, 0, 30, 30), (60, 20, 100, 60))
    files[f"{annotations}/n02099267-flat-coated_retriever/n02099267_5"] = annotation((60, 20, 100, 60))
    return files


def archives_of_dogs(folder):
    for name in ("Images", "Annotation"):
        files = {member: content for member, content in dog_files().items() if member.startswith(name)}
        make(folder / {"Images": "images.tar", "Annotation": "annotation.tar"}[name], files)


def kaggles_zip(folder):
    make(folder / "generative-dog-images.zip", dog_files("all-dogs/all-dogs/", "all-dogs/all-dogs/", "annotation/Annotation"))


@pytest.mark.parametrize("put", [lambda folder: make(folder, dog_files()), archives_of_dogs, kaggles_zip])
def test_dogs_are_cropped_to_their_boxes(tmp_path, put, monkeypatch):
    """Of each dog one image; a photo without annotation gives its centre square; the breed is the label."""
    put(tmp_path)
    for remote, path in (("_IMAGES", "images.tar"), ("_ANNOTATION", "annotation.tar")):
        if (tmp_path / path).exists():
            known = "sha256:" + hashlib.sha256((tmp_path / path).read_bytes()).hexdigest()
            monkeypatch.setattr(dogs, remote, getattr(dogs, remote)._replace(known_hash=known))
    data = load_data("dogs", tmp_path)
    assert data.images.shape == (4, 64, 64, 3)
    assert (data.images[0] == [255, 0, 0]).all()
    assert (data.images[[1, 3]] == [0, 255, 0]).all()
    corners = data.images[2][[0, -1, -1], [0, 0, -1]].tolist()
    assert corners == [[255, 0, 0], [0, 0, 0], [0, 255, 0]], "the centre square: columns 20 to 79"
    assert data.label_names == ("Chihuahua", "flat-coated_retriever")
    assert data.labels.tolist() == [0, 0, 0, 1]


def test_a_breed_without_a_number_before_it_is_the_folder_s_name(tmp_path):
    names = ("Images/mutt/1.png", "Images/n02110958-pug/n02110958_2.png", "Images/mutt/3.png")
    make(tmp_path, {name: encoded(photo(30, 30), "PNG") for name in names})
    data = load_data("dogs", tmp_path)
    assert data.label_names == ("mutt", "pug")
    assert data.labels.tolist() == [0, 0, 1]


def test_annotations_that_are_none(tmp_path, capsys):
    files = dog_files()
    make(tmp_path, files | {"Annotation/n02085620-Chihuahua/n02085620_2": b"<annotation><object><bndbox/></object>"})
    with pytest.raises(tfgan.UserError, match="n02085620_2"):
        load_data("dogs", tmp_path)
    for path in (tmp_path / "Annotation").rglob("n0*_?"):
        path.unlink()
    assert len(load_data("dogs", tmp_path).images) == 3
    (tmp_path / "other").mkdir()
    make(tmp_path / "other", {name: content for name, content in files.items() if name.startswith("Images")})
    load_data("dogs", tmp_path / "other")
    absent = tmp_path / "other" / "Annotation"
    assert f"No {absent}: the centre square of each photo is used" in capsys.readouterr().out


def test_own_pictures_leave_out_what_tfgan_made(tmp_path):
    """--dataset . in a folder with data/, logs/ and out/ takes the pictures and not the results; data/mine is taken."""
    files = {name: encoded(photo(30, 30), "PNG") for name in ("a.png", "data/b.png", "out/run-000000.png", "data/mine/c.png")}
    make(tmp_path, files)
    own = tuple((tmp_path / folder).resolve() for folder in ("data", "logs", "out"))
    for folder, count in ((tmp_path, 1), (tmp_path / "data" / "mine", 1), (tmp_path / "data", 2)):
        recipe = tfgan.recipe("dcgan64", str(folder))
        assert len(datasets.load_for(recipe, tmp_path / "data", exclude=own).images) == count


def test_the_command_leaves_out_what_tfgan_made(show, tmp_path):
    made = ("data/b.png", "logs/run/projector.png", "out/run-000000.png", "kept/run/projector.png")
    make(tmp_path, {name: encoded(photo(30, 30), "PNG") for name in ("a.png", *made)})
    for options, count in (([], 2), (["--log-dir", "kept"], 2), (["--log-dir", "elsewhere"], 3)):
        status, out, _ = show(".", *options)
        assert (status, f"\n{count} images of 64 x 64 x 3" in out) == (0, True), (options, out)


def test_two_folders_of_one_name_are_two_data_sets(show, tmp_path):
    make(tmp_path, {f"{folder}/mine/a.png": encoded(photo(30, 30), "PNG") for folder in ("here", "there")})
    for folder in ("here", "there", "here"):
        assert show(f"{folder}/mine")[0] == 0
    out = show()[1]
    for folder in ("here", "there"):
        assert f"1 pictures of {tmp_path / folder / 'mine'}, packed\n" in out


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "d/mnist/a.gz"), "cannot read d/mnist/a.gz: Permission denied; allow it, or"),
        (OSError(5, "Input/output error"), "cannot read d: Input/output error; allow it, or give another --data-dir"),
    ],
)
def test_what_cannot_be_looked_for_is_named(show, monkeypatch, error, words):
    def load(*_):
        raise error

    monkeypatch.setattr(mnist, "load", load)
    status, _, err = show("mnist", "--data-dir", "d")
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith(f"tfgan: error: {words}")


@pytest.mark.parametrize("name", ["nowhere", "a.zip", "notes.txt"])
def test_neither_a_data_set_nor_pictures(tmp_path, name):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(tfgan.UserError, match="no data set .* and no folder or archive of that name; .*celeba"):
        datasets.info(str(tmp_path / name))


@pytest.fixture
def show(command):
    """show(*options): `python -m tfgan.datasets`, as `command` has it."""
    return command(datasets_command)


def test_the_list(show, tmp_path):
    status, out, _ = show()
    assert status == 0
    terms = {
        "digits": "CC BY 4.0 (UCI Optical Recognition)", "mnist": "CC BY-SA 3.0", "fashion-mnist": "MIT",
        "celeba": "non-commercial research only", "dogs": "non-commercial research only (ImageNet)",
    }  # fmt: skip
    lines = {line.split()[0]: line for line in out.splitlines() if line[:1] not in ("", " ")}
    assert {name: line.rpartition("; ")[2] for name, line in lines.items() if name in datasets.DATASETS} == terms
    assert out.count("absent from data") == 4
    make(tmp_path / "data", FACES)
    assert "downloaded (img_align_celeba)\n" in show()[1]
    assert show("celeba")[0] == 0
    assert "downloaded (img_align_celeba); packed (celeba-28x28: 3)\n" in show()[1]


def test_fetch_pack_and_show(show, tmp_path):
    files = {f"{kind}/{n}.jpg": encoded(photo(90, 70, n), "JPEG") for n in range(5) for kind in ("cat", "horse")}
    make(tmp_path / "my pets", files)
    status, out, err = show("my pets", "--image-size", 20)
    assert (status, err) == (0, "")
    for part in ("10 images of 20 x 20 x 3", "2 labels with 5 to 5 images each: cat, horse", "Saved out/my pets-real.png"):
        assert part in out
    assert Image.open(tmp_path / "out" / "my pets-real.png").size == (600, 600), "3 x 20 pixels, each ten times"
    assert "10 pictures of" in show()[1]


def test_up_to_ten_labels_are_listed_and_of_more_the_first_ten(show, tmp_path):
    assert "\n10 labels with 174 to 183 images each: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n" in show("digits")[1]
    make(tmp_path / "mine", {f"{kind}/a.png": encoded(photo(30, 30), "PNG") for kind in "abcdefghijk"})
    assert "\n11 labels with 1 to 1 images each: a, b, c, d, e, f, g, h, i, j ...\n" in show("mine")[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nope"], "no data set 'nope'"),
        ([""], "no data set ''"),
        (["x" * 300], "no data set"),
        (["digits", "--image-size", "5"], "from 8 to 1024"),
        (["digits", "--image-size", "0"], "from 8 to 1024"),
    ],
)
def test_bad_options_are_one_line(show, options, message):
    status, _, err = show(*options)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


def test_image_size_chooses_the_model():
    def resolved(*options):
        recipe = options_of_train.settings(train.parser().parse_args(options)).recipe
        return recipe.model, recipe.image_shape

    assert resolved("--dataset=celeba") == ("dcgan28", (28, 28, 3))
    assert resolved("--dataset=celeba", "--image-size=64") == ("dcgan64", (64, 64, 3))
    assert resolved("--dataset=dogs", "--image-size=28") == ("dcgan28", (28, 28, 3))
    assert resolved("--dataset=mnist", "--model=vanilla", "--image-size=64") == ("vanilla", (64, 64, 1))
    with pytest.raises(tfgan.UserError, match=r"--image-size is 28, but dogs makes no images of that size; take 64, or another"):
        resolved("--dataset=dogs", "--model=dogs", "--image-size=28")
    assert recipes.resized(tfgan.recipe("dogs"), 64) == tfgan.recipe("dogs")


def test_every_data_set_has_its_model():
    for info in datasets.DATASETS.values():
        assert tfgan.recipe(info.model, info.name).image_shape[:2] == (info.size, info.size)
