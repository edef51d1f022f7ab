"""Figures of a generator's samples against real images, each with the protocol that it was taken by."""

import contextlib
import functools
import hashlib
import json
from typing import NamedTuple

import numpy as np

from tfgan import datasets
from tfgan.common import files
from tfgan.common import images
from tfgan.datasets import Request
from tfgan.errors import UserError
from tfgan.quality import classifier
from tfgan.quality import metrics
from tfgan.quality.features import Extractor
from tfgan.quality.similarity import ms_ssim

_FORMAT = 2  # of what is written, and of how it is computed
MIN_IMAGES = 6  # one more than the neighbours that density and coverage look at
_PIXELS = 1000  # samples whose nearest training image is looked for
_VALUES = 6 * 10**7  # pixels' values of the training images that it is looked for among: all of MNIST; of more only every n-th
_TRAINING = "training images"
_HALVES = {False: "test, the half to choose by", True: "test, the held-out half"}  # whether it is held out -> its name
_CLASSIFIED = ("mnist", "fashion-mnist", "digits")  # data sets whose classes say what matters


class Reference(NamedTuple):
    """The real images that samples are measured against."""

    images: np.ndarray  # uint8 [N, h, w, c]
    split: str  # which they are: one of _HALVES, or _TRAINING
    training: np.ndarray  # what the run was trained on
    sha256: str  # of all of the data set that they were taken from


def reference_images(recipe, sha256, data_dir, count, held_out):
    """The `Reference` of a run: half of the test split, or, if the run was trained on that or there is none, its training images.

    sha256: of its training images, as its config has it. count: real images at most, taken at even distances. held_out: which
    half. By one half checkpoints and recipes are chosen, by the other results are reported, so that no result flatters the
    choice. Every second image belongs to each: MNIST's first 5,000 test images are easier than its last 5,000. A test split
    that is not here is fetched. Raises UserError if there are no such images, or too few.
    """
    training = datasets.find_training_images(recipe, sha256, data_dir)
    if training is None:
        raise UserError(
            f"the images in {data_dir} are not those that the run was trained on; give the folder that has them as --data-dir"
        )
    data, split = training, _TRAINING
    known = datasets.DATASETS.get(recipe.dataset)  # own pictures may have been moved since they were packed
    if known and "test" in known.splits and "test" not in recipe.splits:
        data = datasets.load(recipe.dataset, data_dir, Request(recipe.image_shape[:2], ("test",)))
        data, split = data._replace(images=data.images[int(held_out) :: 2]), _HALVES[held_out]
    if len(data.images) < MIN_IMAGES:
        raise UserError(f"{recipe.dataset} has {len(data.images)} images; measuring needs {MIN_IMAGES} or more")
    chosen = np.unique(np.linspace(0, len(data.images) - 1, min(count, len(data.images))).round().astype(int))
    return Reference(data.images[chosen], split, training.images, data.sha256)


