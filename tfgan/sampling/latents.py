"""Noise vectors: truncated, interpolated, moved, added, or read from a file; directions of noise. Labels: interpolated."""

import zipfile
from typing import NamedTuple

import numpy as np

from tfgan.errors import UserError

_DEVIATIONS = {"uniform": 3**-0.5, "normal": 1.0}  # the standard deviation of each distribution of z


class Noise(NamedTuple):
    """A generator's noise, and what one does with it.

    Where G normalises z (`epsilon`), it sees only the direction of z: a shorter z gives the same image, and so does a mean of
    vectors. So everything here is done to the normalised z. The result is a z that G normalises to just that. The square root
    makes this possible: z / sqrt(mean(z**2) + epsilon) is on a sphere for usual z, and inside it for a very short z.
    """

    distribution: str  # "uniform" in [-1, 1), or "normal"
    epsilon: float | None = None  # of a G that divides z by sqrt(mean(z**2) + epsilon); None: G takes z as it is

    def truncate(self, z, psi):
        """Standard normal z truncated to [-psi, psi]: Brock et al. 2019, arXiv:1809.11096. psi must be above 0.

        Brock et al. draw again the values that lie outside. Here each value moves to the same quantile of the truncated
        distribution, so that the images of a seed change little with psi.
        """
        from scipy import special  # not at the top: its import takes long

        low, high = special.ndtr(-psi), special.ndtr(psi)
        quantiles = low + special.ndtr(self._normalised(z)) * (high - low)
        return self._before(special.ndtri(quantiles).clip(-psi, psi))

    def interpolate(self, a, b, steps):
        """a, b [N, z_dim] -> float32 [N, steps, z_dim]: steps from a to b, including both.

        Uniform z is interpolated linearly. Normal z is interpolated on the great circle (Shoemake 1985, "Animating rotation with
        quaternion curves"; White 2016, arXiv:1609.04468), while its length changes evenly. A straight line would pass near 0,
        where hardly any normal z lies.
        """
        if self._kind == "uniform":
            return straight(a, b, steps)
        t = np.linspace(0, 1, steps)[None, :, None]
        a, b = (self._normalised(x)[:, None] for x in (a, b))
        lengths = [np.linalg.norm(x, axis=2, keepdims=True).clip(1e-12) for x in (a, b)]
        u, v = a / lengths[0], b / lengths[1]
        angle = np.arccos((u * v).sum(2, keepdims=True).clip(-1, 1))
        sine = np.sin(angle)
        parallel = sine < 1e-6  # equal directions, or opposite ones, which have no shortest path: the straight line
        safe = np.where(parallel, 1.0, sine)
        direction = np.where(parallel, (1 - t) * u + t * v, (np.sin((1 - t) * angle) * u + np.sin(t * angle) * v) / safe)
        return self._before(((1 - t) * lengths[0] + t * lengths[1]) * direction)

    def move(self, z, direction, amounts):
        """z [z_dim] moved along a vector, float32 [len(amounts), z_dim], in bounds.

        direction: [z_dim], or one for each amount, [len(amounts), z_dim]. amounts: how far, in standard deviations of the noise's
        values and in lengths of the vector.
        """
        steps = _DEVIATIONS[self._kind] * np.asarray(amounts, np.float64)[:, None]
        return self._before(bound(self._normalised(z) + steps * direction, self._kind))

    def arithmetic(self, plus, minus=None, also_plus=None):
        """The mean of `plus` less that of `minus` plus that of `also_plus`, float32 [z_dim]: Radford et al. 2015, section 6.3.2.

        arXiv:1511.06434. Each group is [n, z_dim]; minus and also_plus may be None. Uniform noise stays in bounds. Normal noise
        gets the length sqrt(z_dim), which is usual for it: the mean of a group is shorter, and its images show less.
        """
        groups = [self._normalised(group).mean(0) for group in (plus, minus, also_plus) if group is not None]
        signs = [1] + [-1] * (minus is not None) + [1] * (also_plus is not None)
        z = sum(sign * group for sign, group in zip(signs, groups, strict=True))
        if self._kind == "normal":
            z *= np.sqrt(len(z)) / np.linalg.norm(z).clip(1e-12)
        return self._before(bound(z, self._kind))

    def neighbourhood(self, z, count, seed, amount):
        """z [z_dim] itself, and then z plus noise times `amount`, float32 [count, z_dim], in bounds."""
        noise = amount * draw([count, len(z)], self._kind, seed)
        around = self._before(bound(self._normalised(z) + noise, self._kind))
        around[:1] = z
        return around

    @property
    def _kind(self):
        """The distribution of what G sees: on a sphere it is nearly normal, and not bounded."""
        return self.distribution if self.epsilon is None else "normal"

    def _normalised(self, z):
        """What G makes of z [..., z_dim] before its first layer, float64."""
        z = np.asarray(z, np.float64)
        return z if self.epsilon is None else z / np.sqrt((z**2).mean(-1, keepdims=True) + self.epsilon)

    def _before(self, normalised):
        """The inverse of `_normalised`, float32. What lies outside the sphere comes onto it."""
        if self.epsilon is not None:
            room = 1 - (normalised**2).mean(-1, keepdims=True)
            normalised = normalised * np.sqrt(self.epsilon / room.clip(self.epsilon))
        return normalised.astype(np.float32)


