"""What is computed of real images alone, stored so that it is computed only once."""

import contextlib

import numpy as np

from tfgan.common import files
from tfgan.quality import classifier
from tfgan.quality import protocols


def load_or_extract(extractor, images, name, about, data_dir):
    """{"features": [N, d]} of images, and their "probabilities" if the `Extractor` knows classes.

    name, about, data_dir: as `load_or_make` has them; name says what the images are.
    """

    def extract():
        features, probabilities = extractor(images)
        return {"features": features} | ({} if probabilities is None else {"probabilities": probabilities})

    return load_or_make(extract, lambda found: len(found.get("features", ())) == len(images), name, about, data_dir)


def load_or_make(make, is_usable, name, about, data_dir):
    """What make() returns, {name: array}. It is stored in data_dir/features, if that can be written.

    is_usable: function of what a file holds -> whether it is all there. name: the beginning of the file's name. about: what
    identifies the images and the "features", a dict for JSON.
    """
    path = data_dir / "features" / f"{name}-{about['features']}-{protocols.digest(about)}.npz"
    found = classifier.read_arrays(path)
    if found is not None and is_usable(found):
        return found
    found = make()
    lock, waiting = path.with_suffix(".lock"), f"Another process is writing {path}; waiting for it"
    with contextlib.suppress(OSError), files.exclusive_lock(lock, waiting), files.atomic_write(path) as file:
        np.savez(file, **found)
    return found
