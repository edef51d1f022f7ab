"""The user's own pictures: a folder, sub-folders included, a zip or a tar."""

import os
import pathlib
import re
import zlib

from tfgan.datasets import pack
from tfgan.datasets import sources
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.decode import Picture
from tfgan.datasets.pictures import PicturePackingJob
from tfgan.datasets.pictures import encode_labels

_CROP = CentreCrop(None)


def load(info, data_dir, request):
    """Each picture's centre square, upright, resized bilinearly; labelled by the folder it lies in, where there are several."""
    place = pathlib.Path(os.path.abspath(info.path))  # not resolved: a link has the name that tells what it is
    source = sources.open_source(place, exclude=[folder for folder in request.exclude if folder != place.resolve()])

    def select():
        folders = [f"{place.name}/{name}".split("/")[-2] for name in source.names]
        labels, names = encode_labels(folders)
        return [Picture(name, label=label) for name, label in zip(source.names, labels, strict=True)], names

    # Two folders of one name are two data sets.
    plain = re.sub(r"[^\w.+-]+", "-", place.name, flags=re.ASCII)[:80]
    name = f"own-{plain}-{zlib.crc32(os.fsencode(place)):08x}-{request.size[0]}x{request.size[1]}"
    return pack.load_or_pack(PicturePackingJob(source, select, request.size, _CROP, request.keep_going), name, data_dir)
