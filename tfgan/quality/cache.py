"""Arrays that are computed of real images alone: they are stored in data/features, so that they are computed only once."""

import contextlib
import zipfile
import zlib

import numpy as np

from tfgan.common import files
from tfgan.common import places
from tfgan.quality import measurements


def load_or_extract(extractor, images, name, about, data_dir):
    """{"features": [N, d]} of images, and their "probabilities" if the `Extractor` knows classes.

    name: what the images are; the file's name begins with it. about: what identifies the images and the features, a dict for
    JSON. They are stored in data_dir/features.
    """

    def extract():
        features, probabilities = extractor(images)
        return {"features": features} | ({} if probabilities is None else {"probabilities": probabilities})

    return load_or_make(extract, lambda arrays: len(arrays.get("features", ())) == len(images), name, about, data_dir)


def load_or_make(make, is_usable, name, about, data_dir):
    """What make() returns, {name: array}. It is stored in data_dir/features, if that can be written.

    is_usable: a function of the arrays in a file that says whether they are all there. name: the beginning of the file's name.
    about: what identifies the images and the "features", a dict for JSON.
    """
    path = places.writable(data_dir) / "features" / f"{name}-{about['features']}-{measurements.digest(about)}.npz"
    arrays = read_arrays(path)
    if arrays is not None and is_usable(arrays):
        return arrays
    arrays = make()
    lock, waiting = path.with_suffix(".lock"), f"Another process is writing {path}; waiting for it"
    with contextlib.suppress(OSError), files.exclusive_lock(lock, waiting), files.atomic_write(path) as file:
        np.savez(file, **arrays)
    return arrays


def read_arrays(path):
    """{name: array} of an .npz file, or None if there is none, or it is damaged."""
    try:
        with np.load(path) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None
