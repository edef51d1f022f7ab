"""The kernel distance, against loops and against itself."""

import math

import numpy as np
import pytest
from scipy import stats

from tests.quality.test_metrics import pair
from tfgan.quality import metrics


def test_kernel_distance_by_loops():
    """Of 15 rows and 20 each subset has seven, drawn as torch-fidelity draws them: of the fakes first."""
    real, fake = pair(20, 15, 3)
    draws = np.random.RandomState(2020)

    def kernel(x, y):
        return (sum(a * b for a, b in zip(x, y, strict=True)) / 3 + 1) ** 3

    expected = []
    for _ in range(3):
        y, x = (rows[draws.choice(len(rows), 7, replace=False)] for rows in (fake, real))
        within = sum(kernel(s[i], s[j]) for s in (x, y) for i in range(7) for j in range(7) if i != j) / (7 * 6)
        expected.append(within - 2 * sum(kernel(a, b) for a in x for b in y) / 49)
    mean, spread = metrics.kernel_distance(real, fake, subsets=3)
    assert mean == pytest.approx(np.mean(expected), rel=1e-12)
    assert spread == pytest.approx(np.std(expected), rel=1e-9)


@pytest.mark.parametrize("count", [60, 1000, 1001])
def test_the_spread_is_that_of_independent_sets(count):
    """Within a factor of 3, also where a subset of 1,000 would be all rows, or all but one."""
    sets = np.random.RandomState(0).normal(size=(2, 12, count, 8))
    apart = [metrics.kernel_distance(x[: count // 2], 1.2 * y[: count // 2], subsets=1)[0] for x, y in zip(*sets, strict=True)]
    spread = metrics.kernel_distance(sets[0, 0], 1.2 * sets[1, 0])[1]
    assert np.std(apart) / 3 < spread < 3 * np.std(apart)


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
    larger, _ = metrics.kernel_distance(real, fake, size=100)
    assert 0 < abs(mean - larger) < 3 * spread / math.sqrt(100)
    assert metrics.kernel_distance(real, fake, 5) == metrics.kernel_distance(real, fake, 5, 200)
    assert metrics.kernel_distance(real, fake, 5, 50, seed=1) != metrics.kernel_distance(real, fake, 5, 50, seed=2)
