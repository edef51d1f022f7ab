"""A recipe's two networks, losses and updates as one TensorFlow 1.x graph."""

from typing import Any
from typing import NamedTuple

from tfgan import recipes
from tfgan.errors import UserError
from tfgan.graph import inputs
from tfgan.graph import precision
from tfgan.graph.noise import Stream
from tfgan.graph.passes import Examples
from tfgan.graph.passes import Passes
from tfgan.graph.passes import update_context
from tfgan.graph.updates import GUpdate
from tfgan.graph.updates import Updates
from tfgan.graph.updates import trainable
from tfgan.graph.updates import variables_of
from tfgan.tf1 import tf


class Gan(NamedTuple):
    """The handles of a built graph. Images are [N, h, w, c] in the recipe's value range, logits [N, 1], losses scalars.

    Placeholders with a default (all of them, where `build` was given images) may be fed or left alone. What depends on an unfed
    one uses the batch and the noise of the current iteration; only G's update goes on to the next iteration.
    """

    input_real: Any  # placeholder, real images
    input_z: Any  # placeholder [N, z_dim]: z of D's update, and of `samples`
    input_z_g: Any  # z of G's update: `input_z` itself, or a second placeholder where the tutorial draws afresh
    input_y: Any  # placeholder, int32 [N], the real images' labels; None where the recipe is not conditional, as the next two
    input_y_fake: Any  # the labels that go with `input_z`
    input_y_g: Any  # those that go with `input_z_g`: `input_y_fake` itself where the two are one
    learning_rate: Any  # placeholder, a scalar: G's; D's is the same, or in the recipe's proportion to it
    d_step: Any  # placeholder, int64: which of an iteration's updates of D `d_train_op` makes, from 0; None if d_steps is 1
    fake: Any  # G(input_z) as D's update sees it
    samples: Any  # G(input_z) in inference mode, with the moving averages of G's variables where the recipe has them
    d_logits_real: Any
    d_logits_fake: Any
    d_loss_real: Any  # the two halves of d_loss, without the recipe's d_loss_weight
    d_loss_fake: Any
    d_penalty: Any  # the recipe's penalty, times its weight; None without one
    d_class_loss: Any  # of the classes that D names; None where it names none
    d_loss: Any  # with the current weights; of an iteration's first update of D, if there are several
    g_loss: Any  # with the current weights
    g_gradient_norm: Any  # of g_loss, all of G's variables together
    g_loss_updated: Any  # with the D that train_op has just updated: fetch it only together with train_op
    g_gradient_norm_updated: Any  # likewise
    d_train_op: Any  # one update of D, after D's UPDATE_OPS
    g_train_op: Any  # one update of G, after G's UPDATE_OPS; advances global_step
    train_op: Any  # a whole iteration: D's updates, then G's with the updated D; None if d_steps > 1 and `build` got no images
    d_vars: Any  # trainable variables, in the order of the layers
    g_vars: Any
    d_layers: Any  # (name, output shape, variables) of each layer
    g_layers: Any
    g_averages: Any  # the moving averages of G's variables, [] without any
    global_step: Any  # int64 variable: iterations done

    def feed_of(self, z, y=None):
        """What to feed for the `samples` of this noise, and of these labels, int [N], where the recipe is conditional."""
        return {self.input_z: z} if self.input_y_fake is None else {self.input_z: z, self.input_y_fake: y}


def build(recipe, seed=0, images=None, number_format="float32", replica_group=None):
    """Builds the recipe's graph in the current one and returns its `Gan`.

    seed: a non-negative int; all randomness follows from it and the iteration.
    images: a `tfgan.datasets.pipeline.Pipeline`, or another callable with its methods. None: `input_real` and `input_y` have no
        defaults and must be fed.
    number_format: one of `precision.FORMATS`, in which layers compute; variables are float32 always.
    replica_group: the `ReplicaGroup`, where this graph belongs to one of several replicas; call `build` inside
        `tf.distribute.Strategy.run` then. Losses are of the replica's own part of the batch, gradients' norms of the whole one.

    Raises RuntimeError outside a graph, inside a variable scope (the variables' names are a contract) and in a graph that already
    holds a GAN; UserError for a recipe that does not fit its model.
    """
    _check_graph()
    recipes.check_fits_model(recipe)
    if recipe.conditional is not None and recipe.classes is None:
        raise UserError("conditional networks need to know how many classes there are; give the recipe classes")
    with precision.computing_in(number_format):
        return _build(_Builder(recipe, seed, images, precision.LOSS_SCALES[number_format], replica_group))


