"""Archives, read in place: zips, tars, tars that are compressed as a whole, and Parquet. `open_archive` opens them.

They are never extracted: members' names are labels, never paths to write to. An archive that is compressed inside another one,
or as a whole, is unpacked to a temporary file without a name.
"""

import bz2
import gzip
import lzma
import posixpath
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile

from tfgan.datasets.folders import BROKEN
from tfgan.datasets.folders import Container
from tfgan.datasets.folders import UnreadableMember
from tfgan.datasets.folders import reading
from tfgan.datasets.folders import reason
from tfgan.errors import UserError

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
ARCHIVES = (".zip", *_TARS, ".parquet")
HEAD = 512  # bytes from a file's start that tell what it is: a tar's first header
_KINDS = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"PK\x07\x08": "zip", b"PK00": "zip", b"PAR1": "parquet"}
_COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_PIECE = 2**20  # bytes read at a time
_RATIO = 200  # the most that an archive may grow when it is unpacked: pictures are compressed already
_ALWAYS = 2**22  # bytes to which any archive may be unpacked, whatever its ratio
_RESERVE = 2**28  # bytes of the disk that unpacking leaves free
_LONGEST_CHAIN = 40  # links that lead to links, as in Linux
_LONGEST_PATH = 2**12  # characters, as in Linux
_DEEPEST = 100  # folders in folders; more only cost memory


def open_archive(container, name):
    """The `Container` that a file of another container is; None if it is a single file, as NumPy's .npz is, a zip of .npy files.

    Raises UnreadableMember, or UserError with a remedy.
    """
    with reading():
        with container.stream(name) as stream:
            kind, decompress = kind_of(stream, name)
        if kind is None:
            return None
        file, damage = container.open(name), None
        if decompress:
            file, damage = unpack(decompress(file), container.size(name), name)
        if kind == "tar":
            return Tar(file, damage)
        if kind == "zip":
            archive = Zip(file)
            return None if archive.names and all(member.endswith(".npy") for member in archive.names) else archive
        from tfgan.datasets import parquet  # not at the top: it imports NumPy and this file

        return parquet.Parquet(file, (container.location(name) or [name])[0])


def kind_of(stream, name):
    """(kind, the function that decompresses it or None) of an archive: "zip", "tar" or "parquet"; (None, None) of another file.

    The first bytes decide. The name only does if they are damaged. stream: seekable. Raises any error of a damaged file.
    """
    head = stream.read(HEAD)
    if _begins_tar(head):
        return "tar", None
    if kind := next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), None):
        return kind, None
    decompress = next((function for magic, function in _COMPRESSIONS.items() if head.startswith(magic)), None)
    if decompress:
        stream.seek(0)
        try:
            return ("tar", decompress) if _begins_tar(decompress(stream).read(HEAD)) else (None, None)
        except BROKEN:
            pass  # the name decides, and opening it tells what is wrong
    return kind_by_name(name), decompress


def kind_by_name(name):
    """The kind of archive that a file's name promises, or None."""
    suffix = next((suffix for suffix in ARCHIVES if name.lower().endswith(suffix)), None)
    return "tar" if suffix in _TARS else suffix and suffix[1:]


def _begins_tar(head):
    """Whether these are the first bytes of a tar. One from before 1988 has no word that tells, but a checksum."""
    try:
        return head[257:262] == b"ustar" or bool(tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape").name)
    except tarfile.HeaderError:
        return False


def unpack(file, packed, name):
    """(a temporary file without a name, with all that can be read of `file`, what is wrong with the rest or None).

    packed: the compressed size in bytes. Raises UserError if it grows without bounds.
    """
    limit, room = max(_RATIO * packed, _ALWAYS), shutil.disk_usage(tempfile.gettempdir()).free - _RESERVE
    size, damage, unpacked = 0, None, tempfile.TemporaryFile()  # noqa: SIM115 (what reads it keeps it open)
    while damage is None:
        try:
            piece = file.read1(_PIECE)
        except BROKEN as error:
            damage, piece = reason(error), b""
        if not piece:
            break
        size += len(piece)
        if size > limit:
            raise UserError(f"{name} unpacks to more than {_RATIO} times its size; extract it, and give the folder")
        if size > room:
            raise UserError(f"there is no room to unpack {name} in {tempfile.gettempdir()}; set TMPDIR to a folder with more")
        unpacked.write(piece)
    unpacked.seek(0)
    return unpacked, damage


class _Archive(Container):
    """What zip and tar share. If a name occurs twice, its last occurrence counts, as in extraction."""

    def __init__(self, members, links, damage=None):
        self.broken_links = _follow_links(members, links) if links else 0
        self.damage = damage
        self._members = dict(sorted(members.items()))
        if damage and not members:
            raise UnreadableMember(damage)


class Zip(_Archive):
    """The members of a zip file."""

    _size = "file_size"

    def __init__(self, file):
        self._zip = zipfile.ZipFile(file)
        members, links = {}, {}
        for member in self._zip.infolist():
            name = _plain(_zip_name(member))
            if not name or member.filename.endswith(("/", "\\")):
                continue
            links.pop(name, None)
            members[name] = member
            if stat.S_ISLNK(member.external_attr >> 16):
                links[name] = self._link(name, members.pop(name))
        super().__init__(members, links)

    def _link(self, name, member):
        try:
            with self._stream(member) as file:
                target = file.read(_LONGEST_PATH).decode("utf-8", "surrogateescape")
        except (UnreadableMember, *BROKEN):
            return "/"  # nowhere
        return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))

    def stream(self, name):
        return self._stream(self._members[name])

    def _stream(self, member):
        if member.flag_bits & 1:
            raise UnreadableMember("it is encrypted; extract the archive with its password (7z x ARCHIVE), and give the folder")
        if member.volume:
            raise UnreadableMember("it lies in another part of a split zip; join the parts (zip -s 0 ARCHIVE --out WHOLE.zip)")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            method = zipfile.compressor_names.get(member.compress_type, member.compress_type)
            raise UnreadableMember(f"compression method {method} is not read; extract it (7z x ARCHIVE), and give the folder")
        return self._zip.open(member)

    def open(self, name):
        with reading(), self.stream(name) as file:
            unpacked, damage = unpack(file, self._members[name].compress_size, name)
        if damage:
            raise UnreadableMember(damage)
        return unpacked


