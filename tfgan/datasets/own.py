"""The user's own pictures: a folder, sub-folders included, a zip or a tar."""

import os
import re
import zlib

from tfgan.datasets import pack
from tfgan.datasets import sources
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.pictures import Picture
from tfgan.datasets.pictures import Pictures
from tfgan.datasets.pictures import classes

_CROP = CentreCrop(None)


def load(info, data_dir, request):
    """Each picture's centre square, upright, resized bilinearly; labelled by its sub-folder where there are several."""
    place = info.path.resolve()
    source = sources.source(place, exclude=[folder for folder in request.exclude if folder != place])

    def select():
        folders = ["/".join(name.split("/")[-2:-1]) for name in source.names]
        labels, names = classes(folders)
        return [Picture(name, label=label) for name, label in zip(source.names, labels, strict=True)], names

    # Two folders of one name are two data sets.
    plain = re.sub(r"[^\w.+-]+", "-", place.name, flags=re.ASCII)
    name = f"own-{plain}-{zlib.crc32(os.fsencode(place)):08x}-{request.size[0]}x{request.size[1]}"
    return pack.packed(Pictures(source, select, request.size, _CROP, request.keep_going), name, data_dir)
