"""The DCGAN for 28x28 images, MNIST and CelebA. Source: a course project in TensorFlow 1.1 (Udacity's face generation).

After Radford et al. 2015, arXiv:1511.06434.
"""

from tfgan.graph import labels
from tfgan.graph import layers
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

G_BATCH_NORM = True
D_BATCH_NORM = True  # D's logit of an image depends on the other images of the batch

ODDITIES = {
    "third dropout unused": "the source applies dropout after D's third layer, but goes on with the value before it; here it "
    "is not built",
    "batch statistics always": "the source always calls D's batch normalisation with training=True, so its moving averages are "
    "never used; so here",
    "all update operations under both optimisers": "each of the source's two updates moves the averages of both networks, "
    "G's twice an iteration; here each moves those of its own network, G's once",
    "leak relu": "a comment in the source's G says leak relu, but the code has a plain ReLU; here as in the code",
    "seed 2": "the source seeds the initial values of D's three kernels with 2 (TF 1's generator); here they follow from "
    "the run's seed and the variable's name",
    "lr placeholder ignored": "the source feeds a learning-rate placeholder that its optimisers do not read; here they read it",
    "losses evaluated again": "after both updates the source computes the losses that it prints anew, with new dropout; "
    "here they are those that the two updates minimised",
    "grid stretched": "the source's grid spreads its own minimum and maximum over 0 to 255 and fills columns first; here "
    "0 to 255 is the model's whole range, so that the pictures of a run compare, and rows come first",
    "file order": "the source's reader takes the files in the order of the directory; here each epoch is shuffled",
    "moving variance": "TF 1.1 averaged the biased batch variance, TF 1.4 and later the unbiased one, larger by a factor of "
    "1 + 1 / (N - 1) for N values a channel, at least 32 * 4 * 4 of them; here as in the later",
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
