"""Stanford Dogs (Khosla et al. 2011): 20,580 photos of 120 breeds. ImageNet's terms: non-commercial research only.

Kaggle's "Generative Dog Images" are the same photos. They need an account and are never fetched, but used if they are there.
"""

import re
import xml.etree.ElementTree

from tfgan.datasets import download
from tfgan.datasets import forms
from tfgan.datasets import sources
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.decode import Picture
from tfgan.datasets.forms import Form
from tfgan.datasets.pictures import PicturePackingJob
from tfgan.datasets.pictures import Selection
from tfgan.datasets.pictures import encode_labels
from tfgan.datasets.pictures import pixel_settings
from tfgan.errors import UserError

FORMS = {
    "dogs": (
        #    in the data folder     who has it so      what is inside
        Form("n0[0-9]*-*", "Stanford", "in the folder of the breeds itself"),
        Form("images*", "Stanford, Kaggle", "a folder for each breed: n02085620-Chihuahua and so on"),
        Form("archive*", "Kaggle", "the download of stanford-dogs-dataset: images and annotations"),
        Form("generative-dog-images*", "Kaggle", "the competition: all-dogs and Annotation, extracted or as zips"),
        Form("all-dogs*", "Kaggle", "the competition, extracted: the photos of all breeds in one folder"),
        Form("*dog*", "Kaggle, Hugging Face, anybody", "the photos anywhere, or Parquet files"),
        Form("*.parquet", "Hugging Face", "a column of pictures"),
        Form("data", "Hugging Face", "such Parquet files"),
    )
}
BESIDE = (Form("annotation*", "Stanford, Kaggle", "the dogs' boxes, an XML file for each photo"),)  # if not with the photos
_SITE = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
_IMAGES = download.RemoteFile(
    "images.tar",
    (_SITE + "images.tar",),
    "sha256:a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58",
    793_579_520,
)
_ANNOTATION = download.RemoteFile(
    "annotation.tar",
    (_SITE + "annotation.tar",),
    "sha256:662ed36f707be6b195c2fda392d8e153e83af28cedc8e2134a649f198def30fd",
    21_852_160,
)
_CROP = CentreCrop(None)
_WHOLE = 20_579  # photos in Kaggle's copies, which leave one of the 20,580 out
_NUMBER = re.compile(r"^n\d{8}-")  # ImageNet's, before a breed's name
_PHOTO = re.compile(r"n\d{8}_\d+\.\w+")
_XML = re.compile(r"n\d{8}_\d+(\.xml)?")  # Stanford's have no suffix: Annotation/n02085620-Chihuahua/n02085620_10074


def load(info, data_dir, request):
    """One image for each annotated dog, cropped to its box, and the centre square of photos without annotation, by breed."""
    remotes = _ANNOTATION, _IMAGES
    published = forms.Published(info.name, "Stanford Dogs", FORMS[info.name], remotes, "", _WHOLE, _count, BESIDE)
    arrays = {f"dogs-{request.size[0]}x{request.size[1]}": pixel_settings(request.size, _CROP)}
    [data] = forms.load(published, data_dir, request, arrays, lambda source: [job(source, request, data_dir)])
    return data


def job(source, request, beside):
    """The `pack.PackingJob` of a source with the dogs' photos. beside: a folder with their boxes, if the source has none."""
    also = forms.open_beside(BESIDE, beside)

    def select():
        boxes = next((boxes for boxes in (_annotations(source), also and _annotations(also)) if boxes), None)
        photos, count = _photos(source), _count(source)
        notes = [f"{source.path} has {count:,} of Stanford Dogs' 20,580 photos"] if count < _WHOLE else []
        if not boxes:
            notes.append("there is no Annotation: the centre square of each photo is used, and not the dogs' boxes")
        boxes = boxes or {}
        # Files are matched by name alone: Kaggle keeps the photos of all breeds in one folder.
        breeds = {stem.partition("_")[0]: name.split("/")[-2] for stem, (_, name) in boxes.items() if "/" in name}
        pictures, labels = [], []
        for name in photos:
            stem = name.rpartition("/")[2].rpartition(".")[0]
            dogs = bounding_boxes(*boxes[stem]) if stem in boxes else []
            pictures += [Picture(name, box) for box in dogs or [None]]
            folder = source.labels.get(name) or (name.split("/")[-2] if "/" in name else "")
            breed = breeds.get(stem.partition("_")[0], folder)
            labels += [_NUMBER.sub("", breed)] * (len(dogs) or 1)
        numbers, names = encode_labels(labels)
        return Selection([p._replace(label=n) for p, n in zip(pictures, numbers, strict=True)], names, notes)

    return PicturePackingJob(source, select, request.size, _CROP, request.keep_going, [also] if also else [])


def _annotations(source):
    """{stem of a photo's name: (the source, the name of its annotation)}."""
    files = ((name.rpartition("/")[2], name) for name in source.files)
    return {file.removesuffix(".xml"): (source, name) for file, name in files if _XML.fullmatch(file)}


def _is_published(source, name):
    """Whether a picture is one of the photos. A Parquet file's rows may have no names, and all are."""
    return bool(_PHOTO.fullmatch(name.rpartition("/")[2])) or name in source.labels


def _photos(source):
    """The names of the published photos, and of pictures in further folders beside those of the breeds."""
    around = {_around(name) for name in source.names if _is_published(source, name)}
    return [name for name in source.names if _around(name) in around]


def _around(name):
    """The folder around a breed's."""
    return "/".join(name.split("/")[:-2])


def _count(source):
    """How many of the published photos a source has."""
    return sum(_is_published(source, name) for name in source.names)


def recognizes(source):
    """Whether the pictures of a source are Stanford Dogs: by their names, and by their annotations or their breeds' folders."""
    if not source.names or _count(source) < len(source.names) or source.labels:
        return False
    return bool(_annotations(source)) or all(re.search(r"n\d{8}-[^/]+/[^/]+$", f"{source.path}/{name}") for name in source.names)


def bounding_boxes(source, name):
    """The boxes (left, top, right, bottom), in pixels, of the dogs in the annotation that is called `name` in a source.

    Raises UserError if it is not an annotation in XML.
    """
    try:
        boxes = xml.etree.ElementTree.fromstring(source.read(name)).iterfind("object/bndbox")
        return [tuple(int(box.findtext(edge)) for edge in ("xmin", "ymin", "xmax", "ymax")) for box in boxes]
    except (xml.etree.ElementTree.ParseError, TypeError, ValueError, LookupError, sources.UnreadableMember) as error:
        raise UserError(f"{source.path}: {name} is not an annotation ({error}); download annotation.tar again") from error