def straight(a, b, steps):
    """a, b [N, n] -> float32 [N, steps, n]: equal steps on the straight line from a to b, including both."""
    t = np.linspace(0, 1, steps)[None, :, None]
    a, b = (x.astype(np.float64)[:, None] for x in (a, b))
    return ((1 - t) * a + t * b).astype(np.float32)


def bound(z, distribution):
    """z in the bounds of its distribution: uniform z is clipped to [-1, 1], and normal z has no bounds."""
    return z.clip(-1, 1) if distribution == "uniform" else z


def keep_usual(z, distribution):
    """z [..., z_dim] in bounds; normal z at most as long as nearly all random z (2 above the usual length, sqrt(z_dim)).

    The length of normal noise has a standard deviation of about 0.7 (the chi distribution), whatever z_dim is.
    """
    if distribution == "uniform":
        return bound(z, distribution)
    return z * np.minimum(1, (np.sqrt(z.shape[-1]) + 2) / np.linalg.norm(z, axis=-1, keepdims=True).clip(1e-12))


def draw(shape, distribution, seed):
    """Random noise, float32. The same seed always gives the same, and other noise than `Sampler.z`."""
    random = np.random.default_rng(seed)
    return (random.uniform(-1, 1, shape) if distribution == "uniform" else random.normal(size=shape)).astype(np.float32)


def strongest_directions(kernel, z_dim, count):
    """Unit vectors along which G's first layer changes its output most, float32 [count, z_dim], the strongest first.

    SeFa: Shen and Zhou 2021, arXiv:2007.06600. They are the eigenvectors of W W', where z W is the first layer's output without
    its bias. Their largest components are positive. kernel: of a dense layer [z_dim or more, units], whose further rows are for
    labels, or of a transposed convolution [k, k, filters, z_dim or more]. Raises UserError if count is not in 1 to z_dim.
    """
    if not 1 <= count <= z_dim:
        raise UserError(f"{count} directions cannot be found in noise of {z_dim} values; ask for 1 to {z_dim}")
    weights = kernel if kernel.ndim == 2 else np.moveaxis(kernel, -1, 0)
    weights = weights[:z_dim].reshape(z_dim, -1).astype(np.float64)
    _, vectors = np.linalg.eigh(weights @ weights.T)  # ascending
    ways = vectors.T[::-1][:count]
    signs = np.sign(ways[np.arange(count), np.abs(ways).argmax(1)])
    return (ways * signs[:, None]).astype(np.float32)


def read_noise(path, z_dim):
    """The noise in a .npy file, float32 [N, z_dim]. Raises UserError if the file contains anything else."""
    try:
        z = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, MemoryError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "it is not an array that numpy.save wrote"
        raise UserError(f"--z: {path} cannot be read: {reason}") from error
    if not isinstance(z, np.ndarray) or z.ndim != 2 or z.shape[1] != z_dim or not len(z):
        shape = list(z.shape) if isinstance(z, np.ndarray) else "an archive"
        raise UserError(f"--z: {path} contains {shape}, but this run's noise is [N, {z_dim}], with N of 1 or more")
    with np.errstate(over="ignore"):
        values = z.astype(np.float32) if z.dtype.kind == "f" else None
    if values is None or not np.isfinite(values).all():
        raise UserError(f"--z: {path} must contain floating-point numbers without NaN and infinity; its type is {z.dtype}")
    return values
