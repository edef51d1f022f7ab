"""Where a label enters a network: the ways of `recipes.CONDITIONS`. In a pass without labels these functions change nothing.

concat: the label's one-hot vector joins z, and joins D's input, as constant planes of an image: Mirza and Osindero 2014,
    arXiv:1411.1784.
projection: D's logit gains the inner product of its last features with a vector of the class: Miyato and Koyama 2018,
    arXiv:1802.05637. G's batch normalisation has a scale and an offset for each class (Dumoulin et al. 2017, arXiv:1610.07629).
    Where G has none, the label joins z. A D that judges places has places for the label alone.
auxiliary: the label joins z, and D also names the class of its input: Odena et al. 2017, arXiv:1610.09585.
"""

from typing import NamedTuple

from tfgan.graph import initializers
from tfgan.graph import layers
from tfgan.graph.scope import current_pass
from tfgan.graph.scope import layer
from tfgan.tf1 import tf

_LABEL_GAIN = 4.0  # of a place's inner product with the vector of its class


class Labels(NamedTuple):
    """The labels of a pass, and how its network gets them."""

    one_hot: tf.Tensor  # float32 [N, classes]
    method: str  # one of `recipes.CONDITIONS`
    joins: bool  # whether the label joins the network's input
    in_batch_norm: bool = False  # whether it chooses the scale and offset of batch normalisation


def for_generator(method, y, classes, batch_norm):
    """The `Labels` of a pass of G. y: class numbers or their one-hot vectors. batch_norm: whether G has batch normalisation."""
    in_batch_norm = method == "projection" and batch_norm
    return Labels(one_hot_of(y, classes), method, joins=not in_batch_norm, in_batch_norm=in_batch_norm)


def for_discriminator(method, y, classes):
    """The `Labels` of a pass of D. y: class numbers or their one-hot vectors."""
    return Labels(one_hot_of(y, classes), method, joins=method == "concat")


def one_hot_of(y, classes):
    """The one-hot vectors of labels, float32 [N, classes].

    y: class numbers, int32 [N], or the vectors themselves, float32 [N, classes]. Such a vector may also mix several classes.
    """
    return y if y.dtype.is_floating else tf.one_hot(y, classes)


def join(x):
    """x [N, n] or [N, h, w, c], a network's input -> the same with the label's one-hot vector behind its values or channels."""
    labels = current_pass().labels
    if labels is None or not labels.joins:
        return x
    current_pass().labels_used = True
    one_hot = labels.one_hot
    if len(x.shape) == 4:
        height, width = x.shape[1:3]
        one_hot = tf.tile(one_hot[:, None, None, :], [1, height, width, 1])
    return tf.concat([x, one_hot], -1)


def judge(features, logit):
    """D's logit [N, 1], in which its last features [N, ...] meet the label. The logits of the classes go into the pass."""
    current = current_pass()
    labels = current.labels
    if labels is None or labels.method == "concat":
        return logit
    current.labels_used = True
    features = layers.flatten(features)
    if labels.method == "auxiliary":
        current.class_logits = layers.dense(features, labels.one_hot.shape[1])
        return logit
    with layer("projection") as (variables, record):
        return record(logit + tf.reduce_sum(_class_vectors(variables, features) * features, 1, keepdims=True))


def judge_places(features, logits):
    """The logits of a D that judges places, [N, places], in which its last features [N, h, w, c] meet the label.

    With the projection method there are h * w logits more: the inner product of each place's features with the vector of the
    class, times `_LABEL_GAIN`. They are not added to the others. A trained network's features tell classes apart from the first
    iterations on. In a sum, every place would teach G the colours of its class before it makes pictures.
    """
    current = current_pass()
    if current.labels is None or current.labels.method != "projection":
        return judge(tf.reduce_mean(features, [1, 2]), logits)
    current.labels_used = True
    with layer("projection") as (variables, record):
        of_class = _class_vectors(variables, features)[:, None, None]
        of_label = layers.flatten(tf.reduce_sum(of_class * features, 3))
        return record(tf.concat([logits, _LABEL_GAIN * of_label], 1))


def _class_vectors(variables, features):
    """The vectors of the pass's classes, [N, c], variables of a layer. features: [N, ..., c]."""
    one_hot = current_pass().labels.one_hot
    vectors = layers.kernel(variables, [features.shape[-1], one_hot.shape[1]], initializers.glorot_uniform)
    return tf.matmul(one_hot, vectors, transpose_b=True)


def classification_loss(class_logits, one_hot):
    """The mean cross-entropy of the classes that D names, [N, classes], with the labels: equation 3 of Odena et al. 2017."""
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=tf.stop_gradient(one_hot), logits=class_logits))
