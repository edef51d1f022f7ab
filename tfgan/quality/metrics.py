"""How near samples are to real images, in numbers: of features, and of pixels.

Features are float arrays [N, d], a network's or the pixels themselves. Which, and of how many images, belongs to every figure:
with other ones it is another figure. Sums are taken in float64. Features that are not of that rank, fewer than are needed, of
another width than the other set's, or NaN or infinite, raise ValueError.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy import special

_VALUES = 2**22  # of a block, where all pairs are looked at: 32 MiB
_SPARE = 8  # candidates more than neighbours are wanted


class Classes(NamedTuple):
    covered: int
    shares: np.ndarray
    imbalance: float


def statistics(features):
    """features [N, d], N of 2 or more -> (their mean [d], their covariance [d, d], unbiased)."""
    features = _rows(features, 2)
    return features.mean(0), np.cov(features, rowvar=False).reshape(features.shape[1], -1)


def frechet_distance(real, fake):
    """The squared Frechet distance of two normal distributions, each (mean [d], covariance [d, d]); 0 or more, less is nearer.

    |m - n|^2 + trace(A + B - 2 (A B)^(1/2)): Dowson and Landau 1982; of Inception's features it is the FID of Heusel et al.
    2017, arXiv:1706.08500. Raises ValueError for other shapes, and for NaN and infinity.
    """
    (m, a), (n, b) = ([np.asarray_chkfinite(part, np.float64) for part in moments] for moments in (real, fake))
    if not (m.ndim == 1 and m.shape == n.shape and a.shape == b.shape == (len(m), len(m))):
        raise ValueError(f"means [d] and covariances [d, d] are needed, not {m.shape}, {a.shape} and {n.shape}, {b.shape}")
    # The trace of (A B)^(1/2) is the sum of the singular values of A^(1/2) B^(1/2). No root is taken of a difference's rounding
    # error, as with the eigenvalues of A B, nothing imaginary has to be dropped, and a singular covariance needs nothing added.
    root = linalg.svdvals(_factor(a).T @ _factor(b)).sum()
    return float(max(0.0, ((m - n) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root))


def kernel_distance(real, fake, subsets=100, size=1000, seed=2020):
    """(mean, standard deviation over subsets) of the squared maximum mean discrepancy, unbiased: it may be below 0.

    With the kernel (x . y / d + 1)^3: Binkowski et al. 2018, arXiv:1801.01401, where it is called KID. real [N, d], fake
    [M, d], two rows or more. Each subset is drawn anew without replacement; its size is at most that of the smaller set. The
    number of subsets, their size and the seed are torch-fidelity's. So are the draws if fake is its first input: then the
    digits are the same.
    """
    real, fake = _sets(real, fake, 2, 2)
    size = min(size, len(real), len(fake))
    if subsets < 1 or size < 2:
        raise ValueError(f"one subset or more, each of two rows or more, are needed, not {subsets} of {size}")
    draws = np.random.RandomState(seed)  # its streams are frozen, unlike those of default_rng
    values = []
    for _ in range(subsets):
        x, y = (features[draws.choice(len(features), size, replace=False)] for features in (fake, real))
        xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
        within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (size * (size - 1))
        values.append(within - 2 * xy.mean())
    return float(np.mean(values)), float(np.std(values))


def precision_and_recall(real, fake, neighbours=3):
    """(precision, recall), each from 0 to 1: Kynkaanniemi et al. 2019, arXiv:1904.06991.

    The share of fake features inside a ball about some real one, and of real ones inside a ball about some fake one. A ball's
    radius is the distance from its centre to the k-th nearest other row of its own set, and is inside. A set needs more than k
    rows.
    """
    real, fake = _sets(real, fake, *[_more_than(neighbours)] * 2)
    shares = []
    for centres, points in ((real, fake), (fake, real)):
        balls, _ = _inside(points, centres, _radii(centres, neighbours), np.less_equal)
        shares.append(float((balls > 0).mean()))
    return tuple(shares)


def density_and_coverage(real, fake, neighbours=5):
    """(density, coverage): Naeem et al. 2020, arXiv:2002.09797.

    Density, 0 or more: in how many real balls a fake lies, by k; near 1 where the sets are alike, above where fakes crowd in
    the middle. Coverage, from 0 to 1: the share of real balls with a fake in them. Balls as in `precision_and_recall`, but, as
    in the authors' own program, the radius is outside: of a set to itself the density is 1, and a real image that is there more
    than k times has an empty ball. The real set needs more than k rows, the fake one a single row.
    """
    real, fake = _sets(real, fake, _more_than(neighbours), 1)
    balls, points = _inside(fake, real, _radii(real, neighbours), np.less)
    return float(balls.mean() / neighbours), float((points > 0).mean())


def classifier_score(probabilities):
    """exp of the mean divergence of each image's classes from those of all: Salimans et al. 2016, arXiv:1606.03498.

    probabilities [N, classes], rows that sum up to 1, or ValueError. From 1 (all alike, or nothing told apart) to the number of
    classes. With Inception's classes it is the Inception score, here of all images together, not of ten parts.
    """
    p = _rows(probabilities, 1)
    if p.min() < 0 or abs(p.sum(1) - 1).max() > 1e-3:
        raise ValueError("probabilities are 0 or more and sum up to 1 in each row")
    return float(np.exp(special.entr(p.mean(0)).sum() - special.entr(p).sum(1).mean()))


def classes_covered(labels, classes, real=None, least=0.01):
    """Which classes the samples are of: (covered, shares, imbalance).

    labels: ints [N] in [0, classes), or ValueError. real: each class's share of the real images [classes]; without it all the
    same. covered: how many classes have at least the share `least` of the samples. shares: each one's [classes]. imbalance: the
    total variation distance of the shares from the real ones, from 0 to 1: what part of the samples would have to be of another
    class. Chance alone makes about 0.4 (classes / N)^(1/2) of it.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels) or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels are ints [N] from 0 to {classes - 1}, N of 1 or more")
    real = np.full(classes, 1 / classes) if real is None else np.asarray(real, np.float64)
    if real.shape != (classes,) or not (real >= 0).all() or abs(real.sum() - 1) > 1e-3:
        raise ValueError(f"the real shares of {classes} classes are 0 or more and sum up to 1, not {real.tolist()}")
    shares = np.bincount(labels, minlength=classes) / len(labels)
    return Classes(int((shares >= least).sum()), shares, float(abs(shares - real).sum() / 2))


