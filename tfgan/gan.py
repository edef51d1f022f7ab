"""A recipe's two networks, losses and updates as one TensorFlow 1.x graph."""

from typing import Any
from typing import NamedTuple

from tfgan import layers
from tfgan import losses
from tfgan import noise
from tfgan import recipes
from tfgan.noise import Stream
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
    learning_rate: Any  # placeholder, a scalar, of both updates
    fake: Any  # G(input_z) as D's update sees it
    samples: Any  # G(input_z) in inference mode
    d_logits_real: Any
    d_logits_fake: Any
    d_loss_real: Any  # the halves of d_loss, before the recipe's weight
    d_loss_fake: Any
    d_loss: Any  # with the current weights
    g_loss: Any  # with the current weights
    g_loss_updated: Any  # through the D that train_op has just updated: fetch it together with train_op only
    d_train_op: Any  # one update of D, under its own UPDATE_OPS
    g_train_op: Any  # one update of G, under its own UPDATE_OPS; advances global_step
    train_op: Any  # a whole iteration: D's update, then G's against the updated D
    d_vars: Any  # trainable variables, in the order of the layers
    g_vars: Any
    d_layers: Any  # (name, output shape, variables) of each layer
    g_layers: Any
    global_step: Any  # int64 variable: iterations done


def optimizer(recipe, learning_rate):
    """The recipe's optimiser on that learning rate, a scalar tensor."""
    if recipe.optimizer == "sgd":
        return tf.train.MomentumOptimizer(learning_rate, _SGD_MOMENTUM, use_nesterov=True)
    return tf.train.AdamOptimizer(learning_rate, recipe.beta1, recipe.beta2, recipe.epsilon)


