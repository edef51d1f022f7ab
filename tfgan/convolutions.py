"""Convolutions and their gradients, those with large kernels computed otherwise than oneDNN does by itself.

oneDNN slows down where a few output pixels meet many channels. Its gradient with respect to the weights does so first, from
64 x 128 channels on: a forward convolution that computes the same sums is 1.3 to 3.8 times as fast. At DCGAN's 512 x 1024
channels the convolution and its gradient with respect to the input do so, too: there one matrix product (patches of the image
times weights: Chellapilla et al. 2006, "High Performance Convolutional Neural Networks for Document Processing") is faster.
docs/performance.md has the figures. On GPUs, and with smaller kernels, the native operations serve. The terms are the same,
the rounding is another.
"""

from tfgan import products
from tfgan.tf1 import tf

# From so many pairs of channels on: the weights' gradient, and the rest.
_WEIGHTS_GRADIENT = 2**13
_ALL = 2**19

# Numbers of one image's dy that a convolution takes as its kernel: in a batch of 64 these are 4 MB, which a cache holds.
_KERNEL = 2**14


def conv2d(x, kernel, strides, padding):
    """x [N, h, w, in], kernel [k, k, in, out] -> [N, h', w', out]: `tf.nn.conv2d`; strides <= k, padding SAME or VALID."""
    if not _large(kernel.shape, _WEIGHTS_GRADIENT):
        return tf.nn.conv2d(x, kernel, strides, padding)
    settings = {"strides": strides, "padding": padding}

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradients(dy):
            dx = _input_gradient(dy, kernel, x.shape, tf.shape(x), **settings)
            return dx, _weights_gradient(x, dy, kernel.shape, **settings)

        return _forward(x, kernel, **settings), gradients

    return convolve(x, tf.convert_to_tensor(kernel))


def conv2d_transpose(x, kernel, shape, strides, padding):
    """x [N, h', w', in], kernel [k, k, out, in] -> [N, h, w, out]: `tf.nn.conv2d_transpose`; strides <= k.

    shape: [N or None, h, w, out]. It is the gradient of `conv2d` with respect to an input of that shape.
    """
    dynamic_shape = tf.stack([tf.shape(x)[0], *shape[1:]])
    if not _large(kernel.shape, _WEIGHTS_GRADIENT):
        y = tf.nn.conv2d_transpose(x, kernel, dynamic_shape, strides, padding)
        y.set_shape(shape)
        return y
    settings = {"strides": strides, "padding": padding}

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradients(dy):
            return _forward(dy, kernel, **settings), _weights_gradient(dy, x, kernel.shape, **settings)

        return _input_gradient(x, kernel, tf.TensorShape(shape), dynamic_shape, **settings), gradients

    return convolve(x, tf.convert_to_tensor(kernel))


def _large(kernel_shape, pairs):
    return products.ours() and kernel_shape[2] * kernel_shape[3] >= pairs


def _patches(x, size, strides, padding):
    """x [N, h, w, c] -> [N, h', w', size * size * c], what each output pixel of a convolution sees, rows first, channels last."""
    return tf.image.extract_patches(x, [1, size, size, 1], [1, strides, strides, 1], [1, 1, 1, 1], padding)


def _matrix(x):
    """All axes but the last as one."""
    return tf.reshape(x, [-1, x.shape[-1]])


def _forward(x, kernel, strides, padding):
    if not _large(kernel.shape, _ALL):
        return tf.nn.conv2d(x, kernel, strides, padding)
    patches = _patches(x, int(kernel.shape[0]), strides, padding)
    return tf.reshape(tf.matmul(_matrix(patches), _matrix(kernel)), [-1, *patches.shape[1:3], kernel.shape[3]])


