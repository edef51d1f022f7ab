"""What D and G minimise: the loss of D's logits, a penalty, and the loss of the classes that D names."""

import functools
from typing import NamedTuple

from tfgan.graph import augment
from tfgan.graph import labels
from tfgan.graph import losses
from tfgan.graph import networks
from tfgan.graph import penalties
from tfgan.graph import projected
from tfgan.graph.noise import Stream
from tfgan.graph.scope import Pass
from tfgan.tf1 import tf


class Examples(NamedTuple):
    """Images, real or fake, with their labels."""

    x: tf.Tensor | list  # [N, h, w, c] in the recipe's value range, or what D gets of them
    y: tf.Tensor | None  # class numbers, int32 [N]; None where the recipe is not conditional


class DLoss(NamedTuple):
    """D's loss in one of its updates. Logits are [N, 1], with a projected D [N, places], losses scalars."""

    real_input: Examples  # what D got of the real images
    logits_real: tf.Tensor
    logits_fake: tf.Tensor
    loss_real: tf.Tensor  # the two halves, without the recipe's d_loss_weight
    loss_fake: tf.Tensor
    penalty: tf.Tensor | None  # times its weight; None without one
    class_loss: tf.Tensor | None  # of the classes that D names, of real and fake images together; None where it names none
    loss: tf.Tensor  # d_loss_weight * (loss_real + loss_fake) + penalty + class_loss
    update_ops: list  # of D's moving averages
    d_pass: Pass  # over the real images


def d_input(recipe, seed, iteration):
    """The function (images, update, stream) -> what D gets of these images.

    These are the images with the recipe's instance noise and augmentation, or, for a projected D, the features that its fixed
    part makes of them. images: [N, h, w, c]. update: the `inputs.Update`, stream: that of the random draws.

    If both updates see the same fakes, they share one augmentation and the features: these take far longer than the rest of D.
    """
    projection = projected.projection_for(recipe, seed) if recipe.projected else None
    features = {}  # of images

    def change(images, update, stream):
        if images.ref() in features:
            return features[images.ref()]
        x = images
        if recipe.instance_noise or recipe.augment:
            with tf.name_scope("augment"):
                stddev = recipe.instance_noise_at(tf.cast(iteration, tf.float32)) if recipe.instance_noise else None
                x = augment.d_input(x, recipe, stddev, functools.partial(update.key, stream))
        if projection is not None:
            with tf.name_scope("projection"):
                x = features[images.ref()] = projection(x)
        return x

    return change


def d_loss(recipe, d_input, update, real, fake):
    """The `DLoss` of real and fake `Examples` in an `inputs.Update`. d_input: see above.

    D's moving averages are updated by the real images first, then by the fake ones.
    """
    kernels = {}  # all passes of this update use the same weights
    real_input = real._replace(x=d_input(real.x, update, Stream.AUGMENT_REAL))
    fake_input = fake._replace(x=d_input(fake.x, update, Stream.AUGMENT_FAKE))
    logits_real, real_pass = _discriminator(recipe, update, "discriminator_real", real_input, Stream.DROPOUT_REAL, kernels)
    after_real = {"preceding_update_ops": real_pass.update_ops}
    logits_fake, fake_pass = _discriminator(
        recipe, update, "discriminator_fake", fake_input, Stream.DROPOUT_FAKE, kernels, **after_real
    )
    with tf.name_scope("d_loss"):
        smooth = {"smooth": recipe.smooth} if recipe.smooth else {}
        loss_real, loss_fake = losses.LOSSES[recipe.loss].discriminator(logits_real, logits_fake, **smooth)
        loss = recipe.d_loss_weight * (loss_real + loss_fake)
    penalty, class_loss = None, None
    if recipe.penalty is not None:
        with tf.name_scope("d_penalty"):

            def discriminator(x):
                places = Examples(d_input(x, update, Stream.AUGMENT_PENALTY), real.y)
                name, stream = "discriminator_for_penalty", Stream.DROPOUT_PENALTY
                return _discriminator(recipe, update, name, places, stream, kernels, update_averages=False)[0]

            images = real.x, logits_real, fake.x, logits_fake
            penalty = recipe.penalty_weight * penalties.penalty(recipe.penalty, discriminator, *images, update)
            loss += penalty
    if real_pass.class_logits is not None:
        with tf.name_scope("d_class_loss"):
            class_loss = 2.0 * _class_loss(real_pass, fake_pass)  # the means of real and of fake images, as many of each
            loss += class_loss
    update_ops = real_pass.update_ops + fake_pass.update_ops
    scalars = loss_real, loss_fake, penalty, class_loss, loss
    return DLoss(real_input, logits_real, logits_fake, *scalars, update_ops, real_pass)


def g_loss(recipe, d_input, update, fake, real_input, suffix=""):
    """G's loss, a scalar, of fake `Examples` in an `inputs.Update`. d_input: see above. suffix: of the name scopes.

    real_input: `DLoss.real_input` of as many rows. Only some losses need it (`losses.Loss.g_needs_real`).

    G's loss has a pass of D of its own, with its own dropout, because the tutorials run the two updates separately. That pass
    serves G alone, so it updates none of D's averages. The same is true of the pass over real images.
    """
    loss, settings = losses.LOSSES[recipe.loss], {"kernels": {}, "update_averages": False}
    fake_input = fake._replace(x=d_input(fake.x, update, Stream.AUGMENT_G))
    name = f"discriminator_for_g{suffix}"
    logits, d_pass = _discriminator(recipe, update, name, fake_input, Stream.DROPOUT_G, **settings)
    logits = [logits]
    if loss.g_needs_real:
        name = f"discriminator_real_for_g{suffix}"
        logits.append(_discriminator(recipe, update, name, real_input, Stream.DROPOUT_REAL_G, **settings)[0])
    with tf.name_scope(f"g_loss{suffix}"):
        g_loss = loss.generator(*logits)
        return g_loss if d_pass.class_logits is None else g_loss + _class_loss(d_pass)


def _discriminator(recipe, update, name, examples, stream, kernels, **settings):
    """D of `Examples` in an update: (logits, the `scope.Pass`). stream: of dropout. kernels: see `networks.discriminator`."""
    settings |= {"seed": update.seed, "replica": update.replica, "dropout_key": functools.partial(update.key, stream)}
    return networks.discriminator(recipe, *examples, True, name, kernels, **settings)


def _class_loss(*passes):
    """The loss of the classes that D names in these passes, the mean over all their rows."""
    class_logits = tf.concat([each.class_logits for each in passes], 0)
    return labels.classification_loss(class_logits, tf.concat([each.labels.one_hot for each in passes], 0))
