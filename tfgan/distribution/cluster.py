"""The processes that train one GAN together: their addresses, and the wait until all of them answer."""

import contextlib
import errno
import json
import operator
import os
import socket
import time
from typing import NamedTuple

from tfgan.errors import UserError

_EXAMPLE = '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'
_REMEDY = "mend it, give --hosts and --task in its place, or train alone: unset TF_CONFIG"
_WITHOUT_PROXY = ("no_grpc_proxy", "no_proxy")  # gRPC reads the second one where the first is not set
_RETRY_S = 0.5
_TOLD_EVERY_S = 30
_ANSWER_S = 5  # the time for one attempt to connect


class Cluster(NamedTuple):
    """hosts: "ADDRESS:PORT" of each process; the first one is the chief. task: the number of this process among them."""

    hosts: tuple
    task: int

    def name(self, task):
        """A process in words, for messages."""
        return f"task {task} at {self.hosts[task]}"


def of_options(hosts, task):
    """The Cluster that --hosts and --task name, or else TF_CONFIG; None for a single process. Raises UserError."""
    if hosts is None:
        if task is not None:
            raise UserError(f"--task is {task}, but there is no --hosts; give both, or neither")
        return _of_tf_config(os.environ.get("TF_CONFIG"))
    if task is None:
        raise UserError("--hosts needs --task: which of the hosts this one is, from 0 on")
    return _checked("--hosts", [host.strip() for host in hosts.split(",")], task, "--task")


def _of_tf_config(text):
    """The Cluster of TensorFlow's own convention; None where a process is alone. The `chief` comes before the `worker`s.

    `master` is the older name of a `chief`.
    """
    if not text or not text.strip():
        return None
    try:
        config = json.loads(text)
        jobs = {job: hosts for job, hosts in ((config or {}).get("cluster") or {}).items() if hosts}
        if not all(isinstance(hosts, list) for hosts in jobs.values()):
            raise TypeError("each job is a list of addresses")
        task = config.get("task") if jobs else None
        if sum(map(len, jobs.values())) < 2 and (task is None or task["type"] in jobs):
            return None
        of_task, index = task["type"], task["index"]
        index = int(index) if isinstance(index, str) else operator.index(index)
        chiefs = [*jobs.get("chief", []), *jobs.get("master", [])]
        before = {"chief": 0, "master": len(jobs.get("chief", [])), "worker": len(chiefs)}
        if unknown := sorted({*jobs, of_task} - before.keys()):
            raise UserError(f"TF_CONFIG names a job {unknown[0]!r}; all processes train here, as chief or worker; {_REMEDY}")
        if not 0 <= index < (count := len(jobs.get(of_task, []))):
            raise UserError(f"TF_CONFIG's task is {of_task} {index}, but its cluster has {count} of them; {_REMEDY}")
        return _checked("TF_CONFIG", [*chiefs, *jobs.get("worker", [])], before[of_task] + index, "task")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"TF_CONFIG cannot be read ({reason}); {_REMEDY}. It looks so: {_EXAMPLE}") from error


def _checked(source, hosts, task, name):
    for host in hosts:
        address, _, port = host.rpartition(":")
        bare = ":" in address and not (address.startswith("[") and address.endswith("]"))
        if not address or bare or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise UserError(f"{source}: {host!r} is not ADDRESS:PORT, such as a:2222 or [fd00::1]:2222")
    if twice := [host for host in hosts if hosts.count(host) > 1]:
        raise UserError(f"{source} has {twice[0]} twice; each process needs an address or a port of its own")
    if not 0 <= task < len(hosts):
        raise UserError(f"{name} is {task}, but {source} has {len(hosts)} hosts, which are 0 to {len(hosts) - 1}")
    return Cluster(tuple(hosts), task) if len(hosts) > 1 else None


def refuse_address(cluster):
    """Raises UserError if this process cannot have its task's address: it is another machine's, or its port is taken."""
    host = cluster.hosts[cluster.task]
    reasons = {}
    for family, _, _, _, address in _resolved(host):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as mine:
                mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as TensorFlow's server does
                mine.bind(address)
                return
        except OSError as error:
            reasons[error.errno] = (address, error)
    if errno.EADDRINUSE in reasons:
        (_, port, *_), error = reasons[errno.EADDRINUSE]
        what = "another process says that it is the same task, or another program has the port"
        raise UserError(f"task {cluster.task}: port {port} of {host} is taken: {what}") from error
    if errno.EADDRNOTAVAIL in reasons:
        (address, *_), error = reasons[errno.EADDRNOTAVAIL]
        where = f"task {cluster.task} is {host}, which is {address} and none of this machine's addresses"
        raise UserError(f"{where}; give this host's own --task, or mend --hosts") from error
    _, error = next(iter(reasons.values()))
    raise UserError(f"task {cluster.task} cannot use {host}: {error.strerror}; give another port") from error


def bypass_proxies(cluster):
    """Makes gRPC connect to the processes directly, and not through the proxy that http_proxy and its kin name.

    Only gRPC reads no_grpc_proxy. Downloads still go through the proxy.
    """
    exempt = next(filter(None, map(os.environ.get, _WITHOUT_PROXY)), None)
    own = sorted({host.rpartition(":")[0].strip("[]") for host in cluster.hosts})
    os.environ[_WITHOUT_PROXY[0]] = ",".join(own if exempt is None else [exempt, *own])


def wait_for_all(cluster, patience_s):
    """Waits until all other processes answer at their ports. Prints which are missing. After patience_s raises UserError."""
    missing = [task for task in range(len(cluster.hosts)) if task != cluster.task]
    begin = last_line = time.monotonic()
    while missing := [task for task in missing if not _answers(cluster.hosts[task])]:
        now = time.monotonic()
        names = ", ".join(map(cluster.name, missing))
        if now - begin > patience_s:
            raise UserError(f"waited {patience_s:.0f} s in vain for {names}; start it, or mend --hosts")
        if last_line == begin or now - last_line > _TOLD_EVERY_S:
            print(f"Waiting for {names}", flush=True)
            last_line = now
        time.sleep(_RETRY_S)


def _answers(host):
    for family, _, _, _, address in _resolved(host):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as other:
            other.settimeout(_ANSWER_S)
            other.connect(address)
            return True
    return False


def _resolved(host):
    address, _, port = host.rpartition(":")
    try:
        return socket.getaddrinfo(address.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a name
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{host}: {address} is no address that can be found ({reason}); mend --hosts") from error
