"""TensorBoard's projector: the points, their labels and thumbnails that a run ends with."""

import math

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from sklearn.decomposition import PCA
from tensorboard.plugins.projector import projector_plugin
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from tests.conftest import TINY
from tests.conftest import own_pixels
from tests.conftest import random_images
from tests.conftest import small
from tfgan.common import images
from tfgan.training import projector

PROJECTOR_FILES = ["projector_config.pbtxt", "projector_labels.tsv", "projector_points.tsv", "projector_sprite.png"]


def colourful(count, seed):
    """uint8 [count, 64, 64, 3]."""
    return random_images(small("dcgan64", "celeba"), count, seed)


def test_the_projector_has_fakes_and_reals_with_thumbnails(tmp_path):
    fake, real = colourful(5, 0), colourful(7, 1)
    projector.write(tmp_path, fake, real)
    assert sorted(path.name for path in tmp_path.iterdir()) == PROJECTOR_FILES
    embedding = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig()).embeddings[0]
    labels = [line.split("\t") for line in (tmp_path / embedding.metadata_path).read_text().splitlines()]
    assert labels == [["kind", "number"], *(["fake", str(n)] for n in range(5)), *(["real", str(n)] for n in range(7))]

    # the points: the pixels' principal components
    points = projector_plugin._read_tensor_tsv_file(str(tmp_path / embedding.tensor_path))
    pixels = np.concatenate([fake, real]).reshape(12, -1) / 255
    expected = PCA(svd_solver="full").fit_transform(pixels)[:, :11]  # centred, the twelfth is nothing
    assert points.shape == (12, 12)
    np.testing.assert_allclose(points[:, 11], 0, atol=1e-2)
    farthest = np.abs(points[:, :11]).argmax(0)
    assert (points[farthest, range(11)] > 0).all(), "of an axis' two directions always the same"
    signs = np.sign((points[:, :11] * expected).sum(0))
    np.testing.assert_allclose(points[:, :11], expected * signs, atol=1e-3 * np.abs(expected).max())

    # the thumbnails: in rows of four, each half as large
    assert list(embedding.sprite.single_image_dim) == [32, 32]
    picture = np.asarray(Image.open(tmp_path / embedding.sprite.image_path))
    assert picture.shape == (128, 128, 3)
    for n, image in enumerate([*fake, *real]):
        row, column = divmod(n, 4)
        thumbnail = picture[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
        mean = image.reshape(32, 2, 32, 2, 3).mean((1, 3))
        assert np.abs(thumbnail - mean).max() <= 1
    assert not picture[96:].any()


def test_the_projector_takes_many_images_and_one(tmp_path):
    grey = random_images(small("mlp", "mnist"), 130)
    projector.write(tmp_path, grey[:60], grey[60:])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    points = np.loadtxt(tmp_path / "projector_points.tsv")
    assert points.shape == (130, 50)
    assert (np.diff(points.var(0)) <= 1e-9).all(), "the largest first"
    assert Image.open(tmp_path / "projector_sprite.png").size == (28 * math.ceil(130**0.5),) * 2
    projector.write(tmp_path, grey[:60], grey[60:])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    projector.write(tmp_path, grey[:1], grey[:1])
    assert np.loadtxt(tmp_path / "projector_points.tsv").tolist() == [[0, 0], [0, 0]], "two points of one place"


@pytest.mark.slow
def test_a_run_ends_with_its_projector(run, tmp_path):
    assert run(*TINY, "--iterations", 20)[0] == 0
    logs = tmp_path / "logs" / "mlp-digits"
    assert sorted(path.name for path in logs.glob("projector*")) == PROJECTOR_FILES
    assert len((logs / "projector_labels.tsv").read_text().splitlines()) == 1 + 2 * 20 * 8 // 4
    tiles = images.split_grid(images.load_png(logs / "projector_sprite.png"), 28, 28)
    real = images.split_grid(own_pixels(tmp_path / "out" / "mlp-digits-real.png", 4 * 28)[..., None], 28, 28)
    np.testing.assert_array_equal(tiles[40 : 40 + len(real)], real)
    before = [(logs / name).read_bytes() for name in PROJECTOR_FILES]
    assert run(*TINY, "--iterations", 20, "--fresh")[0] == 0
    assert [(logs / name).read_bytes() for name in PROJECTOR_FILES] == before, "a function of the seed"


@pytest.mark.parametrize(("height", "width", "size"), [
    (28, 28, (28, 28)), (62, 62, (62, 62)), (64, 64, (32, 32)), (64, 128, (64, 32)), (75, 75, (75, 75)), (96, 96, (32, 32)),
    (99, 99, (33, 33)), (100, 100, (50, 50)), (96, 64, (32, 48)), (8, 8, (8, 8)),
])  # fmt: skip
def test_thumbnails_are_reduced_by_a_whole_number(height, width, size):
    """Of (height, width) to (width, height) pixels: about 32, by a number that divides both sides."""
    picture, thumbnail = projector.sprite(np.zeros([2, height, width, 1], np.uint8))
    assert thumbnail == size
    assert picture.shape == (2 * size[1], 2 * size[0], 1)
