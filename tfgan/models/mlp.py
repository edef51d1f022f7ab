"""The MLP GAN: three layers each, on MNIST. Source: "Pytorch Note45", a port of an exercise of Stanford's CS231n."""

from tfgan.graph import initializers
from tfgan.graph import labels
from tfgan.graph import layers
from tfgan.models import Traits
from tfgan.recipes import Recipe
from tfgan.tf1 import tf

_MNIST = Recipe(
    model="mlp",
    dataset="mnist",
    splits=("train",),
    subset=(0, 50_000),
    image_shape=(28, 28, 1),
    value_range=(-1.0, 1.0),
    z_dim=96,
    z_distribution="uniform",
    z_of_g="same",
    batch_size=128,
    last_batch="keep",
    epochs=10,
    learning_rate=3e-4,
    beta1=0.5,
    sample_count=16,
)

RECIPES = {
    "mnist": _MNIST,
    # Not the tutorial's: the embedded digits. A laptop needs a minute or two for these iterations.
    "digits": _MNIST.replace(dataset="digits", subset=None, batch_size=64, iterations=8_000),
}

TRAITS = Traits(can_make=lambda side: True)  # dense layers make any size

ODDITIES = {
    "uniform noise": "The text speaks of normal noise, but the code draws from U(-1, 1). tfgan follows the code.",
    "50,000 images in batches of 128": "The text states neither number. Its log prints every 250 iterations and ends at 3,750 "
    "after 10 epochs. That fits 391 batches an epoch, the last one of 80 images.",
    "order of the images": "The source does not show its loader. tfgan shuffles each epoch.",
    "epsilon after the correction": "PyTorch's Adam adds epsilon after the bias correction, TensorFlow's adds it before. tfgan "
    "uses TensorFlow's. The two differ by a factor of at most 32 on 1e-8, which is not visible.",
    "G runs twice on one z": "The source makes the same fake images a second time for G's update. tfgan makes them once for "
    "both updates, with the same numbers.",
}


def _linear(x, units):
    """PyTorch's Linear: weights and biases begin in the same distribution, U(-1/sqrt(in), 1/sqrt(in))."""
    uniform = initializers.fan_in_uniform(int(x.shape[-1]))
    return layers.dense(x, units, kernel_initializer=uniform, bias_initializer=uniform)


def generator(z, image_shape, training):
    """z [N, 96] -> images [N, *image_shape] in [-1, 1]."""
    z = labels.join(z)
    x = tf.nn.relu(_linear(z, 1024))                                           # 1024
    x = tf.nn.relu(_linear(x, 1024))                                           # 1024
    size = image_shape[0] * image_shape[1] * image_shape[2]
    x = tf.nn.tanh(_linear(x, size))                                           # 784
    return tf.reshape(x, [-1, *image_shape])                                   # 28 x 28 x 1


def discriminator(images, training):
    """images in [-1, 1] -> logits [N, 1]."""
    x = labels.join(layers.flatten(images))                                    # 784
    x = layers.leaky_relu(_linear(x, 256))                                     # 256
    x = layers.leaky_relu(_linear(x, 256))                                     # 256
    return labels.judge(x, _linear(x, 1))                                      # 1
