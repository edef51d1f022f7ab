"""A recipe as a TensorFlow 1.x graph: inputs, fakes, D's loss and update, G's loss and update, and all of it in one run."""

from collections.abc import Callable
from typing import NamedTuple

from tfgan import recipes
from tfgan.errors import UserError
from tfgan.graph import inputs
from tfgan.graph import networks
from tfgan.graph import objectives
from tfgan.graph import optimizers
from tfgan.graph import precision
from tfgan.graph.noise import Stream
from tfgan.graph.objectives import Examples
from tfgan.graph.replica import ReplicaGroup
from tfgan.graph.scope import Pass
from tfgan.tf1 import tf


class Gan(NamedTuple):
    """The handles of a built graph. Images are [N, h, w, c] in the recipe's value range, logits [N, 1], losses scalars.

    Placeholders with a default (all of them, where `build` was given images) may be fed or left alone. What depends on an unfed
    one uses the batch and the noise of the current iteration; only G's update goes on to the next iteration.
    """

    input_real: tf.Tensor  # placeholder, real images
    input_z: tf.Tensor  # placeholder [N, z_dim]: z of D's update, and of `samples`
    input_z_g: tf.Tensor  # z of G's update: `input_z` itself, or a second placeholder where the tutorial draws afresh
    input_y: tf.Tensor | None  # placeholder, int32 [N]: the real images' labels. This and the next two need a conditional recipe
    input_y_fake: tf.Tensor | None  # the labels that go with `input_z`
    input_y_g: tf.Tensor | None  # those that go with `input_z_g`: `input_y_fake` itself where the two are one
    learning_rate: tf.Tensor  # placeholder, a scalar: G's; D's is the same, or in the recipe's proportion to it
    d_step: tf.Tensor | None  # placeholder, int64: which update of D `d_train_op` makes, from 0; None if d_steps is 1
    fake: tf.Tensor  # G(input_z) as D's update sees it
    samples: tf.Tensor  # G(input_z) in inference mode, with the moving averages of G's variables where the recipe has them
    d_logits_real: tf.Tensor
    d_logits_fake: tf.Tensor
    d_loss_real: tf.Tensor  # the two halves of d_loss, without the recipe's d_loss_weight
    d_loss_fake: tf.Tensor
    d_penalty: tf.Tensor | None  # the recipe's penalty, times its weight; None without one
    d_class_loss: tf.Tensor | None  # of the classes that D names; None where it names none
    d_loss: tf.Tensor  # with the current weights; of an iteration's first update of D, if there are several
    g_loss: tf.Tensor  # with the current weights
    g_gradient_norm: tf.Tensor  # of g_loss, all of G's variables together
    g_loss_updated: tf.Tensor  # with the D that train_op has just updated: fetch it only together with train_op
    g_gradient_norm_updated: tf.Tensor  # likewise
    d_train_op: tf.Operation  # one update of D, after D's UPDATE_OPS
    g_train_op: tf.Operation  # one update of G, after G's UPDATE_OPS; advances global_step
    train_op: tf.Operation | None  # D's updates, then G's with the updated D; None if d_steps > 1 and there are no images
    d_vars: list  # trainable variables, in the order of the layers
    g_vars: list
    d_layers: list  # (name, output shape, variables) of each layer
    g_layers: list
    g_averages: list  # the moving averages of G's variables, [] without any
    global_step: tf.Variable  # int64 variable: iterations done

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
    _check(recipe)
    with precision.computing_in(number_format):
        plan = _plan(recipe, seed, images, precision.LOSS_SCALES[number_format], replica_group)
        fakes_of_d = _fakes_of_d(plan)
        real, fake = Examples(plan.inputs.real, plan.inputs.y), Examples(fakes_of_d.images, plan.inputs.y_fake)
        d_loss = objectives.d_loss(recipe, plan.d_input, plan.d_update, real, fake)
        d_train_op = _update_d(plan, plan.d_update, d_loss)
        fakes = _fakes_of_g(plan, fakes_of_d, d_loss)
        g_loss, g_norm, g_train_op = _update_g(plan, fakes, fakes_of_d.averages, d_loss, "g_train_op")
        g_loss_updated, g_norm_updated, train_op = _iteration(plan, fakes, fakes_of_d.averages, d_loss, d_train_op)
    return Gan(
        input_real=plan.inputs.real,
        input_z=plan.inputs.z,
        input_z_g=fakes.z,
        input_y=plan.inputs.y,
        input_y_fake=plan.inputs.y_fake,
        input_y_g=fakes.y,
        learning_rate=plan.inputs.learning_rate,
        d_step=plan.counters.d_step,
        fake=fakes_of_d.images,
        samples=fakes_of_d.samples,
        d_logits_real=d_loss.logits_real,
        d_logits_fake=d_loss.logits_fake,
        d_loss_real=d_loss.loss_real,
        d_loss_fake=d_loss.loss_fake,
        d_penalty=d_loss.penalty,
        d_class_loss=d_loss.class_loss,
        d_loss=d_loss.loss,
        g_loss=g_loss,
        g_gradient_norm=g_norm,
        g_loss_updated=g_loss_updated,
        g_gradient_norm_updated=g_norm_updated,
        d_train_op=d_train_op,
        g_train_op=g_train_op,
        train_op=train_op,
        d_vars=d_loss.d_pass.trainable,
        g_vars=fakes.g_pass.trainable,
        d_layers=d_loss.d_pass.layers,
        g_layers=fakes.g_pass.layers,
        g_averages=fakes_of_d.averages,
        global_step=plan.counters.global_step,
    )


