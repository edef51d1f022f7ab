"""Packed data sets: one memory-mapped uint8 .npy, its labels, and a JSON manifest that records what they were made of.

`load_or_pack` takes a `PackingJob`, which knows a source and converts it to rows of images.
"""

import json
import os
import re
from typing import NamedTuple
from typing import Protocol

import numpy as np

import tfgan
from tfgan.common import files
from tfgan.common import places
from tfgan.datasets import unread
from tfgan.datasets.writer import Writer
from tfgan.errors import UserError

_FORMAT = 1  # the version of the packed files; another version is packed again
_TOLERATED = 0.05  # share of damaged pictures that is skipped with a warning


class Data(NamedTuple):
    """A data set's images and labels."""

    images: np.ndarray  # uint8 [N, h, w, c], memory-mapped where it was packed
    labels: np.ndarray | None = None  # int32 [N], indices of label_names; or uint8 [N, label_names], 1 if the label applies
    label_names: tuple = ()
    sha256: str = ""  # of the images


class PackingJob(Protocol):
    """Knows a source of images and converts it to rows."""

    source: str  # the source in words, for messages
    settings: dict  # JSON values that determine the pixels
    keep_going: bool  # whether to accept more than 5% of damaged pictures

    def stamp(self):
        """JSON values, quick to compute, that change whenever the source may have changed."""

    def checksum(self):
        """The checksum of the source's content, as JSON values."""

    def write(self, writer):
        """Writes all rows to a `Writer`. Returns (label names, checksum)."""


def load_or_pack(job, name, data_dir):
    """The `Data` in NAME.npy of a packed folder of data_dir. It is packed first, unless it was made from the same source.

    An array of other images stays, because runs were trained on it. The new one is then NAME-2.npy, NAME-3.npy and so on.

    job: a `PackingJob`. Damaged pictures are skipped with a warning. Raises UserError if there are more than 5% of them and
    the job does not accept that, and if the source cannot be read or the array cannot be written.
    """
    paths = [folder / f"{name}.npy" for folder in places.packed_folders(data_dir)]
    for path in paths:
        if array := _find(path, job, "stamp"):
            return _open(*array)
    path = paths[0]
    if path.parent != data_dir / "packed":
        print(f"The packed images go into {path.parent}")
    try:
        with files.exclusive_lock(path.parent / f".{name}.lock", f"Another process is packing {path}; waiting for it"):
            return _load_if_current(path, job) or _pack(path, job)
    except OSError as error:
        if array := _find(path, job, "checksum"):
            return _open(*array)  # the data are current; only the stamp in the manifest cannot be updated
        reason = error.strerror or error
        raise UserError(f"cannot pack {job.source} into {path}: {reason}; fix that, or give another --packed-dir") from error


def count_current(job, name, data_dir):
    """How many images were packed under that name from the job's source as it is now, as far as its stamp tells; or 0."""
    arrays = (_find(folder / f"{name}.npy", job, "stamp") for folder in places.packed_folders(data_dir))
    return next((manifest["count"] for _, manifest in filter(None, arrays)), 0)


def load_packed(name, data_dir, is_wanted):
    """The newest `Data` that was packed under this name, even if its source is gone; None if there is none.

    is_wanted: manifest -> whether it is that of the array.
    """
    arrays = [array for folder in places.packed_folders(data_dir) for array in _arrays(folder / f"{name}.npy").items()]
    array = next((array for array in arrays if is_wanted(array[1])), None)
    return array and _open(*array)


def list_manifests(prefix, data_dir):
    """{name: manifest} of the complete packed arrays whose names begin with PREFIX-."""
    paths = [path for folder in places.packed_folders(data_dir) for path in sorted(folder.glob(f"{prefix}-*.npy"))]
    manifests = {path.stem: _manifest(path) for path in paths}
    return {name: manifest for name, manifest in manifests.items() if manifest}


def find_by_sha256(sha256, data_dir):
    """The `Data` of the packed array whose images have this SHA-256, or None."""
    for folder in places.packed_folders(data_dir):
        for path in sorted(folder.glob("*.npy")):
            manifest = _manifest(path)
            if manifest and manifest["sha256"] == sha256:
                return _open(path, manifest)
    return None


def _arrays(path, settings=None):
    """{path: manifest} of the complete arrays NAME.npy, NAME-2.npy and so on, the newest first. path: of the first."""
    pattern = re.compile(rf"{re.escape(path.stem)}(-(\d+))?\.npy")
    try:
        names = {int(match[2] or 1): name for name in os.listdir(path.parent) if (match := pattern.fullmatch(name))}
    except OSError:
        return {}
    paths = [path.with_name(names[number]) for number in sorted(names, reverse=True)]
    return {each: manifest for each in paths if (manifest := _manifest(each, settings))}


def _destination(path, arrays, sha256):
    """Where an array of images with this SHA-256 goes: in place of the same images, or else behind the newest of the others."""
    if same := [each for each, manifest in arrays.items() if manifest["sha256"] == sha256]:
        return same[0]
    if not arrays:
        return path
    newest = next(iter(arrays)).stem.removeprefix(path.stem)  # "", "-2", "-3" and so on
    return path.with_name(f"{path.stem}-{int(newest[1:] or 1) + 1}.npy")


