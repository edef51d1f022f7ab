"""One GAN trained by several replicas: on one process's devices, and on several processes; the engine is tf.distribute.

Every replica has all variables and a part of each batch. Gradients, and batch normalisation's averages, are summed over all of
them before they move anything, so that all replicas' variables stay the same, bit for bit.
"""

import itertools
import time

from tfgan.common import signals
from tfgan.datasets.pipeline import Pipeline
from tfgan.distribution.peers import Peers
from tfgan.graph import gan
from tfgan.tf1 import tf
from tfgan.tf1 import tf2
from tfgan.training import summaries

_CONSULT_S = 1.0  # at most, between two exchanges of who wants to stop
_CONSULT_SHARE = 0.005  # and they may take this much of the time
_PACK_BYTES = 2**22
_NAMES = itertools.count()  # of gradients, which TensorFlow registers for good


class Alone:
    """One replica, in one process."""

    count = 1
    local = (0,)  # the numbers of the replicas in this process
    chief = True

    def build(self, recipe, seed, batches, loss_scale):
        """(the `Gan` on these batches, what `steps.fused` measures of it)."""
        made = gan.build(recipe, seed, Pipeline(batches[0], recipe), loss_scale)
        return made, _measures(made)

    def session(self, graph, config):
        """The context of a session with that graph; raises PeerLost inside where another process is gone."""
        return tf.Session(graph=graph, config=config)

    def share(self, session, start):
        """Gives all replicas the chief's variables; the iteration to go on with, which the chief's is."""
        return start

    def consult(self, session, iteration, asked):
        """The signal with which any process is asked to stop, or 0; every one calls it after each iteration but the last.

        asked: this process's signal, or 0.
        """
        return asked

    def leave(self):
        """Nothing more is wanted of the other processes; they wait for the chief to say so."""

    def agree(self, facts):
        """Waits until all processes have told their facts (name -> JSON value). Raises UserError where they differ."""

    def refuse(self, error):
        """Has the other processes end where the chief ends with that error, which says what a user can mend."""


class Team:
    """Several replicas: on several devices of this process, or on one or more devices of each host.

    devices: this process's, named as TensorFlow does. cluster: a `cluster.Cluster`, or None for one process. synchronised: batch
    normalisation over the whole batch. config: the `tf.ConfigProto` of the process. What is promised of `Alone`'s methods
    holds here too.
    """

    def __init__(self, devices, cluster, synchronised, config):
        self._devices, self._synchronised = devices, synchronised
        self._peers = None
        task, hosts = 0, 1
        if cluster is not None:
            self._peers = Peers(cluster, config)
            task, hosts = cluster.task, len(cluster.hosts)
        self.count = hosts * len(devices)
        self.local = tuple(range(task * len(devices), (task + 1) * len(devices)))
        self.chief = task == 0

    def build(self, recipe, seed, batches, loss_scale):
        self._strategy = self._make_strategy()
        if self._strategy.num_replicas_in_sync != self.count:
            raise RuntimeError(f"{self._strategy.num_replicas_in_sync} replicas in TensorFlow's strategy, not {self.count}")
        gans, measures, shares, votes = {}, {}, {}, {}
        self._vote = tf.placeholder(tf.float32, [len(signals.STOP_SIGNALS) + 1], "vote")

        def build_replica():
            context = tf2.distribute.get_replica_context()
            replica = int(tf.get_static_value(context.replica_id_in_sync_group))
            images = Pipeline(batches[replica - self.local[0]], recipe)
            made = gan.build(recipe, seed, images, loss_scale, gan.Team(_total_with_gradient, self._synchronised))
            gans[replica] = made
            measures[replica] = _measures_of_all(made)
            shares[replica] = _as_the_first(replica)
            votes[replica] = _total([self._vote if replica == self.local[0] else tf.zeros_like(self._vote)])[0]

        self._strategy.run(build_replica)
        first = self.local[0]
        self._share, self._votes = tf.group(*shares.values()), votes[first]
        self._consulted, self._next, self._interval, self._wanted = time.monotonic(), 0, 1, 1
        together = {name: tf.group(*(getattr(made, name) for made in gans.values())) for name in ("d_train_op", "g_train_op")}
        together["train_op"] = tf.group(*(made.train_op for made in gans.values()), name="train_op_of_all")
        return gans[first]._replace(**together), measures[first]

    def _make_strategy(self):
        """The tf.distribute strategy, for the current graph."""
        if self._peers is None:
            return tf2.distribute.MirroredStrategy(self._devices)
        gpus = sum("gpu" in device for device in self._devices)
        if gpus:
            return tf2.distribute.MultiWorkerMirroredStrategy(self._peers.resolver(gpus))
        options = tf2.distribute.experimental.CommunicationOptions(bytes_per_pack=_PACK_BYTES)
        return _in_slices(tf2.distribute.MultiWorkerMirroredStrategy(self._peers.resolver(gpus), options))

    def session(self, graph, config):
        config = self._strategy.update_config_proto(config)
        if self._peers:
            return self._peers.session(graph, config)
        config.device_count["CPU"] = sum("cpu" in device for device in self._devices) or 1
        return tf.Session(graph=graph, config=config)

    def share(self, session, start):
        session.run(self._share)
        return int(session.run(tf.train.get_global_step(session.graph)))

    def consult(self, session, iteration, asked):
        if self._peers is None:
            return asked
        if iteration < self._next:
            return 0
        # How often depends on what it costs here, but must be the same everywhere: so the chief tells.
        begin = time.monotonic()
        mine = [float(asked == number) for number in signals.STOP_SIGNALS] + [self._wanted if self.chief else 0]
        *by_any, interval = session.run(self._votes, {self._vote: mine})
        now = time.monotonic()
        each = (begin - self._consulted) / self._interval  # of the iterations since the last time
        self._wanted = max(1, int(min(_CONSULT_S, (now - begin) / _CONSULT_SHARE) / each))
        self._consulted, self._interval = now, int(interval)
        self._next = iteration + self._interval
        return next((number for number, wanted in zip(signals.STOP_SIGNALS, by_any, strict=True) if wanted), 0)

    def leave(self):
        if self._peers:
            self._peers.leave()

    def agree(self, facts):
        if self._peers:
            self._peers.agree(facts)

    def refuse(self, error):
        if self._peers:
            self._peers.refuse(error)


