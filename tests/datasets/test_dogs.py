"""Stanford Dogs: found in every form, cropped to the boxes of its annotation, and labelled with breeds."""

import hashlib

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
    source = sources.open_source(tmp_path / "a", is_member=dogs._is_annotation)
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
