"""The writer of a packed array: its rows one after the other, and what must be told of them."""

import hashlib
import os

import numpy as np

from tfgan.common import files

_DARK = 64  # of 255: images of 12 or 14 bits in 16 have values up to 16 or 64
_RARE = 1 / 1000  # share of values, such as those of a mark in each X-ray


class Writer:
    """Appends rows of images to a temporary file, which becomes the packed array when `publish` is called.

    The file is not memory-mapped: a full disk would then crash the process instead of raising OSError.
    """

    def __init__(self, path):
        self.path = path  # of the packed array
        self._part = path.with_suffix(".npy.part")
        self._digest = hashlib.sha256()
        self.shape = None  # [h, w, c]
        self.count = 0
        self.labels = []  # one for each row, if there are labels
        self.rejects = []  # (name, reason)
        self.notes = []  # lines for the user
        self._values = self._bright = 0  # how many there are, and how many are not nearly black

    def __enter__(self):
        self._file = open(self._part, "wb")
        return self

    def __exit__(self, *_):
        self._file.close()
        self._part.unlink(missing_ok=True)

    @property
    def sha256(self):
        """The SHA-256 of the pixels so far."""
        return self._digest.hexdigest()

    def add(self, images, labels=()):
        """Appends images, uint8 [n, h, w, c], and their labels. n may be 0."""
        if self.shape is None:
            self.shape = list(images.shape[1:])
            self._write_header()
        content = np.ascontiguousarray(images).data
        self._file.write(content)
        self._digest.update(content)
        self.count += len(images)
        self.labels.extend(labels)
        self._values += images.size
        self._bright += np.count_nonzero(images >= _DARK)

    def reject(self, name, reason):
        """Records a picture that is skipped, and why."""
        self.rejects.append((name, reason))

    def note(self, line):
        """Records a line that the user sees whenever the array is opened."""
        self.notes.append(line)

    def exposure(self):
        """Notes of images that show next to nothing throughout: [], or one line."""
        if self._bright > _RARE * self._values:
            return []
        remedy = "if 12 bits lie in 16, give brighter copies: mkdir brighter; mogrify -path brighter -evaluate multiply 16 *.png"
        return [f"Note: the images are nearly black throughout; {remedy}"]

    def publish(self):
        """Gives the complete array its name, once it is on the disk."""
        self._file.seek(0)
        self._write_header()
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._part, self.path)
        files.fsync(self.path.parent)

    def _write_header(self):
        # NumPy reserves space in the header for a larger first dimension, so the count can be filled in at the end.
        header = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(self._file, header)
