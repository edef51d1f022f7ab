"""A recipe's two networks, losses and updates as one TensorFlow 1.x graph."""

from typing import Any
from typing import NamedTuple

from tfgan import recipes
from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.graph.passes import Passes
from tfgan.graph.passes import Update
from tfgan.graph.replica import Replica
from tfgan.tf1 import tf

_SGD_MOMENTUM = 0.9
# The optimisers' default computes all gradients of an operation where one is wanted: those of D's weights in G's update, and
# of D's input in its own, a tenth of all work. This one computes what is wanted, and updates nothing before all of it is there.
_GATE = tf.train.Optimizer.GATE_GRAPH


class Gan(NamedTuple):
    """The handles of a built graph. Images are [N, h, w, c] in the recipe's value range, logits [N, 1].

    What has a default (all inputs, where `build` was given images) may be fed or left alone; fetching anything that
    depends on an unfed input uses the batch and noise of the current iteration, and only G's update goes on to the next.
    """

    input_real: Any  # placeholder, real images
    input_z: Any  # placeholder [N, z_dim]: of D's update, and of `samples`
    input_z_g: Any  # of G's update: `input_z` itself, or a second placeholder where the tutorial draws afresh
    learning_rate: Any  # placeholder, a scalar: G's; D's too, or in the recipe's proportion to it
    d_step: Any  # placeholder, int64: which of an iteration's updates of D `d_train_op` makes; None where there is but one
    fake: Any  # G(input_z) as D's update sees it
    samples: Any  # G(input_z) in inference mode, with the moving averages of G's variables where the recipe has them
    d_logits_real: Any
    d_logits_fake: Any
    d_loss_real: Any  # the halves of d_loss, before the recipe's weight
    d_loss_fake: Any
    d_penalty: Any  # the recipe's penalty, times its weight; None without one
    d_loss: Any  # with the current weights; of the first update where an iteration has several of D
    g_loss: Any  # with the current weights
    g_gradient_norm: Any  # of g_loss, all of G's variables together
    g_loss_updated: Any  # through the D that train_op has just updated: fetch it together with train_op only
    g_gradient_norm_updated: Any  # likewise
    d_train_op: Any  # one update of D, under its own UPDATE_OPS
    g_train_op: Any  # one update of G, under its own UPDATE_OPS; advances global_step
    train_op: Any  # a whole iteration: D's updates, then G's against the updated D; None where several would need one fed batch
    d_vars: Any  # trainable variables, in the order of the layers
    g_vars: Any
    d_layers: Any  # (name, output shape, variables) of each layer
    g_layers: Any
    g_averages: Any  # the moving averages of G's variables, [] without any
    global_step: Any  # int64 variable: iterations done


def optimizer(recipe, learning_rate):
    """The recipe's optimiser on that learning rate, a scalar tensor."""
    if recipe.optimizer == "sgd":
        return tf.train.MomentumOptimizer(learning_rate, _SGD_MOMENTUM, use_nesterov=True)
    return tf.train.AdamOptimizer(learning_rate, recipe.beta1, recipe.beta2, recipe.epsilon)


