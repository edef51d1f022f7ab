"""The DCGAN for 28x28 images, MNIST and CelebA. Source: a course project in TensorFlow 1.1 (Udacity's face generation).

After Radford et al. 2015, arXiv:1511.06434.
"""

from tfgan.graph import labels
from tfgan.graph import layers
from tfgan.models import Traits
from tfgan.recipes import Recipe
from tfgan.tf1 import tf

_MNIST = Recipe(
    model="dcgan28",
    dataset="mnist",
    splits=("train",),
    image_shape=(28, 28, 1),
    value_range=(-1.0, 1.0),
    z_dim=100,
    z_distribution="uniform",
    z_of_g="same",
    batch_size=64,
    last_batch="drop",
    epochs=2,
    learning_rate=1e-3,
    beta1=0.5,
    smooth=0.1,
    sample_count=25,
    real_count=16,
)

RECIPES = {
    "mnist": _MNIST,
    "celeba": _MNIST.replace(
        dataset="celeba", image_shape=(28, 28, 3), batch_size=32, epochs=1, beta1=0.4, real_count=9
    ),
}

TRAITS = Traits(g_batch_norm=True, d_batch_norm=True, d_batch_statistics=True)

ODDITIES = {
    "third dropout unused": "The source applies dropout after D's third layer, but then uses the value before it. tfgan does "
    "not build it, which gives the same result.",
    "batch statistics always": "The source always calls D's batch normalisation with `training=True`, so D's averages are "
    "counted and never used. So does tfgan.",
    "all update operations under both optimisers": "Each of the source's two updates moves the averages of both networks, so "
    "G's move twice an iteration. In tfgan an update moves the averages of its own network, so G's move once.",
    "leak relu": "A comment in the source's G says leak relu, but the code below it is a plain ReLU. tfgan follows the code.",
    "seed 2": "The source draws the first values of D's three kernels with TF 1's seed 2. That generator no longer exists. In "
    "tfgan the first values follow from the run's seed and the variable's name.",
    "lr placeholder ignored": "The source feeds a placeholder of the learning rate that its optimisers do not read. tfgan's "
    "optimisers read it.",
    "losses evaluated again": "The source prints losses that it computes anew after both updates, with new dropout. tfgan "
    "prints the losses that the two updates minimised.",
    "grid stretched": "The source stretches each grid's own minimum and maximum to 0 and 255 and fills columns first. tfgan "
    "maps the model's whole range to 0 to 255, so that pictures of a run can be compared, and fills rows first.",
    "file order": "The source's reader takes the files in the order of the directory listing. tfgan shuffles each epoch.",
    "moving variance": "TF 1.1 averages the biased batch variance. TF 1.4 and later average the unbiased one, which is larger "
    "by a factor of 1 + 1 / (N - 1) for N values a channel. N is at least 32 x 4 x 4. tfgan does as the later ones.",
}


def generator(z, image_shape, training):
    """z [N, 100] -> images [N, 28, 28, C] in [-1, 1]."""
    x = layers.dense(labels.join(z), 4 * 4 * 512)
    x = tf.reshape(x, [-1, 4, 4, 512])
    x = tf.nn.relu(layers.batch_normalization(x, training))                    #  4 x  4 x 512
    x = layers.conv2d_transpose(x, 256, 4, strides=1, padding="VALID")
    x = tf.nn.relu(layers.batch_normalization(x, training))                    #  7 x  7 x 256
    x = layers.conv2d_transpose(x, 128, 3, strides=2)
    x = tf.nn.relu(layers.batch_normalization(x, training))                    # 14 x 14 x 128
    x = layers.conv2d_transpose(x, image_shape[2], 3, strides=2)
    return tf.nn.tanh(x)                                                       # 28 x 28 x C


def discriminator(images, training):
    """images [N, 28, 28, C] in [-1, 1] -> logits [N, 1]."""
    x = layers.conv2d(labels.join(images), 128, 5, strides=2)
    x = layers.leaky_relu(x)
    x = layers.dropout(x, keep_prob=0.8)                                       # 14 x 14 x 128
    x = layers.conv2d(x, 256, 5, strides=2)
    x = layers.leaky_relu(layers.batch_normalization(x, training=True))
    x = layers.dropout(x, keep_prob=0.8)                                       #  7 x  7 x 256
    x = layers.conv2d(x, 512, 5, strides=2)
    x = layers.leaky_relu(layers.batch_normalization(x, training=True))        #  4 x  4 x 512
    x = layers.flatten(x)                                                      #  8192
    return labels.judge(x, layers.dense(x, 1))                                 #  1
