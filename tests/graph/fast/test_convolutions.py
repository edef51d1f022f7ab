"""The faster forms of convolutions against TensorFlow's own operations."""

import collections

import numpy as np
import pytest

from tfgan.graph import layers
from tfgan.graph.fast import convolutions
from tfgan.graph.fast import products
from tfgan.tf1 import tf

# side, kernel, stride, padding: the tutorials' own, then strides, sizes and paddings at the limits of what is allowed
CASES = [(8, 4, 2, "SAME"), (7, 5, 2, "SAME"), (7, 4, 1, "VALID"), (4, 4, 1, "VALID"), (14, 3, 2, "SAME"), (9, 3, 1, "SAME")]
CASES += [(8, 5, 2, "VALID"), (11, 3, 3, "SAME"), (10, 3, 3, "VALID"), (10, 2, 2, "VALID")]

@pytest.mark.parametrize("few", [True, False], ids=["few pixels", "many pixels"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_equals_the_native_operations(case, few, graph, monkeypatch):
    """Outputs, first gradients and second gradients (which gradient penalties need) agree to float32's rounding."""
    monkeypatch.setattr(convolutions, "_MANY_CHANNEL_PAIRS", 1)
    monkeypatch.setattr(convolutions, "_FEW_PIXELS", 10**4 if few else 0)
    monkeypatch.setattr(products, "_custom_ops_are_faster", lambda: True)
    side, size, stride, padding = case
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(size=(2, side, side, 3)).astype(np.float32))
    kernel = tf.constant(random.normal(size=(size, size, 3, 5)).astype(np.float32))

    def everything(y, x):
        weights = tf.cos(tf.reshape(tf.range(tf.size(y), dtype=tf.float32), tf.shape(y)))
        first = tf.gradients(tf.reduce_sum(y * y * weights), [x, kernel])
        return [y, *first, *tf.gradients(sum(tf.reduce_sum(g * g) for g in first), [x, kernel])]

    native = tf.nn.conv2d(x, kernel, stride, padding)
    custom = everything(convolutions.conv2d(x, kernel, stride, padding), x)
    expected = everything(native, x)
    z = tf.constant(random.normal(size=native.shape).astype(np.float32))
    custom += everything(convolutions.conv2d_transpose(z, kernel, x.shape, stride, padding), z)
    expected += everything(tf.nn.conv2d_transpose(z, kernel, x.shape, stride, padding), z)
    with tf.Session() as session:
        for a, b in zip(*session.run([custom, expected]), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=3e-6 * np.abs(b).max())


@pytest.mark.parametrize("on_a_gpu", [False, True])
@pytest.mark.parametrize(
    ("channels", "side", "custom"),
    [((64, 64), 16, ""), ((64, 128), 16, "forward, input, weights"), ((64, 128), 18, "weights")],
    ids=str,
)
def test_which_are_native(channels, side, custom, on_a_gpu, graph, monkeypatch):
    """64 x 64 channels: all native. 64 x 128: none; in larger images the convolution and its input's gradient are."""
    monkeypatch.setattr(products, "_custom_ops_are_faster", lambda: not on_a_gpu)
    x = tf.zeros([1, side, side, channels[0]])
    kernel = tf.zeros([4, 4, *channels])
    y = convolutions.conv2d(x, kernel, 2, "SAME")
    w = tf.zeros(y.shape)
    z = convolutions.conv2d_transpose(w, kernel, x.shape, 2, "SAME")
    tf.gradients(y, [x, kernel])
    tf.gradients(z, [w, kernel])
    kinds = collections.Counter(op.type for op in graph.get_operations())
    custom = "" if on_a_gpu else custom
    # The forward operation and the input's gradient occur twice each: as themselves, and as the other's gradient.
    assert kinds["Conv2D"] == (0 if "forward" in custom else 2)
    assert kinds["Conv2DBackpropInput"] == (0 if "input" in custom else 2)
    assert kinds["Conv2DBackpropFilter"] == (0 if "weights" in custom else 2)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.slow
def test_second_gradients_of_convolutions_of_many_channels(strides, graph):
    """A penalty's gradient goes through a convolution's gradient. It equals that of TensorFlow's own operations."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(2, 4, 4, 512)).astype(np.float32))
    kernel = tf.constant((rng.normal(size=(3, 3, 512, 1024)) / 70).astype(np.float32))

    def slope():
        y = layers.leaky_relu(convolutions.conv2d(x, kernel, strides, "SAME"))
        penalty = tf.reduce_sum(tf.gradients(tf.reduce_sum(y**2), x)[0] ** 2)
        return tf.gradients(penalty, kernel)[0]

    custom = slope()
    with products.native():
        native = slope()
    with tf.Session() as session:
        a, b = session.run([custom, native])
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(b).max())
    assert np.abs(b).max() > 1e-3
