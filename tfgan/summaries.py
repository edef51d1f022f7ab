"""What TensorBoard shows of a run, and the figure of its losses."""

import io
import socket
import time

from matplotlib.figure import Figure
from PIL import Image

from tfgan import files
from tfgan.tf1 import os_errors
from tfgan.tf1 import tf

# metrics.jsonl's names -> TensorBoard's
TAGS = {
    "d_loss": "loss/d_loss",
    "d_loss_real": "loss/d_loss_real",
    "d_loss_fake": "loss/d_loss_fake",
    "g_loss": "loss/g_loss",
    "d_real": "discriminator/mean_output_on_real",
    "d_fake": "discriminator/mean_output_on_fake",
    "images_per_second": "speed/images_per_second",
}


def measures_of_d(gan):
    """name -> scalar tensor, with D's current weights: its loss, the halves, its mean output (a probability)."""
    return {
        "d_loss": gan.d_loss,
        "d_loss_real": gan.d_loss_real,
        "d_loss_fake": gan.d_loss_fake,
        "d_real": tf.reduce_mean(tf.sigmoid(gan.d_logits_real), name="d_real"),
        "d_fake": tf.reduce_mean(tf.sigmoid(gan.d_logits_fake), name="d_fake"),
    }


class Board:
    """Writes a run's TensorBoard events. Made while its graph is being built; nothing it does draws a batch."""

    def __init__(self, gan, recipe):
        variables = [v for layer in (*gan.g_layers, *gan.d_layers) for v in layer[2]]
        with tf.name_scope("histograms"):
            # The raw operation, because tf.summary.histogram makes its tag unique against the variable's own name.
            self._histograms = tf.summary.merge([tf.raw_ops.HistogramSummary(tag=v.op.name, values=v) for v in variables])
        rows = "\n".join(f"| {name} | {value} |" for name, value in recipe.to_dict().items() if value is not None)
        self._recipe = tf.summary.text("recipe", tf.constant(f"| | |\n|---|---|\n{rows}"))

    def open(self, folder, session, start):
        """Begins a file of events; what earlier files have from iteration `start` on is superseded.

        The file is written as what it is, TFRecords of events: tf.summary.FileWriter loses them silently on a full disk.
        """
        self._session = session
        self._file = folder / f"events.out.tfevents.{_moment(folder):010d}.{socket.gethostname()}"
        with os_errors(self._file):
            self._writer = tf.io.TFRecordWriter(str(self._file))
        self._write(0, file_version="brain.Event:2")
        self._write(start, session_log=tf.SessionLog(status=tf.SessionLog.START))
        self._write(start, graph_def=session.graph.as_graph_def(add_shapes=True).SerializeToString())
        self._write(start, summary=tf.Summary.FromString(session.run(self._recipe)))
        self._flush()

    def _write(self, iteration, **what):
        with os_errors(self._file):
            self._writer.write(tf.Event(wall_time=time.time(), step=iteration, **what).SerializeToString())

    def histograms(self, iteration):
        """Every variable's distribution, as it is before that iteration's updates."""
        self._write(iteration, summary=tf.Summary.FromString(self._session.run(self._histograms)))

    def scalars(self, iteration, metrics):
        """metrics: name -> number; the names of TAGS."""
        values = [tf.Summary.Value(tag=TAGS[name], simple_value=value) for name, value in metrics.items() if name in TAGS]
        self._write(iteration, summary=tf.Summary(value=values))
        self._flush()

    def picture(self, tag, iteration, picture):
        """picture: uint8 [h, w, 1 or 3]."""
        height, width, channels = picture.shape
        png = io.BytesIO()
        Image.fromarray(picture.squeeze(2) if channels == 1 else picture).save(png, "PNG")
        image = tf.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png.getvalue())
        self._write(iteration, summary=tf.Summary(value=[tf.Summary.Value(tag=tag, image=image)]))

    def _flush(self):
        with os_errors(self._file):
            self._writer.flush()

    def sync(self):
        """Has all events on the disk."""
        self._flush()
        files.sync(self._file)

    def close(self):
        """Ends the file."""
        with os_errors(self._file):
            self._writer.close()


def _moment(folder):
    """Seconds since 1970, but later than every file of events there: TensorBoard reads them in their names' order."""
    names = [path.name.split(".") for path in folder.glob("events.out.tfevents.*")]
    return max([int(time.time()), *(int(parts[3]) + 1 for parts in names if parts[3].isdecimal())])


def save_loss_figure(path, metrics, title):
    """Draws D's and G's loss over the iterations as PNG; metrics: the lines of metrics.jsonl."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    iterations = [line["iteration"] for line in metrics]
    for name, label in (("d_loss", "D loss"), ("g_loss", "G loss")):
        axes.plot(iterations, [line[name] for line in metrics], label=label)
    axes.set(title=title, xlabel="iteration", ylabel="loss", ylim=(0, None))
    axes.legend()
    axes.grid(alpha=0.3)
    with files.whole(path) as file:
        figure.savefig(file, format="png", dpi=120)
