"""A folder that a command writes whole: a user's things in it, and an end at any instant."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tfgan.common import files
from tfgan.common import folders
from tfgan.errors import UserError

OLD = {"a.txt": "old", "model/b.bin": "old", "model/variables/only-old": "old", "only-old": "old"}
NEW = {"a.txt": "new", "model/b.bin": "new", "only-new": "new"}


def write(folder, content):
    """Writes a version of these files. folder: a Path."""
    with folders.new_version(folder, "about.json", "thing") as part:
        for name, text in content.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_text(text)
        (part / "about.json").write_text(json.dumps({"files": len(content)}))


def texts(folder):
    """{name: content} of all files in the folder, of the file about.json the number that is in it."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: json.loads(path.read_text())["files"] if name == "about.json" else path.read_text() for name, path in found.items()
    }


def version(content):
    return {**content, "about.json": len(content)}


def refusal(folder, content=NEW):
    """The message with which a new version is refused; what is there stays."""
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(UserError) as error:
        write(folder, content)
    assert sorted(folder.parent.rglob("*")) == before
    return str(error.value)


def test_a_version_replaces_the_one_before(tmp_path):
    place = tmp_path / "below" / "there"
    for content in (OLD, NEW, OLD):
        write(place, content)
        assert texts(place) == version(content)
    assert not (place / "model" / "only-new").exists()
    assert os.listdir(tmp_path / "below") == ["there"]


@pytest.mark.parametrize("mine", [
    "notes.txt", "model/notes.txt", "model/variables/notes/mine", "a.txt.bak", "__pycache__/mine.cpython-311.pyc", ".git/config",
])  # fmt: skip
def test_what_a_user_has_put_into_it_stays(tmp_path, mine):
    place = tmp_path / "there"
    write(place, OLD)
    (place / mine).parent.mkdir(parents=True, exist_ok=True)
    (place / mine).write_text("mine")
    named = mine if (pathlib.Path(mine).parent.name in ("", "model")) else str(pathlib.Path(mine).parent)
    assert refusal(place) == (
        f"--to: {place} holds other things ({named}); give a folder that is new, empty or an earlier thing"
    )


def test_an_empty_folder_and_a_link_of_a_user_stay(tmp_path):
    write(tmp_path / "there", OLD)
    (tmp_path / "there" / "model" / "mine").mkdir()
    assert "holds other things (model/mine)" in refusal(tmp_path / "there")
    (tmp_path / "there" / "model" / "mine").rmdir()
    shutil.move(tmp_path / "there" / "model", tmp_path / "model")
    (tmp_path / "there" / "model").symlink_to(tmp_path / "model")
    assert "holds other things (model)" in refusal(tmp_path / "there")


def test_a_file_that_was_changed_stays_until_it_is_moved_away(tmp_path):
    place = tmp_path / "there"
    write(place, OLD)
    (place / "a.txt").write_text("mine")
    assert refusal(place) == f"--to: {place}/a.txt was changed since tfgan wrote it; move it elsewhere, or give another folder"
    (place / "a.txt").rename(tmp_path / "a.txt")
    write(place, NEW)
    assert texts(place) == version(NEW)


@pytest.mark.parametrize("about", [None, "{}", "[1]", "no JSON", '{"tfgan_files": {}}', '{"tfgan_files": 5}'])
def test_only_a_list_of_files_makes_them_a_version(tmp_path, about):
    """Not the names alone."""
    place = tmp_path / "there"
    place.mkdir()
    for name in ("d", "c", "a.txt", "b"):
        (place / name).touch()
    if about is not None:
        (place / "about.json").write_text(about)
    others = "a.txt, about.json, b" if about is not None else "a.txt, b, c"
    assert f"holds other things ({others}); give" in refusal(place)


def test_what_python_has_compiled_is_no_thing_of_the_users(tmp_path):
    place = tmp_path / "there"
    write(place, {"code/one.py": "1"})
    (place / "code" / "__pycache__").mkdir()
    (place / "code" / "__pycache__" / "one.cpython-311.pyc").touch()
    write(place, NEW)
    assert texts(place) == version(NEW)


def test_the_working_directory_stays(tmp_path, monkeypatch):
    """The folder itself may be it: it is not removed."""
    place = tmp_path / "there"
    write(place, OLD)
    monkeypatch.chdir(place)
    write(pathlib.Path("."), NEW)
    assert texts(pathlib.Path(".")) == texts(place) == version(NEW)
    assert os.path.samefile(".", place)
    monkeypatch.chdir(place / "model")
    for above in ("..", place):
        with pytest.raises(UserError, match="the working directory is inside .*; run this from elsewhere"):
            write(pathlib.Path(above), OLD)
    assert texts(place) == version(NEW)
    with pytest.raises(UserError, match=re.escape("--to: ../.. holds other things (there)")):
        write(pathlib.Path("../.."), OLD)


