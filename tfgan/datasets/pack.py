"""Packed data sets: one uint8 .npy, its labels, and a JSON manifest that says what they were made of; memory-mapped.

`packed` takes a job, which knows a source and how to turn it into rows: `pictures.Pictures`, or MNIST's.
"""

import hashlib
import json
import os
from typing import NamedTuple

import numpy as np

import tfgan
from tfgan.common import files
from tfgan.errors import UserError

_FORMAT = 1  # of what is written here: another one is packed anew
_TOLERATED = 0.05  # share of damaged pictures that is left out with a warning


class Data(NamedTuple):
    """A data set's images, and what is known of each."""

    images: np.ndarray  # uint8 [N, h, w, c], memory-mapped where it was packed
    labels: np.ndarray | None = None  # int32 [N], which of the label_names; or uint8 [N, names], 1 where it applies
    label_names: tuple = ()
    sha256: str = ""  # of the images


def load_or_pack(job, name, data_dir):
    """The `Data` of data_dir/packed/NAME.npy, packed unless it is there and made of the same.

    job.settings: JSON values that decide the pixels. job.source: where from, in words. job.stamp(): cheap, changes
    when the source may have changed. job.checksum(): of its content. job.write(writer): writes all rows and returns
    the label names and the checksum. job.keep_going: without it more than 5% of damaged pictures raise UserError; they
    are left out. Raises UserError where nothing can be read or written.
    """
    path = data_dir / "packed" / f"{name}.npy"
    manifest = _manifest(path, job.settings)
    if manifest and manifest["stamp"] == job.stamp():
        return _open(path, manifest)
    try:
        with files.exclusive_lock(path.parent / f".{name}.lock", f"Another process packs {path}; waiting for it"):
            data = _existing(path, job)
            return _pack(path, job) if data is None else data
    except OSError as error:
        if manifest and manifest["checksum"] == job.checksum():
            return _open(path, manifest)  # what is here is right, and only its manifest's stamp could not be renewed
        reason = error.strerror or error
        raise UserError(f"cannot pack {job.source} into {path}: {reason}; mend that, or give another --data-dir") from error


def load_packed(name, data_dir, settings):
    """The `Data` packed before under that name with these settings, whatever became of its source; None without one."""
    path = data_dir / "packed" / f"{name}.npy"
    manifest = _manifest(path, settings)
    return manifest and _open(path, manifest)


def list_manifests(prefix, data_dir):
    """{name: manifest} of the whole packed arrays whose names begin so."""
    paths = sorted((data_dir / "packed").glob(f"{prefix}-*.npy"))
    found = {path.stem: _manifest(path) for path in paths}
    return {name: manifest for name, manifest in found.items() if manifest}


def find_by_sha256(sha256, data_dir):
    """The `Data` of the packed array whose images have that SHA-256, or None."""
    for path in sorted((data_dir / "packed").glob("*.npy")):
        manifest = _manifest(path)
        if manifest and manifest["sha256"] == sha256:
            return _open(path, manifest)
    return None


def _existing(path, job):
    """The Data that is there and is the job's; None where it must be packed."""
    manifest = _manifest(path, job.settings)
    if manifest is None:
        return None
    if manifest["stamp"] != (stamp := job.stamp()):
        if manifest["checksum"] != job.checksum():
            return None
        _write_manifest(path, {**manifest, "stamp": stamp})  # touched or moved, and otherwise the same
    return _open(path, manifest)


def _manifest(path, settings=None):
    """The manifest of the packed array at that path, or None where one of the two is absent, half-made or other."""
    try:
        manifest = json.loads(path.with_suffix(".json").read_text())
        images = np.load(path, mmap_mode="r")
        labels = np.load(_labels(path)) if manifest["label_names"] else images
        whole = list(images.shape) == [manifest["count"], *manifest["shape"]] and len(labels) == len(images)
        settings = manifest["settings"] if settings is None else settings
        return manifest if whole and (manifest["format"], manifest["settings"]) == (_FORMAT, settings) else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def _open(path, manifest):
    if manifest["rejected"]:
        share = _share(manifest["rejected"], manifest["count"])
        print(f"Warning: {share} in {manifest['source']} cannot be read and are left out; see {_rejects(path)}")
    names = tuple(manifest["label_names"])
    return Data(np.load(path, mmap_mode="r"), np.load(_labels(path)) if names else None, names, manifest["sha256"])


