"""The vanilla GAN: two layers each, on MNIST. Source: "GAN" implementation notes, TensorFlow 1.3, 2018.

After Goodfellow et al. 2014, arXiv:1406.2661.
"""

from tfgan.graph import initializers
from tfgan.graph import labels
from tfgan.graph import layers
from tfgan.models import Traits
from tfgan.recipes import Recipe
from tfgan.tf1 import tf

RECIPES = {
    "mnist": Recipe(
        model="vanilla",
        dataset="mnist",
        splits=("train",),
        subset=(5_000, 60_000),
        image_shape=(28, 28, 1),
        value_range=(0.0, 1.0),
        z_dim=100,
        z_distribution="uniform",
        z_of_g="fresh",
        batch_size=128,
        last_batch="join",
        iterations=10_000,
        learning_rate=1e-3,
        beta1=0.9,
        sample_count=16,
    ),
}

# The source gives its variables no names. TensorFlow's names for them -> tfgan's.
TF1_NAMES = {
    "Discriminator_variable/Variable": "discriminator/dense/kernel",
    "Discriminator_variable/Variable_1": "discriminator/dense/bias",
    "Discriminator_variable/Variable_2": "discriminator/dense_1/kernel",
    "Discriminator_variable/Variable_3": "discriminator/dense_1/bias",
    "Generator_variable/Variable": "generator/dense/kernel",
    "Generator_variable/Variable_1": "generator/dense/bias",
    "Generator_variable/Variable_2": "generator/dense_1/kernel",
    "Generator_variable/Variable_3": "generator/dense_1/bias",
}

# The matrix products are so small that sharing one between cores costs more time than it saves. Each core computes whole ones.
TRAITS = Traits(can_make=lambda side: True, tf1_names=TF1_NAMES, threads_per_operation=1)  # dense layers make any size

ODDITIES = {
    "validation images left out": "The source's reader keeps the first 5,000 training images for validation. tfgan also trains "
    "on the other 55,000 only.",
    "epochs joined": "The source's reader fills an epoch's short last batch from the beginning of the next epoch, which is "
    "shuffled anew. So does tfgan.",
    "xavier_init": "The source's name says Xavier, but its formula is N(0, 2 / fan_in), which is He's. tfgan follows the "
    "formula.",
    "summaries on other noise": "The source draws a third z for its summaries, so they show losses that no update used. tfgan "
    "logs the losses that the updates minimised, and logging draws nothing.",
}


def generator(z, image_shape, training):
    """z [N, 100] -> images [N, *image_shape] in [0, 1]."""
    z = labels.join(z)
    h = tf.nn.relu(layers.dense(z, 128, initializers.fan_in_normal))           # 128
    size = image_shape[0] * image_shape[1] * image_shape[2]
    x = tf.nn.sigmoid(layers.dense(h, size, initializers.fan_in_normal))       # 784
    return tf.reshape(x, [-1, *image_shape])                                   # 28 x 28 x 1


def discriminator(images, training):
    """images in [0, 1] -> logits [N, 1]."""
    x = labels.join(layers.flatten(images))                                    # 784
    h = tf.nn.relu(layers.dense(x, 128, initializers.fan_in_normal))           # 128
    return labels.judge(h, layers.dense(h, 1, initializers.fan_in_normal))     # 1
