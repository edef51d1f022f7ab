"""1,797 real handwritten digits, 8x8 with 17 grey levels. They come with scikit-learn and need no network.

Source: UCI Optical Recognition of Handwritten Digits, https://archive.ics.uci.edu/dataset/80.
"""

import hashlib

import numpy as np
import sklearn.datasets

from tfgan.datasets.pack import Data


def load(info, data_dir, request):
    """uint8 [1797, 10, 10, 1], with levels 0 to 16 scaled to 0 to 255. The pipeline enlarges them to the model's size.

    The digits touch the edges of their 8x8 pixels. A margin of one pixel separates them in a grid, like MNIST's margin.
    """
    digits = sklearn.datasets.load_digits()
    levels = np.pad(digits.images, ((0, 0), (1, 1), (1, 1)))
    images = np.rint(levels * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    return Data(images, digits.target.astype(np.int32), tuple("0123456789"), hashlib.sha256(images).hexdigest())
