"""What the hooks of a run share: its GAN, its files, its session, and how it is saved."""

import time

from tqdm import tqdm

from tfgan.runs.checkpoints import Checkpoints
from tfgan.training import guards
from tfgan.training.board import Board
from tfgan.training.cadence import Cadence
from tfgan.training.settings import CHECKPOINT_EVERY
from tfgan.training.stopwatch import Stopwatch


class Context:
    """A run in training, as its hooks see it. Made when the GAN is there and the graph is not final yet.

    settings: the run's `Settings`; gan: its `Gan`; batches: the `Batches` of this process's first replica; run: its `RunDir`;
    evaluator: the `Evaluator` that measures samples, or None; team: all that train together.
    """

    def __init__(self, settings, gan, batches, run, evaluator, team):
        self.settings, self.recipe = settings, settings.recipe
        self.gan, self.batches, self.run, self.evaluator, self.team = gan, batches, run, evaluator, team
        self.end = batches.iterations
        # The board is made first: TensorBoard then shows the GAN without the operations of saving and checking.
        loop = "as written" if settings.as_written else "fused"
        self.board = Board(gan, self.recipe, iterations=self.end, loop=loop, seed=settings.seed)
        names = () if batches.classes is None else batches.classes.names
        self.checkpoints = Checkpoints(run.checkpoints, settings.keep, names)
        self.stopwatch = Stopwatch()
        self._check_finite = guards.finite_check()
        self._cadence = Cadence(settings.intervals.checkpoint_every, usual=CHECKPOINT_EVERY)

    def begin(self, session, start):
        """Begins in a session whose variables have the values of that iteration."""
        self.session, self.start = session, start
        self.run.rewind_to(start)
        self.board.open(self.run.logs, session, start)
        self._note_saved()

    def write(self, text):
        """Prints a line, above the progress bar where there is one."""
        tqdm.write(text)

    def check_finite(self, iteration):
        """Raises Diverged where a variable is NaN or infinite after so many iterations."""
        self._check_finite(self.session, iteration)

    def save_due(self, iteration):
        """Whether the state after so many iterations is to be saved: by the interval, or because enough minutes have passed."""
        return time.monotonic() >= self._save_by or self._cadence.due(iteration)

    def _note_saved(self):
        self._save_by = time.monotonic() + 60 * self.settings.intervals.checkpoint_minutes

    def save(self, iteration):
        """Saves the state after so many iterations. Raises Diverged where it is not finite, OSError where it cannot be written.

        The lines and events of the iterations before are on the disk first: who goes on from the checkpoint makes no more of
        them.
        """
        with self._cadence.spending():
            self.check_finite(iteration)
            self.board.sync()
            self.run.sync_metrics()
            self.checkpoints.save(self.session, iteration)
        self._note_saved()

    def close(self):
        """Ends the file of events."""
        self.board.close()
