"""The dog-photo GAN: tanh throughout, 64x64 colour. Source: a GAN introduction in Keras on Kaggle's "Generative Dog Images"."""

from tfgan.graph import labels
from tfgan.graph import layers
from tfgan.models import Traits
from tfgan.recipes import Recipe
from tfgan.tf1 import tf

RECIPES = {
    "dogs": Recipe(
        model="dogs",
        dataset="dogs",
        image_shape=(64, 64, 3),
        value_range=(-1.0, 1.0),
        z_dim=1000,
        z_distribution="uniform",
        z_of_g="fresh",
        d_sees_inference=True,
        d_loss_weight=0.5,
        batch_size=64,
        last_batch="drop",
        epochs=65,
        learning_rate=2e-4,
        beta1=0.5,
        sample_count=64,
    ),
}

TRAITS = Traits(g_batch_norm=True)

ODDITIES = {
    "D sees inference-mode fakes": "D trains on the output of G's predict, which is normalised by moving averages. G's own "
    "update normalises by the batch. So the two updates see different fakes, in tfgan, too.",
    "mean over the joined batch": "64 reals and 64 fakes are one batch of D, so D's loss is half the usual sum. tfgan halves "
    "the sum.",
    "optimiser": "The text names none. The program that it links to uses SGD (5e-4, Nesterov's momentum 0.9) for both networks. "
    "tfgan's default is Adam (2e-4, beta1 0.5), and `--optimizer sgd` gives theirs.",
    "photos cropped": "The linked program squashes whole photos to 64x64 and keeps the order of the files. tfgan takes the "
    "annotated box, resized to a square, or else the centre square, and shuffles each epoch.",
    "best of many": "The linked program can keep the 64 of 1,280 samples that have D's highest logits. `python -m tfgan.sample "
    "--best-of 20` does it.",
    "moving variance": "Keras 2 averages the batch variance times n / (n - 1 - epsilon), TF 1.x the plain batch variance on "
    "vectors. tfgan does as Keras 2, because that average normalises D's fakes. At a batch of 64 the two differ by 1.6%.",
}


def generator(z, image_shape, training):
    """z [N, 1000] -> images [N, 64, 64, 3] in [-1, 1]."""
    z = labels.join(z)
    x = tf.nn.tanh(layers.dense(z, 1024))                                      # 1024
    x = layers.dense(x, 8 * 8 * 128)
    x = layers.batch_normalization(x, training, keras_variance=True)
    x = tf.nn.tanh(x)                                                          # 8192
    x = tf.reshape(x, [-1, 8, 8, 128])                                         #  8 x  8 x 128
    x = tf.nn.tanh(layers.up_sample_conv2d(x, 4, 64, 5))                       # 32 x 32 x 128, 32 x 32 x 64
    return tf.nn.tanh(layers.up_sample_conv2d(x, 2, image_shape[2], 5))        # 64 x 64 x  64, 64 x 64 x  3


def discriminator(images, training):
    """images [N, 64, 64, 3] in [-1, 1] -> logits [N, 1]."""
    x = tf.nn.tanh(layers.conv2d(labels.join(images), 64, 5))                  # 64 x 64 x  64
    x = layers.max_pool(x)                                                     # 32 x 32 x  64
    x = tf.nn.tanh(layers.conv2d(x, 128, 5, padding="VALID"))                  # 28 x 28 x 128
    x = layers.flatten(layers.max_pool(x))                                     # 25088
    x = tf.nn.tanh(layers.dense(x, 1024))                                      # 1024
    return labels.judge(x, layers.dense(x, 1))                                 # 1
