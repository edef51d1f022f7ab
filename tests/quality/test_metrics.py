"""Measures of quality, against other programs' figures, naive loops, closed forms and numbers computed by hand."""

import inspect
import math

import numpy as np
import pytest
from scipy import linalg
from scipy import stats
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from tfgan.quality import metrics
from tfgan.quality import similarity


def pair(n, m, d, seed=0):
    """Two sets of features, not far apart; the legacy generator, whose numbers are frozen."""
    draws = np.random.RandomState(seed)
    return draws.normal(size=(n, d)), 0.9 * draws.normal(size=(m, d)) + 0.1


def test_other_programs_figures():
    """torch-fidelity 0.4.0 (Frechet, kernel, precision, recall, score; float64 features), prdc 0.2 (density, coverage)."""
    real, fake = pair(500, 400, 16)
    frechet = metrics.frechet_distance(metrics.statistics(real), metrics.statistics(fake))
    assert frechet == pytest.approx(0.6164408899960172, rel=1e-5)
    kernel = metrics.kernel_distance(real, fake, subsets=10, size=100)
    assert kernel == pytest.approx((0.04630974587899006, 0.03058567354293676), rel=1e-5)
    assert metrics.precision_and_recall(real, fake) == pytest.approx((0.8875, 0.612), rel=1e-5)
    assert metrics.density_and_coverage(real, fake) == pytest.approx((1.6005, 0.98), rel=1e-5)
    logits = 3 * np.random.RandomState(1).normal(size=(200, 10))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert metrics.classifier_score(probabilities) == pytest.approx(3.7675501748135325, rel=1e-5)


def test_statistics_and_frechet_distance_by_hand():
    """On a line, means 2 and 4, variances 2 and 16: 2^2 + (2^(1/2) - 4)^2 = 22 - 8 2^(1/2); and of independent features."""
    mean, covariance = metrics.statistics(np.float32([[1, 0], [3, 4], [5, 2]]))
    assert (mean.tolist(), covariance.tolist(), covariance.dtype) == ([3, 2], [[4, 2], [2, 4]], np.float64)
    value = metrics.frechet_distance(metrics.statistics([[1], [3]]), metrics.statistics([[0], [4], [8]]))
    assert value == pytest.approx(22 - 8 * math.sqrt(2), rel=1e-14)
    m, n, a, b = np.random.RandomState(0).uniform(0.1, 3, (4, 10))
    expected = ((m - n) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert metrics.frechet_distance((m, np.diag(a)), (n, np.diag(b))) == pytest.approx(expected, rel=1e-13)


def test_frechet_distance_by_the_matrix_root():
    """The paper's formula, as it is written."""
    for d in (2, 5, 30):
        (m, a), (n, b) = (metrics.statistics(features) for features in pair(200, 150, d))
        expected = ((m - n) ** 2).sum() + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
        assert metrics.frechet_distance((m, a), (n, b)) == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_of_singular_covariances():
    """Fewer rows than features; by these, X and Y, centred: trace (A B)^(1/2) is the sum of the singular values of X Y^T."""
    real, fake = pair(20, 30, 100)
    x, y = (real - real.mean(0)) / math.sqrt(19), (fake - fake.mean(0)) / math.sqrt(29)
    roots = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    expected = ((real.mean(0) - fake.mean(0)) ** 2).sum() + (x**2).sum() + (y**2).sum() - 2 * roots
    assert metrics.frechet_distance(metrics.statistics(real), metrics.statistics(fake)) == pytest.approx(expected, rel=1e-12)
    constant = metrics.statistics(np.zeros([5, 100]))
    expected = (real.mean(0) ** 2).sum() + (x**2).sum()
    assert metrics.frechet_distance(metrics.statistics(real), constant) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("rows", "d"), [(20, 50), (400, 50), (100, 2)])
