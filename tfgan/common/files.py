"""Files that are never seen half-written and survive a power cut, and work that only one process does at a time."""

import contextlib
import errno
import os
import socket
import time

import filelock

_POLL_S = 0.2  # while another process holds a lock
_LOOK_S = 0.3  # longer than `lock_holder` holds one


@contextlib.contextmanager
def add_path_to_errors(path):
    """Gives an OSError raised inside that file's name, where it has none: those of writing do not."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def atomic_write(path):
    """A binary file, open for writing, that takes its name only when it is whole and on the disk.

    An exception inside leaves what was there before. Raises OSError where it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with add_path_to_errors(path), open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        fsync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def fsync(path):
    """Has the system write a file's content, or a folder's names, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows keeps names safe by itself, and opens no folder
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # what Windows demands
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # what a file system says that does so by itself, or never
            raise
    finally:
        os.close(descriptor)


def describe_error(error):
    """An OSError in words, with the file where it knows that."""
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename else words


class LockHeld(Exception):
    """Another process holds a lock; the message says which."""


@contextlib.contextmanager
def exclusive_lock(path, waiting=None):
    """Holds the lock file `path`; where another process holds it, prints the line `waiting` and waits for it.

    Without `waiting` raises LockHeld. Makes the folder. The lock goes with its process, however that ends; at the end its files
    are removed, and so are the folders made for it that were left empty. Raises OSError where it cannot be made.
    """
    lock, owner = filelock.FileLock(path), path.with_name(f"{path.name}.owner")
    me = f"process {os.getpid()} on {socket.gethostname()}"
    absent, told = [place for place in path.parents if not place.exists()], False
    try:
        while not lock.is_locked:
            try:
                lock.acquire(timeout=_LOOK_S, poll_interval=_LOOK_S / 6)
            except FileNotFoundError:
                if not told:  # else the process waited for has just removed the folder, its work having failed
                    raise
            except filelock.Timeout:
                if waiting is None:
                    raise LockHeld(_who(owner)) from None
                if not told:
                    print(waiting, flush=True)
                told = True
                time.sleep(_POLL_S)
        with whole(owner) as file:
            file.write(me.encode())
        yield
    finally:
        if lock.is_locked:
            if _who(owner) == me:  # and not another's, made anew after someone removed the folder
                owner.unlink(missing_ok=True)
                with contextlib.suppress(PermissionError):  # Windows, which keeps what is open
                    path.unlink(missing_ok=True)  # while it is held: filelock takes no lock on a file that is gone
            lock.release()
        for place in absent:
            with contextlib.suppress(OSError):  # not empty
                place.rmdir()


def lock_holder(path):
    """The process that holds the lock file `path`, in words, or None. Raises OSError where that cannot be told."""
    if not path.exists():
        return None
    try:
        with filelock.FileLock(path, blocking=False):
            return None
    except filelock.Timeout:
        return _who(path.with_name(f"{path.name}.owner"))


def _who(owner):
    """The process that holds a lock, in words."""
    try:
        return owner.read_text()
    except OSError:  # it is just taking or leaving it
        return "another process"
