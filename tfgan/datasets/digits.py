"""1,797 real handwritten digits, 8x8 with 17 grey levels. They come with tfgan and need no network.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository 1998,
https://doi.org/10.24432/C50P49, CC BY 4.0. These are its test images, in its order.
"""

import hashlib
import pathlib

import numpy as np

from tfgan.datasets.pack import Data

FORMS = {"digits": ()}  # they come with tfgan
_FILE = pathlib.Path(__file__).with_name("digits.npz")


def levels_and_digits():
    """(the images' grey levels from 0 to 16, uint8 [1797, 8, 8]; the digit that each shows, uint8 [1797])."""
    with np.load(_FILE) as arrays:
        return arrays["levels"], arrays["digits"]


def load(info, data_dir, request):
    """uint8 [1797, 10, 10, 1], with levels 0 to 16 scaled to 0 to 255. The pipeline enlarges them to the model's size.

    The digits touch the edges of their 8x8 pixels. A margin of one pixel separates them in a grid, like MNIST's margin.
    """
    levels, digits = levels_and_digits()
    images = np.pad(levels, ((0, 0), (1, 1), (1, 1)))[..., np.newaxis]
    images = np.rint(images * (255 / 16)).astype(np.uint8)
    return Data(images, digits.astype(np.int32), tuple("0123456789"), hashlib.sha256(images).hexdigest())
