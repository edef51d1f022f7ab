"""Which draw each pass of the networks has: instance noise, augmentation, dropout, z, labels, a penalty's places."""

import numpy as np
import pytest

from tests.conftest import ancestors
from tests.graph.test_gan import build_on_random_images
from tests.graph.test_labels_in_graph import build_with_labels
from tfgan.tf1 import tf

# name scope -> the stream of its draws, as tfgan/graph/noise.py numbers them
STREAMS = {
    "noise": 0, "noise_1": 12, "noise_2": 1, "noise_3": 13, "augment": 8, "augment_1": 9, "augment_2": 10, "augment_3": 10,
    "d_penalty": 7, "d_penalty/augment": 11,
}  # fmt: skip


def streams_of_draws(session, update):
    """{name scope: the stream of its draws}, of all draws but variables' first values. update: their (seed, number)."""
    draws = {op for op in session.graph.get_operations() if op.type == "StatelessRandomGetKeyCounter"}
    draws -= ancestors([v.initializer for v in tf.global_variables()])
    streams = {}
    for name, (seed, number) in session.run({op.name: op.inputs[0] for op in draws}).items():
        assert (seed, number // 4096) == update
        place, stream = name.rpartition("/stateless")[0], number % 4096 // 256
        assert streams.setdefault(place, stream) == stream
    return streams


def test_what_d_sees_is_noisy_and_g_is_not(graph):
    """Five draws: real images and fakes for D, the penalty's places, and fakes for G, in `g_train_op` and in `train_op`."""
    changes = {"instance_noise": 0.5, "instance_noise_half_life": 1, "penalty": "dragan"}
    _, gan = build_on_random_images("mlp", "mnist", **changes)
    draws = [op for op in graph.get_operations() if "augment" in op.name and op.type.startswith("StatelessRandomNormal")]
    assert len(draws) == 5
    assert not set(draws) & ancestors([gan.samples.op])
    noise_of = [op for op in graph.get_operations() if op.name.startswith("augment") and op.type == "AddV2"]
    real = [op.outputs[0] for op in noise_of if op.inputs[0] is gan.input_real]
    assert len(real) == 1
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        spreads = []
        for _ in range(2):
            clean, noisy = session.run([gan.input_real, real[0]])
            spreads.append((noisy - clean).std())
            session.run(gan.train_op)
        assert streams_of_draws(session, (0, 2)) == {p: s for p, s in STREAMS.items() if p[:6] != "noise_"}
    np.testing.assert_allclose(spreads, [0.5, 0.25], rtol=0.05)  # of 3,136 values


@pytest.mark.slow
def test_every_draw_is_of_its_own_stream(graph):
    """G's update is in the graph twice, in `g_train_op` and in `train_op`, with the same draws. No two other passes share any."""
    changes = {"loss": "relativistic", "smooth": 0.0, "penalty": "dragan", "d_normalization": "layer", "z_of_g": "fresh"}
    _, gan = build_with_labels("dcgan28", "concat", seed=5, instance_noise=0.5, **changes)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(gan.global_step.assign(3))
        found = streams_of_draws(session, update=(5, 3))
    of_dropout = {
        "discriminator_real": 3, "discriminator_fake": 4, "discriminator_for_g": 5, "discriminator_for_g_after_d": 5,
        "d_penalty/discriminator_for_penalty": 6, "discriminator_real_for_g": 15, "discriminator_real_for_g_after_d": 15,
    }  # fmt: skip
    assert found == STREAMS | {f"{place}/dropout{n}": stream for place, stream in of_dropout.items() for n in ("", "_1")}
