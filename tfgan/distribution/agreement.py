"""What the processes tell each other before they train, and when they leave. It travels as any other sum over all replicas."""

import contextlib
import json
import threading

import numpy as np

from tfgan.distribution import collectives
from tfgan.distribution import server
from tfgan.errors import PeerLost
from tfgan.errors import UserError
from tfgan.errors import one_line
from tfgan.tf1 import Session
from tfgan.tf1 import tf

_BYTES = 16_384  # for what a process tells
_LONGEST = 2_000  # characters of a refusal, which take six bytes at most
_TOLD_AFTER_S = 10  # after so long a process prints what it waits for
_GRACE_S = 10  # how long a process that refuses to train waits for the others to hear why


class Agreement:
    """A graph beside the training's, in which each process of a `cluster.Cluster` tells all others something.

    strategy: that of tf.distribute. replica: the number of a replica in this process. target: the address of TensorFlow's server.
    config: the `tf.ConfigProto` of the process.

    Making it waits until all take part, and raises UserError where one of them does not.
    """

    def __init__(self, cluster, strategy, replica, target, config):
        self._cluster = cluster
        self._open = True  # the others wait for what this process tells
        with tf.Graph().as_default() as graph:
            self._sum = collectives.ProcessSum(len(cluster.hosts) * _BYTES)
            strategy.run(lambda: self._sum.add_replica(collectives.replica_number() == replica))
            graph.finalize()
        self._session = Session(target, graph=graph, config=strategy.update_config_proto(config))
        try:
            self._exchange(None, server.PATIENCE_S)
        except tf.errors.DeadlineExceededError as error:
            raise UserError(f"waited {server.PATIENCE_S} s in vain for all hosts to begin; start all of them again") from error

    def _exchange(self, message, limit_s=0):
        """Gives all processes a JSON value of each; returns them by task. limit_s: in seconds; 0 is none."""
        rows = np.zeros([len(self._cluster.hosts), _BYTES], np.float32)
        text = json.dumps(message).encode()
        rows[self._cluster.task, : len(text)] = bytearray(text)
        options = tf.RunOptions(timeout_in_ms=1000 * limit_s)
        with server.noticing(self._cluster):
            total = self._sum.run(self._session, rows.ravel(), options).reshape(rows.shape).astype(np.uint8)
        return [json.loads(row.tobytes().rstrip(b"\0")) for row in total]

    def agree(self, facts):
        """Waits until every process has told its facts (name -> JSON value). Raises UserError where they differ."""
        chief, *others = self._listen(facts, "all hosts have read their data")
        for task, other in enumerate(others, 1):
            names = (name for name in sorted(chief.keys() | other.keys()) if chief.get(name) != other.get(name))
            differences = [f"{n} is {chief.get(n)!r} in task 0, {other.get(n)!r} in task {task}" for n in names]
            if differences:
                self._open = False
                remedy = "Give all of them the same command, data and versions"
                raise UserError(f"the processes differ: {'; '.join(differences)}. {remedy}")

    def begin(self):
        """Waits until all processes are ready to train. Raises UserError where one of them refuses."""
        self._listen({}, "the chief is ready to train")
        self._open = False

    def _listen(self, facts, purpose):
        reminder = threading.Timer(_TOLD_AFTER_S, print, [f"Waiting until {purpose}"], {"flush": True})
        reminder.start()
        try:
            messages = self._exchange(facts)
        finally:
            reminder.cancel()
        for task, message in enumerate(messages):
            if "refusal" in message:
                self._open = False
                raise UserError(f"{self._cluster.name(task)} has ended: {message['refusal']}")
        return messages

    def refuse(self, error):
        """Tells the others that this process ends with that UserError before it trains: starting them again would not help."""
        if self._open:
            with contextlib.suppress(PeerLost, tf.errors.OpError):
                self._exchange({"refusal": one_line(error)[:_LONGEST]}, _GRACE_S)

    def leave(self):
        """Waits until no process needs this one any more. Who is gone by then is no loss."""
        with contextlib.suppress(PeerLost, tf.errors.OpError):
            self._exchange(None)
