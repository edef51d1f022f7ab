"""The convolution of repeated pixels, without repeating them.

Several weights of a kernel that slides over repeated pixels meet the same pixel, so their sums do. The sums make either the
kernel of a transposed convolution, or a smaller kernel for each of the factor x factor places that an output can have within a
pixel. The terms are the same as in the plain computation; rounding differs.
"""

import itertools

import numpy as np

from tfgan.graph.fast import convolutions
from tfgan.tf1 import tf


def up_sample_conv2d(x, kernel, factor, shape):
    """x [N, h, w, in], kernel [k, k, in, out], k odd -> [N, h * factor, w * factor, out]. shape: of the result.

    The form with fewer products serves.
    """
    size = int(kernel.shape[0])
    _, small = _places_of_weights(factor, size)
    form = _transposed if size + factor - 1 < factor * small else _by_places
    return form(x, kernel, factor, shape)


def _transposed(x, weights, factor, shape):
    """The convolution of x's repeated pixels as one transposed convolution. shape: of the result."""
    size = int(weights.shape[0])
    sums = np.zeros([size + factor - 1, size], np.float32)  # [pixel of the output that a pixel of x reaches, weight]
    for pixel, weight in itertools.product(range(factor), range(size)):
        sums[pixel - weight + size - 1, weight] = 1
    summed = tf.einsum("ai,bj,ijcf->abfc", sums, sums, weights)
    return convolutions.conv2d_transpose(x, summed, shape, factor, "SAME")


def _by_places(x, weights, factor, shape):
    """The same as one convolution that computes all places within a pixel as channels; `depth_to_space` spreads them out."""
    channels, filters = int(x.shape[3]), shape[3]
    along_axis, size = _places_of_weights(factor, int(weights.shape[0]))
    sums = np.einsum("aid,bje->abijde", along_axis, along_axis).reshape(-1, int(weights.shape[0]) ** 2)
    summed = tf.matmul(sums, tf.reshape(weights, [-1, channels * filters]))
    summed = tf.reshape(summed, [factor, factor, size, size, channels, filters])
    small = tf.reshape(tf.transpose(summed, [2, 3, 4, 0, 1, 5]), [size, size, channels, factor**2 * filters])
    return tf.nn.depth_to_space(convolutions.conv2d(x, small, 1, "SAME"), factor)


def _places_of_weights(factor, kernel_size):
    """(a matrix that says which weights meet the same pixel along one axis, the number of pixels that they meet).

    The matrix holds 0 and 1: [place within a pixel, pixel, weight].
    """
    reach = kernel_size // 2
    size = 2 * -(-reach // factor) + 1
    along_axis = np.zeros([factor, size, kernel_size], np.float32)
    for place, weight in itertools.product(range(factor), range(kernel_size)):
        along_axis[place, (place + weight - reach) // factor + size // 2, weight] = 1
    return along_axis, size
