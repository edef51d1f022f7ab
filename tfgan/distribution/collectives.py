"""Sums over all replicas, and how they travel between hosts."""

import itertools

from tfgan.tf1 import tf
from tfgan.tf1 import tf2

PACK_BYTES = 2**22  # of one message between hosts
_NUMBERS = itertools.count()  # of registered gradients, which TensorFlow keeps for as long as the process lives


def all_reduce_sum(values):
    """A list of tensors -> the list of their sums over all replicas, on every replica. No gradient flows through it."""

    def reduce(strategy, *values):
        return strategy.extended.batch_reduce_to(tf2.distribute.ReduceOp.SUM, [(value, value) for value in values])

    values_here = tuple(tf.identity(value) for value in values)  # on the replica's device, where the sums are wanted
    return list(tf2.distribute.get_replica_context().merge_call(reduce, args=values_here))


def all_reduce_sum_with_gradient(values):
    """As `all_reduce_sum`. The gradient of what a replica adds is the sum of all replicas' gradients of the total.

    It is made with TensorFlow 1.x's means. The replica context's own all_reduce has such a gradient, but it fails in a graph
    where the values come from variables of several replicas.
    """
    count, name = len(values), f"TfganTotal{next(_NUMBERS)}"

    @tf.RegisterGradient(name)
    def _(op, *gradients):
        return [*all_reduce_sum(gradients[count:]), *[None] * count]

    totals = all_reduce_sum([tf.stop_gradient(value) for value in values])
    with tf.get_default_graph().gradient_override_map({"IdentityN": name}):
        return tf.identity_n([*values, *totals])[count:]


def replica_number():
    """The number of the replica that is being built, among all of them."""
    return int(tf.get_static_value(tf2.distribute.get_replica_context().replica_id_in_sync_group))


class ProcessSum:
    """A vector of `size` numbers that each process gives, and its sum over all processes."""

    def __init__(self, size):
        self._own = tf.placeholder(tf.float32, [size])

    def add_replica(self, speaks):
        """Adds a replica to the sum. speaks: whether it is the one that gives this process's numbers."""
        (total,) = all_reduce_sum([self._own if speaks else tf.zeros_like(self._own)])
        if speaks:
            self._total = total

    def run(self, session, values, options=None):
        """The sum, float32 [size], once all processes have given theirs. options: `tf.RunOptions`."""
        return session.run(self._total, {self._own: values}, options)


def broadcast_variables(replica):
    """The operation that gives this replica's variables the values of replica 0: a sum to which only that one contributes."""
    operations = []
    for _, variables in itertools.groupby(sorted(tf.global_variables(), key=_type_of), _type_of):
        variables = list(variables)
        values = [v.read_value() if replica == 0 else tf.zeros(v.shape, v.dtype) for v in variables]
        operations += [v.assign(value, read_value=False) for v, value in zip(variables, all_reduce_sum(values), strict=True)]
    return tf.group(*operations)


def _type_of(variable):
    return variable.dtype.name


def sum_in_slices(strategy):
    """Makes a strategy of hosts with one device each sum large tensors in slices; returns it.

    Hosts exchange packs of whole tensors, and one pack travels while the next is being copied. A tensor larger than a pack would
    travel alone, so it is cut.
    """
    sum_whole = strategy.extended.batch_reduce_to

    def batch_reduce_to(operation, values_and_destinations, options=None):
        pairs, counts = [], []
        for value, destination in values_and_destinations:
            with tf.device(value.device):  # without it TensorFlow sums one tensor after the other
                slices = tf.split(tf.reshape(value, [-1]), _slice_lengths(value)) if _slice_lengths(value) else [value]
            pairs += [(part, destination) for part in slices]
            counts.append(len(slices))
        reduced, totals = iter(sum_whole(operation, pairs, options)), []
        for (value, _), count in zip(values_and_destinations, counts, strict=True):
            parts = list(itertools.islice(reduced, count))
            with tf.device(value.device):
                totals.append(tf.reshape(tf.concat(parts, 0), value.shape) if count > 1 else parts[0])
        return totals

    strategy.extended.batch_reduce_to = batch_reduce_to
    return strategy


def _slice_lengths(value):
    """The lengths of a tensor's slices, each of a pack at most; [] for a tensor that fits into one pack."""
    size, most = value.shape.num_elements(), PACK_BYTES // value.dtype.size
    if size <= most:
        return []
    return [most] * (size // most) + [size % most] * bool(size % most)