def _zip_name(member):
    """A member's name with / between folders, though Windows programs may write \\, and in UTF-8, though it may not say so."""
    name = member.orig_filename.partition("\0")[0]
    if member.flag_bits & 0x800 or name.isascii():
        return name.replace("\\", "/")
    try:
        return name.encode("cp437").decode().replace("\\", "/")
    except UnicodeError:  # a national code page; in Japan's, a backslash may be the second half of a character
        return re.sub(r"(?<=[\0-\x7f])\\", "/", name)


class Tar(_Archive):
    """The members of a tar file. damage: what is known to be wrong with it already, or None."""

    _size = "size"

    def __init__(self, file, damage=None):
        # ignore_zeros: after a damaged header tarfile looks for the next good one, instead of silently stopping.
        self._tar = tarfile.TarFile(fileobj=file, ignore_zeros=True)
        members, links, end = {}, {}, 0
        try:
            for member in self._tar:
                if self._tar.offset <= member.offset:  # otherwise tarfile would loop for ever
                    raise tarfile.ReadError(f"{member.name!r} has a negative size")
                if member.offset != end and not self._is_padding(end, member.offset):
                    damage = f"{member.offset - end:,} bytes at {end:,} are damaged"
                end = self._tar.offset
                name = _plain(member.name)
                members.pop(name, None)
                links.pop(name, None)
                if name and member.isreg():
                    members[name] = member
                elif name and (member.issym() or member.islnk()):
                    folder = posixpath.dirname(name) if member.issym() else ""
                    links[name] = posixpath.normpath(posixpath.join(folder, member.linkname))
            if not damage and not self._is_padding(end):
                damage = f"damaged from byte {end:,} on"
        except BROKEN as error:
            damage = damage or f"{reason(error)}, after {len(members):,} members"
        super().__init__(members, links, damage)

    def _is_padding(self, begin, end=None):
        """Whether the bytes between members are padding, or the global header at the start of git's archives."""
        self._tar.fileobj.seek(begin)
        gap, left = b"", (2**63 if end is None else end) - begin
        while len(gap) <= 2 * tarfile.BLOCKSIZE and (piece := self._tar.fileobj.read(min(_PIECE, left))):
            gap, left = (gap + piece).strip(b"\0"), left - len(piece)
        return not gap or (gap[156:157] == tarfile.XGLTYPE and len(gap) <= 2 * tarfile.BLOCKSIZE)

    def stream(self, name):
        return self._tar.extractfile(self._members[name])


def _plain(name):
    """A member's name without ./, / and // that say nothing. Empty if no file can have the name."""
    if len(name) > _LONGEST_PATH or name.count("/") > _DEEPEST:
        return ""
    if name.startswith(("/", ".")) or name.endswith("/") or "//" in name or "/./" in name:
        return "/".join(part for part in name.split("/") if part not in ("", "."))
    return name


def _follow_links(members, links):
    """Adds the files to which links lead. Returns how many links lead nowhere, or out of the archive.

    members: {name: member}. links: {name: path}. Paths begin at the archive's root. A link to a folder adds nothing, because the
    folder's files are members already.
    """
    folders = {"."}
    for name in members:
        while (name := posixpath.dirname(name)) and name not in folders:
            folders.add(name)
    targets = {name: _target(name, links) for name in links}
    members.update({name: members[target] for name, target in targets.items() if target in members})
    return sum(name not in members and target not in folders for name, target in targets.items())


def _target(path, links):
    """Where a path leads when all links on it are followed. None if they lead round."""
    for _ in range(_LONGEST_CHAIN):
        if len(path) > _LONGEST_PATH or path.count("/") > _DEEPEST:
            return None
        ends = [n for n, letter in enumerate(path) if letter == "/"] + [len(path)]
        link = next((path[:end] for end in ends if path[:end] in links), None)
        if link is None:
            return path
        path = posixpath.normpath(links[link] + path[len(link) :])
    return None
