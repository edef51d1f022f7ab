"""A small CNN that classifies a data set's images, and whose features are used to evaluate samples.

It is trained once, with a fixed seed, and stored with its accuracy. Its last hidden layer's 128 values are the features. They
capture what distinguishes the data set's classes, as Inception's features do for ImageNet.
"""

import hashlib
import json
from typing import NamedTuple

import numpy as np

from tfgan import datasets
from tfgan.common import files
from tfgan.common import places
from tfgan.datasets import Request
from tfgan.errors import UserError
from tfgan.graph import layers
from tfgan.graph.scope import network_pass
from tfgan.quality import cache
from tfgan.tf1 import Session
from tfgan.tf1 import tf

_FORMAT = 1  # the version of the stored file; a classifier of another version is trained again
_BATCH, _RATE = 100, 1e-3
_IMAGES = 180_000  # how many images it is trained on, counted repeatedly: three epochs of MNIST
_LEAST = 125  # images of a data set: a full batch to train on, and a fifth to measure its accuracy on
_HELD_OUT = 0.2  # share of the images that its accuracy is measured on if the data set has no test split


class Classifier(NamedTuple):
    """A trained classifier."""

    weights: dict[str, np.ndarray]  # variable's name -> array
    classes: tuple  # the classes' names
    accuracy: float  # on images that it was not trained on, from 0 to 1
    sha256: str  # of the weights


def network(images, classes):
    """uint8 [N, h, w, c] -> (features [N, 128], logits [N, classes])."""
    with network_pass(seed=0), tf.variable_scope("classifier", reuse=tf.AUTO_REUSE):
        x = tf.cast(images, tf.float32) / 255.0
        x = layers.max_pool(tf.nn.relu(layers.conv2d(x, 16, 5)))
        x = layers.max_pool(tf.nn.relu(layers.conv2d(x, 32, 5)))
        features = tf.nn.relu(layers.dense(layers.flatten(x), 128))
        return features, layers.dense(features, classes)


def load_or_train(dataset, shape, data_dir):
    """The `Classifier` of a data set that has one label per image. It is trained once and stored in data_dir/features.

    dataset: its name; or own pictures, as the `pack.Data` that the run was trained on. shape: (h, w, c) of its images. Raises
    UserError if the data set has no such labels, or fewer than 125 images.
    """
    name, data, splits = "own", dataset, ()
    if isinstance(dataset, str):
        name, data, splits = dataset, datasets.load(dataset, data_dir, Request(shape[:2])), datasets.info(dataset).splits
    if data.labels is None or data.labels.ndim != 1 or not data.label_names:
        raise UserError(f"{name} has no classes that a classifier could learn; give --features random or inception")
    if (count := len(data.images)) < _LEAST:
        few = f"{name} has {count} images, too few for a classifier, which needs {_LEAST}"
        raise UserError(f"{few}; give --features random or inception")
    path = places.writable(data_dir) / "features" / f"classifier-{name}-{data.sha256[:12]}.npz"
    if (classifier := _read(path, data.label_names)) is not None:
        return classifier
    with files.exclusive_lock(path.with_suffix(".lock"), f"Another process is training the classifier of {name}; waiting for it"):
        if (classifier := _read(path, data.label_names)) is not None:
            return classifier
        classes = len(data.label_names)
        print(f"Training a classifier for the {classes} classes of {name}, once: it will evaluate samples", flush=True)
        test = datasets.load(name, data_dir, Request(shape[:2], ("test",))) if "test" in splits else None
        classifier = _train(*_parts(data, test), data.label_names)
        _write(path, classifier)
        return classifier


def _parts(data, test):
    """(images to train on, their labels, images to test on, their labels). Without a test split a fifth is for the test."""
    if test is not None:
        return data.images, data.labels, test.images, test.labels
    order = np.random.default_rng(0).permutation(len(data.images))
    training, held_out = (np.sort(part) for part in np.split(order, [int(len(order) * (1 - _HELD_OUT))]))
    return data.images[training], data.labels[training], data.images[held_out], data.labels[held_out]


def _train(images, labels, held_out, held_out_labels, classes):
    rng = np.random.default_rng(0)
    with tf.Graph().as_default() as graph:
        x, y = tf.placeholder(tf.uint8, [None, *images.shape[1:]]), tf.placeholder(tf.int32, [None])
        _, logits = network(x, len(classes))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        update = tf.train.AdamOptimizer(_RATE).minimize(loss)
        right = tf.reduce_sum(tf.cast(tf.equal(tf.argmax(logits, 1, output_type=tf.int32), y), tf.int32))
        variables, initialise = tf.trainable_variables(), tf.global_variables_initializer()
        graph.finalize()
    with Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))) as session:
        session.run(initialise)
        for _ in range(max(1, _IMAGES // len(images))):
            order = rng.permutation(len(images))
            for begin in range(0, len(images) - _BATCH + 1, _BATCH):
                rows = order[begin : begin + _BATCH]
                session.run(update, {x: images[rows], y: labels[rows]})
        batches = range(0, len(held_out), _BATCH)
        good = sum(session.run(right, {x: held_out[b : b + _BATCH], y: held_out_labels[b : b + _BATCH]}) for b in batches)
        values = session.run(variables)
    weights = {variable.op.name: value for variable, value in zip(variables, values, strict=True)}
    return Classifier(weights, tuple(classes), int(good) / len(held_out), _digest(weights))


def _digest(weights):
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].tobytes())
    return digest.hexdigest()


def _write(path, classifier):
    about = {name: getattr(classifier, name) for name in ("classes", "accuracy", "sha256")}
    with files.atomic_write(path) as file:
        np.savez(file, about=json.dumps({"format": _FORMAT, **about}), **classifier.weights)


def _read(path, classes):
    """The `Classifier` in that file, or None if there is none, if it is damaged, or if it knows other classes."""
    try:
        weights = cache.read_arrays(path) or {}
        about = json.loads(str(weights.pop("about", "{}")))
        classifier = Classifier(weights, tuple(about["classes"]), float(about["accuracy"]), about["sha256"])
        good = about["format"] == _FORMAT and _digest(weights) == classifier.sha256 and classifier.classes == tuple(classes)
        return classifier if good else None
    except (ValueError, KeyError, TypeError):
        return None
