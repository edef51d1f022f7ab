"""What is done to noise reaches the images, also of a G that normalises its noise: truncation, ways, moves and sums."""

import numpy as np
import pytest
from scipy import stats

from tfgan import recipes
from tfgan.graph import networks
from tfgan.sampling import latents
from tfgan.tf1 import tf

EPSILON = 1e-6
SPHERE = latents.Noise("normal", EPSILON)
LARGE = ("dcgan64",)


def seen(z):
    """What a G makes of z that normalises it with that epsilon."""
    z = z.astype(float)
    return z / np.sqrt((z**2).mean(-1, keepdims=True) + EPSILON)


def drawn(count, seed=0):
    """Normal noise of 50 values, on the sphere."""
    return seen(np.random.default_rng(seed).normal(size=(count, 50))).astype(np.float32)


@pytest.mark.parametrize(
    "model", [pytest.param(model, marks=pytest.mark.slow) if model in LARGE else model for model in recipes.MODELS]
)
def test_truncation_narrows_the_images_of_every_model(graph, model):
    """And a model whose images follow from the direction of z alone says so, else its truncation would be undone."""
    recipe = recipes.recipe(model).replace(z_distribution="normal", g_average=0.0)
    placeholder = tf.placeholder(tf.float32, [None, recipe.z_dim])
    made, _ = networks.samples(recipe, placeholder)
    z = np.random.default_rng(0).normal(size=(32, recipe.z_dim)).astype(np.float32)
    noise = latents.Noise(recipe.z_distribution, recipes.model_module(recipe.model).TRAITS.z_epsilon)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())

        def images(z):
            return session.run(made, {placeholder: z})

        whole = images(z)
        spread = whole.std(0).mean()
        narrow, narrower = (images(noise.truncate(z, psi)).std(0).mean() / spread for psi in (0.5, 0.05))
        assert narrower < 0.1 < narrow < 0.7
        np.testing.assert_allclose(images(noise.truncate(z, 50.0)), whole, atol=1e-3 * spread)
        longer = np.abs(images(3 * z) - whole).mean() / spread
    assert (longer < 1e-3) == (noise.epsilon is not None)


@pytest.mark.parametrize("psi", [0.01, 0.5, 2.0])
def test_truncation_is_behind_the_normalisation(psi):
    z = 3 * np.random.default_rng(1).normal(size=(40, 50)).astype(np.float32)
    expected = stats.truncnorm.ppf(stats.norm.cdf(seen(z)), -psi, psi)
    found = SPHERE.truncate(z, psi)
    assert found.dtype == np.float32
    np.testing.assert_allclose(seen(found), expected, atol=1e-4 * psi)


def test_a_way_leads_from_inside_the_sphere_onto_it():
    a, b = SPHERE.truncate(drawn(5), 0.3), drawn(5, seed=1)
    way = seen(SPHERE.interpolate(a, b, 7))
    np.testing.assert_allclose(way[:, 0], seen(a), atol=1e-4)
    np.testing.assert_allclose(way[:, -1], b, atol=1e-4)
    lengths = np.linalg.norm(way, axis=2)
    np.testing.assert_allclose(lengths, np.linspace(lengths[:, 0], lengths[:, -1], 7, axis=1), rtol=1e-3)
    unit = way / lengths[..., None]
    angles = np.arccos((unit[:, 1:] * unit[:, :-1]).sum(2))
    np.testing.assert_allclose(angles, angles[:, :1].repeat(6, 1), rtol=1e-2)


def test_a_move_begins_at_the_image_and_goes_as_far_as_it_says():
    (z,), way = SPHERE.truncate(drawn(1), 0.2), np.eye(50)[7]
    moved = seen(SPHERE.move(z, way, [0, 0.5, -2, 40]))
    np.testing.assert_allclose(moved[:3], seen(z) + np.outer([0, 0.5, -2], way), atol=1e-4)
    far = seen(z) + 40 * way  # beyond the sphere
    np.testing.assert_allclose(moved[3], far * 50**0.5 / np.linalg.norm(far), atol=1e-4)
    both = SPHERE.move(z, [way, -2 * way], [0.5, 1])
    np.testing.assert_allclose(seen(both), moved[1:3], atol=1e-4)


def test_a_mean_counts_short_noise_as_what_it_shows():
    a, b, c = (SPHERE.truncate(drawn(3, seed), psi) for seed, psi in enumerate((0.2, 1.0, 3.0)))
    mean = seen(a).mean(0) - seen(b).mean(0) + seen(c).mean(0)
    np.testing.assert_allclose(seen(SPHERE.arithmetic(a, b, c)), mean * 50**0.5 / np.linalg.norm(mean), atol=1e-4)


def test_what_is_near_is_near_in_the_images_too():
    (z,) = SPHERE.truncate(drawn(1), 0.2)
    around = SPHERE.neighbourhood(z, 100, 4, 0.1)
    np.testing.assert_array_equal(around[0], z)
    assert (seen(around[1:]) - seen(z)).std() == pytest.approx(0.1, rel=0.05)


def test_noise_on_a_sphere_has_no_bounds():
    """Uniform noise that G normalises: its values reach the square root of 3."""
    noise = latents.Noise("uniform", EPSILON)
    z = latents.draw([50], "uniform", 3)
    assert np.abs(seen(z)).max() > 1.5
    np.testing.assert_allclose(seen(noise.move(z, np.eye(50)[0], [0])), seen(z)[None], atol=1e-4)
