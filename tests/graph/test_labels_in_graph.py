"""The promises of every graph hold with labels; which labels a graph trains on."""

import numpy as np
import pytest

import tfgan
from tests.conftest import random_images
from tests.conftest import small
from tests.graph.test_gan import assert_fused_equals_separate
from tests.graph.test_races import assert_nothing_races
from tfgan.datasets.batches import Batches
from tfgan.datasets.labels import Classes
from tfgan.datasets.pipeline import Pipeline
from tfgan.errors import UserError
from tfgan.tf1 import tf

LABELS = np.array([0, 2, 2, 1, 2, 0, 2, 2, 2, 1, 2], np.int32)  # of eleven images
SHARES = np.bincount(LABELS) / 11
AVERAGED = {"d_sees_inference": True, "z_of_g": "fresh", "g_average": 0.9, "d_learning_rate": None}
CASES = [
    ("vanilla", "projection", {}),
    ("vanilla", "auxiliary", {}),
    ("mlp", "concat", {}),
    ("mlp", "auxiliary", {"d_steps": 2, "loss": "hinge", "spectral_normalization": True}),
    ("compact", "projection", {"spectral_normalization": True}),
    ("compact", "auxiliary", AVERAGED),
    ("compact", "concat", {"d_sees_inference": True, "instance_noise": 0.1, "augment": ("translation",)}),
    ("dcgan28", "auxiliary", {"loss": "wasserstein", "smooth": 0.0, "penalty": "wgan-gp", "d_normalization": "layer"}),
    ("dcgan28", "projection", {"g_average": 0.9}),
]
QUICK = CASES[:1]
cases = pytest.mark.parametrize(
    ("model", "method", "changes"),
    [pytest.param(*case, marks=[] if case in QUICK else [pytest.mark.slow]) for case in CASES],
    ids=["-".join((model, method, *changes)) for model, method, changes in CASES],
)


def build_with_labels(model, method, images=None, seed=0, **changes):
    """(recipe, `Gan`) on eleven images with `LABELS`: random ones unless they are given."""
    recipe = small(model, "mnist").replace(subset=None, conditional=method, classes=3, **changes)
    images = random_images(recipe, 11) if images is None else images
    batches = Batches(images, recipe, seed, classes=Classes(LABELS, ("a", "b", "c")))
    return recipe, tfgan.build(recipe, seed, Pipeline(batches, recipe))


@cases
def test_one_train_op_equals_two_runs_and_looking_changes_nothing(model, method, changes, graph, capfd):
    assert_fused_equals_separate(graph, *build_with_labels(model, method, **changes))
    assert "meta_optimizer" not in capfd.readouterr().err, "TensorFlow's graph optimiser stumbles over an operation"


@cases
def test_nothing_races(model, method, changes, graph):
    assert_nothing_races(build_with_labels(model, method, **changes)[1])


@pytest.mark.parametrize(("flip", "last_batch", "d_steps"), [(False, "join", 1), (True, "keep", 3), (True, "fill", 1)])
def test_a_batchs_labels_are_those_of_its_images(flip, last_batch, d_steps, graph):
    """Each image is of one grey that says which it is. Fetching a batch any number of times leaves it the next one."""
    images = np.broadcast_to((np.arange(11, dtype=np.uint8) * 20)[:, None, None, None], (11, 28, 28, 1))
    changes = {"flip": flip, "last_batch": last_batch, "d_steps": d_steps}
    _, gan = build_with_labels("vanilla", "concat", images, **changes)
    seen = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(6):
            for step in range(d_steps):
                feed = {gan.d_step: step} if d_steps > 1 else {}
                for fetches in ([gan.input_y, gan.input_real], [gan.input_real, gan.d_loss, gan.input_y]):
                    found = dict(zip(fetches, session.run(fetches, feed), strict=True))
                    numbers = np.rint(found[gan.input_real][:, 0, 0, 0] * 255 / 20).astype(int)
                    np.testing.assert_array_equal(found[gan.input_y], LABELS[numbers])
                seen.append(tuple(numbers))
                assert session.run(gan.input_y, feed).tolist() == LABELS[numbers].tolist(), "without the images"
            session.run(gan.train_op)
    assert len(set(seen)) == len(seen), "batches differ, or equality says nothing"
    if last_batch != "fill":
        assert sorted(sum(seen, ())[:11]) == list(range(11)), "an epoch"


