"""MNIST (LeCun et al. 1998, CC BY-SA 3.0) and Fashion-MNIST (Xiao et al. 2017, MIT): four IDX files each."""

import gzip
import struct

import numpy as np

from tfgan.datasets import download
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
_IMAGES = {"train": "train-images-idx3-ubyte.gz", "test": "t10k-images-idx3-ubyte.gz"}
_MD5 = {
    "mnist": {"train": "f68b3c2dcbeaaa9fbdd348bbdeb94873", "test": "9fb629c4189551a2d022fa330f9573f3"},
    "fashion-mnist": {"train": "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "test": "bef4ecab320f06d8554ea6380940ec79"},
}
_IDX_UINT8_3D = 0x00000803


def load(info, data_dir, recipe):
    """uint8 [N, 28, 28, 1]: the recipe's splits joined, verified by md5, fetched where they are missing."""
    files = [
        download.Remote(
            name=_IMAGES[split],
            urls=tuple(mirror + _IMAGES[split] for mirror in _MIRRORS[info.name]),
            known_hash=f"md5:{_MD5[info.name][split]}",
        )
        for split in recipe.splits
    ]
    elsewhere = (data_dir,) if info.name == "mnist" else ()
    paths = download.provide(files, data_dir / info.name, elsewhere)
    return np.concatenate([read_idx(path) for path in paths])


def read_idx(path):
    """The images of a gzipped IDX file, uint8 [N, rows, columns, 1]. Raises UserError where it is not one, or not whole."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError) as error:
        raise UserError(f"{path} is no whole gzip file ({error}); remove it and fetch it again") from error
    if len(content) < 16:
        raise UserError(f"{path} has {len(content)} bytes inside, fewer than an IDX header's 16; remove it and fetch it again")
    magic, count, rows, columns = struct.unpack(">IIII", content[:16])
    if magic != _IDX_UINT8_3D or len(content) != 16 + count * rows * columns:
        raise UserError(
            f"{path} is no IDX file of images: magic {magic:#x} (wanted {_IDX_UINT8_3D:#x}), {len(content) - 16:,} bytes of "
            f"pixels (its header promises {count * rows * columns:,}); remove it and fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, rows, columns, 1)