def _build(builder):
    """The `Gan` of a builder whose methods have not been called yet."""
    generated = builder.generator()
    d_update = builder.d_update(generated)
    of_g = builder.inputs_of_g(d_update)
    fakes_for_g = builder.fakes_for_g(generated, of_g)
    g_update = builder.g_update(generated, d_update, fakes_for_g)
    iteration = builder.iteration(generated, d_update, of_g, fakes_for_g)
    d_loss = d_update.loss
    return Gan(
        input_real=builder.inputs.real,
        input_z=builder.inputs.z,
        input_z_g=of_g.z,
        input_y=builder.inputs.y,
        input_y_fake=builder.inputs.y_fake,
        input_y_g=of_g.y,
        learning_rate=builder.inputs.learning_rate,
        d_step=builder.counters.d_step,
        fake=generated.for_d,
        samples=generated.samples,
        d_logits_real=d_loss.logits_real,
        d_logits_fake=d_loss.logits_fake,
        d_loss_real=d_loss.loss_real,
        d_loss_fake=d_loss.loss_fake,
        d_penalty=d_loss.penalty,
        d_class_loss=d_loss.class_loss,
        d_loss=d_loss.loss,
        g_loss=g_update.loss,
        g_gradient_norm=g_update.gradient_norm,
        g_loss_updated=iteration.loss,
        g_gradient_norm_updated=iteration.gradient_norm,
        d_train_op=d_update.train_op,
        g_train_op=g_update.train_op,
        train_op=iteration.train_op,
        d_vars=trainable(d_loss.layers),
        g_vars=trainable(fakes_for_g.g_pass.layers),
        d_layers=d_loss.layers,
        g_layers=fakes_for_g.g_pass.layers,
        g_averages=generated.averages,
        global_step=builder.counters.global_step,
    )


def _check_graph():
    """Raises RuntimeError where the current graph cannot take a GAN."""
    scope = tf.get_variable_scope()
    if tf.executing_eagerly():
        raise RuntimeError("build a GAN inside `with tf.Graph().as_default():`")
    if scope.name:
        raise RuntimeError(f"build a GAN outside any variable scope; {scope.name!r} is open")
    if tf.global_variables("(generator|discriminator)/") and not scope.reuse:
        raise RuntimeError("this graph holds a GAN already; build each in a graph of its own")


class _Generated(NamedTuple):
    """What G makes of `input_z`."""

    for_d: Any  # images [N, h, w, c] of D's update
    for_g: Any  # the `GFakes` of G's update where both updates use the same fakes; None where G's are still to be made
    samples: Any  # images [N, h, w, c] in inference mode
    averages: Any  # the moving averages of G's variables, which the samples are made with; [] without any


class _InputsOfG(NamedTuple):
    """What G's update makes its fakes of."""

    z: Any  # [N, z_dim]
    y: Any  # int32 [N], or None without labels