def sliced_wasserstein(real, fake, directions=512, seed=0):
    """The root of the mean square, over random lines, of the order-2 Wasserstein distance along a line: Rabin et al. 2011.

    real, fake: [N, d] of as many rows, features or pixels. 0 or more, less is nearer.
    """
    real, fake = _sets(real, fake, 1, 1)
    if len(real) != len(fake):
        raise ValueError(f"as many rows of both are needed, not {len(real)} and {len(fake)}")
    lines = np.random.RandomState(seed).normal(size=(directions, real.shape[1]))
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    squares = 0.0
    step = max(1, _VALUES // len(real))
    for begin in range(0, directions, step):
        x, y = (np.sort(lines[begin : begin + step] @ features.T, axis=1) for features in (real, fake))
        squares += ((x - y) ** 2).mean(1).sum()
    return float(np.sqrt(squares / directions))


def nearest_distances(real, fake):
    """Each fake's distance to its nearest real one, [M]; features [N, d], [M, d], or pixels. Near 0 it was learnt by heart."""
    real, fake = _sets(real, fake, 1, 1)
    return np.sqrt(_nearest(fake, real, 1))


def _factor(covariance):
    """F [d, rank] with F F^T the covariance. What is below its eigenvalues' rounding error is left out."""
    values, vectors = linalg.eigh(covariance)
    kept = values > values[-1] * len(values) * np.finfo(float).eps
    return vectors[:, kept] * np.sqrt(values[kept])


def _kernel(x, y):
    """(x . y / d + 1)^3 of all pairs; two products are many times faster than numpy's power."""
    k = x @ y.T
    k /= x.shape[1]
    k += 1
    return k * k * k


def _radii(features, k):
    """Each row's squared distance to its k-th nearest other row, [N]."""
    return _nearest(features, features, k, same=True)


def _nearest(points, centres, k, same=False):
    """Each point's squared distance to its k-th nearest centre, [points]. same: they are one set, and a row is not its own.

    Candidates, some more than k, are taken by the matrix product, the nearest of them by differences. That is exact unless more
    than _SPARE others are just as near but for the product's rounding, and then but for that.
    """
    count = min(k + _SPARE, len(centres) - same)
    found = []
    for numbers, squares, _ in _blocks(points, centres):
        if same:
            squares[np.arange(len(numbers)), numbers] = np.inf
        columns = np.argpartition(squares, count - 1, axis=1)[:, :count]
        exact = _squares(points, centres, numbers.repeat(count), columns.ravel()).reshape(columns.shape)
        found.append(np.partition(exact, k - 1, axis=1)[:, k - 1])
    return np.concatenate(found)


def _inside(points, centres, radii, compare):
    """(in how many of the centres' balls each point lies [points], how many points lie in each ball [centres]).

    radii: squared, by `_radii`. compare: np.less_equal where the radius belongs to the ball, np.less where it does not.
    """
    balls, held = [], np.zeros(len(centres), int)
    for numbers, squares, error in _blocks(points, centres):
        squares -= radii
        inside = squares < 0
        rows, columns = np.nonzero(np.abs(squares, out=squares) <= error)  # what rounding decided
        inside[rows, columns] = compare(_squares(points, centres, numbers[rows], columns), radii[columns])
        balls.append(inside.sum(1))
        held += inside.sum(0)
    return np.concatenate(balls), held


def _blocks(points, centres):
    """Block by block (the points' numbers [n], their squared distances to all centres [n, centres], the error's bound [n, 1]).

    |x|^2 + |y|^2 - 2 x . y is a matrix product, ten times as fast as differences, and rounds: a row need not be at distance 0
    from itself. The bound is of what it is off `_squares`: (2 d + 16) eps (|x|^2 + |y|^2), after Higham 2002, Accuracy and
    Stability of Numerical Algorithms, section 3.1. The centres' mean is the origin, which keeps it small.
    """
    origin = centres.mean(0)
    centres = centres - origin
    lengths = (centres**2).sum(1)
    relative = (2 * centres.shape[1] + 16) * np.finfo(float).eps
    step = max(1, _VALUES // len(centres))
    for begin in range(0, len(points), step):
        block = points[begin : begin + step] - origin
        own = (block**2).sum(1, keepdims=True)
        squares = block @ centres.T
        squares *= -2
        squares += own
        squares += lengths
        yield np.arange(begin, begin + len(block)), squares, relative * (own + lengths.max())


def _squares(points, centres, rows, columns):
    """The squared distances of pairs, [pairs], by differences: of equal rows exactly 0, of one pair always the same bits."""
    found, step = np.empty(len(rows)), max(1, _VALUES // points.shape[1])
    for begin in range(0, len(rows), step):
        part = slice(begin, begin + step)
        found[part] = ((points[rows[part]] - centres[columns[part]]) ** 2).sum(1)
    return found


def _more_than(neighbours):
    if neighbours < 1:
        raise ValueError(f"one neighbour or more is needed, not {neighbours}")
    return neighbours + 1


def _sets(real, fake, least_real, least_fake):
    real, fake = _rows(real, least_real), _rows(fake, least_fake)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"features of one width are needed, not {real.shape[1]} and {fake.shape[1]}")
    return real, fake


def _rows(features, least):
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or len(features) < least or not features.shape[1]:
        raise ValueError(f"features are [N, d] with N of {least} or more, not {list(features.shape)}")
    if not np.isfinite(features).all():
        raise ValueError("features hold NaN or infinity")
    return features
