"""The signals that ask a process to stop. A command ends by an exception; training is told, and stops after its iteration."""

import atexit
import contextlib
import os
import select
import signal
import socket
import threading
import time

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# A second Ctrl-C within this time is a copy of the first: the terminal sends one to all processes, and `tfgan.launch` another.
REPEAT_WINDOW_S = 0.5
_PATIENCE_S = 5  # what a process that leaves for a signal has for its clean-up, where C code may hold it for ever
_STOPPING = "Finishing this iteration and saving; a second Ctrl-C leaves at once."
_received_at = []  # when this command was asked to stop
_raised = []  # the signals for which `raise_on_signal` has raised an exception


def handled_signals():
    """Those of STOP_SIGNALS that this process handles: without SIGHUP if it was started to ignore that, as by `nohup`."""
    always = (signal.SIGINT, signal.SIGTERM)
    return [number for number in STOP_SIGNALS if number in always or signal.getsignal(number) is not signal.SIG_IGN]


def raise_on_signal():
    """From now on the first signal raises KeyboardInterrupt or SystemExit, so that the command cleans up as it ends.

    Further signals are ignored and do not disturb the clean-up. Only a second Ctrl-C is raised as well, until Python exits.
    """
    _received_at.clear()
    _raised.clear()

    def leave(number, frame):
        now = time.monotonic()
        if not _received_at or (number == signal.SIGINT and now - _received_at[0] > REPEAT_WINDOW_S):
            _received_at.append(now)
            _raised.append(number)
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    for number in handled_signals():
        if number != signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:  # ignored in a shell's background job
            signal.signal(number, leave)
    atexit.register(_ignore_signals)


def _ignore_signals():
    """Ignores all signals while Python exits: its handlers are gone by then, and a signal would change the exit status."""
    for number in handled_signals():
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def record_signals():
    """Yields a list to which every stop signal is appended as it arrives. Nothing is raised."""
    numbers = []

    def record(number, frame):
        numbers.append(number)
        _received_at.append(time.monotonic())

    before = {number: signal.signal(number, record) for number in handled_signals()}
    try:
        yield numbers
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interruption:
    """The signal that asked training to stop, or 0."""

    signal = 0


@contextlib.contextmanager
def interruptible(tell):
    """Yields an `Interruption`, which holds the first stop signal once one has arrived.

    It holds one from the beginning if the exception of `raise_on_signal` was lost, as in a destructor or in an import that
    catches every error.

    Further signals are ignored, except a second Ctrl-C some time later: it ends the process at once. Files are safe then,
    since all are written atomically. tell: a function that shows a line; it is called at the first signal.

    Both work even while TensorFlow does not return: a thread receives the signals, whereas Python's own handlers would wait.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():  # Python handles signals in the main thread only
        yield interruption
        return
    numbers = handled_signals()

    def listen(receiver):
        ctrl_c_before = False
        while received := receiver.recv(1):
            number = received[0]
            if number == signal.SIGINT and ctrl_c_before:
                os._exit(128 + number)
            if number in numbers and not interruption.signal:
                interruption.signal = number
                _received_at.append(time.monotonic())
                tell(_STOPPING)
            if number == signal.SIGINT:
                ctrl_c_before = True
                _closed_within(receiver, REPEAT_WINDOW_S)

    if _raised:
        interruption.signal = _raised[0]
        tell(_STOPPING)
    with _listener(listen):
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        try:
            yield interruption
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def leave_on_signal():
    """Inside, a stop signal ends the process even while C code does not return, as where it waits for another process.

    The exception of `raise_on_signal` comes first. It cannot come while C code waits; then the process ends without it.
    """
    if threading.current_thread() is not threading.main_thread():  # Python handles signals in the main thread only
        yield
        return
    numbers = handled_signals()

    def listen(receiver):
        while received := receiver.recv(1):
            if received[0] in numbers and not _closed_within(receiver, _PATIENCE_S):
                os._exit(128 + received[0])

    with _listener(listen):
        yield


@contextlib.contextmanager
def _listener(listen):
    """Runs `listen` in a thread, with a socket that receives the number of each signal and is closed at the end."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    thread = threading.Thread(target=listen, args=(receiver,), daemon=True)
    thread.start()
    wakeup = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        sender.close()
        thread.join()
        receiver.close()


def _closed_within(receiver, seconds):
    """Discards the signals that the socket receives within this time. Returns early, and True, if the sender is closed."""
    end = time.monotonic() + seconds
    while select.select([receiver], [], [], max(0, end - time.monotonic()))[0]:
        if not receiver.recv(64):
            return True
    return False
