"""Sources of pictures: a folder, a zip or a tar, listed and read in place.

Archives are never extracted: their members' names are used as labels, never as paths to write to.
"""

import errno
import functools
import hashlib
import io
import json
import lzma
import os
import pathlib
import stat
import tarfile
import zipfile
import zlib

from tfgan.errors import UserError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_LARGEST_MEMBER = 2**28  # bytes; a larger member may be a decompression bomb
_PIECE = 2**20  # bytes read at a time
_BROKEN = (  # what zipfile, tarfile and the decompressors raise for damaged or encrypted archives
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError,
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, MemoryError,
)  # fmt: skip


class UnreadableMember(Exception):
    """A member cannot be read. The message says why."""


def is_picture(name):
    """Whether a member's name is that of a picture. Hidden files, and those that macOS adds to archives, do not count."""
    parts = [part for part in name.split("/") if part not in (".", "..")]
    return name.lower().endswith(PICTURES) and not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def stamp(path):
    """What changes when a file changes: its name, its size in bytes and its modification time in ns."""
    facts = path.stat()
    return [path.name, facts.st_size, facts.st_mtime_ns]


def open_source(path, known_hash=None, is_member=is_picture, exclude=()):
    """The source at that path: a `Folder`, `Zip` or `Tar`. Raises UserError if it is none of them.

    known_hash: the checksum that an archive must have, such as "md5:...". is_member: name -> whether a member belongs to the
    source. exclude: folders to skip in the search.
    """
    if path.is_dir():
        return Folder(path, is_member, exclude)
    if path.name.lower().endswith(ARCHIVES):
        return (Zip if path.suffix.lower() == ".zip" else Tar)(path, known_hash, is_member)
    raise UserError(f"{path} is neither a folder nor an archive ({', '.join(ARCHIVES)}); give one of them")


def first_existing(candidates, is_member=is_picture):
    """Opens the first of these (path, known_hash) that exists. None if none exists."""
    return next((open_source(path, known_hash, is_member) for path, known_hash in candidates if path.exists()), None)


class Folder:
    """The files in a folder and its sub-folders. Links are followed. `names`: sorted relative paths."""

    known_hash = damage = None

    def __init__(self, path, is_member=is_picture, exclude=()):
        self.path = path
        self._is_member = is_member
        self._exclude = {pathlib.Path(folder).resolve() for folder in exclude}

    @functools.cached_property
    def _files(self):
        facts_of_files, seen = {}, set()

        def fail(error):
            raise UserError(f"cannot read {error.filename}: {error.strerror}; allow it, or remove it from {self.path}")

        for place, folders, files in os.walk(self.path, onerror=fail, followlinks=True):
            here = pathlib.Path(place)
            if (real := here.resolve()) in seen:  # a link to a folder above would cause an endless loop
                folders.clear()
                continue
            seen.add(real)
            folders[:] = [name for name in folders if (here / name).resolve() not in self._exclude]
            prefix = here.relative_to(self.path).as_posix()
            for file in files:
                name = file if prefix == "." else f"{prefix}/{file}"
                if self._is_member(name):
                    try:
                        facts = os.stat(f"{place}/{file}")
                    except OSError as error:
                        if error.errno not in (errno.ENOENT, errno.ELOOP):  # a broken link, or one to itself
                            fail(error)
                    else:
                        if stat.S_ISREG(facts.st_mode):
                            facts_of_files[name] = (facts.st_size, facts.st_mtime_ns)
        return dict(sorted(facts_of_files.items()))

    @property
    def names(self):
        return list(self._files)

    def stamp(self):
        """A digest of all names, sizes and modification times."""
        listing = json.dumps([[name, *facts] for name, facts in self._files.items()])
        return hashlib.sha256(listing.encode()).hexdigest()

    def location(self, name):
        """(path, size): the arguments of `read_file` for that name."""
        return f"{self.path}/{name}", self._files[name][0]

    def read(self, name):
        """The file's bytes. Raises UnreadableMember."""
        return read_file(*self.location(name))


def read_file(path, size):
    """Reads a file of this size in bytes. Raises UnreadableMember."""
    if size > _LARGEST_MEMBER:
        raise UnreadableMember(f"{size:,} bytes, more than {_LARGEST_MEMBER:,}")
    try:
        with open(path, "rb", buffering=0) as file:  # unbuffered: fewer system calls for many small files
            return file.read(size)
    except OSError as error:
        raise UnreadableMember(error.strerror or str(error)) from error


