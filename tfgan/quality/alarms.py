"""Alarms: they warn of trouble in training, in plain words, and name the remedy that helps most often.

They look at the lines of metrics. Each threshold lies between the values of healthy runs and those of troubled runs.
docs/results/quality.md has the figures, and the tests keep the metrics of such runs. We never saw a single class collapse, so
that threshold is a guess between healthy runs and a class of identical images. While all classes are equally low, as in a young
run, no class is named.
"""

import statistics
from typing import NamedTuple

from scipy import special

from tfgan.common.numbers import number_text

_ALIKE = 0.05  # collapse: diversity of the fakes, relative to that of real images, below this
_FALLEN = 0.4  # collapse: diversity below this share of its highest value, if that was at least _HIGH
_HIGH = 0.4
_CLASSES_LOST = 0.4  # collapse: at least this share of the classes covered before is lost
_FALLEN_IN_CLASS = 0.3  # class_collapse: diversity within a class below this share of its highest, or of the classes' median
_HIGH_IN_CLASS = 0.4  # class_collapse: what that highest value, or that median, must be at least
_WON = 0.005  # d_wins: both halves of D's loss less than this above their least possible value
_WON_SMOOTHED = 0.05  # d_wins with smoothed labels: the median of the real half, which rises if D is too sure of real images
_VANISHED = 0.01  # vanishing: G's gradient below this share of its largest value in the first lines
_HUGE = 1e5  # nan_ahead: G's gradient or a loss above this
_NAMED = 5  # class_collapse: the most classes that are named
_TIMES = 2  # class_collapse: in so many measurements of the samples, one after the other
_SHORT, _LONG = 5, 10  # numbers of lines; _LONG is a thousand iterations at the default interval of 100
_REQUIRED = {"d_loss", "d_loss_real", "d_loss_fake", "g_loss", "g_gradient", "diversity"}


class Alarm(NamedTuple):
    """A kind of trouble, and what to do about it."""

    kind: str  # collapse, class_collapse, d_wins, vanishing or nan_ahead
    text: str  # the observation and the remedy


class Alarms:
    """Checks a run's lines of metrics one after the other. loss, smooth: the fields of the recipe."""

    def __init__(self, loss, smooth=0.0):
        self._loss = loss
        # With real images labelled 1 - smooth, the cross-entropy is at least the labels' entropy. Other losses reach 0.
        self._smoothed = smooth > 0 and loss in ("non-saturating", "minimax")
        self._least = float(special.entr([smooth, 1 - smooth]).sum()) if self._smoothed else 0.0
        self._lines = []  # the last _LONG lines
        self._diversity = 0.0  # the highest so far, of medians over _SHORT lines
        self._gradients = []  # G's, in the first _LONG lines
        self._classes = 0  # the most classes covered so far
        self._within = {}  # class -> the highest diversity within it so far
        self._fallen = []  # {class: diversity} of classes that have fallen, for the last _TIMES measurements of the samples
        self.ringing = set()  # the kinds of trouble that the last line shows

    def look(self, line):
        """The `Alarm`s that this line sets off. An alarm is repeated only after it has ended.

        line: a dict. Lines of earlier versions, which lack some of the metrics, set off no alarm.
        """
        if not line.keys() >= _REQUIRED:
            return []
        self._lines = [*self._lines[1 - _LONG :], line]
        self._gradients = [*self._gradients, line["g_gradient"]][:_LONG]
        checks = (self._collapse, self._class_collapse, self._d_wins, self._vanishing, self._nan_ahead)
        alarms = [alarm for alarm in (check() for check in checks) if alarm]
        new = [alarm for alarm in alarms if alarm.kind not in self.ringing]
        self.ringing = {alarm.kind for alarm in alarms}
        return new

    def _collapse(self):
        remedy = (
            "G has collapsed to few images, or is about to. Lower learning rates for both networks, --spectral-normalization or "
            "a --penalty often help; start over with --fresh or another --run"
        )
        covered = self._lines[-1].get("classes_covered")
        if covered is not None:
            self._classes = max(self._classes, covered)
            if self._classes - covered >= max(2, _CLASSES_LOST * self._classes):
                return Alarm("collapse", f"the samples cover {covered} classes, after {self._classes} before: {remedy}")
        if len(self._lines) < _LONG:
            return None
        diversity = statistics.median(line["diversity"] for line in self._lines[-_SHORT:])
        self._diversity = max(self._diversity, diversity)
        if diversity < _ALIKE or (self._diversity >= _HIGH and diversity < _FALLEN * self._diversity):
            return Alarm("collapse", f"G's images are {diversity:.0%} as far apart as real ones: {remedy}")
        return None

    def _class_collapse(self):
        diversity = self._lines[-1].get("diversity_within_classes", {})
        if numbers := {name: value for name, value in diversity.items() if value is not None}:
            self._within |= {name: max(value, self._within.get(name, 0.0)) for name, value in numbers.items()}
            usual = statistics.median(numbers.values())
            should = {name: max(usual, self._within[name]) for name in numbers}
            low = {n: v for n, v in numbers.items() if should[n] >= _HIGH_IN_CLASS and v < _FALLEN_IN_CLASS * should[n]}
            self._fallen = [*self._fallen[1 - _TIMES :], low]
        classes = [name for name in self._fallen[-1] if name in self._fallen[0]] if len(self._fallen) == _TIMES else []
        if not classes:
            return None
        far = ", ".join(f"{self._fallen[-1][name]:.0%} in class {name}" for name in classes[:_NAMED])
        more = f", and likewise in {len(classes) - _NAMED} more" if len(classes) > _NAMED else ""
        return Alarm(
            "class_collapse",
            f"within a class G's images are only so far apart, compared with real ones: {far}{more}. G makes few images of such "
            "a class, or is about to. A lower --learning-rate, --spectral-normalization or a --penalty often helps",
        )

    def _d_wins(self):
        if self._loss == "wasserstein" or len(self._lines) < _LONG:  # its losses have no lower bound
            return None
        above = [line["d_loss_real"] - self._least for line in self._lines]
        real_known = statistics.median(above) < _WON_SMOOTHED if self._smoothed else max(above) < _WON
        if not real_known or max(line["d_loss_fake"] for line in self._lines) >= _WON:
            return None
        return Alarm(
            "d_wins",
            f"D has distinguished all real images from all fakes for {_LONG} lines of metrics, and G learns little from it. A "
            "lower --d-learning-rate, --instance-noise 0.1 or a --penalty slows D down",
        )

    def _vanishing(self):
        least = _VANISHED * max(self._gradients)
        if len(self._lines) < _LONG or any(line["g_gradient"] >= least for line in self._lines[-_SHORT:]):
            return None
        remedy = "--loss non-saturating has larger gradients" if self._loss == "minimax" else "slow D down with --d-learning-rate"
        return Alarm("vanishing", f"G's gradient is below {_VANISHED:.0%} of what it was, and G hardly changes: {remedy}")

    def _nan_ahead(self):
        line = self._lines[-1]
        worst = max(("g_gradient", "d_loss", "g_loss"), key=lambda name: abs(line[name]))
        if abs(line[worst]) < _HUGE:
            return None
        return Alarm("nan_ahead", f"{worst} is {number_text(line[worst])}: NaN may follow. A lower --learning-rate often helps")
