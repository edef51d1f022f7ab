"""Downloads files: resumes interrupted downloads, tries several mirrors, verifies checksums, and renames complete files.

pooch does not do the whole job: it cannot resume a broken download.
"""

import contextlib
import itertools
import os
import re
import shutil
import sys
import time
import urllib.parse
from typing import NamedTuple

import requests
import urllib3
from tqdm import tqdm

from tfgan.common import files
from tfgan.errors import UserError

_TIMEOUTS_S = 10, 30  # to connect, and between two answers of a server
_RETRIES = 20  # per mirror, as long as each attempt receives something
_PAUSE_S = 1  # before a retry
_CHUNK = 2**16  # bytes
_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)
_SPARE = 10**7  # bytes of disk that must stay free


class RemoteFile(NamedTuple):
    """A file on the network."""

    name: str
    urls: tuple  # of its mirrors, in the order in which they are tried
    known_hash: str  # "md5:..." or "sha256:..."
    size: int  # in bytes


class _MirrorFailed(Exception):
    """A mirror did not send the file. The message says what it did instead."""


def find_or_fetch(remotes, folder, remedy=None, notes=()):
    """Fetches those of these `RemoteFile`s that are not in `folder`. Raises UserError if that fails.

    remedy: what else can be done then, the rest of a sentence. notes: sentences on what is there instead. A file of 0 bytes is
    what an interrupted program leaves, and counts as absent. Any other file of that name must be the published one: it is never
    overwritten.
    """
    missing = [file for file in remotes if not _size(folder / file.name)]
    for file in remotes:
        algorithm, expected = file.known_hash.split(":")
        if file not in missing and (actual := files.digest(folder / file.name, algorithm)) != expected:
            reason = "; ".join(notes) or (
                f"{folder / file.name} is damaged, or a different file: its {algorithm} is {actual}, not {expected} "
                f"({_size(folder / file.name):,} bytes)"
            )
            raise UserError(f"{reason}. Move it elsewhere and run again{f'; or {remedy}' if remedy else ''}")
    for n, file in enumerate(missing):
        fetch(file, folder, missing[n:], remedy, notes)


def fetch(file, folder, needed=None, remedy=None, notes=()):
    """Fetches a `RemoteFile` into `folder` and returns its path. Tries each mirror in turn.

    The file gets its name once it is complete and verified. Until then its bytes are in NAME.part; after an interruption, any
    process continues there from any mirror. needed: the files to name in the UserError that is raised if all mirrors fail; by
    default only this file. remedy, notes: see `find_or_fetch`.
    """
    path, part = folder / file.name, folder / f"{file.name}.part"
    problems = []
    try:
        waiting = f"Another process is fetching {file.name} into {folder}; waiting for it"
        with files.exclusive_lock(folder / f".{file.name}.lock", waiting):
            if _size(path):  # another process has fetched it meanwhile
                return path
            _check_space(folder, file, file.size - _size(part) + _SPARE)
            for url in file.urls:
                try:
                    _complete(url, file, part)
                except _MirrorFailed as failure:
                    problems.append(f"{urllib.parse.urlsplit(url).netloc}: {failure}")
                else:
                    files.fsync(part)
                    os.replace(part, path)
                    files.fsync(folder)
                    return path
    except OSError as error:
        raise UserError(
            f"cannot write {file.name} into {folder}: {error.strerror or error}; fix that, or give another --data-dir"
        ) from error
    if _size(part):
        problems.append(f"{_mb(_size(part))} of it are in {part}, and the next run continues there")
    by_hand = "; ".join(f"{m.name} ({m.size:,} bytes, {m.known_hash}) from {' or '.join(m.urls)}" for m in needed or [file])
    there = "".join(f" {note}." for note in notes)
    raise UserError(
        f"cannot fetch {file.name} ({'; '.join(problems)}).{there} Check the network; {f'or {remedy}; ' if remedy else ''}"
        f"or put the original into {folder} by hand: {by_hand}"
    )


def _check_space(folder, file, needed):
    if (free := shutil.disk_usage(folder).free) < needed:
        raise UserError(
            f"{file.name} needs {_mb(needed)} of disk space in {folder}, where {_mb(free)} are free; free some, or give another "
            "--data-dir"
        )


def _complete(url, file, part):
    """Completes the partial file from this mirror, and verifies it. Raises _MirrorFailed."""
    algorithm, expected = file.known_hash.split(":")
    retries, own = _RETRIES, False
    while True:
        size = _size(part)
        own = own or not size  # whether all its bytes come from this mirror, as soon as it is complete
        try:
            if size < file.size:  # otherwise only its hash was not compared yet
                _receive(url, file, part, size)
        except _MirrorFailed:
            if _size(part) <= size or not retries:
                raise
            retries -= 1
            time.sleep(_PAUSE_S)
            continue
        if files.digest(part, algorithm) == expected:
            return
        part.unlink()
        if own:
            raise _MirrorFailed(f"it sent a different file (wrong {algorithm})")


def _receive(url, file, part, offset):
    """Appends to the partial file from `offset` on, or rewrites it if the server starts at 0. Raises _MirrorFailed."""
    print(f"Fetching {url}" + (f" from {_mb(offset)} of {_mb(file.size)} on" if offset else ""), flush=True)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUTS_S) as response:
            start = offset if response.headers.get("Content-Range", "").startswith(f"bytes {offset}-") else 0
            if offset and not start and response.status_code in (206, 416):
                return _receive(url, file, part, 0)  # this server does not resume downloads
            if response.status_code != (206 if start else 200):
                raise _MirrorFailed(f"HTTP {response.status_code}")
            length = response.headers.get("Content-Length", str(file.size - start))
            if length != str(file.size - start) or response.headers.get("Content-Type", "").startswith("text/html"):
                raise _MirrorFailed(f"it sends a page or another file, of {length} bytes instead of {file.size - start}")
            _write(response.raw, file, part, start)
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise _MirrorFailed("no answer in time") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _MirrorFailed(type(error).__name__) from error
    if (size := _size(part)) < file.size:
        raise _MirrorFailed(f"it sent {size - start:,} bytes of {file.size - start:,}")


def _write(raw, file, part, start):
    """Writes what a server sends, up to the end of the connection, into the partial file from its byte `start` on.

    Nothing and a page leave the file as it is. Servers often declare a .gz file itself as encoded, so nothing is decoded.
    """
    chunks, first = raw.stream(_CHUNK, decode_content=False), b""
    with contextlib.suppress(urllib3.exceptions.ProtocolError):
        first = next(chunks, b"")
    if not first or (not start and _PAGE.match(first)):
        raise _MirrorFailed("it sends a page, or nothing")
    bar = tqdm(total=file.size, initial=start, desc=file.name, unit="B", unit_scale=True, disable=not sys.stderr.isatty())
    # A connection that breaks is noticed by the caller, who counts the bytes.
    with open(part, "ab" if start else "wb") as out, bar, contextlib.suppress(urllib3.exceptions.ProtocolError):
        for chunk in itertools.chain([first], chunks):
            out.write(chunk[: file.size - out.tell()])
            out.flush()  # so that these bytes survive a kill -9
            bar.update(len(chunk))


def _size(path):
    """A file's size in bytes; 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _mb(size):
    return f"{size / 1e6:,.1f} MB"