class _Builder:
    """The steps of `build`: each adds its operations to the current graph. Arguments as `build` and `Updates` have them.

    The inputs are made first. The methods are called once each, in their order.
    """

    def __init__(self, recipe, seed, images, loss_scale, replica_group):
        self._recipe, self._images, self._replica_group = recipe, images, replica_group
        self.counters = inputs.counters(recipe)
        self._passes = Passes(recipe, seed, self.counters.iteration)
        batch_number = self.counters.d_update_number  # with several replicas both updates take their rows as this batch has them
        self._d_context = update_context(self.counters.d_update_number, batch_number, images, replica_group)
        self._g_context = update_context(self.counters.iteration, batch_number, images, replica_group)
        self.inputs = inputs.inputs(recipe, self.counters, self._passes, self._d_context, images)
        rates = self.inputs.learning_rate, self.inputs.d_learning_rate
        self._updates = Updates(recipe, self._passes, self.counters, *rates, loss_scale)
        # If both updates use the same z and D sees G in training mode, both use the same fakes.
        self._same_z = recipe.z_of_g == "same" and recipe.d_steps == 1
        self._same_fakes = self._same_z and not recipe.d_sees_inference

    def generator(self):
        """G on `input_z`: the `_Generated`."""
        recipe, z, y, averaged = self._recipe, self.inputs.z, self.inputs.y_fake, self._recipe.g_average > 0
        for_g = self._passes.fakes_for_g("generator_training", z, y, self._g_context) if self._same_fakes else None
        samples, samples_pass = self._passes.generator("generator_inference", z, y, self._d_context, False, averaged=averaged)
        if self._same_fakes:
            for_d = for_g.joined()
        elif recipe.d_sees_inference and not averaged:
            for_d = samples
        else:
            for_d = self._fakes_for_d(z, y, self._d_context)
        return _Generated(for_d, for_g, samples, variables_of(samples_pass.layers) if averaged else [])

    def d_update(self, generated):
        """D on real and fake images, its loss and its update: the `DUpdate`."""
        real, fake = Examples(self.inputs.real, self.inputs.y), Examples(generated.for_d, self.inputs.y_fake)
        return self._updates.update_d(real, fake, self._d_context)

    def inputs_of_g(self, d_update):
        """z and labels of G's update: those of D's update, or placeholders that default to draws of their own."""
        if self._same_z:
            return _InputsOfG(self.inputs.z, self.inputs.y_fake)
        # The draw waits for D's pass over the real images. Otherwise TensorFlow may run G's second pass before D's fakes are
        # made, and then one core waits for the other.
        with tf.control_dependencies([d_update.loss.logits_real]):
            z = self._passes.latent(self.inputs.rows, self._g_context, Stream.Z_G)
            z = tf.placeholder_with_default(z, [None, self._recipe.z_dim], "input_z_g")
            y = self._labels_of_fakes(self.inputs.rows, self._g_context, Stream.LABEL_G)
            return _InputsOfG(z, None if y is None else tf.placeholder_with_default(y, [None], "input_y_g"))

    def _labels_of_fakes(self, rows, context, stream):
        if self._recipe.conditional is None:
            return None
        return self._passes.labels_of_fakes(rows, inputs.class_shares(self._recipe, self._images), context, stream)

    def fakes_for_g(self, generated, of_g):
        """The `GFakes` of G's update."""
        return generated.for_g or self._passes.fakes_for_g("generator_training", *of_g, self._g_context)

    def g_update(self, generated, d_update, fakes):
        """G's loss on these `GFakes` with D's current weights, and its update: the `GUpdate`.

        If the loss needs real images, these are the ones of D's update.
        """
        return self._updates.update_g(fakes, d_update.loss.real_input, generated.averages, self._g_context, "g_train_op")

    def iteration(self, generated, d_update, of_g, fakes):
        """The whole iteration: D's updates, then the `GUpdate` with the updated D.

        The `GUpdate` holds None where d_steps is above 1 and `images` is None: D's further updates would have no batches.
        G's forward pass need not wait for D's updates, so the same `fakes` serve. There is one exception: where D's fakes are
        made with the moving averages that this pass updates, G runs again after D's updates. Real images that the loss needs are
        those of D's first update, of which there are as many as fakes.
        """
        if self._recipe.d_steps > 1 and self._images is None:
            return GUpdate(None, None, None)
        d_train_op = d_update.train_op
        for step in range(1, self._recipe.d_steps):
            d_train_op = self._further_d_update(step, d_train_op)
        with tf.control_dependencies([d_train_op]):
            if self._recipe.d_sees_inference and fakes.g_pass.update_ops:
                fakes = self._passes.fakes_for_g("generator_training_after_d", *of_g, self._g_context)
            real_input = d_update.loss.real_input
            return self._updates.update_g(fakes, real_input, generated.averages, self._g_context, "train_op", "_after_d")

    def _further_d_update(self, step, previous):
        """The training operation of D's update number `step` of the iteration, on its own batch and z, after the previous one."""
        number = self.counters.iteration * self._recipe.d_steps + step
        context = update_context(number, number, self._images, self._replica_group)
        rows = inputs.batch_rows(self._images, number)
        z = self._passes.latent(rows, context, Stream.Z_D)
        y = self._labels_of_fakes(rows, context, Stream.LABEL_D)
        fake = Examples(self._fakes_for_d(z, y, context), y)
        real = Examples(inputs.batch(self._images, number), None if y is None else inputs.batch_labels(self._images, number))
        with tf.control_dependencies([previous]):  # D's variables are read anew after each update
            return self._updates.update_d(real, fake, context).train_op

    def _fakes_for_d(self, z, y, context):
        """G(z, y) [N, h, w, c] in the mode in which D sees it; updates no moving average."""
        fake, _ = self._passes.generator("generator_for_d", z, y, context, not self._recipe.d_sees_inference)
        return fake