def test_frechet_distance_to_itself_and_shifted(rows, d):
    features, other = pair(rows, rows, d)
    a, b, shift = metrics.statistics(features), metrics.statistics(other), np.linspace(-1, 2, d)
    to_itself = [metrics.frechet_distance(a, metrics.statistics(np.roll(features, i, axis=0))) for i in range(9)]
    assert 0 <= min(to_itself) <= max(to_itself) <= 1e-13 * np.trace(a[1])
    assert metrics.frechet_distance(a, b) == pytest.approx(metrics.frechet_distance(b, a), rel=1e-13)
    assert metrics.frechet_distance(a, (a[0] + shift, a[1])) == pytest.approx((shift**2).sum(), rel=1e-13)
    assert metrics.frechet_distance(a, metrics.statistics(features + shift)) == pytest.approx((shift**2).sum(), rel=1e-12)


def test_balls_on_a_line_by_hand():
    """One neighbour. Real balls: -9 +- 9, 0 +- 1, 1 +- 1, 3 +- 2, 7 +- 4; fake: 0.5 +- 1.5, 2 +- 1.5, 5 +- 3, 12 +- 7.

    0.5 lies within two real balls, 2 in one and on an edge, 5 so too, 12 in none; of the real ones only -9 in no fake ball.
    """
    real, fake = np.array([[-9, 0, 1, 3, 7]]).T, np.array([[0.5, 2, 5, 12]]).T
    assert metrics.precision_and_recall(real, fake, 1) == (3 / 4, 4 / 5)
    assert metrics.density_and_coverage(real, fake, 1) == (4 / 4, 4 / 5)


def test_edges_of_balls():
    """-2 and 4 lie on the edges of 0 +- 2 and 2 +- 2: inside for Kynkaanniemi et al., outside for Naeem et al."""
    real, fake = np.array([[0], [2]]), np.array([[-2], [4]])
    assert metrics.precision_and_recall(real, fake, 1) == (1, 1)
    assert metrics.density_and_coverage(real, fake, 1) == (0, 0)
    nearer, further = np.array([[-2], [np.nextafter(4, 0)]]), np.array([[-2], [np.nextafter(4, 5)]])
    assert metrics.density_and_coverage(real, nearer, 1) == (1 / 2, 1 / 2)
    assert metrics.precision_and_recall(real, further, 1) == (1 / 2, 1)


def naive(real, fake, k):
    """((precision, recall), (density, coverage)) by all differences at once."""
    within, across, fakes = (((x[:, None] - y) ** 2).sum(2) for x, y in ((real, real), (real, fake), (fake, fake)))
    real_radii, fake_radii = (np.sort(squares, axis=1)[:, k] for squares in (within, fakes))  # the first is the row itself
    inside = across < real_radii[:, None]
    precision, recall = (across <= real_radii[:, None]).any(0).mean(), (across <= fake_radii).any(1).mean()
    return (precision, recall), (inside.sum(0).mean() / k, inside.any(1).mean())


def balls_sets():
    """Pairs of sets: random ones, and such as a careless comparison of distances gets wrong."""
    draws, (real, fake) = np.random.RandomState(3), pair(90, 70, 6, 3)
    last_bits = 1 + np.finfo(np.float32).eps * draws.randint(-1, 2, (70, 6))
    return {
        **{f"random, {sizes}": pair(*sizes) for sizes in ((200, 150, 2), (100, 180, 40), (7, 6, 3), (60, 60, 400))},
        "lattice": (draws.randint(0, 3, (90, 4)), draws.randint(0, 3, (70, 4))),
        "constant features": tuple(np.hstack([x, np.full([len(x), 2], 0.1)]) for x in (real, fake)),
        "far from the origin": (real + 2**26, fake + 2**26),
        "one far out": (real * np.where(np.arange(90) == 0, 1e7, 1)[:, None], fake),
        "fakes all one real image": (real, np.repeat(real[:1], 70, axis=0)),
        "fakes alike to float32's last bit": (real, np.float32(real[0]) * last_bits),
        "ten fakes alike to nine digits": (real, np.concatenate([fake, real[0] * (1 + 1e-9 * fake[:10])])),
        "each row twice": (np.repeat(real, 2, axis=0), np.repeat(fake, 2, axis=0)),
        "copies": (real, np.concatenate([real[:40], fake])),
        "more alike than neighbours": tuple(np.concatenate([x, np.full([9, 6], 0.1)]) for x in (real, fake)),
    }


