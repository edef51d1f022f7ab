"""Draws samples: chooses their noise, makes the images, and passes them on. Needs a `Sampler`, but imports no TensorFlow."""

import dataclasses
import sys

import numpy as np
from tqdm import tqdm

from tfgan.sampling import latents

_AT_A_TIME = 1024  # images in memory


@dataclasses.dataclass(frozen=True)
class NoiseSource:
    """Where noise vectors come from: a given array, or a seed."""

    seed: int
    truncation: float | None = None  # the largest absolute value of the seed's (normal) noise
    given: np.ndarray | None = None  # float32 [N, z_dim], used instead of the seed's noise

    def rows(self, sampler, count, first_row=0):
        """Rows `first_row` to `first_row + count` of the noise, float32 [count, z_dim]."""
        if self.given is not None:
            return self.given[first_row : first_row + count]
        z = sampler.z(count, self.seed, first_row)
        return z if self.truncation is None else latents.truncate(z, self.truncation)


def best_of(sampler, noise, count, times):
    """Draws `times` as many images, and keeps those that D finds most real, best first: (z [count, z_dim], logits [count])."""
    total = count * times
    z, scores = np.zeros([0, sampler.recipe.z_dim], np.float32), np.zeros([0], np.float32)
    with _progress("images judged", total) as bar:
        for first_row in range(0, total, _AT_A_TIME):
            drawn = noise.rows(sampler, min(_AT_A_TIME, total - first_row), first_row)
            z, scores = np.concatenate([z, drawn]), np.concatenate([scores, sampler.scores(drawn)])
            order = np.argsort(-scores, kind="stable")[:count]
            z, scores = z[order], scores[order]
            bar.update(len(drawn))
    return z, scores


def write_images(sampler, z, add):
    """Makes the images of z [N, z_dim], about a thousand at a time. add: a function of uint8 [n, h, w, c], from `sinks`."""
    with _progress("images", len(z)) as bar:
        for begin in range(0, len(z), _AT_A_TIME):
            made = sampler.images(z[begin : begin + _AT_A_TIME])
            add(made)
            bar.update(len(made))


def interpolation(sampler, noise, pairs, steps):
    """Images on the way between pairs of noise vectors, uint8 [pairs, steps, h, w, c]. Row 2 i leads to row 2 i + 1."""
    z = noise.rows(sampler, 2 * pairs)
    way = latents.interpolate(z[::2], z[1::2], steps, sampler.recipe.z_distribution)
    made = sampler.images(way.reshape(pairs * steps, -1))
    return made.reshape(pairs, steps, *made.shape[1:])


def _progress(unit, count):
    """A progress bar, shown on a terminal if there are many images."""
    return tqdm(total=count, unit=f" {unit}", disable=count <= _AT_A_TIME or not sys.stderr.isatty(), dynamic_ncols=True)
