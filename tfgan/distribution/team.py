"""One GAN trained by several replicas, on one process's devices or on several processes. The engine is tf.distribute.

Every replica has all variables and a part of each batch. Gradients, and batch normalisation's averages, are summed over all
replicas before they move anything, so that the variables of all replicas stay the same, bit for bit.
"""

import time

from tfgan.common import signals
from tfgan.datasets.pipeline import Pipeline
from tfgan.distribution import collectives
from tfgan.distribution.peers import Peers
from tfgan.graph import gan
from tfgan.graph.measures import measures_of_iteration
from tfgan.graph.replica import ReplicaGroup
from tfgan.tf1 import Session
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

_VOTE_EVERY_S = 1.0  # the longest time between two votes on whether to stop
_VOTE_SHARE = 0.005  # the share of the time that votes may take


class SingleReplica:
    """One replica, in one process."""

    count = 1
    local = (0,)  # the numbers of the replicas in this process
    chief = True

    def build(self, recipe, seed, batches, number_format):
        """Returns (the `Gan` on these batches, its measures as `steps.fused` takes them). batches: of each local replica."""
        built = gan.build(recipe, seed, Pipeline(batches[0], recipe), number_format)
        return built, measures_of_iteration(built)

    def session(self, graph, config):
        """The context of a session with that graph. Inside, it raises PeerLost when another process is gone."""
        return Session(graph=graph, config=config)

    def broadcast(self, session, start):
        """Gives all replicas the chief's variables. Returns the iteration that the chief goes on with. start: the chief's."""
        return start

    def stop_signal(self, session, done, own):
        """The signal that asks any process to stop, or 0. Every process calls this after each iteration but the last.

        own: the signal that asks this process, or 0.
        """
        return own

    def leave(self):
        """Ends the exchange with the other processes. The chief lets the others go; they wait for that."""

    def agree(self, facts):
        """Waits until all processes have told their facts (name -> JSON value). Raises UserError where they differ."""

    def refuse(self, error):
        """Ends the other processes with this error of the chief's, which a user can mend."""


class ReplicaTeam:
    """Several replicas, on several devices of this process or on one or more devices of each host.

    devices: this process's, named as TensorFlow does. cluster: a `cluster.Cluster`, or None for one process. sync_batch_norm:
    whether batches are normalised over the whole batch. config: the `tf.ConfigProto` of the process. The methods do what those
    of `SingleReplica` say.
    """

    def __init__(self, devices, cluster, sync_batch_norm, config):
        self._devices, self._sync_batch_norm = devices, sync_batch_norm
        self._peers = None
        task, hosts = 0, 1
        if cluster is not None:
            self._peers = Peers(cluster, config)
            task, hosts = cluster.task, len(cluster.hosts)
        self.count = hosts * len(devices)
        self.local = tuple(range(task * len(devices), (task + 1) * len(devices)))
        self.chief = task == 0

    def build(self, recipe, seed, batches, number_format):
        self._strategy = self._make_strategy()
        if self._strategy.num_replicas_in_sync != self.count:
            raise RuntimeError(f"{self._strategy.num_replicas_in_sync} replicas in TensorFlow's strategy, not {self.count}")
        self._vote = _Vote(self.chief)
        group = ReplicaGroup(collectives.all_reduce_sum_with_gradient, self._sync_batch_norm)
        gans, measures, broadcasts = {}, {}, {}

        def build_replica():
            context = tf2.distribute.get_replica_context()
            replica = int(tf.get_static_value(context.replica_id_in_sync_group))
            images = Pipeline(batches[replica - self.local[0]], recipe)
            gans[replica] = gan.build(recipe, seed, images, number_format, group)
            measures[replica] = _measures_of_all(gans[replica])
            broadcasts[replica] = collectives.broadcast_variables(replica)
            self._vote.add_replica(replica == self.local[0])

        self._strategy.run(build_replica)
        self._broadcast = tf.group(*broadcasts.values())
        together = {name: tf.group(*(getattr(each, name) for each in gans.values())) for name in ("d_train_op", "g_train_op")}
        together["train_op"] = tf.group(*(each.train_op for each in gans.values()), name="train_op_of_all")
        return gans[self.local[0]]._replace(**together), measures[self.local[0]]

    def _make_strategy(self):
        """The tf.distribute strategy, for the current graph."""
        if self._peers is None:
            return tf2.distribute.MirroredStrategy(self._devices)
        gpus = sum("gpu" in device for device in self._devices)
        if gpus:
            return tf2.distribute.MultiWorkerMirroredStrategy(self._peers.resolver(gpus))
        options = tf2.distribute.experimental.CommunicationOptions(bytes_per_pack=collectives.PACK_BYTES)
        return collectives.sum_in_slices(tf2.distribute.MultiWorkerMirroredStrategy(self._peers.resolver(gpus), options))

    def session(self, graph, config):
        config = self._strategy.update_config_proto(config)
        if self._peers:
            return self._peers.session(graph, config)
        config.device_count["CPU"] = sum("cpu" in device for device in self._devices) or 1
        return Session(graph=graph, config=config)

    def broadcast(self, session, start):
        session.run(self._broadcast)
        return int(session.run(tf.train.get_global_step(session.graph)))

    def stop_signal(self, session, done, own):
        return own if self._peers is None else self._vote.take(session, done, own)

    def leave(self):
        if self._peers:
            self._peers.leave()

    def agree(self, facts):
        if self._peers:
            self._peers.agree(facts)

    def refuse(self, error):
        if self._peers:
            self._peers.refuse(error)


