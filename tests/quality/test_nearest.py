"""The training images nearest to samples: by their pixels, and in the features of a network; and the figure in the report."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images
from sklearn.neighbors import NearestNeighbors

from tfgan import recipes
from tfgan import report
from tfgan.common import images
from tfgan.graph import efficientnet
from tfgan.quality import nearest
from tfgan.quality.features import Extractor

_SIDE = 64
LEFT_OUT = "Note: the training images most alike are left out: that needs pip install 'tfgan[features]'"


def crops(begin, step=100):
    """uint8 [N, 64, 64, 3]: places of two photos that do not overlap."""
    rows = np.arange(begin, 427 - _SIDE, step)
    columns = np.arange(begin, 640 - _SIDE, step)
    return np.stack([
        photo[row : row + _SIDE, column : column + _SIDE]
        for photo in load_sample_images().images for row in rows for column in columns
    ])  # fmt: skip


def test_a_pale_mirror_image_is_found(tmp_path):
    """Of more than half of them another picture is nearer by its pixels."""
    real = crops(10)
    copies = (real * 0.9 + 12).astype(np.uint8)[:, :, ::-1]
    by_features, distances, searched, *_ = nearest.by_features(copies, real, {"data": 1}, tmp_path)
    by_pixels = nearest.by_pixels(copies, real).indices
    own = np.arange(len(real))
    assert searched == len(real) == 48
    assert (by_features[:, 0] == own).mean() > 0.85 > 0.5 > (by_pixels[:, 0] == own).mean()
    assert (distances[:, 0] <= distances[:, 1]).all()


def test_distances_are_scikit_learns(tmp_path, monkeypatch):
    """In units of the usual distance of a training image to the nearest other one. A copy is at distance 0."""
    monkeypatch.setattr(nearest, "_COMPARED", 7)
    real = crops(0, 140)
    samples = np.concatenate([real[[5]], crops(70, 140)[:3]])
    indices, distances, *_ = nearest.by_features(samples, real, {"data": 1}, tmp_path)
    with Extractor("imagenet", real.shape[1:], None, tmp_path) as extractor:
        of_real, of_samples = extractor(real)[0], extractor(samples)[0]
    search = NearestNeighbors(n_neighbors=3).fit(of_real)
    expected, where = search.kneighbors(of_samples)
    evenly = np.linspace(0, len(real) - 1, 7).astype(int)
    usual = np.median(search.kneighbors(of_real[evenly])[0][:, 1])
    np.testing.assert_array_equal(indices, where)
    np.testing.assert_allclose(distances, expected / usual, rtol=1e-3, atol=1e-3)
    assert (indices[0, 0], distances[0, 0] < 0.01) == (5, True)
    assert 0.3 < distances[1:, 0].min() < distances.max() < 5


def test_the_features_are_stored_for_these_images_and_this_size_of_samples(tmp_path, monkeypatch):
    real, asked = crops(0, 200), []
    extract = Extractor.__call__
    monkeypatch.setattr(Extractor, "__call__", lambda self, images: asked.append(len(images)) or extract(self, images))

    def search(samples, data=1):
        asked.clear()
        found = nearest.by_features(samples, real, {"data": data}, tmp_path)
        return found, asked.copy()

    first, images = search(real[:3])
    assert images == [len(real), 3]
    again, images = search(real[:3])
    assert images == [3]
    np.testing.assert_array_equal(first[1], again[1])
    assert search(real[:3], 2)[1] == [len(real), 3], "other data"
    assert search(real[:3, ::2, ::2])[1] == [len(real), 3], "samples that are smaller"
    assert len(list((tmp_path / "features").glob("training-imagenet-*.npz"))) == 3


@pytest.mark.parametrize(("most", "step"), [(48, 1), (24, 47 / 23), (10, 47 / 9)])
def test_of_many_images_every_nth_is_searched(most, step, tmp_path, monkeypatch):
    """Its number is that among all of them."""
    monkeypatch.setattr(nearest, "_MOST_IMAGES", most)
    monkeypatch.setattr(Extractor, "__call__", lambda self, images: (images.reshape(len(images), -1)[:, :3000] / 1.0, None))
    real = crops(10)
    copies = real[[0, round(step), 47]]
    indices, distances, searched, *_ = nearest.by_features(copies, real, {}, tmp_path)
    assert searched == most
    np.testing.assert_array_equal(real[indices[:, 0]], copies)
    assert (distances[:, 0] == 0).all()


@pytest.mark.parametrize("real", [np.zeros([1, 64, 64, 3], np.uint8), np.zeros([4, 64, 64, 3], np.uint8)])
def test_training_images_that_are_all_equal_have_no_usual_distance(real, tmp_path):
    _, distances, *_ = nearest.by_features(np.full_like(real[:1], 255), real, {}, tmp_path)
    assert distances.shape == (1, len(real[:3]))
    assert (distances > 1).all()
    assert np.isfinite(distances).all()


def test_the_report_keeps_the_features_of_each_part_of_the_data_apart(tmp_path, monkeypatch):
    """As many images of another folder, or another part of the same data set, are other ones."""
    asked = []
    monkeypatch.setattr(nearest, "by_features", lambda *given: asked.append(given))
    plain = recipes.recipe("compact", "celeba")
    for recipe, sha256 in (
        (plain, "x"), (plain, "y"), (plain.replace(subset=(0, 5)), "x"), (plain.replace(splits=("train", "test")), "x"),
    ):  # fmt: skip
        run = SimpleNamespace(recipe=recipe, config={"data_sha256": sha256})
        report.other_searches(run, tmp_path)["alike"]("samples", "real")
    assert {(samples, real, folder) for samples, real, _, folder in asked} == {("samples", "real", tmp_path)}
    assert [part for *_, part, _ in asked] == [
        {"data_sha256": "x", "splits": ("train",), "subset": None}, {"data_sha256": "y", "splits": ("train",), "subset": None},
        {"data_sha256": "x", "splits": ("train",), "subset": (0, 5)},
        {"data_sha256": "x", "splits": ("train", "test"), "subset": None},
    ]  # fmt: skip


@pytest.mark.slow
def test_the_report_of_photos_has_them(runs, command, tmp_path, monkeypatch):
    """In a picture of its own, on the page, and not without the network."""
    shutil.copytree(runs, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints"))
    command = command(report)
    monkeypatch.setattr(efficientnet, "_folder_of", lambda package: None)
    status, out, err = command("--run", "compact-pictures")
    assert (status, err) == (0, "")
    assert LEFT_OUT in out.splitlines()
    assert "-alike.png" not in out
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)

    status, out, err = command("--run", "compact-pictures")
    assert (status, err) == (0, "")
    assert LEFT_OUT not in out
    assert "Looking for training images most like the samples: 12, in the features of ImageNet" in out.splitlines()
    assert "Saved out/compact-pictures-alike.png" in out.splitlines()
    with Image.open("out/compact-pictures-alike.png") as by_features, Image.open("out/compact-pictures-nearest.png") as by_pixels:
        assert by_features.size == by_pixels.size
        assert (np.asarray(by_features.convert("L")) != np.asarray(by_pixels.convert("L"))).mean() > 0.001
    page = (tmp_path / "out/compact-pictures.html").read_text()
    (section,) = re.findall("<h2>Training images most alike</h2>(.*?)<h2>", page, re.S)
    assert "Samples (top) and the training images most alike, not by pixels" in section


def test_the_nearest_training_image_of_a_copy_is_at_distance_0():
    real = np.random.default_rng(0).integers(0, 256, (9, 10, 10, 1), dtype=np.uint8)
    copies = images.to_uint8(images.preprocess_array(real[[4, 2]], (28, 28, 1), (-1.0, 1.0)), (-1.0, 1.0))
    indices, distances, searched, *_ = nearest.by_pixels(copies, real)
    assert indices[:, 0].tolist() == [4, 2]
    assert (distances[:, 0] < 1).all()
    assert (distances[:, 1] > 10).all()
    assert searched == 9


def grey(*levels, side=4, channels=1):
    """uint8 [N, side, side, channels]: an image of each level."""
    return np.broadcast_to(np.uint8(levels)[:, None, None, None], [len(levels), side, side, channels]).copy()


@pytest.mark.parametrize(("most", "at_a_time", "searched", "indices"), [
    (1, 10**6, 1, [0]), (10**6, 1, 5, [0, 1, 2]), (3 * 16, 10**6, 3, [0, 2, 4]),
])  # fmt: skip
def test_at_least_one_real_image_is_searched(monkeypatch, most, at_a_time, searched, indices):
    """Even if one alone has more values than are allowed. Equal ones are given in their own order."""
    monkeypatch.setattr(nearest, "_MOST_VALUES", most)
    monkeypatch.setattr(nearest, "_AT_A_TIME", at_a_time)
    found = nearest.by_pixels(grey(7), grey(7, 7, 7, 7, 7))
    assert (found.searched, found.indices.tolist()) == (searched, [indices])
    assert found.distances.tolist() == [[0.0, 0.0, 0.0][:searched]]


def numbered(count, height=4, width=6, channels=1):
    return np.arange(count * height * width * channels).astype(np.uint8).reshape(count, height, width, channels)


@pytest.mark.parametrize("step", [2**24, 5000])
def test_nearest_images_are_scikit_learns(monkeypatch, step):
    monkeypatch.setattr(nearest, "_AT_A_TIME", step)
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (500, 6, 5, 3), dtype=np.uint8)
    samples = np.concatenate([real[[7, 499]], rng.integers(0, 256, (9, 6, 5, 3), dtype=np.uint8)])
    indices, distances, searched, *_ = nearest.by_pixels(samples, real)
    oracle = NearestNeighbors(n_neighbors=3, algorithm="kd_tree").fit(real.reshape(500, -1))
    expected, where = oracle.kneighbors(samples.reshape(11, -1))
    np.testing.assert_array_equal(indices, where)
    np.testing.assert_allclose(distances, expected / np.sqrt(90), atol=0.05)
    assert (indices[:2, 0].tolist(), searched) == ([7, 499], 500)
    assert distances[:2, 0].max() < 0.05 < 50 < distances[2:, 0].min(), "a memorised image is seen at once"


def test_nearest_images_where_the_model_is_larger_or_coloured():
    digits = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
    samples = digits[[3, 41]].repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)  # 32x32, colour
    indices, distances, *_ = nearest.by_pixels(samples, digits)
    assert indices[:, 0].tolist() == [3, 41]
    assert distances[:, 0].max() < 0.6 * distances[:, 1].min()


def test_a_limit_to_the_search_is_told(monkeypatch):
    monkeypatch.setattr(nearest, "_MOST_VALUES", 24 * 10)
    found = nearest.by_pixels(numbered(100)[[0, 55, 99]], numbered(100))
    assert found.searched == 10
    assert found.indices[:, 0].tolist() == [0, 55, 99], "of every eleventh, from the first to the last"
