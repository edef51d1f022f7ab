"""Arrays of images (IDX, .npy, .npz, tables of pixels): found in a source with their labels, and packed."""

import functools
import hashlib
import os
import time

import numpy as np
from PIL import Image

from tfgan.common.command import in_shell
from tfgan.datasets.array_files import TELLING
from tfgan.datasets.array_files import arrays_in
from tfgan.datasets.decode import CentreCrop
from tfgan.errors import UserError

_MANY = 1000  # files that are looked into; if there are more, those with telling names
_MOST_CLASSES = 1000
_FEW_CLASSES = 10  # so many may be classes of few images; beyond, as many as half of the images are numbers of these
_ROWS = 256  # images that are packed at a time


def find(source):
    """The `ArrayFile`s of images in a source, each with its labels. One that cannot be used says why in its `problem`.

    If there are numbers, but no images, the only one says so.
    """
    files = set(source.files)
    names = {name for name in files.difference(source.names) if f"{name.removesuffix('.npy')}.json" not in files}  # packed ones
    names = sorted(names if len(names) <= _MANY else filter(TELLING.fullmatch, names))[:_MANY]
    arrays = [array for name in names for array in arrays_in(source, name)]
    images = {}
    for array in arrays:
        if not array.is_of_labels and (array.shape or array.problem):
            images.setdefault((array.words, array.shape), array)  # and not its copies in other containers
            array.labels = _labels_of(array, arrays) if array.shape else None
    if arrays and not images:
        shapes = ", ".join(f"{array.title} {list(array.header_shape)}" for array in arrays[:4])
        arrays[0].problem = arrays[0].problem or (
            f"{source.path} holds numbers ({shapes}), but no array of images of at least 8 x 8 pixels: [N, h, w], [N, h, w, c], "
            "[N, c, h, w] or [N, h * w]; put all pictures into one with np.stack"
        )
        return arrays[:1]
    return list(images.values())


def _labels_of(images, arrays):
    """The array of the labels that belong to an array of images by its name, or else by its place; or None."""
    near = [array for array in arrays if array.is_of_labels and array.split == images.split]
    of_stem = [array for array in near if array.stem == images.stem]
    one_each = images.shape[:1], (*images.shape[:1], 1)
    others = [array for array in arrays if array.name == images.name and array.header_shape in one_each]
    candidates = of_stem or [array for array in near if array.name == images.name] or (others if len(others) == 1 else [])
    return max(candidates, key=lambda array: array.header_shape[:1] == images.shape[:1], default=None)


def choose(arrays, split="train"):
    """The `ArrayFile` of a split, among those that `find` returned (at least one); or else the one whose split is not told.

    Raises UserError if there are several, or if it cannot be used.
    """
    of_split, of_none = [[file for file in arrays if file.split == kind] for kind in (split, None)]
    candidates = of_split or of_none or arrays
    candidates = [file for file in candidates if not file.problem] or candidates
    first = candidates[0]
    if first.problem:
        raise UserError(first.problem)
    if len(candidates) == 1:
        return first
    titles = ", ".join(file.title for file in candidates[:6]) + (", ..." if len(candidates) > 6 else "")
    remedy = f"give one: --dataset {in_shell(first.place)}" if os.path.isdir(first.source.path) else "extract it, and give one"
    remedy = f"save one: {first.command('x')}" if first.key else remedy
    raise UserError(f"{first.source.path} holds {len(candidates):,} arrays of images ({titles}); {remedy}")


class ArrayPackingJob:
    """Packs the images of an `ArrayFile`. A `pack.PackingJob`.

    size: (h, w) in pixels. Square images that are not larger are packed as they are. Of others the centre square is, resized
    bilinearly where it is larger.
    """

    def __init__(self, file, size, keep_going=False):
        self.source = os.fsencode(file.source.path).decode(errors="backslashreplace")
        self._side = min(*file.shape[1:3], size[0])
        self.settings = {} if file.shape[1:3] == (self._side, self._side) else {"side": self._side}
        self.keep_going = keep_going
        self._file = file

    def stamp(self):
        """The names, sizes and modification times of the source's files."""
        return [self._file.source.stamp()]

    def checksum(self):
        """The SHA-256 of the images and labels, whatever file they are in."""
        (blocks, labels), digest = self._content, hashlib.sha256()
        for block in blocks:
            digest.update(np.ascontiguousarray(block).data)
        digest.update(repr((self._file.shape[1:], None if labels is None else labels.tolist())).encode())
        return digest.hexdigest()

    def write(self, writer):
        """Crops and writes all images. Returns (label names, checksum)."""
        begin, (blocks, labels) = time.perf_counter(), self._content
        for block in blocks:
            writer.add(self._fit(block) if self.settings else block)
        classes, names, note = _classes(labels)
        writer.labels.extend(classes)
        for line in (*self._file.notes, *([note] if note else [])):
            writer.note(line)
        print(f"Packed {writer.count:,} images of {self.source} in {time.perf_counter() - begin:.1f} s", flush=True)
        return names, self.checksum()

    @functools.cached_property
    def _content(self):
        """([images], labels or None)."""
        images, labels = self._file.read()
        return np.array_split(images, len(images) // _ROWS + 1), labels

    def _fit(self, images):
        box = CentreCrop(None).box(images.shape[2], images.shape[1])
        pictures = (Image.fromarray(image if image.shape[2] == 3 else image[..., 0]).crop(box) for image in images)
        resized = [picture.resize((self._side, self._side), Image.Resampling.BILINEAR) for picture in pictures]
        return np.array(resized, np.uint8).reshape(-1, self._side, self._side, images.shape[3])


def _classes(labels):
    """(class of each image, names of the classes, a note or None) from labels [N] or None. With less than two classes: (), ()."""
    if labels is None:
        return (), (), None
    names, classes = np.unique(labels, return_inverse=True)
    most = min(_MOST_CLASSES, max(len(labels) // 2, _FEW_CLASSES))
    if labels.dtype.kind not in "iUS" or len(names) > most or (labels.dtype.kind == "i" and names[0] < 0):
        return (), (), f"the labels are not used: {len(names):,} values from {names[0]} to {names[-1]} are no classes"
    return (classes, tuple(map(str, names.tolist())), None) if len(names) > 1 else ((), (), None)
