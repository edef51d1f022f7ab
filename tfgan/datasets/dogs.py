"""Stanford Dogs (Khosla et al. 2011; ImageNet's terms, non-commercial research): 20,580 photos of 120 breeds."""

import xml.etree.ElementTree

from tfgan.datasets import download
from tfgan.datasets import pack
from tfgan.errors import UserError

_SITE = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
_ARCHIVES = {
    "Images": download.Remote(
        "images.tar",
        (_SITE + "images.tar",),
        "sha256:a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58",
    ),
    "Annotation": download.Remote(
        "annotation.tar",
        (_SITE + "annotation.tar",),
        "sha256:662ed36f707be6b195c2fda392d8e153e83af28cedc8e2134a649f198def30fd",
    ),
}


def load(info, data_dir, recipe):
    """uint8 [N, h, w, 3]: one image for each annotated dog, cropped to its box; the centre square of other photos."""
    photos = data_dir / "Images"
    annotations = data_dir / "Annotation"
    if not photos.is_dir():
        # Both archives first, and the photos extracted last: photos alone would pass for a data set without boxes.
        absent = [folder for folder in ("Annotation", "Images") if not (data_dir / folder).is_dir()]
        paths = download.provide([_ARCHIVES[folder] for folder in absent], data_dir)
        for folder, path in zip(absent, paths, strict=True):
            download.extract(path, folder, data_dir / folder)
    if not annotations.is_dir():
        print(f"No {annotations}: each photo's centre square is taken instead of its dogs' bounding boxes")
    pictures = []
    for path in pack.find_pictures(photos):
        boxes = bounding_boxes(annotations / path.parent.name / path.stem)
        pictures += [pack.Picture(path, box) for box in boxes or [None]]
    return pack.packed(pictures, photos, "dogs", data_dir, recipe.image_shape, pack.CentreCrop(None))


def bounding_boxes(annotation):
    """The boxes (left, top, right, bottom), in pixels, of an annotation's dogs; [] where there is no such file."""
    if not annotation.is_file():
        return []
    try:
        found = xml.etree.ElementTree.parse(annotation).iterfind("object/bndbox")
        return [tuple(int(box.findtext(edge)) for edge in ("xmin", "ymin", "xmax", "ymax")) for box in found]
    except (xml.etree.ElementTree.ParseError, TypeError, ValueError) as error:
        raise UserError(f"{annotation} is no annotation ({error}); remove it, or extract annotation.tar again") from error
