"""One array in a file: IDX, .npy, a member of an .npz, or a table; gzipped or not. It is never unpickled."""

import contextlib
import gzip
import math
import os
import re
import shlex
import tokenize
import zipfile
from typing import NamedTuple

import numpy as np

from tfgan.common.command import in_shell
from tfgan.datasets import tables
from tfgan.datasets.folders import BROKEN
from tfgan.datasets.folders import UnreadableMember
from tfgan.errors import UserError

_MOST_ARRAYS = 100  # in one file
_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_MAGIC = re.compile(rb"\0\0[\x08\x09\x0b-\x0e][\1-\4]|\x93NUMPY")  # of IDX and .npy
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_RANGES = ((0, 1, 0, 255), (0, 255, 0, 1), (-1, 1, 1, 127.5))  # lowest and highest value, what is added, and then the factor
_TEXT = re.compile(r".*\.(csv|tsv|txt|data)(\.gz)?", re.IGNORECASE)
TELLING = re.compile(r".*(ubyte|idx\d|\.np[yz]|\.[ct]sv)(\.gz)?", re.IGNORECASE)  # names of files that should be arrays
_OF_LABELS = {"label", "labels", "y", "target", "targets", "class", "classes", "idx1", "idx2", "arr_1"}
_OF_IMAGES = {"image", "images", "img", "imgs", "x", "data", "pixels", "idx3", "idx4", "arr_0"}
_CONTAINERS = {"gz", "npy", "npz", "csv", "ubyte"}
_WORD = re.compile(  # its groups are the splits
    r"arr_\d|idx\d|[xy](?=train|test|val|dev|[^a-z]|$)|(?:(?P<train>train(?:ing)?)|(?P<test>t10k|test(?:ing)?)|"
    r"(?P<valid>val(?:id(?:ation)?)?|dev))(?=[xy]?(?:[^a-z]|$)|im|label|data|set)|[a-z]+|\d+"
)


def arrays_in(source, name):
    """The `ArrayFile`s in a file. One that is damaged, under a telling name, says so in its `problem`."""
    try:
        with _reading(source, name) as (file, _):
            begin = file.read(6)
            file.seek(0)
            if begin[:2] == b"PK":
                keys = [member[:-4] for member in zipfile.ZipFile(file).namelist() if member.endswith(".npy")]
                if len(keys) > _MOST_ARRAYS:
                    stack = "put all pictures into one with np.stack"
                    raise UserError(f"{_place(source, name)} holds {len(keys):,} arrays; {stack}")
                return [ArrayFile(source, name, key) for key in keys]
            if _MAGIC.match(begin):
                return [ArrayFile(source, name)]
            if not begin or not _TEXT.fullmatch(name):
                raise ValueError(f"it begins with {begin}, as no array does" if begin else "it is empty")
            table = tables.inspect(file)
            return [ArrayFile(source, name, table=table)] if table else []
    except UserError as error:
        return [ArrayFile(source, name, problem=str(error))] if TELLING.fullmatch(name) else []


def split_of(name):
    """The split that a name tells: "train", "test", "valid" or None. The last word decides."""
    return next((split for word in reversed([*_WORD.finditer(name.lower())]) if (split := word.lastgroup)), None)


