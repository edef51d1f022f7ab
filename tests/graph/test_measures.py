"""An iteration's measures, under their names in metrics.jsonl, each computed a second time in eager TensorFlow 2."""

import math

import numpy as np
import pytest

from tests.conftest import random_images
from tests.conftest import small
from tests.graph.test_gan import build_on_random_images
from tfgan.datasets.batches import Batches
from tfgan.distribution.team import Team
from tfgan.graph.measures import measures_of_d
from tfgan.graph.noise import Stream
from tfgan.tf1 import tf
from tfgan.tf1 import tf2
from tfgan.training import steps
from tfgan.training.session import session_config

SMOOTH, D_LOSS_WEIGHT, PENALTY_WEIGHT = 0.1, 0.5, 3.0

def dense(v, name, x):
    return x @ v[f"{name}/kernel"] + v[f"{name}/bias"]


def generated(v, z):
    for name in ("dense", "dense_1"):
        z = tf2.nn.relu(dense(v, f"generator/{name}", z))
    return tf2.tanh(dense(v, "generator/dense_2", z))


def logits(v, x):
    for name in ("dense", "dense_1"):
        x = tf2.nn.leaky_relu(dense(v, f"discriminator/{name}", x), 0.2)
    return dense(v, "discriminator/dense_2", x)


def crossentropy(x, label):
    return float(tf2.reduce_mean(label * tf2.nn.softplus(-x) + (1 - label) * tf2.nn.softplus(x)))


def expected_measures(before, after, real, z):
    """before, after: the variables' values before and after the iteration; G's update used D's values of after."""
    with tf2.GradientTape() as tape:
        tape.watch(x := tf2.constant(real))
        of_real = logits(before, x)
    slopes = tape.gradient(of_real, x).numpy()
    penalty = PENALTY_WEIGHT * (slopes**2).sum(1).mean() / 2
    of_g = {name: tf2.constant(value) for name, value in before.items() if name.startswith("generator/")}
    with tf2.GradientTape() as tape:
        tape.watch(of_g)
        fake = generated(of_g, z)
        g_loss = tf2.reduce_mean(tf2.nn.softplus(-logits(after, fake)))
    gradients = tape.gradient(g_loss, of_g).values()
    fake = fake.numpy()
    of_fake = logits(before, fake)
    halves = crossentropy(of_real, 1 - SMOOTH), crossentropy(of_fake, 0)
    return {
        "d_loss": D_LOSS_WEIGHT * sum(halves) + penalty,
        "d_loss_real": halves[0],
        "d_loss_fake": halves[1],
        "d_penalty": penalty,
        "d_real": float(tf2.reduce_mean(tf2.sigmoid(of_real))),
        "d_fake": float(tf2.reduce_mean(tf2.sigmoid(of_fake))),
        "diversity": np.sqrt(fake.var(0).sum() / real.var(0).sum()),
        "g_loss": float(g_loss),
        "g_gradient": np.sqrt(sum((gradient.numpy() ** 2).sum() for gradient in gradients)),
        "fake": fake,
        "real": real,
    }


@pytest.mark.parametrize("as_written", [False, True])
def test_every_measure_by_its_definition(as_written):
    """Two iterations of mlp with every part that its loss may have, and the batch that a picture of pairs shows."""
    changes = {"penalty": "r1", "penalty_weight": PENALTY_WEIGHT, "smooth": SMOOTH, "d_loss_weight": D_LOSS_WEIGHT}
    recipe = small("mlp", "mnist", batch_size=6).replace(subset=None, learning_rate=0.01, **changes)
    batches = Batches(random_images(recipe, 11), recipe, 4)
    with tf.Graph().as_default():
        gan, measures = Team(["/cpu:0"]).build(recipe, 4, [batches], "float32")
        if as_written:
            _, step_measured = steps.as_written(gan, measures, recipe, batches, 4)
        else:
            _, step_measured = steps.fused(gan, measures)
        variables = {v.op.name: v for v in (*gan.g_vars, *gan.d_vars)}
        with tf.Session(config=session_config(recipe)) as session:
            session.run(tf.global_variables_initializer())
            last = variables["discriminator/dense_2/kernel"]
            last.load(10 * session.run(last), session)  # D's logits are far from 0
            found = []
            for iteration in range(2):
                z = session.run(gan.input_z)
                if as_written:
                    rng = np.random.default_rng([4, iteration, 1 + Stream.Z_D])
                    z = rng.uniform(-1, 1, z.shape).astype(np.float32)
                before = session.run(variables)
                measured = step_measured(session, iteration, True)
                found.append((iteration, z, before, measured, session.run(variables)))
    for iteration, z, before, measured, after in found:
        real = batches[iteration].reshape(len(z), -1).astype(np.float32) / 127.5 - 1
        expected = expected_measures(before, after, real, z)
        assert measured.keys() == expected.keys()
        for name in ("fake", "real"):
            np.testing.assert_allclose(measured.pop(name).reshape(len(z), -1), expected.pop(name), atol=1e-5, err_msg=name)
        for name, value in expected.items():
            assert measured[name] == pytest.approx(value, rel=2e-4), (iteration, name)
        numbers = sorted(expected.values())
        assert min(np.divide(numbers[1:], numbers[:-1])) > 1.002, "all must differ, or the test would not notice a swap"


def test_diversity_against_the_distances_of_all_pairs(graph):
    """The root mean square distance of two fakes divided by that of two real images; 1 for a batch of one."""
    recipe, gan = build_on_random_images("mlp", "mnist")
    measured = measures_of_d(gan)["diversity"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found, fake, real = session.run([measured, gan.fake, gan.input_real])
        one = session.run(measured, {gan.input_real: real[:1], gan.input_z: np.zeros([1, recipe.z_dim])})
    mean_squares = [np.mean([((a - b) ** 2).sum() for a in x for b in x]) for x in (fake, real)]
    assert found == pytest.approx(math.sqrt(mean_squares[0] / mean_squares[1]), rel=1e-4)
    assert one == 1
