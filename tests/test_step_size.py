"""A guard against a slower step that needs no clock: what one iteration runs is counted, and may not grow unseen."""

import collections

import pytest

from tests.conftest import ancestors
from tests.conftest import every_recipe
from tests.conftest import random_images
from tests.test_gan import build_on_random_images
from tfgan import loop
from tfgan.datasets.batches import Batches
from tfgan.tf1 import tf

# (model, data set) -> at most so many operations in train_op; exactly so many convolutions, gradients included, and matrix
# products. The latter two by hand, as few as there can be; e.g. vanilla: two layers in each network, G runs twice (2 + 2), D on
# the joined batch (2) and for G (2); D's update needs D's weights' gradients and the second layer's input's (2 + 1), G's needs
# both inputs' of D, both weights' of G and the second layer's input's (2 + 2 + 1).
MOST = {
    ("vanilla", "mnist"): (413, 0, 16),
    ("mlp", "mnist"): (488, 0, 22),
    ("dcgan28", "mnist"): (1077, 31, 10),
    ("dcgan28", "celeba"): (1077, 31, 10),
    ("dcgan64", "mnist"): (952, 52, 0),
    ("dogs", "dogs"): (717, 17, 23),  # of these six matrix products that sum up weights
}
CONVOLUTIONS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter")


@every_recipe
def test_an_iterations_operations(model, dataset, graph):
    _, gan = build_on_random_images(model, dataset)
    operations = ancestors([gan.train_op])
    kinds = collections.Counter(op.type for op in operations)
    most, convolutions, products = MOST[model, dataset]
    assert len(operations) <= most, "more than before: is each of them needed?"
    assert (sum(kinds[name] for name in CONVOLUTIONS), kinds["MatMul"]) == (convolutions, products)


@every_recipe
def test_no_convolution_leaves_the_fast_path(model, dataset, graph):
    """Explicit padding, and any layout but NHWC on a CPU, fall off oneDNN's kernels; so does all that is not float32."""
    _, gan = build_on_random_images(model, dataset)
    for op in ancestors([gan.train_op]):
        if op.type in CONVOLUTIONS:
            assert op.get_attr("padding") in (b"SAME", b"VALID"), op.name
            assert op.get_attr("data_format") == b"NHWC", op.name
            assert op.get_attr("T") == tf.float32, op.name


@pytest.mark.parametrize(("make", "runs"), [("fused", 1), ("as_written", 2)])
def test_session_runs_of_an_iteration(make, runs, graph):
    """One; or the tutorials' two. Nothing else reaches the session between two logged iterations."""
    recipe, gan = build_on_random_images("vanilla", "mnist")
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


    step, _ = getattr(loop, make)(gan, recipe, Batches(random_images(recipe, 11), recipe, 0), 0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        counted = Counted(session)
        for iteration in range(3):
            step(counted, iteration)
        assert session.run(gan.global_step) == 3
    assert len(calls) == 3 * runs
