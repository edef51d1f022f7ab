"""TensorFlow's server in this process, and what its errors say of the other processes.

TensorFlow notices by itself who is gone. A process that ends closes its connections, so that every exchange with it fails at
once. A process that hangs, or a host that is cut off, leaves gRPC's pings without an answer.
"""

import contextlib
import os
import re

from tfgan.distribution import cluster as addresses
from tfgan.errors import PeerLost
from tfgan.errors import UserError
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

PATIENCE_S = 600  # how long a process waits for the others to begin
SILENCE_S = 30  # what is sent and has no answer for so long ends the connection
PING_EVERY_S = 310  # where nothing else is sent; gRPC's server ends a connection with pings less than 300 s apart
# TensorFlow hands these to gRPC. A time limit for each collective (tf.distribute's CommunicationOptions) takes threads that live
# until it is over: with a limit of 30 s vanilla had 10,000 of them after 12 s.
_CHANNELS = {
    "grpc.keepalive_time_ms": 1000 * PING_EVERY_S,
    "grpc.keepalive_timeout_ms": 1000 * SILENCE_S,
    "grpc.http2.ping_timeout_ms": 1000 * SILENCE_S,
    "grpc.http2.max_pings_without_data": 0,  # no limit
    "grpc.keepalive_permit_without_calls": 1,  # a process that waits until its own numbers are fetched calls nobody
}
_JOB = "worker"
_ABOUT_OTHERS = re.compile("remote target|incarnation")
_WHO = re.compile(rf"remote target /job:{_JOB}/replica:0/task:(\d+)")


def start(cluster, config):
    """Starts TensorFlow's server and waits until all processes of the `Cluster` answer. Returns the server. Raises UserError.

    config: the `tf.ConfigProto` of the process.
    """
    addresses.refuse_address(cluster)
    addresses.bypass_proxies(cluster)
    os.environ.setdefault("TF_GRPC_DEFAULT_OPTIONS", ",".join(f"{name}={value}" for name, value in _CHANNELS.items()))
    server_config = tf.ConfigProto()
    server_config.CopyFrom(config)
    server_config.experimental.collective_group_leader = f"/job:{_JOB}/replica:0/task:0"
    try:
        server = tf.train.Server(_spec(cluster), _JOB, cluster.task, config=server_config)
    except tf.errors.OpError as error:
        raise UserError(f"task {cluster.task} cannot serve at {cluster.hosts[cluster.task]}: {error.message}") from error
    addresses.wait_for_all(cluster, PATIENCE_S)
    return server


def resolver(cluster, gpus):
    """What a tf.distribute strategy is told of all processes. gpus: how many each process has."""
    return tf2.distribute.cluster_resolver.SimpleClusterResolver(
        _spec(cluster), task_type=_JOB, task_id=cluster.task, rpc_layer="grpc", num_accelerators={"GPU": gpus}
    )


def _spec(cluster):
    return tf.train.ClusterSpec({_JOB: list(cluster.hosts)})


@contextlib.contextmanager
def noticing(cluster):
    """Raises PeerLost where another process of the `Cluster` is gone. TensorFlow's own errors about that tell a user nothing."""
    try:
        yield
    except tf.errors.OpError as error:
        if isinstance(error, tf.errors.ResourceExhaustedError) or not _ABOUT_OTHERS.search(error.message):
            raise
        named = _WHO.search(error.message)
        who = cluster.name(int(named[1])) if named else "another process"
        remedy = "start all processes again (unless its own output names an error), and training goes on from the last checkpoint"
        raise PeerLost(f"{who} is gone, or cannot be reached; {remedy}") from error