SETS = balls_sets()


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("name", SETS)
def test_balls_by_all_differences(name, k):
    real, fake = SETS[name]
    for x, y in ((real, fake), (fake, real), (real, real), (fake, fake)):
        precision_recall, density_coverage = naive(x, y, k)
        assert metrics.precision_and_recall(x, y, k) == precision_recall
        assert metrics.density_and_coverage(x, y, k) == pytest.approx(density_coverage, rel=1e-14)


def test_a_set_to_itself():
    """Density: a ball holds its centre and the k - 1 before the radius; each row twice, four and not five are before it."""
    for features in (features for two in SETS.values() for features in two):
        assert metrics.precision_and_recall(features, features) == (1, 1)
    for features in (pair(200, 1, 64)[0], *SETS["far from the origin"], *SETS["constant features"]):
        twice = np.repeat(features, 2, axis=0)
        assert metrics.density_and_coverage(features, features) == (1, 1)
        assert metrics.density_and_coverage(twice, twice) == (0.8, 1)
    nine_alike = SETS["more alike than neighbours"][0]
    assert metrics.density_and_coverage(nine_alike, nine_alike)[1] == pytest.approx(90 / 99)


def test_classifier_score_by_hand_and_by_scipy():
    for classes in (1, 2, 10):
        assert metrics.classifier_score(np.eye(classes).repeat(3, axis=0)) == pytest.approx(classes, rel=1e-14)
    assert metrics.classifier_score(np.tile([0.5, 0.3, 0.2, 0], [7, 1])) == pytest.approx(1, rel=1e-14)
    # entropy ln 2 of all; of the first two rows 0, of the third ln 2
    assert metrics.classifier_score([[1, 0], [0, 1], [0.5, 0.5]]) == pytest.approx(2 ** (2 / 3), rel=1e-14)
    probabilities = np.random.RandomState(0).dirichlet([0.2] * 10, size=300)
    expected = np.exp(stats.entropy(probabilities, probabilities.mean(0, keepdims=True), axis=1).mean())
    assert metrics.classifier_score(probabilities) == pytest.approx(expected, rel=1e-12)
    assert metrics.classifier_score(np.float32(probabilities)) == pytest.approx(expected, rel=1e-5)


def test_classes_by_hand():
    """Shares 3/4, 1/4 and 0; off a third each by 5/12 too much, off (1/2, 1/4, 1/4) by 1/4."""
    found = metrics.classes_covered([0, 1, 0, 0], 3)
    assert (found.covered, found.shares.tolist()) == (2, [0.75, 0.25, 0])
    assert found.imbalance == pytest.approx(5 / 12)
    assert metrics.classes_covered([0, 1, 0, 0], 3, real=[0.5, 0.25, 0.25]).imbalance == 0.25
    assert metrics.classes_covered([0, 1, 0, 0], 3, real=[0, 0, 1]).imbalance == 1
    assert [metrics.classes_covered([0, 1, 0, 0], 3, least=least).covered for least in (0.25, 0.3)] == [2, 1]
    assert metrics.classes_covered([0] * 982 + [1] * 10 + [2] * 8, 3).covered == 2, "a hundredth of the samples is enough"
    draws = np.random.RandomState(0)
    chance = np.mean([metrics.classes_covered(draws.randint(0, 10, 1000), 10).imbalance for _ in range(200)])
    assert chance == pytest.approx(0.4 * math.sqrt(10 / 1000), rel=0.1)


def test_recognised_by_hand():
    """Of 20 real images 12 are called 7, 6 are called 2, 1 each 5 and 9: 19 of 20 need 7, 2 and 5, the smaller of the two."""
    real = [7] * 12 + [9] + [2] * 6 + [5]
    assert metrics.recognised(real, [7, 2, 5, 9, 1]) == 0.6
    assert metrics.recognised(real, [7, 2, 5, 9, 1], share=0.9) == 0.4, "18 of 20 are just enough"
    assert metrics.recognised(real, [7, 2, 5, 9, 1], share=0.91) == 0.6
    assert metrics.recognised(real, real, share=1) == 1
    assert metrics.recognised([3], [3, 4]) == 0.5
    for sets in (([], [1]), ([1], [])):
        with pytest.raises(ValueError, match="real images and samples are needed"):
            metrics.recognised(*sets)


