"""The one shape of what looks on while a run trains."""

import enum


class Fetch(enum.IntEnum):
    """What leaves the graph with an iteration."""

    NOTHING = 0
    MEASURES = 1  # the losses and the other measures, name -> float
    BATCH = 2  # those, and the iteration's real and fake images


class Hook:
    """Looks on while a run trains, in the manner of TF 1.x's session-run hooks. A hook overrides what it needs.

    A hook is made while the graph is being built, so `__init__` may add operations. No hook draws a batch. The loop calls each
    method of all hooks in the order of `HOOKS`.
    """

    def __init__(self, context):
        """context: the run's `Context`."""
        self.context = context

    @staticmethod
    def applies(settings):
        """Whether a run with these settings has this hook."""
        return True

    @staticmethod
    def interval(settings):
        """The interval in iterations, from which the loop derives when it calls `before` and `after`. 0: never."""
        return 0

    @staticmethod
    def fetch(settings):
        """What this hook fetches at its interval.

        MEASURES are those of the iteration that begins at a multiple of the interval. A BATCH is that of the iteration that ends
        there, and of the run's last one.
        """
        return Fetch.NOTHING

    def begin(self):
        """The session is open, and the variables have their values."""

    def before(self, iteration):
        """The iteration is a multiple of the interval. The variables are as they are before its updates."""

    def figures(self, iteration):
        """name -> JSON value: what this hook adds to the iteration's line of metrics, whichever hook asked for the line."""
        return {}

    def after(self, line, batch):
        """What this hook fetches is there.

        line: the iteration's line of metrics, a dict, with the figures of all hooks. batch: {"fake": images, "real": images}
        where some hook fetches a BATCH, else {}. Images are [N, h, w, c] in the recipe's range.
        """

    def each_line(self, line):
        """There is a new line of metrics, whichever hook asked for it."""

    def after_each(self, done):
        """So many iterations are done. Returns the exit status with which training stops now, or None."""

    def end(self):
        """All iterations are done."""

    def close(self):
        """Training is over, or has failed."""

    @classmethod
    def is_due(cls, settings, iteration):
        """Whether that number of iterations is a multiple of the interval."""
        interval = cls.interval(settings)
        return interval > 0 and iteration % interval == 0

    @classmethod
    def fetch_from(cls, settings, end, iteration):
        """The `Fetch` of this hook from an iteration of a run of `end` iterations."""
        fetch, done = cls.fetch(settings), iteration + 1
        is_batch = fetch == Fetch.BATCH
        due = cls.is_due(settings, done if is_batch else iteration) or (is_batch and done == end)
        return fetch if due else Fetch.NOTHING
