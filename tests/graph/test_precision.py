"""Layers in bfloat16 against float32 on operands that NumPy's types have rounded, and what is never rounded."""

import collections

import ml_dtypes
import numpy as np
import pytest

import tfgan
from tests.conftest import ancestors
from tests.conftest import random_images
from tests.conftest import small
from tests.graph.test_step_size import CONVOLUTIONS
from tests.graph.test_step_size import MOST
from tfgan.common import machine
from tfgan.datasets.batches import Batches
from tfgan.datasets.pipeline import Pipeline
from tfgan.graph import precision
from tfgan.graph.fast import convolutions
from tfgan.graph.fast import products
from tfgan.tf1 import tf

HALF_A_STEP = 2.0**-8  # of bfloat16's 8 bits: the most that rounding changes a number by, as a share of it
PRODUCTS = (*CONVOLUTIONS, "MatMul")
# these compute nothing
ARRANGE = ("Cast", "ExpandDims", "IdentityN", "Pad", "Shape", "Split", "SplitV", "Squeeze", "StridedSlice", "Transpose")

in_bfloat16 = pytest.mark.skipif(
    "avx512f" not in (machine.cpuinfo() or {}).get("flags", ""), reason="oneDNN has no bfloat16 without AVX-512"
)

# name -> (layer, TensorFlow's own operation, shape of x, shape of the kernel); channels that take the native form, and custom
# ones with few and with many pixels
LAYERS = {
    "product": (products.matmul, tf.matmul, (6, 40), (40, 24)),
    "padded product": (products.matmul, tf.matmul, (6, 40), (40, 1024)),
    "native": (
        lambda x, w: convolutions.conv2d(x, w, 2, "SAME"), lambda x, w: tf.nn.conv2d(x, w, 2, "SAME"), (4, 8, 8, 3), (5, 5, 3, 8)
    ),
    "few pixels": (
        lambda x, w: convolutions.conv2d(x, w, 2, "SAME"), lambda x, w: tf.nn.conv2d(x, w, 2, "SAME"), (4, 8, 8, 64),
        (3, 3, 64, 128),
    ),
    "many pixels": (
        lambda x, w: convolutions.conv2d(x, w, 1, "VALID"), lambda x, w: tf.nn.conv2d(x, w, 1, "VALID"), (2, 12, 12, 64),
        (3, 3, 64, 128),
    ),
    "transposed": (
        lambda x, w: convolutions.conv2d_transpose(x, w, [4, 8, 8, 64], 2, "SAME"),
        lambda x, w: tf.nn.conv2d_transpose(x, w, [4, 8, 8, 64], 2, "SAME"), (4, 4, 4, 128), (3, 3, 64, 128),
    ),
}  # fmt: skip


def rounded(array):
    return np.asarray(array).astype(ml_dtypes.bfloat16).astype(np.float32)


@in_bfloat16
@pytest.mark.parametrize("name", LAYERS)
def test_operands_are_rounded_once_and_results_once(name, graph):
    """Outputs and both gradients. Sums of many products stay exact enough that only the last rounding may differ by a step."""
    layer, native, x_shape, kernel_shape = LAYERS[name]
    random = np.random.default_rng(0)
    x, w = (random.normal(size=shape).astype(np.float32) for shape in (x_shape, kernel_shape))
    x_in, w_in = tf.placeholder(tf.float32, x_shape), tf.placeholder(tf.float32, kernel_shape)  # constants would be folded
    y = native(x_in, w_in)
    dy = random.normal(size=y.shape).astype(np.float32)
    dy_in = tf.placeholder(tf.float32, y.shape)
    exact = [y, *tf.gradients(y, [x_in, w_in], dy_in)]
    with precision.computing_in("bfloat16"):
        y = layer(x_in, w_in)
        ours = [y, *tf.gradients(y, [x_in, w_in], dy_in)]
    with tf.Session() as session:
        of_rounded = session.run(exact, {x_in: rounded(x), w_in: rounded(w), dy_in: rounded(dy)})
        found, of_all_bits = session.run([ours, exact], {x_in: x, w_in: w, dy_in: dy})
    for index, (a, b, c) in enumerate(zip(found, of_rounded, of_all_bits, strict=True)):
        assert a.dtype == np.float32
        assert np.abs(a - b).max() <= 1.1 * HALF_A_STEP * np.abs(b).max()
        np.testing.assert_array_equal(a, rounded(a))
        if name == "many pixels" and index == 2:  # the weights' gradient: a sum, in float32, of rows that are rounded
            assert np.abs(a - b).mean() < 1.1 * np.abs(a - c).mean()
            continue
        assert np.abs(a - b).mean() < 0.6 * np.abs(a - c).mean(), "the operands were not rounded"


