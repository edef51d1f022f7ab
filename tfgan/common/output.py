"""Standard output and error that may go away before the command ends: a closed pipe, a full disk, a terminal that hung up."""

import contextlib
import os
import sys


class _NeverFailingStream:
    """A text stream in place of another, which cannot fail: what that one does not take is dropped, as is all that follows."""

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        try:
            return self._stream.write(text)
        except OSError:
            self._drop()
            return len(text)

    def flush(self):
        try:
            self._stream.flush()
        except OSError:
            self._drop()

    def _drop(self):
        """Has the null device take what comes, and what the stream still holds, which Python writes out at its end."""
        with contextlib.suppress(OSError), open(os.devnull, "wb") as null:  # a stream of a test has no descriptor
            os.dup2(null.fileno(), self._stream.fileno())


@contextlib.contextmanager
def ignore_write_errors(name):
    """Inside, sys.stdout or sys.stderr, as named, never fails: nobody has to read what a command says while it does its work."""
    before = getattr(sys, name)
    with contextlib.ExitStack() as stack:
        stream = before or stack.enter_context(open(os.devnull, "w"))  # it was closed from the start
        lasting = _NeverFailingStream(stream)
        setattr(sys, name, lasting)
        try:
            yield
        finally:
            lasting.flush()
            setattr(sys, name, before)
