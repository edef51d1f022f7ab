"""The inputs of a GAN's graph: counters, and the tutorials' placeholders, which default to its own batch, noise and rate."""

from typing import NamedTuple

import numpy as np

from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.graph.replica import Replica
from tfgan.tf1 import tf


class Counters(NamedTuple):
    """The counters of a run, int64 scalars."""

    global_step: tf.Variable  # iterations done
    iteration: tf.Tensor  # its value, read once: everything that depends on it uses this reading
    d_step: tf.Tensor | None  # placeholder: which of the iteration's updates of D `d_train_op` makes; None if d_steps is 1
    d_update: tf.Tensor  # the number of that update among all updates of D, and of the batch that it is made from


class Update(NamedTuple):
    """One update of a network. Its random draws are pure functions of the seed and its number."""

    seed: int
    number: tf.Tensor  # int64 scalar, counted for each network from 0
    replica: Replica | None  # what computes a part of the update's batch; None where there is only one

    def key(self, stream, layer=0):
        """The `noise.key` of a draw for the update's batch; with several replicas, for this replica's rows only."""
        key = noise.key(self.seed, self.number, stream, layer)
        return key if self.replica is None else self.replica.own_rows(key)

    def z(self, recipe, rows, stream):
        """Noise of the recipe's distribution, float32 [rows, z_dim]. rows: an int32 scalar tensor."""
        with tf.name_scope("noise"):
            return noise.latent(recipe.z_distribution, [rows, recipe.z_dim], self.key(stream))

    def labels(self, recipe, rows, images, stream):
        """Class numbers for fakes in the proportions of the images, int32 [rows]; None where the recipe is not conditional.

        images: as in `gan.build`; without images all classes are equally probable.
        """
        if recipe.conditional is None:
            return None
        shares = np.full(recipe.classes, 1 / recipe.classes) if images is None else images.class_shares
        with tf.name_scope("noise"):
            return noise.labels(shares, [rows], self.key(stream))


def update(seed, number, batch_number, images, replica_group):
    """The `Update` of that number, made from that batch. images, replica_group: as in `gan.build`."""
    return Update(seed, number, None if replica_group is None else Replica(images.part(batch_number), replica_group))


class Inputs(NamedTuple):
    """The placeholders, and what follows from them."""

    real: tf.Tensor  # placeholder [N, h, w, c], in the recipe's value range
    rows: tf.Tensor  # N, an int32 scalar
    z: tf.Tensor  # placeholder [N, z_dim], of D's update
    y: tf.Tensor | None  # placeholder [N], the real images' labels; None without labels
    y_fake: tf.Tensor | None  # placeholder [N], those of the fakes of D's update; likewise
    learning_rate: tf.Tensor  # placeholder, a scalar: G's
    d_learning_rate: tf.Tensor  # a scalar that follows from it


def counters(recipe):
    """Makes the `Counters`."""
    with tf.variable_scope(tf.get_variable_scope(), use_resource=True), tf.device("/cpu:0"):  # Python code needs its value
        global_step = tf.train.get_or_create_global_step()
    iteration = tf.identity(global_step.read_value(), "iteration")
    if recipe.d_steps == 1:
        return Counters(global_step, iteration, None, iteration)
    d_step = tf.placeholder_with_default(tf.constant(0, tf.int64), [], "d_step")
    return Counters(global_step, iteration, d_step, iteration * recipe.d_steps + d_step)


def placeholders(recipe, counters, d_update, images):
    """Makes the `Inputs`.

    d_update: the `Update` of D. images: as in `gan.build`. Without images, `real` must be fed and `rows` follows from it.
    """
    shape, number = [None, *recipe.image_shape], counters.d_update
    if images is None:
        real = tf.placeholder(tf.float32, shape, "input_real")
        rows = tf.shape(real)[0]
    else:
        real = tf.placeholder_with_default(batch(images, number), shape, "input_real")
        rows = batch_rows(images, number)
    rate = recipe.learning_rate_at(tf.cast(counters.iteration, tf.float32))
    learning_rate = tf.placeholder_with_default(rate, [], "learning_rate")
    d_learning_rate = learning_rate
    if recipe.d_learning_rate is not None:
        d_learning_rate = learning_rate * (recipe.d_learning_rate / recipe.learning_rate)
    z = tf.placeholder_with_default(d_update.z(recipe, rows, Stream.Z_D), [None, recipe.z_dim], "input_z")
    y, y_fake = None, None
    if recipe.conditional is not None:
        if images is None:
            y = tf.placeholder(tf.int32, [None], "input_y")
        else:
            y = tf.placeholder_with_default(batch_labels(images, number), [None], "input_y")
        y_fake = tf.placeholder_with_default(d_update.labels(recipe, rows, images, Stream.LABEL_D), [None], "input_y_fake")
    return Inputs(real, rows, z, y, y_fake, learning_rate, d_learning_rate)


def batch(images, number):
    """The batch of that number, [N, h, w, c] in the recipe's value range."""
    with tf.name_scope("pipeline"):
        return images(number)


def batch_labels(images, number):
    """The labels of that batch, int32 [N]."""
    with tf.name_scope("pipeline"):
        return images.labels(number)


def batch_rows(images, number):
    """N of that batch, an int32 scalar. It does not depend on the batch itself, so that noise need not wait for the images."""
    return tf.cast(images.part(number).rows, tf.int32)
