"""A folder that a command writes whole: what it may contain, and how a new version takes the place of an earlier one."""

import contextlib
import json
import os
import pathlib
import shutil

from tfgan.common import files
from tfgan.errors import UserError

_SCRATCH = ".tfgan-export"  # the sub-folder in which a new version is made; the names of its lock's files begin like this, too
_WRITTEN = "tfgan_files"  # in the JSON file `about`: {path in the folder: SHA-256} of all files beside it


@contextlib.contextmanager
def new_version(folder, about, what):
    """Yields an empty sub-folder (a Path) to write a version of `folder` into. At the end it replaces the earlier version.

    about: the name of a JSON file that the block writes at the top of the sub-folder. It goes first and comes last, so that a
    folder with it contains a complete version. what: what is written, in a word, such as "export".

    After an exception inside, the folder is as it was. What a process that was killed has left is put in order by the next call.
    Raises UserError if the folder has anything but an earlier version as it was written, or if another process is writing it, and
    OSError if it cannot be written.
    """
    if not (folder / _SCRATCH).exists():  # otherwise the folder may be between two versions
        _check(folder, about, what)
    try:
        with files.exclusive_lock(folder / f"{_SCRATCH}.lock"):
            _settle(folder, about)
            _check(folder, about, what)
            new = folder / _SCRATCH / "new"
            try:
                new.mkdir(parents=True)
                yield new
                _list_files(new, about)
                _check(folder, about, what)  # again: it may have taken long
                _exchange(folder, about)
            finally:
                _settle(folder, about)
    except files.LockHeld as error:
        raise UserError(f"--to: {folder} is being written by {error}; wait for it, or give another") from error


def _check(folder, about, what):
    """Raises UserError if something in the folder is not of an earlier version, OSError if it is not a folder."""
    digests = _read_written(folder / about)
    others = sorted(_others(folder, pathlib.PurePosixPath(), {about, *digests} if digests else set())) if folder.exists() else []
    if others:
        listed = ", ".join(others[:3])
        remedy = f"give a folder that is new, empty or an earlier {what}"
        if about in others:  # earlier versions wrote it without a list
            remedy += f"; remove the {what} of an earlier version by hand"
        raise UserError(f"--to: {folder} holds other things ({listed}); {remedy}")
    for name, digest in digests.items():
        if (folder / name).exists() and files.digest(folder / name) != digest:
            raise UserError(f"--to: {folder / name} was changed since tfgan wrote it; move it elsewhere, or give another folder")
    if folder.resolve() in pathlib.Path.cwd().parents:
        raise UserError(f"--to: the working directory is inside {folder}, which would be replaced; run this from elsewhere")


def _others(folder, place, names):
    """Yields the paths in the folder, from a place in it on, of what no version has written. names: what one has written."""
    parents = {parent for name in names for parent in pathlib.PurePosixPath(name).parents}
    for path in (folder / place).iterdir():
        inside = place / path.name
        if path.is_dir() and not path.is_symlink() and inside in parents:
            yield from _others(folder, inside, names)
        elif str(inside) in names and path.is_file() and not path.is_symlink():
            continue
        elif not str(inside).startswith(_SCRATCH) and not _is_cache(path, place, names):
            yield str(inside)


def _is_cache(path, place, names):
    """Whether a path is the folder in which Python keeps what it has compiled of modules in `names`, and of no others."""
    return path.name == "__pycache__" and path.is_dir() and all(
        each.suffix == ".pyc" and str(place / f"{each.name.partition('.')[0]}.py") in names for each in path.iterdir()
    )  # fmt: skip


def _list_files(new, about):
    """Adds the list of all files to the file `about`, once they are on the disk. From then on the version is complete."""
    digests = {}
    for path in sorted(new.rglob("*")):
        files.fsync(path)
        if path.is_file():
            digests[path.relative_to(new).as_posix()] = files.digest(path)
    del digests[about]
    content = json.loads((new / about).read_text("utf-8"))
    with files.atomic_write(new / about) as file:
        file.write((json.dumps({**content, _WRITTEN: digests}, indent=2) + "\n").encode())


def _read_written(path):
    """The list of files in the file `about` at that path, {} if there is none."""
    try:
        return dict(json.loads(path.read_text("utf-8"))[_WRITTEN])
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, KeyError, TypeError):
        return {}


def _exchange(folder, about):
    """Moves the earlier version out of the folder and the new one in, each move durable before the next."""
    new, earlier = folder / _SCRATCH / "new", folder / _SCRATCH / "earlier"
    earlier.mkdir()
    for place in (new.parent, folder):
        files.fsync(place)
    for name in _in_order(folder, about):
        _move(folder / name, earlier / name)
    for name in reversed(_in_order(new, about)):
        _move(new / name, folder / name)


def _settle(folder, about):
    """Removes the sub-folder of the new version, if there is one. An exchange that did not come to its end is undone first."""
    scratch = folder / _SCRATCH
    new, earlier = scratch / "new", scratch / "earlier"
    digests = _read_written(new / about)
    if digests and not (folder / about).exists():
        for name in {pathlib.PurePosixPath(name).parts[0] for name in digests}:
            if (folder / name).exists() and not (new / name).exists():
                _move(folder / name, new / name)
        for name in reversed(_in_order(earlier, about)):
            _move(earlier / name, folder / name)
        (new / about).unlink()  # now nothing is left to undo, however far the removal comes
    if scratch.exists():
        shutil.rmtree(scratch)


def _in_order(folder, about):
    """The names at the top of a folder, without the scratch ones, `about` the first. [] if there is no folder."""
    names = os.listdir(folder) if folder.exists() else []
    return sorted((name for name in names if not name.startswith(_SCRATCH)), key=lambda name: (name != about, name))


def _move(source, target):
    os.replace(source, target)
    files.fsync(target.parent)
    files.fsync(source.parent)
