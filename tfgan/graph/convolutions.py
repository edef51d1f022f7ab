"""Convolutions and their gradients, those of many channels computed otherwise than oneDNN does by itself.

oneDNN takes one image's row of pixels as the rows of a matrix. Where a layer has many channels an image has few pixels left,
seven or four in a row, so that registers stay half empty, and it multiplies padding that could be left out. So the images of
a batch are laid side by side: [N, h, w, c] becomes one volume [1, h, w, N, c], and the convolution one in three dimensions
with a kernel [k, k, 1, in, out]. Its rows are as long as the batch, and oneDNN leaves the padding out. The weights' gradient
becomes one of the same kind: with the channels side by side and the batch as channels. docs/performance.md has the figures.
On GPUs, without oneDNN and with few channels the native operations serve. The terms are the same, the rounding is another.
"""

from tfgan.graph import products
from tfgan.tf1 import tf

# From so many pairs of channels on.
_PAIRS = 2**13

# Up to so many pixels of an output, 8 x 8: beyond them the native convolution has rows enough, and the weights' gradient takes
# one row of the output's gradient at a time, because all of it together as a kernel would not fit into a cache.
_PIXELS = 64


def conv2d(x, kernel, strides, padding):
    """x [N, h, w, in], kernel [k, k, in, out] -> [N, h', w', out]: `tf.nn.conv2d`; strides <= k, padding SAME or VALID."""
    if not _many_channels(kernel):
        return tf.nn.conv2d(x, kernel, strides, padding)

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradients(dy):
            dx = _input_gradient(dy, kernel, x.shape, tf.shape(x), strides, padding)
            return dx, _weights_gradient(x, dy, kernel.shape, strides, padding)

        return _forward(x, kernel, strides, padding), gradients

    return convolve(x, tf.convert_to_tensor(kernel))


def conv2d_transpose(x, kernel, shape, strides, padding):
    """x [N, h', w', in], kernel [k, k, out, in] -> [N, h, w, out]: `tf.nn.conv2d_transpose`; strides <= k.

    shape: [N or None, h, w, out]. It is the gradient of `conv2d` with respect to an input of that shape.
    """
    dynamic_shape = tf.stack([tf.shape(x)[0], *shape[1:]])
    if not _many_channels(kernel):
        y = tf.nn.conv2d_transpose(x, kernel, dynamic_shape, strides, padding)
        y.set_shape(shape)
        return y

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradients(dy):
            return _forward(dy, kernel, strides, padding), _weights_gradient(dy, x, kernel.shape, strides, padding)

        return _input_gradient(x, kernel, tf.TensorShape(shape), dynamic_shape, strides, padding), gradients

    return convolve(x, tf.convert_to_tensor(kernel))


def bias_add(y, bias):
    """y [N, h, w, c] + bias [c]: `tf.nn.bias_add`.

    Its own gradient is one that TensorFlow merges with a convolution's weights' gradient, and the two together take up to three
    times as long as each by itself.
    """
    if not products.ours():
        return tf.nn.bias_add(y, bias)

    @tf.custom_gradient
    def add(y, bias):
        return tf.nn.bias_add(y, bias), lambda dy: (dy, tf.reduce_sum(dy, [0, 1, 2]))

    return add(y, tf.convert_to_tensor(bias))


def _many_channels(kernel):
    return products.ours() and kernel.shape[2] * kernel.shape[3] >= _PAIRS


def _few_pixels(height, width):
    return height * width <= _PIXELS


def _side_by_side(x):
    """[N, h, w, c] -> [1, h, w, N, c]"""
    return tf.expand_dims(tf.transpose(x, [1, 2, 0, 3]), 0)


def _apart(x):
    """[1, h, w, N, c] -> [N, h, w, c]"""
    return tf.transpose(tf.squeeze(x, 0), [2, 0, 1, 3])


def _forward(x, kernel, strides, padding):
    size = int(kernel.shape[0])
    unseen = size - 1 if padding == "VALID" else 0
    if not _few_pixels(*(-(-(side - unseen) // strides) for side in x.shape[1:3])):
        return tf.nn.conv2d(x, kernel, strides, padding)
    return _apart(tf.nn.conv3d(_side_by_side(x), tf.expand_dims(kernel, 2), [1, strides, strides, 1, 1], padding))


def _input_gradient(dy, kernel, shape, dynamic_shape, strides, padding):
    """dy [N, h', w', out] -> the gradient with respect to an input of that shape, given twice, as known and at run time."""
    if _few_pixels(*dy.shape[1:3]):
        _, height, width, channels = shape
        volume = tf.stack([1, height, width, tf.shape(dy)[0], channels])
        wide = [1, strides, strides, 1, 1]
        dx = _apart(tf.nn.conv3d_transpose(_side_by_side(dy), tf.expand_dims(kernel, 2), volume, wide, padding))
    else:
        dx = tf.nn.conv2d_backprop_input(dynamic_shape, kernel, dy, [1, strides, strides, 1], padding)
    dx.set_shape(shape)
    return dx


def _weights_gradient(x, dy, kernel_shape, strides, padding):
    """x [N, h, w, in], dy [N, h', w', out] -> the gradient with respect to a kernel of that shape.

    Weight (i, j, c, o) has met pixel (i + strides * row, j + strides * column) of channel c wherever dy is (row, column): the
    channels of x side by side, with the batch as their channels, are convolved with dy as the kernel, dilated by strides.
    """
    size = int(kernel_shape[0])
    (height, width), (rows, columns) = x.shape[1:3], dy.shape[1:3]

    def padded(begin, end, have):
        """Of an axis' places `begin` to `end` of dy: the pixels of x that they see, and how much padding around these."""
        before = max((have - 1) // strides * strides + size - have, 0) // 2 if padding == "SAME" else 0
        first, last = begin * strides - before, (end - 1) * strides + size - before
        return slice(max(first, 0), min(last, have)), [max(-first, 0), max(last - have, 0)]

    @tf.custom_gradient  # TensorFlow has none for a dilated convolution in three dimensions
    def correlate(x, dy):
        def gradients(dkernel):
            dx = _input_gradient(dy, dkernel, x.shape, tf.shape(x), strides, padding)
            return dx, _forward(x, dkernel, strides, padding)

        images = tf.expand_dims(tf.transpose(x, [1, 2, 3, 0]), 0)
        kernel = tf.expand_dims(tf.transpose(dy, [1, 2, 0, 3]), 2)
        at_once = rows if _few_pixels(rows, columns) else 1
        seen_columns, pad_columns = padded(0, columns, width)
        parts = []
        for begin in range(0, rows, at_once):
            seen_rows, pad_rows = padded(begin, begin + at_once, height)
            seen = tf.pad(images[:, seen_rows, seen_columns], [[0, 0], pad_rows, pad_columns, [0, 0], [0, 0]])
            some = kernel[begin : begin + at_once]
            # The third dilation changes nothing, the kernel being 1 long there; TensorFlow, though, takes it for the second's
            # where it infers shapes.
            parts.append(tf.nn.conv3d(seen, some, [1] * 5, "VALID", dilations=[1, strides, strides, strides, 1]))
        return tf.squeeze(tf.add_n(parts), 0), gradients

    return correlate(x, dy)