def build(recipe, seed=0, images=None, loss_scale=1.0, replica_group=None):
    """Builds the recipe's graph in the current one and returns its `Gan`.

    seed: a non-negative int; all randomness follows from it and the iteration. images: a
    `tfgan.datasets.pipeline.Pipeline`, or what can be called as one and has its `part`; without it `input_real` has no
    default and must be fed. loss_scale: a power of two by which the losses are multiplied for their gradients, which are
    divided by it again, so that float16 holds the small ones (Micikevicius et al. 2018, arXiv:1710.03740). replica_group: the
    `ReplicaGroup` of which this graph is one replica; None: alone.

    Raises RuntimeError outside a graph, inside a variable scope (the variables' names are a contract) and in a graph that
    holds a GAN; UserError for a recipe that does not fit its model.
    """
    if tf.executing_eagerly():
        raise RuntimeError("build a GAN inside `with tf.Graph().as_default():`")
    if tf.get_variable_scope().name:
        raise RuntimeError(f"build a GAN outside any variable scope; {tf.get_variable_scope().name!r} is open")
    if tf.global_variables("(generator|discriminator)/") and not tf.get_variable_scope().reuse:
        raise RuntimeError("this graph holds a GAN already; build each in a graph of its own")
    recipes.refuse_for_model(recipe)

    # The counter is read once, and everything that follows from it uses that reading.
    with tf.variable_scope(tf.get_variable_scope(), use_resource=True), tf.device("/cpu:0"):  # Python needs its value
        global_step = tf.train.get_or_create_global_step()
    iteration = tf.identity(global_step.read_value(), "iteration")
    several = recipe.d_steps > 1
    d_step = tf.placeholder_with_default(tf.constant(0, tf.int64), [], "d_step") if several else None
    first = iteration * recipe.d_steps + d_step if several else iteration  # the number of d_train_op's update of D

    passes = Passes(recipe, seed, iteration)
    of_d = _update(first, first, images, replica_group)
    of_g = _update(iteration, first, images, replica_group)

    # Inputs: the tutorial's placeholders, with the graph's own batch, noise and rate where they are not fed.
    def batch(number):
        with tf.name_scope("pipeline"):
            return images(number)

    def latent(rows, update, stream):
        with tf.name_scope("noise"):
            return noise.latent(recipe.z_distribution, [rows, recipe.z_dim], passes.key(update, stream))

    shape = [None, *recipe.image_shape]
    if images is None:
        input_real = tf.placeholder(tf.float32, shape, "input_real")
        rows = tf.shape(input_real)[0]
    else:
        input_real = tf.placeholder_with_default(batch(first), shape, "input_real")
        rows = tf.cast(images.part(first).rows, tf.int32)  # known before the batch is there: the noise need not wait for it
    rate = recipe.rate(tf.cast(iteration, tf.float32))
    learning_rate = tf.placeholder_with_default(rate, [], "learning_rate")
    d_learning_rate = learning_rate
    if recipe.d_learning_rate is not None:
        d_learning_rate = learning_rate * (recipe.d_learning_rate / recipe.learning_rate)

    z_shape = [None, recipe.z_dim]
    input_z = tf.placeholder_with_default(latent(rows, of_d, Stream.Z_D), z_shape, "input_z")

    # G, as D's update sees it. Its fakes are the images of G's own update where z and mode are the same.
    averaged = recipe.g_average > 0
    same = recipe.z_of_g == "same" and not several
    shared = same and not recipe.d_sees_inference
    if shared:
        fakes_g, g_pass = passes.fakes_for_g("generator_training", input_z, of_g)
    samples, samples_pass = passes.generator("generator_inference", input_z, of_d, False, averaged=averaged)
    if shared:
        fake = fakes_g[0] if len(fakes_g) == 1 else tf.concat(fakes_g, 0)
    elif recipe.d_sees_inference and not averaged:
        fake = samples
    else:
        fake, _ = passes.generator("generator_for_d", input_z, of_d, not recipe.d_sees_inference)

    def gradients_of(its_optimizer, loss, variables, update):
        if update.replica is not None:
            loss *= update.replica.batch_fraction  # the optimiser adds up the gradients of all replicas
        if loss_scale == 1:
            return its_optimizer.compute_gradients(loss, variables, _GATE)
        scaled = its_optimizer.compute_gradients(loss_scale * loss, variables, _GATE)
        return [(gradient / loss_scale, variable) for gradient, variable in scaled]

    # D's update, under the operations that move its averages.
    d_optimizer = optimizer(recipe, d_learning_rate)

    def update_of_d(real, fake, update, name):
        d = passes.loss_of_d(real, fake, update)
        variables = _trained(d.rows)
        with tf.name_scope("d_update"):
            gradients = gradients_of(d_optimizer, d.loss, variables, update)
            with tf.control_dependencies(d.updates):
                if recipe.weight_clip is None:
                    return d, d_optimizer.apply_gradients(gradients, name=name)
                applied = d_optimizer.apply_gradients(gradients)
            with tf.control_dependencies([applied]):
                return d, tf.group(*(_clip(v, recipe.weight_clip) for v in variables), name=name)

    d, d_train_op = update_of_d(input_real, fake, of_d, "d_train_op")

    # G for its own update moves its averages. A z of its own is drawn when D has seen the real images. Drawn at once, as in half
    # of all processes it was, it had G's second pass come before D's fakes, and later one core wait for the other (vanilla).
    input_z_g = input_z
    if not same:
        with tf.control_dependencies([d.logits_real]):
            input_z_g = tf.placeholder_with_default(latent(rows, of_g, Stream.Z_G), z_shape, "input_z_g")
    if not shared:
        fakes_g, g_pass = passes.fakes_for_g("generator_training", input_z_g, of_g)

    # G's update, likewise; then the moving averages of its variables follow.
    g_optimizer = optimizer(recipe, learning_rate)
    g_vars = _trained(g_pass.rows)
    g_averages = _variables(samples_pass.rows) if averaged else []

    def update_of_g(suffix, fakes, its_pass, name):
        loss = passes.loss_of_g(suffix, fakes, of_g)
        with tf.name_scope(f"g_update{suffix}"):
            gradients = gradients_of(g_optimizer, loss, g_vars, of_g)
            of_all = [gradient for gradient, _ in gradients]
            norm = tf.linalg.global_norm(of_all if replica_group is None else replica_group.all_reduce_sum(of_all))
            with tf.control_dependencies([*its_pass.updates, iteration]):
                if not averaged:
                    return loss, norm, g_optimizer.apply_gradients(gradients, global_step, name=name)
                applied = g_optimizer.apply_gradients(gradients, global_step)
            with tf.control_dependencies([applied]):
                moves = _follow(g_averages, _variables(g_pass.rows), recipe.g_average, iteration)
                return loss, norm, tf.group(*moves, name=name)

    g_loss, g_gradient_norm, g_train_op = update_of_g("", fakes_g, g_pass, "g_train_op")

    # The whole iteration: D's variables are read anew after each of D's updates. G's forward pass for its own update may come
    # before that, and is the one that made D's fakes where the tutorial has them so; but where D's fakes come from averages
    # that the pass moves, G runs after D's update too.
    d_updated = d_train_op
    for step in range(1, recipe.d_steps if images is not None else 1):
        number = iteration * recipe.d_steps + step
        update = _update(number, number, images, replica_group)
        z = latent(tf.cast(images.part(number).rows, tf.int32), update, Stream.Z_D)
        more, _ = passes.generator("generator_for_d", z, update, not recipe.d_sees_inference)
        real = batch(number)
        with tf.control_dependencies([d_updated]):
            _, d_updated = update_of_d(real, more, update, "d_train_op")
    g_loss_updated = g_gradient_norm_updated = train_op = None
    if images is not None or not several:
        with tf.control_dependencies([d_updated]):
            if recipe.d_sees_inference and g_pass.updates:
                fakes_g, g_pass = passes.fakes_for_g("generator_training_after_d", input_z_g, of_g)
            g_loss_updated, g_gradient_norm_updated, train_op = update_of_g("_after_d", fakes_g, g_pass, "train_op")

    return Gan(
        input_real=input_real,
        input_z=input_z,
        input_z_g=input_z_g,
        learning_rate=learning_rate,
        d_step=d_step,
        fake=fake,
        samples=samples,
        d_logits_real=d.logits_real,
        d_logits_fake=d.logits_fake,
        d_loss_real=d.loss_real,
        d_loss_fake=d.loss_fake,
        d_penalty=d.penalty,
        d_loss=d.loss,
        g_loss=g_loss,
        g_gradient_norm=g_gradient_norm,
        g_loss_updated=g_loss_updated,
        g_gradient_norm_updated=g_gradient_norm_updated,
        d_train_op=d_train_op,
        g_train_op=g_train_op,
        train_op=train_op,
        d_vars=_trained(d.rows),
        g_vars=g_vars,
        d_layers=d.rows,
        g_layers=g_pass.rows,
        g_averages=g_averages,
        global_step=global_step,
    )


def _update(number, batch, images, replica_group):
    """The `Update` of that number, on the batch of that one."""
    return Update(number, None if replica_group is None else Replica(images.part(batch), replica_group))


def _variables(rows):
    """All variables of these layers."""
    return [v for row in rows for v in row[2]]


def _trained(rows):
    return [v for v in _variables(rows) if v.trainable]


def _clip(variable, bound):
    """Brings a variable's values within the bound: Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1."""
    return variable.assign(tf.clip_by_value(variable.read_value(), -bound, bound), read_value=False)


def _follow(averages, variables, decay, iteration):
    """The operations that move the averages: average += (1 - decay) * (variable - average).

    The decay is at first less, (1 + iteration) / (10 + iteration), as tf.train.ExponentialMovingAverage has it: the first
    values are to be forgotten soon. For GANs: Yazici et al. 2019, arXiv:1806.04498; Karras et al. 2018, arXiv:1710.10196.
    """
    t = tf.cast(iteration, tf.float32)
    share = 1.0 - tf.minimum(decay, (1.0 + t) / (10.0 + t))
    for average, variable in zip(averages, variables, strict=True):
        yield average.assign_sub(share * (average.read_value() - variable.read_value()), read_value=False)