class ArrayFile:
    """An array in a file: of images, or of what may be labels.

    place: the file's path; within an archive, it begins with the archive's. key: the array's name in an .npz, or None. split:
    "train", "test", "valid" or None. shape: (N, h, w, c) of images, where N is None in a table; () of other arrays. problem: why
    it cannot be used, or None. labels: the `ArrayFile` of the labels, or None. notes: lines for the user, once it has been read.
    """

    def __init__(self, source, name, key=None, table=None, problem=None):
        self.source, self.name, self.key, self.problem = source, name, key, problem
        self.place, self.title = _place(source, name), f"{name}[{key}]" if key else name
        self.labels, self.notes, self._content = None, [], table
        if not (table or problem):
            try:
                self._content = self._inspect()
            except UserError as error:
                self.problem = str(error)
        self.header_shape = self._content.shape if self._content and self._content.dtype.kind in "buifUS" else ()
        self.shape = self._image_shape()
        self.words = frozenset(_words(f"{name}/{key or ''}")) - _CONTAINERS  # equal for copies in other containers
        self.stem = self.words - _OF_LABELS - _OF_IMAGES  # what images and their labels share
        self.split = "train" if table and table.split is not None else split_of(f"{name}/{key or ''}")
        own = _words(name.rpartition("/")[2] if key is None or key.startswith("arr_") else key)
        is_list = not table and (self.problem or len(self.header_shape) in (1, 2))
        self.is_of_labels = is_list and not _OF_LABELS.isdisjoint([*own, key])

    def command(self, code, options=""):
        """The command that loads an array of NumPy's as x, runs some code, and saves x as images.npy. It is for messages."""
        member, key = ("[sys.argv[2]]", f" {shlex.quote(self.key)}") if self.key else ("", "")
        run = f"import sys, numpy as np; x = np.load(sys.argv[1]{options}){member}; np.save('images.npy', {code})"
        return f'python -c "{run}" {in_shell(self.place)}{key}'

    def read(self):
        """(images uint8 [N, h, w, c], labels [N] or None: int64, words, or other numbers). Raises UserError."""
        self.notes.clear()
        numbers, labels = self._read()
        if not len(numbers):
            raise UserError(f"{self.place} holds no images (0 rows); download it again, or give another")
        labels = self._read_labels(len(numbers)) if self.labels else labels
        _, height, width, channels = self.shape
        if self._is_planar(numbers):
            numbers = numbers.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        images = self._scale(numbers.reshape(-1, height, width, channels))
        if "emnist" in self.words:
            images = images.transpose(0, 2, 1, 3)
            self.notes.append(f"the images of {self.name} are turned upright, since EMNIST's files hold them transposed")
        return images, None if labels is None else _whole_numbers(labels)

    def _inspect(self):
        """The `_Numbers` in the file, by its header."""
        with _reading(self.source, self.name, self.key) as (file, size):
            numbers = _read_header(file)
            promise = f"its header promises {list(numbers.shape)}, {numbers.size:,} bytes"
            if numbers.dtype.hasobject:
                command = self.command("np.stack(list(x))", ", allow_pickle=True")
                remedy = f"if you trust it, save plain numbers: {command}"
                raise UserError(f"{self.place} is pickled, and is never unpickled; {remedy}")
            match numbers.shape:
                case (h, w, count) if h == w != count and count > 3:
                    command = self.command("np.moveaxis(x, -1, 0)")
                    raise UserError(f"{self.place} is {list(numbers.shape)}; put the images first: {command}")
            if size not in (None, numbers.begin + numbers.size):
                raise ValueError(f"{promise}, and it has {size - numbers.begin:,}")
            is_plain = size is not None and self.key is None and self.source.location(self.name)
            if numbers.size > tables.MOST_BYTES and not is_plain:
                raise OverflowError(promise)
            return numbers

    def _image_shape(self):
        match self.header_shape:
            case (_, h, w, (1 | 3) as c) | (_, (1 | 3) as c, h, w):
                sides = (h, w, c)
            case (_, h, w):
                sides = (h, w, 1)
            case (_, width):
                sides = tables.square(width)
            case _:
                sides = ()
        is_image = sides and self._content.dtype.kind in "buif" and all(8 <= side < 2**14 for side in sides[:2])
        return (self.header_shape[0], *sides) if is_image else ()

    def _read(self):
        """(the array as it is, the labels in it as text or None)."""
        if self.problem:
            raise UserError(self.problem)
        with _reading(self.source, self.name, self.key) as (file, _):
            return self._content.read(file)

    def _read_labels(self, count):
        """The labels [N] in the array of the labels: numbers or words. None, with a note, if they are not one for each image."""
        shape = self.labels.header_shape
        if self.labels.problem or shape[0] == count:
            labels, _ = self.labels._read()
            is_table = labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "buif"
            if is_table and np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all():
                labels = labels.argmax(1)  # one-hot
            if labels.size == count:
                return labels.reshape(-1)
        self.notes.append(f"the labels in {self.labels.name} are not used: {list(shape)} for {count:,} images")
        return None

    def _is_planar(self, rows):
        """Whether images are [c, h, w]. Numbers in a row are, as CIFAR's, unless pixels below each other are more alike else."""
        if rows.ndim > 2:
            return rows.shape[1:3] != self.shape[1:3]
        width, channels = self.shape[2:]
        rows = rows[:64].astype(np.float32)
        below = [np.abs(rows[:, lag:] - rows[:, :-lag]).mean() for lag in (width, channels * width)]
        return below[0] <= 1.25 * below[1]

    def _scale(self, images):
        """The images from 0 to 255, in uint8."""
        if images.dtype == np.uint8:
            return images
        low, high = images.min(), images.max()
        scales = [row[2:] for row in _RANGES if row[0] <= low and high <= row[1] and (low < -0.9) == (row[0] < 0)]
        if not scales:
            pixels = f"the pixels of {self.place} are from {low:g} to {high:g}, and not from 0 to 255, 0 to 1 or -1 to 1"
            raise UserError(f"{pixels}; save them with np.save, scaled: ((x - x.min()) * (255 / np.ptp(x))).astype('uint8')")
        (offset, factor), scaled = scales[0], np.empty(images.shape, np.uint8)
        for image, pixels in zip(images, scaled, strict=True):
            pixels[...] = np.rint((image.astype(np.float32) + offset) * factor)
        return scaled


