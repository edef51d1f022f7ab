"""The similarity of images to each other: pairwise MS-SSIM. It is high if G always makes the same image."""

import functools

import numpy as np

from tfgan.tf1 import Session
from tfgan.tf1 import tf

_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])  # of the scales, finest first: Wang et al. 2003
_WINDOW, _SIGMA = 11, 1.5  # pixels: the side of the Gaussian window, and its standard deviation
_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2  # added to denominators, for values from 0 to 1
_ROWS = 100  # pairs at a time


def ms_ssim(images, seed=0, pairs=1000):
    """The mean multi-scale structural similarity of random pairs of images. It is at most 1 (all images are equal).

    images: uint8 [N, h, w, c]. Odena et al. 2017, arXiv:1610.09585, use it to measure G's diversity, compared with that of real
    images. MS-SSIM is from Wang et al. 2003. As in Karras et al. 2018, arXiv:1710.10196, it always has five scales. A scale that
    is smaller than the window of 11 pixels has a smaller window. Sides are multiples of 16 there; here the last row or column of
    a scale with an odd side is repeated. Raises ValueError for fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"at least two images are needed, not {len(images)}")
    rng = np.random.default_rng(seed)
    first = rng.integers(len(images), size=pairs)
    second = (first + rng.integers(1, len(images), size=pairs)) % len(images)  # never the same image
    # Few images make few different pairs, and each is computed once.
    numbers, places = np.unique(first * len(images) + second, return_inverse=True)
    first, second = np.divmod(numbers, len(images))
    similarity, starts = _comparison(images.shape[1:]), range(0, len(first), _ROWS)
    parts = [similarity(images[first[begin : begin + _ROWS]], images[second[begin : begin + _ROWS]]) for begin in starts]
    return float(np.concatenate(parts)[places].mean())


@functools.lru_cache(maxsize=1)
def _comparison(shape):
    """A function of two arrays, uint8 [N, *shape], that gives the MS-SSIM of each pair, [N]. shape: (h, w, c)."""
    with tf.Graph().as_default() as graph:
        a, b = (tf.placeholder(tf.uint8, [None, *shape]) for _ in range(2))
        similarity = _multi_scale(*(tf.cast(x, tf.float64) / 255 for x in (a, b)))
        graph.finalize()
    session = Session(graph=graph)
    return lambda *pairs: session.run(similarity, dict(zip((a, b), pairs, strict=True)))


def _multi_scale(a, b):
    """The MS-SSIM of each pair, [N]. a, b: float64 [N, h, w, c], 0 to 1."""
    product = 1.0
    for weight in _WEIGHTS[:-1]:
        product *= tf.nn.relu(_single_scale(a, b)[1]) ** weight
        a, b = _halve(a), _halve(b)
    return product * tf.nn.relu(_single_scale(a, b)[0]) ** _WEIGHTS[-1]


def _single_scale(a, b):
    """(the SSIM of each pair, the part of it that compares contrast and structure), [N] each."""
    height, width, channels = a.shape[1:]
    size = min(_WINDOW, height, width)
    line = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / (_SIGMA * size / _WINDOW)) ** 2)
    line = np.tile((line / line.sum())[:, None, None], [1, 4 * channels, 1])
    x = tf.concat([a, b, a * a + b * b, a * b], 3)
    for kernel in (line[:, None], line[None]):
        x = tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "VALID")
    mean_a, mean_b, squares, products = tf.split(x, 4, 3)
    means, square_means = mean_a * mean_b, mean_a**2 + mean_b**2
    contrast = (2 * (products - means) + _CONTRAST) / (squares - square_means + _CONTRAST)
    luminance = (2 * means + _LUMINANCE) / (square_means + _LUMINANCE)
    return [tf.reduce_mean(x, [1, 2, 3]) for x in (luminance * contrast, contrast)]


def _halve(x):
    """The means of squares of 2 x 2 pixels."""
    odd = [[0, int(size) % 2] for size in x.shape[1:3]]
    return tf.nn.avg_pool2d(tf.pad(x, [[0, 0], *odd, [0, 0]], "SYMMETRIC"), 2, 2, "VALID")
