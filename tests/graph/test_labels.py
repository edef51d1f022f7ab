"""Where a label enters a network, each place against NumPy; labels in the graph, drawn and fed."""

import math

import numpy as np
import pytest

import tfgan
from tests.conftest import random_images
from tests.conftest import small
from tests.graph.test_gan import assert_fused_equals_separate
from tests.graph.test_gan import assert_nothing_races
from tfgan import recipes
from tfgan.datasets.batches import Batches
from tfgan.datasets.classes import Classes
from tfgan.datasets.pipeline import Pipeline
from tfgan.errors import UserError
from tfgan.graph import labels
from tfgan.graph import layers
from tfgan.graph import networks
from tfgan.graph import noise
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf

CLASSES = 4
Y = np.array([2, 0, 3, 3, 0])  # class 1 is absent
METHODS = recipes.CONDITIONS

def of_g(method, batch_norm=True):
    return labels.for_generator(method, tf.constant(Y, tf.int32), CLASSES, batch_norm)


def of_d(method):
    return labels.for_discriminator(method, tf.constant(Y, tf.int32), CLASSES)


def values(shape, seed=0):
    return np.random.default_rng(seed).normal(1, 2, shape).astype(np.float32)


def run(*fetches, before=()):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for operation in before:
            session.run(operation)
        return session.run(fetches)


@pytest.mark.parametrize("shape", [(5, 7), (5, 3, 2, 2)])
def test_a_label_joins_as_a_vector_or_as_planes(shape, graph):
    x = values(shape)
    with network_pass(labels=of_d("concat")):
        [joined] = run(labels.join(tf.constant(x)))
    assert joined.shape == (*shape[:-1], shape[-1] + CLASSES)
    np.testing.assert_array_equal(joined[..., : shape[-1]], x)
    for row, label in zip(joined[..., shape[-1] :], Y, strict=True):
        assert (row[..., label] == 1).all()
        assert row.sum() == row[..., label].size, "0 in the planes of all other classes"


def test_who_joins(graph):
    """Always G, except where its batch normalisation has a scale for each class; D by concat only."""
    x = tf.constant(values((5, 7)))
    widths = {}
    for method in METHODS:
        for name, given in (("g", of_g(method)), ("g without", of_g(method, batch_norm=False)), ("d", of_d(method))):
            with network_pass(labels=given) as this:
                widths[method, name] = labels.join(x).shape[1]
                this.labels_used = True  # as batch normalisation and D's last step do where nothing joins
    eleven = {(m, n) for m in METHODS for n in ("g", "g without")} - {("projection", "g")} | {("concat", "d")}
    assert {place for place, width in widths.items() if width == 11} == eleven
    assert {width for place, width in widths.items() if place not in eleven} == {7}


@pytest.mark.parametrize(("model", "z_dim", "channels"), [
    ("vanilla", 100, []), ("mlp", 96, []), ("dcgan28", 100, [512, 256, 128]), ("dcgan64", 100, [1024, 512, 256, 128]),
    ("dogs", 1000, [8192]), ("compact", 64, [32, 16]), ("fastgan", 128, [256, 128, 128, 64, 32]),
])  # fmt: skip
def test_how_each_models_generator_gets_a_label(model, z_dim, channels, graph):
    """By projection each class has offsets of its own in all of G's batch normalisation. Where G has none, the label joins z."""
    recipe = recipes.recipe(model).replace(conditional="projection", classes=CLASSES)
    networks.generator(recipe, tf.zeros([5, z_dim]), tf.constant(Y, tf.int32), True, "g")
    shapes = {v.op.name.removeprefix("generator/"): v.shape.as_list() for v in tf.trainable_variables()}
    offsets = [shape for name, shape in shapes.items() if name.endswith("/beta")]
    assert offsets == [[CLASSES, width] for width in channels]
    taken = shapes["conv2d_transpose/kernel"][3] if "dense/kernel" not in shapes else shapes["dense/kernel"][0]
    assert taken == z_dim + (0 if channels else CLASSES)


