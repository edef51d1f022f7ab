"""Each layer against tf_keras's legacy rendering of TF 1.x's tf.layers: names, shapes, output, gradients, averages."""

import numpy as np
import pytest
from tf_keras.src.legacy_tf_layers import convolutional as legacy_convolutional
from tf_keras.src.legacy_tf_layers import core as legacy_core
from tf_keras.src.legacy_tf_layers import normalization as legacy_normalization
from tf_keras.src.legacy_tf_layers import pooling as legacy_pooling

from tfgan.graph import initializers
from tfgan.graph import layers
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf

VECTORS = (6, 10)
IMAGES = (3, 8, 8, 5)
SMALL = (2, 4, 4, 6)


def repeated(x, factor):
    """Repeats each pixel factor x factor times."""
    return tf.repeat(tf.repeat(x, factor, axis=1), factor, axis=2)


# name: (input shape, tfgan's function, the legacy function with the same settings)
CASES = {
    "dense": (VECTORS, lambda x: layers.dense(x, 7), lambda x: legacy_core.dense(x, 7)),
    "conv2d same": (
        IMAGES,
        lambda x: layers.conv2d(x, 7, 5, strides=2),
        lambda x: legacy_convolutional.conv2d(x, 7, 5, strides=2, padding="same"),
    ),
    "conv2d valid": (
        IMAGES,
        lambda x: layers.conv2d(x, 7, 4, padding="VALID", use_bias=False),
        lambda x: legacy_convolutional.conv2d(x, 7, 4, padding="valid", use_bias=False),
    ),
    "conv2d_transpose same": (
        SMALL,
        lambda x: layers.conv2d_transpose(x, 7, 3, strides=2),
        lambda x: legacy_convolutional.conv2d_transpose(x, 7, 3, strides=2, padding="same"),
    ),
    "conv2d_transpose valid": (
        SMALL,
        lambda x: layers.conv2d_transpose(x, 7, 4, strides=1, padding="VALID", use_bias=False),
        lambda x: legacy_convolutional.conv2d_transpose(x, 7, 4, strides=1, padding="valid", use_bias=False),
    ),
    "batch norm of images, training": (
        IMAGES,
        lambda x: layers.batch_normalization(x, True),
        lambda x: legacy_normalization.batch_normalization(x, training=True),
    ),
    "batch norm of images, inference": (
        IMAGES,
        lambda x: layers.batch_normalization(x, False),
        lambda x: legacy_normalization.batch_normalization(x, training=False),
    ),
    "batch norm of vectors, training": (
        VECTORS,
        lambda x: layers.batch_normalization(x, True),
        lambda x: legacy_normalization.batch_normalization(x, training=True),
    ),
    "batch norm of vectors, inference": (
        VECTORS,
        lambda x: layers.batch_normalization(x, False),
        lambda x: legacy_normalization.batch_normalization(x, training=False),
    ),
    "batch norm, gamma fixed": (
        IMAGES,
        lambda x: layers.batch_normalization(x, True, momentum=0.9, epsilon=2e-5, scale=False),
        lambda x: legacy_normalization.batch_normalization(x, training=True, momentum=0.9, epsilon=2e-5, scale=False),
    ),
    "convolution over repeated pixels, x4": (
        SMALL,
        lambda x: layers.up_sample_conv2d(x, 4, 3, 5),
        lambda x: legacy_convolutional.conv2d(repeated(x, 4), 3, 5, padding="same"),
    ),
    "convolution over repeated pixels, x2": (
        SMALL,
        lambda x: layers.up_sample_conv2d(x, 2, 3, 5),
        lambda x: legacy_convolutional.conv2d(repeated(x, 2), 3, 5, padding="same"),
    ),
    "convolution over repeated pixels, x3, small kernel": (
        SMALL,
        lambda x: layers.up_sample_conv2d(x, 3, 3, 3),
        lambda x: legacy_convolutional.conv2d(repeated(x, 3), 3, 3, padding="same"),
    ),
    "max pool": (IMAGES, lambda x: layers.max_pool(x), lambda x: legacy_pooling.max_pooling2d(x, 2, 2)),
    "flatten": (IMAGES, lambda x: layers.flatten(x), lambda x: legacy_core.flatten(x)),
    "two of a kind": (
        VECTORS,
        lambda x: layers.dense(layers.dense(x, 4), 3),
        lambda x: legacy_core.dense(legacy_core.dense(x, 4), 3),
    ),
}


def rendering(shape, function, values=None):
    """Builds and runs function(x) in the scope `net`: (its results, its variables' values)."""
    rng = np.random.default_rng(1)
    x_value = rng.normal(size=shape).astype(np.float32)
    with tf.Graph().as_default(), network_pass():
        x = tf.placeholder(tf.float32, [None, *shape[1:]])
        with tf.variable_scope("net"):
            y = function(x)
        variables = tf.global_variables()
        target = tf.constant(np.random.default_rng(2).normal(size=(shape[0], *y.shape[1:])).astype(np.float32))
        gradients = tf.gradients(tf.reduce_sum(y * target), [x, *tf.trainable_variables()])
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            if values is None:
                values = [rng.uniform(0.5, 1.5, v.shape.as_list()) for v in variables]
            for variable, value in zip(variables, values, strict=True):
                variable.load(value, session)
            output, slopes, _ = session.run([y, gradients, updates], {x: x_value})
            after = session.run(variables)
    names = [(v.name, v.shape.as_list(), v.trainable) for v in variables]
    return {"names": names, "y": output, "dy": slopes, "after": after}, values


