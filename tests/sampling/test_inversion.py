"""From images to noise with a run's generator: gradients beside finite differences, own samples, holes, and what is refused."""

import numpy as np
import pytest

import tfgan
from tests.models import handmade
from tfgan import recipes
from tfgan.graph import efficientnet
from tfgan.runs import read
from tfgan.sampling import search
from tfgan.sampling.inference import Sampler
from tfgan.sampling.inversion import blend

SIDE, Z_DIM = 6, 5
RECIPE = recipes.recipe("vanilla", "digits").replace(image_shape=(SIDE, SIDE, 1), z_dim=Z_DIM, g_average=0.9)


def random_values():
    """Random weights of vanilla, whose images have many greys."""
    rng = np.random.default_rng(0)
    values = handmade.vanilla_state(rng, Z_DIM, rng.uniform(size=(128, SIDE**2)) ** 3)
    values["generator/dense/bias/ExponentialMovingAverage"] = rng.normal(size=128).astype(np.float32)
    kernel = values["generator/dense_1/kernel/ExponentialMovingAverage"]
    values["generator/dense_1/kernel/ExponentialMovingAverage"] = (kernel - kernel.mean()) * np.float32(0.1)
    return values


@pytest.fixture(scope="module")
def vanilla(tmp_path_factory):
    """(a Sampler of vanilla with random weights, their values)."""
    values = random_values()
    run = handmade.write_run(tmp_path_factory.mktemp("run"), RECIPE, {1: values})
    with Sampler(run) as sampler:
        yield sampler, values


def loss(values, z, targets, weights):
    """The weighted distance of vanilla's images of z in NumPy, with the averaged weights."""
    pixels = handmade.vanilla_images(values, z, averaged=True).reshape(targets.shape)
    return (weights[..., None] * (pixels - targets) ** 2).sum((1, 2, 3)) / weights.sum((1, 2))


def assert_gradients(values, losses, gradients, z, targets, weights):
    """They are the loss and its central differences."""
    np.testing.assert_allclose(losses, loss(values, z, targets, weights), rtol=1e-4)
    for n, unit in enumerate(np.eye(Z_DIM)):
        sides = (loss(values, z + by * unit, targets, weights) for by in (1e-5, -1e-5))
        difference = (next(sides) - next(sides)) / 2e-5
        np.testing.assert_allclose(gradients[:, n], difference, atol=1e-4 * np.abs(gradients).max())


def four():
    """z, targets and weights of four images."""
    rng = np.random.default_rng(1)
    arrays = rng.uniform(-1, 1, (4, Z_DIM)), rng.uniform(size=(4, SIDE, SIDE, 1)), rng.uniform(size=(4, SIDE, SIDE))
    return [np.float32(x) for x in arrays]


def test_the_gradient_is_that_of_the_weighted_distance(vanilla):
    sampler, values = vanilla
    z, targets, weights = four()
    losses, gradients = sampler._open_inversion().loss_of(targets, weights)(z, None, np.arange(4))
    assert_gradients(values, losses, gradients, z.astype(float), targets, weights)


