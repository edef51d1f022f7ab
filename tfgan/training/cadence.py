"""When something that costs time is due."""

import contextlib
import time


class Cadence:
    """Every so many iterations; by default less often where that would take more than `share` of the time.

    every: the user's interval, then kept exactly, or None. usual: the default one. What it cost last decides; the first
    time, which compiles and opens, does not count.
    """

    def __init__(self, every, usual, share=0.002):
        self.every = every or usual  # at other iterations it is never due
        self._share = None if every else share
        self._times = 0
        self._not_before = 0.0

    def due(self, iteration):
        """Whether it is due at that iteration."""
        return iteration % self.every == 0 and time.perf_counter() >= self._not_before

    @contextlib.contextmanager
    def spending(self):
        """The context in which it is done."""
        begin = time.perf_counter()
        yield
        end = time.perf_counter()
        self._times += 1
        if self._share and self._times > 1:
            self._not_before = end + (end - begin) * (1 / self._share - 1)