def _check(recipe):
    """Raises RuntimeError where the current graph cannot take a GAN, and UserError for a recipe that does not fit its model."""
    scope = tf.get_variable_scope()
    if tf.executing_eagerly():
        raise RuntimeError("build a GAN inside `with tf.Graph().as_default():`")
    if scope.name:
        raise RuntimeError(f"build a GAN outside any variable scope; {scope.name!r} is open")
    if tf.global_variables("(generator|discriminator)/") and not scope.reuse:
        raise RuntimeError("this graph holds a GAN already; build each in a graph of its own")
    recipes.check_fits_model(recipe)
    if recipe.conditional is not None and recipe.classes is None:
        raise UserError("conditional networks need to know how many classes there are; give the recipe classes")


class _Plan(NamedTuple):
    """What all steps of `build` use. `images`, `loss_scale` and `replica_group` are its arguments, or follow from them."""

    recipe: recipes.Recipe
    images: Callable | None
    loss_scale: float
    replica_group: ReplicaGroup | None
    counters: inputs.Counters
    inputs: inputs.Inputs
    d_update: inputs.Update  # the iteration's first update of D
    g_update: inputs.Update
    d_optimizer: tf.train.Optimizer  # all updates of a network share its optimiser
    g_optimizer: tf.train.Optimizer
    d_input: Callable  # function of `objectives.d_input`

    @property
    def same_z(self):
        """Whether both updates use the same z."""
        return self.recipe.z_of_g == "same" and self.recipe.d_steps == 1

    @property
    def same_fakes(self):
        """Whether both updates use the same fakes: made of the same z, G being in training mode in both."""
        return self.same_z and not self.recipe.d_sees_inference


def _plan(recipe, seed, images, loss_scale, replica_group):
    """The `_Plan`, and with it the inputs."""
    counters = inputs.counters(recipe)
    numbers = counters.d_update, counters.iteration
    # With several replicas both updates use the same split of the batch.
    d_update, g_update = (inputs.update(seed, number, counters.d_update, images, replica_group) for number in numbers)
    placeholders = inputs.placeholders(recipe, counters, d_update, images)
    both = [optimizers.optimizer(recipe, rate) for rate in (placeholders.d_learning_rate, placeholders.learning_rate)]
    d_input = objectives.d_input(recipe, seed, counters.iteration)
    return _Plan(recipe, images, loss_scale, replica_group, counters, placeholders, d_update, g_update, *both, d_input)


class _Fakes(NamedTuple):
    """G(z, y) in G's update, which moves G's averages."""

    z: tf.Tensor  # [N, z_dim]
    y: tf.Tensor | None  # int32 [N]; None without labels
    images: tf.Tensor  # [N, h, w, c] in the recipe's value range
    g_pass: Pass


class _FakesOfD(NamedTuple):
    """G(input_z), images [N, h, w, c]."""

    images: tf.Tensor  # as D's update sees them
    fakes: _Fakes | None  # of G's update, where both updates use the same fakes
    samples: tf.Tensor  # in inference mode
    averages: list  # the moving averages of G's variables, which the samples are made with; [] without any


def _fakes_of_d(plan):
    """Calls G on the noise of D's update: the `_FakesOfD`."""
    z, y = plan.inputs.z, plan.inputs.y_fake
    fakes = _fakes(plan, "generator_training", z, y) if plan.same_fakes else None
    samples, samples_pass = networks.samples(plan.recipe, z, y, plan.d_update.seed, "generator_inference")
    averages = samples_pass.variables if plan.recipe.g_average else []
    if plan.same_fakes:
        images = fakes.images
    elif plan.recipe.d_sees_inference and not averages:
        images = samples
    else:
        images = _images_for_d(plan, plan.d_update, z, y)
    return _FakesOfD(images, fakes, samples, averages)


def _images_for_d(plan, update, z, y):
    """G(z, y) in the mode in which D sees it; updates no moving average."""
    training, settings = not plan.recipe.d_sees_inference, {"seed": update.seed, "replica": update.replica}
    return networks.generator(plan.recipe, z, y, training, "generator_for_d", update_averages=False, **settings)[0]


