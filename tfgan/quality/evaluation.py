"""Compares a generator's samples with real images in figures, and records the protocol by which they were measured."""

import functools
import os
from typing import NamedTuple

import numpy as np

from tfgan import datasets
from tfgan.common import files
from tfgan.common import images
from tfgan.datasets import Request
from tfgan.datasets.pack import Data
from tfgan.errors import UserError
from tfgan.quality import cache
from tfgan.quality import measurements
from tfgan.quality import metrics
from tfgan.quality.conditional import ClassFigures
from tfgan.quality.features import Extractor
from tfgan.quality.features import default_kind
from tfgan.quality.similarity import ms_ssim

MIN_IMAGES = 6  # one more than the number of neighbours for density and coverage
_PIXELS = 1000  # how many samples are compared with the training images
_VALUES = 6 * 10**7  # the most pixel values of training images to search: all of MNIST, and every n-th image of larger data sets
_TRAINING = "training images"
_AGAINST = "given"  # what --against names
_HALVES = {False: "test, the half to choose by", True: "test, the held-out half"}  # whether it is held out -> its name


class Reference(NamedTuple):
    """The real images that samples are compared with."""

    images: np.ndarray  # uint8 [N, h, w, c]
    dataset: str  # the name of their data set
    split: str  # which of its images they are: one of _HALVES, _TRAINING or _AGAINST
    training: Data  # that the run was trained on
    sha256: str  # of the whole data set that `images` were taken from
    labels: np.ndarray | None = None  # of `images`, in the form of `pack.Data`
    label_names: tuple = ()


def reference_images(recipe, sha256, data_dir, count, held_out, against=None, exclude=()):
    """The `Reference` of a run: half of the test split. If the run was trained on that, or there is none, its training images.

    sha256: of the run's training images, from its config. count: the most real images to use; they are evenly spaced. held_out:
    which half. One half serves to choose checkpoints and recipes. Results are reported on the other half, which is held out, so
    that the choice does not flatter them. The halves alternate, since MNIST's first 5,000 test images are easier than the rest.
    against: a data set, by name, or a folder or an archive, by path, whose images take the place of all these. They are brought
    to the size of the training images. exclude: folders that tfgan writes to, whose pictures are none of the user's.

    A missing test split is fetched. Raises UserError if there are no such images, or too few.
    """
    training = datasets.find_training_images(recipe, sha256, data_dir, exclude)
    if training is None:
        raise UserError(datasets.other_images(recipe, data_dir))
    data, name, split = training, recipe.dataset_name, _TRAINING
    info = datasets.DATASETS.get(recipe.dataset)  # None for own pictures, which may have been moved since they were packed
    if against is not None:
        shape = training.images.shape[1:]
        data = datasets.load(against, data_dir, Request(shape[:2], exclude=exclude, channels=shape[2]))
        data = data._replace(images=images.resize_to_shape(data.images, shape))
        name = os.path.basename(os.path.abspath(against))
        split = _TRAINING if data.sha256 == training.sha256 else _AGAINST
    elif info and "test" in info.splits and "test" not in recipe.splits:
        data = datasets.load(recipe.dataset, data_dir, Request(recipe.image_shape[:2], ("test",)))
        data, split = _rows(data, slice(int(held_out), None, 2)), _HALVES[held_out]
    if len(data.images) < MIN_IMAGES:
        raise UserError(f"{name} has {len(data.images)} images; measuring needs {MIN_IMAGES} or more")
    data = _rows(data, images.evenly_spaced(count, len(data.images)))
    return Reference(data.images, name, split, training, data.sha256, data.labels, data.label_names)


def _rows(data, rows):
    """The `pack.Data` of these rows."""
    return data._replace(images=data.images[rows], labels=None if data.labels is None else data.labels[rows])


