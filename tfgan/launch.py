"""`python -m tfgan.launch`: starts the processes of a distributed run on this machine, as torchrun does for PyTorch."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time

from tfgan.common import output
from tfgan.common import signals
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import PeerLost
from tfgan.errors import UserError

_MOST = 256  # processes
_POLL_S = 0.1
_GRACE_S = 30  # after a process has failed, the others have this time to notice it and leave by themselves
_NORMAL = (0, *(128 + number for number in signals.STOP_SIGNALS))  # exit statuses of finished and of stopped processes


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.launch", description="Trains with several processes on this machine.")
    p.add_argument("--processes", type=int, default=2, metavar="N", help="number of processes; they share the cores (default 2)")
    text = "how often to restart from the last checkpoint if a process is killed (default 3; never with --fresh)"
    p.add_argument("--restarts", type=int, default=3, metavar="N", help=text)
    p.add_argument("options", nargs="*", metavar="-- OPTIONS", help="options of python -m tfgan.train")
    return p


def main():
    """Runs the command and returns its exit status."""
    options = parser().parse_args()
    if not 2 <= options.processes <= _MOST:
        remedy = f"it must be from 2 to {_MOST}, and rather as few as there are cores; for one, use python -m tfgan.train"
        raise UserError(f"--processes is {options.processes}; {remedy}")
    if options.restarts < 0:
        raise UserError(f"--restarts is {options.restarts}; it must be 0 or more")
    if fixed := [name for name in options.options if name.split("=")[0] in ("--hosts", "--task")]:
        raise UserError(f"{fixed[0]} is given by the launcher; leave it out, or start python -m tfgan.train yourself")
    restarts = 0 if "--fresh" in options.options else options.restarts  # a restart would start over
    with output.ignore_write_errors("stdout"):
        for attempt in range(1, restarts + 1):
            status, killed = _run_all(options.processes, options.options)
            if not killed:
                return status
            print(f"Starting all processes again ({attempt} of {restarts} times)", flush=True)
        return _run_all(options.processes, options.options)[0]


def _run_all(count, options):
    """Runs all processes once: (exit status, whether a process was killed). options: those of tfgan.train."""
    hosts = [f"127.0.0.1:{port}" for port in _free_ports(count)]
    with signals.record_signals() as stops, contextlib.ExitStack() as stack:
        processes = []
        for task in range(count):
            processes.append(_start([sys.executable, "-m", "tfgan.train", *options], hosts, task))
            stack.callback(processes[-1].kill)  # if an exception ends this process first
        failure_s, next_stop = None, 0
        while any(process.poll() is None for process in processes):
            for number in stops[next_stop:]:  # processes that have it from the terminal already ignore the second one
                for process in processes:
                    process.send_signal(number)
                next_stop += 1
            if failure_s is None and any(process.returncode not in (None, *_NORMAL) for process in processes):
                failure_s = time.monotonic()
            if failure_s is not None and time.monotonic() - failure_s > _GRACE_S:
                for process in processes:
                    process.kill()
            time.sleep(_POLL_S)
    statuses = [process.returncode for process in processes]
    if stops and any(statuses):  # a signal may kill a process before it handles signals
        return 128 + stops[0], False
    # A process's own error is the cause. That others were lost or killed is a consequence.
    own = [status for status in statuses if status > 0 and status != PeerLost.STATUS]
    killed = not own and any(statuses)
    return (own[0] if own else PeerLost.STATUS if killed else 0), killed


def _start(command, hosts, task):
    """Starts the process of a task with its share of the cores. The lines of all but the chief get their task as a prefix."""
    config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": task}}
    environment = {**os.environ, "TF_CONFIG": json.dumps(config)}
    if task == 0:
        process = subprocess.Popen(command, env=environment)
    else:
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
        process = subprocess.Popen(command, env=environment, **pipe)
        threading.Thread(target=_forward_output, args=(process.stdout, task), daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if share := len(cores) // len(hosts):
            os.sched_setaffinity(process.pid, cores[task * share : (task + 1) * share])
    return process


def _forward_output(lines, task):
    for line in lines:
        print(f"[task {task}] {line}", end="", flush=True)


def _free_ports(count):
    """Ports that are currently free."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":
    run_command(main)
