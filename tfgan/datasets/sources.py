"""Sources of data: a folder, an archive or a single file, read in place, with the archives that lie inside.

`open_source` opens what lies at a path by what it is, not by its name. Archives are never extracted: names are labels.
"""

import collections
import functools
import posixpath

from PIL import features

from tfgan.datasets import archives
from tfgan.datasets import unread
from tfgan.datasets.archives import ARCHIVES
from tfgan.datasets.folders import Folder
from tfgan.datasets.folders import SingleFile
from tfgan.datasets.folders import UnreadableMember
from tfgan.datasets.folders import is_visible
from tfgan.datasets.folders import reading
from tfgan.errors import UserError

_AVIF = (".avif",) if features.check("avif") else ()
PICTURES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
    ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".mpo", *_AVIF,
)  # fmt: skip
_NO_PICTURES = (  # whose first bytes may be those of a picture or archive, by chance or because they hold one
    ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".htm", ".svg", ".py", ".ipynb", ".log",
    ".ini", ".pdf", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".jar", ".apk", ".whl", ".npy", ".npz", ".mat",
    ".db", ".pkl", ".pt", ".pth", ".ckpt", ".keras", ".h5", ".mp4", ".mov", ".avi", ".psd", ".cr2", ".nef", ".arw", ".dng",
    ".z01",
)  # fmt: skip
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  \r\n", b"\xff\x4f\xff\x51")
_DEEPEST = 3  # archives in archives
_MOST_FILES = 2**21  # in archives inside; more may be an archive that holds itself again and again
_OPEN = 64  # archives at a time
_PICTURE = "picture"
_BROKEN_LINKS, _EXTRACTED, _TWICE = "links that lead nowhere", "archives extracted beside them", "files that archives also hold"
_ONE = {_BROKEN_LINKS: "link that leads nowhere", _EXTRACTED: "archive extracted beside it"}


def open_source(path, exclude=(), only=None):
    """The `Source` at that path: a folder, an archive or a single file. Raises UserError if it is of a kind that is not read.

    exclude, only: see `Folder`.
    """
    if path.is_dir():
        return Source(path, Folder(path, exclude, only))
    if path.is_file() and not path.stat().st_size:
        raise UserError(f"{path} is empty (0 bytes); get it again")
    if reason := unread.refusal(path):
        raise UserError(reason)
    return Source(path, SingleFile(path))


def in_words(counter):
    """Counts by kind in words: "100 .txt, 3 links that lead nowhere"."""
    return ", ".join(f"{count:,} {_ONE.get(kind, kind) if count == 1 else kind}" for kind, count in counter.most_common())


class Source:
    """The files of a folder, an archive or a single file, and of the archives inside.

    `path`: of the folder or file. The rest is listed when it is first asked for, by `_Listing`, which says what there is.
    """

    def __init__(self, path, outer):
        self.path = path
        self._outer = outer  # the `Folder` or `SingleFile`

    def stamp(self):
        """JSON values that change when a file is added, removed, renamed, resized or touched. No file is opened."""
        return self._outer.stamp()

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._listing, name)

    @functools.cached_property
    def _listing(self):
        return _Listing(self._outer)


