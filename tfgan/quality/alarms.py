"""What warns of trouble in training, in plain words, with the remedy that helps most often.

Looked at are the lines of metrics. The thresholds lie between what was measured of healthy runs and of runs driven into each
trouble; docs/quality.md has the figures, and such runs' lines are kept among the tests.
"""

import statistics
from typing import NamedTuple

from scipy import special

_ALIKE = 0.05  # diversity of fakes, of that of real images
_FALLEN = 0.4  # of its own highest, where that was at least _HIGH
_HIGH = 0.4
_CLASSES_LOST = 0.4  # share of the classes that were covered before
_WON = 0.005  # both halves of D's loss, where they are less: above the least that the labels allow
_WON_SMOOTHED = 0.05  # likewise, the median of the half of smoothed labels: a D that is too sure of real images pays for it
_VANISHED = 0.01  # G's gradient, of the largest in the first lines
_HUGE = 1e5  # G's gradient or a loss
_SHORT, _LONG = 5, 10  # lines; with the usual interval of 100, a thousand iterations
_LOOKED_AT = {"d_loss", "d_loss_real", "d_loss_fake", "g_loss", "g_gradient", "diversity"}


class Alarm(NamedTuple):
    """A trouble."""

    kind: str  # collapse, d_wins, vanishing or nan_ahead
    text: str  # what is seen, and the remedy


class Alarms:
    """Looks at a run's lines of metrics, one after the other; loss, smooth: the recipe's."""

    def __init__(self, loss, smooth=0.0):
        self._loss = loss
        # The cross-entropy of real images labelled 1 - smooth is never below the labels' own entropy; other losses reach 0.
        self._smoothed = smooth > 0 and loss in ("non-saturating", "minimax")
        self._least = float(special.entr([smooth, 1 - smooth]).sum()) if self._smoothed else 0.0
        self._lines = []  # the last ones
        self._diversity = 0.0  # the highest so far, as a median of a few lines
        self._gradients = []  # G's, in the first lines
        self._classes = 0  # the most that were covered so far
        self.ringing = set()  # kinds that the last line belongs to

    def look(self, line):
        """The `Alarm`s that this line sets off: each once, and again only when it had ended meanwhile.

        A line without what is looked at, as earlier versions wrote them, sets off none.
        """
        if not line.keys() >= _LOOKED_AT:
            return []
        self._lines = [*self._lines[1 - _LONG :], line]
        self._gradients = [*self._gradients, line["g_gradient"]][:_LONG]
        looks = (self._collapse, self._d_wins, self._vanishing, self._nan_ahead)
        found = [alarm for alarm in (look() for look in looks) if alarm]
        new = [alarm for alarm in found if alarm.kind not in self.ringing]
        self.ringing = {alarm.kind for alarm in found}
        return new

    def _collapse(self):
        remedy = (
            "G has collapsed onto few images, or is about to. Lower rates for both networks, --spectral-normalization, or a "
            "--penalty often help; start over with --fresh or another --run"
        )
        covered = self._lines[-1].get("classes_covered")
        if covered is not None:
            self._classes = max(self._classes, covered)
            if self._classes - covered >= max(2, _CLASSES_LOST * self._classes):
                return Alarm("collapse", f"the samples cover {covered} classes, where they covered {self._classes}: {remedy}")
        if len(self._lines) < _LONG:
            return None
        diversity = statistics.median(line["diversity"] for line in self._lines[-_SHORT:])
        self._diversity = max(self._diversity, diversity)
        if diversity < _ALIKE or (self._diversity >= _HIGH and diversity < _FALLEN * self._diversity):
            return Alarm("collapse", f"G's images are {diversity:.0%} as far apart as real ones: {remedy}")
        return None

    def _d_wins(self):
        if self._loss == "wasserstein" or len(self._lines) < _LONG:  # its losses have no least value
            return None
        above = [line["d_loss_real"] - self._least for line in self._lines]
        real_known = statistics.median(above) < _WON_SMOOTHED if self._smoothed else max(above) < _WON
        if not real_known or max(line["d_loss_fake"] for line in self._lines) >= _WON:
            return None
        return Alarm(
            "d_wins",
            f"D has told every real image from every fake for {_LONG} lines of metrics: G learns little from it. A lower "
            "--d-learning-rate, --instance-noise 0.1 or a --penalty slows D down",
        )

    def _vanishing(self):
        least = _VANISHED * max(self._gradients)
        if len(self._lines) < _LONG or any(line["g_gradient"] >= least for line in self._lines[-_SHORT:]):
            return None
        remedy = "--loss non-saturating has larger gradients" if self._loss == "minimax" else "slow D down: --d-learning-rate"
        return Alarm("vanishing", f"G's gradient is below {_VANISHED:.0%} of what it was, so G stands still: {remedy}")

    def _nan_ahead(self):
        line = self._lines[-1]
        worst = max(("g_gradient", "d_loss", "g_loss"), key=lambda name: abs(line[name]))
        if abs(line[worst]) < _HUGE:
            return None
        return Alarm("nan_ahead", f"{worst} is {line[worst]:.3g}: NaN is near. A lower --learning-rate often helps")
