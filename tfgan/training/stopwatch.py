"""How long training takes, without what is measured between its iterations."""

import contextlib
import time


class Stopwatch:
    """Counts the seconds since `start`, less those spent inside `paused`."""

    def start(self):
        """Begins to count, from 0."""
        self._begin, self._paused = time.perf_counter(), 0.0

    def seconds(self):
        """The seconds so far."""
        return time.perf_counter() - self._begin - self._paused

    @contextlib.contextmanager
    def paused(self):
        """The context in which nothing is counted."""
        begin = time.perf_counter()
        yield
        self._paused += time.perf_counter() - begin