class Evaluator:
    """Measures the samples of a run:

        with Evaluator(recipe, sha256, data_dir, kind=None, count=10_000) as evaluator:
            figures = evaluator.figures(samples)

    kind: one of `measurements.FEATURE_KINDS`, or None for that of `default_kind`; `choice` is then what to tell the user of it,
    or None. count: the most real images to use. sha256, held_out, against, exclude: see `reference_images`. classes: the names
    of a conditional run's classes. Samples are measured class by class if the features are those of a classifier of the same
    classes.

    All images are compared at the data's size. If the model has a different size, real images are resized to it and back, like
    samples. Raises UserError if the data or the features are not available.
    """

    def __init__(self, recipe, sha256, data_dir, kind, count, held_out=True, classes=(), against=None, exclude=()):
        self._reference = reference_images(recipe, sha256, data_dir, count, held_out, against, exclude)
        self._shape = self._reference.images.shape[1:]
        kind, self.choice = (kind, None) if kind else default_kind(recipe.dataset, self._shape[2])
        self._model_shape, self._data_dir = recipe.image_shape, data_dir
        self._trained_on = {"training_sha256": sha256, "splits": recipe.splits, "subset": recipe.subset}
        try:
            source = recipe.dataset if recipe.dataset in datasets.DATASETS else self._reference.training
            self.extractor = Extractor(kind, self._shape, source, data_dir)
            self.protocol = {
                "format": measurements.FORMAT,
                **self.extractor.about,
                "dataset": self._reference.dataset,
                "data_sha256": self._reference.sha256,
                "split": self._reference.split,
                "size": " x ".join(map(str, self._shape)),
                "model_size": " x ".join(map(str, self._model_shape)),
                "real": len(self._reference.images),
            }
        except OSError as error:
            reason = files.describe_error(error)
            raise UserError(f"the features cannot be stored: {reason}; fix that, or give another --data-dir") from error

        of_real = cache.load_or_extract(self.extractor, self._real, "real", self.protocol, data_dir)
        self._features, probabilities = of_real["features"], of_real.get("probabilities")
        self._statistics = metrics.statistics(self._features)
        if probabilities is not None:
            self._shares = metrics.classes_covered(probabilities.argmax(1), len(self.extractor.classes)).shares
        self.class_figures = self._class_figures_of(tuple(classes))  # None if samples cannot be measured class by class

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.extractor.close()

    @functools.cached_property
    def _real(self):
        """The real images, resized as samples are."""
        return images.resize_round_trip(self._reference.images, self._model_shape)

    @functools.cached_property
    def _names_of_real(self):
        """ImageNet's class numbers that the network gives the real images, int [N]."""
        return self.extractor.recognise(self._features)

    @functools.cached_property
    def _training(self):
        """The training images, resized as samples are: all, or every n-th if there are many."""
        training = self._reference.training.images
        rows = images.evenly_spaced(max(1, _VALUES // training[0].size), len(training))
        return images.resize_round_trip(training[rows], self._model_shape)

    def _class_figures_of(self, names):
        """The `ClassFigures` of a run's classes, or None if they are not those of the classifier."""
        if not names or names != tuple(self.extractor.classes):
            return None
        labels = self._reference.labels if tuple(self._reference.label_names) == names else None
        return ClassFigures(names, self._features, labels)

    def figures(self, samples, quick=False, labels=None):
        """Measures samples, uint8 [N, h, w, c]: {name: figure}. N must be at least MIN_IMAGES.

        Samples of another size are resized to the data's. quick: omit figures that take long and hardly help to compare two
        checkpoints. labels: the classes that a conditional run's samples were asked for, int [N]. A figure is a number, or a dict
        with the classes' numbers.
        """
        samples = images.resize_to_shape(samples, self._shape)
        features, probabilities = self.extractor(samples)
        distance, spread = metrics.kernel_distance(self._features, features)
        figures = {
            "frechet_distance": metrics.frechet_distance(self._statistics, metrics.statistics(features)),
            "kernel_distance": distance,
            "kernel_distance_spread": spread,
        }
        figures["precision"], figures["recall"] = metrics.precision_and_recall(self._features, features)
        figures["density"], figures["coverage"] = metrics.density_and_coverage(self._features, features)
        if self.extractor.recognise is not None:
            figures |= self._recognition_figures(self.extractor.recognise(features))
        if probabilities is not None:
            figures |= self._figures_of_classifier(probabilities)
        if self.class_figures is not None:
            figures |= self.class_figures.measure(features, probabilities.argmax(1), labels)
        if not quick:
            figures |= self._pixel_figures(samples)
        return figures

    def _figures_of_classifier(self, probabilities):
        classes = metrics.classes_covered(probabilities.argmax(1), len(self.extractor.classes), self._shares)
        shares = dict(zip(self.extractor.classes, map(float, classes.shares), strict=True))
        return {
            "classifier_score": metrics.classifier_score(probabilities),
            "classes_covered": classes.covered,
            "class_imbalance": classes.imbalance,
            "class_shares": shares,
        }

    def _recognition_figures(self, names):
        """Half of the real images say which names count. The others are measured as samples are."""
        half, other = self._names_of_real[::2], self._names_of_real[1::2]
        return {"recognised": metrics.recognised(half, names), "recognised_of_real": metrics.recognised(half, other)}

    def _pixel_figures(self, samples):
        count = min(len(samples), len(self._real), max(MIN_IMAGES, _VALUES // samples[0].size))  # to limit memory
        of_real = cache.load_or_make(
            self._pixel_figures_of_real, lambda figures: "ms_ssim_of_real" in figures, "real-pixels",
            self.protocol | self._trained_on, self._data_dir,
        )  # fmt: skip
        figures = {
            "sliced_wasserstein_of_pixels": metrics.sliced_wasserstein(
                *(_flat(x[images.evenly_spaced(count, len(x))]) for x in (self._real, samples))
            ),
            "ms_ssim": ms_ssim(samples),
            "ms_ssim_of_real": float(of_real["ms_ssim_of_real"]),
            "nearest_training_image": self._nearest_training_image(samples),
            "training_images_searched": len(self._training),
        }
        if self._reference.split != _TRAINING:
            figures["nearest_training_image_of_real"] = float(of_real["nearest_training_image_of_real"])
        return figures

    def _pixel_figures_of_real(self):
        """What the samples' pixel figures compare with."""
        figures = {"ms_ssim_of_real": ms_ssim(self._real)}
        if self._reference.split != _TRAINING:
            figures["nearest_training_image_of_real"] = self._nearest_training_image(self._real)
        return figures

    def _nearest_training_image(self, pictures):
        """The median distance of some of the given images to the nearest training image."""
        pictures = pictures[images.evenly_spaced(_PIXELS, len(pictures))]
        return float(np.median(metrics.nearest_distances(_flat(self._training), _flat(pictures))))


def _flat(x):
    """uint8 [N, h, w, c] -> float32 [N, h * w * c], 0 to 1."""
    return x.reshape(len(x), -1).astype(np.float32) / 255
