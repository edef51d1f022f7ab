"""What the hooks of a run share: its GAN, its files, its session, and how it is saved."""

import time

from tqdm import tqdm

from tfgan.runs.checkpoints import Checkpoints
from tfgan.training import instruments
from tfgan.training.board import Board
from tfgan.training.settings import CHECKPOINT_EVERY


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
        self.stopwatch = instruments.Stopwatch()
        self._check_finite = instruments.finite_check()
        self._cadence = instruments.Cadence(limited=settings.checkpoint_every is None)
        self._interval = settings.checkpoint_every or CHECKPOINT_EVERY

    def begin(self, session, start):
        """Begins in a session whose variables have the values of that iteration."""
        self.session, self.start = session, start
        self.run.rewind_to(start)
        self.board.open(self.run.logs, session, start)
        self._note_time()

    def write(self, text):
        """Prints a line, above the progress bar where there is one."""
        tqdm.write(text)

    def check_finite(self, iteration):
        """Raises Diverged where a variable is NaN or infinite after so many iterations."""
        self._check_finite(self.session, iteration)

    def save_due(self, iteration):
        """Whether the state after so many iterations is to be saved: by the interval, or because enough minutes have passed."""
        return time.monotonic() >= self._save_by or (iteration % self._interval == 0 and self._cadence.is_free())

    def _note_time(self):
        self._save_by = time.monotonic() + 60 * self.settings.checkpoint_minutes

    def save(self, iteration):
        """Saves the state after so many iterations. Raises Diverged where it is not finite, OSError where it cannot be written.

        Metrics and events are flushed to disk first, because a run resumed from this checkpoint does not write them again.
        """
        with self._cadence.spending():
            self.check_finite(iteration)
            self.board.sync()
            self.run.sync_metrics()
            self.checkpoints.save(self.session, iteration)
        self._note_time()

    def close(self):
        """Ends the file of events."""
        self.board.close()
