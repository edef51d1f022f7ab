"""`python -m tfgan.launch`: starts the processes of a distributed run on this machine, watches them, starts them again."""

import contextlib
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
from tfgan.distribution.cluster import BEGUN
from tfgan.errors import PeerLost
from tfgan.errors import UserError

_POLL_S = 0.1
_GRACE_S = 30  # for the others, once one has failed: they notice by themselves, and leave
_ASKED = (0, *(128 + number for number in signals.STOP_SIGNALS))  # statuses of what ended as it was to, or was asked to


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.launch", description="Trains with several processes on this machine.")
    p.add_argument("--processes", type=int, default=2, metavar="N", help="default 2; each gets as many of the cores")
    text = "so many times, where a process was killed: training goes on from the last checkpoint; default 3"
    p.add_argument("--restarts", type=int, default=3, metavar="N", help=text)
    p.add_argument("options", nargs="*", metavar="-- OPTIONS", help="python -m tfgan.train's")
    return p


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    if options.processes < 2:
        raise UserError(f"--processes is {options.processes}; it must be 2 or more: python -m tfgan.train is one")
    if options.restarts < 0:
        raise UserError(f"--restarts is {options.restarts}; it must be 0 or more")
    if fixed := [name for name in options.options if name.split("=")[0] in ("--hosts", "--task")]:
        raise UserError(f"{fixed[0]} is what the launcher gives; leave it out, or start python -m tfgan.train by yourself")
    with output.ignore_write_errors("stdout"):
        return _persist(options)


def _persist(options):
    """Starts all processes, and starts them again where one was killed; the exit status."""
    for attempt in range(options.restarts + 1):
        status, killed, begun = _run_all(options.processes, options.options)
        if not killed or attempt == options.restarts:
            return status
        if begun:  # --fresh is done
            options.options = [option for option in options.options if option != "--fresh"]
        print(f"Starting all processes again ({attempt + 1} of {options.restarts} times)", flush=True)
    raise AssertionError("the last attempt returns")


def _run_all(count, options):
    """(exit status, whether a process was killed, whether training had begun) of one attempt."""
    begun = threading.Event()
    hosts = ",".join(f"127.0.0.1:{port}" for port in _free_ports(count))
    with signals.record_signals() as noted, contextlib.ExitStack() as stack:
        processes = []
        for task in range(count):
            command = [sys.executable, "-m", "tfgan.train", *options, f"--hosts={hosts}", f"--task={task}"]
            processes.append(_start(command, task, count, begun))
            stack.callback(processes[-1].kill)  # where this one leaves first
        failed, passed = None, 0
        while any(process.poll() is None for process in processes):
            for number in noted[passed:]:  # also those that reached the group: the processes take them as one
                for process in processes:
                    process.send_signal(number)
                passed += 1
            if failed is None and any(process.returncode not in (None, *_ASKED) for process in processes):
                failed = time.monotonic()
            if failed is not None and time.monotonic() - failed > _GRACE_S:
                for process in processes:
                    process.kill()
            time.sleep(_POLL_S)
    statuses = [process.returncode for process in processes]
    # What one says of itself is the reason; that the others are gone, or were killed, is what came of it.
    own = [status for status in statuses if status > 0 and status != PeerLost.STATUS]
    if noted and any(statuses):  # early, a signal ends a process before it can say so
        return 128 + noted[0], False, begun.is_set()
    killed = not own and any(statuses)
    return (own[0] if own else PeerLost.STATUS if killed else 0), killed, begun.is_set()


def _start(command, task, count, begun):
    """A process with its share of the cores; the chief prints as if it were alone, before the others' lines stands their task.

    begun: an Event, set when one that is not the chief says that it trains.
    """
    if task == 0:
        process = subprocess.Popen(command)
    else:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        threading.Thread(target=_pass_on, args=(process.stdout, task, begun), daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        share = len(cores) // count
        if share:
            os.sched_setaffinity(process.pid, cores[task * share : (task + 1) * share])
    return process


def _pass_on(lines, task, begun):
    for line in lines:
        if line.startswith(BEGUN):
            begun.set()
        print(f"[task {task}] {line}", end="", flush=True)


def _free_ports(count):
    """Ports that nobody listens at just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":
    run_command(main)
