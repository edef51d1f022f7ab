"""Files that are never seen half-written, and work that only one process does at a time."""

import contextlib
import os
import time

import filelock

_POLL_S = 0.2  # while another process holds a lock


@contextlib.contextmanager
def whole(path):
    """A binary file, open for writing, that takes its name only when it is whole and on the disk.

    An exception inside leaves what was there before. Raises OSError where it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(path, waiting):
    """Holds the lock file `path`; where another process holds it, prints the line `waiting` and waits for it.

    Makes the folder. The lock goes with its process, however that ends; at the end the file is removed, and so are the
    folders made for it that were left empty. Raises OSError where it cannot be made.
    """
    lock = filelock.FileLock(path)
    absent, told = [place for place in path.parents if not place.exists()], False
    try:
        while not lock.is_locked:
            try:
                lock.acquire(blocking=False)
            except FileNotFoundError:
                if not told:  # else the process waited for has just removed the folder, its work having failed
                    raise
            except filelock.Timeout:
                if not told:
                    print(waiting, flush=True)
                told = True
                time.sleep(_POLL_S)
        yield
    finally:
        if lock.is_locked:
            with contextlib.suppress(PermissionError):  # Windows, which keeps what is open
                path.unlink(missing_ok=True)  # while it is held: filelock takes no lock on a file that is gone
            lock.release()
        for place in absent:
            with contextlib.suppress(OSError):  # not empty
                place.rmdir()