def team(devices, processes, synchronised, config):
    """Who trains: `Alone`, or a `Team` whose processes are all there. devices: this process's, named as TensorFlow does.

    processes: a `cluster.Cluster`, or None. Raises UserError.
    """
    if processes is None and len(devices) == 1:
        return Alone()
    return Team(devices, processes, synchronised, config)


def _in_slices(strategy):
    """That strategy of hosts with one device each, with large tensors summed in slices.

    Of several packs one is on its way while the next is being copied (56 MB between two CPUs in 112 ms, in one pack in 175), but
    a pack has whole tensors only, and D's dense kernel of the dogs alone is 103 MB (in slices 250 ms, as a whole 725).
    """
    whole = strategy.extended.batch_reduce_to

    def batch_reduce_to(operation, values_and_destinations, options=None):
        pairs, counts = [], []
        for value, destination in values_and_destinations:
            with tf.device(value.device):  # else TensorFlow sums one tensor after the other
                slices = tf.split(tf.reshape(value, [-1]), _slices(value)) if _slices(value) else [value]
            pairs += [(part, destination) for part in slices]
            counts.append(len(slices))
        reduced, totals = iter(whole(operation, pairs, options)), []
        for (value, _), count in zip(values_and_destinations, counts, strict=True):
            parts = list(itertools.islice(reduced, count))
            with tf.device(value.device):
                totals.append(tf.reshape(tf.concat(parts, 0), value.shape) if count > 1 else parts[0])
        return totals

    strategy.extended.batch_reduce_to = batch_reduce_to
    return strategy


def _slices(value):
    """The lengths of a tensor's slices of at most a pack each, empty where it fits into one."""
    size, most = value.shape.num_elements(), _PACK_BYTES // value.dtype.size
    if size <= most:
        return []
    return [most] * (size // most) + [size % most] * bool(size % most)


def _measures(made):
    """name -> scalar tensor, to be fetched together with train_op: D's with its current weights, G's through D's new ones."""
    with tf.name_scope("measures"):
        of_d = summaries.measures_of_d(made)
    return {**of_d, "g_loss": made.g_loss_updated, "g_gradient": made.g_gradient_norm_updated}


def _measures_of_all(made):
    """A replica's measures, as means over the whole batch; the norm of a gradient is of all already."""
    measures = _measures(made)
    norm = measures.pop("g_gradient")
    rows = tf.cast(tf.shape(made.input_real)[0], tf.float32)
    *totals, of = _total([*(rows * value for value in measures.values()), rows])
    return {**{name: total / of for name, total in zip(measures, totals, strict=True)}, "g_gradient": norm}


def _total(values):
    """[the sum over all replicas], on every replica; no gradient flows through it."""

    def reduce(strategy, *values):
        return strategy.extended.batch_reduce_to(tf2.distribute.ReduceOp.SUM, [(value, value) for value in values])

    here = tuple(tf.identity(value) for value in values)  # on the replica's device, which is where the sums go
    return list(tf2.distribute.get_replica_context().merge_call(reduce, args=here))


def _total_with_gradient(values):
    """Likewise; the gradient of what a replica adds is the sum of all replicas' gradients of the sum.

    By TensorFlow 1.x's means: the replica context's own all_reduce has such a gradient, but fails in a graph where the values
    come from variables of several replicas.
    """
    count, name = len(values), f"TfganTotal{next(_NAMES)}"

    @tf.RegisterGradient(name)
    def _(op, *slopes):
        return [*_total(slopes[count:]), *[None] * count]

    totals = _total([tf.stop_gradient(value) for value in values])
    with tf.get_default_graph().gradient_override_map({"IdentityN": name}):
        return tf.identity_n([*values, *totals])[count:]


def _as_the_first(replica):
    """The operation that gives all variables the values that the first replica has."""
    operations = []
    for _, variables in itertools.groupby(sorted(tf.global_variables(), key=_type_of), _type_of):
        variables = list(variables)
        values = [v.read_value() if replica == 0 else tf.zeros(v.shape, v.dtype) for v in variables]
        operations += [v.assign(value, read_value=False) for v, value in zip(variables, _total(values), strict=True)]
    return tf.group(*operations)


def _type_of(variable):
    return variable.dtype.name
