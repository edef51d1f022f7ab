"""Quality measured while a run trains, and the best checkpoint kept."""

from tfgan.quality.watch import Watch
from tfgan.training.hooks.hook import Hook
from tfgan.training.hooks.hook import Wanted


class QualityHook(Hook):
    """Measures the samples at the interval of the evaluation and at the end, and adds the figures to the lines of metrics."""

    def __init__(self, context):
        super().__init__(context)
        evaluation, seed = context.settings.evaluation, context.settings.seed
        measured = (evaluation.every, evaluation.images, evaluation.keep_best)
        self._watch = Watch(context.gan, context.recipe, context.judge, *measured, seed)
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
        self._watch.open(self.context.session, self.context.run, self.context.checkpoints)

    def before(self, iteration):
        if self._watch.due(iteration) and iteration + 1 < self.context.end:  # the end has figures of its own
            self._measure(iteration)
            self._watch.keep(self.context.save)

    def _measure(self, iteration):
        self.context.check_finite(iteration)
        with self.context.stopwatch.paused():
            self._figures = self._watch.measure(iteration)

    def figures(self, iteration):
        if iteration + 1 == self.context.end:
            self._measure(self.context.end)
        figures, self._figures = self._figures, {}
        return figures

    def end(self):
        watch = self._watch
        watch.keep(self.context.save)  # after the last checkpoint, which may be the best one
        share = watch.seconds / (watch.seconds + self.context.stopwatch.seconds())
        self.context.write(f"Measured the samples {watch.times} times, in {watch.seconds:.0f} s, {share:.1%} of all the time")

    def close(self):
        self._watch.close()