@pytest.mark.parametrize(
    ("model", "conditional"),
    [
        ("mlp", "projection"),
        ("fastgan", "projection"),
        pytest.param("fastgan", None, marks=pytest.mark.slow),
    ],
)
def test_the_gradient_is_the_slope_of_the_weighted_distance_for_every_class(tmp_path, monkeypatch, model, conditional):
    """Of the pixels alone."""
    monkeypatch.setattr(efficientnet, "is_installed", lambda _: False)
    recipe = recipes.recipe(model).replace(g_average=0.0, projected=False)
    labels, classes = None, {}
    if conditional:
        recipe, labels = recipe.replace(conditional=conditional, classes=3), np.int32([2, 0, 1])
        classes = {"classes": dict.fromkeys("abc", 5)}
    run = handmade.write_run(tmp_path / "run", recipe, {1: handmade.random_state(recipe)}, **classes)
    random, (low, high) = np.random.default_rng(0), recipe.value_range
    images, weights = random.uniform(size=(3, *recipe.image_shape)), random.uniform(size=(3, *recipe.image_shape[:2]))
    with Sampler(run) as sampler:

        def loss(z):
            own = (sampler.values(z.astype(np.float32), labels).astype(float) - low) / (high - low)
            return (weights * ((own - images) ** 2).mean(3)).sum((1, 2)) / weights.sum((1, 2))

        z, inversion = sampler.z(3, 2), sampler._open_inversion()
        own = (sampler.values(z, labels) - low) / (high - low)
        np.testing.assert_allclose(inversion.images(z, labels), own, atol=1e-4)
        losses, gradients = inversion.loss_of(images, weights)(z, labels, np.arange(3))
        np.testing.assert_allclose(losses, loss(z), rtol=1e-3)
        steepest = np.linalg.norm(gradients, axis=1, keepdims=True)
        way = 0.004 * gradients / steepest
        np.testing.assert_allclose((loss(z + way) - loss(z - way)) / 0.008, steepest[:, 0], rtol=0.03)
    assert steepest.min() > 1e-4


def test_own_samples_come_back_and_nothing_depends_on_the_others(vanilla):
    sampler, _ = vanilla
    images = sampler.images(sampler.z(20, seed=4))
    assert images.std(0).min() > 10, "grey levels, or equality says nothing"
    shown = []
    found = sampler.project(images, show=lambda *now: shown.append(now))
    assert (found.errors < 0.01).mean() > 0.9
    np.testing.assert_array_equal(found.images, sampler.images(found.z))
    np.testing.assert_allclose(found.errors, np.abs(found.images.astype(float) - images).mean((1, 2, 3)) / 255, rtol=1e-5)
    assert np.abs(found.z).max() <= 1
    assert found.labels is None
    alone = sampler.project(images[7:8])
    np.testing.assert_array_equal(alone.z[0], found.z[7])
    assert shown[-1][0] == shown[-1][1]
    np.testing.assert_array_equal(shown[-1][2], found.images)
    assert (sampler.project(images[:3], seed=5).z != found.z[:3]).any(), "another seed has other starts"


def test_a_hole_is_filled_and_the_rest_stays(vanilla):
    sampler, _ = vanilla
    images = sampler.images(sampler.z(8, seed=6))
    hole = np.zeros([SIDE, SIDE], bool)
    hole[2:4, 1:4] = True
    spoiled = np.where(hole[..., None], 255 - images, images)
    found = sampler.complete(spoiled, hole)
    np.testing.assert_array_equal(found.images[:, ~hole], images[:, ~hole])
    assert np.abs(found.images.astype(float) - images)[:, hole].mean() < 0.05 * 255
    np.testing.assert_array_equal(found.z, sampler.project(images, mask=~hole).z, "what is in the hole does not count")
    made_again = sampler.images(found.z).astype(float)
    np.testing.assert_allclose(found.errors, np.abs(made_again - images)[:, ~hole].mean((1, 2)) / 255, rtol=1e-5)
    assert (sampler.complete(spoiled[:2], hole, seed=5).z != found.z[:2]).any(1).all(), "another seed has other starts"
    each = np.stack([hole, *[hole.T] * 7])
    np.testing.assert_array_equal(sampler.complete(spoiled, each).images[:1], found.images[:1])


def test_a_search_goes_on_from_the_noise_found_last(vanilla):
    sampler, _ = vanilla
    images = sampler.images(sampler.z(8, seed=4))
    random = sampler.images(sampler.z(256, seed=9)).astype(float)
    for image in images:
        found, losses = None, []
        for _ in range(12):
            found = sampler.follow(image, found and (found.z[0], None), seconds=0.005)
            losses.append(((sampler.values(found.z) - image / 255) ** 2).mean())
        assert (np.diff(losses) <= 1e-7).all(), "what is found stays or becomes nearer"
        np.testing.assert_array_equal(found.images, sampler.images(found.z))
        np.testing.assert_allclose(found.errors, np.abs(sampler.values(found.z) - image / 255).mean(), atol=1e-6)
        assert losses[-1] < 0.2 * ((random - image) ** 2).mean((1, 2, 3)).min() / 255**2, "nearer than the nearest of many"
    one, other = images[:2]
    end = sampler.follow(other, (found.z[0], None), seconds=0.2)
    assert end.errors[0] < 0.5 * np.abs(one.astype(float) - other).mean() / 255, "it leaves the image before"


