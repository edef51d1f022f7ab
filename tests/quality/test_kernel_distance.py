"""The kernel distance, against loops and against itself."""

import math

import numpy as np
import pytest
from scipy import stats

from tests.quality.test_metrics import pair
from tfgan.quality import metrics


def test_kernel_distance_by_loops():
    real, fake = pair(7, 7, 3)

    def kernel(x, y):
        return (sum(a * b for a, b in zip(x, y, strict=True)) / 3 + 1) ** 3

    within = sum(kernel(s[i], s[j]) for s in (real, fake) for i in range(7) for j in range(7) if i != j) / (7 * 6)
    across = sum(kernel(x, y) for x in real for y in fake) / 49
    mean, spread = metrics.kernel_distance(real, fake, subsets=3)
    assert mean == pytest.approx(within - 2 * across, rel=1e-12)
    assert spread < 1e-14  # each subset is the whole set


def test_kernel_distance_is_unbiased():
    sets = np.random.RandomState(0).normal(size=(300, 3, 30, 4))
    same = [metrics.kernel_distance(x, y, subsets=1)[0] for x, y, _ in sets]
    other = [metrics.kernel_distance(x, 1.5 * z, subsets=1)[0] for x, _, z in sets]
    assert min(same) < 0
    assert abs(np.mean(same)) < 2 * stats.sem(same)
    assert np.mean(other) > 10 * stats.sem(other)


def test_kernel_distance_of_overlapping_subsets(monkeypatch):
    """Pairs that several subsets have in common are computed once, where that is less work; the figures are the same."""
    real, fake = np.random.default_rng(0).normal(size=(2, 120, 300))
    whole = metrics.kernel_distance(real, 1.5 * fake[:100], 12, 40)
    calls, kernel = [], metrics._kernel
    monkeypatch.setattr(metrics, "_kernel", lambda x, y: calls.append((len(x), len(y))) or kernel(x, y))
    assert metrics.kernel_distance(real, 1.5 * fake[:100], 12, 40) == whole
    assert calls == [(100, 100), (120, 120), (100, 120)]
    monkeypatch.setattr(metrics, "_FEW", 2)
    assert metrics.kernel_distance(real, 1.5 * fake[:100], 12, 40) == pytest.approx(whole, rel=1e-9)
    assert calls[3:] == [(40, 40)] * 36


def test_kernel_distances_subsets():
    real, fake = pair(300, 200, 4)
    mean, spread = metrics.kernel_distance(real, fake, size=50)
    whole, _ = metrics.kernel_distance(real, fake, size=200)
    assert 0 < abs(mean - whole) < 3 * spread / math.sqrt(100)
    assert metrics.kernel_distance(real, fake, 5) == metrics.kernel_distance(real, fake, 5, 200)
    assert metrics.kernel_distance(real, fake, 5, 50, seed=1) != metrics.kernel_distance(real, fake, 5, 50, seed=2)
