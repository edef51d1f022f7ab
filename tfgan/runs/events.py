"""TensorBoard's files of events in a run's log folder.

They are written as what they are, TFRecords of events: tf.summary.FileWriter loses events silently on a full disk.
"""

import socket
import time

from tensorboard.summary.writer.record_writer import RecordWriter

from tfgan.common import files
from tfgan.tf1 import os_errors
from tfgan.tf1 import tf

_VERSION = "brain.Event:2"  # of the format; every file begins with it


class EventFile:
    """A file of events that grows while a run trains. folder: the run's log folder, a Path. Its methods raise OSError."""

    def __init__(self, folder):
        self._path = folder / _new_name(folder)
        with os_errors(self._path):
            self._writer = tf.io.TFRecordWriter(str(self._path))
        self.write(0, file_version=_VERSION)

    def write(self, step, **content):
        """Writes an event. content: one field of `tf.Event` and its value."""
        with os_errors(self._path):
            self._writer.write(tf.Event(wall_time=time.time(), step=step, **content).SerializeToString())

    def flush(self):
        """Hands all events to the system, so that TensorBoard sees them."""
        with os_errors(self._path):
            self._writer.flush()

    def sync(self):
        """Returns when all events are on the disk."""
        self.flush()
        files.fsync(self._path)

    def close(self):
        """Ends the file."""
        with os_errors(self._path):
            self._writer.close()


def write_summary(path, step, summary):
    """Writes a file of events that holds this one `tf.Summary`; the file appears whole or not at all."""
    now = time.time()
    with files.atomic_write(path) as file:
        writer = RecordWriter(file)
        writer.write(tf.Event(wall_time=now, step=step, file_version=_VERSION).SerializeToString())
        writer.write(tf.Event(wall_time=now, step=step, summary=summary).SerializeToString())


def write_scalars(folder, iteration, figures):
    """Writes a file of events with an iteration's figures, tagged quality/NAME.

    figures: name -> value; those that are no numbers are left out.
    """
    values = [
        tf.Summary.Value(tag=f"quality/{name}", simple_value=figure)
        for name, figure in figures.items()
        if isinstance(figure, int | float)
    ]
    write_summary(folder / _new_name(folder), iteration, tf.Summary(value=values))


def _new_name(folder):
    """A name with the seconds since 1970, or with more than those of every file there: TensorBoard reads files in that order."""
    names = [path.name.split(".") for path in folder.glob("events.out.tfevents.*")]
    moment = max([int(time.time()), *(int(parts[3]) + 1 for parts in names if parts[3].isdecimal())])
    return f"events.out.tfevents.{moment:010d}.{socket.gethostname()}"
