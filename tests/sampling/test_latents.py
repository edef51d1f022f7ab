"""What is done to noise reaches the images, also of a G that normalises its noise: truncation, ways, moves and sums."""

import numpy as np
import pytest
from scipy import stats

import tfgan
from tfgan import recipes
from tfgan.errors import UserError
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


@pytest.mark.parametrize(("array", "words"), [
    (np.float16([[1, 2]]), None), (np.float64([[1, 2]]), None), (np.zeros([0, 2]), "contains [0, 2], but this run's noise is"),
    (np.zeros(2), "contains [2], but"), (np.zeros([1, 2, 2]), "contains [1, 2, 2], but"),
    (np.zeros([1, 2], bool), "its type is bool"), (np.zeros([1, 2], complex), "its type is complex128"),
    (np.array([["a", "b"]]), "its type is <U1"), (np.zeros([1, 2], np.uint8), "its type is uint8"),
    (np.array([[1.0, -np.inf]]), "without NaN and infinity"),
    (np.array([[1, None]], object), "cannot be read: it is not an array"),
])  # fmt: skip
def test_arrays_of_noise(tmp_path, array, words):
    np.save(tmp_path / "z.npy", array)
    if words is None:
        found = latents.read_noise(tmp_path / "z.npy", 2)
        assert (found.dtype, found.tolist()) == (np.float32, [[1, 2]])
        return
    with pytest.raises(UserError) as error:
        latents.read_noise(tmp_path / "z.npy", 2)
    assert words in str(error.value)


def test_an_archive_is_no_array_of_noise(tmp_path):
    np.savez(tmp_path / "z.npz", z=np.zeros([1, 2]))
    with pytest.raises(UserError, match=r"z.npz contains an archive, but this run's noise is \[N, 2\], with N of 1 or more"):
        latents.read_noise(tmp_path / "z.npz", 2)


@pytest.mark.parametrize(("sign", "factors"), [(1, [1, 1.25, 1.5, 1.75, 2]), (-1, [1, 0.625, 0, -0.875, -2])])
def test_parallel_noise_is_interpolated_on_a_straight_line(sign, factors):
    """Opposite directions, too: they have no shortest path. The direction turns evenly from 1 to -1, and the length grows."""
    a = np.array([[3, 4]], np.float32)
    found = latents.Noise("normal").interpolate(a, 2 * sign * a, 5)[0]
    np.testing.assert_allclose(found, a * np.array(factors)[:, None], rtol=1e-5, atol=1e-5)


def test_ways_between_two():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50, 100)).astype(np.float32)
    straight = latents.Noise("uniform").interpolate(a, b, 5)
    np.testing.assert_allclose(straight[:, 1], 0.75 * a + 0.25 * b, atol=1e-6)
    way = latents.Noise("normal").interpolate(a, b, 9)
    np.testing.assert_allclose(way[:, 0], a, atol=1e-5)
    np.testing.assert_allclose(way[:, -1], b, atol=1e-5)
    lengths = np.linalg.norm(way, axis=2)
    np.testing.assert_allclose(lengths, np.linspace(lengths[:, 0], lengths[:, -1], 9, axis=1), rtol=1e-5)
    unit = way / lengths[..., None]
    angles = np.arccos((unit[:, 1:] * unit[:, :-1]).sum(2))
    np.testing.assert_allclose(angles, angles[:, :1].repeat(8, 1), rtol=1e-3)  # steps of one size
    assert (np.linalg.norm(straight[:, 2], axis=1) < 0.85 * lengths[:, 4]).all(), "the straight line passes nearer to 0"
    quarter = latents.Noise("normal").interpolate(np.array([[2.0, 0]]), np.array([[0, 2.0]]), 3)  # by hand
    np.testing.assert_allclose(quarter[0, 1], [2**0.5, 2**0.5], rtol=1e-6)
    for other in (a, 2 * a, -a, 0 * a):
        assert np.isfinite(latents.Noise("normal").interpolate(a, other, 4)).all()


