"""Decodes the pictures of a source on all cores: a job for `pack.load_or_pack`."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import itertools
import os
import signal
import sys
import time
import warnings
from typing import NamedTuple

import loky
from tqdm import tqdm

from tfgan.datasets import decode
from tfgan.datasets import formats
from tfgan.datasets import sources
from tfgan.datasets import unread
from tfgan.datasets.folders import UnreadableMember
from tfgan.errors import UserError

_CHUNK = 64  # the most pictures that a process decodes at a time
_CHUNK_BYTES = 2**23  # about how many bytes a chunk has at most, with its results: several chunks are in memory
_FEW = 2 * _CHUNK  # for so few pictures, starting processes would take longer than they save
_QUEUED = 2  # chunks for each process: one that it decodes, and one that waits
_AHEAD = 16  # for each process, decoded chunks that wait for an earlier chunk
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}  # for the processes: they need none of the threads that NumPy would start
_SAMPLE = 16  # pictures that tell whether all are grey


class Selection(NamedTuple):
    """What of a source is packed."""

    pictures: list  # of `decode.Picture`
    label_names: tuple = ()
    notes: tuple = ()  # lines for the user
    salt: str = ""  # what else decides the labels, for the checksum


class PicturePackingJob:
    """Packs the pictures of a source. A `pack.PackingJob`.

    source: as `sources.open_source` opens it. select: () -> `Selection`; it is called only when pictures must be packed.
    size: (h, w) in pixels. crop: a `CentreCrop`, or None for the whole picture. also: further sources that select reads.
    channels: 3, or 1 for luminance.
    """

    def __init__(self, source, select, size, crop, keep_going, also=(), channels=3):
        self.source = os.fsencode(source.path).decode(errors="backslashreplace")  # without characters that cannot be printed
        self.settings = pixel_settings(size, crop, channels)
        self.keep_going = keep_going
        self._from = source
        self._select = select
        self._size = tuple(size)
        self._crop = crop
        self._channels = channels
        self._also = also

    def stamp(self):
        """The names, sizes and modification times of all files that are read."""
        return [source.stamp() for source in (self._from, *self._also)]

    def checksum(self):
        """The SHA-256 of all pictures' names, bytes, boxes and labels, in order."""
        pictures, *_, salt = self._select()
        digest = hashlib.sha256(salt.encode())
        for chunk, contents in self._chunks(pictures):
            chunk_digest = hashlib.sha256()
            for picture, content in zip(chunk, contents, strict=True):
                decode.update_digest(chunk_digest, picture, decode.read_content(content))
            digest.update(chunk_digest.digest())
        return digest.hexdigest()

    def write(self, writer):
        """Decodes all pictures and writes them in order. Returns (label names, checksum)."""
        pictures, label_names, notes, salt = self._select()
        if not pictures:
            raise UserError(self._what_is_there())
        for note in notes:
            writer.note(note)
        if damage := self._from.damage:
            if not self.keep_going:
                remedy = "get it again, or use what can be read of it with --keep-going"
                raise UserError(f"{self.source} is damaged ({damage}); {remedy}")
            writer.reject(self.source, damage)
        digest = hashlib.sha256(salt.encode())
        begin = time.perf_counter()
        with tqdm(total=len(pictures), desc=f"Packing {self.source}", unit=" pictures", disable=not sys.stderr.isatty()) as bar:
            for images, labels, rejects, chunk_digest in self._decode_in_order(pictures):
                writer.add(images, labels)
                for name, reason in rejects:
                    writer.reject(name, reason)
                digest.update(chunk_digest)
                bar.update(len(images) + len(rejects))
        seconds = time.perf_counter() - begin
        if writer.count:
            rate = f"{len(pictures) / seconds:,.0f}/s"
            print(f"Packed {writer.count:,} pictures of {self.source} in {seconds:.1f} s ({rate})", flush=True)
        writer.labels, label_names = without_empty_classes(writer.labels, label_names)
        return label_names, digest.hexdigest()

    def _what_is_there(self):
        if self._from.path.is_file() and self._from.files == [self._from.path.name]:
            known = "picture, no archive, and no IDX, .npz, .npy, Parquet or CSV file of pixels"
            return f"{self.source} is no {known}; give such a file"
        others = sources.in_words(self._from.others)
        there = f"{self.source} holds no pictures" + (f", but {others}" if others else "")
        return f"{there}; {unread.refusal_inside(self._from) or 'give a folder or archive that does'}"

    def _decode_in_order(self, pictures):
        """Yields the results of `decode_chunk` for each chunk, in order.

        Several processes decode, because threads would wait for Python's global lock. This process decodes as well.
        """
        chunks = ((*chunk, self._size, self._crop, self._channels) for chunk in self._chunks(pictures))
        others = loky.cpu_count() - 1
        if not others or len(pictures) <= _FEW:
            yield from itertools.starmap(decode.decode_chunk, chunks)
            return
        watch = {"initializer": decode.exit_with_parent, "initargs": (os.getpid(),)}
        executor = loky.ProcessPoolExecutor(others, env=_ENVIRONMENT, **watch)
        try:
            with _block_sigint():  # a terminal sends Ctrl-C to all processes, but this one ends the others
                executor.submit(os.getpid)
            results = collections.deque()  # futures, in order
            for work in chunks:
                if sum(not result.done() for result in results) < _QUEUED * others:
                    results.append(executor.submit(decode.decode_chunk, *work))
                else:
                    results.append(concurrent.futures.Future())
                    results[-1].set_result(decode.decode_chunk(*work))
                while results and (results[0].done() or len(results) > _AHEAD * others):
                    yield results.popleft().result()
            while results:
                yield results.popleft().result()
        except (loky.BrokenProcessPool, MemoryError) as error:
            raise UserError(
                f"a process that decoded pictures of {self.source} was killed, or ran out of memory; free some memory and run "
                "again, or make the largest pictures smaller"
            ) from error
        finally:
            executor.shutdown(kill_workers=True)

    def _chunks(self, pictures):
        """Yields chunks: (some pictures, their contents for `decode_chunk`)."""
        pixels = 3 * self._size[0] * self._size[1]
        chunk, contents, size = [], [], 0
        for picture in pictures:
            content = self._content(picture)
            chunk.append(picture)
            contents.append(content)
            size += content[1] if isinstance(content, tuple) else len(content)
            size += pixels
            if len(chunk) == _CHUNK or size >= _CHUNK_BYTES:
                yield chunk, contents
                chunk, contents, size = [], [], 0
        if chunk:
            yield chunk, contents

    def _content(self, picture):
        """The picture's bytes, the file that the process reads by itself, or the reason why it cannot be read."""
        if location := self._from.location(picture.name):
            return location
        try:
            return self._from.read(picture.name)
        except UnreadableMember as error:
            return str(error)


