"""How alike images are to each other: pairwise MS-SSIM, which is high where G makes one and the same."""

import numpy as np

from tfgan.tf1 import tf
from tfgan.tf1 import tf2

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first: Wang et al. 2003
_FILTER = 11  # pixels
_ROWS = 100  # pairs at a time


def ms_ssim(images, seed=0, pairs=1000):
    """The mean multi-scale structural similarity of random pairs of images, uint8 [N, h, w, c], from below 0 to 1 (all the same).

    As a measure of G's diversity: Odena et al. 2017, arXiv:1610.09585; it is to be compared with that of real images. MS-SSIM:
    Wang et al. 2003, with as many of its five scales as the images' size allows for its window of 11 pixels (a smaller window
    where they are smaller than that), their weights normalised. Raises ValueError for fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"pairs need two images or more, not {len(images)}")
    rng = np.random.default_rng(seed)
    first = rng.integers(len(images), size=pairs)
    second = (first + rng.integers(1, len(images), size=pairs)) % len(images)  # another one
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
