"""The digits that come with tfgan are those that scikit-learn has, too."""

import pathlib

import numpy as np
from sklearn.datasets import load_digits

from tests.conftest import load_data
from tfgan.datasets import digits


def test_the_file_has_scikit_learns_digits():
    levels, shown = digits.levels_and_digits()
    np.testing.assert_array_equal(levels, load_digits().images)
    np.testing.assert_array_equal(shown, load_digits().target)
    assert levels.dtype == shown.dtype == np.uint8


def test_what_is_trained_on():
    """Its SHA-256 identifies the data of every run on them: other bits would orphan those runs."""
    data = load_data("mlp", pathlib.Path("nowhere"), "digits")
    assert (data.images.shape, data.images.dtype, data.labels.dtype) == ((1797, 10, 10, 1), np.uint8, np.int32)
    assert data.sha256 == "c9787dcc5a4cedb6a3be66aa82227c08567273d8ae27e39c9deaf73ca3c3a5ef"
    assert np.unique(data.images).tolist() == [round(level * 255 / 16) for level in range(17)]
    assert np.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180], "UCI's own counts"
