"""The other processes of a distributed run: what all must agree on, and who is gone.

tf.distribute has no such control plane in TensorFlow 1.x graphs: its health check needs eager mode, and without one a process
whose peer is gone waits for ever. This file needs nothing beside TensorFlow's own server.
"""

import contextlib
import json
import os
import sys
import threading
import time
import uuid

from tfgan.distribution import cluster as addresses
from tfgan.errors import PeerLost
from tfgan.errors import UserError
from tfgan.errors import exit_status
from tfgan.errors import one_line
from tfgan.tf1 import Session
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

_JOB = "worker"
PATIENCE_S = 600  # how long a process waits for the others to begin
SILENCE_S = 30  # a process that does not answer for so long counts as gone
_ASK_EVERY_S = 3
_SOON = tf.RunOptions(timeout_in_ms=5000)  # for a question to another host: one that is cut off would never answer
_POLL_S = 0.1
_SAID_S = 10  # after so long a process prints what it waits for
_GRACE_S = 10  # the time that a process gives the others to leave in order

_GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.FailedPreconditionError,
    tf.errors.UnknownError,
)


class _Note:
    """A text that the chief's server holds. Every process can read it once a process has written it."""

    def __init__(self, name, text):
        handle = tf.raw_ops.VarHandleOp(dtype=tf.string, shape=[], shared_name=name)
        self.there = tf.raw_ops.VarIsInitializedOp(resource=handle)
        self.text = tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.string)
        self.write = tf.raw_ops.AssignVariableOp(resource=handle, value=text)


