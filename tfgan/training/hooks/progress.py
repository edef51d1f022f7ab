"""What a terminal shows of a run: a bar, or a line for each line of metrics where there is no terminal."""

import sys
import time

from tqdm import tqdm

from tfgan.training.hooks.hook import Hook

_SHOWN = ("d_loss", "g_loss")


class ProgressHook(Hook):
    """Shows how far training is, its losses, its speed and the time that is left."""

    def begin(self):
        start, end = self.context.start, self.context.end
        self._begun = time.perf_counter()
        self._bar = tqdm(total=end, initial=start, unit="it", disable=not sys.stderr.isatty(), dynamic_ncols=True)

    def after_measures(self, line, batch):
        if self._bar.disable:
            self._print(line)
        else:
            losses = {name: f"{line[name]:.4f}" for name in _SHOWN}
            self._bar.set_postfix(losses, images_s=f"{line['images_per_second']:.0f}")

    def _print(self, line):
        done, end = line["iteration"] + 1, self.context.end
        seconds_each = (time.perf_counter() - self._begun) / (done - self.context.start)
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
