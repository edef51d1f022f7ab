"""Measures quality during training: figures for samples of fixed noise. Keeps the best checkpoint."""

import contextlib
import json
import time

import numpy as np

from tfgan.common import files
from tfgan.common import images
from tfgan.errors import UserError
from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.quality import measurements
from tfgan.quality.conditional import LEAST
from tfgan.quality.measurements import HIGHER_IS_BETTER

_NOISE = 2  # number of the Z_SAMPLE draw; 0 is the grid's, 1 the projector's
_FOR_ALARMS = "diversity_within_classes"  # the only figure per class that is written to metrics.jsonl


class QualityMonitor:
    """Measures a run's samples at regular intervals. Create it while the run's graph is being built. It draws no batches.

    evaluator: an `Evaluator`. seed: of the samples' noise. samples: how many to measure.
    keep_best: the metric by which the best checkpoint is kept, or None. shares: the classes' shares of the data, by which a
    conditional run's samples get their labels.
    """

    def __init__(self, gan, recipe, evaluator, *, seed, samples, keep_best=None, shares=None):
        self._gan, self._recipe, self._evaluator = gan, recipe, evaluator
        self._metric = keep_best
        self._noise = noise.latent(recipe.z_distribution, [samples, recipe.z_dim], noise.key(seed, _NOISE, Stream.Z_SAMPLE))
        self._labels = None
        if recipe.conditional is not None:
            self._labels = noise.labels(shares, [samples], noise.key(seed, _NOISE, Stream.LABEL_SAMPLE))
        self.protocol = {**evaluator.protocol, "samples": samples, "seed": seed}
        self._name = measurements.digest(self.protocol)
        self.times, self.seconds = 0, 0.0  # measurements, and their total time
        self._best = None

    def open(self, session, run, checkpoints):
        """Starts in a session with initialised variables. run: a `RunDir`; checkpoints: its `Checkpoints`.

        Raises UserError if the run was measured by another protocol before: its figures would share a curve with the new ones.
        Raises UserError, too, if every class has too few samples for the metric by which the best checkpoint is kept.
        """
        before = next((line["protocol"] for line in reversed(run.metrics()) if "protocol" in line), self._name)
        if before != self._name:
            file = run.logs / "quality" / f"protocol-{before}.json"
            protocol = _read_protocol(file)
            same = "with the same --features, --evaluate-images and file in data/features, or "
            if protocol.get("format", self.protocol["format"]) != self.protocol["format"]:
                same = ""  # no option brings back how an older version computed its figures
            features = f", --features {protocol['features']}" if "features" in protocol else ""
            raise UserError(
                f"run {run.name} has been measured in another way{'' if same else ', by another version of tfgan'} ({file}"
                f"{features}); the figures cannot be compared. Continue {same}without --evaluate-every, or start with --fresh"
            )
        self._session, self._checkpoints = session, checkpoints
        self._z = session.run(self._noise)
        self._y = [None] * len(self._z) if self._labels is None else session.run(self._labels)
        if self._metric == "mean_frechet_distance_within_classes" and not self._evaluator.class_figures.within(self._y):
            few = f"no class has {LEAST} samples and {LEAST} real images with known labels"
            raise UserError(f"--keep-best {self._metric}: {few}; give more --evaluate-images, or keep the best by another figure")
        folder = run.logs / "quality"
        folder.mkdir(exist_ok=True)
        with files.atomic_write(folder / f"protocol-{self._name}.json") as file:
            file.write((json.dumps(self.protocol, indent=1) + "\n").encode())

    def measure(self, iteration):
        """Measures the state after this many iterations: {name: value}, for a line of metrics."""
        begin = time.perf_counter()
        rows = self._recipe.batch_size  # a batch at a time: training has memory for that
        parts = [slice(first, first + rows) for first in range(0, len(self._z), rows)]
        batches = [self._session.run(self._gan.samples, self._gan.feed_of(self._z[part], self._y[part])) for part in parts]
        samples = images.to_uint8(np.concatenate(batches), self._recipe.value_range)
        figures = self._evaluator.figures(samples, quick=True, labels=None if self._labels is None else self._y)
        self._best = self._best_record(iteration, figures)
        self.times += 1
        self.seconds += time.perf_counter() - begin
        line = {name: figure for name, figure in figures.items() if not isinstance(figure, dict) or name == _FOR_ALARMS}
        return {**line, "evaluated": iteration, "protocol": self._name}

    def _best_record(self, iteration, figures):
        """The record of this state as the best checkpoint, or None if it is not the best."""
        if self._metric is None:
            return None
        value, best = figures[self._metric], self._checkpoints.best()
        if best and best["metric"] == self._metric and best.get("protocol") == self._name:
            better = value > best["value"] if HIGHER_IS_BETTER[self._metric] else value < best["value"]
            if not better and (best["iteration"] != iteration or self._checkpoints.is_whole(iteration)):
                return None
        return {"iteration": iteration, "metric": self._metric, "value": value, "protocol": self._name}

    def keep(self, save):
        """Keeps the state that was measured last if it is the best. save: a function that saves an iteration's checkpoint."""
        if self._best:
            if not self._checkpoints.is_whole(self._best["iteration"]):
                save(self._best["iteration"])
            self._checkpoints.keep_best(self._best)

    def close(self):
        """Frees the evaluator's session."""
        self._evaluator.extractor.close()


def _read_protocol(file):
    """The protocol in that file, a dict. {} if it cannot be read."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return dict(json.loads(file.read_text()))
    return {}
