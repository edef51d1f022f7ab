"""What the page carries from tab to tab: noise and label, from which the image of any checkpoint follows."""

from typing import NamedTuple

import numpy as np

from tfgan.common.numbers import number_text
from tfgan.errors import UserError
from tfgan.sampling import latents

LARGEST_SEED = 2**53 - 1  # a browser's numbers are exact up to here
MOST = 24  # images that the user takes along; a further one replaces the oldest


class Pick(NamedTuple):
    """An image that the user has chosen."""

    z: np.ndarray  # float32 [z_dim]
    shares: np.ndarray | None  # of the classes, float32 [classes], which sum to 1; None where the run is not conditional


def of(z, labels, classes):
    """The picks of z [N, z_dim] and labels int [N]. labels: None where the run is not conditional; it then has 0 classes."""
    rows = [None] * len(z) if labels is None else np.eye(classes, dtype=np.float32)[labels]
    return [Pick(*pair) for pair in zip(z, rows, strict=True)]


def first_seed(source):
    """The seed that a tab begins with: the run's, or 0 if a browser cannot show that exactly."""
    return source.seed if source.seed < LARGEST_SEED else 0


def whole_seed(seed):
    """The seed that was typed, an int. Raises UserError if there is none."""
    if seed is None or not 0 <= seed <= LARGEST_SEED:
        value = "empty" if seed is None else number_text(seed)
        raise UserError(f"the seed is {value}; give a whole number from 0 to {LARGEST_SEED:,}")
    return int(seed)


def first_samples(generator, count, seed):
    """The picks of a seed's first samples."""
    return of(generator.z(count, seed), generator.labels(count, seed), len(generator.class_names))


def images(generator, picks):
    """The picks' images, uint8 [N, h, w, c]."""
    return generator.images(*arrays(picks))


def arrays(picks):
    """(z [N, z_dim], shares [N, classes] or None) of at least one pick."""
    z, shares = zip(*picks, strict=True)
    return np.stack(z), None if shares[0] is None else np.stack(shares).astype(np.float32)


def name(pick, class_names):
    """The class that a pick shows, in words; "" where the run is not conditional."""
    if pick.shares is None:
        return ""
    order = np.argsort(-pick.shares, kind="stable")
    parts = [f"{class_names[n]}" if pick.shares[n] > 0.995 else f"{pick.shares[n]:.0%} {class_names[n]}" for n in order[:2]]
    return parts[0] if pick.shares[order[0]] > 0.995 else ", ".join(parts)


def way(stops, steps, noise):
    """The picks from each stop to the next one, both included: a list of `steps` picks for each two neighbours.

    noise: the generator's `latents.Noise`.
    """
    z, shares = arrays(stops)
    legs = noise.interpolate(z[:-1], z[1:], steps)
    of_legs = [[None] * steps] * len(legs) if shares is None else latents.straight(shares[:-1], shares[1:], steps)
    return [[Pick(*pair) for pair in zip(*rows, strict=True)] for rows in zip(legs, of_legs, strict=True)]


def find(pick, among):
    """The number of this pick in a list of picks, or None."""
    for number, other in enumerate(among):
        if np.array_equal(pick.z, other.z) and (pick.shares is None or np.array_equal(pick.shares, other.shares)):
            return number
    return None


def toggle(pick, among, most):
    """The list without this pick if it is there, otherwise with it at the end, and without the oldest beyond `most`."""
    number = find(pick, among)
    if number is None:
        return [*among, pick][-most:]
    return [*among[:number], *among[number + 1 :]]


def take(pick, collection):
    """The list of the picks taken along, with this one."""
    return collection if find(pick, collection) is not None else [*collection, pick][-MOST:]
