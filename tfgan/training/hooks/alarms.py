"""Warnings of trouble in training, and the stop that a user may ask for."""

from tfgan.errors import Collapsed
from tfgan.quality.alarms import Alarms
from tfgan.training.hooks.hook import Hook


class AlarmHook(Hook):
    """Looks at each line of metrics, and warns in the terminal and in TensorBoard. Raises Collapsed where that is asked for."""

    def begin(self):
        recipe, run = self.context.recipe, self.context.run
        self._alarms = Alarms(recipe.loss, recipe.smooth)
        for line in run.metrics():  # what they said of these lines was said when the lines were made
            self._alarms.look(line)
        start, end = self.context.start, self.context.end
        if self.context.settings.stop_on_collapse and "collapse" in self._alarms.ringing and start < end:
            where = f"run {run.name} had collapsed by iteration {start}"
            raise Collapsed(f"{where}; it goes on without --stop-on-collapse")

    def after_measures(self, line, batch):
        iteration, done = line["iteration"], line["iteration"] + 1
        for alarm in self._alarms.look(line):
            self.context.write(f"Warning at iteration {iteration}: {alarm.text}")
            self.context.board.text("alarms", iteration, alarm.text)
            stops = self.context.settings.stop_on_collapse and alarm.kind == "collapse"
            if stops and done < self.context.end:
                self.context.save(done)
                raise Collapsed(f"stopped after iteration {done}, saved: {alarm.text}")