class _Listing:
    """What a `Source` holds.

    `files`: the names of all files, in order; those of an archive inside are ARCHIVE.zip/cats/1.jpg. `names`: those that are
    pictures, by their suffixes or, where these tell nothing, by their first bytes. `others`: a Counter of the rest, by kind.
    `damage`: what is wrong with an archive as a whole, or None. `labels`: {name: label} that archives themselves give, as Parquet
    does. `label_order`: all such labels in the order in which they were published, or ().
    """

    def __init__(self, outer):
        self._outermost = _open_single(outer) if isinstance(outer, SingleFile) else outer
        self._open_again = functools.lru_cache(_OPEN)(self._container)
        self._prefixes = {}  # name: the part of it that is the archive's
        self._outer = {"": None}  # prefix: that of the folder or archive in which the archive lies
        self._inside = 0  # files in archives inside
        self._pictures, self.others = set(), collections.Counter()
        self.damage, self.labels, self.label_order = None, {}, ()
        self.files = self._add("", 0)
        self.names = [name for name in self.files if name in self._pictures]

    def read(self, name):
        """The file's bytes. Raises UnreadableMember."""
        prefix = self._prefixes[name]
        return self._open_again(prefix).read(name[len(prefix) :])

    def open(self, name):
        """The file as a binary one, seekable. Raises UnreadableMember."""
        prefix = self._prefixes[name]
        return self._open_again(prefix).open(name[len(prefix) :])

    def location(self, name):
        """(path, size): the arguments of `read_file` for that name. None if it lies in an archive."""
        return self._outermost.location(name) if not self._prefixes[name] else None

    def _container(self, prefix):
        """The folder or archive whose files' names begin so. A few stay open, because there may be thousands."""
        outer = self._outer[prefix]
        return archives.open_archive(self._open_again(outer), prefix[len(outer) : -1]) if prefix else self._outermost

    def _add(self, prefix, depth):
        """Adds the files of a folder or archive, and of those inside. Returns their names in order."""
        container, names = self._open_again(prefix), []
        own = [name for name in container.names if is_visible(name)]
        kinds = {name: kind for name in own if (kind := _kind(container, name))}
        inside, passed_over = {}, set()
        for name in [name for name, kind in kinds.items() if kind != _PICTURE]:
            if depth == _DEEPEST:
                self.others[f"archives more than {_DEEPEST} deep"] += 1
                passed_over.add(name)
            elif (files := self._add_archive(container, prefix, name, depth, passed_over)) is not None:
                inside[name] = files
        for name in own:
            if name in inside:
                names += inside[name]
            elif name not in passed_over:
                names.append(prefix + name)
                self._prefixes[names[-1]] = prefix
                if kinds.get(name) == _PICTURE:
                    self._pictures.add(prefix + name)
                else:
                    self.others[_suffix(name) or "without a suffix"] += 1
        self.others += collections.Counter({_BROKEN_LINKS: container.broken_links})
        self.damage = self.damage or (container.damage and f"{prefix[:-1]}: {container.damage}".removeprefix(": "))
        self.labels |= {prefix + name: label for name, label in container.labels.items()}
        self.label_order = self.label_order or container.label_order
        return names

    def _add_archive(self, container, prefix, name, depth, passed_over):
        """Adds the files of an archive inside, and returns their names, or None if it is a single file or is not used.

        Adds to passed_over what does not count for itself then.
        """
        inner = f"{prefix}{name}/"
        self._outer[inner] = prefix
        try:
            if self._inside > _MOST_FILES:
                raise UnreadableMember(f"there are more than {_MOST_FILES:,} files in archives")
            archive = self._open_again(inner)
            if archive is None:
                return None
            complete, loose = _beside(container, name, archive)
        except (UnreadableMember, UserError) as error:
            self.others[f"{_suffix(name)} that cannot be read ({error})".strip()] += 1
            passed_over.add(name)
            return None
        self._inside += 1 + len(archive.names)
        self.others += collections.Counter({_EXTRACTED: complete, _TWICE: len(loose)})
        passed_over |= {name} if complete else loose
        return None if complete else self._add(inner, depth + 1)


def _open_single(file):
    """The archive that a `SingleFile` is, or the file itself."""
    path = file.file
    try:
        return archives.open_archive(file, path.name) or file
    except UnreadableMember as error:
        if getattr(error.__cause__, "errno", None):
            raise UserError(f"cannot read {path}: {error}; allow it, or give another") from error
        hint = "get it again, or extract what you can to a folder"
        raise UserError(f"{path} is not a complete archive ({error}); {hint}") from error


def _kind(container, name):
    """Of a file: _PICTURE, the kind of archive, or None."""
    suffix = _suffix(name)
    if suffix in PICTURES:
        return _PICTURE
    if suffix in _NO_PICTURES or not container.size(name):
        return None
    try:
        with reading(), container.stream(name) as stream:
            if _begins_picture(stream.read(archives.HEAD)):
                return _PICTURE
            stream.seek(0)
            return archives.kind_of(stream, name)[0]
    except UnreadableMember:  # opening an archive tells what is wrong
        return archives.kind_by_name(name)


def _begins_picture(head):
    """Whether these are the first bytes of a picture."""
    return (
        head.startswith(_BEGINNINGS)
        or (head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace())
        or (head[:2] == b"BM" and head[6:10] == bytes(4))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and (b"avif" in head[8:40] or b"avis" in head[8:40]) and bool(_AVIF))
    )


def _suffix(name):
    return posixpath.splitext(name)[1].lower()


def _beside(container, name, archive):
    """(whether an archive's files lie extracted beside it or in the folder of its stem, those that do if some do not).

    A file counts as extracted if it has the same size. What is no picture and no archive, such as a readme, may be missing.
    """
    folder, _, file = name.rpartition("/")
    stem = next((file[: -len(suffix)] for suffix in ARCHIVES if file.lower().endswith(suffix)), "")
    visible = [member for member in archive.names if is_visible(member)]
    members = [member for member in visible if _suffix(member) not in _NO_PICTURES] or visible
    loose = set()
    for base in ([folder], [folder, stem]):
        front = "".join(f"{part}/" for part in base if part)
        sizes = {member: container.size(front + member) for member in members}
        same = {front + member: member for member, size in sizes.items() if size is not None and size == archive.size(member)}
        sample = sorted(same)[:: len(same) // 2 or 1]  # BMPs of one name and size need not be the same
        if same and all(container.read(name) == archive.read(same[name]) for name in sample):
            if len(same) == len(members):
                return True, set()
            loose |= same.keys()
    return False, loose
