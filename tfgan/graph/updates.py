"""The updates of D and of G: gradients, the optimiser's step, and what follows it."""

from typing import Any
from typing import NamedTuple

from tfgan.tf1 import tf

_SGD_MOMENTUM = 0.9
# GATE_OP, the optimisers' default, makes an operation compute all its gradients where one is needed: D's weights' in G's update,
# and D's input's in D's own. With GATE_GRAPH only the needed ones are computed, and no variable changes before all of them are.
_GATE = tf.train.Optimizer.GATE_GRAPH


class DUpdate(NamedTuple):
    """One update of D."""

    loss: Any  # the `passes.DLoss`
    train_op: Any


class GUpdate(NamedTuple):
    """One update of G."""

    loss: Any  # scalar
    gradient_norm: Any  # scalar: of all of G's variables together, over the whole batch
    train_op: Any


def optimizer(recipe, learning_rate):
    """The recipe's optimiser. learning_rate: a scalar tensor."""
    if recipe.optimizer == "sgd":
        return tf.train.MomentumOptimizer(learning_rate, _SGD_MOMENTUM, use_nesterov=True)
    return tf.train.AdamOptimizer(learning_rate, recipe.beta1, recipe.beta2, recipe.epsilon)


def variables_of(layers):
    """All variables of these layers, (name, output shape, variables) each, in order."""
    return [variable for _, _, variables in layers for variable in variables]


def trainable(layers):
    """The trainable variables of these layers."""
    return [variable for variable in variables_of(layers) if variable.trainable]


class Updates:
    """Adds updates of D and of G to the graph. All updates of a network share its optimiser.

    passes: the `Passes`. counters: the `inputs.Counters`. learning_rate, d_learning_rate: G's and D's, scalar tensors.
    loss_scale: a power of two. The losses are multiplied by it before the gradients are taken, and the gradients divided by it.
    """

    def __init__(self, recipe, passes, counters, learning_rate, d_learning_rate, loss_scale):
        self._recipe = recipe
        self._passes = passes
        self._global_step, self._iteration = counters.global_step, counters.iteration
        self._g_optimizer = optimizer(recipe, learning_rate)
        self._d_optimizer = optimizer(recipe, d_learning_rate)
        self._loss_scale = loss_scale

    def update_d(self, real, fake, context):
        """The `DUpdate` on real and fake `passes.Examples`.

        D's UPDATE_OPS run before the optimiser; with weight_clip the weights are clipped after it.
        """
        d_loss = self._passes.d_loss(real, fake, context)
        variables = trainable(d_loss.layers)
        clip = self._recipe.weight_clip
        with tf.name_scope("d_update"):
            gradients = self._gradients(self._d_optimizer, d_loss.loss, variables, context)
            with tf.control_dependencies(d_loss.update_ops):
                if clip is None:
                    return DUpdate(d_loss, self._d_optimizer.apply_gradients(gradients, name="d_train_op"))
                applied = self._d_optimizer.apply_gradients(gradients)
            with tf.control_dependencies([applied]):
                return DUpdate(d_loss, tf.group(*(_clipped(v, clip) for v in variables), name="d_train_op"))

    def update_g(self, fakes, real_input, averages, context, name, suffix=""):
        """The `GUpdate` on `GFakes`. It goes through D as the current control dependencies leave it.

        real_input: as `Passes.g_loss` has it. averages: the moving averages of G's variables, [] without any. name: of the
        training operation; suffix: of name scopes.
        G's UPDATE_OPS run before the optimiser. The optimiser advances global_step, after its value has been read; then the
        averages are updated.
        """
        loss = self._passes.g_loss(suffix, fakes.parts, real_input, context)
        layers = fakes.g_pass.layers
        with tf.name_scope(f"g_update{suffix}"):
            pairs = self._gradients(self._g_optimizer, loss, trainable(layers), context)
            gradients = [gradient for gradient, _ in pairs]
            norm = tf.linalg.global_norm(gradients if context.replica is None else context.replica.all_reduce_sum(gradients))
            with tf.control_dependencies([*fakes.g_pass.update_ops, self._iteration]):
                if not averages:
                    return GUpdate(loss, norm, self._g_optimizer.apply_gradients(pairs, self._global_step, name=name))
                applied = self._g_optimizer.apply_gradients(pairs, self._global_step)
            with tf.control_dependencies([applied]):
                followed = _averages_updated(averages, variables_of(layers), self._recipe.g_average, self._iteration)
                return GUpdate(loss, norm, tf.group(*followed, name=name))

    def _gradients(self, chosen_optimizer, loss, variables, context):
        """[(gradient of the loss, variable), ...]"""
        if context.replica is not None:
            loss *= context.replica.batch_fraction  # the optimiser sums up the gradients of all replicas
        if self._loss_scale == 1:
            return chosen_optimizer.compute_gradients(loss, variables, _GATE)
        scaled = chosen_optimizer.compute_gradients(self._loss_scale * loss, variables, _GATE)
        return [(gradient / self._loss_scale, variable) for gradient, variable in scaled]


def _clipped(variable, bound):
    """The operation that clips a variable's values to [-bound, bound]: Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1."""
    return variable.assign(tf.clip_by_value(variable.read_value(), -bound, bound), read_value=False)


def _averages_updated(averages, variables, decay, iteration):
    """The operations of average += (1 - decay) * (variable - average).

    At first the decay is smaller, (1 + iteration) / (10 + iteration), as in tf.train.ExponentialMovingAverage, so that the
    average soon forgets the initial values. For GANs: Yazici et al. 2019, arXiv:1806.04498; Karras et al. 2018,
    arXiv:1710.10196.
    """
    t = tf.cast(iteration, tf.float32)
    weight = 1.0 - tf.minimum(decay, (1.0 + t) / (10.0 + t))
    for average, variable in zip(averages, variables, strict=True):
        yield average.assign_sub(weight * (average.read_value() - variable.read_value()), read_value=False)
