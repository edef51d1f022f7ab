"""Parquet files of pictures, as Hugging Face publishes data sets: a container whose members are the rows."""

import bisect
import io
import itertools
import json
import re

from tfgan.common.command import in_shell
from tfgan.datasets.folders import Container
from tfgan.datasets.folders import UnreadableMember
from tfgan.errors import UserError

_AT_ONCE = 64  # rows in memory
_IMAGES = ("image", "img", "jpg", "jpeg", "png", "webp", "picture", "photo", "pixel_values", "image_bytes", "pixels", "data")
_LABELS = ("label", "labels", "class", "target", "fine_label", "category", "cls", "digit", "character", "letter")
_ADDRESSES = ("url", "URL", "image_url", "image_urls", "uri")
_PICTURE_TYPE = re.compile(r"(?:dictionary<values=)?(?:large_)?binary|struct<.*\bbytes: (?:large_)?binary")
_LABEL_TYPE = re.compile(r"u?int|bool|(?:large_)?string|dictionary")
_PLAIN = re.compile(r"(?:.*[/\\])?([^/\\.][^/\\]{0,200}\.(?:jpe?g|png|webp|gif|bmp|tiff?))", re.IGNORECASE)  # a path of a picture
_LONGEST = 200  # characters of a label


class Parquet(Container):
    """The pictures of a Parquet file, one in each row.

    file: open and seekable. place: its path, for messages. The pictures' names are the file names in the column where they are
    plain and distinct, else numbers. Raises UserError if the file is damaged or holds no pictures, or if pyarrow is missing.
    """

    def __init__(self, file, place):
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise UserError("Parquet files need pyarrow, which is not installed: pip install 'tfgan[parquet]'") from error
        self._broken = (pyarrow.ArrowException, OSError, EOFError, ValueError)
        self._group, self._next, self._values = None, 0, None  # where reading is: the row group, the next row, and the rest
        try:
            self._file = parquet.ParquetFile(file, buffer_size=2**20, pre_buffer=False)
            facts, size = self._file.metadata, file.seek(0, io.SEEK_END)
            counts = [facts.row_group(n).num_rows for n in range(facts.num_row_groups)]
            if min(counts, default=0) < 0 or sum(counts) > size:
                raise ValueError(f"it promises {sum(counts):,} rows in {size:,} bytes")
            self._starts = [0, *itertools.accumulate(counts)]
            self._types = {field.name: str(field.type) for field in self._file.schema_arrow}
            self._column = self._find_column(place)
            self._members = {name: row for row, name in enumerate(self._file_names())}
            self.labels, self.label_order = self._read_labels()
        except self._broken as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{place} is not a complete Parquet file ({reason}); download it again") from error

    def stream(self, name):
        """The picture file in that row, open. Raises UnreadableMember."""
        try:
            return io.BytesIO(self._value(self._members[name]))
        except self._broken as error:
            raise UnreadableMember(str(error)[:200] or type(error).__name__) from error

    def size(self, name):
        """Not known before the row is read: -1, which no file has. None if there is no such row."""
        return -1 if name in self._members else None

    def _find_column(self, place):
        """The name of the column of pictures: bytes, or {bytes, path}."""
        pictures = [name for name, kind in self._types.items() if _PICTURE_TYPE.match(kind)]
        if pictures:
            return next((name for name in _IMAGES if name in pictures), pictures[0])
        path = in_shell(place)
        if address := next((name for name in _ADDRESSES if name in self._types), None):
            fetch = f"img2dataset --url_list {path} --input_format parquet --url_col {address} --output_folder pictures"
            raise UserError(f"{place} holds addresses of pictures, not the pictures; fetch them: {fetch}")
        save = "import sys, pyarrow.csv as c, pyarrow.parquet as p; c.write_csv(p.read_table(sys.argv[1]), 'pixels.csv')"
        columns = ", ".join([*self._types][:9]) + (", ..." if len(self._types) > 9 else "")
        raise UserError(f"{place} has no column of picture files ({columns}); if it holds pixels: python -c \"{save}\" {path}")

    def _file_names(self):
        if "path: string" in self._types[self._column]:
            paths = (row and row.get("path") for row in self._column_values(f"{self._column}.path"))
            names = [match[1] for match in itertools.takewhile(bool, (_PLAIN.fullmatch(path or "") for path in paths))]
            if len(set(names)) == self._starts[-1]:
                return names
        return [f"{row:08}.jpg" for row in range(self._starts[-1])]  # whatever its format: the content decides

    def _read_labels(self):
        """({name: label} of the rows that have one, the classes in the published order or ())."""
        column = next((name for name in _LABELS if _LABEL_TYPE.match(self._types.get(name, ""))), None)
        if column is None:
            return {}, ()
        classes, labels = _class_names(self._file.schema_arrow.metadata or {}, column), {}
        for name, value in zip(self._members, self._column_values(column), strict=True):
            is_class = isinstance(value, int) and 0 <= value < len(classes)
            if value not in (None, -1) and len(str(value)) <= _LONGEST:  # -1: none, in published test splits
                labels[name] = classes[value] if is_class else str(value)
        return labels, classes

    def _column_values(self, column):
        return (value.as_py() for value in self._scalars(column, range(len(self._starts) - 1)))

    def _scalars(self, column, groups):
        batches = self._file.iter_batches(_AT_ONCE, row_groups=groups, columns=[column])
        return itertools.chain.from_iterable(batch.column(0) for batch in batches)

    def _value(self, row):
        """A row's picture. Rows are read on from the last one, or else from the begin of their group."""
        group = bisect.bisect_right(self._starts, row) - 1
        if group != self._group or row < self._next:
            self._group, self._next, self._values = group, self._starts[group], self._scalars(self._column, [group])
        value = next(itertools.islice(self._values, row - self._next, None), None)
        self._next = row + 1
        if value is None:
            raise UnreadableMember("the file is damaged before this row")
        value = value.as_py()
        value = value["bytes"] if isinstance(value, dict) else value
        if not value:
            raise UnreadableMember("the row has no picture, or only its path")
        return value


def _class_names(metadata, column):
    """The names of a column's classes in Hugging Face's metadata, or ()."""
    try:
        feature = json.loads(metadata[b"huggingface"])["info"]["features"][column]
        return tuple(map(str, feature["names"]))
    except (KeyError, TypeError, ValueError):
        return ()