def test_sliced_wasserstein_on_a_line():
    """There all directions are one; the distance is the best assignment's."""
    real, fake = pair(60, 60, 1)
    cost = (real - fake.T) ** 2
    best = math.sqrt(cost[linear_sum_assignment(cost)].mean())
    assert metrics.sliced_wasserstein(real, fake) == pytest.approx(best, rel=1e-12)
    assert metrics.sliced_wasserstein(real, real - 3) == pytest.approx(3, rel=1e-13)


def test_sliced_wasserstein_of_a_translation():
    """Of a unit vector the mean square along random lines is 1 / d; 20,000 of them are off by some (2 / 20,000)^(1/2)."""
    real, fake = pair(10, 10, 5)
    shifted = metrics.sliced_wasserstein(real, real + [0, 3, 0, 4, 0], directions=20_000)
    assert shifted == pytest.approx(5 / math.sqrt(5), rel=0.02)
    assert metrics.sliced_wasserstein(real, real) == 0
    assert metrics.sliced_wasserstein(real, fake) == metrics.sliced_wasserstein(fake, real)
    assert metrics.sliced_wasserstein(real, fake, seed=0) != metrics.sliced_wasserstein(real, fake, seed=1)


@pytest.mark.parametrize("d", [1, 3, 200])
def test_nearest_distances_by_scipy(d):
    real, fake = (features + 1e4 for features in pair(150, 80, d))
    fake[:5] = real[140:145]
    found = metrics.nearest_distances(real, fake)
    np.testing.assert_allclose(found, cdist(fake, real).min(1), rtol=1e-13)
    assert ((found == 0) == (np.arange(80) < 5)).all()


def test_the_order_of_rows_makes_no_difference():
    real, fake = pair(90, 90, 7)
    order = np.random.RandomState(1).permutation(90)
    exact, near = [], []
    for x, y in ((real, fake), (real[order], fake[order[::-1]])):
        exact.append([*metrics.precision_and_recall(x, y), *metrics.density_and_coverage(x, y)])
        frechet = metrics.frechet_distance(metrics.statistics(x), metrics.statistics(y))
        score = metrics.classifier_score(abs(x) / abs(x).sum(1, keepdims=True))
        near.append([frechet, score, metrics.sliced_wasserstein(x, y), *np.sort(metrics.nearest_distances(x, y))])
    assert exact[0] == exact[1]
    np.testing.assert_allclose(near[0], near[1], rtol=1e-12)


@pytest.mark.parametrize("values", [1, 1000])
def test_the_size_of_blocks_makes_no_difference(monkeypatch, values):
    sets = [SETS["copies"], SETS["lattice"], pair(90, 90, 7)]
    expected = [f(*two) for f in (metrics.precision_and_recall, metrics.density_and_coverage) for two in sets]
    nearest, sliced = metrics.nearest_distances(*sets[0]), metrics.sliced_wasserstein(*sets[2])
    monkeypatch.setattr(metrics, "_VALUES", values)
    assert [f(*two) for f in (metrics.precision_and_recall, metrics.density_and_coverage) for two in sets] == expected
    np.testing.assert_array_equal(metrics.nearest_distances(*sets[0]), nearest)
    assert metrics.sliced_wasserstein(*sets[2]) == pytest.approx(sliced, rel=1e-12)


@pytest.mark.parametrize(("measure", "least"), [
    (metrics.kernel_distance, 4), (metrics.precision_and_recall, 4), (metrics.density_and_coverage, 6),
    (metrics.sliced_wasserstein, 1), (metrics.nearest_distances, 1),
])  # fmt: skip
def test_features_that_are_refused(measure, least):
    good = np.random.RandomState(0).normal(size=(8, 3))
    measure(good[:least], good[:least])
    for bad in (good[: least - 1], good[0], good[None], good[:, :0]):
        with pytest.raises(ValueError, match=rf"N of {least} or more, not \[{', '.join(map(str, bad.shape))}\]"):
            measure(bad, good)
    for value in (np.nan, np.inf, -np.inf):
        bad = np.where(good == good[2, 1], value, good)
        for sets in ((bad, good), (good, bad)):
            with pytest.raises(ValueError, match="NaN or infinity"):
                measure(*sets)
    with pytest.raises(ValueError, match="must have the same width, not 3 and 2"):
        measure(good, good[:, :2])


