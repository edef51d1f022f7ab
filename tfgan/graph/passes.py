"""The passes of the two networks that an update needs: G on noise, D on images, and the losses of their logits."""

import functools
from typing import Any
from typing import NamedTuple

from tfgan import recipes
from tfgan.errors import UserError
from tfgan.graph import augment
from tfgan.graph import labels
from tfgan.graph import losses
from tfgan.graph import noise
from tfgan.graph import penalties
from tfgan.graph import projected
from tfgan.graph.noise import Stream
from tfgan.graph.replica import Replica
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf


class UpdateContext(NamedTuple):
    """Which update of a network a pass belongs to."""

    update_number: Any  # int64 scalar tensor, counted per network from 0: all draws of the update follow from it
    replica: Any  # the `Replica` that computes a part of the update's batch; None where there is only one


class Examples(NamedTuple):
    """Images, real or fake, with their labels."""

    images: Any  # [N, h, w, c], or their features, a list, where D is projected
    y: Any  # int32 [N], None where the recipe is not conditional


class GFakes(NamedTuple):
    """The fake images of one update of G, which are one batch in one part or two."""

    parts: Any  # [Examples, ...]
    g_pass: Any  # the `scope.Pass` that made them, the first one's if two did

    def joined(self):
        """The whole batch's images, [N, h, w, c]."""
        return self.parts[0].images if len(self.parts) == 1 else tf.concat([part.images for part in self.parts], 0)


class DLoss(NamedTuple):
    """D's loss in one of its updates. Logits are [N, 1], with a projected D [N, places], losses scalars."""

    real_input: Any  # the `Examples` that D got of the real images
    logits_real: Any
    logits_fake: Any
    loss_real: Any  # the two halves, without the recipe's d_loss_weight
    loss_fake: Any
    penalty: Any  # times its weight; None without one
    class_loss: Any  # of the classes that D names, of real and fake images together; None where it names none
    loss: Any  # d_loss_weight * (loss_real + loss_fake) + penalty + class_loss
    update_ops: Any  # of D's moving averages
    layers: Any  # D's layers, as `scope.Pass` lists them


def update_context(update_number, batch_number, images, replica_group):
    """The `UpdateContext` of that update, made from that batch.

    images, replica_group: as `gan.build` has them; images are needed only where there is a group.
    """
    replica = None if replica_group is None else Replica(images.part(batch_number), replica_group)
    return UpdateContext(update_number, replica)


