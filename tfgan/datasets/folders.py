"""Folders and single files: listed and read in place, as the containers that `archives` opens are."""

import contextlib
import errno
import functools
import hashlib
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from typing import ClassVar

from tfgan.errors import UserError

_LARGEST_MEMBER = 2**29  # bytes; a larger member may be a decompression bomb
_NOWHERE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR)  # of a link
_OF_SYSTEMS = frozenset(["__macosx", "@eadir", "$recycle.bin", "thumbs.db", "desktop.ini"])  # which add them by themselves
BROKEN = (  # what zipfile, tarfile and the decompressors raise for damaged archives
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError,
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, MemoryError,
)  # fmt: skip


class UnreadableMember(Exception):
    """A member cannot be read. The message says why."""


def check_size(size):
    """Raises UnreadableMember if a member of this size in bytes is too large to read."""
    if size > _LARGEST_MEMBER:
        raise UnreadableMember(f"{size:,} bytes, more than {_LARGEST_MEMBER:,}")


@contextlib.contextmanager
def reading():
    """Turns every error that a damaged or forbidden file can cause into UnreadableMember."""
    try:
        yield
    except BROKEN as error:
        raise UnreadableMember(reason(error)) from error


def reason(error):
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def stamp(path):
    """What changes when a file changes: its name, its size in bytes and its modification time in ns."""
    facts = path.stat()
    return [path.name, facts.st_size, facts.st_mtime_ns]


class Container:
    """Files that are read from one place: a folder, a zip, a tar or a Parquet file. `names`: of the files, in order.

    `stream(name)`: the file, opened to be read forward; it raises UnreadableMember, or any error of a damaged file. `damage`:
    what is wrong with the whole, or None. `broken_links`: how many lead nowhere. `labels` and `label_order`: as in a `Source`.
    `_members`: {name: what has the file's size in bytes in the attribute whose name is `_size`}.
    """

    damage, broken_links, label_order = None, 0, ()
    labels: ClassVar = {}

    @property
    def names(self):
        return self._members.keys()

    def size(self, name):
        """In bytes. None if there is no such file."""
        return getattr(self._members.get(name), self._size, None)

    def location(self, name):
        """(path, size in bytes) of a file that a process can read by itself, or None."""

    def open(self, name):
        """The file, open and seekable. Raises UnreadableMember."""
        with reading():
            return self.stream(name)

    def read(self, name):
        """The file's bytes. Raises UnreadableMember."""
        check_size(self.size(name))
        with reading(), self.stream(name) as file:
            return file.read(self.size(name))  # no more than the announced size: it may be a decompression bomb


class Folder(Container):
    """The files in a folder and its sub-folders, sorted. Links are followed, and each real folder is visited once.

    exclude: folders to skip. only: the names in the folder that count; None for all.
    """

    def __init__(self, path, exclude=(), only=None):
        self.path = path
        self._exclude = exclude
        self._only = None if only is None else frozenset(only)

    @functools.cached_property
    def _members(self):
        """{name: (size in bytes, modification time in ns)}."""
        facts, linked = {}, set()
        visited = {_identity(os.stat(folder)) for folder in self._exclude if os.path.exists(folder)}
        folders, links = [(self.path, "")], []
        while folders or links:
            links.sort()
            place, prefix = folders.pop() if folders else links.pop(0)  # links last: a folder's own name is the better one
            try:
                identity = _identity(os.stat(place))
                entries = os.scandir(place) if not prefix or identity not in visited else ()
            except OSError as error:
                raise self._failure(error) from error
            visited.add(identity)
            for entry in entries:
                name = entry.name
                if _is_hidden(name) or not (prefix or self._only is None or name in self._only):
                    continue
                try:
                    status = entry.stat()
                except OSError as error:
                    if error.errno not in _NOWHERE:
                        raise self._failure(error) from error
                    self.broken_links += 1
                    continue
                if stat.S_ISREG(status.st_mode):
                    facts[prefix + name] = (status.st_size, status.st_mtime_ns)
                    if entry.is_symlink() and "." in name:
                        linked.add(_identity(status))
                elif stat.S_ISDIR(status.st_mode):
                    (links if entry.is_symlink() else folders).append((entry.path, f"{prefix}{name}/"))
        for name in [name for name in facts if linked and "." not in os.path.basename(name)]:
            if _identity(os.stat(f"{self.path}/{name}")) in linked:  # such as 3b18e512, to which cat.jpg leads: it counts once
                del facts[name]
        return facts

    @property
    def names(self):
        return sorted(self._members)

    def _failure(self, error):
        return UserError(f"cannot read {error.filename}: {error.strerror}; allow it, or give another folder")

    def stamp(self):
        """A digest of all names, sizes and modification times. No file is opened."""
        lines = [f"{name}\0{size}\0{time}" for name, (size, time) in self._members.items()]
        return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogatepass")).hexdigest()

    def location(self, name):
        return f"{self.path}/{name}", self._members[name][0]

    def size(self, name):
        return self._members.get(name, (None,))[0]

    def stream(self, name):
        return open(f"{self.path}/{name}", "rb")


class SingleFile(Folder):
    """A single file, such as the labels that belong to a source."""

    def __init__(self, path):
        super().__init__(path.parent)
        self.file = path

    @functools.cached_property
    def _members(self):
        name, *facts = stamp(self.file)
        return {name: facts}

    def stamp(self):
        """The file's name, size and modification time."""
        return stamp(self.file)


def is_visible(name):
    """Whether a file is neither hidden, nor in a hidden folder, nor one that a system adds by itself."""
    return not any(map(_is_hidden, name.split("/")))


def _is_hidden(part):
    """Whether a part of a name is that of a hidden file or folder, or of one that a system adds by itself."""
    return (part[0] == "." and part != "..") or part.lower() in _OF_SYSTEMS


def _identity(status):
    return status.st_dev, status.st_ino


def read_file(path, size):
    """Reads a file of this size in bytes. Raises UnreadableMember."""
    check_size(size)
    with reading(), open(path, "rb", buffering=0) as file:  # unbuffered: fewer system calls for many small files
        return file.read(size)
