"""Metrics: how close samples are to real images, by features or by pixels.

Features are float arrays [N, d]: the output of a network, or the pixels themselves. Values can only be compared if they come from
the same features and the same number of images. Sums are computed in float64. ValueError is raised for features that have another
rank, too few rows, different widths, NaN or infinity.

The libraries for these metrics, torch-fidelity and clean-fid, need PyTorch; prdc is no longer maintained.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy import special

_VALUES = 2**22  # values in a block of pairwise distances: 32 MiB
_FEW = 3  # sets of at most so many subsets' sizes have few pairs
_SPARE = 8  # additional candidates in the search for nearest neighbours


class Classes(NamedTuple):
    """What `classes_covered` returns."""

    covered: int  # the number of classes that are covered
    shares: np.ndarray  # each class's share of the samples [classes]
    imbalance: float  # from 0 to 1


def statistics(features):
    """The mean [d] and the unbiased covariance [d, d] of features [N, d]. N must be at least 2."""
    features = _rows(features, 2)
    return features.mean(0), np.cov(features, rowvar=False).reshape(features.shape[1], -1)


def frechet_distance(real, fake):
    """The squared Frechet distance of two normal distributions, each given as (mean [d], covariance [d, d]).

    |m - n|^2 + trace(A + B - 2 (A B)^(1/2)), Dowson and Landau 1982. It is 0 or more; less is better. With Inception's features
    it is the FID of Heusel et al. 2017, arXiv:1706.08500. Raises ValueError for other shapes, NaN and infinity.
    """
    (m, a), (n, b) = ([np.asarray_chkfinite(part, np.float64) for part in moments] for moments in (real, fake))
    if not (m.ndim == 1 and m.shape == n.shape and a.shape == b.shape == (len(m), len(m))):
        raise ValueError(f"means [d] and covariances [d, d] are needed, not {m.shape}, {a.shape} and {n.shape}, {b.shape}")
    # The trace of (A B)^(1/2) is the sum of the singular values of A^(1/2) B^(1/2). Unlike the eigenvalues of A B they are real,
    # need no roots of rounding errors, and exist for singular covariances.
    root = linalg.svdvals(_factor(a).T @ _factor(b)).sum()
    return float(max(0.0, ((m - n) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root))


def kernel_distance(real, fake, subsets=100, size=1000, seed=2020):
    """The squared maximum mean discrepancy: (mean, standard deviation) over random subsets. Unbiased, so it may be below 0.

    The kernel is (x . y / d + 1)^3: the KID of Binkowski et al. 2018, arXiv:1801.01401. real [N, d], fake [M, d], each with at
    least four rows. Each subset is drawn without replacement. It has at most half of the smaller set's rows: subsets of nearly
    the whole set would be nearly equal, and their deviation would say nothing. The defaults are those of torch-fidelity. With
    fake as torch-fidelity's first input, and twice as many rows as a subset, the draws and the result are the same.
    """
    real, fake = _sets(real, fake, 4, 4)
    size = min(size, len(real) // 2, len(fake) // 2)
    if subsets < 1 or size < 2:
        raise ValueError(f"at least one subset of at least two rows is needed, not {subsets} of {size}")
    draws = np.random.RandomState(seed)  # its random numbers never change between versions, unlike default_rng's
    values, all_pairs = [], None
    if max(len(real), len(fake)) <= _FEW * size and subsets > _FEW**2:  # the subsets overlap: each pair is computed once
        all_pairs = _kernel(fake, fake), _kernel(real, real), _kernel(fake, real)
    for _ in range(subsets):
        i, j = (draws.choice(len(features), size, replace=False) for features in (fake, real))
        if all_pairs:
            xx, yy, xy = (k[np.ix_(*rows)] for k, rows in zip(all_pairs, ((i, i), (j, j), (i, j)), strict=True))
        else:
            x, y = fake[i], real[j]
            xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
        within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (size * (size - 1))
        values.append(within - 2 * xy.mean())
    return float(np.mean(values)), float(np.std(values))


def precision_and_recall(real, fake, neighbours=3):
    """(precision, recall), each from 0 to 1: Kynkaanniemi et al. 2019, arXiv:1904.06991.

    Precision is the share of fake features inside a ball around any real one. Recall is the share of real features inside a ball
    around any fake one. A ball's radius is the distance from its centre to the k-th nearest other row of the same set (k:
    neighbours). Points at this distance are inside. Each set needs more than k rows.
    """
    real, fake = _sets(real, fake, *[_required_rows(neighbours)] * 2)
    shares = []
    for centres, points in ((real, fake), (fake, real)):
        balls, _ = _inside(points, centres, _radii(centres, neighbours), np.less_equal)
        shares.append(float((balls > 0).mean()))
    return tuple(shares)


def density_and_coverage(real, fake, neighbours=5):
    """(density, coverage): Naeem et al. 2020, arXiv:2002.09797.

    Density, 0 or more, is the mean number of real balls that contain a fake, divided by k (neighbours). It is near 1 if the sets
    are alike, and higher if fakes crowd in the middle. Coverage, from 0 to 1, is the share of real balls that contain a fake.

    Balls are as in `precision_and_recall`, but points at the radius are outside, as in the authors' program. The density of a
    set with itself is then 1, and a real image that occurs more than k times has an empty ball. The real set needs more than k
    rows, the fake set at least one.
    """
    real, fake = _sets(real, fake, _required_rows(neighbours), 1)
    balls, points = _inside(fake, real, _radii(real, neighbours), np.less)
    return float(balls.mean() / neighbours), float((points > 0).mean())


def classifier_score(probabilities):
    """exp of the mean KL divergence of each image's class probabilities from their mean: Salimans et al. 2016, arXiv:1606.03498.

    probabilities: [N, classes]; each row must sum to 1, or ValueError is raised. The score lies between 1 (all images are alike,
    or none is recognised) and the number of classes. With Inception's classes it is the Inception score, here of all images
    together instead of ten parts.
    """
    p = _rows(probabilities, 1)
    if p.min() < 0 or abs(p.sum(1) - 1).max() > 1e-3:
        raise ValueError("probabilities must be 0 or more, and each row must sum to 1")
    return float(np.exp(special.entr(p.mean(0)).sum() - special.entr(p).sum(1).mean()))


def classes_covered(labels, classes, real=None, least=0.01):
    """How the samples are distributed over the classes, as `Classes`.

    labels: ints [N] from 0 to classes - 1. real: each class's share of the real images [classes]; by default all are equal. A
    class is covered if its share of the samples is at least `least`. The imbalance is the total variation distance of the shares
    from the real ones, from 0 to 1: the part of the samples that would have to belong to other classes. Chance alone causes
    about 0.4 (classes / N)^(1/2). Raises ValueError for other labels or shares.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels) or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must be ints [N] from 0 to {classes - 1}, with N of 1 or more")
    real = np.full(classes, 1 / classes) if real is None else np.asarray(real, np.float64)
    if real.shape != (classes,) or not (real >= 0).all() or abs(real.sum() - 1) > 1e-3:
        raise ValueError(f"the real shares of {classes} classes must be 0 or more and sum to 1, not {real.tolist()}")
    shares = np.bincount(labels, minlength=classes) / len(labels)
    return Classes(int((shares >= least).sum()), shares, float(abs(shares - real).sum() / 2))


