"""Augmentations of images whose result is known."""

import numpy as np

from tfgan.graph import augment
from tfgan.tf1 import tf


def keys(draw):
    return [7, draw]


def test_translation_shifts_and_cutout_cuts(graph):
    x = np.random.default_rng(0).uniform(0.2, 0.4, (200, 16, 16, 1)).astype(np.float32)
    shifted, cut = (f(tf.constant(x), (0.0, 1.0), keys) for f in (augment.translation, augment.cutout))
    with tf.Session() as session:
        shifted, cut = session.run([shifted, cut])
    seen = set()
    for image, moved in zip(x[..., 0], shifted[..., 0], strict=True):
        padded = np.pad(image, 2, constant_values=0.5)
        fits = [(r, c) for r in range(5) for c in range(5) if np.allclose(padded[r : r + 16, c : c + 16], moved, atol=1e-6)]
        assert len(fits) == 1
        seen.add(fits[0])
    assert len(seen) == 25, "by up to an eighth of 16 pixels, both ways"
    sizes = set()
    for image, holed in zip(x[..., 0], cut[..., 0], strict=True):
        hole = np.abs(holed - 0.5) < 1e-6
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole[np.ix_(rows, columns)].all(), "a rectangle"
        np.testing.assert_allclose(holed[~hole], image[~hole], atol=1e-6)
        sizes.add((len(rows), len(columns)))
    assert max(sizes) == (8, 8)
    assert min(size[0] for size in sizes) == 4, "it may reach out of the image by half"


def test_color_changes_brightness_saturation_and_contrast(graph):
    """x -> s (x - grey) + grey + b, then its distance from its mean times c; b, s and c are drawn by the key."""
    x = np.random.default_rng(0).uniform(-1, 1, (50, 4, 4, 3)).astype(np.float32)
    with tf.Session() as session:
        found = session.run(augment.color(tf.constant(x), (-1.0, 1.0), keys))
        b, s, c = session.run([tf.random.stateless_uniform([50, 1, 1, 1], keys(draw)) for draw in range(3)])
    y = x + (b - 0.5)
    grey = y.mean(3, keepdims=True)
    y = (y - grey) * 2 * s + grey
    mean = y.mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, (y - mean) * (c + 0.5) + mean, atol=1e-5)
