"""Where what is made of data goes: beside them, into the folder that the user names, or here where they cannot be written."""

import argparse
import os
import pathlib

import numpy as np
import pytest

from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan import evaluate
from tfgan import report
from tfgan import train
from tfgan.common import places
from tfgan.datasets import __main__ as datasets_command
from tfgan.datasets import pack


def data_dir(path, packed=None):
    return places.data_dir(argparse.Namespace(data_dir=path, packed_dir=packed))


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A data folder that cannot be written, seen from another folder."""
    monkeypatch.setattr(os, "access", lambda path, mode: not pathlib.Path(path).is_relative_to(tmp_path / "ro"))
    make(tmp_path / "ro", {f"img_align_celeba/{n}.png": encoded(photo(178, 218, n), "PNG") for n in range(3)})
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "ro"


def test_a_data_folder_is_a_path_like_any_other(tmp_path):
    place = data_dir(tmp_path, "kept")
    assert (place, str(place), place / "mnist") == (tmp_path, str(tmp_path), tmp_path / "mnist")
    assert places.packed_folders(place) == [pathlib.Path("kept"), tmp_path / "packed"]
    assert places.packed_folders(data_dir(tmp_path)) == places.packed_folders(tmp_path) == [tmp_path / "packed"]
    assert places.packed_folders(tmp_path / "not" / "there") == [tmp_path / "not" / "there" / "packed"]


def test_data_that_cannot_be_written_are_packed_here(read_only, capsys):
    for said in (True, False):
        data = datasets.load("celeba", data_dir(read_only), datasets.Request((28, 28)))
        assert ("The packed images go into data/packed\n" in capsys.readouterr().out) == said
        assert len(data.images) == 3
    assert sorted(path.name for path in pathlib.Path("data/packed").iterdir()) == ["celeba-28x28.json", "celeba-28x28.npy"]
    assert sorted(path.name for path in read_only.iterdir()) == ["img_align_celeba"]
    assert pack.find_by_sha256(data.sha256, data_dir(read_only)) is not None
    assert [*pack.list_manifests("celeba", data_dir(read_only))] == ["celeba-28x28"]
    assert places.writable(read_only) == pathlib.Path("data")


def test_an_array_that_lies_packed_beside_data_is_used_there(read_only, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: True)
        first = datasets.load("celeba", read_only, datasets.Request((28, 28)))
    capsys.readouterr()
    for place in (data_dir(read_only), data_dir(read_only, "kept")):
        again = datasets.load("celeba", place, datasets.Request((28, 28)))
        np.testing.assert_array_equal(again.images, first.images)
    assert [*pathlib.Path().iterdir()] == []


def test_the_folder_of_packed_images_is_an_option_of_all_commands_that_read_them(command, tmp_path):
    make(tmp_path / "d", {f"img_align_celeba/{n}.png": encoded(photo(178, 218, n), "PNG") for n in range(12)})
    options = ["--data-dir=d", "--packed-dir=kept"]
    assert command(datasets_command)("celeba", *options)[0] == 0
    status, _, err = command(train)("--dataset=celeba", "--model=compact", "--iterations=1", "--batch-size=4", *options)
    assert (status, err) == (0, "")
    status, out, err = command(evaluate)("--run=compact-celeba", "--features=random", "--images=10", *options)
    assert (status, "12 real images" in out or "10 real images" in out) == (0, True), err
    status, out, err = command(report)("--run=compact-celeba", *options)
    assert (status, "left out: the images in" in out) == (0, False), err
    assert not (tmp_path / "d" / "packed").exists()
    assert (tmp_path / "kept" / "celeba-28x28.npy").exists()


def test_packed_arrays_are_none_of_the_users_images(tmp_path):
    """Not even where they lie in the folder of pictures."""
    make(tmp_path / "mine", {"a.png": encoded(photo(20, 20), "PNG")})
    place = data_dir(tmp_path / "d", tmp_path / "mine" / "kept")
    for _ in range(2):
        assert len(datasets.load(str(tmp_path / "mine"), place, datasets.Request((8, 8))).images) == 1
    assert len([*(tmp_path / "mine" / "kept").glob("*.npy")]) == 1


def test_a_folder_that_exists_is_found(tmp_path):
    assert places.existing_parent(tmp_path / "a" / "b") == tmp_path
    assert places.existing_parent(tmp_path) == tmp_path