def _find(path, job, key):
    """(path, manifest) of the array that was made from the job's current source, or None. path: of the first array.

    key: what tells this, "stamp" or "checksum".
    """
    arrays = _arrays(path, job.settings)
    current = getattr(job, key)() if arrays else None
    return next((array for array in arrays.items() if array[1][key] == current), None)


def _load_if_current(path, job):
    """The `Data` that was made from the job's current source, or None if it must be packed. path: of the first array."""
    if array := _find(path, job, "stamp"):
        return _open(*array)
    stamp = job.stamp()
    if array := _find(path, job, "checksum"):
        _write_manifest(array[0], {**array[1], "stamp": stamp})  # the source was touched, but has the same content
        return _open(*array)
    return None


def _manifest(path, settings=None):
    """The manifest of the packed array at that path. None if either is missing or incomplete, or if the settings differ."""
    try:
        manifest = json.loads(path.with_suffix(".json").read_text())
        images = np.load(path, mmap_mode="r")
        labels = np.load(_labels_path(path)) if manifest["label_names"] else images
        complete = list(images.shape) == [manifest["count"], *manifest["shape"]] and len(labels) == len(images)
        settings = manifest["settings"] if settings is None else settings
        return manifest if complete and (manifest["format"], manifest["settings"]) == (_FORMAT, settings) else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def _open(path, manifest):
    if manifest["rejected"]:
        share = _fraction(manifest["rejected"], manifest["count"])
        print(f"Warning: {share} in {manifest['source']} cannot be read and are skipped; see {_rejects_path(path)}")
    for note in manifest.get("notes", ()):
        print(note)
    names = tuple(manifest["label_names"])
    return Data(np.load(path, mmap_mode="r"), np.load(_labels_path(path)) if names else None, names, manifest["sha256"])


def _pack(path, job):
    stamp = job.stamp()  # taken before reading: a change during the reading is noticed next time
    with Writer(path) as writer:
        label_names, checksum = job.write(writer)
        count, damaged = writer.count, len(writer.rejects)
        refused = not count or (damaged > _TOLERATED * (count + damaged) and not job.keep_going)
        others = _arrays(path)
        path = writer.path = _destination(path, others, None if refused else writer.sha256)
        _write_rejects(path, writer.rejects)
        if refused:
            raise UserError(_refusal(path, job, count, writer.rejects))
        # The old manifest is removed before the old array, and the new manifest is written last. Each step is on the disk before
        # the next one, so that a manifest never describes a different array.
        path.with_suffix(".json").unlink(missing_ok=True)
        _labels_path(path).unlink(missing_ok=True)
        files.fsync(path.parent)
        if label_names:
            labels = np.array(writer.labels)
            with files.atomic_write(_labels_path(path)) as file:
                np.save(file, labels.astype(np.int32 if labels.ndim == 1 else np.uint8))
        if path not in others:  # the same images stay as they are, since a run may be reading them
            writer.publish()
    manifest = {
        "format": _FORMAT,
        "settings": job.settings,
        "source": job.source,
        "stamp": stamp,
        "checksum": checksum,
        "count": count,
        "shape": writer.shape,
        "sha256": writer.sha256,
        "label_names": list(label_names),
        "rejected": damaged,
        "notes": [*writer.notes, *writer.exposure()],
        "tfgan": tfgan.__version__,
    }
    _write_manifest(path, manifest)
    if path not in others:
        for other in others:
            print(f"{other} stays, for the runs that were trained on its images")
    return _open(path, manifest)


def _refusal(path, job, count, rejects):
    """What to say of a source of which too little could be read. path: of the array that there would have been."""
    most, where = unread.main_reason(rejects), f"the reasons are in {_rejects_path(path)}"
    if not count:
        return f"none of the {len(rejects):,} pictures in {job.source} can be read{most}; {where}"
    share = f"{_fraction(len(rejects), count)} in {job.source} cannot be read, more than {_TOLERATED:.0%}"
    return f"{share}{most}; {where}. Repair them, or leave them out with --keep-going"


def _write_manifest(path, manifest):
    with files.atomic_write(path.with_suffix(".json")) as file:
        file.write(json.dumps(manifest, indent=1).encode())


def _write_rejects(path, rejects):
    _rejects_path(path).unlink(missing_ok=True)
    if rejects:
        lines = [f"{' '.join(name.split())}\t{' '.join(reason.split())}\n" for name, reason in rejects]
        with files.atomic_write(_rejects_path(path)) as file:
            file.write("".join(lines).encode(errors="backslashreplace"))


def _labels_path(path):
    return path.with_name(f"{path.stem}.labels.npy")


def _rejects_path(path):
    return path.with_name(f"{path.stem}.rejected.txt")


def _fraction(damaged, count):
    return f"{damaged:,} of {count + damaged:,} pictures"
