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
    samples' size and back, so that a copy of one is at distance 0. Only every n-th image is searched if all have more than
    10^9 values.
    """
    wanted = images.resize_to_shape(samples, real.shape[1:]).reshape(len(samples), -1).astype(np.float64)
    searched = images.evenly_spaced(max(1, _MOST_VALUES // wanted.shape[1]), len(real))
    step = max(1, _AT_A_TIME // wanted.shape[1])
    best, indices = np.empty([len(samples), 0]), np.empty([len(samples), 0], int)
    for begin in range(0, len(searched), step):
        numbers = searched[begin : begin + step]
        part = images.resize_round_trip(real[numbers], samples.shape[1:]).reshape(-1, wanted.shape[1]).astype(np.float64)
        best = np.concatenate([best, cdist(wanted, part)], axis=1)
        indices = np.concatenate([indices, np.broadcast_to(numbers, [len(samples), len(part)])], axis=1)
        order = np.argsort(best, axis=1, kind="stable")[:, :COUNT]
        best, indices = np.take_along_axis(best, order, 1), np.take_along_axis(indices, order, 1)
    return Nearest(indices, best / np.sqrt(wanted.shape[1]), len(searched))
