"""The user's own pictures: a folder with its sub-folders, a zip or a tar."""

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
    """Each picture's centre square, upright, resized bilinearly. Its label is its folder, if there are several folders."""
    place = pathlib.Path(os.path.abspath(info.path))  # not resolved: a link's own name is the informative one
    source = sources.open_source(place, exclude=request.exclude)

    def select():
        folders = [f"{place.name}/{name}".split("/")[-2] for name in source.names]
        labels, names = encode_labels(folders)
        return [Picture(name, label=label) for name, label in zip(source.names, labels, strict=True)], names

    # The checksum of the path distinguishes folders of the same name.
    plain = re.sub(r"[^\w.+-]+", "-", place.name, flags=re.ASCII)[:80]
    name = f"own-{plain}-{zlib.crc32(os.fsencode(place)):08x}-{request.size[0]}x{request.size[1]}"
    return pack.load_or_pack(PicturePackingJob(source, select, request.size, _CROP, request.keep_going), name, data_dir)
