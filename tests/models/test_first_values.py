"""The initial values of each variable, compared with its source's distribution, typed in by hand."""

import math
import zlib

import numpy as np
import pytest
import scipy.stats

import tfgan
from tests.conftest import SLOW_RECIPES
from tests.conftest import ancestors
from tests.conftest import network_variables
from tfgan.tf1 import tf

SEED = 3
ENOUGH = 20_000  # so many values tell a uniform from a normal distribution of the same scale (their distance is 0.057)
MOST = 200_000  # more values would tell nothing more: from larger variables so many are taken, spread over all of it
DRAWS = 400  # small variables are drawn again with other keys until there are ENOUGH values, but at most so often
Z = 5  # standard errors that an estimate may be off; one of some hundred estimates is, once in 10,000 times
P = 1e-5  # the smallest p-value of Kolmogorov and Smirnov's test that is accepted


def normal(variance):
    return "normal", math.sqrt(variance)


def uniform(square_of_bound):
    return "uniform", math.sqrt(square_of_bound)


def constant(value):
    return "constant", value


ZERO, ONE = constant(0), constant(1)
MOVING = {"beta": ZERO, "moving_mean": ZERO, "moving_variance": ONE}


def he(fan_in):
    """The source's "xavier_init": 1 / sqrt(fan_in / 2)."""
    return {"kernel": normal(2 / fan_in), "bias": ZERO}


def linear(fan_in):
    """PyTorch's Linear layer."""
    return {"kernel": uniform(1 / fan_in), "bias": uniform(1 / fan_in)}


def glorot(fan_in, fan_out):
    """The default of tf.layers and Keras. A convolution's fans are channels times the kernel's pixels."""
    return {"kernel": uniform(6 / (fan_in + fan_out)), "bias": ZERO}


SMALL = {"kernel": normal(0.02**2)}  # DCGAN's, without bias
NORM = {"gamma": ONE, **MOVING}
NORM_OF_BETA = MOVING

# model, data set -> layer -> variable -> family and scale
FIRST = {
    ("vanilla", "mnist"): {
        "generator/dense": he(100),
        "generator/dense_1": he(128),
        "discriminator/dense": he(784),
        "discriminator/dense_1": he(128),
    },
    ("mlp", "mnist"): {
        "generator/dense": linear(96),
        "generator/dense_1": linear(1024),
        "generator/dense_2": linear(1024),
        "discriminator/dense": linear(784),
        "discriminator/dense_1": linear(256),
        "discriminator/dense_2": linear(256),
    },
    ("dcgan28", "celeba"): {
        "generator/dense": glorot(100, 8192),
        "generator/batch_normalization": NORM,
        "generator/conv2d_transpose": glorot(16 * 512, 16 * 256),
        "generator/batch_normalization_1": NORM,
        "generator/conv2d_transpose_1": glorot(9 * 256, 9 * 128),
        "generator/batch_normalization_2": NORM,
        "generator/conv2d_transpose_2": glorot(9 * 128, 9 * 3),
        "discriminator/conv2d": glorot(25 * 3, 25 * 128),
        "discriminator/conv2d_1": glorot(25 * 128, 25 * 256),
        "discriminator/batch_normalization": NORM,
        "discriminator/conv2d_2": glorot(25 * 256, 25 * 512),
        "discriminator/batch_normalization_1": NORM,
        "discriminator/dense": glorot(8192, 1),
    },
    ("dcgan64", "mnist"): {
        "generator/conv2d_transpose": SMALL,
        "generator/batch_normalization": NORM_OF_BETA,
        "generator/conv2d_transpose_1": SMALL,
        "generator/batch_normalization_1": NORM_OF_BETA,
        "generator/conv2d_transpose_2": SMALL,
        "generator/batch_normalization_2": NORM_OF_BETA,
        "generator/conv2d_transpose_3": SMALL,
        "generator/batch_normalization_3": NORM_OF_BETA,
        "generator/conv2d_transpose_4": SMALL,
        "discriminator/conv2d": SMALL,
        "discriminator/conv2d_1": SMALL,
        "discriminator/batch_normalization": NORM_OF_BETA,
        "discriminator/conv2d_2": SMALL,
        "discriminator/batch_normalization_1": NORM_OF_BETA,
        "discriminator/conv2d_3": SMALL,
        "discriminator/batch_normalization_2": NORM_OF_BETA,
        "discriminator/conv2d_4": SMALL,
    },
    ("dogs", "dogs"): {
        "generator/dense": glorot(1000, 1024),
        "generator/dense_1": glorot(1024, 8192),
        "generator/batch_normalization": NORM,
        "generator/conv2d": glorot(25 * 128, 25 * 64),
        "generator/conv2d_1": glorot(25 * 64, 25 * 3),
        "discriminator/conv2d": glorot(25 * 3, 25 * 64),
        "discriminator/conv2d_1": glorot(25 * 64, 25 * 128),
        "discriminator/dense": glorot(25_088, 1024),
        "discriminator/dense_1": glorot(1024, 1),
    },
    ("compact", "mnist"): {
        "generator/dense": glorot(64, 1568),
        "generator/batch_normalization": NORM,
        "generator/conv2d_transpose": glorot(16 * 32, 16 * 16),
        "generator/batch_normalization_1": NORM,
        "generator/conv2d_transpose_1": glorot(16 * 16, 16 * 1),
        "discriminator/conv2d": glorot(16 * 1, 16 * 16),
        "discriminator/conv2d_1": glorot(16 * 16, 16 * 32),
        "discriminator/conv2d_2": glorot(16 * 32, 16 * 128),
        "discriminator/dense": glorot(2048, 1),
    },
}
COUNTS = {"vanilla": 8, "mlp": 12, "dcgan28": 36, "dcgan64": 31, "dogs": 20, "compact": 22}
AVERAGE = "/ExponentialMovingAverage"