def build(recipe, seed=0, images=None, loss_scale=1.0):
    """Builds the recipe's graph in the current one and returns its `Gan`.

    seed: a non-negative int; all randomness follows from it and the iteration. images: a
    `tfgan.datasets.pipeline.Pipeline`, or what can be called as one and has its `rows`; without it `input_real` has no
    default and must be fed. loss_scale: a power of two by which the losses are multiplied for their gradients, which are
    divided by it again, so that float16 holds the small ones (Micikevicius et al. 2018, arXiv:1710.03740).

    Raises RuntimeError outside a graph, inside a variable scope (the variables' names are a contract) and in a graph that
    holds a GAN.
    """
    if tf.executing_eagerly():
        raise RuntimeError("build a GAN inside `with tf.Graph().as_default():`")
    if tf.get_variable_scope().name:
        raise RuntimeError(f"build a GAN outside any variable scope; {tf.get_variable_scope().name!r} is open")
    if tf.global_variables("(generator|discriminator)/"):
        raise RuntimeError("this graph holds a GAN already; build each in a graph of its own")
    model = recipes.model_module(recipe.model)

    # The counter is read once, and everything that follows from it uses that reading.
    with tf.variable_scope(tf.get_variable_scope(), use_resource=True), tf.device("/cpu:0"):  # Python needs its value
        global_step = tf.train.get_or_create_global_step()
    iteration = tf.identity(global_step.read_value(), "iteration")

    # Inputs: the tutorial's placeholders, with the graph's own batch, noise and rate where they are not fed.
    shape = [None, *recipe.image_shape]
    if images is None:
        input_real = tf.placeholder(tf.float32, shape, "input_real")
        rows = tf.shape(input_real)[0]
    else:
        with tf.name_scope("pipeline"):
            batch = images(iteration)
            rows = tf.cast(images.rows(iteration), tf.int32)  # known before the batch is there: the noise need not wait for it
        input_real = tf.placeholder_with_default(batch, shape, "input_real")
    learning_rate = tf.placeholder_with_default(recipe.learning_rate, [], "learning_rate")

    def latent_input(name, stream):
        with tf.name_scope("noise"):
            z = noise.latent(recipe.z_distribution, [rows, recipe.z_dim], noise.key(seed, iteration, stream))
        return tf.placeholder_with_default(z, [None, recipe.z_dim], name)

    input_z = latent_input("input_z", Stream.Z_D)
    input_z_g = input_z if recipe.z_of_g == "same" else latent_input("input_z_g", Stream.Z_G)

    # One call of a network: its variables in `scope`, its operations under a readable name of their own.
    def call(network, scope, name, *arguments, dropout=None, **pass_settings):
        made = bool(tf.global_variables(f"{scope}/"))
        key = None if dropout is None else lambda layer: noise.key(seed, iteration, dropout, layer)
        with (
            layers.network_pass(seed, key, **pass_settings) as this,
            tf.variable_scope(scope, reuse=made, auxiliary_name_scope=False),
            tf.name_scope(name),
        ):
            return network(*arguments), this

    def generator(name, z, training, update_averages=False):
        arguments = (z, recipe.image_shape, training)
        return call(model.generator, "generator", name, *arguments, update_averages=update_averages)

    def discriminator(name, x, dropout, **pass_settings):
        return call(model.discriminator, "discriminator", name, x, True, dropout=dropout, **pass_settings)

    # G for its own update moves its averages; the fakes of D's update are the same images where z and mode are the same.
    shared = input_z_g is input_z and not recipe.d_sees_inference
    fake_g, g_pass = generator("generator_training", input_z_g, True, update_averages=True)
    samples, _ = generator("generator_inference", input_z, False)
    if shared:
        fake = fake_g
    elif recipe.d_sees_inference:
        fake = samples
    else:
        fake, _ = generator("generator_for_d", input_z, True)
    g_vars = tf.trainable_variables("generator/")

    # D's loss. Where each image goes through D by itself, real and fake ones may go together, in half of the operations (the
    # model says so). Elsewhere the averages of D's batch normalisation move in this order: real images, then fake ones.
    if getattr(model, "D_BY_ROWS", False):
        with tf.name_scope("join"):
            both = tf.concat([input_real, fake], 0)
        d_logits, d_real = discriminator("discriminator_real_and_fake", both, None)
        with tf.name_scope("part"):
            d_logits_real, d_logits_fake = tf.split(d_logits, [tf.shape(input_real)[0], tf.shape(fake)[0]])
        d_updates = d_real.updates
    else:
        d_logits_real, d_real = discriminator("discriminator_real", input_real, Stream.DROPOUT_REAL)
        d_logits_fake, d_fake = discriminator("discriminator_fake", fake, Stream.DROPOUT_FAKE, after=d_real.updates)
        d_updates = d_real.updates + d_fake.updates
    d_vars = tf.trainable_variables("discriminator/")
    with tf.name_scope("d_loss"):
        d_loss_real, d_loss_fake = losses.discriminator_loss(d_logits_real, d_logits_fake, recipe.smooth)
        d_loss = recipe.d_loss_weight * (d_loss_real + d_loss_fake)

    def gradients_of(its_optimizer, loss, variables):
        if loss_scale == 1:
            return its_optimizer.compute_gradients(loss, variables, _GATE)
        scaled = its_optimizer.compute_gradients(loss_scale * loss, variables, _GATE)
        return [(gradient / loss_scale, variable) for gradient, variable in scaled]

    # D's update, under the operations that move its averages.
    with tf.name_scope("d_update"):
        d_optimizer = optimizer(recipe, learning_rate)
        d_gradients = gradients_of(d_optimizer, d_loss, d_vars)
        with tf.control_dependencies(d_updates):
            d_train_op = d_optimizer.apply_gradients(d_gradients, name="d_train_op")

    # G's update, likewise. Its loss needs a pass of D of its own: the tutorials run the two updates separately, with
    # other dropout. That pass moves none of D's averages: it serves G alone.
    g_optimizer = optimizer(recipe, learning_rate)

    def update_of_g(suffix, x, x_pass, name):
        logits, _ = discriminator(f"discriminator_for_g{suffix}", x, Stream.DROPOUT_G, update_averages=False)
        with tf.name_scope(f"g_loss{suffix}"):
            loss = losses.generator_loss(logits)
        with tf.name_scope(f"g_update{suffix}"):
            gradients = gradients_of(g_optimizer, loss, g_vars)
            with tf.control_dependencies([*x_pass.updates, iteration]):
                return loss, g_optimizer.apply_gradients(gradients, global_step, name=name)

    g_loss, g_train_op = update_of_g("", fake_g, g_pass, "g_train_op")

    # The whole iteration: D's variables are read anew after D's update. G's forward pass for its own update may come before
    # that, and is the one that made D's fakes where the tutorial has them so; but where D's fakes come from averages that the
    # pass moves, G runs after D's update too.
    with tf.control_dependencies([d_train_op]):
        if not shared and g_pass.updates:
            fake_g, g_pass = generator("generator_training_after_d", input_z_g, True, update_averages=True)
        g_loss_updated, train_op = update_of_g("_after_d", fake_g, g_pass, "train_op")

    return Gan(
        input_real=input_real,
        input_z=input_z,
        input_z_g=input_z_g,
        learning_rate=learning_rate,
        fake=fake,
        samples=samples,
        d_logits_real=d_logits_real,
        d_logits_fake=d_logits_fake,
        d_loss_real=d_loss_real,
        d_loss_fake=d_loss_fake,
        d_loss=d_loss,
        g_loss=g_loss,
        g_loss_updated=g_loss_updated,
        d_train_op=d_train_op,
        g_train_op=g_train_op,
        train_op=train_op,
        d_vars=d_vars,
        g_vars=g_vars,
        d_layers=d_real.rows,
        g_layers=g_pass.rows,
        global_step=global_step,
    )