class SingleFile:
    """A single file that belongs to a source, such as its labels."""

    known_hash = None

    def __init__(self, path):
        self.path = path

    def stamp(self):
        """The file's name, size and modification time."""
        return stamp(self.path)


class _Archive:
    """What zip and tar share.

    `names`: the members, without links and folders, in the order in which they are read fastest. If a name occurs twice, its
    last occurrence counts, as in extraction. `damage`: what is wrong with the archive as a whole, or None.
    """

    def __init__(self, path, known_hash, is_member):
        self.path = path
        self.known_hash = known_hash  # the checksum that the archive must have, or None
        self._is_member = is_member

    @property
    def names(self):
        return list(self._members[0])

    @property
    def damage(self):
        return self._members[1]

    def stamp(self):
        """The file's name, size and modification time."""
        return stamp(self.path)

    def read(self, name):
        """The member's bytes. Raises UnreadableMember."""
        member = self._members[0][name]
        if self._size(member) > _LARGEST_MEMBER:
            raise UnreadableMember(f"{self._size(member):,} bytes, more than {_LARGEST_MEMBER:,}")
        try:
            return self._bytes(member)
        except _BROKEN as error:
            raise UnreadableMember(str(error) or type(error).__name__) from error

    def _fail(self, error):
        if isinstance(error, OSError) and error.errno:
            raise UserError(f"cannot read {self.path}: {error.strerror}; allow it, or give another")
        raise UserError(f"{self.path} is not a complete archive ({error}); get it again, or extract what you can to a folder")


class Zip(_Archive):
    """The members of a zip file."""

    @functools.cached_property
    def _zip(self):
        try:
            return zipfile.ZipFile(self.path)
        except _BROKEN as error:
            self._fail(error)

    @functools.cached_property
    def _members(self):
        members = [m for m in self._zip.infolist() if self._is_member(m.filename) and not stat.S_ISLNK(m.external_attr >> 16)]
        return dict(sorted({m.filename: m for m in members if not m.is_dir()}.items())), None

    def _size(self, member):
        return member.file_size

    def _bytes(self, member):
        # Read in pieces, and no more than the announced size: ZipFile.read() would unpack a decompression bomb.
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError(f"compression method {member.compress_type}; only stored and deflated members are read")
        with self._zip.open(member) as file:
            return b"".join(iter(functools.partial(file.read, _PIECE), b""))


class Tar(_Archive):
    """The members of a tar file. Those of a compressed one are in the archive's order."""

    @functools.cached_property
    def _tar(self):
        try:
            # ignore_zeros: after a damaged header tarfile looks for the next good one, instead of silently stopping.
            return tarfile.open(self.path, "r:*", ignore_zeros=True)
        except _BROKEN as error:
            self._fail(error)

    @functools.cached_property
    def _members(self):
        members, damage, end = {}, None, 0
        compressed = not isinstance(self._tar.fileobj, io.BufferedReader)
        try:
            for member in self._tar:
                if self._tar.offset <= member.offset:  # otherwise tarfile would loop for ever
                    raise tarfile.ReadError(f"{member.name!r} has a negative size")
                if member.offset != end and not self._harmless(self._at(end, member.offset)):
                    damage = f"{member.offset - end:,} bytes at {end:,} are damaged"
                end = self._tar.offset
                if member.isreg() and self._is_member(member.name):
                    members[member.name] = member
            if not compressed and not self._harmless(self._at(end)):  # compressed archives have their own checksums
                damage = f"damaged from byte {end:,} on"
        except _BROKEN as error:
            damage = f"{error or type(error).__name__}, after {len(members):,} members"
        if damage and not members:
            self._fail(damage)
        return (members if compressed else dict(sorted(members.items()))), damage

    def _at(self, begin, end=None):
        self._tar.fileobj.seek(begin)
        return self._tar.fileobj.read(-1 if end is None else end - begin)

    @staticmethod
    def _harmless(gap):
        """Whether the bytes between members are padding, or the global header at the start of git's archives."""
        gap = gap.strip(b"\0")
        return not gap or (gap[156:157] == tarfile.XGLTYPE and len(gap) <= 2 * tarfile.BLOCKSIZE)

    def _size(self, member):
        return member.size

    def _bytes(self, member):
        return self._tar.extractfile(member).read()