def test_without_labels_nothing_is_added(graph):
    with network_pass() as this:
        x = tf.constant(values((5, 7)))
        operations = len(graph.get_operations())
        assert labels.join(x) is x
        assert labels.judge(x, x) is x
        assert len(graph.get_operations()) == operations
    assert this.class_logits is None


@pytest.mark.parametrize(("of_network", "method", "lacks"), [
    (of_g, "concat", "join"), (of_g, "auxiliary", "join"), (of_g, "projection", "batch normalisation"),
    (of_d, "concat", "join"), (of_d, "auxiliary", "judge"), (of_d, "projection", "judge"),
])  # fmt: skip
def test_a_network_that_does_not_use_its_labels_is_an_error(of_network, method, lacks, graph):
    """A model file with only one of its two lines would otherwise train without labels and say nothing."""
    x = tf.constant(values((5, 7)))
    error = pytest.raises(RuntimeError, match="the network does not use its labels; call labels.join on its input")
    with error, network_pass(labels=of_network(method)):
        layers.dense(x if lacks == "join" else labels.join(x), 2)
    with network_pass(labels=of_network(method)):
        y = layers.batch_normalization(labels.join(x), True, 0.9, 1e-3)
        if of_network is of_d:
            labels.judge(y, layers.dense(y, 1))


def judged(method, shape=(5, 6), **settings):
    """(features [5, 6], logit, the judgement, the class logits, variables) of D's last step, and its pass."""
    features, logit = values(shape), values((5, 1), seed=1)
    with network_pass(labels=of_d(method), **settings) as this, tf.variable_scope("discriminator"):
        judgement = labels.judge(tf.constant(features), tf.constant(logit))
    found = run(judgement, [] if this.class_logits is None else this.class_logits, tf.global_variables())
    return features.reshape(5, 6), logit, *found, this


@pytest.mark.parametrize("shape", [(5, 6), (5, 3, 1, 2)])
def test_projection_adds_the_inner_product_with_the_vector_of_the_class(shape):
    """Miyato and Koyama 2018, equation 3: f(x, y) = y' V phi(x) + psi(phi(x))."""
    with tf.Graph().as_default():
        features, logit, judgement, _, [vectors], this = judged("projection", shape)
        assert [v.op.name for v in tf.trainable_variables()] == ["discriminator/projection/kernel"]
    assert vectors.shape == (6, CLASSES)
    for n, label in enumerate(Y):
        expected = logit[n, 0] + sum(float(a) * float(b) for a, b in zip(features[n], vectors[:, label], strict=True))
        assert judgement[n, 0] == pytest.approx(expected, rel=1e-5)
    bound = math.sqrt(6 / (6 + CLASSES))  # Glorot and Bengio 2010
    assert 0.5 * bound < np.abs(vectors).max() <= bound
    assert this.layers[-1][:2] == ("projection", [5, 1])


def test_the_vectors_of_projection_are_normalised_as_every_kernel():
    with tf.Graph().as_default():
        features, logit, judgement, _, (vectors, u), this = judged("projection", normalized_kernels={})
        assert [v.op.name for v in tf.global_variables()] == ["discriminator/projection/kernel", "discriminator/projection/u"]
        assert len(this.update_ops) == 1
    v = vectors @ u / np.linalg.norm(vectors @ u)
    next_u = vectors.T @ v / np.linalg.norm(vectors.T @ v)
    inner = (features * (vectors / (v @ vectors @ next_u)).T[Y]).sum(1, keepdims=True)
    np.testing.assert_allclose(judgement, logit + inner, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 6), (5, 1, 1, 6)])
def test_an_auxiliary_classifier_has_a_logit_for_each_class_and_leaves_the_other(shape):
    with tf.Graph().as_default():
        features, logit, judgement, class_logits, (kernel, bias), _ = judged("auxiliary", shape)
    np.testing.assert_array_equal(judgement, logit)
    assert kernel.shape == (6, CLASSES)
    np.testing.assert_allclose(class_logits, features @ kernel + bias, rtol=1e-5, atol=1e-5)


