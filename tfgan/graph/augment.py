"""What D sees instead of an image: differentiable augmentation, and instance noise; pure functions of their keys.

Augmentation: Zhao et al. 2020, arXiv:2006.10738 (DiffAugment), of real and fake images alike and for both networks' updates, so
that D cannot learn few images by heart and G does not learn the augmentation. Images are [N, h, w, c].
"""

from tfgan.graph import noise
from tfgan.tf1 import tf

_TRANSLATION = 1 / 8  # of height and width, at most, as in the paper
_CUTOUT = 1 / 2


def color(x, value_range, key):
    """Brightness by up to a quarter of the range, saturation by 0 to 2, contrast by 1/2 to 3/2; each image its own."""
    low, high = value_range
    brightness, saturation, contrast = (_uniform(x, key(draw)) for draw in range(3))
    x = x + (brightness - 0.5) * ((high - low) / 2)
    mean = tf.reduce_mean(x, 3, keepdims=True)
    x = (x - mean) * (2.0 * saturation) + mean
    mean = tf.reduce_mean(x, [1, 2, 3], keepdims=True)
    return (x - mean) * (contrast + 0.5) + mean


def translation(x, value_range, key):
    """Shifted by up to an eighth of its height and width, whole pixels; what comes in is the middle of the range."""
    middle = sum(value_range) / 2
    x = x - middle
    # As products with matrices of 0 and 1: gathering has slow gradients.
    for axis, equation in ((1, "nij,njwc->niwc"), (2, "nij,nhjc->nhic")):
        size = int(x.shape[axis])
        most = int(size * _TRANSLATION + 0.5)
        shift = tf.floor(_uniform(x, key(axis))[:, 0, 0, 0] * (2 * most + 1)) - most
        wanted = tf.range(size)[None] + tf.cast(shift, tf.int32)[:, None]
        x = tf.einsum(equation, tf.one_hot(wanted, size), x)  # a row of zeros where the place is outside
    return x + middle


def cutout(x, value_range, key):
    """A rectangle of half its height and width, anywhere, made the middle of the range; it may reach out of the image."""
    inside = 1.0
    for axis in (1, 2):
        size = int(x.shape[axis])
        length = int(size * _CUTOUT + 0.5)
        centre = tf.floor(_uniform(x, key(axis)) * (size + 1 - length % 2))
        places = tf.reshape(tf.range(size, dtype=tf.float32), [1, -1, 1, 1] if axis == 1 else [1, 1, -1, 1])
        begin = centre - length // 2
        inside = inside * tf.cast((places >= begin) & (places < begin + length), tf.float32)
    middle = sum(value_range) / 2
    return (x - middle) * (1.0 - inside) + middle


AUGMENTATIONS = {"color": color, "translation": translation, "cutout": cutout}
_DRAWS = 8  # of one augmentation


def seen(x, recipe, sigma, key):
    """What D sees of images in the recipe's value range: noise of standard deviation sigma added, then augmented.

    Instance noise: Sønderby et al. 2017, arXiv:1610.04490. sigma: a scalar tensor, in units of the value range, or None;
    key: draw number -> key.
    """
    if sigma is not None:
        x = x + sigma * noise.normal(tf.shape(x), key(0))
    for number, name in enumerate(AUGMENTATIONS, 1):
        if name in recipe.augment:
            x = AUGMENTATIONS[name](x, recipe.value_range, lambda draw, first=number * _DRAWS: key(first + draw))
    return x


def _uniform(x, its_key):
    """U[0, 1) for each image: [N, 1, 1, 1]."""
    return noise.uniform([tf.shape(x)[0], 1, 1, 1], its_key)
