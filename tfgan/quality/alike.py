"""The training images that look most like samples to a network trained on ImageNet.

A copied photo that is shifted or has other colours is far away by its pixels, and near by these features.
"""

import numpy as np
from scipy.spatial.distance import cdist

from tfgan.common import images
from tfgan.quality import stored
from tfgan.quality.features import Extractor

_SEARCHED = 20_000  # the most training images to search: with two cores, about two minutes, once
_COMPARED = 250  # how many training images tell how far apart training images are


def nearest_by_features(samples, real, count, part, data_dir):
    """The real images nearest to each sample, nearest first: (indices [N, count], distances [N, count], how many were searched).

    Distance 1 is the usual one of a training image to the nearest other one.

    samples: uint8 [N, h, w, c]. real: uint8 [M, h', w', c']. They are compared at the size of `real`, which is resized to the
    samples' size and back before. Only every n-th is searched if there are more than 20,000. part: what identifies `real`, a dict
    for JSON. Their features are stored in data_dir/features, if that can be written. Raises UserError if the network is not
    available.
    """
    rows = images.evenly_spaced(_SEARCHED, len(real))
    searched = images.resize_round_trip(real[rows], samples.shape[1:])
    with Extractor("imagenet", real.shape[1:], None, data_dir) as extractor:
        sizes = {"model_size": samples.shape[1:], "size": real.shape[1:], "searched": len(rows)}
        about = {**extractor.about, **part, **{name: str(size) for name, size in sizes.items()}}
        print(f"Looking for training images most like the samples: {len(searched):,}, in the features of ImageNet")
        features = stored.load_or_extract(extractor, searched, "training", about, data_dir)["features"]
        distances = cdist(extractor(images.resize_to_shape(samples, real.shape[1:]))[0], features)
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return rows[order], np.take_along_axis(distances, order, 1) / _usual_distance(features), len(searched)


def _usual_distance(features):
    """The median distance of a row to the nearest other one, of some evenly spaced rows. 1 if that is 0, or there is only one."""
    rows = images.evenly_spaced(_COMPARED, len(features))
    distances = cdist(features[rows], features)
    distances[np.arange(len(rows)), rows] = np.inf
    usual = np.median(distances.min(1))
    return usual if 0 < usual < np.inf else 1.0
