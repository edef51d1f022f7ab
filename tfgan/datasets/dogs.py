"""Stanford Dogs (Khosla et al. 2011): 20,580 photos of 120 breeds. ImageNet's terms: non-commercial research only.

Kaggle's "Generative Dog Images" are the same photos. Their zip needs an account and is never fetched, but used if it is there.
"""

import xml.etree.ElementTree

from tfgan.datasets import download
from tfgan.datasets import pack
from tfgan.datasets import sources
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.decode import Picture
from tfgan.datasets.pictures import PicturePackingJob
from tfgan.datasets.pictures import encode_labels
from tfgan.datasets.pictures import pixel_settings
from tfgan.errors import UserError

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
_KAGGLE = "generative-dog-images.zip"
_CROP = CentreCrop(None)


def load(info, data_dir, request):
    """One image for each annotated dog, cropped to its box, and the centre square of photos without annotation, by breed."""
    name = f"dogs-{request.size[0]}x{request.size[1]}"
    photos = [(data_dir / "Images", None), (data_dir / _IMAGES.name, _IMAGES.known_hash), (data_dir / _KAGGLE, None)]
    boxes = [(data_dir / "Annotation", None), (data_dir / _ANNOTATION.name, _ANNOTATION.known_hash), (data_dir / _KAGGLE, None)]
    if (source := sources.first_existing(photos)) is None:
        if data := pack.load_packed(name, data_dir, pixel_settings(request.size, _CROP)):
            return data
        request.require_fetch(info.name, data_dir)
        download.find_or_fetch([_ANNOTATION, _IMAGES], data_dir)
        source = sources.first_existing(photos)
    annotations = sources.first_existing(boxes, is_member=_is_annotation)

    def select():
        if annotations is None:
            print(f"No {boxes[0][0]}: the centre square of each photo is used instead of the dogs' bounding boxes")
        # Files are matched by name alone: Kaggle keeps the photos of all breeds in one folder.
        members = {member.rpartition("/")[2]: member for member in annotations.names} if annotations else {}
        breeds = {stem.partition("_")[0]: member.split("/")[-2] for stem, member in members.items() if "/" in member}
        pictures, labels = [], []
        for member in source.names:
            stem = member.rpartition("/")[2].rpartition(".")[0]
            dogs = bounding_boxes(annotations, members[stem]) if stem in members else []
            pictures += [Picture(member, box) for box in dogs or [None]]
            breed = breeds.get(stem.partition("_")[0], member.split("/")[-2] if "/" in member else "")
            labels += [breed.partition("-")[2] or breed] * (len(dogs) or 1)
        numbers, names = encode_labels(labels)
        return [picture._replace(label=number) for picture, number in zip(pictures, numbers, strict=True)], names

    also = [annotations] if annotations else []
    return pack.load_or_pack(PicturePackingJob(source, select, request.size, _CROP, request.keep_going, also), name, data_dir)


def _is_annotation(name):
    """Whether a member is an annotation in XML. Its name has no suffix: Annotation/n02085620-Chihuahua/n02085620_10074."""
    file = name.rpartition("/")[2]
    return file.startswith("n") and "." not in file


def bounding_boxes(annotations, name):
    """The boxes (left, top, right, bottom), in pixels, of the dogs in the annotation that is the member `name` of a source.

    Raises UserError if the member is not an annotation in XML.
    """
    try:
        boxes = xml.etree.ElementTree.fromstring(annotations.read(name)).iterfind("object/bndbox")
        return [tuple(int(box.findtext(edge)) for edge in ("xmin", "ymin", "xmax", "ymax")) for box in boxes]
    except (xml.etree.ElementTree.ParseError, TypeError, ValueError, sources.UnreadableMember) as error:
        raise UserError(
            f"{name} in {annotations.path} is not an annotation ({error}); remove it, or put annotation.tar there again"
        ) from error
