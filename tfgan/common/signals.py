"""The signals that ask a process to stop: they end a command by an exception, and training by a note that its loop looks at."""

import atexit
import contextlib
import os
import select
import signal
import socket
import threading
import time

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
REPEAT_WINDOW_S = 0.5  # so soon after a Ctrl-C another is the same one, which `tfgan.launch` passes on to whom the terminal had told
_heard = []  # when this command was asked to stop


def handled_signals():
    """Those of STOP_SIGNALS that this process is to heed: not SIGHUP where it was started to ignore that, as by `nohup`."""
    always = (signal.SIGINT, signal.SIGTERM)
    return [number for number in STOP_SIGNALS if number in always or signal.getsignal(number) is not signal.SIG_IGN]


def raise_on_signal():
    """From now on the first signal raises KeyboardInterrupt or SystemExit, so that the command cleans up as it ends.

    Others are the same wish, and disturb that no more; but a second Ctrl-C is raised, too, until Python itself takes its leave.
    """
    _heard.clear()

    def leave(number, frame):
        now = time.monotonic()
        if not _heard or (number == signal.SIGINT and now - _heard[0] > REPEAT_WINDOW_S):
            _heard.append(now)
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    for number in handled_signals():
        if number != signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:  # as in a shell's background job
            signal.signal(number, leave)
    atexit.register(_heed_no_more)


def _heed_no_more():
    """The command has its status, which a signal in Python's last moments, when its handlers are gone, would change."""
    for number in handled_signals():
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def record_signals():
    """A list, to which the signals that ask to stop are added as they come, each time."""
    noted = []

    def note(number, frame):
        noted.append(number)
        _heard.append(time.monotonic())

    before = {number: signal.signal(number, note) for number in handled_signals()}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interruption:
    """The signal that asked training to stop, or 0."""

    signal = 0


@contextlib.contextmanager
def interruptible(tell):
    """The first signal is noted, as an `Interruption`. All others are the same wish, but for a second Ctrl-C some time later.

    That one ends the process at once, which no file that is written minds. tell: a function that shows a line, called at the
    first signal. Both work while TensorFlow does not return: a thread hears of the signals, where Python's own handlers would
    wait.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():  # where Python lets nobody handle signals
        yield interruption
        return
    wanted = handled_signals()
    hearing, telling = socket.socketpair()
    telling.setblocking(False)

    def listen():
        pressed = False
        while heard := hearing.recv(1):
            number = heard[0]
            if number == signal.SIGINT and pressed:
                os._exit(128 + number)
            if number in wanted and not interruption.signal:
                interruption.signal = number
                _heard.append(time.monotonic())
                tell("Finishing this iteration and saving; a second Ctrl-C leaves at once.")
            if number == signal.SIGINT:
                pressed = True
                _pass_over(hearing, REPEAT_WINDOW_S)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    wakeup = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda *_: None) for number in wanted}
    try:
        yield interruption
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        telling.close()
        listener.join()
        hearing.close()


def _pass_over(hearing, seconds):
    """Reads away what comes within that time, or came before it; not the end."""
    end = time.monotonic() + seconds
    while select.select([hearing], [], [], max(0, end - time.monotonic()))[0]:
        if not hearing.recv(64):
            return
