"""Reads the tensors of a file of PyTorch's first format, without PyTorch. Nothing in the file is executed.

The format is five pickles, then each tensor's numbers: torch/serialization.py calls it "legacy".
"""

import collections
import math
import os
import pickle
from typing import NamedTuple

import numpy as np

from tfgan.errors import UserError

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Tensor(NamedTuple):
    """What the pickle says of a tensor: a view of a storage."""

    storage: tuple
    offset: int
    shape: tuple
    strides: tuple


class _Unpickler(pickle.Unpickler):
    """Admits dicts of tensors, and nothing else: a pickle may otherwise call any function of any module."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"it holds {f'{module}.{name}'!r}; only tensors of float32 and int64 are read")

    def persistent_load(self, pid):
        return pid


def read(path):
    """{name: array} of all tensors in the file at that path: float32 and int64.

    Raises UserError if the file cannot be read, is cut short, or holds anything but tensors.
    """
    try:
        with open(path, "rb") as file:
            if _Unpickler(file).load() != _MAGIC:
                raise pickle.UnpicklingError("it does not begin as such a file does")
            _Unpickler(file).load()  # the format's version
            _Unpickler(file).load()  # the sizes of the writer's integers
            tensors, keys = _Unpickler(file).load(), _Unpickler(file).load()
            storages = _read_storages(file, tensors, keys)
        return {name: _array(tensor, storages) for name, tensor in tensors.items()}
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); allow it, or get it again") from error
    except Exception as error:  # a damaged pickle may raise any
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} is no whole file of PyTorch tensors ({reason}); get it again") from error


def _read_storages(file, tensors, keys):
    """{key: the numbers of that storage}. They follow the pickles, each with its length before it."""
    kinds = {key: kind for tensor in tensors.values() for _, kind, key, *_ in [tensor.storage]}
    storages, size = {}, os.fstat(file.fileno()).st_size
    for key in keys:
        dtype = np.dtype(_TYPES[kinds[key]])
        count = int.from_bytes(file.read(8), "little")
        if count * dtype.itemsize > size - file.tell():
            raise ValueError("it is cut short")
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return storages


def _array(tensor, storages):
    numbers, shape, strides = storages[tensor.storage[2]], tensor.shape, tensor.strides
    if 0 in shape:
        return np.zeros(shape, numbers.dtype)
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min((tensor.offset, *shape, *strides)) < 0 or max(last + 1, math.prod(shape)) > len(numbers):
        raise ValueError("a tensor reaches beyond its numbers")
    in_bytes = [stride * numbers.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], shape, in_bytes).copy()