@contextlib.contextmanager
def _block_sigint():
    """Blocks Ctrl-C inside. Processes started inside never receive it; this one receives it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def pixel_settings(size, crop, channels=3):
    """What determines the pixels of packed pictures, as JSON values. The arguments are those of `decode.decode`."""
    settings = {"size": list(size), "crop": crop and dataclasses.asdict(crop)}
    return settings if channels == 3 else {**settings, "channels": channels}


def are_grey(source):
    """Whether the pictures of a source have no colours, as far as a sample tells."""
    grey = set()
    with warnings.catch_warnings(action="ignore"):  # Pillow's, about unusual files
        for name in source.names[:: len(source.names) // _SAMPLE + 1]:
            with contextlib.suppress(UnreadableMember, formats.DamagedPicture):  # packing tells of them
                grey.add(formats.is_grey(source.read(name)))
    return grey == {True}


def encode_labels(names):
    """Encodes class names as ints: (label of each, label names)."""
    classes = sorted(set(names))
    index = {name: n for n, name in enumerate(classes)}
    return [index[name] for name in names], tuple(classes)


def without_empty_classes(labels, names):
    """(labels, names) without the classes that no image has. With a single class: (None for each, ()). Attributes all stay."""
    numbers = [] if not names or any(isinstance(label, list) for label in labels) else sorted(set(labels))
    if not numbers or len(numbers) == len(names) > 1:
        return labels, names
    if len(numbers) == 1:
        return [None] * len(labels), ()
    index = {number: n for n, number in enumerate(numbers)}
    return [index[label] for label in labels], tuple(names[number] for number in numbers)
