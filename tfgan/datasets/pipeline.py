"""Packed array -> batches in the graph."""

from tfgan import images
from tfgan.tf1 import tf
from tfgan.tf1 import tf2


class Pipeline:
    """A function iteration (int64 scalar tensor) -> that iteration's batch as the recipe's networks see it.

    uint8 crosses into the graph; enlarging, scaling and repeating of channels happen there.
    """

    def __init__(self, batches, recipe):
        self.batches = batches
        self.recipe = recipe

    def __call__(self, iteration):
        batch = tf.numpy_function(self.batches.__getitem__, [iteration], tf.uint8)
        batch.set_shape([None, *self.batches.images.shape[1:]])
        return fit(batch, self.recipe)


def fit(batch, recipe):
    """uint8 [N, h, w, c] -> float32 [N, *image_shape] in the value range.

    Other sizes are resized bilinearly (half-pixel centres, not rounded, as OpenCV does), grey repeated as colour.
    """
    height, width, channels = recipe.image_shape
    if batch.shape[1:3] == [height, width]:
        # The cast and the scaling of `images.from_uint8`, the same bits, in one pass over the memory.
        x = tf.quantization.dequantize(tf.bitcast(batch, tf.quint8), *recipe.value_range, mode="MIN_COMBINED")
    else:
        x = images.from_uint8(tf2.image.resize(tf.cast(batch, tf.float32), [height, width]), recipe.value_range)
    if x.shape[3] != channels:
        x = tf.tile(x, [1, 1, 1, channels])
    return x
