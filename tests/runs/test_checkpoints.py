"""Checkpoints on a graph of a few numbers: whole or not there, checked when they are read, pruned, never lost."""

import errno
import json
import os
import resource

import numpy as np
import pytest

from tfgan.common import files
from tfgan.errors import Diverged
from tfgan.errors import UserError
from tfgan.runs import checkpoints
from tfgan.runs.checkpoints import Checkpoints
from tfgan.tf1 import tf
from tfgan.training import instruments

KEEP = 3


@pytest.fixture
def kept(graph, tmp_path):
    """(Checkpoints, save(iteration), restore() -> (its iteration, the variable's value))."""
    variable = tf.get_variable("v", initializer=np.zeros(1000, np.float32), use_resource=True)
    made = Checkpoints(tmp_path, KEEP)
    with tf.Session() as session:

        def save(iteration):
            variable.load(np.full(1000, iteration, np.float32), session)
            made.save(session, iteration)

        def restore():
            variable.load(np.full(1000, -1, np.float32), session)
            iteration = made.restore(session)
            return iteration, int(session.run(variable)[0])

        yield made, save, restore


def damage_of(kind, folder):
    """Damages a checkpoint."""
    data = folder / "model.data-00000-of-00001"
    if kind == "truncated":
        os.truncate(data, data.stat().st_size // 2)
    elif kind == "a bit flipped":
        flipped = bytearray(data.read_bytes())
        flipped[1234] ^= 0x10
        data.write_bytes(flipped)
    elif kind == "index flipped":
        flipped = bytearray((folder / "model.index").read_bytes())
        flipped[len(flipped) // 2] ^= 1
        (folder / "model.index").write_bytes(flipped)
    elif kind == "no index":
        (folder / "model.index").unlink()
    elif kind == "manifest of nothing":
        (folder / "manifest.json").write_bytes(b"\0" * 200)
    elif kind == "manifest of another":
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**manifest, "iteration": 7}))
    elif kind == "empty":
        for path in folder.iterdir():
            path.unlink()


DAMAGES = ("truncated", "a bit flipped", "index flipped", "no index", "manifest of nothing", "manifest of another", "empty")


def test_none_yet(kept):
    assert kept[2]() == (None, -1)


def test_the_newest_are_kept_and_the_newest_is_restored(kept, tmp_path):
    _, save, restore = kept
    for iteration in (500, 1000, 999_500, 1_000_000):
        save(iteration)
    assert checkpoints.checkpoint_iterations(tmp_path) == [1000, 999_500, 1_000_000]
    assert restore() == (1_000_000, 1_000_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["001000", "1000000", "999500", "checkpoint"]
    newest = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(tmp_path)))
    assert newest.get_tensor("v")[0] == 1_000_000, "TensorFlow's own functions find it"


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_one_before_a_damaged_one_is_taken(kept, tmp_path, capsys, kind):
    _, save, restore = kept
    for iteration in (10, 20, 30):
        save(iteration)
    damage_of(kind, tmp_path / "000030")
    assert restore() == (20, 20)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.startswith("Warning: ")
    assert "000030 is damaged" in out
    assert "000020" in out

    # What is saved next takes its place, or supersedes it; it is not counted among those that are kept.
    save(25)
    assert checkpoints.checkpoint_iterations(tmp_path) == [10, 20, 25]
    damage_of(kind, tmp_path / "000025")
    assert restore() == (20, 20)
    save(25)
    assert restore() == (25, 25)
    assert checkpoints.checkpoint_iterations(tmp_path) == [10, 20, 25]


def test_none_is_whole(kept, tmp_path):
    _, save, restore = kept
    save(10)
    save(20)
    damage_of("truncated", tmp_path / "000010")
    damage_of("no index", tmp_path / "000020")
    with pytest.raises(UserError, match=r"000020 is damaged \(model.index is missing\).*000010 is damaged.*--fresh") as error:
        restore()
    assert "\n" not in str(error.value)


def test_one_is_gone_and_all_are(kept, tmp_path, capsys):
    _, save, restore = kept
    save(10)
    save(20)
    damage_of("empty", tmp_path / "000020")
    (tmp_path / "000020").rmdir()
    assert restore() == (10, 10)
    assert "000020 is gone" in capsys.readouterr().out
    damage_of("empty", tmp_path / "000010")
    (tmp_path / "000010").rmdir()
    with pytest.raises(UserError, match=r"000020 is gone.*--fresh"):
        restore()