def test_links_are_followed_to_the_folder(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    for content in (OLD, NEW):
        write(tmp_path / "link", content)
        assert texts(tmp_path / "disk") == version(content)
    assert (tmp_path / "link").is_symlink()
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    write(tmp_path / "dangling", NEW)
    assert texts(tmp_path / "new") == version(NEW)
    (tmp_path / "file").touch()
    for bad in ("file", "file/below"):
        with pytest.raises(OSError, match="Not a directory"):
            write(tmp_path / bad, NEW)


def test_only_one_process_writes(tmp_path):
    with files.exclusive_lock(tmp_path / "there" / ".tfgan-export.lock"):
        assert re.search(r"there is being written by process \d+ on .*; wait for it, or", refusal(tmp_path / "there"))


def test_what_appears_meanwhile_stays(tmp_path):
    write(tmp_path / "there", OLD)
    holds = pytest.raises(UserError, match=re.escape("holds other things (only-new)"))
    with holds, folders.new_version(tmp_path / "there", "about.json", "thing") as part:
        for path in (part / "only-new", part / "about.json"):
            path.write_text("{}")
        (tmp_path / "there" / "only-new").write_text("mine")
    assert texts(tmp_path / "there") == version(OLD) | {"only-new": "mine"}


CHANGING = ("replace", "mkdir", "unlink", "rmdir")  # functions of `os`


def interrupt(patch, instants):
    """From now on Ctrl-C comes before these changes on the disk, which are counted from 1 on."""
    calls = []

    def interrupted(function):
        def call(*arguments, **settings):
            calls.append(function)
            if len(calls) in instants:
                raise KeyboardInterrupt
            return function(*arguments, **settings)

        return call

    patch.setattr(os, "fsync", lambda _: None)
    for name in CHANGING:
        patch.setattr(os, name, interrupted(getattr(os, name)))


@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("times", [1, 2])
def test_an_interruption_at_any_instant(tmp_path, monkeypatch, earlier, times):
    """Before any change on the disk; also a second Ctrl-C while the first one is being cleaned up after."""
    for instant in range(1, 500):
        place = tmp_path / f"{instant}"
        if earlier:
            write(place, OLD)
        with monkeypatch.context() as patch:
            interrupt(patch, [instant, instant + 2][:times])
            try:
                write(place, NEW)
            except KeyboardInterrupt:
                pass
            else:
                break
        settle(place)
        assert texts(place) in ([version(OLD), version(NEW)] if earlier else [{}, version(NEW)]), instant
        assert not [name for name in os.listdir(place) if name == ".tfgan-export"]
    assert instant > 20


def settle(place):
    """A next version that fails."""
    with pytest.raises(UserError), folders.new_version(place, "about.json", "thing"):
        raise UserError("the generator differs")
    place.mkdir(exist_ok=True)


# Writes the version NEW into copies of a folder, each time in a process that is killed at another instant; prints how many.
KILLED = """
import os, pathlib, shutil, sys
from tests.common.test_folders import CHANGING, NEW, write
origin, os.fsync = pathlib.Path(sys.argv[1]), lambda _: None
for instant in range(1, 500):
    place, calls = origin.with_name(f"killed-{instant}"), []
    shutil.copytree(origin, place)
    child = os.fork()
    if not child:
        def killed(function):
            def call(*arguments, **settings):
                calls.append(function)
                if len(calls) == instant:
                    os._exit(9)
                return function(*arguments, **settings)
            return call
        for name in CHANGING:
            setattr(os, name, killed(getattr(os, name)))
        write(place, NEW)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(instant)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("earlier", [True, False])
def test_a_kill_at_any_instant(tmp_path, monkeypatch, earlier):
    """What a killed process leaves is put in order by the next one, whether that comes to its end or not."""
    (tmp_path / "origin").mkdir()
    if earlier:
        write(tmp_path / "origin", OLD)
    command = [sys.executable, "-c", KILLED, tmp_path / "origin"]
    count = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert count > 20
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for instant in range(1, count + 1):
        place = tmp_path / f"killed-{instant}"
        shutil.copytree(place, tmp_path / "again")
        settle(place)
        assert texts(place) in ([version(OLD), version(NEW)] if earlier else [{}, version(NEW)]), instant
        write(tmp_path / "again", NEW)
        assert texts(tmp_path / "again") == version(NEW)
        shutil.rmtree(tmp_path / "again")
