"""What an update does with a loss: gradients, the optimiser's step, and what follows the step."""

from tfgan.tf1 import tf

_SGD_MOMENTUM = 0.9
# GATE_OP, the optimisers' default, makes an operation compute all its gradients where one is needed: D's weights' in G's update,
# and D's input's in D's own. With GATE_GRAPH only the needed ones are computed, and no variable changes before all of them are.
_GATE = tf.train.Optimizer.GATE_GRAPH


def optimizer(recipe, learning_rate):
    """The recipe's optimiser. learning_rate: a scalar tensor."""
    if recipe.optimizer == "sgd":
        return tf.train.MomentumOptimizer(learning_rate, _SGD_MOMENTUM, use_nesterov=True)
    return tf.train.AdamOptimizer(learning_rate, recipe.beta1, recipe.beta2, recipe.epsilon)


def gradients(optimizer, loss, variables, loss_scale, replica):
    """[(gradient of the loss, variable), ...]

    loss_scale: a power of two. The loss is multiplied by it before the gradients are taken, and the gradients divided by it.
    replica: the `Replica` whose loss this is; None where there is only one.
    """
    if replica is not None:
        loss *= replica.batch_fraction  # the optimiser sums up the gradients of all replicas
    if loss_scale == 1:
        return optimizer.compute_gradients(loss, variables, _GATE)
    scaled = optimizer.compute_gradients(loss_scale * loss, variables, _GATE)
    return [(gradient / loss_scale, variable) for gradient, variable in scaled]


def clip(variables, bound):
    """The operations that clip values to [-bound, bound]: Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1."""
    return [each.assign(tf.clip_by_value(each.read_value(), -bound, bound), read_value=False) for each in variables]


def update_averages(averages, variables, decay, iteration):
    """The operations of average += (1 - decay) * (variable - average).

    At first the decay is smaller, (1 + iteration) / (10 + iteration), as in tf.train.ExponentialMovingAverage, so that the
    average soon forgets the initial values. For GANs: Yazici et al. 2019, arXiv:1806.04498; Karras et al. 2018,
    arXiv:1710.10196.
    """
    t = tf.cast(iteration, tf.float32)
    weight = 1.0 - tf.minimum(decay, (1.0 + t) / (10.0 + t))
    pairs = zip(averages, variables, strict=True)
    return [
        average.assign_sub(weight * (average.read_value() - variable.read_value()), read_value=False)
        for average, variable in pairs
    ]
