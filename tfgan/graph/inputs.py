"""The inputs of a GAN's graph: counters, and the tutorials' placeholders, which default to its own batch, noise and rate."""

from typing import Any
from typing import NamedTuple

import numpy as np

from tfgan.graph.noise import Stream
from tfgan.tf1 import tf


class Counters(NamedTuple):
    """What is counted, int64 scalars."""

    global_step: Any  # variable: iterations done
    iteration: Any  # its value, read once: everything that depends on it uses this reading
    d_step: Any  # placeholder: which of the iteration's updates of D `d_train_op` makes; None if d_steps is 1
    d_update_number: Any  # the number of that update among all updates of D, and of the batch that it is made from


class Inputs(NamedTuple):
    """The placeholders, and what follows from them."""

    real: Any  # placeholder [N, h, w, c], in the recipe's value range
    rows: Any  # N, an int32 scalar
    z: Any  # placeholder [N, z_dim], of D's update
    y: Any  # placeholder [N], the real images' labels; None without labels
    y_fake: Any  # placeholder [N], those of the fakes of D's update; likewise
    learning_rate: Any  # placeholder, a scalar: G's
    d_learning_rate: Any  # a scalar that follows from it


def counters(recipe):
    """Makes the `Counters`."""
    with tf.variable_scope(tf.get_variable_scope(), use_resource=True), tf.device("/cpu:0"):  # Python code needs its value
        global_step = tf.train.get_or_create_global_step()
    iteration = tf.identity(global_step.read_value(), "iteration")
    if recipe.d_steps == 1:
        return Counters(global_step, iteration, None, iteration)
    d_step = tf.placeholder_with_default(tf.constant(0, tf.int64), [], "d_step")
    return Counters(global_step, iteration, d_step, iteration * recipe.d_steps + d_step)


def inputs(recipe, counted, passes, d_context, images):
    """Makes the `Inputs`.

    counted: the `Counters`. d_context: the `UpdateContext` of D's update. images: as `gan.build` has it; where it is None, `real`
    must be fed and `rows` follows from it.
    """
    shape = [None, *recipe.image_shape]
    if images is None:
        real = tf.placeholder(tf.float32, shape, "input_real")
        rows = tf.shape(real)[0]
    else:
        real = tf.placeholder_with_default(batch(images, counted.d_update_number), shape, "input_real")
        rows = batch_rows(images, counted.d_update_number)
    rate = recipe.learning_rate_at(tf.cast(counted.iteration, tf.float32))
    learning_rate = tf.placeholder_with_default(rate, [], "learning_rate")
    d_learning_rate = learning_rate
    if recipe.d_learning_rate is not None:
        d_learning_rate = learning_rate * (recipe.d_learning_rate / recipe.learning_rate)
    z = tf.placeholder_with_default(passes.latent(rows, d_context, Stream.Z_D), [None, recipe.z_dim], "input_z")
    y, y_fake = None, None
    if recipe.conditional is not None:
        if images is None:
            y = tf.placeholder(tf.int32, [None], "input_y")
        else:
            y = tf.placeholder_with_default(batch_labels(images, counted.d_update_number), [None], "input_y")
        drawn = passes.labels_of_fakes(rows, class_shares(recipe, images), d_context, Stream.LABEL_D)
        y_fake = tf.placeholder_with_default(drawn, [None], "input_y_fake")
    return Inputs(real, rows, z, y, y_fake, learning_rate, d_learning_rate)


def batch(images, number):
    """The batch of that number, [N, h, w, c] in the recipe's value range."""
    with tf.name_scope("pipeline"):
        return images(number)


def batch_labels(images, number):
    """The labels of that batch, int32 [N]."""
    with tf.name_scope("pipeline"):
        return images.labels(number)


def class_shares(recipe, images):
    """The classes' shares of the data, [classes]; equal ones where there are no data."""
    return np.full(recipe.classes, 1 / recipe.classes) if images is None else images.class_shares


def batch_rows(images, number):
    """N of that batch, an int32 scalar. It does not depend on the batch itself, so that noise need not wait for the images."""
    return tf.cast(images.part(number).rows, tf.int32)
