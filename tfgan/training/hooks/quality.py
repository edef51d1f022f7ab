"""Quality measured while a run trains, and the best checkpoint kept."""

from tfgan.quality.monitor import QualityMonitor
from tfgan.training.hooks.hook import Hook
from tfgan.training.hooks.hook import Wanted


class QualityHook(Hook):
    """Measures the samples at the interval of the evaluation and at the end, and adds the figures to the lines of metrics."""

    def __init__(self, context):
        super().__init__(context)
        settings, evaluation = context.settings, context.settings.evaluation
        self._monitor = QualityMonitor(
            context.gan,
            context.recipe,
            context.evaluator,
            seed=settings.seed,
            samples=evaluation.images,
            every=evaluation.every,
            keep_best=evaluation.keep_best,
            shares=context.batches.classes and context.batches.classes.shares,
        )
        self._figures = {}

    @staticmethod
    def applies(settings):
        return settings.evaluation is not None

    @staticmethod
    def interval(settings):
        return settings.evaluation.every

    @staticmethod
    def wants(settings, end, iteration):
        return Wanted.NOTHING if iteration % settings.evaluation.every else Wanted.MEASURES

    def begin(self):
        self._monitor.open(self.context.session, self.context.run, self.context.checkpoints)

    def before(self, iteration):
        if self._monitor.due(iteration) and iteration + 1 < self.context.end:  # the end has figures of its own
            self._measure(iteration)
            self._monitor.keep(self.context.save)

    def _measure(self, iteration):
        self.context.check_finite(iteration)
        with self.context.stopwatch.paused():
            self._figures = self._monitor.measure(iteration)

    def figures(self, iteration):
        if iteration + 1 == self.context.end:
            self._measure(self.context.end)
        figures, self._figures = self._figures, {}
        return figures

    def end(self):
        monitor = self._monitor
        if not monitor.times:  # all iterations were done before
            return
        monitor.keep(self.context.save)  # after the last checkpoint, which may be the best one
        share = monitor.seconds / (monitor.seconds + self.context.stopwatch.seconds())
        self.context.write(f"Measured the samples {monitor.times} times, in {monitor.seconds:.0f} s, {share:.1%} of all the time")

    def close(self):
        self._monitor.close()