def test_a_search_that_goes_on_stays_in_the_class(tmp_path):
    recipe = recipes.recipe("mlp").replace(conditional="projection", classes=3)
    run = handmade.write_run(tmp_path / "run", recipe, {1: handmade.random_state(recipe)}, classes=dict.fromkeys("abc", 5))
    with Sampler(run) as sampler:
        z = sampler.z(3, seed=2)
        for label, image in enumerate(sampler.images(z, [0, 1, 2])):
            latest = z[label], label
            assert sampler.follow(image, latest, label, seconds=0).labels == [label]
            any_class = sampler.follow(image, latest, seconds=0)
            assert (any_class.labels, any_class.errors[0] < 0.005) == ([label], True), "it began with the image's own noise"
            other = (label + 1) % 3
            found = sampler.follow(image, latest, other, seconds=0)
            assert (found.labels, found.errors[0] > 0.005) == ([other], True), "noise of another class is no beginning"
        with pytest.raises(tfgan.UserError, match="integers from 0 to 2"):
            sampler.follow(image, None, 3)


GIVEN = np.zeros([1, SIDE, SIDE, 1], np.uint8)


@pytest.mark.parametrize(("method", "arguments", "words"), [
    ("project", (GIVEN.repeat(3, 3),), r"the images are uint8 \[1, 6, 6, 3\], but this run's are uint8 \[N, 6, 6, 1\]"),
    ("project", (GIVEN / 255,), "the images are float64"), ("project", (GIVEN[:0],), r"the images are uint8 \[0, "),
    ("project", (GIVEN, 0, [1]), "the run is not conditional and takes no labels"),
    ("project", (GIVEN, 0, None, np.zeros([6, 6], bool)), "the mask leaves nothing of an image that counts"),
    ("complete", (GIVEN, np.zeros([6, 6], bool)), "the mask has no hole to fill"),
    ("complete", (GIVEN, np.ones([6, 6], bool)), "the mask is all hole"),
    ("complete", (GIVEN, np.ones([6, 5], bool)), r"the mask is bool \[6, 5\]; it must be bool \[6, 6\], or \[1, 6, 6\]"),
    ("complete", (GIVEN, np.ones([6, 6])), "the mask is float64"), ("follow", (GIVEN,), "the images are uint8"),
    ("follow", (GIVEN[0], None, 1), "the run is not conditional and takes no labels"),
])  # fmt: skip
def test_what_is_refused(vanilla, method, arguments, words):
    with pytest.raises(tfgan.UserError, match=words):
        getattr(vanilla[0], method)(*arguments)


def test_fastgans_own_samples_are_approached(fastgan_run, monkeypatch):
    """A short search, by pixels alone: the whole one takes long."""
    monkeypatch.setattr(efficientnet, "is_installed", lambda _: False)
    monkeypatch.setattr(search, "_POOL", 16)
    monkeypatch.setattr(search, "_ROUNDS", ((3, 2), (1, 8)))
    with Sampler(fastgan_run) as sampler:
        images, shown = sampler.images(sampler.z(2, seed=4)), []
        found = sampler.project(images, show=lambda *now: shown.append(now))
        nearest = np.abs(sampler.images(sampler.z(64, seed=5))[:, None] - images.astype(float)).mean((2, 3, 4)).min(0) / 255
        assert (found.errors < nearest).all(), "nearer than the nearest of 64 others"
        np.testing.assert_array_equal(found.images, sampler.images(found.z))
        hole = np.zeros(images.shape[1:3], bool)
        hole[20:30, 30:40] = True
        filled = sampler.complete(images[:1], hole).images
    np.testing.assert_array_equal(filled[:, ~hole], images[:1, ~hole])
    assert shown[-1][0] == shown[-1][1] == 10


