"""Writes samples while they are made: as one picture, an archive of arrays, or a folder of pictures."""

import contextlib
import math
import pathlib
import tempfile
import zipfile

import numpy as np

from tfgan.common import files
from tfgan.common import images
from tfgan.errors import UserError

FORMATS = ("png", "npz", "folder")
_LARGEST_GRID = 10_000  # the most images in one picture


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


@contextlib.contextmanager
def open_sink(kind, path, shape, grid=None, **arrays):
    """Yields a function that takes the next images, uint8 [n, h, w, c]. The file or folder appears at the end, complete.

    kind: one of FORMATS. path: must have passed `check_target`. shape: (N, h, w, c) of all images. grid: (rows, columns) of a
    png; None means about square. arrays: {name: array}, written into an npz beside `images`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = {"png": _picture, "npz": _archive, "folder": _folder}[kind]
    with opened(path, shape, grid, arrays) as add:
        yield add


@contextlib.contextmanager
def _picture(path, shape, grid, _):
    count, height, width, channels = shape
    rows = math.isqrt(count)
    rows, columns = grid or (rows, -(-count // rows))
    cells = np.full([rows * columns, height, width, channels], 255, np.uint8)  # the last row may be incomplete
    filled = 0

    def add(batch):
        nonlocal filled
        cells[filled : filled + len(batch)] = batch
        filled += len(batch)

    yield add
    images.save_png(path, images.enlarge(images.grid(cells, rows, columns)))


@contextlib.contextmanager
def _archive(path, shape, _, arrays):
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
def _folder(path, *_):
    number = 0

    def add(batch):
        nonlocal number
        for image in batch:
            images.to_pillow(image).save(part / f"{number:06d}.png")
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
