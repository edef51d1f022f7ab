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

_CONNECT_S = 10
_READ_S = 30  # time without a byte after which the connection is closed
_RETRIES = 20  # per mirror, as long as each attempt receives something
_PAUSE_S = 1  # before a retry
_CHUNK = 2**16  # bytes
_SPARE = 10**7  # bytes of disk that must stay free
_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class RemoteFile(NamedTuple):
    """A file on the network."""

    name: str
    urls: tuple  # of its mirrors, in the order in which they are tried
    known_hash: str  # "md5:..." or "sha256:..."
    size: int  # in bytes


class _MirrorFailed(Exception):
    """A mirror did not send the file. The message says what it did instead."""


def find_or_fetch(remotes, folder, elsewhere=()):
    """The paths of these `RemoteFile`s, in order. Files in none of the folders are fetched into `folder`.

    elsewhere: further folders to look in. A file that is already there is not verified: the caller calls `verify` when it
    reads the whole file. Raises UserError if a file cannot be fetched; the message says how to put the files there by hand.
    """
    paths = {}
    for file in remotes:
        present = (path for path in (place / file.name for place in (folder, *elsewhere)) if path.is_file())
        paths[file.name] = next(present, None)
    for file in remotes:
        if paths[file.name] is None:
            missing = [other for other in remotes if paths[other.name] is None]
            paths[file.name] = fetch(file, folder, missing)
    return [paths[file.name] for file in remotes]


def verify(path, known_hash):
    """Raises UserError unless the file has this hash ("md5:..." or "sha256:...")."""
    algorithm, expected = known_hash.split(":")
    if (actual := files.digest(path, algorithm)) != expected:
        size = path.stat().st_size
        raise UserError(
            f"{path} is damaged, or a different file: its {algorithm} is {actual}, not {expected} ({size:,} bytes); remove it "
            "and run again"
        )


def fetch(file, folder, needed=None):
    """Fetches a `RemoteFile` into `folder` and returns its path. Tries each mirror in turn.

    The file gets its name once it is complete and verified. Until then its bytes are in NAME.part; after an interruption, any
    process continues there from any mirror. needed: the files to name in the UserError that is raised if all mirrors fail; by
    default only this file.
    """
    part = folder / f"{file.name}.part"
    start, problems = time.monotonic(), []
    try:
        waiting = f"Another process is fetching {file.name} into {folder}; waiting for it"
        with files.exclusive_lock(folder / f".{file.name}.lock", waiting):
            if (folder / file.name).is_file():  # another process has fetched it meanwhile
                return folder / file.name
            _check_space(folder, file, file.size - _size(part))
            for url in file.urls:
                try:
                    path = _fetch_from(url, file, folder)
                except _MirrorFailed as failure:
                    problems.append(f"{urllib.parse.urlsplit(url).netloc}: {failure}")
                else:
                    _print_without_bar(f"Fetched {file.name}: {_mb(file.size)} in {time.monotonic() - start:.0f} s")
                    return path
    except OSError as error:
        raise UserError(
            f"cannot write {file.name} into {folder}: {error.strerror or error}; fix that, or give another --data-dir"
        ) from error
    kept = f"; {_mb(_size(part))} of it are in {part}, and the next run continues there" if part.exists() else ""
    by_hand = "; ".join(
        f"{m.name} ({m.size:,} bytes, {m.known_hash.replace(':', ' ')}) from {' or '.join(m.urls)}" for m in needed or [file]
    )
    raise UserError(
        f"cannot fetch {file.name} ({', '.join(problems)}{kept}). Check the network, or put it into {folder} by hand: "
        f"{by_hand}"
    )


def _check_space(folder, file, needed):
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise UserError(
            f"{file.name} needs {_mb(needed + _SPARE)} of disk space in {folder}, where {_mb(free)} are free; free some, or give "
            "another --data-dir"
        )


