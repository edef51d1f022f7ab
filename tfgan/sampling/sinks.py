"""Writes samples while they are made: as one picture, an archive of arrays, or a folder of pictures."""

import contextlib
import math
import os
import pathlib
import re
import tempfile
import zipfile
from typing import NamedTuple

import numpy as np

from tfgan.common import files
from tfgan.common import images
from tfgan.errors import UserError

FORMATS = ("png", "npz", "folder")
_LARGEST_GRID = 10_000  # the most images in one picture


class Layout(NamedTuple):
    """Where the images lie in one picture."""

    rows: int
    columns: int
    cells: np.ndarray | None = None  # int [N], the cell of each image, counted row by row; None: one image after the other
    names: tuple = ()  # the rows' names, which are written at the left; () without


def check_target(kind, path, count, grid):
    """Raises UserError if `count` images cannot be written there. kind: one of FORMATS; grid: (rows, columns), or None."""
    if kind == "folder":
        if path.is_dir() and any(path.iterdir()):
            raise UserError(f"{path} is not empty; give another folder with --to, or remove it")
        if path.exists() and not path.is_dir():
            raise UserError(f"{path} is a file; give a folder with --to")
        return
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a file with --to, or --format folder")
    if path.suffix != f".{kind}":
        raise UserError(f"--to is {path}, but the name of a file of --format {kind} must end in .{kind}")
    cells = grid[0] * grid[1] if grid else count
    if kind == "png" and cells > _LARGEST_GRID:
        raise UserError(f"{cells:,} images are too many for one picture ({_LARGEST_GRID:,}); use --format npz or folder")


def check_replaced(kind, path, beside, inputs, named):
    """Raises UserError if writing there would replace a file that is read, or one that the user has not named.

    kind: one of FORMATS. path: the file or folder to write. beside: the files that are written beside it. inputs: the files that
    are read. Files are compared, not their names: one file may have several. named: whether --to names the path; otherwise all
    names are tfgan's own.
    """
    parts = [] if kind == "folder" else map(files.part_of, (path, *beside))
    others = [each for each in (*beside, *parts) if each != path]
    for each in (path, *others):
        for source in inputs:
            if each.exists() and os.path.exists(source) and each.samefile(source):
                raise UserError(f"{each} would be replaced, but {source} is read from there; give another --to")
    for each in others:
        if named and os.path.lexists(each):
            raise UserError(f"{each} would be replaced, but --to names only {path}; remove it, or give another --to")


@contextlib.contextmanager
def open_sink(kind, path, shape, layout=None, names=None, **arrays):
    """Yields a function that takes the next images, uint8 [n, h, w, c]. The file or folder appears at the end, complete.

    kind: one of FORMATS. path: must have passed `check_target`. shape: (N, h, w, c) of all images. layout: the `Layout` of a png;
    None means about square. names: what each image shows, N strings, for the names of a folder's files; None without. arrays:
    {name: array}, written into an npz beside `images`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"png": {"layout": layout}, "npz": {"arrays": arrays}, "folder": {"names": names}}[kind]
    sink = {"png": _picture, "npz": _archive, "folder": _folder}[kind]
    with sink(path, shape, **settings) as add:
        yield add


@contextlib.contextmanager
def _picture(path, shape, layout):
    count, height, width, channels = shape
    rows = math.isqrt(count)
    layout = layout or Layout(rows, -(-count // rows))
    cells = np.full([layout.rows * layout.columns, height, width, channels], 255, np.uint8)  # some may stay empty
    places = np.arange(count) if layout.cells is None else layout.cells
    filled = 0

    def add(batch):
        nonlocal filled
        cells[places[filled : filled + len(batch)]] = batch
        filled += len(batch)

    yield add
    picture = images.enlarge(images.grid(cells, layout.rows, layout.columns))
    images.save_png(path, images.name_rows(picture, layout.names) if layout.names else picture)


@contextlib.contextmanager
def _archive(path, shape, arrays):
    def member(archive, name):
        return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)  # no date: equal content, equal bytes

    with files.atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        with member(archive, "images") as rows:
            np.lib.format.write_array_header_1_0(rows, {"descr": "|u1", "fortran_order": False, "shape": shape})
            yield lambda batch: rows.write(np.ascontiguousarray(batch).data)
        for name, array in arrays.items():
            with member(archive, name) as rows:
                np.lib.format.write_array(rows, array)


@contextlib.contextmanager
def _folder(path, _, names):
    number = 0

    def add(batch):
        nonlocal number
        for image in batch:
            images.to_pillow(image).save(part / f"{number:06d}{'' if names is None else _ending(names[number])}.png")
            number += 1

    place = path.resolve()
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as scratch:
        part = pathlib.Path(scratch) / place.name
        part.mkdir()
        yield add
        if not place.exists():
            part.replace(place)
            return
        for picture in part.iterdir():  # the folder exists and is empty, as `check_target` has verified
            picture.replace(place / picture.name)


def _ending(name):
    """A class's name as a part of a file's name: words with dashes between them."""
    words = re.sub(r"\W+", "-", name)
    return f"-{words[:50]}"
