"""The training images that are nearest to samples, which reveal memorised ones: by pixels, or in the features of ImageNet.

A copied photo that is shifted or has other colours is far away by its pixels, and near by its features.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from tfgan.common import images
from tfgan.quality import cache

COUNT = 3  # how many neighbours of each sample are looked for
_MOST_VALUES = 10**9  # by pixels: the most pixel values to search, which takes some seconds
_AT_A_TIME = 2**22  # by pixels: values that are searched together, to limit memory
_MOST_IMAGES = 20_000  # by features: the most training images to search; with two cores, about two minutes, once
_COMPARED = 250  # by features: how many training images tell how far apart training images are


class Nearest(NamedTuple):
    """The real images nearest to each of N samples, nearest first."""

    indices: np.ndarray  # [N, COUNT]
    distances: np.ndarray  # [N, COUNT]
    searched: int  # how many real images
    by: str = ""  # what follows "the nearest of ... training images" in a title
    format: str = ".0f"  # of a distance


def by_pixels(samples, real):
    """The `Nearest` of samples. A distance is the root mean square difference of the pixels, from 0 to 255.

    samples: uint8 [N, h, w, c]. real: uint8 [M, h', w', c'], at whose size they are compared. Real images are resized to the
    samples' size and back, so that a copy of one is at distance 0. Only every n-th image is searched if all have more than
    10^9 values.
    """
    pixels = images.resize_to_shape(samples, real.shape[1:]).reshape(len(samples), -1).astype(np.float64)
    rows = images.evenly_spaced(max(1, _MOST_VALUES // pixels.shape[1]), len(real))
    step = max(1, _AT_A_TIME // pixels.shape[1])
    best, indices = np.empty([len(samples), 0]), np.empty([len(samples), 0], int)
    for begin in range(0, len(rows), step):
        numbers = rows[begin : begin + step]
        part = images.resize_round_trip(real[numbers], samples.shape[1:]).reshape(-1, pixels.shape[1]).astype(np.float64)
        best = np.concatenate([best, cdist(pixels, part)], axis=1)
        indices = np.concatenate([indices, np.broadcast_to(numbers, [len(samples), len(part)])], axis=1)
        order = np.argsort(best, axis=1, kind="stable")[:, :COUNT]
        best, indices = np.take_along_axis(best, order, 1), np.take_along_axis(indices, order, 1)
    return Nearest(indices, best / np.sqrt(pixels.shape[1]), len(rows))


def by_features(samples, real, about_real, data_dir):
    """The `Nearest` of samples. Distance 1 is the usual one of a training image to the nearest other one.

    samples: uint8 [N, h, w, c]. real: uint8 [M, h', w', c']. They are compared at the size of `real`, which is resized to the
    samples' size and back before. Only every n-th is searched if there are more than 20,000. about_real: what identifies `real`,
    a dict for JSON. Their features are stored in data_dir/features, if that can be written. Raises UserError if the network is
    not available.
    """
    from tfgan.quality.features import Extractor  # not at the top: it imports TensorFlow, which `by_pixels` does without

    rows = images.evenly_spaced(_MOST_IMAGES, len(real))
    searched = images.resize_round_trip(real[rows], samples.shape[1:])
    with Extractor("imagenet", real.shape[1:], None, data_dir) as extractor:
        sizes = {"model_size": samples.shape[1:], "size": real.shape[1:], "searched": len(rows)}
        about = {**extractor.about, **about_real, **{name: str(size) for name, size in sizes.items()}}
        print(f"Looking for training images most like the samples: {len(searched):,}, in the features of ImageNet")
        features = cache.load_or_extract(extractor, searched, "training", about, data_dir)["features"]
        distances = cdist(extractor(images.resize_to_shape(samples, real.shape[1:]))[0], features)
    order = np.argsort(distances, axis=1, kind="stable")[:, :COUNT]
    best = np.take_along_axis(distances, order, 1) / _usual_distance(features)
    return Nearest(rows[order], best, len(rows), " in the features of ImageNet", ".2f")


def _usual_distance(features):
    """The median distance of a row to the nearest other one, of some evenly spaced rows. 1 if that is 0, or there is only one."""
    rows = images.evenly_spaced(_COMPARED, len(features))
    distances = cdist(features[rows], features)
    distances[np.arange(len(rows)), rows] = np.inf
    usual = np.median(distances.min(1))
    return usual if 0 < usual < np.inf else 1.0
