"""The signatures of a SavedModel beside those that make images: noise, mixtures of classes, and the gradient."""

import numpy as np
import pytest

from tests.models.handmade import random_state
from tfgan import recipes
from tfgan.graph import networks
from tfgan.sampling import signatures
from tfgan.tf1 import tf

CASES = {"plain": ("mlp", None), "conditional": ("mlp", "projection"), "fastgan": ("fastgan", "projection")}


@pytest.fixture(scope="module", params=CASES)
def built(request):
    """(recipe, the signatures, a session with random variables, the graph's own G)."""
    model, conditional = CASES[request.param]
    recipe = recipes.recipe(model).replace(g_average=0.0)
    if conditional:
        recipe = recipe.replace(conditional=conditional, classes=3)
    with tf.Graph().as_default():
        found = signatures.build(recipe, [0.2, 0.3, 0.5])
        y = None if conditional is None else tf.placeholder(tf.float32, [None, 3])
        z = tf.placeholder(tf.float32, [None, recipe.z_dim])
        made, _ = networks.samples(recipe, z, y)
        session, variables = tf.Session(), tf.global_variables()
        given = {}
        if model == "fastgan":  # its images hardly differ at first
            values = random_state(recipe.replace(projected=False))
            given = {variable.initializer.inputs[1]: values[variable.op.name] for variable in variables}
        session.run([variable.initializer for variable in variables], given)

    def own(z_given, shares):
        """G's images in [0, 1]."""
        low, high = recipe.value_range
        return (session.run(made, {z: z_given} | ({} if y is None else {y: shares})) - low) / (high - low)

    yield recipe, found, session, own
    session.close()


def run(session, signature, **given):
    inputs, outputs = signature
    assert given.keys() == inputs.keys()
    return session.run(outputs, {inputs[name]: value for name, value in given.items()})


def test_the_loss_is_the_weighted_square_and_the_gradient_is_its_slope(built):
    recipe, found, session, own = built
    random = np.random.default_rng(0)
    z = random.uniform(-1, 1, (3, recipe.z_dim)).astype(np.float32)
    images, weights = random.uniform(size=(3, *recipe.image_shape)), random.uniform(size=(3, *recipe.image_shape[:2]))
    label = {} if recipe.conditional is None else {"label": np.array([2, 0, 1])}
    shares = None if not label else np.eye(3)[label["label"]]

    def loss(z):
        squares = ((own(z, shares).astype(np.float64) - images) ** 2).mean(3)
        return (weights * squares).sum((1, 2)) / weights.sum((1, 2))

    made = run(session, found["gradient"], z=z, images=images, weights=weights, **label)
    np.testing.assert_allclose(made["images"], own(z, shares), atol=1e-5)
    np.testing.assert_allclose(made["loss"], loss(z), rtol=1e-4)
    steepest = np.linalg.norm(made["gradient"], axis=1, keepdims=True)
    way = 0.02 * made["gradient"] / steepest
    np.testing.assert_allclose((loss(z + way) - loss(z - way)) / 0.04, steepest[:, 0], rtol=0.03)
    assert steepest.min() > 1e-4


def test_noise_comes_in_chunks_and_labels_in_their_shares(built):
    recipe, found, session, _ = built
    first, again, second = (run(session, found["noise"], seed=5, chunk=n) for n in (0, 0, 1))
    assert first["z"].shape == (64, recipe.z_dim)
    np.testing.assert_array_equal(first["z"], again["z"])
    assert (first["z"] != second["z"]).any(1).all()
    assert ("label" in first) == (recipe.conditional is not None)
    if recipe.conditional is not None:
        many = np.concatenate([run(session, found["noise"], seed=5, chunk=n)["label"] for n in range(30)])
        np.testing.assert_allclose(np.bincount(many) / len(many), [0.2, 0.3, 0.5], atol=0.04)  # 3.5 standard deviations


def test_mixtures_are_of_conditional_generators(built):
    recipe, found, session, own = built
    assert ("mixed" in found) == (recipe.conditional is not None)
    if recipe.conditional is None:
        return
    random = np.random.default_rng(1)
    z, shares = random.uniform(-1, 1, (4, recipe.z_dim)), random.dirichlet(np.ones(3), 4)
    made = run(session, found["mixed"], z=z, shares=shares)["uint8"]
    assert made.dtype == np.uint8
    np.testing.assert_allclose(made, 255 * own(z, shares), atol=0.51)
    assert (made != run(session, found["mixed"], z=z, shares=shares[::-1])["uint8"]).any()
