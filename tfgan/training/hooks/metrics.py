"""The lines of metrics.jsonl."""

from tfgan.training.hooks.hook import Hook
from tfgan.training.hooks.hook import Wanted


class MetricsHook(Hook):
    """Appends the line of every summary step to the run's metrics.jsonl."""

    @staticmethod
    def interval(settings):
        return settings.intervals.summary_every

    @staticmethod
    def wants(settings, end, iteration):
        return Wanted.NOTHING if iteration % settings.intervals.summary_every else Wanted.MEASURES

    def after_measures(self, line, batch):
        self.context.run.add_metrics(line)
