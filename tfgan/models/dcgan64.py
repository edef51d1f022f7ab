"""The DCGAN for 64x64 images, on MNIST enlarged. Source: MXNet's DCGAN tutorial (Module API).

After Radford et al. 2015, arXiv:1511.06434.
"""

from tfgan.graph import initializers
from tfgan.graph import labels
from tfgan.graph import layers
from tfgan.models import Traits
from tfgan.recipes import Recipe
from tfgan.tf1 import tf

RECIPES = {
    "mnist": Recipe(
        model="dcgan64",
        dataset="mnist",
        splits=("train", "test"),
        image_shape=(64, 64, 3),
        value_range=(-1.0, 1.0),
        z_dim=100,
        z_distribution="normal",
        z_of_g="same",
        batch_size=64,
        last_batch="fill",
        order_seed=1,
        epochs=1,
        learning_rate=2e-4,
        beta1=0.5,
        sample_count=64,
        show_pairs=True,
    ),
}

TRAITS = Traits(g_batch_norm=True, d_batch_norm=True)

ODDITIES = {
    "sigma": "The text says 0.2 once, but its code and the paper have 0.02. tfgan has 0.02.",
    "D's fifth layer": "The text gives all five of D's convolutions stride 2 and pad 1. In the code the fifth has neither, and "
    "makes one number of 4x4 pixels. tfgan follows the code.",
    "noise iterator": "The translator notes that the iterator of random numbers does not seem to run. It is clear that z is "
    "N(0, 1), and so it is in tfgan.",
    "one order": "The source permutes the images once, with NumPy's seed 1, and every epoch keeps that order. So does tfgan, "
    "for every seed of a run.",
    "last batch filled": "The source fills the last batch, which has 48 images, with the first 16 of the same epoch, as "
    "NDArrayIter pads. So does tfgan.",
    "grey as colour": "The source repeats the grey digits in three equal channels. So does tfgan's graph.",
    "gamma fixed": "The source's batch normalisation learns beta alone. tfgan has no variable gamma either.",
    "pad 1 as SAME": "The source pads by 1. With kernel 4 and stride 2 on even sizes TensorFlow's SAME is the same arithmetic, "
    "and faster.",
    "pictures every 50": "The text says every 25 iterations, the code every 50. tfgan's default is 1000, as for all models, and "
    "`--sample-every 50` does as the code.",
    "third pass of D": "MXNet also moves D's averages in the pass for G's update, and D sees the fakes before the reals. In "
    "tfgan that pass moves none, and the reals come first. D's averages are never used.",
    "picture in training mode": "The source shows the batch just trained on, with fakes left and reals right. So does tfgan, "
    "beside the grid of fixed z, which is made in inference mode.",
}

_SETTINGS = {"use_bias": False, "kernel_initializer": initializers.normal(0.02)}


def _normalise(x, training):
    return layers.batch_normalization(x, training, momentum=0.9, epsilon=1e-5 + 1e-12, scale=False)


def generator(z, image_shape, training):
    """z [N, 100] -> images [N, 64, 64, 3] in [-1, 1]."""
    z = labels.join(z)
    x = tf.reshape(z, [-1, 1, 1, int(z.shape[-1])])                            #  1 x  1 x  100
    x = layers.conv2d_transpose(x, 1024, 4, 1, "VALID", **_SETTINGS)
    x = tf.nn.relu(_normalise(x, training))                                    #  4 x  4 x 1024
    x = layers.conv2d_transpose(x, 512, 4, 2, "SAME", **_SETTINGS)
    x = tf.nn.relu(_normalise(x, training))                                    #  8 x  8 x  512
    x = layers.conv2d_transpose(x, 256, 4, 2, "SAME", **_SETTINGS)
    x = tf.nn.relu(_normalise(x, training))                                    # 16 x 16 x  256
    x = layers.conv2d_transpose(x, 128, 4, 2, "SAME", **_SETTINGS)
    x = tf.nn.relu(_normalise(x, training))                                    # 32 x 32 x  128
    x = layers.conv2d_transpose(x, image_shape[2], 4, 2, "SAME", **_SETTINGS)
    return tf.nn.tanh(x)                                                       # 64 x 64 x    3


def discriminator(images, training):
    """images [N, 64, 64, 3] in [-1, 1] -> logits [N, 1]."""
    x = layers.conv2d(labels.join(images), 128, 4, 2, "SAME", **_SETTINGS)
    x = layers.leaky_relu(x)                                                   # 32 x 32 x  128
    x = layers.conv2d(x, 256, 4, 2, "SAME", **_SETTINGS)
    x = layers.leaky_relu(_normalise(x, training))                             # 16 x 16 x  256
    x = layers.conv2d(x, 512, 4, 2, "SAME", **_SETTINGS)
    x = layers.leaky_relu(_normalise(x, training))                             #  8 x  8 x  512
    x = layers.conv2d(x, 1024, 4, 2, "SAME", **_SETTINGS)
    x = layers.leaky_relu(_normalise(x, training))                             #  4 x  4 x 1024
    logit = layers.conv2d(x, 1, 4, 1, "VALID", **_SETTINGS)                    #  1 x  1 x    1
    return labels.judge(x, layers.flatten(logit))                              #  1
