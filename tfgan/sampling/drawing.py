"""Draws samples: chooses noise and labels, makes the images, and passes them on. Needs a `Sampler`, but imports no TensorFlow."""

import dataclasses
import sys

import numpy as np
from tqdm import tqdm

from tfgan.sampling import classes
from tfgan.sampling import latents

_AT_A_TIME = 1024  # images in memory


@dataclasses.dataclass(frozen=True)
class Source:
    """Where noise vectors and labels come from: a seed, or the user."""

    seed: int
    truncation: float | None = None  # the largest absolute value of the seed's (normal) noise
    noise: np.ndarray | None = None  # float32 [N, z_dim], used instead of the seed's noise
    classes: tuple = ()  # class numbers, used in turn instead of the seed's labels

    def z(self, sampler, count, first_row=0):
        """Rows `first_row` to `first_row + count` of the noise, float32 [count, z_dim]."""
        if self.noise is not None:
            return self.noise[first_row : first_row + count]
        z = sampler.z(count, self.seed, first_row)
        return z if self.truncation is None else sampler.noise.truncate(z, self.truncation)

    def labels(self, sampler, count):
        """The first `count` labels, int32 [count]; None where the run is not conditional."""
        return classes.deal(self.classes, count) if self.classes else sampler.labels(count, self.seed)


def best_of(sampler, source, labels, count, times):
    """Draws `times` as many images, and keeps those that D finds most real: (z [count, z_dim], logits [count]), best first.

    labels: int32 [count]; None where the run is not conditional. Each label is drawn `times` as often, and the images of each
    class are compared with one another: row i is of class labels[i], and the rows of a class have its best first.
    """
    total = count * times
    row_labels = np.zeros(count, np.int32) if labels is None else labels
    counts = np.bincount(row_labels)
    z, scores = np.zeros([0, sampler.recipe.z_dim], np.float32), np.zeros([0], np.float32)
    of_rows = np.zeros([0], np.int32)
    with _progress("images judged", total) as bar:
        for first_row in range(0, total, _AT_A_TIME):
            new_z = source.z(sampler, min(_AT_A_TIME, total - first_row), first_row)
            new_labels = row_labels[np.arange(first_row, first_row + len(new_z)) % count]
            new_scores = sampler.scores(new_z, None if labels is None else new_labels)
            pairs = (z, new_z), (scores, new_scores), (of_rows, new_labels)
            z, scores, of_rows = (np.concatenate(pair) for pair in pairs)
            best = _best_of_each(scores, of_rows, counts)
            z, scores, of_rows = z[best], scores[best], of_rows[best]
            bar.update(len(new_z))
    places = np.argsort(np.argsort(row_labels, kind="stable"), kind="stable")  # the rows of z are sorted by class
    return z[places], scores[places]


def _best_of_each(scores, labels, counts):
    """The rows with the highest scores of each class, best first, those of class 0 before those of class 1 and so on.

    counts: how many of each class, or all that there are.
    """
    order = np.lexsort([-scores, labels])
    sorted_labels = labels[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_labels, sorted_labels)  # within the class
    return order[rank < counts[sorted_labels]]


def write_images(sampler, z, labels, add):
    """Makes the images of z [N, z_dim], about a thousand at a time. add: a function of uint8 [n, h, w, c], from `sinks`.

    labels: int32 [N]; None where the run is not conditional.
    """
    with _progress("images", len(z)) as bar:
        for begin in range(0, len(z), _AT_A_TIME):
            part = slice(begin, begin + _AT_A_TIME)
            images = sampler.images(z[part], None if labels is None else labels[part])
            add(images)
            bar.update(len(images))


def interpolation(sampler, source, labels, pairs, steps):
    """Images on the way between pairs of noise vectors, uint8 [pairs, steps, h, w, c]. Row 2 i leads to row 2 i + 1.

    labels: int32 [2 pairs], those of the ends; None where the run is not conditional. Their one-hot vectors go straight.
    """
    z = source.z(sampler, 2 * pairs)
    way, shares = sampler.noise.interpolate(z[::2], z[1::2], steps), None
    if labels is not None:
        one_hot = np.eye(len(sampler.class_names))[labels]
        shares = latents.straight(one_hot[::2], one_hot[1::2], steps).reshape(pairs * steps, -1)
    images = sampler.images(way.reshape(pairs * steps, -1), shares)
    return images.reshape(pairs, steps, *images.shape[1:])


def _progress(unit, count):
    """A progress bar, shown on a terminal if there are many images."""
    return tqdm(total=count, unit=f" {unit}", disable=count <= _AT_A_TIME or not sys.stderr.isatty(), dynamic_ncols=True)