def test_projection_gives_the_label_places_of_its_own():
    """The other logits stay as they are. A label's are 4 times the inner products with each place's features, row by row."""
    features, logits = values((5, 2, 3, 6)), values((5, 4), seed=1)
    with tf.Graph().as_default():
        with network_pass(labels=of_d("projection")) as this, tf.variable_scope("discriminator"):
            judgement = labels.judge_places(tf.constant(features), tf.constant(logits))
        found, [vectors] = run(judgement, tf.global_variables())
    assert this.layers[-1][:2] == ("projection", [5, 10])
    np.testing.assert_array_equal(found[:, :4], logits)
    for n, label in enumerate(Y):
        places = [features[n, y, x] @ vectors[:, label] for y in range(2) for x in range(3)]
        np.testing.assert_allclose(found[n, 4:], 4 * np.array(places), rtol=1e-5, atol=1e-5)


def test_the_other_methods_add_no_places():
    """An auxiliary classifier sees the mean of the places. A concatenated label has joined D's input before."""
    features, logits = values((5, 2, 3, 6)), values((5, 4), seed=1)
    with tf.Graph().as_default():
        with network_pass(labels=of_d("auxiliary")) as this:
            judgement = labels.judge_places(tf.constant(features), tf.constant(logits))
        found, class_logits, (kernel, bias) = run(judgement, this.class_logits, tf.global_variables())
    np.testing.assert_array_equal(found, logits)
    np.testing.assert_allclose(class_logits, features.mean((1, 2)) @ kernel + bias, rtol=1e-5, atol=1e-5)
    with network_pass(labels=of_d("concat")) as this:
        x = labels.join(tf.constant(features))
        assert labels.judge_places(x, logits) is logits


def test_the_classes_loss(graph):
    """Minus the mean of log P(C = c | x), Odena et al. 2017: log CLASSES for a D that guesses, 0 for one that knows."""
    logits, one_hot = values((5, CLASSES)), np.eye(CLASSES, dtype=np.float32)[Y]
    sure = 200 * one_hot
    losses = [labels.classification_loss(tf.constant(x), tf.constant(one_hot)) for x in (logits, 0 * logits, sure)]
    found, guess, known = run(*losses)
    probabilities = np.exp(logits.astype(float)) / np.exp(logits.astype(float)).sum(1, keepdims=True)
    assert found == pytest.approx(-np.mean([math.log(p[c]) for p, c in zip(probabilities, Y, strict=True)]), rel=1e-5)
    assert guess == pytest.approx(math.log(CLASSES), rel=1e-6)
    assert known == 0


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 2, 3)])
def test_batch_normalization_has_a_scale_and_an_offset_for_each_class(shape, scale, graph):
    """Dumoulin et al. 2017. The statistics are the whole batch's, so the moving averages are those of a pass without labels."""
    x, axes = values(shape), tuple(range(len(shape) - 1))
    gamma, beta = values((CLASSES, 3), seed=2) if scale else np.ones((CLASSES, 3)), values((CLASSES, 3), seed=3)

    def normalized(scope, given, training):
        with network_pass(labels=given) as this, tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
            return layers.batch_normalization(tf.constant(x), training, 0.8, 1e-3, scale), this.update_ops

    (y, updates), (_, plain_updates) = normalized("by_class", of_g("projection"), True), normalized("plain", None, True)
    inference, _ = normalized("by_class", of_g("projection"), False)
    own = {v.op.name.rpartition("/")[2]: v for v in tf.global_variables() if v.op.name.startswith("by_class")}
    assert {name: v.shape.as_list() for name, v in own.items() if v.trainable} == (
        {"gamma": [CLASSES, 3], "beta": [CLASSES, 3]} if scale else {"beta": [CLASSES, 3]}
    )
    plain = [v for v in tf.global_variables() if v.op.name.startswith("plain") and not v.trainable]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        start = session.run(inference)
        for name, value in (("gamma", gamma), ("beta", beta)):
            if name in own:
                own[name].load(value, session)
        y = session.run(y)
        session.run([updates, plain_updates])
        mean, variance, *of_plain = session.run([own["moving_mean"], own["moving_variance"], *plain])
        inferred = session.run(inference)

    def by_class(normal):
        return np.stack([row * gamma[label] + beta[label] for row, label in zip(normal, Y, strict=True)])

    np.testing.assert_allclose(start, x / math.sqrt(1.001), rtol=1e-5, err_msg="each class begins with 1 and 0")
    expected = by_class((x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-3))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose([mean, variance], of_plain, rtol=1e-6)
    np.testing.assert_allclose(mean, 0.2 * x.mean(axes), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variance, 0.8 + 0.2 * x.var(axes, ddof=len(shape) == 4), rtol=1e-4)
    np.testing.assert_allclose(inferred, by_class((x - mean) / np.sqrt(variance + 1e-3)), rtol=1e-4, atol=1e-4)


