"""The search for noise, with generators in NumPy; L-BFGS beside SciPy's and beside exact solutions."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import optimize

from tfgan.sampling import latents
from tfgan.sampling import search
from tfgan.sampling.search import Descent


def rosenbrock(z):
    pairs = [(optimize.rosen(row), optimize.rosen_der(row)) for row in z.astype(float)]
    return [np.float32(x) for x in zip(*pairs, strict=True)]


def test_lbfgs_finds_minima_as_scipy_does():
    starts = np.random.default_rng(0).uniform(-1, 1, (5, 4)).astype(np.float32)
    descent = Descent(starts, rosenbrock, lambda z: z)
    for _ in range(150):
        before = descent.loss.copy()
        descent.step()
        assert (descent.loss <= before).all()
    known = [optimize.minimize(optimize.rosen, row, jac=optimize.rosen_der, method="L-BFGS-B").x for row in starts]
    np.testing.assert_allclose(descent.z, known, atol=0.02)
    np.testing.assert_array_equal(descent.loss, rosenbrock(descent.z)[0])


def test_lbfgs_stays_in_bounds_and_goes_on_with_some_rows():
    """A quadratic, whose minimum in the box SciPy knows; a row's way does not depend on the others."""
    rng = np.random.default_rng(1)
    factor = rng.normal(size=(8, 5))
    goals = rng.normal(scale=2, size=(6, 5))

    def of(goals):
        def loss(z):
            rest = (z.astype(float) - goals) @ factor.T
            return [np.float32(x) for x in ((rest**2).sum(1), 2 * rest @ factor)]

        return loss

    known = np.stack([optimize.lsq_linear(factor, factor @ goal, (-1, 1)).x for goal in goals])
    assert (np.abs(known) > 0.999).any()
    there = [goals]
    descent = Descent(np.zeros([6, 5]), lambda z: of(there[0])(z), lambda z: z.clip(-1, 1))
    for _ in range(20):
        descent.step()
    there[0] = goals[[4, 1]]
    descent.keep(np.array([4, 1]))
    for _ in range(400):
        descent.step()
    assert np.abs(descent.z).max() <= 1
    best = (((known - goals)[[4, 1]] @ factor.T) ** 2).sum(1)
    np.testing.assert_allclose(descent.loss, best, rtol=0.05)


Z_DIM, SHAPE = 6, (4, 4, 1)
WAYS = np.random.default_rng(2).normal(size=(3, Z_DIM, 16))  # of each class


def made_of(z, labels):
    ways = WAYS[np.zeros(len(z), int) if labels is None else labels]
    return (1 / (1 + np.exp(-np.einsum("nd,ndp->np", z.astype(float), ways)))).reshape(-1, *SHAPE).astype(np.float32)


def loss_of(images, weights):
    def loss(z, labels, numbers):
        ways = WAYS[np.zeros(len(z), int) if labels is None else labels]
        made = made_of(z, labels).reshape(-1, 16).astype(float)
        weight = weights[numbers].reshape(-1, 16)
        rest = made - images[numbers].reshape(-1, 16)
        down = 2 * weight * rest * made * (1 - made)
        return [np.float32(x) for x in ((weight * rest**2).sum(1), np.einsum("np,ndp->nd", down, ways))]

    return loss


def generator(distribution="uniform", classes=None, images=made_of, loss_of=loss_of, z_dim=Z_DIM):
    recipe = SimpleNamespace(z_dim=z_dim, z_distribution=distribution, classes=classes)
    return SimpleNamespace(recipe=recipe, images=images, loss_of=loss_of)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_the_noise_of_own_images_is_found(distribution):
    z = latents.draw([40, Z_DIM], distribution, seed=9)
    images, weights = made_of(z, None), np.ones([40, 4, 4], np.float32)
    found, labels = search.search(generator(distribution), images, weights, seed=1)
    assert labels is None
    usual = np.linalg.norm(z, axis=1) < Z_DIM**0.5 + 2  # no longer z is searched
    assert usual.mean() > 0.9
    np.testing.assert_allclose(found[usual], z[usual], atol=0.05)
    again, _ = search.search(generator(distribution), images, weights, seed=1)
    np.testing.assert_array_equal(found, again)
    for n in (0, 33):
        alone, _ = search.search(generator(distribution), images[n : n + 1], weights[:1], seed=1)
        np.testing.assert_array_equal(alone[0], found[n])
    together, _ = search.search(generator(distribution), images.repeat(2, 0), weights.repeat(2, 0), seed=1)  # over 64
    np.testing.assert_array_equal(together, found.repeat(2, 0))


