"""The similarity of images to each other: pairwise MS-SSIM. It is high if G always makes the same image."""

import numpy as np

from tfgan.tf1 import tf
from tfgan.tf1 import tf2

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first: Wang et al. 2003
_FILTER = 11  # pixels: the side of the window
_ROWS = 100  # pairs at a time


def ms_ssim(images, seed=0, pairs=1000):
    """The mean multi-scale structural similarity of random pairs of images. It is at most 1 (all images are equal).

    images: uint8 [N, h, w, c]. Odena et al. 2017, arXiv:1610.09585, use it to measure G's diversity, compared with that of real
    images. MS-SSIM is from Wang et al. 2003: it uses as many of the five scales as the images' size allows with a window of 11
    pixels, and their weights are normalised. Smaller images get a smaller window. Raises ValueError for fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"at least two images are needed, not {len(images)}")
    rng = np.random.default_rng(seed)
    first = rng.integers(len(images), size=pairs)
    second = (first + rng.integers(1, len(images), size=pairs)) % len(images)  # never the same image
    side = min(images.shape[1:3])
    window = min(_FILTER, side)
    scales = max(1, min(len(_WEIGHTS), int(np.log2(side / window)) + 1))
    weights = np.array(_WEIGHTS[:scales]) / sum(_WEIGHTS[:scales])
    with tf.Graph().as_default() as graph:
        a, b = (tf.placeholder(tf.uint8, [None, *images.shape[1:]]) for _ in range(2))
        alike = tf2.image.ssim_multiscale(a, b, 255, power_factors=weights.tolist(), filter_size=window)
        graph.finalize()
    with tf.Session(graph=graph) as session:
        found = [
            session.run(alike, {a: images[first[begin : begin + _ROWS]], b: images[second[begin : begin + _ROWS]]})
            for begin in range(0, pairs, _ROWS)
        ]
    return float(np.concatenate(found).astype(np.float64).mean())