class Evaluator:
    """Measures samples of a run: `with Evaluator(recipe, sha256, data_dir, None, 10_000) as judge: judge.figures(images)`.

    kind: of `saved.FEATURE_KINDS`, or None: classifier where the data set has classes that say what matters, else random. count:
    real images at most. held_out: by which half of a test split, as `reference` has it. Raises UserError where the data or the
    features cannot be had.

    All is compared at the data's size. If the model's is another, the real images go through it and back, as samples do.
    """

    def __init__(self, recipe, sha256, data_dir, kind, count, held_out=True):
        kind = kind or ("classifier" if recipe.dataset in _CLASSIFIED else "random")
        self._reference = reference_images(recipe, sha256, data_dir, count, held_out)
        self._shape = self._reference.images.shape[1:]
        self._model_shape = recipe.image_shape
        try:
            self.extractor = Extractor(kind, self._shape, recipe.dataset, data_dir)
            self.protocol = {
                "format": _FORMAT,
                **self.extractor.about,
                "dataset": recipe.dataset_name,
                "data_sha256": self._reference.sha256,
                "split": self._reference.split,
                "size": " x ".join(map(str, self._shape)),
                "model_size": " x ".join(map(str, self._model_shape)),
                "real": len(self._reference.images),
            }
        except OSError as error:
            reason = files.describe_error(error)
            raise UserError(f"the features cannot be kept: {reason}; mend that, or give another --data-dir") from error

        self._features, probabilities = self._features_of_real(data_dir)
        self._statistics = metrics.statistics(self._features)
        if probabilities is not None:
            self._shares = metrics.classes_covered(probabilities.argmax(1), len(self.extractor.classes)).shares

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.extractor.close()

    @functools.cached_property
    def _real(self):
        """The real images, as they are compared with samples."""
        return images.resize_round_trip(self._reference.images, self._model_shape)

    @functools.cached_property
    def _training(self):
        """Training images, likewise: all, or every n-th if they are many."""
        step = -(-self._reference.training.size // _VALUES)
        return images.resize_round_trip(self._reference.training[::step], self._model_shape)

    def _features_of_real(self, data_dir):
        """The real images' features and probabilities; kept where that can be done."""
        path = data_dir / "features" / f"real-{self.protocol['features']}-{protocol_digest(self.protocol)}.npz"
        if (kept := classifier.read_arrays(path)) is not None and len(kept.get("features", ())) == self.protocol["real"]:
            return kept["features"], kept.get("probabilities")
        features, probabilities = self.extractor(self._real)
        lock, waiting = path.with_suffix(".lock"), f"Another process writes {path}; waiting for it"
        arrays = {"features": features} | ({} if probabilities is None else {"probabilities": probabilities})
        with contextlib.suppress(OSError), files.exclusive_lock(lock, waiting), files.atomic_write(path) as file:
            np.savez(file, **arrays)
        return features, probabilities

    def figures(self, samples, quick=False):
        """name -> number, of samples uint8 [N, h, w, c], N of MIN_IMAGES or more; those of another size are brought to the data's.

        quick: without those that take long and say little about which of two moments is better.
        """
        samples = images.resize_to_shape(samples, self._shape)
        features, probabilities = self.extractor(samples)
        distance, spread = metrics.kernel_distance(self._features, features)
        found = {
            "frechet_distance": metrics.frechet_distance(self._statistics, metrics.statistics(features)),
            "kernel_distance": distance,
            "kernel_distance_spread": spread,
        }
        found["precision"], found["recall"] = metrics.precision_and_recall(self._features, features)
        found["density"], found["coverage"] = metrics.density_and_coverage(self._features, features)
        if probabilities is not None:
            found |= self._of_classes(probabilities)
        if not quick:
            found |= self._of_pixels(samples)
        return found

    def _of_classes(self, probabilities):
        classes = metrics.classes_covered(probabilities.argmax(1), len(self.extractor.classes), self._shares)
        shares = dict(zip(self.extractor.classes, map(float, classes.shares), strict=True))
        return {
            "classifier_score": metrics.classifier_score(probabilities),
            "classes_covered": classes.covered,
            "class_imbalance": classes.imbalance,
            "class_shares": shares,
        }

    def _of_pixels(self, samples):
        def flat(x):
            return x.reshape(len(x), -1).astype(np.float32) / 255

        count = min(len(samples), len(self._real), max(MIN_IMAGES, _VALUES // samples[0].size))  # memory's sake
        few, training = flat(samples[:_PIXELS]), flat(self._training)
        found = {
            "sliced_wasserstein": metrics.sliced_wasserstein(flat(self._real[:count]), flat(samples[:count])),
            "ms_ssim": ms_ssim(samples),
            "ms_ssim_of_real": ms_ssim(self._real),
            "nearest_training_image": float(np.median(metrics.nearest_distances(training, few))),
            "training_images_searched": len(training),
        }
        if self._reference.split != _TRAINING:
            of_real = flat(self._real[:_PIXELS])
            found["nearest_training_image_of_real"] = float(np.median(metrics.nearest_distances(training, of_real)))
        return found


def protocol_digest(protocol):
    """A short name of a protocol: figures of one name may be compared."""
    return hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()[:12]


def require_same_protocol(results):
    """Raises UserError unless all were taken by one protocol. results: dicts with `run`, `protocol`."""
    first = results[0]
    for other in results[1:]:
        names = sorted(first["protocol"].keys() | other["protocol"].keys())
        a, b = first["protocol"], other["protocol"]
        if differs := [f"{name} is {a.get(name)} and {b.get(name)}" for name in names if a.get(name) != b.get(name)]:
            raise UserError(
                f"figures of {first['run']} and {other['run']} cannot be compared: {'; '.join(differs)}; evaluate each by itself"
            )
