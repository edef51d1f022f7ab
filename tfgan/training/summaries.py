"""What TensorBoard shows of a run."""

import io
import socket
import time
from typing import NamedTuple

from PIL import Image
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from tfgan.common import files
from tfgan.runs.saved import HIGHER_IS_BETTER
from tfgan.tf1 import os_errors
from tfgan.tf1 import tf


class _Series(NamedTuple):
    """What TensorBoard is told of a tag beside its values."""

    title: str  # above its chart
    description: str  # Markdown


# metrics.jsonl's names -> TensorBoard's
TAGS = {
    "d_loss": "loss/d_loss",
    "d_loss_real": "loss/d_loss_real",
    "d_loss_fake": "loss/d_loss_fake",
    "g_loss": "loss/g_loss",
    "d_penalty": "loss/d_penalty",
    "d_real": "discriminator/mean_output_on_real",
    "d_fake": "discriminator/mean_output_on_fake",
    "g_gradient": "training/g_gradient",
    "diversity": "training/diversity",
    "images_per_second": "speed/images_per_second",
    **{name: f"quality/{name}" for name in (*HIGHER_IS_BETTER, "classifier_score", "classes_covered", "class_imbalance")},
}
_PROBABILITY = "a sigmoid of D's logits, averaged: with the tutorials' loss the probability that an image is real."
_ABOUT = {
    "loss/d_loss": _Series(
        "D's loss",
        "What D's update minimises: 1.39 (2 ln 2, times the recipe's d_loss_weight) where D guesses, far less where D wins. "
        "How good the pictures are it does not say.",
    ),
    "loss/d_loss_real": _Series("D's loss on real images", "The half of D's loss that asks for real images to be called real."),
    "loss/d_loss_fake": _Series("D's loss on fakes", "The half of D's loss that asks for G's images to be called fake."),
    "loss/d_penalty": _Series("The penalty on D's gradient", "A part of D's loss, times its weight; near 0 where D is smooth."),
    "loss/g_loss": _Series(
        "G's loss",
        "What G's update minimises: 0.69 (ln 2) where D guesses, less where D takes G's images for real, more where D wins.",
    ),
    "discriminator/mean_output_on_real": _Series("D's output on real images", f"Of the real batch: {_PROBABILITY}"),
    "discriminator/mean_output_on_fake": _Series("D's output on fakes", f"Of the batch that G made: {_PROBABILITY}"),
    "training/g_gradient": _Series("G's gradient", "Its norm, of all of G's variables together; near 0 G stands still."),
    "training/diversity": _Series(
        "Diversity of the fakes",
        "How far the batch's fakes are apart from each other, divided by how far its real images are; near 0 G has collapsed.",
    ),
    "speed/images_per_second": _Series("Images per second", "Real images trained on in a second, since the point before."),
    "samples": _Series("Samples", "What G makes of the same noise each time, with batch normalisation's moving averages."),
    "real": _Series("Real images", "The first ones of the first epoch, to compare the samples with."),
    "fake_beside_real": _Series("Fakes beside reals", "The batch just trained on: G's images left, real ones right."),
}
_ABOUT |= {
    f"quality/{name}": _Series(title, f"Of samples against real images; {text} The protocol is in the run's folder quality.")
    for name, title, text in (
        ("frechet_distance", "Frechet distance", "less is nearer, and about 0 the same."),
        ("kernel_distance", "Kernel distance", "less is nearer, and 0 the same, give or take its spread."),
        ("precision", "Precision", "the share of samples that look like some real image."),
        ("recall", "Recall", "the share of real images that look like some sample."),
        ("density", "Density", "how many real images a sample is near to; about 1 where both are alike."),
        ("coverage", "Coverage", "the share of real images that have a sample near."),
        ("classifier_score", "Classifier score", "from 1 to the number of classes; more is sharper and more varied."),
        ("classes_covered", "Classes covered", "of how many classes at least a hundredth of the samples is."),
        ("class_imbalance", "Imbalance of classes", "what share of the samples would have to be of another class."),
    )
}
# What stands in the table of runs, of a recipe's fields; the others follow from the model, and the recipe's text has them all.
_COMPARED = (
    "model", "dataset", "flip", "batch_size", "optimizer", "learning_rate", "beta1", "smooth", "z_dim", "z_distribution",
    "loss", "penalty", "d_learning_rate", "g_average",
)  # fmt: skip
# The run's row in that table: TensorBoard keeps the first that it reads of a run, so a run that goes on replaces these files.
# They sort before all others, which is the order in which TensorBoard reads.
_BEGUN, _FINISHED = (f"events.out.tfevents.0000000000.{name}" for name in ("begun", "finished"))
_BEFORE_ALL = -1  # those files' step: a START at 0 supersedes what has step 0