class Peers:
    """This process among the others of a `cluster.Cluster`.

    Making it starts TensorFlow's server and waits for the others. Raises UserError. config: the `tf.ConfigProto` of the process.
    """

    def __init__(self, cluster, config):
        self._cluster = cluster
        addresses.refuse_address(cluster)
        addresses.bypass_proxies(cluster)
        self._spec = tf.train.ClusterSpec({_JOB: list(cluster.hosts)})
        server_config = tf.ConfigProto()
        server_config.CopyFrom(config)
        server_config.experimental.collective_group_leader = f"/job:{_JOB}/replica:0/task:0"
        try:
            self._server = tf.train.Server(self._spec, _JOB, cluster.task, config=server_config)
        except tf.errors.OpError as error:
            raise UserError(f"task {cluster.task} cannot serve at {cluster.hosts[cluster.task]}: {error.message}") from error
        addresses.wait_for_all(cluster, PATIENCE_S)
        self._build_board()
        self._left = threading.Event()
        self._all_know = False  # why this one ends
        self._training = None
        self._lost = None
        threading.Thread(target=self._listen, daemon=True).start()

    def _build_board(self):
        """Builds the graph beside the training's: the notes that the chief's server holds, and a question to each process."""
        tasks = range(len(self._cluster.hosts))
        with tf.Graph().as_default() as graph:
            with tf.device(f"/job:{_JOB}/task:0/device:CPU:0"):
                self._text = tf.placeholder(tf.string, [])
                self._facts = [_Note(f"facts_{task}", self._text) for task in tasks]
                self._read = [_Note(f"read_{task}", self._text) for task in tasks]
                self._refusal = _Note("refusal", self._text)
                self._heard = [_Note(f"heard_{task}", self._text) for task in tasks]
                self._farewell = _Note("farewell", self._text)
            self._ask = {}
            for task in tasks:
                with tf.device(f"/job:{_JOB}/task:{task}/device:CPU:0"):
                    self._ask[task] = tf.timestamp()
            graph.finalize()
        self._board = Session(self._server.target, graph=graph)

    def _write(self, note, text="", options=None):
        self._board.run(note.write, {self._text: text}, options)

    def resolver(self, gpus):
        """What a tf.distribute strategy is told of all processes. gpus: how many each process has."""
        return tf2.distribute.cluster_resolver.SimpleClusterResolver(
            self._spec, task_type=_JOB, task_id=self._cluster.task, rpc_layer="grpc", num_accelerators={"GPU": gpus}
        )

    @contextlib.contextmanager
    def session(self, graph, config):
        """A session for the training's graph, on this process's server. Raises PeerLost where another process is gone."""
        self._training = Session(self._server.target, graph=graph, config=config)
        with self._noticing(), graph.as_default(), self._training.as_default():
            yield self._training
        self._training.close()  # not after an error: closing would wait for the processes that are gone

    def agree(self, facts):
        """Waits until every process has told its facts (name -> JSON value). Raises UserError where they differ."""
        token = uuid.uuid4().hex
        with self._noticing():
            self._write(self._facts[self._cluster.task], json.dumps({**facts, "token": token}))
            begin, said = time.monotonic(), False
            while not all(there := self._board.run([note.there for note in self._facts])):
                if not said and time.monotonic() - begin > _SAID_S:
                    absent = ", ".join(self._name(task) for task, here in enumerate(there) if not here)
                    print(f"Waiting until {absent} has read its data and found the other hosts", flush=True)
                    said = True
                time.sleep(_POLL_S)
            told = [json.loads(text) for text in self._board.run([note.text for note in self._facts])]
            self._write(self._read[self._cluster.task])
            begin = time.monotonic()  # the chief's server has the facts, so it must not go before all have read them
            while not all(self._board.run([note.there for note in self._read])) and time.monotonic() - begin < _GRACE_S:
                time.sleep(_POLL_S)
        if told[self._cluster.task].pop("token") != token:
            self._all_know = True
            raise UserError(f"two processes say that they are task {self._cluster.task}; give each a --task of its own")
        for task, theirs in enumerate(told[1:], 1):
            names = sorted((theirs.keys() | told[0].keys()) - {"token"})
            pairs = [(name, told[0].get(name), theirs.get(name)) for name in names]
            differ = [f"{name} is {chiefs!r} in task 0, {its!r} in task {task}" for name, chiefs, its in pairs if chiefs != its]
            if differ:
                self._all_know = True
                said = "; ".join(differ)
                raise UserError(f"the processes differ: {said}. Give all of them the same command, data and versions")

    @contextlib.contextmanager
    def _noticing(self):
        """Raises PeerLost where another process is gone. TensorFlow's own errors about that tell a user nothing."""
        try:
            yield
        except _GONE as error:
            self._left.set()
            if lost := self._lost or self._silent():
                raise PeerLost(_words(lost)) from error
            raise  # all processes answer, so the error is about something else

    def leave(self):
        """Ends the exchange with the other processes. The chief says that they may go; they wait until they hear it."""
        self._left.set()
        self._all_know = True
        if self._cluster.task == 0:
            self._write(self._farewell)
        heard = time.monotonic()
        with contextlib.suppress(tf.errors.OpError):  # the chief may be gone
            while time.monotonic() - heard < SILENCE_S:
                with contextlib.suppress(tf.errors.DeadlineExceededError):
                    if self._board.run(self._farewell.there, options=_SOON):
                        return
                    heard = time.monotonic()
                time.sleep(_POLL_S)

    def refuse(self, error):
        """Ends the other processes, too, when the chief ends with that error: starting them again would not help."""
        if self._cluster.task or self._all_know:
            return
        self._left.set()
        begin = time.monotonic()
        with contextlib.suppress(tf.errors.OpError):
            self._write(self._refusal, json.dumps([exit_status(error), one_line(error)]))
            while not all(self._board.run([note.there for note in self._heard[1:]])) and time.monotonic() - begin < _GRACE_S:
                time.sleep(_POLL_S)

    def _end_if_refused(self):
        """Ends this process if the chief has ended with an error."""
        with contextlib.suppress(tf.errors.OpError):  # the chief does not answer just now
            if self._board.run(self._refusal.there, options=_SOON):
                status, reason = json.loads(self._board.run(self._refusal.text, options=_SOON))
                print(f"tfgan: error: {self._name(0)} has ended: {reason}", file=sys.stderr, flush=True)
                with contextlib.suppress(tf.errors.OpError):
                    self._write(self._heard[self._cluster.task], options=_SOON)
                os._exit(status)

    def _silent(self):
        """The processes that do not answer, in words; "" if all answer."""
        return ", ".join(self._name(task) for task in self._asked() if not self._answers(task))

    def _name(self, task):
        return f"task {task} at {self._cluster.hosts[task]}"

    def _asked(self):
        """The tasks that this process asks. The chief asks all others; the others ask the chief. If one is gone, all end."""
        return range(1, len(self._cluster.hosts)) if self._cluster.task == 0 else (0,)

    def _answers(self, task):
        try:
            self._board.run(self._ask[task], options=_SOON)
        except tf.errors.OpError:
            return False
        return True

    def _listen(self):
        """Asks the others every few seconds. Ends this process when one has been silent for too long."""
        heard = dict.fromkeys(self._asked(), time.monotonic())
        while not self._left.wait(_ASK_EVERY_S):
            for task in heard:
                if self._answers(task):
                    heard[task] = time.monotonic()
                elif time.monotonic() - heard[task] > SILENCE_S and not self._left.is_set():
                    self._end(task)
                    return
            if self._cluster.task:
                self._end_if_refused()

    def _end(self, task):
        """Makes the training step fail, which waits for the lost task. Ends the process if that does not help."""
        self._lost = self._name(task)
        if self._training is not None:
            threading.Thread(target=self._training.close, daemon=True).start()
        time.sleep(_GRACE_S)
        print(f"tfgan: error: {_words(self._lost)}", file=sys.stderr, flush=True)
        os._exit(PeerLost.STATUS)


def _words(who):
    return f"{who} is gone, or cannot be reached; start all processes again, and training goes on from the last checkpoint"
