"""Features of real images, stored so that they are extracted only once."""

import contextlib

import numpy as np

from tfgan.common import files
from tfgan.quality import classifier
from tfgan.quality import protocols


def load_or_extract(extractor, images, name, about, data_dir):
    """{"features": [N, d]} of images, and their "probabilities" if the `Extractor` knows classes.

    They are stored in data_dir/features, if that can be written. name: what the images are, the beginning of the file's name.
    about: what identifies the images and the "features", a dict for JSON.
    """
    path = data_dir / "features" / f"{name}-{about['features']}-{protocols.digest(about)}.npz"
    found = classifier.read_arrays(path)
    if found is not None and len(found.get("features", ())) == len(images):
        return found
    features, probabilities = extractor(images)
    found = {"features": features} | ({} if probabilities is None else {"probabilities": probabilities})
    lock, waiting = path.with_suffix(".lock"), f"Another process is writing {path}; waiting for it"
    with contextlib.suppress(OSError), files.exclusive_lock(lock, waiting), files.atomic_write(path) as file:
        np.savez(file, **found)
    return found
