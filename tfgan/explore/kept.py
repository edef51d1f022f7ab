"""The generators of a run's checkpoints, for the page. TensorFlow is imported when the first one is opened."""

import collections
import threading

from tfgan.errors import UserError
from tfgan.runs import saved

_OPEN = 3  # how many generators stay in memory


class Kept:
    """A source of generators, as the page takes them: the checkpoints that a run keeps. It may still be training.

    run: a `saved.SavedRun`. iteration: that of the checkpoint to begin with; None means the newest. Raises UserError if there is
    no such checkpoint.

    name: the run's. about: what it is, in a line. recipe, class_names and seed: the run's. grows: whether there may be more of
    them later.
    """

    grows = True

    def __init__(self, run, iteration=None):
        self._run, self._first = run, iteration
        self._opened, self._lock = collections.OrderedDict(), threading.Lock()
        self.name, self.recipe, self.class_names, self.seed = run.name, run.recipe, tuple(run.classes), run.seed
        self.about = run.about
        self.newest()
        there = saved.checkpoint_iterations(run.checkpoints)
        if iteration is not None and iteration not in there:
            kept = ", ".join(map(str, there))
            raise UserError(f"run {run.name} has no checkpoint of iteration {iteration}; it has those of {kept}")

    def choices(self):
        """The checkpoints that there are now, newest first: [(words, iteration)]."""
        there = saved.checkpoint_iterations(self._run.checkpoints)
        best = saved.read_best(self._run.checkpoints)
        marks = {there[-1]: "newest"} if there else {}
        if best and best["iteration"] in there:
            marks[best["iteration"]] = ", ".join(filter(None, (marks.get(best["iteration"]), f"best {best['metric']}")))
        return [(f"{n:,} ({marks[n]})" if n in marks else f"{n:,}", n) for n in reversed(there)]

    def newest(self):
        """The iteration of the newest checkpoint. Raises UserError if there is none."""
        there = saved.checkpoint_iterations(self._run.checkpoints)
        if not there:
            raise UserError(f"run {self._run.name} has no checkpoint yet; train it first")
        return there[-1]

    def first(self):
        """The iteration to begin with. Raises UserError if there is none."""
        return self.newest() if self._first is None else self._first

    def open(self, iteration):
        """The `tfgan.Sampler` of a checkpoint. Raises UserError if it is gone or damaged.

        The last few stay open. A run that is being trained may remove their files meanwhile.
        """
        with self._lock:  # TensorFlow is imported, and a checkpoint loaded, once
            if iteration not in self._opened:
                from tfgan.sampling.inference import Sampler

                self._opened[iteration] = Sampler(self._run, iteration)
            self._opened.move_to_end(iteration)
            if len(self._opened) > _OPEN:  # not closed: another tab of the browser may be using it
                self._opened.popitem(last=False)
            return self._opened[iteration]
