"""Reads the tensors of a file of PyTorch's first format, without PyTorch.

The format is five pickles, then the numbers of each storage: torch/serialization.py calls it "legacy". The reader trusts the
file, so its caller compares the file's SHA-256 first.
"""

import collections
import pickle

import numpy as np

_NAMES = {  # what such a pickle refers to; any other name is a KeyError
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides),
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Unpickler(pickle.Unpickler):
    """Gives for each tensor (storage, offset, shape, strides), and for a storage (word, type, key, ...)."""

    def find_class(self, module, name):
        return _NAMES[module, name]

    def persistent_load(self, pid):
        return pid


def read(path):
    """{name: array} of all tensors in the file at that path: float32 and int64."""
    with open(path, "rb") as file:
        _magic, _version, _sizes, tensors, keys = (_Unpickler(file).load() for _ in range(5))
        types = {key: dtype for (_, dtype, key, *_), *_ in tensors.values()}
        storages = {}
        for key in keys:
            count = int.from_bytes(file.read(8), "little")
            storages[key] = np.frombuffer(file.read(count * types[key].itemsize), types[key])
    return {name: _array(storages[key], *view) for name, ((_, _, key, *_), *view) in tensors.items()}


def _array(numbers, offset, shape, strides):
    """A view of a storage's numbers, copied. offset, strides: in numbers."""
    size = numbers.itemsize
    return np.ndarray(shape, numbers.dtype, numbers, offset * size, [stride * size for stride in strides]).copy()
