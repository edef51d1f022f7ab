"""The end of training before its time: a signal that asks for it, in this process or in another one of the team."""

import contextlib

from tfgan.common import signals
from tfgan.training.hooks.hook import Hook


class StopHook(Hook):
    """Saves and stops after the iteration in which a signal came."""

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
