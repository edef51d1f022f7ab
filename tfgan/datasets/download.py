"""Files from the network: used where they lie, else fetched, continued after a break, verified, put in place whole."""

import contextlib
import hashlib
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
_READ_S = 30  # without a byte, after which the connection is given up
_RETRIES = 20  # of one mirror, as long as each brings the file further
_PAUSE_S = 1  # before a retry
_CHUNK = 2**16  # bytes
_SPARE = 10**7  # bytes of disk to be left over
_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class RemoteFile(NamedTuple):
    """A file on the network. known_hash: "md5:..." or "sha256:..."; size in bytes."""

    name: str
    urls: tuple
    known_hash: str
    size: int


class _Failed(Exception):
    """What a mirror did instead of sending the file, in a few words."""


def find_or_fetch(remotes, folder, elsewhere=()):
    """The paths of these Remotes, in order: in `folder` or one of the folders `elsewhere`, else fetched into `folder`.

    A file that is there already is used as it is: whoever reads all of it calls verify(). Raises UserError where one
    cannot be fetched; it says how to put those that are missing there by hand.
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
    """Raises UserError unless the file has that hash."""
    algorithm, expected = known_hash.split(":")
    if (actual := _digest(path, algorithm)) != expected:
        raise UserError(
            f"{path} is damaged or another file: its {algorithm} is {actual}, not {expected} ({path.stat().st_size:,} bytes); "
            "remove it and run again"
        )


def _digest(path, algorithm):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def fetch(file, folder, needed=None):
    """Fetches a Remote into `folder`, verified, under its name only when whole; its path. Tries each mirror in turn.

    What has come stays in NAME.part when it breaks off, and is continued from there, by whichever mirror and process.
    needed: the Remotes to name in the UserError when no mirror serves; by default this one.
    """
    part = folder / f"{file.name}.part"
    start, problems = time.monotonic(), []
    try:
        waiting = f"Waiting for another process that fetches {file.name} into {folder}"
        with files.exclusive_lock(folder / f".{file.name}.lock", waiting):
            if (folder / file.name).is_file():  # fetched by the process waited for
                return folder / file.name
            _check_space(folder, file, file.size - _size(part))
            for url in file.urls:
                try:
                    path = _fetch_from(url, file, folder)
                except _Failed as failure:
                    problems.append(f"{urllib.parse.urlsplit(url).netloc}: {failure}")
                else:
                    _say(f"Fetched {file.name}: {_mb(file.size)} in {time.monotonic() - start:.0f} s")
                    return path
    except OSError as error:
        raise UserError(
            f"cannot write {file.name} into {folder}: {error.strerror or error}; mend that or give another --data-dir"
        ) from error
    kept = f"; {_mb(_size(part))} of it are kept in {part} and continued when you run again" if part.exists() else ""
    by_hand = "; ".join(
        f"{m.name} ({m.size:,} bytes, {m.known_hash.replace(':', ' ')}) from {' or '.join(m.urls)}" for m in needed or [file]
    )
    raise UserError(
        f"cannot fetch {file.name} ({', '.join(problems)}{kept}). Check the network, or put it there by hand, into {folder}: "
        f"{by_hand}"
    )


def _check_space(folder, file, needed):
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise UserError(
            f"{file.name} needs {_mb(needed + _SPARE)} of disk in {folder}, where {_mb(free)} are free; free some or give "
            "another --data-dir"
        )


def _fetch_from(url, file, folder):
    """The path of the file, whole, from this mirror. Raises _Failed."""
    part = folder / f"{file.name}.part"
    algorithm, expected = file.known_hash.split(":")
    retries, afresh = _RETRIES, False
    while True:
        had = _size(part)
        try:
            resumed = _receive(url, file, part)
        except _Failed:
            if _size(part) <= had or not retries:
                raise
            retries -= 1
            time.sleep(_PAUSE_S)
            continue
        if _digest(part, algorithm) == expected:
            files.fsync(part)
            os.replace(part, folder / file.name)
            files.fsync(folder)
            return folder / file.name
        part.unlink()
        if afresh or not resumed:
            raise _Failed(f"not the file (other {algorithm})")
        afresh = True  # what an earlier run or mirror left may have been to blame


def _receive(url, file, part):
    """Brings the part to the file's size; whether it holds bytes of an earlier attempt. Raises _Failed."""
    offset = _size(part)
    if offset >= file.size:  # its hash will tell
        return True
    _say(f"Continuing {url} at {_mb(offset)} of {_mb(file.size)}" if offset else f"Fetching {url}")
    try:
        return _stream(url, file, part, offset)
    except (requests.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
        seconds = _CONNECT_S if isinstance(error, requests.ConnectTimeout) else _READ_S
        raise _Failed(f"no answer for {seconds} s") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _Failed(type(error).__name__) from error


def _stream(url, file, part, offset):
    """Appends what the server sends from that offset on, or writes the part anew where it starts at 0; whether it went on."""
    response, start, announced = _request(url, offset)
    with response:
        chunks = _body(response)
        first = next(chunks, b"")
        if not first:
            raise _Failed("it sent nothing")
        if response.headers.get("Content-Type", "").startswith("text/html") or _PAGE.match(first):
            raise _Failed("an HTML page instead of the file")
        if announced not in (None, file.size):
            raise _Failed(f"it announces {announced:,} bytes instead of {file.size:,}")
        if start < offset:
            _say(f"Fetching {url} from its start: this server does not continue")
        received = start
        looks = {"desc": file.name, "unit": "B", "unit_scale": True, "disable": not sys.stderr.isatty()}
        with open(part, "ab" if start else "wb") as out, tqdm(total=file.size, initial=start, **looks) as bar:
            for chunk in itertools.chain([first], chunks):
                chunk = chunk[: file.size - received]
                out.write(chunk)
                out.flush()  # a kill -9 leaves it there
                bar.update(len(chunk))
                received += len(chunk)
    if received < file.size:
        raise _Failed(f"it sent {received - start:,} bytes of {file.size - start:,}")
    return start > 0


def _request(url, offset):
    """(answer, the byte that it starts at, the whole file's size by its headers or None). Asks for the bytes from `offset`.

    It starts at 0 where the server does not continue. Raises _Failed for a refusal.
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
    raise _Failed(f"HTTP {response.status_code}")


def _body(response):
    """The body as sent, in chunks, without undoing a Content-Encoding: that of a .gz file is often the file's own.

    It ends where the connection does, whatever length was announced: count what comes.
    """
    with contextlib.suppress(urllib3.exceptions.ProtocolError):
        yield from response.raw.stream(_CHUNK, decode_content=False)


def _say(line):
    if not sys.stderr.isatty():  # there the bar says it
        print(line, flush=True)


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _mb(size):
    return f"{size / 1e6:,.1f} MB"
