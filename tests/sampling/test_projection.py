"""From images to noise with a run's generator: gradients beside finite differences, own samples, holes, and what is refused."""

import numpy as np
import pytest

import tfgan
from tests.models import handmade
from tfgan import recipes
from tfgan.graph import efficientnet
from tfgan.runs import saved
from tfgan.sampling import directions
from tfgan.sampling import drawing
from tfgan.sampling import formats
from tfgan.sampling import inversion
from tfgan.sampling import search
from tfgan.sampling import showing
from tfgan.sampling.inference import Sampler
from tfgan.tf1 import tf2

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
def made(tmp_path_factory):
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


def test_the_gradient_is_that_of_the_weighted_distance(made):
    sampler, values = made
    z, targets, weights = four()
    found = inversion.Inversion(RECIPE, sampler._session.run(sampler._networks.g_vars))
    losses, gradients = found.loss_of(targets, weights)(z, None, np.arange(4))
    found.close()
    assert_gradients(values, losses, gradients, z.astype(float), targets, weights)


def test_the_gradient_that_is_exported(tmp_path):
    values = random_values()
    formats.write_formats(handmade.write_run(tmp_path / "run", RECIPE, {1: values}), 1, ["savedmodel"], tmp_path)
    given = dict(zip(("z", "images", "weights"), four(), strict=True))
    signature = tf2.saved_model.load(str(tmp_path / "saved_model")).signatures["gradient"]
    found = {name: x.numpy() for name, x in signature(**{name: tf2.constant(x) for name, x in given.items()}).items()}
    z = given["z"].astype(float)
    assert_gradients(values, found["loss"], found["gradient"], z, given["images"], given["weights"])
    np.testing.assert_allclose(found["images"].reshape(4, -1), handmade.vanilla_images(values, z, averaged=True), atol=1e-5)


def test_own_samples_come_back_and_nothing_depends_on_the_others(made):
    sampler, _ = made
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


def test_a_hole_is_filled_and_the_rest_stays(made):
    sampler, _ = made
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


def test_directions_are_of_the_averaged_weights(made):
    sampler, values = made
    kernel = values["generator/dense/kernel/ExponentialMovingAverage"]
    np.testing.assert_array_equal(sampler.directions(3), directions.strongest(kernel, Z_DIM, 3))


def test_a_strip_goes_in_whole_standard_deviations_and_has_the_image_in_its_middle(made):
    sampler, _ = made
    images = showing.strips(sampler, drawing.Source(seed=3), 2)
    z, deviation = sampler.z(1, 3), 3**-0.5  # of U[-1, 1)
    for strip, way in zip(images, sampler.directions(2), strict=True):
        moved = np.stack([z[0] + steps * deviation * way for steps in (-4, -3, -2, -1, 0, 1, 2, 3, 4)])
        expected = sampler.images(moved.clip(-1, 1).astype(np.float32))
        assert np.abs(strip.astype(int) - expected).max() <= 1
        np.testing.assert_array_equal(strip[4], sampler.images(z)[0])
        assert len(np.unique(strip.reshape(9, -1), axis=0)) > 5


def test_noise_moved_added_and_varied_by_the_sampler(made):
    """Of uniform noise, which stays from -1 to 1."""
    sampler, _ = made
    a, b, c = (sampler.z(count, seed) for seed, count in enumerate((3, 1, 2)))
    np.testing.assert_allclose(sampler.arithmetic(a, b, c), (a.mean(0) - b[0] + c.mean(0)).clip(-1, 1), atol=1e-6)
    np.testing.assert_allclose(sampler.arithmetic(a, also_plus=c), (a.mean(0) + c.mean(0)).clip(-1, 1), atol=1e-6)
    assert np.abs(a.mean(0) - b[0] + c.mean(0) - (a.mean(0) + b[0] - c.mean(0))).max() > 0.1
    (way,) = sampler.directions(1)
    expected = [(a[0] + steps * 3**-0.5 * way).clip(-1, 1) for steps in (-1, 0.5)]
    np.testing.assert_allclose(sampler.move(a[0], way, [-1, 0.5]), expected, atol=1e-6)
    near, far = (sampler.neighbourhood(np.zeros(Z_DIM), 200, 7, *amount) for amount in ((), (0.5,)))
    for around, amount in ((near, 0.25), (far, 0.5)):
        assert around[1:].std() == pytest.approx(amount * 3**-0.5, rel=0.1)
    assert (sampler.neighbourhood(np.zeros(Z_DIM), 200, 8) != near)[1:].any()


GIVEN = np.zeros([1, SIDE, SIDE, 1], np.uint8)


@pytest.mark.parametrize(("method", "arguments", "words"), [
    ("project", (GIVEN.repeat(3, 3),), r"the images are uint8 \[1, 6, 6, 3\], but this run's are uint8 \[N, 6, 6, 1\]"),
    ("project", (GIVEN / 255,), "the images are float64"), ("project", (GIVEN[:0],), r"the images are uint8 \[0, "),
    ("project", (GIVEN, 0, [1]), "the run is not conditional and takes no labels"),
    ("project", (GIVEN, 0, None, np.zeros([6, 6], bool)), "the mask leaves nothing of an image that counts"),
    ("complete", (GIVEN, np.zeros([6, 6], bool)), "the mask has no hole to fill"),
    ("complete", (GIVEN, np.ones([6, 6], bool)), "the mask is all hole"),
    ("complete", (GIVEN, np.ones([6, 5], bool)), r"the mask is bool \[6, 5\]; it must be bool \[6, 6\], or \[1, 6, 6\]"),
    ("complete", (GIVEN, np.ones([6, 6])), "the mask is float64"),
])  # fmt: skip
def test_what_is_refused(made, method, arguments, words):
    with pytest.raises(tfgan.UserError, match=words):
        getattr(made[0], method)(*arguments)


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
    with Sampler(fastgan_run if name == "fastgan" else saved.find_run(name, runs / "logs")) as sampler:
        height, width, _ = sampler.recipe.image_shape
        targets = sampler.images(sampler.z(8, seed=1)).astype(np.float32) / 255
        weights = np.ones([8, height, width], np.float32)
        weights[:, : height // 3] = 0
        found = inversion.Inversion(sampler.recipe, sampler._session.run(sampler._networks.g_vars))
        z, way = sampler.z(8, seed=2), np.random.default_rng(0).normal(size=[8, sampler.recipe.z_dim])
        loss = found.loss_of(targets, weights)
        losses, gradients = loss(z, None, np.arange(8))
        pixels = (weights[..., None] * (found.images(z, None) - targets) ** 2).sum((1, 2, 3)) / weights.sum((1, 2)) / 3
        assert (losses > 1.01 * pixels).all()
        sides = [loss(z + sign * 0.0003 * way, None, np.arange(8))[0] for sign in (1, -1)]
        slopes = (sides[0] - sides[1]) / 0.0006
        errors = np.abs((gradients * way).sum(1) - slopes)
        # the median, because a few of the images lie on a kink of the network, where the slopes of the two sides differ
        assert np.median(errors) < 0.03 * np.abs(slopes).max()
        spoiled = targets.copy()
        spoiled[:, : height // 3] = 1 - spoiled[:, : height // 3]
        np.testing.assert_array_equal(found.loss_of(spoiled, weights)(z, None, np.arange(8))[0], losses)
        np.testing.assert_allclose(loss(sampler.z(8, seed=1), None, np.arange(8))[0], 0, atol=2e-3)
        found.close()
