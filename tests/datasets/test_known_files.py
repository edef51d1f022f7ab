"""The files that tfgan fetches: checksums, sizes and addresses, typed in a second time, and what docs/data.md says of them."""

import pathlib

import pytest

from tfgan.datasets import celeba
from tfgan.datasets import dogs
from tfgan.datasets import mnist
from tfgan.quality import features

DATA_PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "data.md").read_text()
LECUN = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)  # fmt: skip
ZALANDO = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
# (what is fetched, file, its folders or addresses, checksum, size in bytes), as the data's publishers and torchvision have them
PUBLISHED = [
    ("mnist", TRAIN[0], LECUN, "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422),
    ("mnist", TRAIN[1], LECUN, "md5:d53e105ee54ea40749a09fcbcd1e9432", 28881),
    ("mnist", TEST[0], LECUN, "md5:9fb629c4189551a2d022fa330f9573f3", 1648877),
    ("mnist", TEST[1], LECUN, "md5:ec29112dd5afa0611ce80d1b7f02629c", 4542),
    ("fashion-mnist", TRAIN[0], ZALANDO, "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26421880),
    ("fashion-mnist", TRAIN[1], ZALANDO, "md5:25c81989df183df01b3e8a0aad5dffbe", 29515),
    ("fashion-mnist", TEST[0], ZALANDO, "md5:bef4ecab320f06d8554ea6380940ec79", 4422102),
    ("fashion-mnist", TEST[1], ZALANDO, "md5:bb300cfdad3c16e7a12a480ee83cd310", 5148),
    (
        "celeba", "img_align_celeba.zip",
        (
            "https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/celeba.zip",
            "https://s3.amazonaws.com/pytorch-tutorial-assets/img_align_celeba.zip",
        ),
        "md5:00d2c5bc6d35e252742224ab0c1e8fcb", 1443490838,
    ),
    (
        "dogs", "images.tar", ("http://vision.stanford.edu/aditya86/ImageNetDogs/",),
        "sha256:a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58", 793579520,
    ),
    (
        "dogs", "annotation.tar", ("http://vision.stanford.edu/aditya86/ImageNetDogs/",),
        "sha256:662ed36f707be6b195c2fda392d8e153e83af28cedc8e2134a649f198def30fd", 21852160,
    ),
    (
        "inception", "classify_image_graph_def.pb",
        ("https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/classify_image_graph_def.pb",),
        "md5:e6bb154e85f5d4331c22abcddb5dcf31", 95673916,
    ),
]  # fmt: skip


@pytest.mark.parametrize("of", ["mnist", "fashion-mnist", "celeba", "dogs", "inception"])
def test_what_is_fetched_is_what_was_published(of):
    """Also that docs/data.md names every address and size of the data sets."""
    parts = [(split, kind) for split in ("train", "test") for kind in ("images", "labels")]
    found = {
        "celeba": [celeba._ARCHIVE], "dogs": [dogs._IMAGES, dogs._ANNOTATION], "inception": [features._INCEPTION],
    }.get(of) or [mnist._remote(of, *part) for part in parts]  # fmt: skip
    published = [row[1:] for row in PUBLISHED if row[0] == of]
    for remote, (name, places, known_hash, size) in zip(found, published, strict=True):
        urls = tuple(place + name if place.endswith("/") else place for place in places)
        assert remote == (name, urls, known_hash, size)
        if of != "inception":
            assert f"{size:,}" in DATA_PAGE
            assert all(f"`{place}`" in DATA_PAGE for place in places)
