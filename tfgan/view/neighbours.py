"""The training images that are nearest to samples, which reveal memorised ones."""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from tfgan.common import images

COUNT = 3  # how many neighbours of each sample are looked for
_MOST_VALUES = 10**9  # the most pixel values to search, which takes some seconds
_AT_A_TIME = 2**22  # pixel values that are searched together, to limit memory


class Nearest(NamedTuple):
    """The real images nearest to each of N samples, nearest first."""

    indices: np.ndarray  # [N, count]
    distances: np.ndarray  # [N, count]
    searched: int  # how many real images
    by: str = ""  # what follows "the nearest of ... training images" in a title
    format: str = ".0f"  # of a distance


def by_pixels(samples, real):
    """The `Nearest` of samples. A distance is the root mean square difference of the pixels, from 0 to 255.

    samples: uint8 [N, h, w, c]. real: uint8 [M, h', w', c'], at whose size they are compared. Real images are resized to the
    samples' size and back, so that a copy of one is at distance 0. Only the first images are searched if all have more than
    10^9 values.
    """
    wanted = images.resize_to_shape(samples, real.shape[1:]).reshape(len(samples), -1).astype(np.float64)
    searched = min(len(real), max(1, _MOST_VALUES // wanted.shape[1]))
    step = max(1, _AT_A_TIME // wanted.shape[1])
    best, indices = np.empty([len(samples), 0]), np.empty([len(samples), 0], int)
    for begin in range(0, searched, step):
        part = images.resize_round_trip(real[begin : min(begin + step, searched)], samples.shape[1:])
        part = part.reshape(-1, wanted.shape[1]).astype(np.float64)
        best = np.concatenate([best, cdist(wanted, part)], axis=1)
        numbers = np.broadcast_to(np.arange(begin, begin + len(part)), [len(samples), len(part)])
        indices = np.concatenate([indices, numbers], axis=1)
        order = np.argsort(best, axis=1, kind="stable")[:, :COUNT]
        best, indices = np.take_along_axis(best, order, 1), np.take_along_axis(indices, order, 1)
    return Nearest(indices, best / np.sqrt(wanted.shape[1]), searched)