def test_other_formats_leave_the_graph_as_it_is(graph):
    x, w = tf.zeros([6, 40]), tf.zeros([40, 24])
    for number_format in ("float32", "float16"):
        with precision.computing_in(number_format):
            products.matmul(x, w)
    with pytest.raises(ZeroDivisionError), precision.computing_in("bfloat16"):
        raise ZeroDivisionError
    products.matmul(x, w)
    assert tf.bfloat16 not in {tensor.dtype for op in graph.get_operations() for tensor in op.outputs}


def built(model, dataset, number_format):
    recipe = small(model, dataset).replace(subset=None)
    batches = Batches(random_images(recipe, 11), recipe, 0)
    return tfgan.build(recipe, 0, Pipeline(batches, recipe), number_format)


@pytest.mark.parametrize(("model", "dataset"), MOST)
def test_all_products_of_layers_are_in_bfloat16_and_nothing_else(model, dataset, graph):
    """All but those that sum up the dogs' weights; what else has this type arranges numbers and computes none."""
    gan = built(model, dataset, "bfloat16")
    operations = [op for op in ancestors([gan.train_op]) if op.outputs]
    kinds = collections.Counter(op.type for op in operations if op.outputs[0].dtype.base_dtype == tf.bfloat16)
    _, convolutions, matrix_products = MOST[model, dataset]
    sums_of_weights = 3 if model == "dogs" else 0
    assert kinds["MatMul"] == matrix_products - sums_of_weights
    assert sum(kinds[kind] for kind in PRODUCTS) == convolutions + matrix_products - sums_of_weights
    assert set(kinds) <= {*PRODUCTS, *ARRANGE}
    assert {v.dtype.base_dtype for v in tf.global_variables()} == {tf.float32, tf.int64}
    assert gan.d_loss.dtype == gan.g_loss.dtype == gan.samples.dtype == tf.float32


def test_all_products_of_a_penalty_are_in_bfloat16(graph):
    """compact's recipe has R1, the gradient of a gradient. Its graph has as many products as in float32."""
    counts = {}
    for number_format in precision.FORMATS:
        with tf.Graph().as_default():
            operations = ancestors([built("compact", "mnist", number_format).train_op])
            counts[number_format] = collections.Counter(op.outputs[0].dtype for op in operations if op.type in PRODUCTS)
    products_in_all = counts["float32"][tf.float32]
    assert counts == {
        "float32": {tf.float32: products_in_all}, "float16": {tf.float32: products_in_all},
        "bfloat16": {tf.bfloat16: products_in_all},
    }  # fmt: skip


@in_bfloat16
def test_a_gradients_gradient_rounds_its_operands(graph):
    """Of y = x w with the gradient dy given: dx = dy w', and of half the sum of dx^2: dw = dx' dy. Results are rounded."""
    random = np.random.default_rng(0)
    x, w, dy = (random.normal(size=shape).astype(np.float32) for shape in ((6, 40), (40, 24), (6, 24)))
    x_in, w_in, dy_in = (tf.placeholder(tf.float32, array.shape) for array in (x, w, dy))
    with precision.computing_in("bfloat16"):
        (dx,) = tf.gradients(products.matmul(x_in, w_in), [x_in], dy_in)
        (dw,) = tf.gradients(tf.nn.l2_loss(dx), [w_in])
    with tf.Session() as session:
        found = session.run([dx, dw], {x_in: x, w_in: w, dy_in: dy})
    of_rounded = (rounded(dy) @ rounded(w).T, found[0].T @ rounded(dy))
    for a, b in zip(found, of_rounded, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1.1 * HALF_A_STEP * np.abs(b).max())
        np.testing.assert_array_equal(a, rounded(a))
    exact = (dy @ w.T).T @ dy
    assert np.abs(found[1] - of_rounded[1]).mean() < 0.6 * np.abs(found[1] - exact).mean(), "the operands were not rounded"


@in_bfloat16
@pytest.mark.slow
@pytest.mark.parametrize(("model", "dataset", "casts"), [("mlp", "mnist", 65), ("dcgan28", "mnist", 89)])
def test_what_tensorflow_makes_of_it(model, dataset, casts, graph):
    """In the graph that runs, each product has oneDNN's kernel in bfloat16, and there are not many more casts than operands."""
    gan = built(model, dataset, "bfloat16")
    ran = tf.RunMetadata()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(gan.train_op, options=tf.RunOptions(output_partition_graphs=True), run_metadata=ran)
    nodes = [node for part in ran.partition_graphs for node in part.node]
    bfloat16 = tf.bfloat16.as_datatype_enum
    kernels = [node for node in nodes if "Conv" in node.op or "MatMul" in node.op]
    assert len(kernels) == sum(MOST[model, dataset][1:])
    assert all(node.op.startswith("_Mkl") and node.attr["T"].type == bfloat16 for node in kernels)
    found = [node for node in nodes if node.op == "Cast" and bfloat16 in (node.attr["SrcT"].type, node.attr["DstT"].type)]
    assert len(found) <= casts