def measures_of_d(gan):
    """name -> scalar tensor, with D's current weights: its loss, the halves, a penalty, its mean output through a sigmoid.

    Also the diversity of its batch: how far fakes are apart from each other, of how far real images are.
    """
    penalty = {} if gan.d_penalty is None else {"d_penalty": gan.d_penalty}
    return {
        "d_loss": gan.d_loss,
        "d_loss_real": gan.d_loss_real,
        "d_loss_fake": gan.d_loss_fake,
        **penalty,
        "d_real": tf.reduce_mean(tf.sigmoid(gan.d_logits_real), name="d_real"),
        "d_fake": tf.reduce_mean(tf.sigmoid(gan.d_logits_fake), name="d_fake"),
        "diversity": _diversity(gan.fake, gan.input_real),
    }


def _diversity(fake, real):
    """How far the fakes of a batch are apart, of how far its real images are; 1 where those are all the same, as one alone is."""
    fake, real = _variance(fake), _variance(real)
    return tf.where(real > 0, tf.sqrt(tf.math.divide_no_nan(fake, real)), tf.ones_like(real), name="diversity")


def _variance(images):
    """Over the batch, of all pixels together: half of the mean squared distance between two of its images."""
    return tf.reduce_sum(tf.math.reduce_variance(images, 0))


