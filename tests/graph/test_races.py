"""No two operations of a session run race for a variable."""

from tests.conftest import ancestors
from tests.conftest import every_recipe
from tests.graph.test_gan import build_on_random_images
from tfgan.graph.measures import measures_of_d
from tfgan.tf1 import tf


@every_recipe
def test_no_run_reads_and_writes_a_variable_in_any_order(model, dataset, graph):
    assert_nothing_races(build_on_random_images(model, dataset)[1])


def assert_nothing_races(gan):
    """If two operations of one run use the same variable and one of them writes it, one must depend on the other.

    Otherwise the result depends on which thread is faster: a test passes a hundred times and fails on a busy machine.
    """
    logged = [*measures_of_d(gan).values(), gan.fake, gan.input_real]
    runs = [
        [gan.d_train_op, *logged],
        [gan.g_train_op, gan.g_loss],
        [gan.train_op, gan.g_loss_updated, *logged],
    ]
    for fetches in runs:
        operations = ancestors(getattr(f, "op", f) for f in fetches)
        touching = {}
        for op in operations:
            for tensor in op.inputs:
                if tensor.dtype == tf.resource:
                    touching.setdefault(tensor.op.name, []).append(op)
        assert len(touching) > 12
        before = {}
        for name, users in touching.items():
            writes = [op for op in users if op.type != "ReadVariableOp"]
            for write in writes:
                for other in users:
                    if other is not write:
                        for op in (write, other):
                            if op not in before:
                                before[op] = ancestors([op])
                        assert write in before[other] or other in before[write], f"{name}: {write.name} races {other.name}"