@pytest.mark.parametrize("z_of_g", ["same", "fresh"])
def test_the_fakes_labels_are_a_function_of_the_seed_and_the_iteration(z_of_g, graph):
    """By the keys that tfgan/graph/noise.py documents: streams 12 and 13, over the shares of the data."""
    _, gan = build_with_labels("mlp", "projection", seed=3, z_of_g=z_of_g)
    keys = [tf.placeholder(tf.int64, [2]) for _ in range(2)]
    draws = [tf.random.stateless_uniform([4], key) for key in keys]
    assert (gan.input_y_g is gan.input_y_fake) == (z_of_g == "same") == (gan.input_z_g is gan.input_z)
    everything = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for iteration in range(5):
            y_fake, y_g = session.run([gan.input_y_fake, gan.input_y_g])
            fed = {key: [3, iteration * 4096 + stream * 256] for key, stream in zip(keys, (12, 13), strict=True)}
            drawn = [np.searchsorted(np.cumsum(SHARES), u)[: len(y_fake)] for u in session.run(draws, fed)]
            np.testing.assert_array_equal(y_fake, drawn[0])
            np.testing.assert_array_equal(y_g, drawn[0 if z_of_g == "same" else 1])
            everything += [*y_fake, *y_g]
            session.run(gan.train_op)
    assert set(everything) == {0, 1, 2}


def test_fed_labels_reach_the_networks(graph):
    """Each placeholder changes what it should and nothing else: another class, another image, another logit."""
    recipe, gan = build_with_labels("vanilla", "auxiliary", z_of_g="fresh")
    names = ("samples", "fake", "d_logits_real", "d_logits_fake", "d_class_loss", "d_loss", "g_loss")
    fetches = [getattr(gan, name) for name in names]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        inputs = (gan.input_real, gan.input_z, gan.input_z_g, gan.input_y, gan.input_y_fake, gan.input_y_g)
        fixed = dict(zip(inputs, session.run(inputs), strict=True))

        def changed_by(placeholder):
            other = {**fixed, placeholder: (fixed[placeholder] + 1) % 3}
            pairs = zip(names, *(session.run(fetches, feed) for feed in (fixed, other)), strict=True)
            return {name for name, a, b in pairs if np.any(a != b)}

        assert changed_by(gan.input_y) == {"d_class_loss", "d_loss"}
        assert changed_by(gan.input_y_fake) == set(names) - {"d_logits_real", "g_loss"}
        assert changed_by(gan.input_y_g) == {"g_loss"}


@pytest.mark.parametrize(("method", "penalty"), [
    ("projection", "dragan"), pytest.param("concat", "wgan-gp", marks=pytest.mark.slow),
])  # fmt: skip
def test_the_places_of_a_penalty_have_the_labels_of_the_real_images(method, penalty, graph):
    """Where the fakes stay as they are, their labels do not change it."""
    _, gan = build_with_labels("vanilla", method, penalty=penalty)
    inputs = (gan.input_real, gan.fake, gan.input_y, gan.input_y_fake)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        fixed = dict(zip(inputs, session.run(inputs), strict=True))
        of_real, of_fake = ({**fixed, labels: (fixed[labels] + 1) % 3} for labels in inputs[2:])
        first, other, same = (session.run(gan.d_penalty, feed) for feed in (fixed, of_real, of_fake))
    assert first == same
    assert abs(other - first) > 1e-4 * first > 0


def test_without_images_labels_must_be_fed_and_the_number_of_classes_known(graph):
    recipe = small("vanilla", "mnist").replace(conditional="concat")
    with pytest.raises(UserError, match="how many classes there are; give the recipe classes"):
        tfgan.build(recipe)
    gan = tfgan.build(recipe.replace(classes=3))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        real = np.zeros((7, 28, 28, 1))
        with pytest.raises(tf.errors.InvalidArgumentError, match="input_y"):
            session.run(gan.d_loss, {gan.input_real: real})
        assert session.run(gan.d_loss, {gan.input_real: real, gan.input_y: [0, 1, 2, 0, 1, 2, 0]}) > 0
        drawn = session.run(gan.input_y_fake, {gan.input_real: np.zeros((300, 28, 28, 1))})
        assert (np.bincount(drawn) > 70).all(), "equal shares"
        assert session.run(gan.samples, gan.feed_of(np.zeros((3, 100)), [0, 1, 2])).shape == (3, 28, 28, 1)
