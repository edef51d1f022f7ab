"""Pictures of a source, decoded on all cores: a job for `pack.packed`."""

import collections
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import sys
import time
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from tfgan.datasets.decode import Damaged
from tfgan.datasets.decode import decode
from tfgan.datasets.sources import PICTURES
from tfgan.datasets.sources import Unreadable
from tfgan.errors import UserError

_CHUNK = 32  # pictures that a thread takes at once: handing over single ones costs more than it spreads


class Picture(NamedTuple):
    """One image of a data set."""

    name: str  # of the member of the source
    box: tuple | None = None  # (left, top, right, bottom) of it to take, in pixels; None: the job's crop
    label: object = None  # an int, or a list of ints


class Pictures:
    """The job of packing a source's pictures.

    select: () -> (list of Picture, label names), called only when there is something to pack; size: (h, w); crop: a
    `CentreCrop`; also: further sources that select reads.
    """

    def __init__(self, source, select, size, crop, keep_going, also=()):
        self.source = str(source.path)
        self.settings = settings(size, crop)
        self.keep_going = keep_going
        self._from = source
        self._select = select
        self._size = tuple(size)
        self._crop = crop
        self._also = also

    def stamp(self):
        """Names, sizes and times of all that is read."""
        return [source.stamp() for source in (self._from, *self._also)]

    def checksum(self):
        """SHA-256 of all pictures' names, bytes, boxes and labels; the same in a folder and in an archive."""
        self._verify()
        pictures, _ = self._select()
        digest = hashlib.sha256()
        for picture, content in zip(pictures, map(self._read, pictures), strict=True):
            digest.update(_line(picture, content))
        return digest.hexdigest()

    def write(self, writer):
        """Decodes all pictures into the writer, in order; (label names, checksum)."""
        self._verify()
        pictures, label_names = self._select()
        if not pictures:
            raise UserError(f"{self.source} holds no pictures ({', '.join(PICTURES)}); give a folder or archive that does")
        if self._from.damage:
            self._report_damage(writer)
        digest = hashlib.sha256()
        begin = time.perf_counter()
        with tqdm(total=len(pictures), desc=f"Packing {self.source}", unit=" pictures", disable=not sys.stderr.isatty()) as bar:
            for chunk, outcomes, lines in self._decoded(pictures):
                kept = [(p, o) for p, o in zip(chunk, outcomes, strict=True) if isinstance(o, np.ndarray)]
                if kept:
                    writer.add(np.stack([image for _, image in kept]), [picture.label for picture, _ in kept])
                for picture, outcome in zip(chunk, outcomes, strict=True):
                    if isinstance(outcome, str):
                        writer.reject(picture.name, outcome)
                for line in lines:
                    digest.update(line)
                bar.update(len(chunk))
        seconds = time.perf_counter() - begin
        rate = len(pictures) / seconds
        print(f"Packed {writer.count:,} pictures of {self.source} in {seconds:.1f} s ({rate:,.0f}/s)", flush=True)
        return label_names, digest.hexdigest()

    def _verify(self):
        for source in (self._from, *self._also):
            source.verify()

    def _report_damage(self, writer):
        if not self.keep_going:
            raise UserError(
                f"{self.source} is damaged ({self._from.damage}); get it again, or --keep-going trains on what can be read of it"
            )
        writer.reject(self.source, self._from.damage)

    def _decoded(self, pictures):
        """(pictures, their images or reasons against them, their checksum lines), chunk by chunk and in order."""
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        waiting = collections.deque()
        with warnings.catch_warnings(), concurrent.futures.ThreadPoolExecutor(threads) as pool:
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                for first in range(0, len(pictures), _CHUNK):
                    chunk = pictures[first : first + _CHUNK]
                    contents = map(self._read, chunk)
                    if not self._from.concurrent:
                        contents = list(contents)
                    waiting.append((chunk, pool.submit(self._decode, chunk, contents)))
                    if len(waiting) > threads + 1:  # so many chunks in memory, and no more
                        done, future = waiting.popleft()
                        yield done, *future.result()
                for done, future in waiting:
                    yield done, *future.result()
            except BaseException:  # Ctrl-C and all else: what has not begun need not
                pool.shutdown(cancel_futures=True)
                raise

    def _read(self, picture):
        """The picture's bytes, or the reason against them."""
        try:
            return self._from.read(picture.name)
        except Unreadable as error:
            return str(error)

    def _decode(self, pictures, contents):
        outcomes, lines = [], []
        for picture, content in zip(pictures, contents, strict=True):
            lines.append(_line(picture, content))
            try:
                outcomes.append(content if isinstance(content, str) else decode(content, self._size, self._crop, picture.box))
            except Damaged as error:
                outcomes.append(str(error))
        return outcomes, lines


def settings(size, crop):
    """What decides the pixels of packed pictures, as JSON has it."""
    return {"size": list(size), "crop": dataclasses.asdict(crop)}


def classes(names):
    """(int label of each, label names) where these names of classes are more than one, else (None of each, ())."""
    found = sorted(set(names))
    if len(found) < 2:
        return [None] * len(names), ()
    index = {name: n for n, name in enumerate(found)}
    return [index[name] for name in names], tuple(found)


def _line(picture, content):
    content = content.encode() if isinstance(content, str) else content
    facts = json.dumps([picture.name, picture.box, picture.label, hashlib.sha256(content).hexdigest()])
    return facts.encode() + b"\n"
