"""The faster form of products against TensorFlow's own, and where custom operations serve."""

import numpy as np
import pytest

from tests.conftest import ancestors
from tfgan.graph.fast import products
from tfgan.tf1 import tf


@pytest.mark.parametrize(("width", "padded"), [(1024, True), (2048, True), (1023, False), (512, False)])
def test_a_product_its_gradients_and_second_ones(width, padded, graph, monkeypatch):
    """For y = x k: dx = dy k', dk = x' dy; by k, the sum of squares of dx has the gradient 2 dx' dy. Wide kernels are padded."""
    monkeypatch.setattr(products, "_custom_ops_are_faster", lambda: True)
    random = np.random.default_rng(0)
    x, k, dy = (random.normal(size=shape).astype(np.float32) for shape in [(3, 5), (5, width), (3, width)])
    of_x, of_k = tf.constant(x), tf.constant(k)
    y = products.matmul(of_x, of_k)
    dx, dk = tf.gradients(y, [of_x, of_k], dy)
    (second,) = tf.gradients(tf.reduce_sum(dx * dx), of_k)
    assert y.shape == [3, width]
    assert any(op.type == "Pad" for op in ancestors([y.op])) == padded
    with tf.Session() as session:
        found = session.run([y, dx, dk, second])
    x, k, dy = (a.astype(np.float64) for a in (x, k, dy))
    for a, b in zip(found, [x @ k, dy @ k.T, x.T @ dy, 2 * (dy @ k.T).T @ dy], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6 * np.abs(b).max())


@pytest.mark.parametrize("on_a_gpu", [False, True])
def test_where_the_plain_product_is_wanted(on_a_gpu, graph, monkeypatch):
    monkeypatch.setattr(products, "_custom_ops_are_faster", lambda: not on_a_gpu)
    x, k = tf.zeros([2, 3]), tf.zeros([3, 1024])
    with products.native():
        plain = products.matmul(x, k)
    assert plain.op.type == "MatMul"
    assert (products.matmul(x, k).op.type == "MatMul") == on_a_gpu


@pytest.mark.parametrize(("onednn", "gpus", "pays"), [(True, [], True), (True, ["a GPU"], False), (False, [], False)])
def test_where_custom_operations_serve(onednn, gpus, pays, monkeypatch):
    monkeypatch.setattr(products, "onednn", lambda: onednn)
    monkeypatch.setattr(products, "gpus", lambda: gpus)
    assert products._custom_ops_are_faster.__wrapped__() == pays