@pytest.mark.slow
def test_fastgans_own_samples_come_back(fastgan_run, monkeypatch):
    monkeypatch.setattr(efficientnet, "is_installed", lambda _: False)
    with Sampler(fastgan_run) as sampler:
        assert sampler.project(sampler.images(sampler.z(2, seed=4))).errors.max() < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compact-pictures", "fastgan"])
@pytest.mark.skipif(not efficientnet.is_installed("lite2"), reason="the extra features is not installed")
def test_photos_are_also_compared_by_what_a_network_sees(runs, fastgan_run, name):
    """Without the network's part the loss is that of the pixels; the gradient of both agrees with differences."""
    with Sampler(fastgan_run if name == "fastgan" else read.find_run(name, runs / "logs")) as sampler:
        height, width, _ = sampler.recipe.image_shape
        targets = sampler.images(sampler.z(8, seed=1)).astype(np.float32) / 255
        weights = np.ones([8, height, width], np.float32)
        weights[:, : height // 3] = 0
        inversion = sampler._open_inversion()
        z, way = sampler.z(8, seed=2), np.random.default_rng(0).normal(size=[8, sampler.recipe.z_dim])
        loss = inversion.loss_of(targets, weights)
        losses, gradients = loss(z, None, np.arange(8))
        pixels = (weights[..., None] * (inversion.images(z, None) - targets) ** 2).sum((1, 2, 3)) / weights.sum((1, 2)) / 3
        assert (losses > 1.01 * pixels).all()
        sides = [loss(z + sign * 0.0003 * way, None, np.arange(8))[0] for sign in (1, -1)]
        slopes = (sides[0] - sides[1]) / 0.0006
        errors = np.abs((gradients * way).sum(1) - slopes)
        # the median, because a few of the images lie on a kink of the network, where the slopes of the two sides differ
        assert np.median(errors) < 0.03 * np.abs(slopes).max()
        spoiled = targets.copy()
        spoiled[:, : height // 3] = 1 - spoiled[:, : height // 3]
        np.testing.assert_array_equal(inversion.loss_of(spoiled, weights)(z, None, np.arange(8))[0], losses)
        np.testing.assert_allclose(loss(sampler.z(8, seed=1), None, np.arange(8))[0], 0, atol=2e-3)


def test_blending_meets_the_rim_and_keeps_differences():
    """A filling that is off by a constant becomes the image; one that is off by a slope, too, which is harmonic."""
    rows, columns = np.mgrid[:9, :8]
    image = np.stack([100 + 5 * np.sin(rows) * columns, 90 + rows**2], 2).round().astype(np.uint8)
    hole = (rows > 2) & (columns > 3)
    constant = (image + 40).astype(np.uint8)
    np.testing.assert_array_equal(blend(np.where(hole[..., None], 7, image).astype(np.uint8), constant, hole), image)
    sloping = (image + (3 * rows - 2 * columns)[..., None]).astype(np.uint8)
    inner = hole & (rows < 8) & (columns < 7)
    np.testing.assert_array_equal(blend(np.where(inner[..., None], 7, image).astype(np.uint8), sloping, inner), image)


@pytest.mark.parametrize(("level", "peak", "expected"), [(250, 200, 255), (5, 100, 0), (100, 130, 130)])
def test_blended_levels_end_at_black_and_white(level, peak, expected):
    """Around the peak the filling differs from the image by a constant, which moves the peak, too."""
    image = np.full([7, 7, 1], level, np.uint8)
    hole = np.zeros([7, 7], bool)
    hole[2:5, 2:5] = True
    filling = np.full([7, 7, 1], {250: 100, 5: 200, 100: 100}[level], np.uint8)
    filling[3, 3] = peak
    found = blend(image, filling, hole)
    assert found[3, 3, 0] == expected
    found[3, 3] = level
    np.testing.assert_array_equal(found, image)