@pytest.fixture(
    scope="module",
    ids=["-".join(pair) for pair in FIRST],
    params=[pytest.param(pair, marks=[pytest.mark.slow] if pair in SLOW_RECIPES else []) for pair in FIRST],
)
def begun(request):
    """(model, {variable: (family, scale)}, {variable: initial values}, {variable: these and more draws}, other variables)."""
    table = {f"{layer}/{name}": entry for layer, entries in FIRST[request.param].items() for name, entry in entries.items()}
    with tf.Graph().as_default(), tf.Session() as session:
        gan = tfgan.build(tfgan.recipe(*request.param), SEED)
        variables = [*network_variables(gan), *gan.g_averages]
        some = {v.op.name: some_of(v) for v in variables}
        initialise = [v.initializer for v in variables]
        session.run(initialise)
        values = session.run(some)
        # Draws the same operations with other keys, and checks each key: [seed, a function of the name].
        keys, more = {}, {name: [value] for name, value in values.items()}
        for v in variables:
            seeds = [op.inputs[0] for op in ancestors([v.initializer]) if op.type == "StatelessRandomGetKeyCounter"]
            name = v.op.name.removesuffix(AVERAGE)
            assert len(seeds) == (table[name][0] != "constant"), v.op.name
            for seed in seeds:
                assert session.run(seed).tolist() == [SEED, -1 - zlib.crc32(name.encode())], v.op.name
                keys[v.op.name] = seed
        small = [v for v in variables if v.op.name in keys and v.shape.num_elements() < ENOUGH]
        for draw in range(1, DRAWS):
            small = [v for v in small if sum(map(len, more[v.op.name])) < ENOUGH]
            feed = {keys[v.op.name]: [draw, n] for n, v in enumerate(small)}
            session.run([v.initializer for v in small], feed)
            for name, value in session.run({v.op.name: some[v.op.name] for v in small}).items():
                more[name].append(value)
        others = {v.op.name for v in tf.global_variables()} - {v.op.name for v in variables}
    return request.param[0], table, values, {name: np.concatenate(parts) for name, parts in more.items()}, others