@pytest.mark.parametrize("case", CASES)
def test_layer_equals_tf_layers(case):
    """A layer's variables, output, gradients and averages are those of TF 1.x's layer."""
    shape, layer, legacy = CASES[case]
    expected, values = rendering(shape, legacy)
    actual, _ = rendering(shape, layer, values)
    assert actual["names"] == expected["names"]
    # float32 sums of some hundred terms of order 1, in another order
    np.testing.assert_allclose(actual["y"], expected["y"], rtol=1e-5, atol=1e-5)
    for a, e in zip(actual["dy"], expected["dy"], strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-5, atol=2e-5)
    for a, e in zip(actual["after"], expected["after"], strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-6, atol=1e-6)


def test_batch_norm_updates_are_noted_and_chained(graph):
    """Two passes update one average in their order, every time, by steps computed by hand."""
    first, second = np.full((4, 2), 10.0, np.float32), np.full((4, 2), -30.0, np.float32)
    passes = [[]]
    for x, reuse in ((first, False), (second, True)):
        with network_pass(preceding_update_ops=passes[-1]) as built, tf.variable_scope("net", reuse=reuse):
            layers.batch_normalization(tf.constant(x), True, momentum=0.9)
        passes.append(built.update_ops)
    passes.pop(0)
    assert [len(updates) for updates in passes] == [2, 2]
    assert passes[0] + passes[1] == tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    mean, initialise = tf.global_variables()[2], tf.global_variables_initializer()
    with tf.Session() as session:
        for _ in range(200):
            session.run(initialise)
            session.run(passes[0] + passes[1])
            np.testing.assert_allclose(session.run(mean), (0.1 * 10) * 0.9 + 0.1 * -30, rtol=1e-6)


def test_a_pass_may_leave_the_averages_alone(graph):
    with network_pass(update_averages=False) as built, tf.variable_scope("net"):
        layers.batch_normalization(tf.zeros([4, 2]), True)
    assert built.update_ops == tf.get_collection(tf.GraphKeys.UPDATE_OPS) == []


def test_dropout_keeps_the_share_and_the_mean(graph):
    x = tf.ones([1000, 100])
    with network_pass(dropout_key=lambda layer: [7, layer]), tf.variable_scope("net"):
        first, second = layers.dropout(x, 0.8), layers.dropout(x, 0.8)
    with tf.Session() as session:
        (a, b), (again, _) = session.run([first, second]), session.run([first, second])
    assert set(np.unique(a)) == {np.float32(0), np.float32(1.25)}
    # 100,000 draws: the standard deviation of the share is 0.0013
    assert abs((a > 0).mean() - 0.8) < 0.006
    assert abs(((a > 0) & (b > 0)).mean() - 0.64) < 0.008, "two layers share a mask"
    np.testing.assert_array_equal(a, again)


def test_dropout_without_a_key_is_refused(graph):
    with network_pass(), pytest.raises(RuntimeError, match="dropout_key"):
        layers.dropout(tf.ones([1, 1]), 0.5)


def test_layers_outside_a_pass_are_refused(graph):
    with pytest.raises(RuntimeError, match="network_pass"):
        layers.dense(tf.ones([1, 1]), 1)


def test_leaky_relu(graph):
    with network_pass(), tf.Session() as session:
        np.testing.assert_allclose(session.run(layers.leaky_relu(tf.constant([-2.0, 0.0, 3.0]))), [-0.4, 0, 3])


def test_initial_values_follow_from_seed_and_name(graph):
    def kernel(scope, seed):
        with tf.Graph().as_default(), network_pass(seed=seed), tf.variable_scope(scope):
            layers.dense(tf.zeros([1, 300]), 200)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                return session.run(tf.global_variables()[0])

    base = kernel("a", 0)
    np.testing.assert_array_equal(base, kernel("a", 0))
    for other in (kernel("b", 0), kernel("a", 1)):
        assert abs(np.corrcoef(base.ravel(), other.ravel())[0, 1]) < 0.02  # 60,000 values: 5 standard deviations


# initialiser, its standard deviation and its largest value on a kernel [5, 5, 40, 60] (fans 1,000 and 1,500)
DISTRIBUTIONS = {
    "glorot_uniform": (initializers.glorot_uniform, np.sqrt(2 / 2500), np.sqrt(6 / 2500)),
    "normal": (initializers.normal(0.02), 0.02, None),
    "fan_in_normal": (initializers.fan_in_normal, np.sqrt(2 / 1000), None),
    "fan_in_uniform": (initializers.fan_in_uniform(1000), 1 / np.sqrt(3 * 1000), 1 / np.sqrt(1000)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_initial_distribution(name, graph):
    """60,000 first values have the standard deviation and the bounds worked out by hand."""
    initializer, stddev, largest = DISTRIBUTIONS[name]
    with tf.Session() as session:
        values = session.run(initializer([5, 5, 40, 60], [3, 4]))
    # 60,000 values: the relative standard error of the standard deviation is below 0.003
    assert abs(values.std() / stddev - 1) < 0.015
    assert abs(values.mean()) < 5 * stddev / np.sqrt(values.size)
    if largest:
        assert 0.999 * largest < np.abs(values).max() <= largest
    else:  # not truncated: of 60,000 normal values some lie beyond 3.5 standard deviations (28 expected)
        assert 5 < (np.abs(values) > 3.5 * stddev).sum() < 80
