"""What signals do to a process: alone, together, twice, and where they were ignored. test_survival.py has those that train."""

import signal
import subprocess
import sys
import time

import pytest

from tfgan.common.signals import REPEAT_WINDOW_S
from tfgan.common.signals import STOP_SIGNALS

SENT = ("INT INT", "TERM TERM", "INT TERM", "TERM INT INT", "HUP TERM HUP INT")


def interrupted(*before, body="sys.stdin.read()"):
    """A process that is inside `interruptible` until its standard input ends, and has said "ready"."""
    code = (
        "import ctypes, sys; from tfgan.common.signals import interruptible\n"
        "with interruptible(lambda line: print(line, flush=True)) as interruption:\n"
        f"    print('ready', flush=True); {body}\n"
        "sys.exit(128 + interruption.signal)"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*before, sys.executable, "-c", code], **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


def numbers_of(names):
    return [signal.Signals[f"SIG{name}"] for name in names.split()]


# C code that does not return and heeds no signal: it waits for ever for a mutex that it holds
LOCKED = "mutex = ctypes.create_string_buffer(64); lock = ctypes.CDLL(None).pthread_mutex_lock; lock(mutex), lock(mutex)"


def test_a_second_ctrl_c_ends_the_process_at_once():
    """Also while C code does not return."""
    process = interrupted(body=LOCKED)
    process.send_signal(signal.SIGINT)
    assert "a second Ctrl-C leaves at once" in process.stdout.readline()
    time.sleep(REPEAT_WINDOW_S + 0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130


def send_together(process, numbers):
    """Sends signals that are all pending before the process runs again."""
    process.send_signal(signal.SIGSTOP)
    for number in numbers:
        process.send_signal(number)
    process.send_signal(signal.SIGCONT)


def test_further_signals_are_no_further_wish(hangup):
    """The first one counts, and the process lives to its end; a first Ctrl-C some time after another signal is no second one."""
    processes = {names: interrupted() for names in (*SENT, "TERM", "HUP")}
    for names, process in processes.items():
        first, *others = numbers_of(names)
        process.send_signal(first)
        assert "Finishing" in process.stdout.readline()  # it has the first one
        send_together(process, others)
    time.sleep(REPEAT_WINDOW_S + 0.1)
    for names in ("TERM", "HUP"):
        processes[names].send_signal(signal.SIGINT)
    for process in processes.values():
        process.communicate(timeout=20)
    statuses = {names: process.returncode for names, process in processes.items()}
    assert statuses == {names: 128 + numbers_of(names)[0] for names in processes}


def test_signals_that_come_together_are_one_wish(hangup):
    """Nobody can say which of them came first: the system does not keep their order."""
    process, numbers = interrupted(), numbers_of("INT TERM HUP")
    send_together(process, numbers)
    out, _ = process.communicate(timeout=20)
    assert process.returncode in [128 + number for number in numbers]
    assert out.count("Finishing") == 1


@pytest.mark.parametrize("number", STOP_SIGNALS)
@pytest.mark.parametrize(("body", "cleaned_up"), [(LOCKED, ""), ("time.sleep(60)", "cleaned up\n")])
def test_a_signal_ends_what_waits_for_others(hangup, body, cleaned_up, number):
    """By its exception where Python can raise it, and otherwise without it."""
    code = (
        "import ctypes, threading, time; from tfgan.common import signals; from tfgan.common.command import run_command\n"
        "signals._PATIENCE_S = 0.5\n"
        "def main():\n"
        "    with signals.leave_on_signal():\n"
        "        threading.Timer(1, print, ['ready'], {'flush': True}).start()\n"  # by then the main thread waits
        f"        try: {body}\n"
        "        finally: print('cleaned up', flush=True)\n"
        "run_command(main)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (128 + number, cleaned_up)
    assert "Traceback" not in err


def test_sighup_stays_ignored_where_it_was():
    process = interrupted("nohup")
    process.send_signal(signal.SIGHUP)
    time.sleep(0.1)
    process.communicate(timeout=20)
    assert process.returncode == 128, "no signal noted"


BODIES = {
    "before training": "ask(); time.sleep(60)",
    "in training": "with interruptible(print) as interruption: ask(); wait_for(interruption)",
    "lost before training": "\n        with contextlib.suppress(SystemExit, KeyboardInterrupt): ask()"
    "\n        with interruptible(print) as interruption: wait_for(interruption)",
    "in the launcher": "with record_signals(): ask()",
}


@pytest.mark.parametrize("number", STOP_SIGNALS)
@pytest.mark.parametrize("where", BODIES)
def test_a_signal_is_no_traceback(hangup, where, number):
    """Nor does another one disturb what is cleaned up on the way, or what Python does last."""
    code = (
        "import contextlib, os, signal, time\n"
        "from tfgan.common.command import run_command; from tfgan.common.signals import interruptible, record_signals\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job inherits it ignored
        f"def ask(kill=os.kill, me=os.getpid()): kill(me, {int(number)})\n"
        "def wait_for(interruption):\n"
        "    while not interruption.signal: time.sleep(0.01)\n"
        "def main():\n"
        f"    try:\n        {BODIES[where]}\n"
        "    finally: ask(); print('cleaned up')\n"
        f"    return {128 + number}\n"
        "late = type('', (), {'__del__': lambda self, ask=ask: ask()})()\n"  # when Python has no handlers any more
        "run_command(main)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (process.returncode, process.stdout.splitlines()[-1:]) == (128 + number, ["cleaned up"])
    assert "Traceback" not in process.stderr
