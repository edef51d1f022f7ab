"""Where data lie, and where what is made of them goes: beside them, or elsewhere where the data cannot be written."""

import os
import pathlib

USUAL = "DATA_DIR/packed, or data/packed here where that cannot be written"
_HERE = pathlib.Path("data")  # what is made of data goes here where their own folder cannot be written


class DataDir(type(pathlib.Path())):
    """The path of a folder of data sets. `packed_dir`: the folder of their packed arrays, or None where it is the usual one."""

    packed_dir = None


def add_data_options(parser, help="where data sets are"):
    """Adds --data-dir and --packed-dir to a command's options. `data_dir` reads them."""
    parser.add_argument("--data-dir", default="data", help=f"{help} (default data)")
    parser.add_argument("--packed-dir", metavar="FOLDER", help=f"where packed images are (default {USUAL})")


def data_dir(options):
    """The `DataDir` that these options, or a run's settings, name."""
    place = DataDir(options.data_dir)
    place.packed_dir = options.packed_dir and pathlib.Path(options.packed_dir)
    return place


def packed_folders(data_dir):
    """The folders of the packed arrays of a data folder. New ones are written into the first."""
    usual = pathlib.Path(data_dir) / "packed"
    if folder := getattr(data_dir, "packed_dir", None):
        return [folder, usual]
    return [usual] if can_be_written(usual) else [_HERE / "packed", usual]


def writable(data_dir):
    """The data folder, or `data` here where that cannot be written: for what is made of the data."""
    return data_dir if can_be_written(data_dir) else _HERE


def can_be_written(folder):
    """Whether files can be made in the folder, or in the folder above in which it would be made."""
    return os.access(existing_parent(folder), os.W_OK)


def existing_parent(path):
    """The path itself or the nearest folder above it that exists."""
    path = pathlib.Path(path).absolute()
    return next(place for place in (path, *path.parents) if os.path.exists(place))