class _Vote:
    """A vote of all processes on whether to stop.

    It is held every so many iterations, by its cost. All processes must hold it at the same ones, so the chief decides when.
    """

    def __init__(self, chief):
        self._chief = chief
        self._own = tf.placeholder(tf.float32, [len(signals.STOP_SIGNALS) + 1], "vote")  # 1 for its signal; the chief's interval
        self._held_at, self._next, self._interval, self._chiefs_interval = time.monotonic(), 0, 1, 1

    def add_replica(self, speaks):
        """Adds a replica to the sum of votes. speaks: whether it is the one that gives this process's vote."""
        (total,) = collectives.all_reduce_sum([self._own if speaks else tf.zeros_like(self._own)])
        if speaks:
            self._total = total

    def take(self, session, done, own):
        """The signal with which a process is asked to stop, or 0, after so many iterations. own: this process's, or 0."""
        if done < self._next:
            return 0
        begin = time.monotonic()
        ballot = [float(own == number) for number in signals.STOP_SIGNALS] + [self._chiefs_interval if self._chief else 0]
        *by_any, interval = session.run(self._total, {self._own: ballot})
        end = time.monotonic()
        seconds_each = (begin - self._held_at) / self._interval  # of the iterations since the last vote
        self._chiefs_interval = max(1, int(min(_VOTE_EVERY_S, (end - begin) / _VOTE_SHARE) / seconds_each))
        self._held_at, self._interval = end, int(interval)
        self._next = done + self._interval
        return next((number for number, wanted in zip(signals.STOP_SIGNALS, by_any, strict=True) if wanted), 0)


def make_team(devices, cluster, sync_batch_norm, config):
    """All that train together: a `SingleReplica`, or a `ReplicaTeam` once its processes are all there. Raises UserError.

    devices: this process's, named as TensorFlow does. cluster: a `cluster.Cluster`, or None.
    """
    if cluster is None and len(devices) == 1:
        return SingleReplica()
    return ReplicaTeam(devices, cluster, sync_batch_norm, config)


def _measures_of_all(built):
    """A replica's measures as means over the whole batch. The norm of a gradient is of the whole batch already."""
    measures = measures_of_iteration(built)
    norm = measures.pop("g_gradient")
    rows = tf.cast(tf.shape(built.input_real)[0], tf.float32)
    *totals, all_rows = collectives.all_reduce_sum([*(rows * value for value in measures.values()), rows])
    return {**{name: total / all_rows for name, total in zip(measures, totals, strict=True)}, "g_gradient": norm}
