"""Keys of draws, and the distributions of noise."""

import itertools
import math

import numpy as np
import pytest

from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.tf1 import tf


def test_every_draw_has_a_key_of_its_own(graph):
    """No two draws of a run share a key, whatever the iteration, the purpose and the layer."""
    iterations, counters = [0, 1, 2, 10_000, 2**40], set()
    draws = list(itertools.product(iterations, Stream, [0, 1, 255]))
    keys = tf.stack([noise.key(5, i, stream, layer) for i, stream, layer in draws])
    with tf.Session() as session:
        values = session.run(keys)
    assert (values[:, 0] == 5).all()
    counters = set(values[:, 1].tolist())
    assert len(counters) == len(draws)
    assert min(counters) >= 0 > noise.initial_key(5, "generator/dense/kernel")[1]
    for (i, stream, layer), value in zip(draws, values[:, 1], strict=True):
        assert value == i * 4096 + stream * 256 + layer


def test_key_refuses_a_stream_that_would_meet_the_next_number(graph):
    with pytest.raises(ValueError, match=r"stream 16 is not in \[0, 16\)"):
        noise.key(0, 1, 16)


def test_key_refuses_a_layer_that_would_meet_the_next_stream(graph):
    with pytest.raises(ValueError, match="256"):
        noise.key(0, 0, Stream.Z_D, 256)


def test_latent_distributions(graph):
    """100,000 numbers of each kind have its mean, its deviation and its bounds."""
    uniform = noise.latent("uniform", [1000, 100], noise.key(0, 0, Stream.Z_D))
    normal = noise.latent("normal", [1000, 100], noise.key(0, 0, Stream.Z_D))
    with tf.Session() as session:
        u, n = session.run([uniform, normal])
    # 100,000 values: standard errors 0.0018 and 0.0032 of the means
    assert u.min() >= -1
    assert u.max() < 1
    assert u.min() < -0.999 < 0.999 < u.max()
    assert abs(u.mean()) < 0.009
    assert abs(u.std() - 1 / math.sqrt(3)) < 0.005
    assert abs(n.mean()) < 0.016
    assert abs(n.std() - 1) < 0.012
    assert np.abs(n).max() > 3.7


def test_latent_refuses_other_names(graph):
    with pytest.raises(ValueError, match="gauss"):
        noise.latent("gauss", [1], [0, 0])
