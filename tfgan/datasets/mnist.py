"""MNIST (LeCun et al. 1998, CC BY-SA 3.0) and Fashion-MNIST (Xiao et al. 2017, MIT): four IDX files each."""

import gzip
import hashlib
import math
import struct
import zlib
from typing import ClassVar

import numpy as np

from tfgan.datasets import download
from tfgan.datasets import pack
from tfgan.datasets import sources
from tfgan.errors import UserError

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
_IDX_UINT8 = 0x00000800  # plus the number of dimensions: an IDX file of bytes
_LARGEST = 2**30  # bytes of an unpacked file; a larger one is a decompression bomb


def load(info, data_dir, request):
    """The requested splits, joined: images of 28x28, whatever size is requested, and the digit or kind of clothing as label.

    Files are verified by md5. Labels are fetched together with images, but images that are already there need no labels.
    """
    folders = [data_dir / info.name] + ([data_dir] if info.name == "mnist" else [])
    remotes = {split: [_remote(info.name, split, kind) for kind in ("images", "labels")] for split in request.splits}
    arrays = {split: pack.load_packed(_name(info, split), data_dir, IdxPackingJob.settings) for split in remotes}
    absent = {split: files for split, files in remotes.items() if not _find(files[0], folders)}
    if not all(arrays[split] for split in absent):
        request.require_fetch(info.name, data_dir)
        download.find_or_fetch([file for files in remotes.values() for file in files], folders[0], folders[1:])
    parts = []
    for split, files in remotes.items():
        paths = [_find(file, folders) for file in files]
        if paths[0]:
            parts.append(pack.load_or_pack(IdxPackingJob(info.name, files, paths), _name(info, split), data_dir))
        else:
            parts.append(arrays[split])
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


def _find(file, folders):
    return next((folder / file.name for folder in folders if (folder / file.name).is_file()), None)


class IdxPackingJob:
    """Packs one split: the file of its images, and the file of its labels if it is there. A `pack.PackingJob`."""

    settings: ClassVar = {}
    keep_going = False

    def __init__(self, dataset, files, paths):
        self.source = str(paths[0])
        self._classes = _CLASSES[dataset]
        self._present = [(path, file.known_hash) for file, path in zip(files, paths, strict=True) if path]

    def stamp(self):
        """The names, sizes and modification times of the files."""
        return [sources.stamp(path) for path, _ in self._present]

    def checksum(self):
        """Verifies the files, and returns their known checksums."""
        for path, known_hash in self._present:
            download.verify(path, known_hash)
        return [known_hash for _, known_hash in self._present]

    def write(self, writer):
        """Verifies and reads the files, and writes all rows. Returns (label names, checksum)."""
        checksum = self.checksum()
        images, *labels = [read_idx(path) for path, _ in self._present]
        writer.add(images[..., np.newaxis], *labels)
        return (self._classes if labels else ()), checksum


def read_idx(path):
    """Reads a gzipped IDX file of bytes: uint8, of the file's shape. Raises UserError if it is damaged or something else."""
    try:
        with gzip.open(path) as file:
            content = file.read(_LARGEST)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} is not a complete gzip file ({error}); remove it and fetch it again") from error
    magic = int.from_bytes(content[:4], "big")
    dimensions = magic - _IDX_UINT8
    header = 4 + 4 * dimensions
    if dimensions not in (1, 3) or len(content) < header:
        raise UserError(
            f"{path} is not an IDX file of images or labels (magic {magic:#x}, {len(content):,} bytes); remove it and fetch it "
            "again"
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise UserError(
            f"{path} has {len(content) - header:,} bytes of data, but its header promises {math.prod(shape):,}; remove it and "
            "fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