SHARES = (0.5, 0.0, 0.2, 0.05, 0.25)

def test_drawn_labels_follow_the_shares(graph):
    count = 40_000
    drawn = [noise.labels(SHARES, [count], noise.key(seed, 7, noise.Stream.LABEL_D)) for seed in (1, 1, 2)]
    uniform = tf.random.stateless_uniform([count], [1, 7 * 4096 + 12 * 256])
    first, again, other, uniform = run(*drawn, uniform)
    assert first.dtype == np.int32
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    for label, share in enumerate(SHARES):
        error = 4 * math.sqrt(share * (1 - share) / count)  # four standard errors
        assert abs((first == label).mean() - share) <= error, label
    bounds = np.cumsum(SHARES)
    np.testing.assert_array_equal(first, [next(n for n in range(5) if u < bounds[n]) for u in uniform])


@pytest.mark.parametrize("shares", [(1.0,), (0.0, 1.0), (1.0, 0.0), (0.1,) * 10, (1 / 3,) * 3])
def test_no_label_is_drawn_that_has_no_share(shares, graph):
    [drawn] = run(noise.labels(shares, [5_000], noise.key(0, 0, noise.Stream.LABEL_D)))
    assert sorted(set(drawn)) == [label for label, share in enumerate(shares) if share]


def test_rows_of_drawn_labels_are_those_of_the_whole(graph):
    key, first = noise.key(3, 5, noise.Stream.LABEL_G), tf.placeholder(tf.int64, [])
    whole, part = noise.labels(SHARES, [13], key), noise.labels(SHARES, [4], noise.FromRow(key, first))
    with tf.Session() as session:
        everything = session.run(whole)
        for begin in range(9):
            np.testing.assert_array_equal(session.run(part, {first: begin}), everything[begin : begin + 4])
    assert len(set(everything)) > 2


@pytest.mark.parametrize(
    ("method", "name"), [("projection", "discriminator/projection/kernel"), ("auxiliary", "discriminator/dense_3/kernel")]
)
def test_weight_clipping_reaches_what_the_labels_add(method, name, graph):
    changes = {"conditional": method, "classes": CLASSES, "loss": "wasserstein", "weight_clip": 0.01}
    recipe = small("mlp", "mnist").replace(**changes)
    gan = tfgan.build(recipe)
    [variable] = [v for v in gan.d_vars if v.op.name == name]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert np.abs(session.run(variable)).max() > 0.02
        real = random_images(recipe, 4) / np.float32(127.5) - 1
        session.run(gan.d_train_op, {gan.input_real: real, gan.input_y: [0, 1, 2, 2]})
        assert 0.005 < np.abs(session.run(variable)).max() <= np.float32(0.01)


LABELS = np.array([0, 2, 2, 1, 2, 0, 2, 2, 2, 1, 2], np.int32)  # of eleven images
LABEL_SHARES = np.bincount(LABELS) / 11
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
def test_with_labels_fused_equals_separate(model, method, changes, graph, capfd):
    assert_fused_equals_separate(graph, *build_with_labels(model, method, **changes))
    assert "meta_optimizer" not in capfd.readouterr().err, "TensorFlow's graph optimiser stumbles over an operation"


@cases
def test_with_labels_nothing_races(model, method, changes, graph):
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
            drawn = [np.searchsorted(np.cumsum(LABEL_SHARES), u)[: len(y_fake)] for u in session.run(draws, fed)]
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