def _weights_gradient(x, dy, kernel_shape, strides, padding):
    """x [N, h, w, in], dy [N, h', w', out] -> the gradient with respect to a kernel of that shape.

    Weight (i, j, c, o) has met pixel (i + strides * row, j + strides * column) of channel c wherever dy is (row, column): the
    channels of x as so many images, with the batch as their channels, are convolved with dy as the kernel, dilated by strides;
    with some rows of dy at a time, and the results are added up.
    """
    size = int(kernel_shape[0])
    (height, width), (rows, columns) = x.shape[1:3], dy.shape[1:3]

    def padded(begin, end, have):
        """Of an axis' places `begin` to `end` of dy: the pixels of x that they see, and how much padding around these."""
        before = max((have - 1) // strides * strides + size - have, 0) // 2 if padding == "SAME" else 0
        first, last = begin * strides - before, (end - 1) * strides + size - before
        return slice(max(first, 0), min(last, have)), [max(-first, 0), max(last - have, 0)]

    @tf.custom_gradient  # TensorFlow has none for a dilated convolution without oneDNN
    def correlate(x, dy):
        def gradients(dkernel):
            dx = _input_gradient(dy, dkernel, x.shape, tf.shape(x), strides, padding)
            return dx, _forward(x, dkernel, strides, padding)

        images, kernel = tf.transpose(x, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3])
        at_once = max(_KERNEL // (int(columns) * int(dy.shape[3])), 1)
        begins = range(0, rows, at_once)
        counts = [min(at_once, rows - begin) for begin in begins]
        seen_columns, pad_columns = padded(0, columns, width)
        parts = []
        for begin, count, some in zip(begins, counts, tf.split(kernel, counts), strict=True):
            seen_rows, pad_rows = padded(begin, begin + count, height)
            pads = [[0, 0], pad_rows, pad_columns, [0, 0]]
            parts.append(tf.nn.conv2d(images[:, seen_rows, seen_columns], some, 1, pads, dilations=strides))
        return tf.transpose(tf.add_n(parts), [1, 2, 0, 3]), gradients

    return correlate(x, dy)


def _input_gradient(dy, kernel, shape, dynamic_shape, strides, padding):
    """dy [N, h', w', out] -> the gradient with respect to an input of that shape, given twice, as known and at run time."""
    if not _large(kernel.shape, _ALL):
        dx = tf.nn.conv2d_backprop_input(dynamic_shape, kernel, dy, [1, strides, strides, 1], padding)
        dx.set_shape(shape)
        return dx
    size, _, channels, _ = kernel.shape.as_list()
    height, width = dy.shape[1:3]
    patches = tf.matmul(_matrix(dy), _matrix(kernel), transpose_b=True)  # the gradient with respect to them
    patches = tf.reshape(patches, [-1, height, width, size, size * channels])

    # Added up where they overlap. Input pixels in the same place between two strides (their `phase`) make up an image of
    # their own, onto which a patch's pixels of that phase fall shifted by whole pixels; then the phases are interleaved.
    reach = -(-size // strides)
    phases = []
    for row in range(strides):
        for column in range(strides):
            shifted = []
            for down, i in enumerate(range(row, size, strides)):
                for right, j in enumerate(range(column, size, strides)):
                    part = patches[:, :, :, i, j * channels : (j + 1) * channels]
                    shifted.append(tf.pad(part, [[0, 0], [down, reach - 1 - down], [right, reach - 1 - right], [0, 0]]))
            phases.append(tf.add_n(shifted))
    dx = tf.nn.depth_to_space(tf.concat(phases, 3), strides) if strides > 1 else phases[0]

    # Without the padding; behind the last patch there may be pixels that none of them saw.
    begins, ends, missing = [], [], []
    for have, out in zip(shape[1:3], (height, width), strict=True):
        before = max((out - 1) * strides + size - have, 0) // 2 if padding == "SAME" else 0
        unseen = max(before + have - (out + reach - 1) * strides, 0)
        ends.append(before + have)
        begins.append(before)
        missing.append([0, unseen])
    dx = tf.pad(dx, [[0, 0], *missing, [0, 0]])
    return dx[:, begins[0] : ends[0], begins[1] : ends[1]]