def recognised(real, fake, share=0.95):
    """The share of samples that a network names as it names most real images, from 0 to 1.

    real, fake: the names that it gives, ints [N] and [M]. The most frequent names of real images count, as many of them as are
    needed for `share` of these images. Of other real images about as many get such a name, a little fewer if there are few images
    for many names. Raises ValueError if there are no real images or no samples.
    """
    real, fake = np.asarray(real), np.asarray(fake)
    if not len(real) or not len(fake):
        raise ValueError(f"real images and samples are needed, not {len(real)} and {len(fake)}")
    names, counts = np.unique(real, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    needed = np.searchsorted(np.cumsum(counts[order]), share * len(real)) + 1
    return float(np.isin(fake, names[order[:needed]]).mean())


def sliced_wasserstein(real, fake, directions=512, seed=0):
    """The root mean square of the order-2 Wasserstein distances along random lines: Rabin et al. 2011. Less is better.

    real, fake: [N, d] with the same number of rows, features or pixels. Raises ValueError for different numbers.
    """
    real, fake = _sets(real, fake, 1, 1)
    if len(real) != len(fake):
        raise ValueError(f"both sets must have the same number of rows, not {len(real)} and {len(fake)}")
    lines = np.random.RandomState(seed).normal(size=(directions, real.shape[1]))
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    squares = 0.0
    step = max(1, _VALUES // len(real))
    for begin in range(0, directions, step):
        x, y = (np.sort(lines[begin : begin + step] @ features.T, axis=1) for features in (real, fake))
        squares += ((x - y) ** 2).mean(1).sum()
    return float(np.sqrt(squares / directions))


def nearest_distances(real, fake):
    """The distance of each fake to the nearest real row, [M]. real [N, d], fake [M, d]. Near 0, a fake is memorised."""
    real, fake = _sets(real, fake, 1, 1)
    return np.sqrt(_nearest(fake, real, 1))


def _factor(covariance):
    """F [d, rank], where F F^T is the covariance. Eigenvalues below the rounding error are dropped."""
    values, vectors = linalg.eigh(covariance)
    positive = values > values[-1] * len(values) * np.finfo(float).eps
    return vectors[:, positive] * np.sqrt(values[positive])


def _kernel(x, y):
    """(x . y / d + 1)^3 for all pairs. Two products are many times faster than numpy's power."""
    k = x @ y.T
    k /= x.shape[1]
    k += 1
    return k * k * k


def _radii(features, k):
    """The squared distance of each row to its k-th nearest other row, [N]."""
    return _nearest(features, features, k, same=True)


def _nearest(points, centres, k, same=False):
    """The squared distance of each point to its k-th nearest centre, [points].

    same: points and centres are the same set, and no row is its own neighbour. The matrix product finds k + _SPARE candidates,
    and their differences give the exact distances. Only if more than _SPARE other centres are equally near, up to the product's
    rounding error, may the result be off by that error.
    """
    count = min(k + _SPARE, len(centres) - same)
    distances = []
    for numbers, squares, _ in _blocks(points, centres):
        if same:
            squares[np.arange(len(numbers)), numbers] = np.inf
        columns = np.argpartition(squares, count - 1, axis=1)[:, :count]
        exact = _squares(points, centres, numbers.repeat(count), columns.ravel()).reshape(columns.shape)
        distances.append(np.partition(exact, k - 1, axis=1)[:, k - 1])
    return np.concatenate(distances)


def _inside(points, centres, radii, compare):
    """(the number of balls around centres that contain each point [points], the number of points in each ball [centres]).

    radii: squared, from `_radii`. compare: np.less_equal if points at the radius are inside, otherwise np.less.
    """
    balls, points_in_balls = [], np.zeros(len(centres), int)
    for numbers, squares, error in _blocks(points, centres):
        squares -= radii
        inside = squares < 0
        rows, columns = np.nonzero(np.abs(squares, out=squares) <= error)  # too close to decide with rounding errors
        inside[rows, columns] = compare(_squares(points, centres, numbers[rows], columns), radii[columns])
        balls.append(inside.sum(1))
        points_in_balls += inside.sum(0)
    return np.concatenate(balls), points_in_balls


def _blocks(points, centres):
    """Yields blocks of points: (their numbers [n], their squared distances to all centres [n, centres], an error bound [n, 1]).

    |x|^2 + |y|^2 - 2 x . y is a matrix product, ten times as fast as differences, but with rounding errors: a row may not be at
    distance 0 from itself. The bound limits the difference from `_squares`. It is (2 d + 16) eps (|x|^2 + |y|^2), after Higham
    2002, Accuracy and Stability of Numerical Algorithms, section 3.1. The mean of the centres is the origin, for a small bound.
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
    """The squared distances of pairs, [pairs], from differences: exactly 0 for equal rows, and always the same bits."""
    squares, step = np.empty(len(rows)), max(1, _VALUES // points.shape[1])
    for begin in range(0, len(rows), step):
        part = slice(begin, begin + step)
        squares[part] = ((points[rows[part]] - centres[columns[part]]) ** 2).sum(1)
    return squares


def _required_rows(neighbours):
    if neighbours < 1:
        raise ValueError(f"at least one neighbour is needed, not {neighbours}")
    return neighbours + 1


def _sets(real, fake, least_real, least_fake):
    real, fake = _rows(real, least_real), _rows(fake, least_fake)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"features must have the same width, not {real.shape[1]} and {fake.shape[1]}")
    return real, fake


def _rows(features, least):
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or len(features) < least or not features.shape[1]:
        raise ValueError(f"features must be [N, d] with N of {least} or more, not {list(features.shape)}")
    if not np.isfinite(features).all():
        raise ValueError("features contain NaN or infinity")
    return features