def _fakes_of_g(plan, fakes_of_d, d_loss):
    """The `_Fakes` of G's update: those of D's update, or others, made of a z that is drawn for them where it is not fed."""
    if plan.same_fakes:
        return fakes_of_d.fakes
    z, y = plan.inputs.z, plan.inputs.y_fake
    if not plan.same_z:
        # The draw waits for D's pass over the real images. Otherwise TensorFlow may run G's second pass before D's fakes are
        # made, and then one core waits for the other.
        with tf.control_dependencies([d_loss.logits_real]):
            z = plan.g_update.z(plan.recipe, plan.inputs.rows, Stream.Z_G)
            z = tf.placeholder_with_default(z, [None, plan.recipe.z_dim], "input_z_g")
            if y is not None:
                y = plan.g_update.labels(plan.recipe, plan.inputs.rows, plan.images, Stream.LABEL_G)
                y = tf.placeholder_with_default(y, [None], "input_y_g")
    return _fakes(plan, "generator_training", z, y)


def _fakes(plan, name, z, y):
    """Calls G for its own update: the `_Fakes`. name: of the name scope."""
    settings = {"seed": plan.g_update.seed, "replica": plan.g_update.replica}
    return _Fakes(z, y, *networks.generator(plan.recipe, z, y, True, name, **settings))


def _update_d(plan, update, d_loss):
    """The operation of D's update: its UPDATE_OPS, then the optimiser's step, then with weight_clip the weights are clipped."""
    variables, bound, optimizer = d_loss.d_pass.trainable, plan.recipe.weight_clip, plan.d_optimizer
    with tf.name_scope("d_update"):
        gradients = optimizers.gradients(optimizer, d_loss.loss, variables, plan.loss_scale, update.replica)
        with tf.control_dependencies(d_loss.update_ops):
            if bound is None:
                return optimizer.apply_gradients(gradients, name="d_train_op")
            applied = optimizer.apply_gradients(gradients)
        with tf.control_dependencies([applied]):
            return tf.group(*optimizers.clip(variables, bound), name="d_train_op")


def _update_g(plan, fakes, averages, d_loss, name, suffix=""):
    """G's update on these `_Fakes`: (G's loss, the norm of its gradient over the whole batch, the operation of the update).

    It goes through D as the current control dependencies leave it. averages: the moving averages of G's variables. name: of the
    operation; suffix: of name scopes.
    G's UPDATE_OPS run before the optimiser. The optimiser advances global_step, after its value has been read; then the
    averages are updated.
    """
    fake = Examples(fakes.images, fakes.y)
    loss = objectives.g_loss(plan.recipe, plan.d_input, plan.g_update, fake, d_loss.real_input, suffix)
    counters, replica, variables = plan.counters, plan.g_update.replica, fakes.g_pass.trainable
    with tf.name_scope(f"g_update{suffix}"):
        pairs = optimizers.gradients(plan.g_optimizer, loss, variables, plan.loss_scale, replica)
        gradients = [gradient for gradient, _ in pairs]
        norm = tf.linalg.global_norm(gradients if replica is None else replica.all_reduce_sum(gradients))
        with tf.control_dependencies([*fakes.g_pass.update_ops, counters.iteration]):
            if not averages:
                return loss, norm, plan.g_optimizer.apply_gradients(pairs, counters.global_step, name=name)
            applied = plan.g_optimizer.apply_gradients(pairs, counters.global_step)
        with tf.control_dependencies([applied]):
            followers = fakes.g_pass.variables, plan.recipe.g_average, counters.iteration
            return loss, norm, tf.group(*optimizers.update_averages(averages, *followers), name=name)


def _iteration(plan, fakes, averages, d_loss, d_train_op):
    """The whole iteration, D's updates and then G's with the updated D: what `_update_g` gives.

    It gives None three times where d_steps is above 1 and `build` got no images: D's further updates would have no batches.
    G's forward pass need not wait for D's updates, so the same fakes serve. There is one exception: where D's fakes are made
    with the moving averages that this pass updates, G runs again after D's updates. Real images that the loss needs are those of
    D's first update, of which there are as many as fakes.
    """
    if plan.recipe.d_steps > 1 and plan.images is None:
        return None, None, None
    for step in range(1, plan.recipe.d_steps):
        d_train_op = _further_update_d(plan, step, d_train_op)
    with tf.control_dependencies([d_train_op]):
        if plan.recipe.d_sees_inference and fakes.g_pass.update_ops:
            fakes = _fakes(plan, "generator_training_after_d", fakes.z, fakes.y)
        return _update_g(plan, fakes, averages, d_loss, "train_op", "_after_d")


def _further_update_d(plan, step, previous):
    """The operation of D's update number `step` of the iteration, on its own batch and z, after the previous one."""
    recipe, images = plan.recipe, plan.images
    number = plan.counters.iteration * recipe.d_steps + step
    update = inputs.update(plan.d_update.seed, number, number, images, plan.replica_group)
    rows = inputs.batch_rows(images, number)
    z, y_fake = update.z(recipe, rows, Stream.Z_D), update.labels(recipe, rows, images, Stream.LABEL_D)
    fake = Examples(_images_for_d(plan, update, z, y_fake), y_fake)
    real = Examples(inputs.batch(images, number), None if y_fake is None else inputs.batch_labels(images, number))
    with tf.control_dependencies([previous]):  # D's variables are read anew after each update
        return _update_d(plan, update, objectives.d_loss(recipe, plan.d_input, update, real, fake))
