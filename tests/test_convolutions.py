"""Convolutions that are computed otherwise, against TensorFlow's own operations."""

import numpy as np
import pytest

from tfgan import convolutions
from tfgan import products
from tfgan.tf1 import tf

# side, kernel, stride, padding: the tutorials' own, then strides, sizes and paddings at the edge of what there can be
CASES = [(8, 4, 2, "SAME"), (7, 5, 2, "SAME"), (7, 4, 1, "VALID"), (4, 4, 1, "VALID"), (14, 3, 2, "SAME"), (9, 3, 1, "SAME")]
CASES += [(8, 5, 2, "VALID"), (11, 3, 3, "SAME"), (10, 3, 3, "VALID"), (10, 2, 2, "VALID")]


@pytest.mark.parametrize("rows", [2, 100])
@pytest.mark.parametrize("limits", [(1, 1), (1, 2**30)], ids=["all", "the weights' gradient alone"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_equals_the_native_operations(case, limits, rows, graph, monkeypatch):
    """Outputs and all first gradients, and second ones (gradient penalties need them), to float32's rounding.

    rows: of dy, that the weights' gradient takes at once.
    """
    monkeypatch.setattr(convolutions, "_WEIGHTS_GRADIENT", limits[0])
    monkeypatch.setattr(convolutions, "_ALL", limits[1])
    monkeypatch.setattr(convolutions, "_KERNEL", rows * 5 * -(-case[0] // case[2]))  # of 5 channels each
    monkeypatch.setattr(products, "_pays", lambda: True)
    side, size, stride, padding = case
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(size=(2, side, side, 3)).astype(np.float32))
    kernel = tf.constant(random.normal(size=(size, size, 3, 5)).astype(np.float32))

    def everything(y, x):
        weights = tf.cos(tf.reshape(tf.range(tf.size(y), dtype=tf.float32), tf.shape(y)))
        first = tf.gradients(tf.reduce_sum(y * y * weights), [x, kernel])
        return [y, *first, *tf.gradients(sum(tf.reduce_sum(g * g) for g in first), [x, kernel])]

    native = tf.nn.conv2d(x, kernel, stride, padding)
    ours = everything(convolutions.conv2d(x, kernel, stride, padding), x)
    theirs = everything(native, x)
    z = tf.constant(random.normal(size=native.shape).astype(np.float32))
    ours += everything(convolutions.conv2d_transpose(z, kernel, x.shape, stride, padding), z)
    theirs += everything(tf.nn.conv2d_transpose(z, kernel, x.shape, stride, padding), z)
    with tf.Session() as session:
        for a, b in zip(*session.run([ours, theirs]), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=3e-6 * np.abs(b).max())


@pytest.mark.parametrize("on_a_gpu", [False, True])
@pytest.mark.parametrize(
    ("channels", "native"), [((64, 64), "all"), ((64, 128), "but the weights'"), ((512, 1024), "none")], ids=str
)
def test_which_are_native(channels, native, on_a_gpu, graph, monkeypatch):
    monkeypatch.setattr(products, "_pays", lambda: not on_a_gpu)
    x = tf.zeros([1, 8, 8, channels[0]])
    kernel = tf.zeros([4, 4, *channels])
    y = convolutions.conv2d(x, kernel, 2, "SAME")
    tf.gradients(y, [x, kernel])
    found = [op for op in graph.get_operations() if op.type.startswith("Conv2D")]
    dilated = [op for op in found if list(op.get_attr("dilations")) == [1, 2, 2, 1]]
    all_three = {"Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"}
    few = {"all": all_three, "but the weights'": all_three - {"Conv2DBackpropFilter"}, "none": set()}
    assert {op.type for op in found if op not in dilated} == (all_three if on_a_gpu else few[native])
    assert len(dilated) == (native != "all" and not on_a_gpu)
