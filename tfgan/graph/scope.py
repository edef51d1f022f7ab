"""One call of a network: what its layers share, and their variables, named and scoped as TF 1.x's `tf.layers` did."""

import contextlib
import contextvars

from tfgan.graph import noise
from tfgan.tf1 import tf

AVERAGE = "/ExponentialMovingAverage"  # behind a variable's name: its moving average

_PASS = contextvars.ContextVar("the pass of a network in which layers are being made")


class Pass:
    """One call of a network: what its layers need to know, and what they leave behind.

    seed: of the initial values. dropout_key: layer number -> key of that layer's mask; None where there may be no dropout,
    `keep_all` where it lets everything through. update_averages: whether batch normalisation moves its averages. after: the
    updates of an earlier pass in the same run, behind which this pass's updates of the same averages come: unordered they
    race, and one may be lost. normalization: what stands where the network has batch normalisation: "batch", "layer" or "none".
    kernels: a dict where dense and convolutional kernels are normalised (`spectral`), shared by the passes that see the same
    weights, so that one computation serves them; None where they are not. averaged: whether the layers take the moving averages
    of their variables, named as tf.train.ExponentialMovingAverage names them. replica: this `Replica`, which has a part of
    the batch; None without others.
    updates: the operations that move averages, made by this very call. rows: (name, output shape, variables) of each
    layer in order.
    """

    def __init__(self, seed, dropout_key, update_averages, after, normalization, kernels, averaged, replica):
        self.seed = seed
        self.dropout_key = dropout_key
        self.update_averages = update_averages
        self.after = after
        self.normalization = normalization
        self.kernels = kernels
        self.averaged = averaged
        self.replica = replica
        self.moves = []  # (average, the replica's own value, momentum), until all of the pass are known
        self.dropouts = 0
        self.updates = []
        self.rows = []


def keep_all(layer):
    """The dropout_key of a pass after training: no layer drops anything (Srivastava et al. 2014, section 4)."""


@contextlib.contextmanager
def network_pass(
    seed=0,
    dropout_key=None,
    update_averages=True,
    after=(),
    normalization="batch",
    kernels=None,
    averaged=False,
    replica=None,
):
    """The context in which a network is called; gives its `Pass`."""
    this = Pass(seed, dropout_key, update_averages, after, normalization, kernels, averaged, replica)
    token = _PASS.set(this)
    try:
        yield this
        if this.moves:  # all at once, for each exchange costs time
            averages, values, momenta = zip(*this.moves, strict=True)
            for average, value, momentum in zip(averages, replica.batch_means(values), momenta, strict=True):
                move_to(average, value, momentum)
    finally:
        _PASS.reset(token)


def current_pass():
    try:
        return _PASS.get()
    except LookupError:
        raise RuntimeError("layers are made inside `with network_pass(...):`") from None


@contextlib.contextmanager
def layer(default_name):
    """Opens the layer's variable scope (made unique as TF 1.x does); gives a function that notes its output."""
    variables = []
    with tf.variable_scope(None, default_name=default_name) as scope:
        name = scope.name.rpartition("/")[2]

        def done(y):
            current_pass().rows.append((name, y.shape.as_list(), variables))
            return y

        yield variables, done


def variable(variables, name, shape, initializer, trainable=True):
    """The variable of that name in the current scope, its initial value a function of (seed, full name).

    Where the pass is averaged, its moving average, which begins with the same value.
    """
    this = current_pass()
    full_name = f"{tf.get_variable_scope().name}/{name}"
    key = noise.initial_key(this.seed, full_name)
    made = tf.get_variable(
        name + AVERAGE if this.averaged else name,
        shape,
        tf.float32,
        initializer=lambda shape, **_: initializer(shape, key),
        trainable=trainable and not this.averaged,
        use_resource=True,
    )
    variables.append(made)
    return made


def move_to(average, value, momentum):
    """Makes the operation that moves an average towards `value`, after the same average's update in `Pass.after`."""
    this = current_pass()
    with tf.control_dependencies([op for op in this.after if op.inputs[0] is average.handle]):
        delta = (average.read_value() - value) * (1.0 - momentum)
        moved = average.assign_sub(delta, read_value=False)
    update(moved)


def update(operation):
    """Notes an operation that moves an average, as `tf.layers` does, and as this very pass's."""
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, operation)
    current_pass().updates.append(operation)
