"""Conditional graphs, whole, against `conditional_references`: losses, gradients, averages, updates and samples."""

import contextlib
import itertools

import numpy as np
import pytest
import tensorflow as tf2

import tfgan
from tests.conftest import network_variables
from tests.conftest import random_images
from tests.conftest import small
from tests.models.conditional_references import REFERENCES
from tests.models.test_parity import BATCH
from tests.models.test_parity import FAKE
from tests.models.test_parity import FOR_G
from tests.models.test_parity import ITERATIONS
from tests.models.test_parity import REAL
from tests.models.test_parity import SEED
from tests.models.test_parity import Adam
from tests.models.test_parity import GradientErrors
from tests.models.test_parity import applied_gradients
from tests.models.test_parity import assert_update
from tests.models.test_parity import dropout_masks
from tfgan import recipes
from tfgan.tf1 import tf

CLASSES = 5  # of six images: a class without any, and one with two, in every batch
QUICK = [("vanilla", "concat"), ("vanilla", "projection"), ("vanilla", "auxiliary"), ("compact", "projection")]
CASES = [
    pytest.param(*case, marks=[] if case in QUICK else [pytest.mark.slow], id="-".join(case))
    for case in itertools.product(REFERENCES, recipes.CONDITIONS)
]


def of_network(values, scope):
    """{a variable's name without the network's: its value} as tensors."""
    return {name.removeprefix(scope): tf2.constant(value) for name, value in values.items() if name.startswith(scope)}


def assert_averages(before, after, scope, reference):
    """Each average moved by every batch's statistics that the reference saw, in turn; all other averages are as before."""
    expected = dict(before)
    for name, *statistics in reference.seen:
        for average, statistic in zip(("moving_mean", "moving_variance"), statistics, strict=True):
            place = f"{scope}{name}/{average}"
            expected[place] = reference.momentum * expected[place] + (1 - reference.momentum) * statistic.numpy()
    for name in expected:
        if "/moving_" in name:
            np.testing.assert_allclose(after[name], expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def step(session, run, reference, scope, feeds, loss_of):
    """One update on both sides: (tfgan's loss and gradients, the reference's, variables before and after).

    run: (the loss, gradients, the training operation, the network's trainable variables, all variables by name).
    """
    loss, gradients, train_op, variables, everything = run
    before = session.run(everything)
    found = session.run([loss, gradients, train_op], feeds)[:2]
    after = session.run(everything)
    v = of_network(before, scope)
    trained = [v[variable.op.name.removeprefix(scope)] for variable in variables]
    with tf2.GradientTape() as tape:
        tape.watch(trained)
        expected = loss_of({name: of_network(before, name) for name in ("generator/", "discriminator/")} | {scope: v})
    gradients = tape.gradient(expected, trained)
    return found, (expected.numpy(), [tf2.convert_to_tensor(g).numpy() for g in gradients]), before, after


def assert_step(session, run, reference, scope, feeds, loss_of, errors, adam, rate):
    """Makes one update on both sides and compares all that it makes; `errors` get the gradients'. All variables after it."""
    found, expected, before, after = step(session, run, reference, scope, feeds, loss_of)
    names = [variable.op.name for variable in run[3]]
    np.testing.assert_allclose(found[0], expected[0], rtol=2e-5)
    errors.add(found[1], expected[1], names)
    weights, new = ([values[name] for name in names] for values in (before, after))
    assert_update(adam, names, weights, found[1], new, rate)
    assert_averages(before, after, scope, reference)
    for name in before:
        if not name.startswith(scope):
            np.testing.assert_array_equal(before[name], after[name], err_msg=name)
    return after


@pytest.mark.parametrize(("model", "method"), CASES)
def test_conditional_recipe_equals_the_papers(model, method):
    recipe = small(model, "mnist", BATCH).replace(conditional=method, classes=CLASSES, g_average=0.0)
    with tf.Graph().as_default() as graph:
        gan = tfgan.build(recipe, SEED)
        of_d, of_g = (
            (loss, applied_gradients(train_op, variables), train_op, variables, {v.op.name: v for v in network_variables(gan)})
            for loss, train_op, variables in (
                (gan.d_loss, gan.d_train_op, gan.d_vars),
                (gan.g_loss, gan.g_train_op, gan.g_vars),
            )
        )
        initialise = tf.global_variables_initializer()
    reference, errors, rng = REFERENCES[model](method, CLASSES), GradientErrors(), np.random.default_rng(5)
    rates = {"discriminator/": recipe.d_learning_rate or recipe.learning_rate, "generator/": recipe.learning_rate}
    adams = {scope: Adam(rate, recipe.beta1) for scope, rate in rates.items()}
    low, high = recipe.value_range
    with contextlib.closing(tf.Session(graph=graph)) as session:
        session.run(initialise)
        for iteration in range(ITERATIONS.get(model, 4)):
            real = random_images(recipe, BATCH, iteration).astype(np.float32) / 255 * (high - low) + low
            z, z_g = (rng.uniform(-1, 1, (BATCH, recipe.z_dim)).astype(np.float32) for _ in range(2))
            y, y_fake, y_g = (rng.permutation([0, 1, 2, 3, 4, 4]) if draw else rng.integers(4, size=BATCH) for draw in range(3))
            if recipe.z_of_g == "same":
                z_g, y_g = z, y_fake
            real, z, z_g = map(tf2.constant, (real, z, z_g))

            def masks(stream, iteration=iteration):
                return dropout_masks(model, iteration, stream)

            def d_loss(v, y=y, y_fake=y_fake, real=real, z=z, masks=masks):
                fake = reference.g(v["generator/"], z, y_fake, reference.d_sees_training)
                reference.seen.clear()
                return reference.d_loss(v["discriminator/"], real, y, fake, y_fake, masks(REAL), masks(FAKE))

            def g_loss(v, y=y_g, z=z_g, masks=masks):
                reference.seen.clear()
                fake = reference.g(v["generator/"], z, y, True)
                seen = list(reference.seen)
                loss = reference.g_loss(v["discriminator/"], fake, y, masks(FOR_G))
                reference.seen[:] = seen  # this pass of D moves none of its averages
                return loss

            feeds = {gan.input_real: real.numpy(), gan.input_y: y, gan.input_z: z.numpy(), gan.input_y_fake: y_fake}
            feeds_g = {gan.input_z_g: z_g.numpy(), gan.input_y_g: y_g}
            for run, scope, fed, loss in ((of_d, "discriminator/", feeds, d_loss), (of_g, "generator/", feeds_g, g_loss)):
                after = assert_step(session, run, reference, scope, fed, loss, errors, adams[scope], rates[scope])
        samples = session.run(gan.samples, gan.feed_of(z.numpy(), y))
        expected = reference.g(of_network(after, "generator/"), z, y, False)
    np.testing.assert_allclose(samples, expected, atol=1e-5)
    errors.check()
