"""Where samples go as they are made: one picture, an archive of arrays, a folder of pictures."""

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
_LARGEST_GRID = 10_000  # images in one picture


def check_target(kind, path, count, grid):
    """Raises UserError where that many images cannot go there."""
    if kind == "folder":
        if path.is_dir() and any(path.iterdir()):
            raise UserError(f"{path} is not empty; give another folder with --to, or remove it")
        if path.exists() and not path.is_dir():
            raise UserError(f"{path} is a file; give a folder with --to")
        return
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a file with --to, or --format folder")
    if path.suffix != f".{kind}":
        raise UserError(f"--to is {path}, but a file of --format {kind} ends in .{kind}")
    cells = grid[0] * grid[1] if grid else count
    if kind == "png" and cells > _LARGEST_GRID:
        raise UserError(f"{cells:,} images are too many for one picture ({_LARGEST_GRID:,}); use --format npz or folder")


@contextlib.contextmanager
def open_sink(kind, path, shape, grid=None, **arrays):
    """Gives a function that takes the next images, uint8 [n, h, w, c]; all is there, whole, after the last of them.

    kind: one of FORMATS; path: which `check` has let pass; shape: (N, h, w, c) of all images together; grid: (rows, columns)
    of a png, or None: about square. arrays: name -> array, further content of an npz, whose `images` are the images.
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
    cells = np.full([rows * columns, height, width, channels], 255, np.uint8)  # the last row may not be full
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
        return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)  # no date: the same content, the same bytes

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
        for picture in part.iterdir():  # into the folder that `check` has seen empty
            picture.replace(place / picture.name)
