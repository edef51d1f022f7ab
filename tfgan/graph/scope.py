"""A pass, which is one call of a network: what its layers share, and their variables, named as by TF 1.x's `tf.layers`."""

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

from tfgan.graph import noise
from tfgan.tf1 import tf

AVERAGE = "/ExponentialMovingAverage"  # TensorFlow's suffix for the name of a variable's moving average

_PASS = contextvars.ContextVar("the pass of a network in which layers are being built")


@dataclasses.dataclass(kw_only=True)
class Pass:
    """One call of a network: the settings that its layers read, and the lists that they fill.

    Settings:
    seed: the seed of the initial values.
    dropout_key: function, number of the dropout layer -> key of its mask. None forbids dropout; `keep_all` switches it off.
    update_averages: whether this pass makes operations that update batch normalisation's moving averages and spectral
        normalisation's vectors.
    preceding_update_ops: update operations of an earlier pass of the same session run. This pass's updates of the same averages
        run after them: without an order they race, and one of them may be lost.
    normalization: what a network's batch normalisation becomes: "batch" (itself), "layer" or "none".
    normalized_kernels: with spectral normalisation (`spectral`) a dict, kernel's name -> normalised kernel. Passes that use the
        same weights share it, so that each kernel is normalised once. None without spectral normalisation.
    averaged: whether the layers use the moving averages of their variables in place of the variables.
    replica: the `Replica` that this pass belongs to, which has a part of the batch; None where there is only one.
    labels: the `labels.Labels` of the pass's rows; None without labels.

    Filled by the layers:
    update_ops: the update operations of this very pass.
    layers: (name, output shape, variables) of each layer, in order.
    class_logits: [N, classes], where D names classes.
    labels_used: whether a layer has used the labels.
    dropout_count: how many dropout layers there were.
    pending_averages: (average, this replica's own value, momentum), to be averaged over all replicas when the pass ends.
    """

    seed: int = 0
    dropout_key: Callable | None = None
    update_averages: bool = True
    preceding_update_ops: Sequence = ()
    normalization: str = "batch"
    normalized_kernels: dict | None = None
    averaged: bool = False
    replica: object | None = None
    labels: object | None = None
    update_ops: list = dataclasses.field(default_factory=list, init=False)
    layers: list = dataclasses.field(default_factory=list, init=False)
    class_logits: tf.Tensor | None = dataclasses.field(default=None, init=False)
    labels_used: bool = dataclasses.field(default=False, init=False)
    dropout_count: int = dataclasses.field(default=0, init=False)
    pending_averages: list = dataclasses.field(default_factory=list, init=False)

    @property
    def variables(self):
        """All variables of the network, in the order of the layers."""
        return [variable for _, _, variables in self.layers for variable in variables]

    @property
    def trainable(self):
        """The trainable ones among them."""
        return [variable for variable in self.variables if variable.trainable]


def keep_all(layer):
    """The dropout_key of a pass after training: no layer drops anything (Srivastava et al. 2014, section 4)."""


@contextlib.contextmanager
def network_pass(seed=0, **settings):
    """The context in which a network is called; gives its `Pass`, which has these settings.

    Raises RuntimeError at its end where there are labels that no layer used.
    """
    opened = Pass(seed=seed, **settings)
    token = _PASS.set(opened)
    try:
        yield opened
        if opened.labels is not None and not opened.labels_used:
            raise RuntimeError("the network does not use its labels; call labels.join on its input, labels.judge on D's logit")
        if opened.pending_averages:  # all in one exchange between the replicas, because each exchange takes time
            averages, values, momenta = zip(*opened.pending_averages, strict=True)
            for average, value, momentum in zip(averages, opened.replica.batch_means(values), momenta, strict=True):
                assign_moving_average(average, value, momentum)
    finally:
        _PASS.reset(token)


def current_pass():
    """The innermost open `Pass`. Raises RuntimeError where none is open."""
    try:
        return _PASS.get()
    except LookupError:
        raise RuntimeError("build layers inside `with network_pass(...):`") from None


@contextlib.contextmanager
def layer(default_name):
    """Opens a layer's variable scope, whose name TF 1.x makes unique: `dense`, `dense_1` ...

    Gives (the layer's list of variables, to be filled by `variable`; a function that records the layer's output and returns it).
    """
    variables = []
    with tf.variable_scope(None, default_name=default_name) as scope:
        name = scope.name.partition("/")[2] or scope.name  # without the network's own name

        def record(y):
            current_pass().layers.append((name, y.shape.as_list(), variables))
            return y

        yield variables, record


def variable(variables, name, shape, initializer, trainable=True):
    """The variable of that name in the current scope, float32, appended to `variables`.

    Its initial value is a function of (seed, full name). Where the pass is averaged, this is the variable's moving average, which
    begins with the same value.
    """
    current = current_pass()
    full_name = f"{tf.get_variable_scope().name}/{name}"
    key = noise.initial_key(current.seed, full_name)
    result = tf.get_variable(
        name + AVERAGE if current.averaged else name,
        shape,
        tf.float32,
        initializer=lambda shape, **_: initializer(shape, key),
        trainable=trainable and not current.averaged,
        use_resource=True,
    )
    variables.append(result)
    return result


def assign_moving_average(average, value, momentum):
    """Adds an update operation: average += (1 - momentum) * (value - average).

    It runs after the pass's `preceding_update_ops` on the same average.
    """
    with tf.control_dependencies([op for op in current_pass().preceding_update_ops if op.inputs[0] is average.handle]):
        delta = (average.read_value() - value) * (1.0 - momentum)
        assigned = average.assign_sub(delta, read_value=False)
    add_update_op(assigned)


def add_update_op(operation):
    """Adds an operation to `tf.GraphKeys.UPDATE_OPS`, as `tf.layers` does, and to the current pass's `update_ops`."""
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, operation)
    current_pass().update_ops.append(operation)
