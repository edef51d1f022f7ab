"""How often something is done that costs time."""

import contextlib
import time


class Cadence:
    """Says at which iterations something is due.

    every: the user's interval in iterations, which is kept exactly, or None. usual: the default interval; with it, the thing is
    done less often if it would take more than `share` of the time. Its last duration decides. The first one does not count,
    because it includes compiling and opening files.
    """

    def __init__(self, every, usual, share=0.002):
        self.every = every or usual
        self._share = None if every else share
        self._times = 0
        self._not_before = 0.0

    def due(self, iteration):
        """Whether it is due at that iteration, a multiple of the interval."""
        return iteration % self.every == 0 and time.perf_counter() >= self._not_before

    @contextlib.contextmanager
    def spending(self):
        """The context in which the thing is done. It measures how long that takes."""
        begin = time.perf_counter()
        yield
        end = time.perf_counter()
        self._times += 1
        if self._share and self._times > 1:
            self._not_before = end + (end - begin) * (1 / self._share - 1)
