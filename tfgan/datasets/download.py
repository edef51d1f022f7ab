"""Files from the network: used where they lie, else fetched, verified and put in place whole."""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile
from typing import NamedTuple

import pooch
import requests

from tfgan.errors import UserError

_TIMEOUT_S = 30  # without an answer, after which the next mirror is asked


class Remote(NamedTuple):
    """A file on the network. known_hash: "md5:..." or "sha256:..."."""

    name: str
    urls: tuple
    known_hash: str


def provide(files, folder, elsewhere=()):
    """The paths of these Remotes, in order: in `folder` or one of the folders `elsewhere`, else fetched into `folder`.

    Raises UserError for a file that is not what it should be, and, where some cannot be fetched, one that says how to
    put them there by hand.
    """
    paths = []
    for file in files:
        present = [path for path in (place / file.name for place in (folder, *elsewhere)) if path.is_file()]
        if present:
            verify(present[0], file.known_hash)
        paths.append(present[0] if present else None)
    missing = [file for file, path in zip(files, paths, strict=True) if path is None]
    fetched = {}
    for file in missing:
        fetched[file.name] = fetch(file, folder, [m for m in missing if m.name not in fetched])
    return [path or fetched[file.name] for file, path in zip(files, paths, strict=True)]


def verify(path, known_hash):
    """Raises UserError unless the file has that hash."""
    algorithm, expected = known_hash.split(":")
    actual = pooch.file_hash(str(path), alg=algorithm)
    if actual != expected:
        raise UserError(
            f"{path} is damaged or another file: its {algorithm} is {actual}, not {expected} ({path.stat().st_size:,} bytes); "
            "remove it and run again"
        )


def fetch(file, folder, needed=None):
    """Fetches a Remote into `folder`, verified, under its name only when whole; its path. Tries each address in turn.

    needed: the Remotes to name in the UserError when no address serves; by default this one.
    """
    problems = []
    absent = [place for place in (folder, *folder.parents) if not place.exists()]
    pooch.get_logger().setLevel("WARNING")  # it announces each download; so does the line below
    for url in file.urls:
        print(f"Fetching {url}", flush=True)
        try:
            return pathlib.Path(
                pooch.retrieve(
                    url,
                    file.known_hash,
                    fname=file.name,
                    path=folder,
                    downloader=pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=_TIMEOUT_S),
                )
            )
        except requests.exceptions.RequestException as error:
            response = getattr(error, "response", None)
            problems.append(f"HTTP {response.status_code}" if response is not None else type(error).__name__)
        except ValueError:  # pooch's, for another hash
            problems.append(f"what it sent is not the file (other {file.known_hash.split(':')[0]})")
        except OSError as error:
            raise UserError(f"cannot write {file.name} into {folder}: {error.strerror or error}") from error
    for place in absent:  # the folders that pooch made
        with contextlib.suppress(OSError):
            place.rmdir()
    by_hand = "; ".join(f"{m.name} ({m.known_hash.replace(':', ' ')}) from {' or '.join(m.urls)}" for m in needed or [file])
    raise UserError(
        f"cannot fetch {file.name} ({', '.join(problems)}). Check the network, or put it there by hand, into {folder}: {by_hand}"
    )


def extract(archive, member, target):
    """Extracts the archive's top folder `member` as `target`, which appears only when it is whole."""
    print(f"Extracting {archive} (once)", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".extracting-", dir=target.parent) as aside:
            safety = {} if archive.suffix == ".zip" else {"filter": "data"}
            shutil.unpack_archive(archive, aside, **safety)
            os.rename(pathlib.Path(aside) / member, target)
    except (OSError, shutil.ReadError) as error:
        raise UserError(f"cannot extract {archive} to {target}: {error}") from error
