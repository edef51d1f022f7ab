"""One GAN trained by several replicas, on one process's devices or on several processes. The engine is tf.distribute.

Every replica has all variables and a part of each batch. Gradients, and batch normalisation's averages, are summed over all
replicas before they move anything, so that the variables of all replicas stay the same, bit for bit.
"""

import contextlib
import time

from tfgan.common import signals
from tfgan.datasets.pipeline import Pipeline
from tfgan.distribution import collectives
from tfgan.distribution import server
from tfgan.distribution.agreement import Agreement
from tfgan.graph import gan
from tfgan.graph.measures import measures_of_iteration
from tfgan.graph.replica import ReplicaGroup
from tfgan.tf1 import Session
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

_VOTE_EVERY_S = 1.0  # the longest time between two votes on whether to stop
_VOTE_SHARE = 0.005  # the share of the time that votes may take


class Team:
    """All replicas that train one GAN: one of them, those on several devices of this process, or those of several hosts.

    devices: this process's, named as TensorFlow does. cluster: a `cluster.Cluster`, or None for one process. sync_batch_norm:
    whether batches are normalised over the whole batch. config: the `tf.ConfigProto` of the process.

    Making it waits for the other processes. Raises UserError. Where one of them is lost later, each method raises PeerLost.
    """

    def __init__(self, devices, cluster=None, sync_batch_norm=False, config=None):
        self._devices, self._cluster, self._sync_batch_norm = devices, cluster, sync_batch_norm
        task, hosts = (0, 1) if cluster is None else (cluster.task, len(cluster.hosts))
        self.count = hosts * len(devices)
        self.local = tuple(range(task * len(devices), (task + 1) * len(devices)))  # the numbers of the replicas in this process
        self.chief = task == 0
        self._server = self._agreement = None
        if cluster is not None:
            self._server = server.start(cluster, config)
        with tf.Graph().as_default():  # in TensorFlow 2's eager mode it would start a server of its own
            # There is one for all graphs of the process: it numbers their exchanges, and the server knows these by number.
            self._strategy = None if self.count == 1 else self._make_strategy()
        if cluster is not None:
            self._agreement = Agreement(cluster, self._strategy, self.local[0], self._server.target, config)

    def build(self, recipe, seed, batches, number_format):
        """Returns (the `Gan` on these batches, its measures as `steps.fused` takes them). batches: of each local replica."""
        if self.count == 1:
            built = gan.build(recipe, seed, Pipeline(batches[0], recipe), number_format)
            return built, measures_of_iteration(built)
        if self._strategy.num_replicas_in_sync != self.count:
            raise RuntimeError(f"{self._strategy.num_replicas_in_sync} replicas in TensorFlow's strategy, not {self.count}")
        votes = collectives.ProcessSum(_Vote.SIZE)
        self._vote = _Vote(self.chief, votes)
        group = ReplicaGroup(collectives.all_reduce_sum_with_gradient, self._sync_batch_norm)
        gans, measures, broadcasts = {}, {}, {}

        def build_replica():
            replica = collectives.replica_number()
            images = Pipeline(batches[replica - self.local[0]], recipe)
            gans[replica] = gan.build(recipe, seed, images, number_format, group)
            measures[replica] = _measures_of_all(gans[replica])
            broadcasts[replica] = collectives.broadcast_variables(replica)
            votes.add_replica(replica == self.local[0])

        self._strategy.run(build_replica)
        self._broadcast = tf.group(*broadcasts.values())
        together = {name: tf.group(*(getattr(each, name) for each in gans.values())) for name in ("d_train_op", "g_train_op")}
        together["train_op"] = tf.group(*(each.train_op for each in gans.values()), name="train_op_of_all")
        return gans[self.local[0]]._replace(**together), measures[self.local[0]]

    def _make_strategy(self):
        if self._cluster is None:
            return tf2.distribute.MirroredStrategy(self._devices)
        gpus = sum("gpu" in device for device in self._devices)
        resolver = server.resolver(self._cluster, gpus)
        if gpus:
            return tf2.distribute.MultiWorkerMirroredStrategy(resolver)
        options = tf2.distribute.experimental.CommunicationOptions(bytes_per_pack=collectives.PACK_BYTES)
        return collectives.sum_in_slices(tf2.distribute.MultiWorkerMirroredStrategy(resolver, options))

    @contextlib.contextmanager
    def session(self, graph, config):
        """The context of a session with that graph, which `build` was called in."""
        if self._strategy is not None:
            config = self._strategy.update_config_proto(config)
        if self._cluster is not None:
            with server.noticing(self._cluster), Session(self._server.target, graph=graph, config=config) as session:
                yield session
            return
        if self.count > 1:
            config.device_count["CPU"] = sum("cpu" in device for device in self._devices) or 1
        with Session(graph=graph, config=config) as session:
            yield session

    def broadcast(self, session, start):
        """Gives all replicas the chief's variables. Returns the iteration that the chief goes on with. start: the chief's."""
        if self.count == 1:
            return start
        session.run(self._broadcast)
        return int(session.run(tf.train.get_global_step(session.graph)))

    def stop_signal(self, session, done, own):
        """The signal that asks any process to stop, or 0. Every process calls this after each iteration but the last.

        own: the signal that asks this process, or 0.
        """
        return own if self._cluster is None else self._vote.take(session, done, own)

    def agree(self, facts):
        """Waits until all processes have told their facts (name -> JSON value). Raises UserError where they differ."""
        if self._agreement:
            self._agreement.agree(facts)

    def begin(self):
        """Waits until all processes are ready to train. Raises UserError where one of them refuses."""
        if self._agreement:
            self._agreement.begin()

    def refuse(self, error):
        """Tells the other processes, unless training has begun, that this one ends with that UserError."""
        if self._agreement:
            self._agreement.refuse(error)

    def leave(self):
        """Ends the exchange with the other processes."""
        if self._agreement:
            self._agreement.leave()