def test_each_class_is_tried_unless_it_is_given():
    z, labels = latents.draw([9, Z_DIM], "normal", seed=3), np.arange(9) % 3
    images, weights = made_of(z, labels), np.ones([9, 4, 4], np.float32)
    found, of_found = search.search(generator("normal", 3), images, weights)
    np.testing.assert_array_equal(of_found, labels)
    np.testing.assert_allclose(made_of(found, of_found), images, atol=0.01)
    other = (labels + 1) % 3
    worse, given = search.search(generator("normal", 3), images, weights, labels=other)
    np.testing.assert_array_equal(given, other)
    assert np.abs(made_of(worse, other) - images).mean() > 0.05


@pytest.mark.parametrize("classes", [3, 20, 120])  # fewer and more than there are starts otherwise
def test_every_image_has_a_start_of_each_class(classes):
    """Also where all of the pool's images of one class are nearer than any of another: here those of class 0."""
    tried = set()

    def images(z, labels):
        return made_of(z, np.zeros_like(labels)) + 5 * np.minimum(labels, 1)[:, None, None, None]

    def recorded(images, weights):
        loss = loss_of(images, weights)

        def of(z, labels, numbers):
            tried.update(zip(numbers.tolist(), labels.tolist(), strict=True))
            return loss(z, labels % 3, numbers)

        return of

    targets = made_of(latents.draw([2, Z_DIM], "normal", seed=6), None)
    one = generator("normal", classes, images, recorded)
    search.search(one, targets, np.ones([2, 4, 4], np.float32))
    assert tried == {(image, label) for image in range(2) for label in range(classes)}
    tried.clear()
    search.search(one, targets, np.ones([2, 4, 4], np.float32), labels=[2, 1])
    assert tried == {(0, 2), (1, 1)}, "given ones alone"


@pytest.mark.parametrize(("classes", "most_made", "starts"), [(3, 3 * 256, 16), (120, 3000, 120), (1000, 8000, 128)])
def test_many_classes_need_little_more_time_and_memory_than_few(classes, most_made, starts):
    """Before the first step, of images of 64x64. The nearest classes have a start each."""
    made, started = [], []

    def images(z, labels):
        made.extend(labels)
        return np.full([len(z), 64, 64, 3], labels[:, None, None, None] / classes, np.float32)

    def loss_of(*_):
        def loss(z, labels, numbers):
            started.extend(labels)
            return np.zeros(len(z)), np.zeros(z.shape)

        return loss

    goal = 0.5 + 0.2 / classes
    target = np.full([1, 64, 64, 3], goal, np.float32)
    tracemalloc.start()
    search._Search(generator("normal", classes, images, loss_of, z_dim=4), target, np.ones([1, 64, 64]), 0, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6, f"256 images of each class are {256 * classes * 49_152 / 1e6:,.0f} MB"
    assert len(made) <= most_made
    nearest = np.argsort(np.abs(np.arange(classes) / classes - goal))
    assert {*started} == {*nearest[:starts]}
    assert len(started) - starts < 8, "some are repeated, to fill the last call"


def test_pixels_without_weight_do_not_count_and_what_is_out_of_reach_stays_usual():
    images, weights = made_of(latents.draw([3, Z_DIM], "uniform", seed=4), None), np.ones([3, 4, 4], np.float32)
    weights[:, 3] = 0
    spoiled = images.copy()
    spoiled[:, 3] = 7
    for each in zip(search.search(generator(), images, weights), search.search(generator(), spoiled, weights), strict=True):
        np.testing.assert_array_equal(*each)
    far = made_of(np.full([1, Z_DIM], 5.0), None)
    assert np.abs(search.search(generator(), far, weights[:1])[0]).max() == 1
    assert np.linalg.norm(search.search(generator("normal"), far, weights[:1])[0]) < Z_DIM**0.5 + 2.001


def test_what_is_shown():
    shown = []
    images = made_of(latents.draw([2, Z_DIM], "uniform", seed=5), None)
    found, _ = search.search(generator(), images, np.ones([2, 4, 4]), show=lambda *now: shown.append(now))
    steps = [step for step, *_ in shown]
    assert steps == [*range(10, 241, 10)]
    assert {total for _, total, *_ in shown} == {240}
    np.testing.assert_array_equal(shown[-1][2], found)
    losses = [np.abs(made_of(z, None) - images).mean() for _, _, z, _ in shown]
    assert losses[-1] < losses[0]
