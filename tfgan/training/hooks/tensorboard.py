"""What TensorBoard is given while a run trains: scalars and histograms. `grids` gives it the pictures."""

from tfgan.training.cadence import Cadence
from tfgan.training.hooks.hook import Hook
from tfgan.training.settings import HISTOGRAM_EVERY


class TensorBoardHook(Hook):
    """Writes each line of metrics as scalars, and now and then every variable's histogram."""

    def __init__(self, context):
        super().__init__(context)
        self._histograms = Cadence(context.settings.intervals.histogram_every, usual=HISTOGRAM_EVERY)

    @staticmethod
    def interval(settings):
        return settings.intervals.histogram_every or HISTOGRAM_EVERY

    def before(self, iteration):
        if self._histograms.due(iteration):
            self.context.check_finite(iteration)
            with self._histograms.spending():
                self.context.board.histograms(iteration)

    def after_measures(self, line, batch):
        self.context.board.scalars(line["iteration"], line)
