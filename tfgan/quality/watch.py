"""Quality measured while a run trains: figures of fixed noise's samples, and the best checkpoint kept."""

import json
import time

import numpy as np

from tfgan.common import files
from tfgan.common import images
from tfgan.errors import UserError
from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.quality.evaluation import protocol_digest
from tfgan.runs.saved import HIGHER_IS_BETTER

_NOISE = 2  # which of the Z_SAMPLE draws: 0 is the grid's, 1 the projector's


class QualityMonitor:
    """Measures a run's samples every so many iterations. Made while its graph is being built; nothing it does draws a batch.

    judge: a `Evaluator`; options: train.py's.
    """

    def __init__(self, gan, recipe, judge, options):
        self._gan, self._recipe, self._judge = gan, recipe, judge
        self._every, self._metric = options.evaluate_every, options.keep_best
        count, key = options.evaluate_images, noise.key(options.seed, _NOISE, Stream.Z_SAMPLE)
        self._noise = noise.latent(recipe.z_distribution, [count, recipe.z_dim], key)
        self.protocol = {**judge.protocol, "samples": count, "seed": options.seed}
        self._name = protocol_digest(self.protocol)
        self.times, self.seconds, self.took = 0, 0.0, 0.0

    def open(self, session, run, checkpoints):
        """Begins in a session whose variables have their values; run: a `RunDir`; checkpoints: its `Checkpoints`.

        Raises UserError where the run was measured by another protocol before: one curve of both would compare them.
        """
        before = next((line["protocol"] for line in reversed(run.metrics()) if "protocol" in line), self._name)
        if before != self._name:
            file = run.logs / "quality" / f"protocol-{before}.json"
            raise UserError(
                f"run {run.name} was measured in another way so far ({file}), and the figures cannot be compared. Go on with the "
                "same --features, --evaluate-images and file in data/features, or without --evaluate-every, or begin it --fresh"
            )
        self._session, self._checkpoints = session, checkpoints
        self._z = session.run(self._noise)
        folder = run.logs / "quality"
        folder.mkdir(exist_ok=True)
        with files.atomic_write(folder / f"protocol-{self._name}.json") as file:
            file.write((json.dumps(self.protocol, indent=1) + "\n").encode())

    def due(self, iteration):
        """Whether the state after so many iterations is to be measured."""
        return iteration > 0 and iteration % self._every == 0

    def measure(self, iteration):
        """name -> number or text, of the state after so many iterations, for a line of metrics."""
        begin = time.perf_counter()
        rows = self._recipe.batch_size  # at a time: what training has memory for
        made = [
            self._session.run(self._gan.samples, {self._gan.input_z: self._z[first : first + rows]})
            for first in range(0, len(self._z), rows)
        ]
        figures = self._judge.figures(images.to_uint8(np.concatenate(made), self._recipe.value_range), quick=True)
        self._best = self._if_best(iteration, figures)
        self.times += 1
        self.took = time.perf_counter() - begin
        self.seconds += self.took
        numbers = {name: figure for name, figure in figures.items() if not isinstance(figure, dict)}
        return {**numbers, "evaluated": iteration, "protocol": self._name}

    def _if_best(self, iteration, figures):
        if self._metric is None:
            return None
        value, best = figures[self._metric], self._checkpoints.best()
        if best and best["metric"] == self._metric and best.get("protocol") == self._name:
            better = value > best["value"] if HIGHER_IS_BETTER[self._metric] else value < best["value"]
            if not better and (best["iteration"] != iteration or self._checkpoints.is_whole(iteration)):
                return None
        return {"iteration": iteration, "metric": self._metric, "value": value, "protocol": self._name}

    def keep(self, save):
        """Keeps the state that was measured last, if it is the best; save: a function of an iteration that saves a checkpoint."""
        if self._best:
            if not self._checkpoints.is_whole(self._best["iteration"]):
                save(self._best["iteration"])
            self._checkpoints.keep_best(self._best)

    def close(self):
        """Frees the judge's session."""
        self._judge.extractor.close()