GOOD, MOMENTS = np.ones([8, 3]), metrics.statistics(np.ones([8, 3]))


@pytest.mark.parametrize(("measure", "given", "message"), [
    (metrics.statistics, (GOOD[:1],), r"N of 2 or more, not \[1, 3\]"), (metrics.statistics, (GOOD * np.inf,), "infinity"),
    (metrics.precision_and_recall, (GOOD, GOOD, 0), "at least one neighbour is needed, not 0"),
    (metrics.precision_and_recall, (GOOD, GOOD[:3]), "N of 4 or more"),
    (metrics.density_and_coverage, (GOOD, GOOD, 8), "of 9"), (metrics.density_and_coverage, (GOOD, GOOD[:0]), "of 1 or more"),
    (metrics.kernel_distance, (GOOD, GOOD, 100, 1), "not 100 of 1"), (metrics.kernel_distance, (GOOD, GOOD, 0), "not 0 of 4"),
    (metrics.sliced_wasserstein, (GOOD, GOOD[:5]), "not 8 and 5"),
    (metrics.frechet_distance, (MOMENTS, metrics.statistics(GOOD[:, :2])), r"not \(3,\), \(3, 3\) and \(2,\), \(2, 2\)"),
    (metrics.frechet_distance, (MOMENTS, (MOMENTS[0] * np.nan, MOMENTS[1])), "NaN"),
    (metrics.frechet_distance, (MOMENTS, (MOMENTS[0], MOMENTS[1] * np.nan)), "NaN"),
    (metrics.classifier_score, (GOOD,), "sum to 1"), (metrics.classifier_score, ([[1.5, -0.5]],), "0 or more"),
    (metrics.classifier_score, ([0.5, 0.5],), r"not \[2\]"), (metrics.classes_covered, ([0, 3], 3), "from 0 to 2"),
    (metrics.classes_covered, ([0, -1], 3), "from 0 to 2"), (metrics.classes_covered, ([], 3), "N of 1 or more"),
    (metrics.classes_covered, ([0.5], 3), "ints"), (metrics.classes_covered, ([0], 3, [0.5, 0.5]), "of 3 classes"),
    (metrics.classes_covered, ([0], 2, [np.nan, 1]), "sum to 1"),
])  # fmt: skip
def test_what_else_is_refused(measure, given, message):
    with pytest.raises(ValueError, match=message):
        measure(*given)


@pytest.mark.parametrize(("measure", "expected"), [
    (metrics.kernel_distance, {"subsets": 100, "size": 1000, "seed": 2020}), (metrics.precision_and_recall, {"neighbours": 3}),
    (metrics.density_and_coverage, {"neighbours": 5}), (metrics.classes_covered, {"real": None, "least": 0.01}),
    (metrics.sliced_wasserstein, {"directions": 512, "seed": 0}), (similarity.ms_ssim, {"seed": 0, "pairs": 1000}),
])  # fmt: skip
def test_the_defaults_of_the_metrics(measure, expected):
    """Those of torch-fidelity and of the papers: figures of other ones cannot be compared."""
    parameters = inspect.signature(measure).parameters.items()
    assert {name: p.default for name, p in parameters if p.default is not inspect.Parameter.empty} == expected


def test_how_far_sums_may_be_from_one():
    for sum_of, good in ((1.0009, True), (1.0011, False), (0.9991, True), (0.9989, False)):
        for measure, given in ((metrics.classifier_score, ([[sum_of, 0]],)), (metrics.classes_covered, ([0], 2, [sum_of, 0]))):
            if good:
                measure(*given)
            else:
                with pytest.raises(ValueError, match="sum to 1"):
                    measure(*given)


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
