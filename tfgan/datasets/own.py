"""The user's own pictures: a folder with its sub-folders, an archive, or a file that holds images."""

import functools
import itertools
import os
import pathlib
import re
import types
import zlib

from tfgan.common import images
from tfgan.common import places
from tfgan.datasets import arrays
from tfgan.datasets import celeba
from tfgan.datasets import dogs
from tfgan.datasets import forms
from tfgan.datasets import labels
from tfgan.datasets import mnist
from tfgan.datasets import pack
from tfgan.datasets import pictures
from tfgan.datasets import sources
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.folders import read_file

_CROP = CentreCrop(None)
_DOGS = "Stanford Dogs: each dog is cropped and named as --dataset dogs does"
_USUAL_FOLDERS = "data", "logs", "out"  # of tfgan


def load(info, data_dir, request):
    """Each picture's centre square, upright, resized bilinearly; or an array's images. `labels` selects pictures and classes."""
    place = pathlib.Path(os.path.abspath(info.path))  # not resolved: a link's own name is the informative one
    source = _open(place, place.stat().st_mtime_ns, (*request.exclude, *places.packed_folders(data_dir)))
    # The checksum of the path distinguishes folders of the same name.
    plain = re.sub(r"[^\w.+-]+", "-", place.name, flags=re.ASCII)[:80]
    name = f"own-{plain}-{zlib.crc32(os.fsencode(place)):08x}-{request.size[0]}x{request.size[1]}"
    stamp = [source.stamp()]

    def is_current(manifest):  # so that an array that is there needs no look at what its source holds
        of_pictures = "size" in manifest["settings"]
        channels = manifest["settings"].get("channels", 3) if of_pictures else request.channels
        return manifest["stamp"] == stamp and channels == request.channels

    data = None if _beside(place) else pack.load_packed(name, data_dir, is_current)
    data = data or pack.load_or_pack(_job(source, request), name, data_dir)
    if words := mnist.split_of_images(data.sha256):
        print(f"{place} holds {words}")
    return data


def _beside(place):
    """Whether labels or boxes of a data set with a name lie beside a place. They belong to it, and may change."""
    return any(forms.matches(form, place.parent) for form in (*celeba.BESIDE, *dogs.BESIDE))


def _open(place, changed, exclude):
    return sources.open_source(place, exclude=exclude) if place.is_dir() else _open_file(place, changed)


@functools.lru_cache(maxsize=1)  # so that an archive is listed once
def _open_file(place, changed):
    return sources.open_source(place)


@functools.lru_cache
def are_grey(path, changed):
    """Whether the images at a path are grey, as far as a sample tells. changed: when it was, since the answer is remembered."""
    source = _sample(path)
    if not source.names:
        source = _open(pathlib.Path(path), changed, _USUAL_FOLDERS)
    return pictures.are_grey(source) if source.names else any(array.shape[3:] == (1,) for array in arrays.find(source))


def _sample(path):
    """Some pictures of a folder, from all over it: `names` and `read` as of a source, without the time that listing all takes."""
    names, skipped = [], [*map(os.path.abspath, _USUAL_FOLDERS)]
    for here, below, files in itertools.islice(os.walk(path, followlinks=True), 256):
        folders = sorted(each for each in below if each[0] != "." and os.path.join(here, each) not in skipped)
        below[:] = [folders[row] for row in images.evenly_spaced(8, len(folders))]
        files = sorted(each for each in files if each[0] != "." and each.lower().endswith(sources.PICTURES))
        names += [os.path.join(here, files[row]) for row in images.evenly_spaced(4, len(files))]
    names = [name for name in names if os.path.isfile(name)]
    return types.SimpleNamespace(names=names, read=lambda name: read_file(name, os.path.getsize(name)))


def _job(source, request):
    """The `pack.PackingJob` of a source: that of a data set with a name, if it is one, of its pictures, or else of its arrays."""
    for known, words in ((celeba, "CelebA's faces: each is cropped as --dataset celeba does"), (dogs, _DOGS)):
        if source.names and known.recognizes(source):
            print(f"{source.path} holds {words}", flush=True)
            return known.job(source, request, source.path.parent)
    if not source.names and (of_arrays := arrays.find(source)):
        return arrays.ArrayPackingJob(arrays.choose(of_arrays), request.size, request.keep_going)
    settings = request.size, _CROP, request.keep_going
    return pictures.PicturePackingJob(source, lambda: labels.select(source), *settings, channels=request.channels)
