"""When a run's checkpoints are saved."""

from tfgan.training.hooks.hook import Hook


class CheckpointHook(Hook):
    """Saves a checkpoint at the run's interval, after some minutes at the latest, and at the end."""

    def after_each(self, done):
        if self.context.save_due(done) and done < self.context.end:
            self.context.save(done)

    def end(self):
        if self.context.start < self.context.end:  # otherwise it is there
            self.context.save(self.context.end)
