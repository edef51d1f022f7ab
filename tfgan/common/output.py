"""Protects a command from the loss of its standard output or error: a closed pipe, a full disk, a closed terminal."""

import contextlib
import os
import sys


class _NeverFailingStream:
    """A text stream that stands in for another and never fails. After the first write error all further text is dropped."""

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        try:
            return self._stream.write(text)
        except OSError:
            self._redirect_to_null()
            return len(text)

    def flush(self):
        try:
            self._stream.flush()
        except OSError:
            self._redirect_to_null()

    def _redirect_to_null(self):
        """Points the stream at the null device. Text still in its buffer goes there too, when Python exits."""
        with contextlib.suppress(OSError), open(os.devnull, "wb") as null:  # a test's stream has no descriptor
            os.dup2(null.fileno(), self._stream.fileno())


@contextlib.contextmanager
def ignore_write_errors(name):
    """Ignores write errors of sys.stdout or sys.stderr inside, so that a command goes on without a reader.

    name: "stdout" or "stderr".
    """
    before = getattr(sys, name)
    with contextlib.ExitStack() as stack:
        stream = before or stack.enter_context(open(os.devnull, "w"))  # None if it was closed when Python started
        never_failing = _NeverFailingStream(stream)
        setattr(sys, name, never_failing)
        try:
            yield
        finally:
            never_failing.flush()
            setattr(sys, name, before)
