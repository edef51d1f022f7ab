"""A recipe's two networks called in a graph: G on noise, D on what it sees of images, and D's loss of both."""

from typing import Any
from typing import NamedTuple

from tfgan import recipes
from tfgan.errors import UserError
from tfgan.graph import augment
from tfgan.graph import losses
from tfgan.graph import noise
from tfgan.graph import penalties
from tfgan.graph.noise import Stream
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf


class LossOfD(NamedTuple):
    """D's loss in one of its updates."""

    logits_real: Any
    logits_fake: Any
    loss_real: Any  # the halves, before the recipe's weight
    loss_fake: Any
    penalty: Any  # None without one
    loss: Any
    updates: Any  # what moves D's averages
    rows: Any  # D's layers


class Update(NamedTuple):
    """One of a network's updates: its number, from which its draws follow, and this `Replica`; None without others."""

    number: Any
    replica: Any


class Passes:
    """Calls the networks, each under one variable scope; all draws follow from the seed and an `Update`.

    iteration: an int64 tensor, from which the strength of instance noise follows.
    """

    def __init__(self, recipe, seed, iteration):
        self._recipe, self._seed = recipe, seed
        self._model = recipes.model_module(recipe.model)
        self._sigma = None
        if recipe.instance_noise:
            self._sigma = recipe.noise(tf.cast(iteration, tf.float32))

    def key(self, update, stream, layer=0):
        """The key of a draw for an update's batch: `noise.key`, or that of this replica's rows of what it draws."""
        key = noise.key(self._seed, update.number, stream, layer)
        return key if update.replica is None else update.replica.own_rows(key)

    def generator(self, name, z, update, training, **settings):
        """(images [N, h, w, c], the `scope.Pass`); it moves averages only where update_averages=True is given.

        Raises UserError if the model makes images of another shape than the recipe's.
        """
        settings = {"update_averages": False, "replica": update.replica, **settings}
        wanted = self._recipe.image_shape
        images, this = self._call(self._model.generator, "generator", name, z, wanted, training, **settings)
        if (made := tuple(images.shape[1:].as_list())) != wanted:
            sizes = [" x ".join(map(str, shape)) for shape in (made, wanted)]
            raise UserError(f"{self._recipe.model} makes images of {sizes[0]}, but image_shape is {sizes[1]}; make them equal")
        return images, this

    def fakes_for_g(self, name, z, update):
        """([images [n, h, w, c], ...], the `scope.Pass`): what G's update is made of; it moves G's averages.

        In one part; or the batch's two halves apart, where the model asks for that and nothing is drawn that differs from image
        to image.
        """
        settings = {"update_averages": True}
        if not getattr(self._model, "HALVES_FOR_G", False) or self._sigma is not None or self._recipe.augment:
            fake, this = self.generator(name, z, update, True, **settings)
            return [fake], this
        with tf.name_scope(name):
            rows = tf.shape(z)[0] // 2
            halves = tf.split(z, [rows, tf.shape(z)[0] - rows])
            passes = [self.generator("half", half, update, True, **settings) for half in halves]
        return [fake for fake, _ in passes], passes[0][1]

    def kernels(self):
        """What passes of D that see the same weights share: see `scope.Pass`."""
        return {} if self._recipe.spectral_normalization else None

    def discriminator(self, name, x, update, stream, **settings):
        """(logits [N, 1], the `scope.Pass`); stream: of its dropout's draws, None where there may be none."""
        key = None if stream is None else lambda layer: self.key(update, stream, layer)
        settings = {"dropout_key": key, "normalization": self._recipe.d_normalization or "batch", **settings}
        settings["replica"] = update.replica
        return self._call(self._model.discriminator, "discriminator", name, x, True, **settings)

    def seen(self, x, update, stream):
        """What D sees of images: they themselves, unless the recipe has them augmented or noisy."""
        if self._sigma is None and not self._recipe.augment:
            return x
        with tf.name_scope("augment"):
            return augment.seen(x, self._recipe, self._sigma, lambda draw: self.key(update, stream, draw))

    def loss_of_d(self, real, fake, update):
        """The `LossOfD` of real and fake images.

        Where each image goes through D by itself, real and fake ones may go together, in half of the operations (the model
        says so). Elsewhere the averages of D's batch normalisation move in this order: real images, then fake ones.
        """
        recipe, kernels = self._recipe, self.kernels()
        seen_real, seen_fake = self.seen(real, update, Stream.SEEN_REAL), self.seen(fake, update, Stream.SEEN_FAKE)
        if getattr(self._model, "D_BY_ROWS", False):
            with tf.name_scope("join"):
                both = tf.concat([seen_real, seen_fake], 0)
            logits, of_both = self.discriminator("discriminator_real_and_fake", both, update, None, kernels=kernels)
            with tf.name_scope("part"):
                logits_real, logits_fake = tf.split(logits, [tf.shape(real)[0], tf.shape(fake)[0]])
            updates, rows = of_both.updates, of_both.rows
        else:
            name = "discriminator_real"
            logits_real, of_real = self.discriminator(name, seen_real, update, Stream.DROPOUT_REAL, kernels=kernels)
            settings = {"kernels": kernels, "after": of_real.updates}
            name = "discriminator_fake"
            logits_fake, of_fake = self.discriminator(name, seen_fake, update, Stream.DROPOUT_FAKE, **settings)
            updates, rows = of_real.updates + of_fake.updates, of_real.rows
        with tf.name_scope("d_loss"):
            smooth = {"smooth": recipe.smooth} if recipe.smooth else {}
            loss_real, loss_fake = losses.LOSSES[recipe.loss].discriminator(logits_real, logits_fake, **smooth)
            loss = recipe.d_loss_weight * (loss_real + loss_fake)
        penalty = None
        if recipe.penalty is not None:
            with tf.name_scope("d_penalty"):
                penalty = recipe.penalty_weight * self._penalty(real, fake, logits_real, update, kernels)
                loss += penalty
        return LossOfD(logits_real, logits_fake, loss_real, loss_fake, penalty, loss, updates, rows)

    def _penalty(self, real, fake, logits_real, update, kernels):
        if self._recipe.penalty == "r1":
            return penalties.r1(logits_real, real)

        def d_of(x):
            x = self.seen(x, update, Stream.SEEN_PENALTY)
            settings = {"kernels": kernels, "update_averages": False}
            return self.discriminator("discriminator_for_penalty", x, update, Stream.DROPOUT_PENALTY, **settings)[0]

        def key(draw):
            return self.key(update, Stream.PENALTY, draw)

        if self._recipe.penalty == "wgan-gp":
            return penalties.wgan_gp(d_of, real, fake, key)
        deviation = tf.math.reduce_std(real) if update.replica is None else update.replica.batch_standard_deviation(real)
        return penalties.dragan(d_of, real, deviation, key)

    def loss_of_g(self, suffix, fakes, update):
        """G's loss of these fakes, [images [n, h, w, c], ...], which are one batch.

        It needs a pass of D of its own: the tutorials run the two updates separately, with other dropout. That pass moves none
        of D's averages: it serves G alone.
        """
        settings = {"kernels": self.kernels(), "update_averages": False}
        name = f"discriminator_for_g{suffix}"
        if len(fakes) == 1:
            x = self.seen(fakes[0], update, Stream.SEEN_G)
            logits, _ = self.discriminator(name, x, update, Stream.DROPOUT_G, **settings)
        else:
            with tf.name_scope(name):
                halves = [self.discriminator("half", x, update, Stream.DROPOUT_G, **settings)[0] for x in fakes]
                logits = tf.concat(halves, 0)
        with tf.name_scope(f"g_loss{suffix}"):
            return losses.LOSSES[self._recipe.loss].generator(logits)

    def _call(self, network, scope, name, *arguments, **settings):
        """One call of a network: its variables in `scope`, its operations under a readable name of their own."""
        with (
            network_pass(self._seed, **settings) as this,
            tf.variable_scope(scope, reuse=tf.AUTO_REUSE, auxiliary_name_scope=False),
            tf.name_scope(name),
        ):
            return network(*arguments), this
