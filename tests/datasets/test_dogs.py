"""Stanford Dogs: found in every form, cropped to the boxes of its annotation, and labelled with breeds."""

import shutil

import pytest
from PIL import Image

import tfgan
from tests.conftest import load_data
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan.datasets import dogs
from tfgan.datasets import sources


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


def kaggles_zips_in_a_zip(folder):
    """As the competition's site gives them."""
    kaggles_parts(folder)
    parts = {name: (folder / name).read_bytes() for name in ("all-dogs.zip", "Annotation.zip")}
    make(folder / "generative-dog-images.zip", parts)
    for name in parts:
        (folder / name).unlink()


def kaggles_parts(folder):
    files = dog_files("all-dogs/", "all-dogs/")
    make(folder / "all-dogs.zip", {name: content for name, content in files.items() if name.startswith("all-dogs")})
    make(folder / "Annotation.zip", {name: content for name, content in files.items() if name.startswith("Annotation")})


def kaggles_folders(folder):
    make(folder, dog_files("all-dogs/all-dogs/", "all-dogs/all-dogs/", "annotation/Annotation"))


def kaggles_breeds(folder):
    """The stanford-dogs-dataset, extracted."""
    breeds = "images/Images/n02085620-Chihuahua/", "images/Images/n02099267-flat-coated_retriever/"
    make(folder, dog_files(*breeds, "annotations/Annotation"))


def kaggles_breeds_zipped(folder):
    kaggles_breeds(folder)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in ("images", "annotations"):
        shutil.rmtree(folder / name)
    make(folder / "archive.zip", files)


def plain_folders(folder):
    make(folder, dog_files())


@pytest.mark.parametrize("put", [
    plain_folders, archives_of_dogs, kaggles_zip, kaggles_zips_in_a_zip, kaggles_parts, kaggles_folders, kaggles_breeds,
    kaggles_breeds_zipped,
])  # fmt: skip
def test_dogs_are_cropped_to_their_boxes(tmp_path, put):
    """Of each dog one image; a photo without annotation gives its centre square; the breed is the label."""
    put(tmp_path)
    data = load_data("dogs", tmp_path)
    assert data.images.shape == (4, 64, 64, 3)
    assert (data.images[0] == [255, 0, 0]).all()
    assert (data.images[[1, 3]] == [0, 255, 0]).all()
    corners = data.images[2][[0, -1, -1], [0, 0, -1]].tolist()
    assert corners == [[255, 0, 0], [0, 0, 0], [0, 255, 0]], "the centre square: columns 20 to 79"
    assert data.label_names == ("Chihuahua", "flat-coated_retriever")
    assert data.labels.tolist() == [0, 0, 0, 1]


def test_a_path_to_the_dogs_is_cropped_as_dogs(tmp_path, capsys):
    kaggles_breeds_zipped(tmp_path)
    named = load_data("dogs", tmp_path)
    path = load_data("dogs", tmp_path, str(tmp_path / "archive.zip"))
    assert (path.sha256, path.label_names) == (named.sha256, named.label_names)
    assert f"{tmp_path / 'archive.zip'} holds Stanford Dogs" in capsys.readouterr().out


def test_other_pictures_in_the_same_place_are_no_dogs(tmp_path):
    """Kaggle calls every download archive.zip."""
    kaggles_breeds_zipped(tmp_path)
    make(tmp_path / "archive (1).zip", {f"img_align_celeba/00000{n}.jpg": encoded(photo(178, 218, n), "JPEG") for n in range(9)})
    data = load_data("dogs", tmp_path)
    assert (len(data.images), data.label_names) == (4, ("Chihuahua", "flat-coated_retriever"))


def test_the_data_folder_may_be_that_of_the_breeds(tmp_path):
    """Some breeds' names have "dog" in them, as names of the whole data set have."""
    files = dog_files("Images/n02085936-Maltese_dog/")
    make(tmp_path, {name.removeprefix("Images/"): content for name, content in files.items()})
    data = load_data("dogs", tmp_path)
    assert (len(data.images), data.label_names) == (4, ("Chihuahua", "flat-coated_retriever")), "as the annotation says"


def test_a_breed_without_a_number_before_it_is_the_folder_s_name(tmp_path):
    names = ("Images/flat-coated/1.png", "Images/n02110958-pug/n02110958_2.png", "Images/flat-coated/3.png")
    make(tmp_path, {name: encoded(photo(30, 30), "PNG") for name in names})
    data = load_data("dogs", tmp_path)
    assert data.label_names == ("flat-coated", "pug")
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
    assert "no Annotation: the centre square of each photo is used" in capsys.readouterr().out


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
    source = sources.open_source(tmp_path / "a")
    if boxes is not None:
        assert dogs.bounding_boxes(source, "n1/n1_1") == boxes
        return
    with pytest.raises(tfgan.UserError) as error:
        dogs.bounding_boxes(source, "n1/n1_1")
    assert str(error.value).startswith(f"{tmp_path}/a: n1/n1_1 is not an annotation (")
    assert str(error.value).endswith("); download annotation.tar again")


@pytest.mark.parametrize(("name", "good"), [
    ("Annotation/n02085620-Chihuahua/n02085620_10074", True), ("n02085620_1", True), ("n02085620_1.xml", True),
    ("a/n02085620_1.jpg", False), ("n02085620/README", False),
])  # fmt: skip
def test_names_of_annotations(tmp_path, name, good):
    source = sources.open_source(make(tmp_path / "a", {name: b"<annotation/>"}))
    assert (list(dogs._annotations(source)) == [name.rpartition("/")[2].removesuffix(".xml")]) == good


@pytest.mark.parametrize(("files", "known"), [
    (["n02085620-Chihuahua/n02085620_1.jpg"], True), (["x/n02085620_1.jpg"], False), (["n02085620-Chihuahua/1.jpg"], False),
    (["all-dogs/n02085620_1.jpg", "Annotation/n02085620-Chihuahua/n02085620_1"], True), (["README"], False),
])  # fmt: skip
def test_dogs_are_recognized_by_names(tmp_path, files, known):
    contents = {name: encoded(photo(30, 30), "JPEG") if name.endswith(".jpg") else b"<annotation/>" for name in files}
    source = sources.open_source(make(tmp_path / "a.zip", contents))
    assert dogs.recognizes(source) == known