class _Numbers(NamedTuple):
    """Numbers as they lie behind a header, in IDX and .npy."""

    shape: tuple
    dtype: np.dtype
    order: str  # NumPy's: "C" or "F"
    begin: int  # bytes of the header
    size: int  # bytes of the numbers

    def read(self, file):
        """(the array, None, since it has no labels). Raises ValueError where it is damaged."""
        if self.size > tables.MOST_BYTES:
            return np.memmap(file, self.dtype, "r", self.begin, self.shape, self.order), None
        file.seek(self.begin)
        return np.frombuffer(file.read(self.size + 1), self.dtype).reshape(self.shape, order=self.order), None


def _read_header(file):
    """The `_Numbers` in an open file."""
    begin = file.read(4)
    if begin[:2] == b"\0\0":  # IDX: the type, and the number of dimensions
        shape, by_columns = tuple(np.frombuffer(file.read(4 * begin[3]), ">u4").tolist()), False
        dtype = np.dtype(_IDX_TYPES[begin[2]])
    else:
        file.seek(0)
        shape, by_columns, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
    if not (dtype.itemsize and all(0 <= side < 2**40 for side in shape)):
        raise ValueError(f"its header promises {list(shape)} of {dtype}")
    return _Numbers(shape, dtype, "F" if by_columns else "C", file.tell(), math.prod(shape) * dtype.itemsize)


def _words(name):
    return [word[0] for word in _WORD.finditer(name.lower())]


def _whole_numbers(labels):
    """Labels [N] as int64, if all are whole numbers; else as they are."""
    with contextlib.suppress(ValueError):
        numbers = labels.astype(np.float64)
        if (numbers == np.floor(numbers)).all() and np.abs(numbers).max() < 2**53:
            return numbers.astype(np.int64)
    return labels


def _place(source, name):
    path = str(source.path)
    return path if os.path.basename(path) == name and not os.path.isdir(path) else f"{path}/{name}"


@contextlib.contextmanager
def _reading(source, name, key=None):
    """Opens what a file holds: (unpacked file, its bytes, or None if it is gzipped). What is wrong inside is a UserError."""
    place = _place(source, name)
    try:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(source.open(name))
            begin, size = file.read(2), file.seek(0, os.SEEK_END)
            file.seek(0)
            if begin == b"\x1f\x8b":
                file, size = stack.enter_context(gzip.GzipFile(fileobj=file)), None
            if key is not None:
                archive = stack.enter_context(zipfile.ZipFile(file))
                member = archive.getinfo(f"{key}.npy")
                file, size = stack.enter_context(archive.open(member)), member.file_size
            yield file, size
    except (OverflowError, MemoryError) as error:
        most = f"and at most {tables.MOST_BYTES:,} fit into memory"
        raise UserError(f"{place} is too large ({error}, {most}); extract it, or save it with np.save") from error
    except (*BROKEN, KeyError, SyntaxError, tokenize.TokenError, UnreadableMember) as error:
        if getattr(error.__cause__, "errno", None):
            raise UserError(f"cannot read {place}: {error}; allow it, or give another") from error
        raise UserError(f"{place} is damaged ({error or type(error).__name__}); download it again") from error
