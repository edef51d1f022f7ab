"""`python -m tfgan.launch`: starts the processes of a distributed run on this machine, and restarts them if one is killed."""

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

_MOST = 256  # processes
_POLL_S = 0.1
_GRACE_S = 30  # after a process has failed, the others have this time to notice it and leave by themselves
_NORMAL = (0, *(128 + number for number in signals.STOP_SIGNALS))  # exit statuses of finished and of stopped processes


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.launch", description="Trains with several processes on this machine.")
    p.add_argument("--processes", type=int, default=2, metavar="N", help="number of processes; they share the cores (default 2)")
    text = "how often to restart from the last checkpoint if a process is killed (default 3)"
    p.add_argument("--restarts", type=int, default=3, metavar="N", help=text)
    p.add_argument("options", nargs="*", metavar="-- OPTIONS", help="options of python -m tfgan.train")
    return p


def main():
    """Runs the command and returns its exit status."""
    options = parser().parse_args()
    if options.processes < 2:
        raise UserError(f"--processes is {options.processes}; it must be 2 or more; for one, use python -m tfgan.train")
    if options.processes > _MOST:
        raise UserError(f"--processes is {options.processes}; it must be {_MOST} at most, and rather as few as there are cores")
    if options.restarts < 0:
        raise UserError(f"--restarts is {options.restarts}; it must be 0 or more")
    if fixed := [name for name in options.options if name.split("=")[0] in ("--hosts", "--task")]:
        raise UserError(f"{fixed[0]} is given by the launcher; leave it out, or start python -m tfgan.train yourself")
    with output.ignore_write_errors("stdout"):
        return _run_with_restarts(options.processes, options.options, options.restarts)


def _run_with_restarts(count, options, restarts):
    """Runs all processes, and restarts them if one was killed. Returns the exit status. options: those of tfgan.train."""
    for attempt in range(restarts + 1):
        status, killed, begun = _run_all(count, options)
        if not killed or attempt == restarts:
            return status
        if begun:  # --fresh has already taken effect
            options = [option for option in options if option != "--fresh"]
        print(f"Starting all processes again ({attempt + 1} of {restarts} times)", flush=True)
    raise AssertionError("the last attempt returns")


def _run_all(count, options):
    """Runs all processes once: (exit status, whether a process was killed, whether training had begun)."""
    begun = threading.Event()
    hosts = ",".join(f"127.0.0.1:{port}" for port in _free_ports(count))
    with signals.record_signals() as received, contextlib.ExitStack() as stack:
        processes = []
        for task in range(count):
            command = [sys.executable, "-m", "tfgan.train", *options, f"--hosts={hosts}", f"--task={task}"]
            processes.append(_start(command, task, count, begun))
            stack.callback(processes[-1].kill)  # if an exception ends this process first
        failed, forwarded = None, 0
        while any(process.poll() is None for process in processes):
            for number in received[forwarded:]:  # processes that have already received it from the terminal ignore the second one
                for process in processes:
                    process.send_signal(number)
                forwarded += 1
            if failed is None and any(process.returncode not in (None, *_NORMAL) for process in processes):
                failed = time.monotonic()
            if failed is not None and time.monotonic() - failed > _GRACE_S:
                for process in processes:
                    process.kill()
            time.sleep(_POLL_S)
    statuses = [process.returncode for process in processes]
    # A process's own error is the cause. That others were lost or killed is a consequence.
    own = [status for status in statuses if status > 0 and status != PeerLost.STATUS]
    if received and any(statuses):  # a signal may kill a process before it handles signals
        return 128 + received[0], False, begun.is_set()
    killed = not own and any(statuses)
    return (own[0] if own else PeerLost.STATUS if killed else 0), killed, begun.is_set()


def _start(command, task, count, begun):
    """Starts the process of a task with its share of the cores. The lines of all but the chief get their task as a prefix.

    begun: an Event, which is set when a process other than the chief reports that it trains.
    """
    if task == 0:
        process = subprocess.Popen(command)
    else:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        threading.Thread(target=_forward_output, args=(process.stdout, task, begun), daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        share = len(cores) // count
        if share:
            os.sched_setaffinity(process.pid, cores[task * share : (task + 1) * share])
    return process


def _forward_output(lines, task, begun):
    """Prints a task's lines with a prefix, and sets the Event `begun` when one says that training has begun."""
    for line in lines:
        if line.startswith(BEGUN):
            begun.set()
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
