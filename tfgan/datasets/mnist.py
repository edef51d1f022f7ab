"""MNIST (LeCun et al. 1998, CC BY-SA 3.0) and Fashion-MNIST (Xiao et al. 2017, MIT): 70,000 grey images of 28x28 each."""

import functools
import hashlib
from typing import ClassVar
from typing import NamedTuple

import numpy as np

from tfgan.common.command import in_shell
from tfgan.datasets import arrays
from tfgan.datasets import decode
from tfgan.datasets import download
from tfgan.datasets import formats
from tfgan.datasets import forms
from tfgan.datasets import pack
from tfgan.datasets import sources
from tfgan.datasets.array_files import split_of
from tfgan.datasets.forms import Form
from tfgan.errors import UserError

_IDX = Form("t*-*idx?-ubyte*", "LeCun's or Zalando's site", "the four IDX files themselves, gzipped or not")
_ARRAYS = (  # of both data sets
    Form("archive*", "Kaggle", "the download: IDX files or CSV"),
    Form("raw", "torchvision", "the inner folder: the four IDX files"),
    Form("*.parquet", "Hugging Face", "a column of pictures"),
    Form("data", "Hugging Face", "such Parquet files"),
)
FORMS = {
    "mnist": (
        #    in the data folder     who has it so      what is inside
        Form("mnist", "LeCun's site, torchvision, Hugging Face", "the four IDX files, gzipped or not; or Parquet files"),
        _IDX,
        Form("mnist_data", "TensorFlow 1.x's tutorials", "the four IDX files"),
        Form("mnist*.npz", "Keras", "x_train, y_train, x_test and y_test"),
        Form("mnist*.csv*", "Kaggle", "mnist_train.csv and mnist_test.csv: a label and 784 pixels a line"),
        *_ARRAYS,
        Form("digit-recognizer*", "Kaggle", "the competition: train.csv"),
        Form("train.csv*", "Kaggle", "the competition, extracted: a label and 784 pixels a line"),
        Form("*mnist*", "anybody", "IDX, .npz, .npy, CSV or Parquet files anywhere"),
    ),
    "fashion-mnist": (
        Form("fashion-mnist", "Zalando's site", "the four IDX files, gzipped or not"),
        Form("fashionmnist", "torchvision", "raw, with the four IDX files"),
        Form("*fashion*", "Kaggle, Keras, Hugging Face", "IDX, .npz, .npy, CSV or Parquet files anywhere"),
        _IDX,
        *_ARRAYS,
    ),
}


class Facts(NamedTuple):
    """What is known of one split as it was published."""

    count: int  # images
    mean: float  # of all pixels, from 0 to 255
    images: str | None  # the SHA-256 of the images' pixels, if known
    labels: str | None  # the SHA-256 of the labels, a byte each, if known


_TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
_FACTS = {
    "mnist": {
        "train": Facts(
            60_000, 33.3184,
            "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
            "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        ),
        "test": Facts(
            10_000, 33.7912,
            "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
            "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
        ),
    },
    "fashion-mnist": {"train": Facts(60_000, 72.9403, None, None), "test": Facts(10_000, 73.1466, None, None)},
}  # fmt: skip
_SAME = 0.1  # how far the mean may be from the published one where the SHA-256 is not known
_ALIKE = 2.0  # how far the mean of a part of the images may be. KMNIST's is 15 away, EMNIST's 11, Fashion-MNIST's 40
_MIRRORS = {
    "mnist": (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    "fashion-mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
}
_FILES = {"train": "train", "test": "t10k"}
_KINDS = {"images": "images-idx3-ubyte.gz", "labels": "labels-idx1-ubyte.gz"}
_KNOWN = {  # file: (md5, size in bytes)
    "mnist": {
        "train-images": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        "train-labels": ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        "t10k-images": ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        "t10k-labels": ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    },
    "fashion-mnist": {
        "train-images": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        "train-labels": ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
        "t10k-images": ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        "t10k-labels": ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    },
}
_CLASSES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
    ),
}  # fmt: skip


def load(info, data_dir, request):
    """The requested splits, joined: images of 28x28, whatever size is requested, and the digit or kind of clothing as label.

    Labels are fetched together with images, but images that are already there need no labels.
    """
    remotes = tuple(_remote(info.name, split, kind) for split in request.splits for kind in ("images", "labels"))
    whole = sum(_FACTS[info.name][split].count for split in request.splits)

    def count(source):
        counts = [len(job.images) for job in jobs(source)]
        return sum(counts) if all(counts) else 0

    @functools.cache  # what tells how much a source has is what is packed
    def jobs(source):
        return [SplitPackingJob(info.name, split, source) for split in request.splits]

    published = forms.Published(info.name, _TITLES[info.name], FORMS[info.name], remotes, info.name, whole, count)
    names = {_name(info, split): SplitPackingJob.settings for split in request.splits}
    parts = forms.load(published, data_dir, request, names, jobs)
    if len(parts) == 1:
        return parts[0]
    all_labels = all(part.labels is not None for part in parts)
    return pack.Data(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]) if all_labels else None,
        parts[0].label_names if all_labels else (),
        hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest(),
    )