class Board:
    """Writes a run's TensorBoard events. Made while its graph is being built; nothing it does draws a batch.

    The graph that it shows is the one that it is made in, as it is then: made right after the GAN, it shows that and not the
    operations of saving and checking. settings: name -> number or text, what belongs into the table of runs beside the recipe,
    or instead of it.
    """

    def __init__(self, gan, recipe, **settings):
        self._graph = tf.get_default_graph().as_graph_def(add_shapes=True).SerializeToString()
        variables = [v for layer in (*gan.g_layers, *gan.d_layers) for v in layer[2]]
        with tf.name_scope("histograms"):
            # The raw operation, because tf.summary.histogram makes its tag unique against the variable's own name.
            self._histograms = tf.summary.merge([tf.raw_ops.HistogramSummary(tag=v.op.name, values=v) for v in variables])
        self._about = {**_ABOUT, **{v.op.name: _about_variable(v) for v in variables}}
        fields = {name: value for name, value in {**recipe.to_dict(), **settings}.items() if value is not None}
        rows = "\n".join(f"| {name} | {value} |" for name, value in fields.items())
        self._recipe = f"| hyper-parameter | value |\n|---|---|\n{rows}"
        self._compared = {name: fields[name] for name in (*_COMPARED, *settings) if name in fields}

    def open(self, folder, session, start):
        """Begins a file of events; what earlier files have from iteration `start` on is superseded.

        The file is written as what it is, TFRecords of events: tf.summary.FileWriter loses them silently on a full disk.
        """
        from tensorboard.plugins.hparams.summary import session_start_pb  # here: it imports TensorFlow, which tf1 does first

        self._session = session
        self._folder = folder
        self._described = set()
        (folder / _FINISHED).unlink(missing_ok=True)
        _write_events(folder / _BEGUN, _BEFORE_ALL, session_start_pb(self._compared))
        self._file = folder / f"events.out.tfevents.{_moment(folder):010d}.{socket.gethostname()}"
        with os_errors(self._file):
            self._writer = tf.io.TFRecordWriter(str(self._file))
        self._write(0, file_version="brain.Event:2")
        self._write(start, session_log=tf.SessionLog(status=tf.SessionLog.START))
        self._write(start, graph_def=self._graph)
        self._write(start, summary=tf.Summary.FromString(text_pb("recipe", self._recipe).SerializeToString()))
        self._flush()
        files.fsync(folder)  # which has the file's name

    def finish(self):
        """The run's row in TensorBoard's table says from now on that it came to its end."""
        from tensorboard.plugins.hparams.summary import session_end_pb

        _write_events(self._folder / _FINISHED, _BEFORE_ALL, session_end_pb(api_pb2.STATUS_SUCCESS))

    def _write(self, iteration, **what):
        with os_errors(self._file):
            self._writer.write(tf.Event(wall_time=time.time(), step=iteration, **what).SerializeToString())

    def _write_values(self, iteration, plugin, data_class, values):
        """values: `tf.Summary.Value`s; each tag's first in this file is described."""
        for value in values:
            if value.tag not in self._described and value.tag in self._about:
                about = self._about[value.tag]
                value.metadata.CopyFrom(tf.SummaryMetadata(
                    display_name=about.title, summary_description=about.description, data_class=data_class,
                    plugin_data=tf.SummaryMetadata.PluginData(plugin_name=plugin),
                ))  # fmt: skip
                self._described.add(value.tag)
        self._write(iteration, summary=tf.Summary(value=values))

    def histograms(self, iteration):
        """Every variable's distribution, as it is before that iteration's updates."""
        summary = tf.Summary.FromString(self._session.run(self._histograms))
        self._write_values(iteration, "histograms", summary_pb2.DATA_CLASS_TENSOR, summary.value)

    def scalars(self, iteration, metrics):
        """metrics: name -> number; the names of TAGS."""
        values = [tf.Summary.Value(tag=TAGS[name], simple_value=value) for name, value in metrics.items() if name in TAGS]
        self._write_values(iteration, "scalars", summary_pb2.DATA_CLASS_SCALAR, values)
        self._flush()

    def text(self, tag, iteration, words):
        """A line of text."""
        self._write(iteration, summary=tf.Summary.FromString(text_pb(tag, words).SerializeToString()))
        self._flush()

    def picture(self, tag, iteration, path):
        """path: of a PNG, grey or RGB, which is taken as it is."""
        png = path.read_bytes()
        with Image.open(io.BytesIO(png)) as picture:
            (width, height), channels = picture.size, len(picture.getbands())
        image = tf.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        value = tf.Summary.Value(tag=tag, image=image)
        self._write_values(iteration, "images", summary_pb2.DATA_CLASS_BLOB_SEQUENCE, [value])

    def _flush(self):
        with os_errors(self._file):
            self._writer.flush()

    def sync(self):
        """Has all events on the disk."""
        self._flush()
        files.fsync(self._file)

    def close(self):
        """Ends the file."""
        with os_errors(self._file):
            self._writer.close()


def write_scalars(folder, iteration, figures):
    """A file of events with figures of that iteration (name -> number; others are left out), tagged quality/NAME."""
    values = [
        tf.Summary.Value(tag=f"quality/{name}", simple_value=figure)
        for name, figure in figures.items()
        if isinstance(figure, int | float)
    ]
    path = folder / f"events.out.tfevents.{_moment(folder):010d}.{socket.gethostname()}"
    _write_events(path, iteration, tf.Summary(value=values))


def _write_events(path, step, summary):
    """A file of events with that summary alone."""
    now = time.time()
    with files.atomic_write(path) as file:
        writer = RecordWriter(file)
        writer.write(tf.Event(wall_time=now, step=step, file_version="brain.Event:2").SerializeToString())
        writer.write(tf.Event(wall_time=now, step=step, summary=summary).SerializeToString())


def _about_variable(variable):
    """A variable's name, shape and role, for its histogram."""
    shape = " x ".join(map(str, variable.shape.as_list()))
    role = "trained" if variable.trainable else "not trained: moved by each pass"
    return _Series(variable.op.name, f"{shape}, {role}; as it is before that iteration's updates.")


def _moment(folder):
    """Seconds since 1970, but later than every file of events there: TensorBoard reads them in their names' order."""
    names = [path.name.split(".") for path in folder.glob("events.out.tfevents.*")]
    return max([int(time.time()), *(int(parts[3]) + 1 for parts in names if parts[3].isdecimal())])
