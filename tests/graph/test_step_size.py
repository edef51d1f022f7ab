"""A guard against slower iterations that needs no clock: it counts the operations and session runs of an iteration."""

import collections
import json
import platform
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ancestors
from tests.conftest import every_recipe
from tests.conftest import random_images
from tests.conftest import small
from tests.graph.test_gan import build_on_random_images
from tfgan.common import images
from tfgan.datasets.batches import Batches
from tfgan.datasets.pipeline import Pipeline
from tfgan.tf1 import tf
from tfgan.training import steps

# (model, data set) -> (the most operations that train_op may have; its convolutions, gradients included; its matrix products).
# The latter two are counted by hand and as few as possible. For example vanilla, which has two layers in each network: G runs
# twice (2 + 2); D runs on real images, on fakes and for G (2 + 2 + 2). D's update needs, twice, the gradients of D's weights
# and of the second layer's input (2 + 1). G's update needs those of D's two inputs, of G's weights and of its second layer's
# input (2 + 2 + 1). Weights' gradients are computed row by row in large images: three of dcgan64, of 16 rows each, and one of
# dogs, of 28, for real and for fake images.
MOST = {
    ("vanilla", "mnist"): (350, 0, 21),
    ("mlp", "mnist"): (472, 0, 30),
    ("dcgan28", "mnist"): (1268, 31, 10),
    ("dcgan28", "celeba"): (1268, 31, 10),
    ("dcgan64", "mnist"): (1674, 97, 0),
    ("dogs", "dogs"): (1445, 76, 26),  # three of the matrix products sum up weights
}
CONVOLUTIONS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "Conv3D", "Conv3DBackpropInputV2")


@every_recipe
def test_an_iterations_operations(model, dataset, graph):
    _, gan = build_on_random_images(model, dataset)
    operations = ancestors([gan.train_op])
    kinds = collections.Counter(op.type for op in operations)
    most, convolutions, products = MOST[model, dataset]
    assert len(operations) <= most, "more operations than before: is each of them needed?"
    assert (sum(kinds[name] for name in CONVOLUTIONS), kinds["MatMul"]) == (convolutions, products)


@every_recipe
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="TensorFlow has oneDNN's kernels on x86 alone")
def test_no_convolution_leaves_the_fast_path(model, dataset, graph):
    """Each convolution that TensorFlow runs in an iteration has oneDNN's kernel, whose name begins with _Mkl."""
    _, gan = build_on_random_images(model, dataset)
    ran = tf.RunMetadata()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(gan.train_op, options=tf.RunOptions(output_partition_graphs=True), run_metadata=ran)
    kinds = collections.Counter(node.op for part in ran.partition_graphs for node in part.node if "Conv" in node.op)
    assert sum(kinds.values()) == MOST[model, dataset][1]
    assert [kind for kind in kinds if not kind.startswith("_Mkl")] == []


@pytest.mark.parametrize("last_batch", ["keep", "join"])
def test_python_is_called_once_for_a_block_of_batches(last_batch, graph):
    """Whatever is fetched, and in whatever order, and each batch is the right one."""
    recipe = small("mlp", "mnist").replace(subset=None, last_batch=last_batch)
    batches = Batches(random_images(recipe, 11), recipe, 0)
    calls = []
    whole_block = batches.block
    batches.block = lambda number: calls.append(int(number)) or whole_block(number)
    iteration = tf.placeholder(tf.int64, [])
    pipeline = Pipeline(batches, recipe)
    batch, rows = pipeline(iteration), tf.convert_to_tensor(pipeline.part(iteration).rows)
    per_block = batches.per_block
    asked = [0, 1, 1, per_block - 1, per_block, per_block + 1, 3 * per_block - 1, 0, 0]
    with tf.Session() as session:
        for n in asked:
            values, count = session.run([batch, rows], {iteration: n})
            expected = images.preprocess_array(batches.images[batches.indices(n)], recipe.image_shape, recipe.value_range)
            np.testing.assert_allclose(values, expected, atol=1e-6)
            assert count == len(expected)
    assert calls == [0, 1, 2, 0]


@pytest.mark.slow
def test_a_sessions_threads_are_the_models():
    """vanilla's operations have one thread each. The setting works only if nothing starts TensorFlow's thread pools before."""
    script = """if True:
        import numpy as np, tfgan
        from tfgan.training.session import session_config
        from tfgan.datasets.batches import Batches
        from tfgan.datasets.pipeline import Pipeline
        from tfgan.tf1 import tf
        from tensorflow.python.eager import context
        recipe = tfgan.recipe("vanilla").replace(subset=None)
        with tf.Graph().as_default():
            gan = tfgan.build(recipe, 0, Pipeline(Batches(np.zeros([200, 28, 28, 1], np.uint8), recipe, 0), recipe))
            assert not context.context()._initialized
            assert session_config(recipe).intra_op_parallelism_threads == 1
            assert session_config(recipe, as_written=True).intra_op_parallelism_threads == 0
            assert session_config(tfgan.recipe("mlp")).intra_op_parallelism_threads == 0
    """
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(("make", "runs"), [("fused", 1), ("as_written", 2)])
def test_session_runs_of_an_iteration(make, runs, graph):
    """One run, or the tutorials' two. Nothing else calls the session between two logged iterations."""
    recipe, gan = build_on_random_images("vanilla", "mnist")
    batches = Batches(random_images(recipe, 11), recipe, 0)
    calls = []

    class Counted:
        """A session that counts."""

        def __init__(self, session):
            self._session = session

        def run(self, *arguments):
            calls.append(arguments)
            return self._session.run(*arguments)

        def make_callable(self, fetches):
            run = self._session.make_callable(fetches)
            return lambda: calls.append(fetches) or run()

    makers = {"fused": lambda: steps.fused(gan, {}), "as_written": lambda: steps.as_written(gan, {}, recipe, batches, 0)}
    step, _ = makers[make]()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        counted = Counted(session)
        for iteration in range(3):
            step(counted, iteration)
        assert session.run(gan.global_step) == 3
    assert len(calls) == 3 * runs


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["tfgan", "written"])
def test_the_benchmark_runs(variant):
    """An iteration of benchmarks.train_step's own processes, which no other test starts."""
    command = [sys.executable, "-m", "benchmarks.train_step", "--work", variant, "vanilla", "4"]
    ran = subprocess.run(command, input="1\n", capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    seconds, memory = json.loads(ran.stdout)
    assert 0 < seconds < 60
    assert 0 < memory < 24
