"""A packed array split into shards. Each replica reads its own shards: for data that fit on no single disk."""

import hashlib
import json

import numpy as np

from tfgan.common import files
from tfgan.common.command import in_shell
from tfgan.errors import UserError

_FORMAT = 1
_KEYS = {"dataset", "of_all", "sha256_of_all", "count", "sha256"}


class Shards:
    """The images of some shards as one array, uint8 [N, h, w, c]. Each shard is memory-mapped.

    arrays: those of the shards. of_all: the number of images in all shards. starts: for each replica, how many of these belong
    to the replicas before it; the last entry is of_all.
    """

    def __init__(self, arrays, of_all, starts):
        self._arrays, self._starts = arrays, starts
        self._ends = np.cumsum([len(array) for array in arrays])
        self.of_all = of_all
        self.shape = (int(self._ends[-1]), *arrays[0].shape[1:])
        self.dtype = arrays[0].dtype

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        wanted = np.arange(len(self))[key]
        return self.take(wanted) if wanted.ndim else self.take(wanted[None])[0]

    def take(self, indices, axis=0):
        """The images with these indices, like numpy.take along the first axis."""
        indices = np.asarray(indices)
        found = np.empty((len(indices), *self.shape[1:]), self.dtype)
        which = np.searchsorted(self._ends, indices, "right")
        for number in np.unique(which):
            here = which == number
            array = self._arrays[number]
            found[here] = array.take(indices[here] - (self._ends[number] - len(array)), axis=0)
        return found

    def images_before(self, replica):
        """How many images the replicas before this one have."""
        return self._starts[replica]


def write(data, dataset, name, data_dir, count):
    """Writes a `pack.Data` as data_dir/packed/NAME-00000-of-COUNT.npy and so on, each with a manifest. Returns their paths.

    Shard i has every count-th image from i on, so that each shard has some images of every class. Raises UserError.
    """
    if not 1 <= count <= len(data.images):
        raise UserError(f"--shards is {count}; it must be from 1 to the number of images, {len(data.images):,}")
    paths = [_path(data_dir, name, number, count) for number in range(count)]
    try:
        for number, path in enumerate(paths):
            images = np.ascontiguousarray(data.images[number::count])
            manifest = {
                "format": _FORMAT, "dataset": dataset, "of_all": len(data.images), "sha256_of_all": data.sha256,
                "count": len(images), "sha256": hashlib.sha256(images.data).hexdigest(),
            }  # fmt: skip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
            files.fsync(path.parent)  # otherwise the old manifest could survive a power cut beside the new array
            with files.atomic_write(path) as file:
                np.save(file, images)
            with files.atomic_write(path.with_suffix(".json")) as file:
                file.write(json.dumps(manifest, indent=1).encode())
    except OSError as error:
        raise UserError(f"cannot write {path}: {files.describe_error(error)}; fix that, or give another --data-dir") from error
    return paths


def read(dataset, size, data_dir, count, replica, replicas):
    """The `Shards` that this replica reads of a data set in `count` shards, and the SHA-256 of all images.

    size: (h, w) of the images, or None if the data set has a single size. The replica reads the shards whose number modulo
    `replicas` is `replica`. The other shards need not be here. Raises UserError if one is missing or belongs to other data.
    """
    if count < replicas:
        raise UserError(f"--shards is {count}, but each of {replicas} replicas reads its own shards; make {replicas} or more")
    names = sorted({path.name[: -len("-00000-of-00000.npy")] for path in (data_dir / "packed").glob(f"*-of-{count:05d}.npy")})
    manifests = {}
    for name in names:
        found = [_manifest(_path(data_dir, name, number, count)) for number in range(replica, count, replicas)]
        if any(manifest and manifest["dataset"] == dataset for manifest in found):
            manifests[name] = found
    names = [name for name in manifests if size is None or name.endswith(f"-{size[0]}x{size[1]}")]
    if len(names) != 1:
        found = f"{', '.join(manifests) or f'no shards of {dataset}'} in {count} shards for replica {replica} of {replicas}"
        wanted = f"--image-size {size[0]} " if size else ""
        options = f"{wanted}--shards {count} --data-dir {in_shell(data_dir)}"
        how = f"python -m tfgan.datasets {in_shell(dataset)} {options} makes the right ones"
        raise UserError(f"{data_dir}/packed has {found}; {how}")
    (name,) = names
    numbers = range(replica, count, replicas)
    if absent := [number for number, manifest in zip(numbers, manifests[name], strict=True) if manifest is None]:
        path = _path(data_dir, name, absent[0], count)
        raise UserError(f"{path} is missing or incomplete; replica {replica} of {replicas} needs it: copy it and its .json here")
    if len({(manifest["of_all"], manifest["sha256_of_all"]) for manifest in manifests[name]}) > 1:
        raise UserError(f"the shards of {name} in {data_dir}/packed come from different data; make all of them again")
    of_all = manifests[name][0]["of_all"]
    rows = [len(range(number, of_all, count)) for number in range(count)]
    starts = np.cumsum([0, *(sum(rows[other::replicas]) for other in range(replicas))]).tolist()
    arrays = [np.load(_path(data_dir, name, number, count), mmap_mode="r") for number in numbers]
    return Shards(arrays, of_all, starts), manifests[name][0]["sha256_of_all"]


def _path(data_dir, name, number, count):
    return data_dir / "packed" / f"{name}-{number:05d}-of-{count:05d}.npy"


def _manifest(path):
    """The manifest of the shard at that path. None if either is missing or incomplete."""
    try:
        manifest = json.loads(path.with_suffix(".json").read_text())
        complete = len(np.load(path, mmap_mode="r")) == manifest["count"]
        return manifest if complete and manifest["format"] == _FORMAT and manifest.keys() >= _KEYS else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
