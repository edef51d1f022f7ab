"""What TensorBoard shows of a run in training."""

import io

from PIL import Image
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.text.summary_v2 import text_pb

from tfgan.common import files
from tfgan.common.fields import fields
from tfgan.runs.events import EventFile
from tfgan.runs.events import write_summary
from tfgan.tf1 import tf
from tfgan.training.charts import CHARTS
from tfgan.training.charts import TAGS
from tfgan.training.charts import Chart

_LARGE = 2**12  # bytes of a constant
# These two files make the run's row in the table of runs. TensorBoard keeps the first row that it reads of a run, so a run that
# goes on replaces them. Their names sort before all others, which is the order in which TensorBoard reads.
_BEGUN, _FINISHED = (f"events.out.tfevents.0000000000.{name}" for name in ("begun", "finished"))
_BEFORE_ALL = -1  # those files' step: a START at 0 supersedes what has step 0


class Board:
    """Writes a run's TensorBoard events. It is made while the graph is being built; nothing it does draws a batch.

    It shows the graph as it is at that moment: made right after the GAN, it shows the GAN without the operations of saving and
    checking. settings: name -> number or text: columns of the table of runs beside the recipe's.
    """

    def __init__(self, gan, recipe, **settings):
        self._graph = _without_large_constants(tf.get_default_graph().as_graph_def(add_shapes=True)).SerializeToString()
        variables = [v for layer in (*gan.g_layers, *gan.d_layers) for v in layer[2]]
        with tf.name_scope("histograms"):
            # The raw operation, because tf.summary.histogram makes its tag unique against the variable's own name.
            self._histograms = tf.summary.merge([tf.raw_ops.HistogramSummary(tag=v.op.name, values=v) for v in variables])
        self._charts = {**CHARTS, **{v.op.name: _histogram_chart(v) for v in variables}}
        values = {name: value for name, value in {**recipe.to_dict(), **settings}.items() if value is not None}
        rows = "\n".join(f"| {name} | {value} |" for name, value in values.items())
        self._recipe = f"| hyper-parameter | value |\n|---|---|\n{rows}"
        compared = (each.name for each in fields(type(recipe)) if each.about.compared)
        self._compared = {name: values[name] for name in (*compared, *settings) if name in values}

    def open(self, folder, session, start):
        """Begins a file of events in the run's log folder. It supersedes what earlier files have from iteration `start` on."""
        from tensorboard.plugins.hparams.summary import session_start_pb  # here: it imports TensorFlow, which tf1 does first

        self._session = session
        self._folder = folder
        self._described = set()
        (folder / _FINISHED).unlink(missing_ok=True)
        write_summary(folder / _BEGUN, _BEFORE_ALL, session_start_pb(self._compared))
        self._file = EventFile(folder)
        self._file.write(start, session_log=tf.SessionLog(status=tf.SessionLog.START))
        self._file.write(start, graph_def=self._graph)
        self.text("recipe", start, self._recipe)
        files.fsync(folder)  # the folder holds the file's name

    def finish(self):
        """From now on the run is finished, and its row in TensorBoard's table says so."""
        from tensorboard.plugins.hparams.summary import session_end_pb

        write_summary(self._folder / _FINISHED, _BEFORE_ALL, session_end_pb(api_pb2.STATUS_SUCCESS))

    def _write_values(self, iteration, plugin, data_class, values):
        """Writes `tf.Summary.Value`s. The first value of each tag in this file carries the tag's title and description."""
        for value in values:
            if value.tag not in self._described and value.tag in self._charts:
                chart = self._charts[value.tag]
                value.metadata.CopyFrom(tf.SummaryMetadata(
                    display_name=chart.title, summary_description=chart.description, data_class=data_class,
                    plugin_data=tf.SummaryMetadata.PluginData(plugin_name=plugin),
                ))  # fmt: skip
                self._described.add(value.tag)
        self._file.write(iteration, summary=tf.Summary(value=values))

    def histograms(self, iteration):
        """Writes every variable's distribution, as it is before that iteration's updates."""
        summary = tf.Summary.FromString(self._session.run(self._histograms))
        self._write_values(iteration, "histograms", summary_pb2.DATA_CLASS_TENSOR, summary.value)

    def scalars(self, iteration, metrics):
        """Writes a line of metrics, name -> number; names that are not in TAGS are left out."""
        values = [tf.Summary.Value(tag=TAGS[name], simple_value=value) for name, value in metrics.items() if name in TAGS]
        self._write_values(iteration, "scalars", summary_pb2.DATA_CLASS_SCALAR, values)
        self._file.flush()

    def text(self, tag, iteration, words):
        """Writes a line of Markdown."""
        self._file.write(iteration, summary=tf.Summary.FromString(text_pb(tag, words).SerializeToString()))
        self._file.flush()

    def picture(self, tag, iteration, path):
        """Writes a picture: the PNG at that path, grey or RGB, unchanged."""
        png = path.read_bytes()
        with Image.open(io.BytesIO(png)) as picture:
            (width, height), channels = picture.size, len(picture.getbands())
        image = tf.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        value = tf.Summary.Value(tag=tag, image=image)
        self._write_values(iteration, "images", summary_pb2.DATA_CLASS_BLOB_SEQUENCE, [value])

    def sync(self):
        """Returns when all events are on the disk."""
        self._file.sync()

    def close(self):
        """Ends the file."""
        self._file.close()


def is_finished(folder):
    """Whether the run with this log folder has come to its end. Until then its last pictures may be missing."""
    return (folder / _FINISHED).exists()


def _histogram_chart(variable):
    """A variable's name, shape and role, for its histogram."""
    shape = " x ".join(map(str, variable.shape.as_list()))
    role = "trained" if variable.trainable else "not trained: moved by each pass"
    return Chart(variable.op.name, f"{shape}, {role}; as it is before that iteration's updates.")


def _without_large_constants(graph_def):
    """The graph's definition, changed: the constants of a network that D is projected by would make 17 MB of each events file."""
    for node in graph_def.node:
        if node.op == "Const" and node.attr["value"].ByteSize() > _LARGE:
            node.attr["value"].tensor.ClearField("tensor_content")
    return graph_def
