"""Samples of a model whose size is not the data's, and real images that are judged as if they were such samples."""

import numpy as np
import pytest

from tfgan import datasets
from tfgan import recipes
from tfgan.common import images
from tfgan.datasets import Request
from tfgan.datasets.pack import Data
from tfgan.errors import UserError
from tfgan.quality import evaluation
from tfgan.quality import protocols
from tfgan.view import neighbours

# Every model on images of 10x10, and those whose size is not 28x28 on such images.
_QUICK = ("mlp", "dcgan64")
_CASES = [pytest.param("digits", m, None, marks=[] if m in _QUICK else [pytest.mark.slow]) for m in recipes.MODELS]
_CASES += [("digits", "compact", 64), ("digits", "mlp", 64)]
_CASES += [pytest.param("mnist", *rest, marks=pytest.mark.slow) for rest in (("dcgan64", None), ("compact", 64))]
_GREY_LEVEL = 1 / 255  # by so much a pixel may differ that is rounded in one value range and in another


def recipe_of(model, dataset, side):
    recipe = recipes.recipe(model, dataset)
    return recipe if side is None else recipes.resized(recipe, side)


def as_d_sees_them(real, recipe):
    """What `python -m tfgan.train` feeds D, as pixels of the model's size: samples of a G that is perfect."""
    return images.to_uint8(images.preprocess_array(real, recipe.image_shape, recipe.value_range), recipe.value_range)


@pytest.mark.parametrize(("dataset", "model", "side"), _CASES)
def test_real_images_as_d_sees_them_are_found_real(tmp_path, monkeypatch, dataset, model, side):
    """Real images that go the way of samples are at distance 0, and read as learnt by heart."""
    real = datasets.load("digits", tmp_path, Request((28, 28))).images[:60]
    if dataset == "mnist":
        real = images.resize_to_shape(real, (28, 28, 1))
        parts = {"train": real[:40], "test": real[40:].repeat(2, axis=0)}  # so that both halves are the same

        def load(info, data_dir, request):
            return Data(np.concatenate([parts[split] for split in request.splits]), sha256="-".join(request.splits))

        monkeypatch.setattr("tfgan.datasets.mnist.load", load)
    recipe = recipe_of(model, dataset, side).replace(subset=None)
    sha256 = datasets.load_for(recipe, tmp_path).sha256
    with evaluation.Evaluator(recipe, sha256, tmp_path, "pixels", 20) as evaluator:
        reference = evaluation.reference_images(recipe, sha256, tmp_path, 20, held_out=True)
        found = evaluator.figures(as_d_sees_them(reference.images, recipe))
        copies = evaluator.figures(as_d_sees_them(reference.training.images[:20], recipe))
        others = evaluator.figures(255 - as_d_sees_them(reference.images, recipe), quick=True)
    assert found["frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert others["frechet_distance"] > 1
    assert (found["precision"], found["recall"]) == (1, 1)
    assert found["sliced_wasserstein_of_pixels"] == pytest.approx(0, abs=_GREY_LEVEL)
    assert found["ms_ssim"] == pytest.approx(found["ms_ssim_of_real"], abs=1e-3)
    pixels = reference.images[0].size
    assert copies["nearest_training_image"] < _GREY_LEVEL * pixels**0.5
    if reference.split != "training images":
        of_real = found["nearest_training_image_of_real"]
        assert found["nearest_training_image"] == pytest.approx(of_real, abs=_GREY_LEVEL * pixels**0.5)
        assert of_real > 0.5


def test_figures_at_two_sizes_of_a_model_are_not_compared(tmp_path):
    data = datasets.load("digits", tmp_path, Request((28, 28)))
    results = []
    for side in (28, 64):
        with evaluation.Evaluator(recipe_of("compact", "digits", side), data.sha256, tmp_path, "random", 20) as evaluator:
            results.append({"run": f"of {side}", "protocol": evaluator.protocol})
    with pytest.raises(UserError, match="of 28 and of 64 cannot be compared: model_size is 28 x 28 x 1 and 64 x 64 x 1;"):
        protocols.require_same(results)


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (7, 7, 1)])
def test_round_trip_is_the_way_of_samples(shape):
    real = np.random.default_rng(0).integers(0, 256, (5, 10, 10, 1), dtype=np.uint8)
    for value_range in ((0.0, 1.0), (-1.0, 1.0)):
        samples = images.to_uint8(images.preprocess_array(real, shape, value_range), value_range)
        round_trip = images.resize_round_trip(real, shape).astype(int)
        assert abs(round_trip - images.resize_to_shape(samples, (10, 10, 1))).max() <= 1  # of rounding
    assert (images.resize_round_trip(real, shape) != real).any()
    assert images.resize_round_trip(real, (10, 10, 1)) is real


def test_round_trip_in_blocks(monkeypatch):
    real = np.random.default_rng(0).integers(0, 256, (5, 10, 10, 3), dtype=np.uint8)
    whole = images.resize_round_trip(real, (16, 16, 3))
    monkeypatch.setattr(images, "_AT_A_TIME", 2)
    np.testing.assert_array_equal(images.resize_round_trip(real, (16, 16, 3)), whole)


def test_the_nearest_training_image_of_a_copy_is_at_distance_0():
    real = np.random.default_rng(0).integers(0, 256, (9, 10, 10, 1), dtype=np.uint8)
    copies = images.to_uint8(images.preprocess_array(real[[4, 2]], (28, 28, 1), (-1.0, 1.0)), (-1.0, 1.0))
    indices, distances, searched, *_ = neighbours.by_pixels(copies, real)
    assert indices[:, 0].tolist() == [4, 2]
    assert (distances[:, 0] < 1).all()
    assert (distances[:, 1] > 10).all()
    assert searched == 9


def test_images_are_resized_bilinearly():
    """Of columns of 0 and 255 in turn half as many are grey but for the ends; nearest neighbours would be black or white."""
    columns = np.tile(np.uint8([0, 255]), [4, 16, 8])[..., None]
    resized = images.resize_to_shape(columns, (16, 8, 1))
    assert resized.shape == (4, 16, 8, 1)
    assert 100 < resized[:, :, 1:-1].min() <= resized[:, :, 1:-1].max() < 155
