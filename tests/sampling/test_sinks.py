"""Where samples are written."""

import pathlib

import pytest

from tfgan.errors import UserError
from tfgan.sampling import sinks


@pytest.mark.parametrize(("kind", "path", "count", "grid", "words"), [
    ("png", "a.png", 10_000, None, None), ("png", "a.png", 10_001, None, "10,001 images are too many for one picture (10,000); "),
    ("png", "a.png", 1, (100, 101), "10,100 images are too many for one picture"), ("npz", "a.npz", 10**9, None, None),
    ("folder", "a", 10**9, None, None), ("folder", "empty", 1, None, None), ("folder", "file", 1, None, "file is a file; give a"),
    ("folder", "full", 1, None, "full is not empty; give another folder with --to, or remove it"),
    ("png", "full", 1, None, "full is a folder; give a file with --to, or --format folder"),
    ("npz", "a.png", 1, None, "--to is a.png, but the name of a file of --format npz must end in .npz"),
])  # fmt: skip
def test_targets(tmp_path, monkeypatch, kind, path, count, grid, words):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "full"):
        pathlib.Path(folder).mkdir()
    for file in ("file", "full/a"):
        pathlib.Path(file).touch()
    if words is None:
        sinks.check_target(kind, pathlib.Path(path), count, grid)
        return
    with pytest.raises(UserError) as error:
        sinks.check_target(kind, pathlib.Path(path), count, grid)
    assert str(error.value).startswith(words)
