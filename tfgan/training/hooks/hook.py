"""The one shape of what looks on while a run trains."""

import enum


class Wanted(enum.IntEnum):
    """What leaves the graph with an iteration."""

    NOTHING = 0
    MEASURES = 1  # the losses and the other measures, name -> float
    BATCH = 2  # those, and the iteration's real and fake images


class Hook:
    """Looks on while a run trains, in the manner of TF 1.x's session-run hooks. A hook overrides what it needs.

    A hook is made while the graph is being built, so `__init__` may add operations. No hook draws a batch. The loop calls the
    methods of all hooks in the order of `HOOKS`.
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
        """The loop asks this hook only at the multiples of this number and right before them, and at the end. 0: never.

        `after_each` is called after every iteration all the same.
        """
        return 0

    @staticmethod
    def wants(settings, end, iteration):
        """The `Wanted` of an iteration. It depends on nothing else, because every process of a run must agree on it."""
        return Wanted.NOTHING

    def begin(self):
        """The session is open, and the variables have their values."""

    def before(self, iteration):
        """The variables are as they are before that iteration's updates."""

    def figures(self, iteration):
        """name -> JSON value: what this hook adds to the iteration's line of metrics."""
        return {}

    def after_measures(self, line, batch):
        """line: the iteration's line of metrics, a dict, with the figures of all hooks.

        batch: {"fake": images, "real": images} where they were wanted, else {}. Images are [N, h, w, c] in the recipe's range.
        """

    def after_each(self, done):
        """So many iterations are done. Returns the exit status with which training stops now, or None."""

    def end(self):
        """All iterations are done."""

    def close(self):
        """Training is over, or has failed."""
