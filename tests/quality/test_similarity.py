"""MS-SSIM, against its definition written out here."""

import numpy as np
import pytest
from scipy import signal

from tfgan import datasets
from tfgan.quality.similarity import ms_ssim
from tfgan.tf1 import tf2


def digits(tmp_path):
    return datasets.load("digits", tmp_path, datasets.Request((28, 28)))


def similarity(a, b):
    """MS-SSIM of two images [h, h] as by Karras et al. 2018: always five scales, with a smaller window on the small ones."""
    c1, c2 = 2.55**2, 7.65**2
    found = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        x = np.arange(size := min(11, len(a))) - (size - 1) / 2
        window = np.outer(*[np.exp(-(x**2) / (2 * (1.5 * size / 11) ** 2))] * 2)

        def mean(y, window=window):
            return signal.convolve2d(y, window / window.sum(), "valid")

        covariance = mean(a * b) - mean(a) * mean(b)
        structure = (2 * covariance + c2) / (mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2 + c2)
        luminance = (2 * mean(a) * mean(b) + c1) / (mean(a) ** 2 + mean(b) ** 2 + c1) if scale == 4 else 1
        found *= max((luminance * structure).mean(), 0) ** weight
        a, b = (np.pad(y, (0, len(y) % 2), "edge") for y in (a, b))
        a, b = (y.reshape(len(y) // 2, 2, -1, 2).mean((1, 3)) for y in (a, b))
    return found


def test_ms_ssim(tmp_path):
    """Of one image with itself 1; of different ones less; by the definition, in grey and in colour."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (20, 28, 28, 1)).astype(np.uint8)
    assert ms_ssim(np.repeat(noise[:1], 5, axis=0), pairs=10) == pytest.approx(1, rel=1e-12)
    assert ms_ssim(noise, pairs=50) < 0.2
    assert ms_ssim(noise, pairs=50) == ms_ssim(noise, pairs=50)
    assert ms_ssim(digits(tmp_path).images, pairs=20) < 0.9
    for side in (11, 28, 64, 176):
        a = rng.integers(0, 256, (side // 4 + 1, side // 4 + 1)).repeat(4, 0).repeat(4, 1)[:side, :side]
        b = (a * 0.6 + rng.integers(0, 100, (side, side))).astype(np.uint8)
        expected = similarity(a.astype(float), b.astype(float))
        assert 0.3 < expected < 0.95
        pair = np.stack([a, b]).astype(np.uint8)[..., None]
        assert ms_ssim(pair, pairs=4) == pytest.approx(expected, rel=1e-9), side
        assert ms_ssim(pair.repeat(3, 3), pairs=4) == pytest.approx(expected, rel=1e-9), side
    standard = tf2.image.ssim_multiscale(*pair[:, None], 255).numpy()  # where the five scales have whole windows
    assert standard == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match="two images"):
        ms_ssim(noise[:1])
