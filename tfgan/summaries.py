"""What TensorBoard shows of a run, and the figure of its losses."""

import io
import os

from matplotlib.figure import Figure
from PIL import Image

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
        """Begins a file of events; what earlier files have from iteration `start` on is superseded."""
        self._session = session
        self._writer = tf.summary.FileWriter(str(folder), session.graph)
        self._writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), start)
        self._writer.add_summary(session.run(self._recipe), start)

    def histograms(self, iteration):
        """Every variable's distribution, as it is before that iteration's updates."""
        self._writer.add_summary(self._session.run(self._histograms), iteration)

    def scalars(self, iteration, metrics):
        """metrics: name -> number; the names of TAGS."""
        values = [tf.Summary.Value(tag=TAGS[name], simple_value=value) for name, value in metrics.items() if name in TAGS]
        self._writer.add_summary(tf.Summary(value=values), iteration)

    def picture(self, tag, iteration, picture):
        """picture: uint8 [h, w, 1 or 3]."""
        height, width, channels = picture.shape
        png = io.BytesIO()
        Image.fromarray(picture.squeeze(2) if channels == 1 else picture).save(png, "PNG")
        image = tf.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png.getvalue())
        self._writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag=tag, image=image)]), iteration)

    def close(self):
        """Writes out what is waiting."""
        self._writer.close()


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
    part = path.with_suffix(".part")
    figure.savefig(part, format="png", dpi=120)
    os.replace(part, path)
