"""What looks on while a run trains: the small hooks, and `HOOKS`, the list of all."""

import contextlib
import sys
import time

from tqdm import tqdm

from tfgan.common import signals
from tfgan.errors import Collapsed
from tfgan.quality.alarms import Alarms
from tfgan.quality.monitor import QualityMonitor
from tfgan.training.grids import GridHook
from tfgan.training.hook import Fetch
from tfgan.training.hook import Hook
from tfgan.training.instruments import Cadence
from tfgan.training.settings import HISTOGRAM_EVERY

_LOSSES = ("d_loss", "g_loss")


class CheckpointHook(Hook):
    """Saves a checkpoint at the run's interval, after some minutes at the latest, and at the end."""

    def after_each(self, done):
        if self.context.save_due(done) and done < self.context.end:
            self.context.save(done)

    def end(self):
        if self.context.start < self.context.end:  # otherwise it is there
            self.context.save(self.context.end)


class QualityHook(Hook):
    """Measures the samples at an interval and at the end, adds the figures to the metrics, and keeps the best checkpoint."""

    def __init__(self, context):
        super().__init__(context)
        settings, classes = context.settings, context.batches.classes
        self._monitor = QualityMonitor(
            context.gan, context.recipe, context.evaluator, seed=settings.seed, samples=settings.evaluate_images,
            keep_best=settings.keep_best, shares=classes and classes.shares,
        )  # fmt: skip
        self._figures = {}

    @staticmethod
    def applies(settings):
        return settings.evaluate_every is not None

    @staticmethod
    def interval(settings):
        return settings.evaluate_every

    @staticmethod
    def fetch(settings):
        return Fetch.MEASURES

    def begin(self):
        self._monitor.open(self.context.session, self.context.run, self.context.checkpoints)

    def before(self, iteration):
        if 0 < iteration < self.context.end - 1:  # the end has figures of its own
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


class TensorBoardHook(Hook):
    """Writes each line of metrics as scalars, and now and then every variable's histogram. `GridHook` writes the pictures."""

    def __init__(self, context):
        super().__init__(context)
        self._cadence = Cadence(limited=context.settings.histogram_every is None)

    @staticmethod
    def interval(settings):
        return settings.histogram_every or HISTOGRAM_EVERY

    def before(self, iteration):
        if self._cadence.is_free():
            self.context.check_finite(iteration)
            with self._cadence.spending():
                self.context.board.histograms(iteration)

    def each_line(self, line):
        self.context.board.scalars(line["iteration"], line)


class SpeedHook(Hook):
    """Adds to each line of metrics how many real images a second were trained on since the line before."""

    def begin(self):
        self._iterations, self._seconds = self.context.start, 0.0  # up to the line before

    def figures(self, iteration):
        recipe, seconds = self.context.recipe, self.context.stopwatch.seconds()
        images = (iteration + 1 - self._iterations) * recipe.d_steps * recipe.batch_size
        rate = images / (seconds - self._seconds)
        self._iterations, self._seconds = iteration + 1, seconds
        return {"images_per_second": rate}


class MetricsHook(Hook):
    """Asks for a line of metrics at the interval of summaries, and appends every line to the run's metrics.jsonl."""

    @staticmethod
    def interval(settings):
        return settings.summary_every

    @staticmethod
    def fetch(settings):
        return Fetch.MEASURES

    def each_line(self, line):
        self.context.run.add_metrics(line)


class ProgressHook(Hook):
    """Shows in a terminal how far training is, its losses, its speed and the time that is left. Elsewhere it prints lines."""

    def begin(self):
        start, end = self.context.start, self.context.end
        self._begin = time.perf_counter()
        self._bar = tqdm(total=end, initial=start, unit="it", disable=not sys.stderr.isatty(), dynamic_ncols=True)

    def each_line(self, line):
        if self._bar.disable:
            self._print(line)
        else:
            losses = {name: f"{line[name]:.4f}" for name in _LOSSES}
            self._bar.set_postfix(losses, images_s=f"{line['images_per_second']:.0f}")

    def _print(self, line):
        done, end = line["iteration"] + 1, self.context.end
        seconds_each = (time.perf_counter() - self._begin) / (done - self.context.start)
        print(
            f"iteration {line['iteration']}/{end}  epoch {line['epoch']}  d_loss {line['d_loss']:.4f}  "
            f"g_loss {line['g_loss']:.4f}  {line['images_per_second']:.0f} images/s  "
            f"{tqdm.format_interval((end - done) * seconds_each)} left",
            flush=True,
        )

    def after_each(self, done):
        self._bar.update()

    def close(self):
        self._bar.close()


class AlarmHook(Hook):
    """Warns of trouble in the terminal and in TensorBoard, by the lines of metrics. With --stop-on-collapse raises Collapsed."""

    def begin(self):
        recipe, run = self.context.recipe, self.context.run
        self._alarms = Alarms(recipe.loss, recipe.smooth)
        for line in run.metrics():  # their warnings came when these lines were written
            self._alarms.look(line)
        start, end = self.context.start, self.context.end
        if self.context.settings.stop_on_collapse and "collapse" in self._alarms.ringing and start < end:
            where = f"run {run.name} had collapsed by iteration {start}"
            raise Collapsed(f"{where}; it goes on without --stop-on-collapse")

    def each_line(self, line):
        iteration, done = line["iteration"], line["iteration"] + 1
        for alarm in self._alarms.look(line):
            self.context.write(f"Warning at iteration {iteration}: {alarm.text}")
            self.context.board.text("alarms", iteration, alarm.text)
            stops = self.context.settings.stop_on_collapse and alarm.kind == "collapse"
            if stops and done < self.context.end:
                self.context.save(done)
                raise Collapsed(f"stopped after iteration {done}, saved: {alarm.text}")


class StopHook(Hook):
    """Saves and stops after the iteration in which a signal came, to this process or to another one of the team."""

    def begin(self):
        self._listening = contextlib.ExitStack()
        self._interruption = self._listening.enter_context(signals.interruptible(self.context.write))

    def after_each(self, done):
        context = self.context
        if done == context.end or not (signal := context.team.stop_signal(context.session, done, self._interruption.signal)):
            return None
        context.team.leave()
        context.save(done)
        context.write(f"Stopped after iteration {done} of {context.end}, saved; the same command goes on from there.")
        return 128 + signal

    def close(self):
        self._listening.close()


# All hooks, in the order in which they are called. At the end the last checkpoint comes first, so that nothing which fails
# afterwards costs any training.
HOOKS = (
    CheckpointHook, QualityHook, GridHook, TensorBoardHook, SpeedHook, MetricsHook, ProgressHook, AlarmHook, StopHook
)  # fmt: skip


def hooks_for(settings):
    """The hooks of `HOOKS` that a run with these settings has."""
    return [hook for hook in HOOKS if hook.applies(settings)]


def fetch_of_all(hooks, settings, end, iteration):
    """The `Fetch` from an iteration: the most that one of these hooks fetches, and of the last iteration the measures at least.

    It depends on nothing else, because every process of a run must fetch the same.
    """
    least = Fetch.MEASURES if iteration + 1 == end else Fetch.NOTHING
    return max(least, *(hook.fetch_from(settings, end, iteration) for hook in hooks))
