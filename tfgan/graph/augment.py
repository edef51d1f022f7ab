"""D's input made from images: instance noise, and differentiable augmentation. All draws are pure functions of their keys.

The augmentations are those of DiffAugment (Zhao et al. 2020, arXiv:2006.10738). Real and fake images get them alike, in both
networks' updates, so that D cannot memorise a small data set and G does not learn the augmentation. Images are [N, h, w, c].
"""

from tfgan.graph import noise
from tfgan.tf1 import tf

_MAX_TRANSLATION = 1 / 8  # of height and width, as in the paper
_CUTOUT = 1 / 2  # the rectangle's part of height and width


def color(x, value_range, key):
    """Changes brightness by up to a quarter of the range, multiplies saturation by 0 to 2 and contrast by 1/2 to 3/2.

    Each image has its own three draws.
    """
    low, high = value_range
    brightness, saturation, contrast = (_uniform_per_image(x, key(draw)) for draw in range(3))
    x = x + (brightness - 0.5) * ((high - low) / 2)
    mean = tf.reduce_mean(x, 3, keepdims=True)
    x = (x - mean) * (2.0 * saturation) + mean
    mean = tf.reduce_mean(x, [1, 2, 3], keepdims=True)
    return (x - mean) * (contrast + 0.5) + mean


def translation(x, value_range, key):
    """Shifts each image by whole pixels, up to an eighth of its height and width. New pixels are the middle of the range."""
    middle = sum(value_range) / 2
    x = x - middle
    # The shifts are products with matrices of 0 and 1, because the gradients of gather operations are slow.
    for axis, equation in ((1, "nij,njwc->niwc"), (2, "nij,nhjc->nhic")):
        size = int(x.shape[axis])
        limit = int(size * _MAX_TRANSLATION + 0.5)
        shift = tf.floor(_uniform_per_image(x, key(axis))[:, 0, 0, 0] * (2 * limit + 1)) - limit
        source = tf.range(size)[None] + tf.cast(shift, tf.int32)[:, None]
        x = tf.einsum(equation, tf.one_hot(source, size), x)  # a source outside the image makes a row of zeros
    return x + middle


def cutout(x, value_range, key):
    """Sets a rectangle of half the height and width to the middle of the range. It may reach beyond the image's edges."""
    inside = 1.0
    for axis in (1, 2):
        size = int(x.shape[axis])
        length = int(size * _CUTOUT + 0.5)
        centre = tf.floor(_uniform_per_image(x, key(axis)) * (size + 1 - length % 2))
        places = tf.reshape(tf.range(size, dtype=tf.float32), [1, -1, 1, 1] if axis == 1 else [1, 1, -1, 1])
        begin = centre - length // 2
        inside = inside * tf.cast((places >= begin) & (places < begin + length), tf.float32)
    middle = sum(value_range) / 2
    return (x - middle) * (1.0 - inside) + middle


AUGMENTATIONS = {"color": color, "translation": translation, "cutout": cutout}
_KEYS_EACH = 8  # keys reserved for each augmentation; number 0 is the instance noise's


def d_input(images, recipe, noise_stddev, key):
    """Adds instance noise (Sønderby et al. 2017, arXiv:1610.04490), then applies the recipe's augmentations.

    images: in the recipe's value range. noise_stddev: a scalar tensor, in units of the value range, or None for no noise.
    key: function, number of a draw -> its key.
    """
    x = images
    if noise_stddev is not None:
        x = x + noise_stddev * noise.normal(tf.shape(x), key(0))
    for number, name in enumerate(AUGMENTATIONS, 1):
        if name in recipe.augment:
            x = AUGMENTATIONS[name](x, recipe.value_range, lambda draw, offset=number * _KEYS_EACH: key(offset + draw))
    return x


def _uniform_per_image(x, key):
    """One draw of U[0, 1) for each image: [N, 1, 1, 1]."""
    return noise.uniform([tf.shape(x)[0], 1, 1, 1], key)