class _Vote:
    """A vote of all processes on whether to stop.

    It is held every so many iterations, by its cost. All processes must hold it at the same ones, so the chief decides when.
    ballots: a `collectives.ProcessSum` of SIZE numbers.
    """

    SIZE = len(signals.STOP_SIGNALS) + 1  # 1 for the signal of a process; the chief's interval

    def __init__(self, chief, ballots):
        self._chief, self._ballots = chief, ballots
        self._held_at, self._next, self._interval, self._chiefs_interval = time.monotonic(), 0, 1, 1

    def take(self, session, done, own):
        """The signal with which a process is asked to stop, or 0, after so many iterations. own: this process's, or 0."""
        if done < self._next:
            return 0
        begin = time.monotonic()
        ballot = [float(own == number) for number in signals.STOP_SIGNALS] + [self._chiefs_interval if self._chief else 0]
        *by_any, interval = self._ballots.run(session, ballot)
        end = time.monotonic()
        seconds_each = (begin - self._held_at) / self._interval  # of the iterations since the last vote
        self._chiefs_interval = max(1, int(min(_VOTE_EVERY_S, (end - begin) / _VOTE_SHARE) / seconds_each))
        self._held_at, self._interval = end, int(interval)
        self._next = done + self._interval
        return next((number for number, votes in zip(signals.STOP_SIGNALS, by_any, strict=True) if votes), 0)


def _measures_of_all(built):
    """A replica's measures as means over the whole batch. The norm of a gradient is of the whole batch already."""
    measures = measures_of_iteration(built)
    norm = measures.pop("g_gradient")
    rows = tf.cast(tf.shape(built.input_real)[0], tf.float32)
    *totals, all_rows = collectives.all_reduce_sum([*(rows * value for value in measures.values()), rows])
    return {**{name: total / all_rows for name, total in zip(measures, totals, strict=True)}, "g_gradient": norm}
