"""Convolutions and their gradients. Those with many channels are computed in another form, in which oneDNN is faster.

oneDNN takes one row of one image's pixels as the rows of a matrix. Layers with many channels have small images, seven or four
pixels wide, which leave its registers half empty; and it also multiplies the padding. The other form lays the images of a batch
side by side: [N, h, w, c] becomes one volume [1, h, w, N, c], and the convolution one in three dimensions with a kernel [k, k,
1, in, out]. Its matrices have as many rows as the batch, and oneDNN skips the padding. The weights' gradient takes the same
form, with the channels side by side and the batch as channels. docs/results/experiments.md has the figures. TensorFlow's own
operations serve on GPUs, without oneDNN and where channels are few. The terms are the same in both forms; rounding differs.
"""

from tfgan.graph import precision
from tfgan.graph.fast import products
from tfgan.tf1 import tf

# The other form serves from this number of pairs (input channel, output channel) on.
_MANY_CHANNEL_PAIRS = 2**13

# Up to this number of pixels of an output, 8 x 8. In larger images the native convolution has rows enough; and the weights'
# gradient takes one row of the output's gradient at a time, because the whole of it, used as a kernel, would not fit into a
# cache.
_FEW_PIXELS = 64


@precision.rounds_operands
def conv2d(x, kernel, strides, padding):
    """x [N, h, w, in], kernel [k, k, in, out] -> [N, h', w', out]: `tf.nn.conv2d`; strides <= k, padding SAME or VALID."""
    if not _has_many_channels(kernel):
        return tf.nn.conv2d(x, kernel, strides, padding)

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradients(dy):
            dx = _input_gradient(dy, kernel, x.shape, tf.shape(x), strides, padding)
            return dx, _weights_gradient(x, dy, kernel.shape, strides, padding)

        return _forward(x, kernel, strides, padding), gradients

    return convolve(x, tf.convert_to_tensor(kernel))


@precision.rounds_operands
def conv2d_transpose(x, kernel, shape, strides, padding):
    """x [N, h', w', in], kernel [k, k, out, in] -> [N, h, w, out]: `tf.nn.conv2d_transpose`; strides <= k.

    It is the gradient of `conv2d` with respect to an input of this shape. shape: [N or None, h, w, out].
    """
    dynamic_shape = tf.stack([tf.shape(x)[0], *shape[1:]])
    if not _has_many_channels(kernel):
        y = tf.nn.conv2d_transpose(x, kernel, dynamic_shape, strides, padding)
        y.set_shape(shape)
        return y

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradients(dy):
            return _forward(dy, kernel, strides, padding), _weights_gradient(dy, x, kernel.shape, strides, padding)

        return _input_gradient(x, kernel, tf.TensorShape(shape), dynamic_shape, strides, padding), gradients

    return convolve(x, tf.convert_to_tensor(kernel))


def _has_many_channels(kernel):
    return products.use_custom_ops() and kernel.shape[2] * kernel.shape[3] >= _MANY_CHANNEL_PAIRS


def _has_few_pixels(height, width):
    return height * width <= _FEW_PIXELS


def _side_by_side(x):
    """[N, h, w, c] -> [1, h, w, N, c]"""
    return tf.expand_dims(tf.transpose(x, [1, 2, 0, 3]), 0)


def _apart(x):
    """[1, h, w, N, c] -> [N, h, w, c]"""
    return tf.transpose(tf.squeeze(x, 0), [2, 0, 1, 3])


def _forward(x, kernel, strides, padding):
    """The convolution itself."""
    size = int(kernel.shape[0])
    lost = size - 1 if padding == "VALID" else 0  # pixels of an axis at which no output begins
    if not _has_few_pixels(*(-(-(side - lost) // strides) for side in x.shape[1:3])):
        return tf.nn.conv2d(x, kernel, strides, padding)
    return _apart(tf.nn.conv3d(_side_by_side(x), tf.expand_dims(kernel, 2), [1, strides, strides, 1, 1], padding))


def _input_gradient(dy, kernel, shape, dynamic_shape, strides, padding):
    """dy [N, h', w', out] -> the gradient with respect to an input of this shape.

    shape: as far as it is known when the graph is built; dynamic_shape: the same as a tensor.
    """
    if _has_few_pixels(*dy.shape[1:3]):
        _, height, width, channels = shape
        volume = tf.stack([1, height, width, tf.shape(dy)[0], channels])
        strides_3d = [1, strides, strides, 1, 1]
        dx = _apart(tf.nn.conv3d_transpose(_side_by_side(dy), tf.expand_dims(kernel, 2), volume, strides_3d, padding))
    else:
        dx = tf.nn.conv2d_backprop_input(dynamic_shape, kernel, dy, [1, strides, strides, 1], padding)
    dx.set_shape(shape)
    return dx


def _weights_gradient(x, dy, kernel_shape, strides, padding):
    """x [N, h, w, in], dy [N, h', w', out] -> the gradient with respect to a kernel of this shape.

    For each (row, column) of dy, weight (i, j, c, o) meets pixel (i + strides * row, j + strides * column) of channel c. So the
    gradient is a convolution: of the channels of x side by side, with the batch as their channels, with dy as the kernel,
    dilated by strides.
    """
    size = int(kernel_shape[0])
    (height, width), (rows, columns) = x.shape[1:3], dy.shape[1:3]

    @tf.custom_gradient  # TensorFlow has no gradient of a dilated convolution in three dimensions
    def correlate(x, dy):
        def gradients(dkernel):
            dx = _input_gradient(dy, dkernel, x.shape, tf.shape(x), strides, padding)
            return dx, _forward(x, dkernel, strides, padding)

        images = tf.expand_dims(tf.transpose(x, [1, 2, 3, 0]), 0)
        kernel = tf.expand_dims(tf.transpose(dy, [1, 2, 0, 3]), 2)
        rows_at_once = rows if _has_few_pixels(rows, columns) else 1
        x_columns, pad_columns = _receptive_field(0, columns, width, size, strides, padding)
        terms = []
        for begin in range(0, rows, rows_at_once):
            x_rows, pad_rows = _receptive_field(begin, begin + rows_at_once, height, size, strides, padding)
            field = tf.pad(images[:, x_rows, x_columns], [[0, 0], pad_rows, pad_columns, [0, 0], [0, 0]])
            kernel_rows = kernel[begin : begin + rows_at_once]
            # The kernel's third side is 1, so its dilation changes no value. It must be `strides` all the same, because
            # TensorFlow's inference of shapes takes it for the second side's.
            terms.append(tf.nn.conv3d(field, kernel_rows, [1] * 5, "VALID", dilations=[1, strides, strides, strides, 1]))
        return tf.squeeze(_sum(terms), 0), gradients

    return correlate(x, dy)


def _sum(terms):
    """The sum of tensors of one format, added up in float32."""
    return terms[0] if len(terms) == 1 else tf.cast(tf.add_n([tf.cast(term, tf.float32) for term in terms]), terms[0].dtype)


def _receptive_field(begin, end, input_size, kernel_size, strides, padding):
    """(slice of the inputs, [padding before, padding after]) of the outputs `begin` to `end`, all along one axis.

    input_size: how many inputs the axis has.
    """
    before = max((input_size - 1) // strides * strides + kernel_size - input_size, 0) // 2 if padding == "SAME" else 0
    first, last = begin * strides - before, (end - 1) * strides + kernel_size - before
    return slice(max(first, 0), min(last, input_size)), [max(-first, 0), max(last - input_size, 0)]
