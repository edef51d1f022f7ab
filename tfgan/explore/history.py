"""What a run has left of its training, also while it is being trained: its lines of metrics, and its sample grids."""

import threading

import numpy as np

from tfgan.runs import read

CHARTS = (read.LOSSES, ("d_real", "d_fake"))  # the measures that each chart shows
_MEASURES = tuple(read.MEASURES)
_STOPS = 500  # about how many lines of metrics the slider stops at


class History:
    """The history of a run. It reads only the lines of metrics that are new, since a long run has tens of thousands.

    logs: the run's folder, a Path. name: the run's. out_dir: the folder of its pictures, a Path. Its methods raise OSError.
    """

    def __init__(self, logs, name, out_dir):
        self.out_dir, self._logs, self._name = out_dir, logs, name
        self._lock = threading.Lock()  # several browsers may ask at once
        self._forget()

    def _forget(self):
        self._offset, self._last_line = 0, b""  # how many bytes of the file were read, and the last whole line of them
        self._iterations, self._values = np.empty([0], int), np.empty([len(_MEASURES), 0])

    def is_training(self):
        """Whether a process is training the run now."""
        return read.is_training(self._logs)

    def lines(self):
        """The lines of metrics that there are now: (iterations int [N], {measure: values float [N], NaN where there is none})."""
        with self._lock:
            if not self._read_on(self._tail()):  # the run was started over, or went on from a checkpoint
                self._forget()
                self._read_on(self._tail())
            return self._iterations, dict(zip(_MEASURES, self._values, strict=True))

    def _tail(self):
        """The content of the file from the last line on that was read."""
        try:
            with open(self._logs / read.METRICS, "rb") as file:
                file.seek(self._offset - len(self._last_line))
                return file.read()
        except FileNotFoundError:
            return b""

    def _read_on(self, content):
        """Adds the lines of what `_tail` returned. Returns whether it continues what was read before."""
        if not content.startswith(self._last_line):
            return False
        whole, newline, _ = content[len(self._last_line) :].rpartition(b"\n")
        if newline:
            self._offset += len(whole) + 1
            self._last_line = whole.rpartition(b"\n")[2] + newline
            lines = read.parse_metrics(whole)
            values = [[line.get(name, np.nan) for line in lines] for name in _MEASURES]
            self._iterations = np.append(self._iterations, [line["iteration"] for line in lines]).astype(int)
            self._values = np.append(self._values, np.array(values, float).reshape(len(_MEASURES), -1), axis=1)
        return True

    def moments(self):
        """The iterations at which the slider stops, ascending: those of the grids, of evenly spaced lines, of the last line."""
        iterations, _ = self.lines()
        every = max(1, len(iterations) // _STOPS)
        return sorted({*self._grids(), *iterations[::every].tolist(), *iterations[-1:].tolist()})

    def measures(self, iteration):
        """(iteration, {measure: value}) of the last line of metrics up to an iteration, or None if there is none."""
        iterations, values = self.lines()
        number = np.searchsorted(iterations, iteration, "right") - 1
        return None if number < 0 else (int(iterations[number]), {name: of_all[number] for name, of_all in values.items()})

    def grid(self, iteration):
        """(iteration, bytes of the PNG file) of the last sample grid up to an iteration, or None if there is none."""
        grids = self._grids()
        if before := [n for n in grids if n <= iteration]:
            try:
                return before[-1], grids[before[-1]].read_bytes()
            except FileNotFoundError:  # the run is being started over
                return None
        return None

    def _grids(self):
        return read.sample_grids(self.out_dir, self._name)