class Passes:
    """Calls a recipe's networks, each under one variable scope; all randomness follows from the seed and an `UpdateContext`.

    iteration: int64 scalar tensor, on which the strength of the instance noise depends.
    """

    def __init__(self, recipe, seed, iteration):
        self._recipe = recipe
        self._seed = seed
        self._model = recipes.model_module(recipe.model)
        self._noise_stddev = None
        if recipe.instance_noise:
            self._noise_stddev = recipe.instance_noise_at(tf.cast(iteration, tf.float32))
        self._changes_d_input = bool(recipe.instance_noise or recipe.augment or recipe.projected)
        self._discriminator = projected.discriminator if recipe.projected else self._model.discriminator
        self._projection = projected.projection_for(recipe, seed) if recipe.projected else None
        self._projected = {}  # images that were projected -> what became of them

    def key(self, context, stream, layer=0):
        """The key of a draw for the update's batch: `noise.key`, with several replicas of this replica's rows only."""
        key = noise.key(self._seed, context.update_number, stream, layer)
        return key if context.replica is None else context.replica.own_rows(key)

    def latent(self, rows, context, stream):
        """z [rows, z_dim] of the recipe's distribution; rows: an int32 scalar tensor."""
        with tf.name_scope("noise"):
            return noise.latent(self._recipe.z_distribution, [rows, self._recipe.z_dim], self.key(context, stream))

    def labels_of_fakes(self, rows, shares, context, stream):
        """Class numbers for fakes, int32 [rows]. shares: the classes' probabilities, [classes]."""
        with tf.name_scope("noise"):
            return noise.labels(shares, [rows], self.key(context, stream))

    def generator(self, name, z, y, context, training, **settings):
        """G(z, y): (images [N, h, w, c], the `scope.Pass`). It updates moving averages only with update_averages=True.

        name: of the name scope. y: int32 [N], or None without labels. Raises UserError if the model's images have another shape
        than the recipe's.
        """
        settings = {"update_averages": False, "replica": context.replica, "labels": self._labels_of_g(y), **settings}
        wanted = self._recipe.image_shape
        images, g_pass = self._call(self._model.generator, "generator", name, z, wanted, training, **settings)
        if (actual := tuple(images.shape[1:].as_list())) != wanted:
            actual, wanted = (" x ".join(map(str, shape)) for shape in (actual, wanted))
            raise UserError(f"{self._recipe.model} makes images of {actual}, but image_shape is {wanted}; make them equal")
        return images, g_pass

    def _labels_of_g(self, y):
        if y is None:
            return None
        batch_norm = getattr(self._model, "G_BATCH_NORM", False)
        return labels.for_generator(self._recipe.conditional, y, self._recipe.classes, batch_norm)

    def fakes_for_g(self, name, z, y, context):
        """The `GFakes` of G's update, from z [N, z_dim] and y [N] or None. This pass updates G's moving averages.

        They are made in two halves where the model has G_UPDATE_IN_HALVES, unless D's input is changed by random draws: those
        are drawn for a whole batch.
        """
        settings = {"update_averages": True}
        if not getattr(self._model, "G_UPDATE_IN_HALVES", False) or self._changes_d_input:
            fake, g_pass = self.generator(name, z, y, context, True, **settings)
            return GFakes([Examples(fake, y)], g_pass)
        with tf.name_scope(name):
            rows = tf.shape(z)[0] // 2
            sizes = [rows, tf.shape(z)[0] - rows]
            halves = tf.split(z, sizes)
            y_halves = [None, None] if y is None else tf.split(y, sizes)
            passes = [self.generator("half", *half, context, True, **settings) for half in zip(halves, y_halves, strict=True)]
        return GFakes([Examples(fake, y) for (fake, _), y in zip(passes, y_halves, strict=True)], passes[0][1])

    def discriminator(self, name, examples, context, dropout_stream, **settings):
        """D of `Examples`: (logits [N, 1], the `scope.Pass`). dropout_stream: of its dropout, None where D has no dropout."""
        key = None if dropout_stream is None else lambda layer: self.key(context, dropout_stream, layer)
        settings = {"dropout_key": key, "normalization": self._recipe.d_normalization or "batch", **settings}
        settings["replica"] = context.replica
        images, y = examples
        if y is not None:
            settings["labels"] = labels.for_discriminator(self._recipe.conditional, y, self._recipe.classes)
        return self._call(self._discriminator, "discriminator", name, images, True, **settings)

    def d_input(self, examples, context, stream):
        """What D gets of these `Examples`: the images with the recipe's instance noise and augmentation.

        With a projected D it is their features. If both updates see the same fakes, they share one augmentation and the features:
        these take far longer than the rest of D.
        """
        if not self._changes_d_input:
            return examples
        if (known := self._projected.get(examples.images.ref())) is not None:
            return examples._replace(images=known)
        with tf.name_scope("augment"):
            key = functools.partial(self.key, context, stream)
            x = augment.d_input(examples.images, self._recipe, self._noise_stddev, key)
        if self._projection is not None:
            with tf.name_scope("projection"):
                x = self._projected[examples.images.ref()] = self._projection(x)
        return examples._replace(images=x)

    def d_loss(self, real, fake, context):
        """The `DLoss` of real and fake `Examples`."""
        recipe, shared = self._recipe, self._shared_by_d_passes()
        in_one_pass = getattr(self._model, "D_JOINS_REAL_AND_FAKE", False) and self._projection is None
        d_passes = self._joint_d_pass if in_one_pass else self._separate_d_passes
        inputs = self.d_input(real, context, Stream.AUGMENT_REAL), self.d_input(fake, context, Stream.AUGMENT_FAKE)
        logits_real, logits_fake, passes = d_passes(*inputs, context, shared)
        with tf.name_scope("d_loss"):
            smooth = {"smooth": recipe.smooth} if recipe.smooth else {}
            loss_real, loss_fake = losses.LOSSES[recipe.loss].discriminator(logits_real, logits_fake, **smooth)
            loss = recipe.d_loss_weight * (loss_real + loss_fake)
        penalty = None
        if recipe.penalty is not None:
            with tf.name_scope("d_penalty"):
                penalty = recipe.penalty_weight * self._penalty(real, fake, logits_real, logits_fake, context, shared)
                loss += penalty
        class_loss = None
        if passes[0].class_logits is not None:
            with tf.name_scope("d_class_loss"):
                class_loss = 2.0 * _class_loss(passes)  # the means of real and of fake images, of which there are as many
                loss += class_loss
        update_ops = [op for each in passes for op in each.update_ops]
        logits = logits_real, logits_fake
        return DLoss(inputs[0], *logits, loss_real, loss_fake, penalty, class_loss, loss, update_ops, passes[0].layers)

    def g_loss(self, suffix, parts, real_input, context):
        """G's loss, a scalar, of the parts of `GFakes`. suffix: of the name scopes.

        real_input: `DLoss.real_input` of as many rows. It is used only by a loss whose g_needs_real is True.

        It has its own pass of D, with its own dropout, because the tutorials run the two updates separately. That pass serves G
        alone, so it updates none of D's averages. The same is true of the pass over real images.
        """
        loss = losses.LOSSES[self._recipe.loss]
        settings = {**self._shared_by_d_passes(), "update_averages": False}
        name = f"discriminator_for_g{suffix}"
        if len(parts) == 1:
            x = self.d_input(parts[0], context, Stream.AUGMENT_G)
            logits, d_pass = self.discriminator(name, x, context, Stream.DROPOUT_G, **settings)
            passes = [d_pass]
        else:
            with tf.name_scope(name):
                halves = [self.discriminator("half", x, context, Stream.DROPOUT_G, **settings) for x in parts]
                logits = tf.concat([half for half, _ in halves], 0)
                passes = [d_pass for _, d_pass in halves]
        all_logits = [logits]
        if loss.g_needs_real:
            name = f"discriminator_real_for_g{suffix}"
            logits_real, _ = self.discriminator(name, real_input, context, Stream.DROPOUT_REAL_G, **settings)
            all_logits.append(logits_real)
        with tf.name_scope(f"g_loss{suffix}"):
            g_loss = loss.generator(*all_logits)
            return g_loss if passes[0].class_logits is None else g_loss + _class_loss(passes)

    def _shared_by_d_passes(self):
        """Settings that passes of D share if they use the same weights: they normalise each kernel once."""
        return {"normalized_kernels": {} if self._recipe.spectral_normalization else None}

    def _joint_d_pass(self, real, fake, context, shared):
        """(logits of real, of fake, [the pass]) from one pass of D over both inputs, which has half of the operations of two."""
        with tf.name_scope("join"):
            images = tf.concat([real.images, fake.images], 0)
            y = None if real.y is None else tf.concat([real.y, fake.y], 0)
        logits, d_pass = self.discriminator("discriminator_real_and_fake", Examples(images, y), context, None, **shared)
        with tf.name_scope("part"):
            logits_real, logits_fake = tf.split(logits, [tf.shape(examples.images)[0] for examples in (real, fake)])
        return logits_real, logits_fake, [d_pass]

    def _separate_d_passes(self, real, fake, context, shared):
        """The same from two passes of D. Its moving averages are updated by the real images first, then by the fake ones."""
        logits_real, real_pass = self.discriminator("discriminator_real", real, context, Stream.DROPOUT_REAL, **shared)
        settings = {**shared, "preceding_update_ops": real_pass.update_ops}
        logits_fake, fake_pass = self.discriminator("discriminator_fake", fake, context, Stream.DROPOUT_FAKE, **settings)
        return logits_real, logits_fake, [real_pass, fake_pass]

    def _penalty(self, real, fake, logits_real, logits_fake, context, shared):
        """The recipe's penalty on D's gradient, a scalar, without its weight."""
        if self._recipe.penalty == "r1":
            return penalties.r1(logits_real, real.images)
        if self._recipe.penalty == "r1r2":
            return penalties.r1r2(logits_real, real.images, logits_fake, fake.images)

        def discriminator(x):
            x = self.d_input(Examples(x, real.y), context, Stream.AUGMENT_PENALTY)
            settings = {**shared, "update_averages": False}
            return self.discriminator("discriminator_for_penalty", x, context, Stream.DROPOUT_PENALTY, **settings)[0]

        def key(draw):
            return self.key(context, Stream.PENALTY, draw)

        if self._recipe.penalty == "wgan-gp":
            return penalties.wgan_gp(discriminator, real.images, fake.images, key)
        replica = context.replica
        stddev = tf.math.reduce_std(real.images) if replica is None else replica.batch_standard_deviation(real.images)
        return penalties.dragan(discriminator, real.images, stddev, key)

    def _call(self, network, scope, name, *arguments, **settings):
        """Calls a network: its variables are in the variable scope `scope`, its operations in the name scope `name`."""
        with (
            network_pass(self._seed, **settings) as opened,
            tf.variable_scope(scope, reuse=tf.AUTO_REUSE, auxiliary_name_scope=False),
            tf.name_scope(name),
        ):
            return network(*arguments), opened


def _class_loss(passes):
    """The loss of the classes that D names in these passes, the mean over all their rows."""
    class_logits = tf.concat([each.class_logits for each in passes], 0)
    return labels.classification_loss(class_logits, tf.concat([each.labels.one_hot for each in passes], 0))