def test_what_cannot_be_read_just_now_is_no_damage(kept, tmp_path, monkeypatch):
    """An error of reading may pass: the run stops, and no checkpoint is given up for an older one."""
    made, save, restore = kept
    save(10)
    save(20)

    def unreadable(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(files, "digest", unreadable)
        with pytest.raises(OSError, match="Input/output error"):
            restore()
    assert restore() == (20, 20)


def test_what_a_killed_process_left_is_gone_when_the_run_goes_on(kept, tmp_path):
    """Also of a run that has come to its end, which saves nothing more."""
    _, save, restore = kept
    save(10)
    for name in (".part", ".removed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.index").write_bytes(b"half")
    assert restore() == (10, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000010", "checkpoint"]


def test_what_is_no_checkpoint_is_in_nobodys_way(kept, tmp_path):
    _, save, restore = kept
    save(10)
    for name in ("60", "0055", "notes"):
        (tmp_path / name).mkdir()
    for name in (".part", ".removed", "000090"):
        (tmp_path / name).write_text("a file")
    (tmp_path / "checkpoint").write_bytes(b"\xff\xfe")
    assert restore() == (10, 10)
    save(20)
    assert restore() == (20, 20)
    assert checkpoints.checkpoint_iterations(tmp_path) == [10, 20]
    assert not (tmp_path / ".removed").exists()
    assert (tmp_path / "0055").exists()


def test_a_checkpoint_of_another_graph(kept, tmp_path):
    kept[1](10)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("other", initializer=0.0, use_resource=True)
        with pytest.raises(UserError, match="000010 is whole, but does not fit"):
            Checkpoints(tmp_path, KEEP).restore(session)


@pytest.mark.parametrize("limit", [100, 2000])
def test_no_room_is_an_error_and_costs_nothing(kept, tmp_path, limit):
    """A limit on the size of files, where a full disk would have its own: in the first bytes, and in the middle."""
    _, save, restore = kept
    save(10)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save(20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000010", "checkpoint"], "the room is free again"
    assert restore() == (10, 10)
    save(20)
    assert restore() == (20, 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000010", "000020", "checkpoint"]


def test_cut_off_at_every_rename_and_removal(kept, tmp_path, monkeypatch):
    """Killed before each step that changes names: the state before or the new one is there, whole, and saving works again."""
    _, save, restore = kept
    for iteration in range(1, KEEP + 1):
        save(iteration)
    calls, steps = 0, 0
    for step in range(20):
        calls, newest = 0, checkpoints.checkpoint_iterations(tmp_path)[-1]

        def cut(function, step=step):
            def instead(*arguments, **settings):
                nonlocal calls
                calls += 1
                if calls > step:
                    raise KeyboardInterrupt
                return function(*arguments, **settings)

            return instead

        with monkeypatch.context() as patch:
            patch.setattr(checkpoints.os, "replace", cut(os.replace))
            patch.setattr(checkpoints.shutil, "rmtree", cut(checkpoints.shutil.rmtree))
            try:
                save(newest + 1)
            except KeyboardInterrupt:
                steps += 1
        assert restore()[0] in (newest, newest + 1)
        if calls <= step:
            break
    assert steps >= 5
    save(100)
    assert restore() == (100, 100)
    assert len(checkpoints.checkpoint_iterations(tmp_path)) == KEEP
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_the_order_on_the_disk(kept, tmp_path, monkeypatch):
    """A power cut: all content, and the folder's names, are on the disk before the rename, the rename before the pruning."""
    events = []
    sync, replace = checkpoints.files.fsync, os.replace
    monkeypatch.setattr(checkpoints.files, "fsync", lambda path: (events.append(("sync", path.name)), sync(path)))
    monkeypatch.setattr(checkpoints.os, "replace", lambda a, b: (events.append(("rename", b.name)), replace(a, b)))
    for iteration in range(1, KEEP + 2):
        events.clear()
        kept[1](iteration)
    renamed = events.index(("rename", f"{KEEP + 1:06d}"))
    before, after = events[:renamed], events[renamed + 1 :]
    assert {name for _, name in before} == {"model.index", "model.data-00000-of-00001", "manifest.json", ".part"}
    assert before[-1] == ("sync", ".part")
    assert after[0] == ("sync", tmp_path.name)
    assert after.index(("sync", tmp_path.name)) < after.index(("rename", ".removed"))


def test_the_variable_that_holds_nan_or_infinity_is_named(graph):
    variables = [tf.get_variable(name, initializer=[1.0, 2.0], use_resource=True) for name in "abc"]
    check = instruments.finite_check()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        check(session, 3)
        for variable, bad in zip(variables, (np.nan, np.inf, -np.inf), strict=True):
            variable.load([1.0, bad], session)
            with pytest.raises(Diverged, match=f"^{variable.op.name} holds NaN or infinity after 7 iterations$"):
                check(session, 7)
            variable.load([1.0, 2.0], session)
        check(session, 8)