def _name(info, split):
    return f"{info.name}-{split}-28x28"


def _remote(dataset, split, kind):
    md5, size = _KNOWN[dataset][f"{_FILES[split]}-{kind}"]
    file = f"{_FILES[split]}-{_KINDS[kind]}"
    return download.RemoteFile(file, tuple(mirror + file for mirror in _MIRRORS[dataset]), f"md5:{md5}", size)


def split_of_images(sha256):
    """Which split images with this SHA-256 are, in words; None if they are none that is known by it."""
    splits = ((name, split, facts) for name, both in _FACTS.items() for split, facts in both.items())
    return next((f"{_TITLES[name]}'s {split} split" for name, split, facts in splits if sha256 == facts.images), None)


class SplitPackingJob:
    """Packs one split from a source that holds it as arrays or as pictures of 28x28. A `pack.PackingJob`."""

    settings: ClassVar = {}
    keep_going = False

    def __init__(self, dataset, split, source):
        self.source = str(source.path)
        self._dataset, self._split, self._from = dataset, split, source

    def stamp(self):
        """The names, sizes and modification times of the files."""
        return [self._from.stamp()]

    def checksum(self):
        """The SHA-256 of the images and of the labels."""
        return [hashlib.sha256(part.tobytes()).hexdigest() for part in self._content[:2] if part is not None]

    def write(self, writer):
        """Writes all rows. Returns (label names, checksum)."""
        images, labels, notes = self._content
        writer.add(images, () if labels is None else labels)
        for note in notes:
            writer.note(note)
        return (() if labels is None else _CLASSES[self._dataset]), self.checksum()

    @property
    def images(self):
        """uint8 [N, 28, 28, 1]; N is 0 if the source has none of this split."""
        return self._content[0]

    @functools.cached_property
    def _content(self):
        """(images, labels or None, notes) of the candidate that is nearest to what was published. Raises UserError."""
        name = f"{_TITLES[self._dataset]}'s {self._split} split"
        facts, others, alike = _FACTS[self._dataset][self._split], [], []
        files = [file for file in arrays.find(self._from) if file.split in (self._split, None)]
        problems = [file.problem for file in files if file.problem]
        for words, read, notes in self._candidates(files):
            try:
                images, labels = read()
            except UserError as error:
                problems.append(str(error))
                continue
            labels = labels if labels is not None and np.isin(labels, range(10)).all() else None
            if _is_published(images, facts):
                if not (labels is None or facts.labels in (None, hashlib.sha256(labels.astype(np.uint8)).hexdigest())):
                    notes = [*notes, f"{words} has labels that differ from the published ones"]
                return images, labels, notes
            (alike if abs(images.mean() - facts.mean) < _ALIKE else others).append((words, images, labels))
        if not alike:
            if others:
                raise UserError(f"{others[0][0]} is not {name}; to train on it, give --dataset {in_shell(self._from.path)}")
            if problems:
                raise UserError(problems[0])
            return np.empty([0, 28, 28, 1], np.uint8), None, []
        words, images, labels = max(alike, key=lambda each: len(each[1]))
        if len(images) == facts.count:
            return images, labels, [f"{words} has the images of {name} in another order, or changed ones"]
        return images, labels, [f"{words} has {len(images):,} images, and {name} has {facts.count:,}"]

    def _candidates(self, files):
        """Yields (where, a function that reads (uint8 [N, 28, 28, 1], labels or None), its notes) of what may be the split."""
        for file in files:
            if file.shape[1:] == (28, 28, 1) and not file.problem:
                yield file.place, file.read, file.notes
        names = [name for name in self._from.names if split_of(name) in (self._split, None)]
        if names and all(self._is_digit(name) for name in names[:: len(names) // 8 + 1]):
            yield str(self._from.path), functools.partial(self._read_pictures, names), []

    def _is_digit(self, name):
        """Whether a picture may be one of the images: a grey one of 28x28."""
        try:
            content = self._from.read(name)
            return formats.stored_size(content) == (28, 28) and formats.is_grey(content)
        except (formats.DamagedPicture, sources.UnreadableMember):
            return False

    def _read_pictures(self, names):
        """The pictures of these names as one array, and their labels."""
        try:
            rows = [decode.decode(self._from.read(name), (28, 28), None, channels=1) for name in names]
        except (decode.DamagedPicture, sources.UnreadableMember) as error:
            raise UserError(f"{self._from.path} has pictures that cannot be read ({error})") from error
        labels = [self._from.labels.get(name) or name.split("/")[-2:][0] for name in names]
        labels = np.array(labels, np.int64) if all(label.isdecimal() for label in labels) else None
        return np.stack(rows), labels


def _is_published(images, facts):
    if len(images) != facts.count:
        return False
    if facts.images is None:
        return abs(images.mean() - facts.mean) < _SAME
    return hashlib.sha256(images.tobytes()).hexdigest() == facts.images
