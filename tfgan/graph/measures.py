"""What is measured of an iteration: losses, D's mean outputs, G's gradient, the diversity of the fakes."""

from tfgan.tf1 import tf


def measures_of_iteration(gan):
    """name -> scalar tensor, to be fetched together with `train_op`.

    D's measures are taken with its weights before the update, G's through D's updated weights: what the two updates minimised.
    """
    with tf.name_scope("measures"):
        of_d = measures_of_d(gan)
    return {**of_d, "g_loss": gan.g_loss_updated, "g_gradient": gan.g_gradient_norm_updated}


def measures_of_d(gan):
    """name -> scalar tensor, with D's current weights: D's loss and its parts, D's mean outputs (sigmoid), and diversity."""
    further = {"d_penalty": gan.d_penalty, "d_class_loss": gan.d_class_loss}
    return {
        "d_loss": gan.d_loss,
        "d_loss_real": gan.d_loss_real,
        "d_loss_fake": gan.d_loss_fake,
        **{name: loss for name, loss in further.items() if loss is not None},
        "d_real": tf.reduce_mean(tf.sigmoid(gan.d_logits_real), name="d_real"),
        "d_fake": tf.reduce_mean(tf.sigmoid(gan.d_logits_fake), name="d_fake"),
        "diversity": _diversity(gan.fake, gan.input_real),
    }


def _diversity(fake, real):
    """The spread of a batch's fakes divided by the spread of its real images; 1 where all real images are equal."""
    fake, real = _variance(fake), _variance(real)
    return tf.where(real > 0, tf.sqrt(tf.math.divide_no_nan(fake, real)), tf.ones_like(real), name="diversity")


def _variance(images):
    """The variance over the batch, summed over all pixels: half of the mean squared distance between two of its images."""
    return tf.reduce_sum(tf.math.reduce_variance(images, 0))