def _fetch_from(url, file, folder):
    """Fetches the complete file from this mirror and returns its path. Raises _MirrorFailed."""
    part = folder / f"{file.name}.part"
    algorithm, expected = file.known_hash.split(":")
    retries, afresh = _RETRIES, False
    while True:
        had = _size(part)
        try:
            resumed = _receive(url, file, part)
        except _MirrorFailed:
            if _size(part) <= had or not retries:
                raise
            retries -= 1
            time.sleep(_PAUSE_S)
            continue
        if files.digest(part, algorithm) == expected:
            files.fsync(part)
            os.replace(part, folder / file.name)
            files.fsync(folder)
            return folder / file.name
        part.unlink()
        if afresh or not resumed:
            raise _MirrorFailed(f"it sent a different file (wrong {algorithm})")
        afresh = True  # bytes from an earlier run or another mirror may have been wrong


def _receive(url, file, part):
    """Completes the partial file. Returns whether it contains bytes of an earlier attempt. Raises _MirrorFailed."""
    offset = _size(part)
    if offset >= file.size:  # nothing is missing; the caller checks its hash
        return True
    _print_without_bar(f"Continuing {url} at {_mb(offset)} of {_mb(file.size)}" if offset else f"Fetching {url}")
    try:
        return _stream(url, file, part, offset)
    except (requests.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
        seconds = _CONNECT_S if isinstance(error, requests.ConnectTimeout) else _READ_S
        raise _MirrorFailed(f"no answer for {seconds} s") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _MirrorFailed(type(error).__name__) from error


def _stream(url, file, part, offset):
    """Appends to the partial file, or rewrites it if the server starts at 0. Returns whether the server resumed."""
    response, start, announced = _request(url, offset)
    with response:
        chunks = _body(response)
        first = next(chunks, b"")
        if not first:
            raise _MirrorFailed("it sent nothing")
        if response.headers.get("Content-Type", "").startswith("text/html") or _PAGE.match(first):
            raise _MirrorFailed("it sent an HTML page instead of the file")
        if announced not in (None, file.size):
            raise _MirrorFailed(f"it announced {announced:,} bytes instead of {file.size:,}")
        if start < offset:
            _print_without_bar(f"Fetching {url} from its start: this server does not resume downloads")
        received = start
        bar_style = {"desc": file.name, "unit": "B", "unit_scale": True, "disable": not sys.stderr.isatty()}
        with open(part, "ab" if start else "wb") as out, tqdm(total=file.size, initial=start, **bar_style) as bar:
            for chunk in itertools.chain([first], chunks):
                chunk = chunk[: file.size - received]
                out.write(chunk)
                out.flush()  # so that these bytes survive a kill -9
                bar.update(len(chunk))
                received += len(chunk)
    if received < file.size:
        raise _MirrorFailed(f"it sent {received - start:,} bytes of {file.size - start:,}")
    return start > 0


def _request(url, offset):
    """Requests the bytes from `offset` on: (response, the offset at which it starts, the file's announced size or None).

    The response starts at 0 if the server cannot resume. Raises _MirrorFailed if the server refuses.
    """
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    response = requests.get(url, headers=headers, stream=True, timeout=(_CONNECT_S, _READ_S))
    if response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        return response, 0, int(length) if length.isdecimal() else None
    part_of = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code == 206 and part_of and int(part_of[1]) == offset:
        return response, offset, None if part_of[2] == "*" else int(part_of[2])
    response.close()
    if offset and response.status_code in (206, 416):
        return _request(url, 0)
    raise _MirrorFailed(f"HTTP {response.status_code}")


def _body(response):
    """Yields the body in chunks, without decoding its Content-Encoding: servers often declare a .gz file itself as encoded.

    The body ends when the connection ends, even if it is shorter than announced. The caller must count the bytes.
    """
    with contextlib.suppress(urllib3.exceptions.ProtocolError):
        yield from response.raw.stream(_CHUNK, decode_content=False)


def _print_without_bar(line):
    """Prints a line, unless a progress bar is shown."""
    if not sys.stderr.isatty():
        print(line, flush=True)


def _size(path):
    """A file's size in bytes; 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _mb(size):
    return f"{size / 1e6:,.1f} MB"