def _pack(path, job):
    stamp = job.stamp()  # from before the reading: what changes meanwhile is noticed next time
    with Writer(path) as writer:
        label_names, checksum = job.write(writer)
        _write_rejects(path, writer.rejected)
        count, damaged = writer.count, len(writer.rejected)
        if not count:
            raise UserError(f"none of the {damaged:,} pictures in {job.source} can be read; the reasons are in {_rejects(path)}")
        if damaged > _TOLERATED * (count + damaged) and not job.keep_going:
            raise UserError(
                f"{_share(damaged, count)} in {job.source} cannot be read, more than {_TOLERATED:.0%}; the reasons are in "
                f"{_rejects(path)}. Mend or remove them, or --keep-going trains on the others"
            )
        # The old manifest goes before the old array, and the new one comes last, each on the disk before the next: no manifest
        # ever describes another array.
        path.with_suffix(".json").unlink(missing_ok=True)
        _labels(path).unlink(missing_ok=True)
        files.fsync(path.parent)
        if label_names:
            labels = np.array(writer.labels)
            with files.atomic_write(_labels(path)) as file:
                np.save(file, labels.astype(np.int32 if labels.ndim == 1 else np.uint8))
        digest = writer.publish()
    manifest = {
        "format": _FORMAT,
        "settings": job.settings,
        "source": job.source,
        "stamp": stamp,
        "checksum": checksum,
        "count": count,
        "shape": writer.shape,
        "sha256": digest,
        "label_names": list(label_names),
        "rejected": damaged,
        "tfgan": tfgan.__version__,
    }
    _write_manifest(path, manifest)
    return _open(path, manifest)


class Writer:
    """Writes rows of images one after the other into a file that becomes the array when it is published.

    Through write() and not through a memory map: a full disk is then an OSError and no crash.
    """

    def __init__(self, path):
        self._path = path
        self._part = path.with_suffix(".npy.part")
        self._digest = hashlib.sha256()
        self.shape = None  # [h, w, c]
        self.count = 0
        self.labels = []  # one for each row, where there are any
        self.rejected = []  # (name, reason)

    def __enter__(self):
        self._file = open(self._part, "wb")
        return self

    def __exit__(self, *_):
        self._file.close()
        self._part.unlink(missing_ok=True)

    def add(self, images, labels=()):
        """Appends uint8 [n, h, w, c] with their labels; n may be 0."""
        if self.shape is None:
            self.shape = list(images.shape[1:])
            self._write_header()
        content = np.ascontiguousarray(images).data
        self._file.write(content)
        self._digest.update(content)
        self.count += len(images)
        self.labels.extend(labels)

    def reject(self, name, reason):
        """Notes a picture that is left out."""
        self.rejected.append((name, reason))

    def publish(self):
        """Puts the array in place, whole and on the disk; the SHA-256 of its pixels."""
        self._file.seek(0)
        self._write_header()
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._part, self._path)
        files.fsync(self._path.parent)
        return self._digest.hexdigest()

    def _write_header(self):
        # NumPy leaves room in the header for the first dimension to grow, so that the count can be written at the end.
        header = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(self._file, header)


def _write_manifest(path, manifest):
    with files.atomic_write(path.with_suffix(".json")) as file:
        file.write(json.dumps(manifest, indent=1).encode())


def _write_rejects(path, rejected):
    _rejects(path).unlink(missing_ok=True)
    if rejected:
        lines = [f"{' '.join(name.split())}\t{' '.join(reason.split())}\n" for name, reason in rejected]
        with files.atomic_write(_rejects(path)) as file:
            file.write("".join(lines).encode(errors="backslashreplace"))


def _labels(path):
    return path.with_name(f"{path.stem}.labels.npy")


def _rejects(path):
    return path.with_name(f"{path.stem}.rejected.txt")


def _share(damaged, count):
    return f"{damaged:,} of {count + damaged:,} pictures"