def test_directions_are_those_that_change_the_first_layer_most():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(9, 40)).astype(np.float32)
    found = latents.strongest_directions(kernel, 7, 7)  # two rows more, for labels
    assert found.dtype == np.float32
    np.testing.assert_allclose(found @ found.T, np.eye(7), atol=1e-5)
    lengths = np.linalg.norm(found @ kernel[:7], axis=1)
    np.testing.assert_allclose(lengths, np.linalg.svd(kernel[:7], compute_uv=False), rtol=1e-5)
    assert (found.max(1) >= -found.min(1)).all()
    np.testing.assert_array_equal(latents.strongest_directions(kernel, 7, 3), found[:3])
    transposed = kernel.reshape(9, 2, 2, 10).transpose(1, 2, 3, 0)
    np.testing.assert_allclose(latents.strongest_directions(transposed, 7, 3), found[:3], atol=1e-5)
    for count in (0, 8):
        with pytest.raises(tfgan.UserError, match=f"{count} directions cannot be found in noise of 7 values; ask for 1 to 7"):
            latents.strongest_directions(kernel, 7, count)


def test_noise_moved_and_added():
    z = np.float32([0.5, -0.5, 0.0])
    way = np.float32([1, 0, 0])
    np.testing.assert_allclose(latents.Noise("normal").move(z, way, [-2, 0, 1])[:, 0], [-1.5, 0.5, 1.5])
    moved = latents.Noise("uniform").move(z, way, [-3, 0, 0.3])  # the variance of U[-1, 1) is 1/3
    np.testing.assert_allclose(moved, [[-1, -0.5, 0], z, [0.5 + 0.3 / 3**0.5, -0.5, 0]], rtol=1e-6)
    a, b, c = np.float32([[1, 0, 0], [0, 1, 0]]), np.float32([[0, 0, 0.8]]), np.float32([[0.8, 0, 0]])
    np.testing.assert_allclose(latents.Noise("uniform").arithmetic(a, b, c), [1, 0.5, -0.8])
    whole = latents.Noise("normal").arithmetic(a, b, c)
    np.testing.assert_allclose(whole, np.array([1.3, 0.5, -0.8]) * 3**0.5 / np.linalg.norm([1.3, 0.5, -0.8]), rtol=1e-6)
    np.testing.assert_allclose(latents.Noise("uniform").arithmetic(a), [0.5, 0.5, 0])
    assert np.isfinite(latents.Noise("normal").arithmetic(a, a)).all()


def test_a_neighbourhood():
    z = np.float32([0.95, 0, -0.2, 0.4] * 50)
    for distribution, deviation in (("uniform", 3**-0.5), ("normal", 1)):
        around = latents.Noise(distribution).neighbourhood(z, 30, 4, 0.25)
        assert (around.shape, around.dtype) == ((30, 200), np.float32)
        np.testing.assert_array_equal(around[0], z)
        np.testing.assert_array_equal(around, latents.Noise(distribution).neighbourhood(z, 30, 4, 0.25))
        inner = (around - z)[1:, 1::4]  # of 0, far from the bounds
        assert abs(inner.std() / (0.25 * deviation) - 1) < 0.06
        assert (np.abs(around).max() <= 1) == (distribution == "uniform")
        assert not (around[1:] == latents.Noise(distribution).neighbourhood(z, 30, 5, 0.25)[1:]).all(1).any()


def test_truncation_is_the_truncated_normal_distribution():
    z = np.random.default_rng(0).normal(size=(400, 250)).astype(np.float32)
    for psi in (0.3, 1.0, 2.5):
        cut = latents.Noise("normal").truncate(z, psi)
        assert np.abs(cut).max() <= psi
        # 100,000 values: 1.95 / sqrt(n) is passed by chance once in a thousand
        assert stats.kstest(cut.ravel(), stats.truncnorm(-psi, psi).cdf).statistic < 1.95 / cut.size**0.5
        assert (np.argsort(cut, axis=None) == np.argsort(z, axis=None)).mean() > 0.99, "each value keeps its rank"
    np.testing.assert_allclose(latents.Noise("normal").truncate(z, 50.0), z, atol=1e-4)
    assert np.isfinite(latents.Noise("normal").truncate(np.float32([[-40, 40]]), 0.5)).all()
