"""A reader of PyTorch's files that admits tensors alone. The files are written here, by PyTorch's description of the format."""

import collections
import io
import pickle
import struct
from typing import NamedTuple

import numpy as np
import pytest

from tfgan.graph import torch_file

MAGIC = 0x1950A86A20F9469CFC6C
NUMBERS = np.arange(24, dtype="<f4") / 7
LONGS = np.array([5, -(2**40)], "<i8")


class Global(NamedTuple):
    """Stands for a function or a class of another module, which the pickle names only."""

    module: str
    name: str

    def __call__(self):
        """Makes it callable, as a pickle's functions are."""


class Storage(NamedTuple):
    key: str
    count: int
    kind: str = "FloatStorage"


class Call(NamedTuple):
    """A call of a function, which the reader of the pickle is asked to make."""

    function: Global
    arguments: tuple


class Pickler(pickle._Pickler):
    def persistent_id(self, thing):
        if isinstance(thing, Storage):
            return ("storage", Global("torch", thing.kind), thing.key, "cpu", thing.count, None)

    def save_a_global(self, thing):
        self.write(f"c{thing.module}\n{thing.name}\n".encode())

    def save_a_call(self, thing):
        self.save_reduce(*thing, obj=thing)


Pickler.dispatch = {**pickle._Pickler.dispatch, Global: Pickler.save_a_global, Call: Pickler.save_a_call}


def pickled(thing):
    file = io.BytesIO()
    Pickler(file, protocol=2).dump(thing)
    return file.getvalue()


def tensor(storage, offset, shape, strides):
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), (storage, offset, shape, strides, False, collections.OrderedDict()))


def content(tensors, storages, magic=MAGIC):
    """The bytes of a file. tensors: what it holds. storages: {key: numbers}."""
    sizes = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    pickles = b"".join(pickled(thing) for thing in (magic, 1001, sizes, tensors, list(storages)))
    return pickles + b"".join(struct.pack("<q", len(numbers)) + numbers.tobytes() for numbers in storages.values())


FLOATS = Storage("11", 24)
GOOD = content(
    {
        "whole": tensor(FLOATS, 0, (4, 6), (6, 1)),
        "turned": tensor(FLOATS, 0, (6, 4), (1, 6)),
        "part": tensor(FLOATS, 7, (2, 3), (6, 2)),
        "one": tensor(FLOATS, 23, (), ()),
        "none": tensor(FLOATS, 24, (0, 5), (5, 1)),
        "long": tensor(Storage("7", 2, "LongStorage"), 0, (2,), (1,)),
    },
    {"11": NUMBERS, "7": LONGS},
)


@pytest.fixture
def read(tmp_path):
    """A function of a file's bytes -> what the reader makes of it."""

    def of(data):
        path = tmp_path / "w.pth"
        path.write_bytes(data)
        return torch_file.read(path)

    return of


def test_tensors_are_views_of_storages(read):
    found = read(GOOD)
    assert list(found) == ["whole", "turned", "part", "one", "none", "long"]
    whole = NUMBERS.reshape(4, 6)
    expected = {
        "whole": whole, "turned": whole.T, "part": whole[1:3, 1::2], "one": NUMBERS[23], "none": np.zeros([0, 5]), "long": LONGS,
    }  # fmt: skip
    for name, array in found.items():
        assert array.dtype == (np.int64 if name == "long" else np.float32)
        np.testing.assert_array_equal(array, expected[name])
    found["whole"][0, 0] = 9
    assert found["turned"][0, 0] == 0, "each has numbers of its own, in memory that may be written"


@pytest.mark.parametrize("dumps", [lambda thing: pickle.dumps(thing, 0), lambda thing: pickle.dumps(thing, 4)])
def test_other_pickles_of_the_format(dumps, read):
    """A dict without tensors, in the oldest and in a newer pickle."""
    assert read(b"".join(dumps(thing) for thing in (MAGIC, 1001, {}, {}, []))) == {}


@pytest.mark.slow
def test_a_file_of_pytorch_itself(tmp_path):
    torch = pytest.importorskip("torch")
    whole = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    layer = torch.nn.BatchNorm1d(5)
    tensors = collections.OrderedDict({"whole": whole, "turned": whole.permute(2, 0, 1)[1:], **layer.state_dict()})
    torch.save(tensors, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    found = torch_file.read(tmp_path / "w.pth")
    assert list(found) == list(tensors)
    for name, array in found.items():
        np.testing.assert_array_equal(array, tensors[name].numpy())


def test_other_names_are_refused(read):
    """So nothing of a pickle is called but what tensors need."""
    for thing in (Global("os", "system"), Call(Global("os", "system"), ("true",))):
        with pytest.raises(KeyError, match="system"):
            read(content({"x": thing}, {}))


def test_a_view_beyond_its_numbers(read):
    for offset, shape, strides in ((1, (4, 6), (6, 1)), (24, (), ()), (0, (25,), (1,)), (0, (4, 6), (7, 1))):
        with pytest.raises((ValueError, TypeError)):
            read(content({"x": tensor(FLOATS, offset, shape, strides)}, {"11": NUMBERS}))