def some_of(variable):
    """Up to MOST of a variable's values, flat: every n-th from first to last. n is odd, so that all columns take part."""
    stride = (-(-variable.shape.num_elements() // MOST)) | 1
    return tf.reshape(variable, [-1])[::stride]


def test_every_variable_begins_as_its_source_says(begun):
    """Each variable's first values follow the source's distribution: its family, its scale, its bounds."""
    model, table, values, drawn, _ = begun
    networks = {name for name in values if not name.endswith(AVERAGE)}
    assert networks == set(table)
    assert len(table) == COUNTS[model]
    for name, x in drawn.items():  # averages, too
        check(name, x.astype(np.float64), *table[name.removesuffix(AVERAGE)])


def check(name, x, family, scale):
    """Asserts that these values are drawn from that distribution."""
    if family == "constant":
        assert (x == scale).all(), name
        return
    n = len(x)
    stddev = scale if family == "normal" else scale / math.sqrt(3)
    assert abs(x.mean()) < Z * stddev / math.sqrt(n), (name, x.mean())
    # the standard error of the root of the mean square is stddev * sqrt((kurtosis - 1) / 4n); kurtosis 3 and 9/5
    error = math.sqrt((2 if family == "normal" else 0.8) / (4 * n))
    assert abs(math.sqrt((x**2).mean()) / stddev - 1) < Z * error, (name, math.sqrt((x**2).mean()), stddev)
    if family == "uniform":  # none of n values is in the outermost 20/n with probability exp(-20)
        assert scale * (1 - 20 / n) < np.abs(x).max() <= scale * (1 + 1e-6), (name, np.abs(x).max(), scale)
    elif n >= ENOUGH:  # not truncated: none is beyond 3 standard deviations with probability exp(-54)
        assert np.abs(x).max() > 3 * stddev, (name, np.abs(x).max(), stddev)
    distribution = scipy.stats.norm(0, scale) if family == "normal" else scipy.stats.uniform(-scale, 2 * scale)
    assert scipy.stats.kstest(x, distribution.cdf).pvalue > P, name
    assert len(np.unique(x)) > 0.97 * n, f"{name} repeats itself"  # 1.2% of 200,000 of 2^23 possible floats occur twice


def test_no_two_variables_begin_alike(begun):
    """Whatever their shapes: the values at the same places are uncorrelated."""
    _, table, values, *_ = begun
    drawn = {name: x for name, x in values.items() if table[name.removesuffix(AVERAGE)][0] != "constant" and len(x) > 20}
    assert len(drawn) >= 4
    names = sorted(drawn)
    for n, name in enumerate(names):
        for other in names[:n]:
            if name.removesuffix(AVERAGE) != other.removesuffix(AVERAGE):
                assert uncorrelated(drawn[name], drawn[other]), (name, other)


def uncorrelated(x, y):
    size = min(len(x), len(y))
    return abs(np.corrcoef(x[:size], y[:size])[0, 1]) < Z / math.sqrt(size)


def test_averages_begin_as_their_variables(begun):
    model, table, values, _, _ = begun
    averages = {name for name in values if name.endswith(AVERAGE)}
    of_g = {name + AVERAGE for name in table if name.startswith("generator/")}
    assert averages == (of_g if model == "compact" else set())
    for name in averages:
        np.testing.assert_array_equal(values[name], values[name.removesuffix(AVERAGE)], err_msg=name)


def test_all_other_variables_are_the_optimisers(begun):
    _, table, _, _, others = begun
    slots = {f"{name}/Adam{n}" for name in table if not name.endswith(("moving_mean", "moving_variance")) for n in ("", "_1")}
    powers = {f"{update}_update/{name}" for update in "dg" for name in ("beta1_power", "beta2_power")}
    assert others == slots | powers | {"global_step"}


@pytest.mark.parametrize("model", ["vanilla", "mlp"])
def test_another_seed_begins_otherwise(model):
    begun = []
    for seed in (SEED, SEED + 1):
        with tf.Graph().as_default(), tf.Session() as session:
            gan = tfgan.build(tfgan.recipe(model), seed)
            session.run([v.initializer for v in network_variables(gan)])
            begun.append(session.run({v.op.name: some_of(v) for v in network_variables(gan)}))
    drawn = [name for name, x in begun[0].items() if x.any() and len(x) > 20]
    assert len(drawn) == {"vanilla": 4, "mlp": 11}[model]
    for name in drawn:
        assert uncorrelated(begun[0][name], begun[1][name]), name
