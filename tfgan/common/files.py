"""Atomic, durable file writes, and locks between processes.

filelock does the locking. Atomic writes are written out here: `atomicwrites`, the library for them, is no longer maintained.
"""

import contextlib
import errno
import hashlib
import os
import pathlib
import socket
import tempfile
import time

import filelock

_POLL_S = 0.2  # pause between attempts while another process holds a lock
_PATTERN = set("*?[]\\")
_TRY_S = 0.3  # how long one attempt lasts: longer than `lock_holder` holds a lock
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)  # of a file system without locks


@contextlib.contextmanager
def add_path_to_errors(path):
    """Adds the path to an OSError raised inside that names no file. Errors of writing name none."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def part_of(path):
    """The file beside `path` (a Path) in which `atomic_write` makes its content."""
    return path.parent / f"{path.name}.part"


@contextlib.contextmanager
def atomic_write(path):
    """Yields a binary file to write. It replaces `path` (a Path) at the end, once its content is on the disk.

    After an exception inside, `path` is unchanged. Raises OSError if the file cannot be written.
    """
    part = part_of(path)
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
    """Makes the system write a file's content, or a folder's list of names, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows writes names by itself, and cannot open a folder
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows requires write access
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # the file system does not support fsync
            raise
    finally:
        os.close(descriptor)


def digest(path, algorithm="sha256"):
    """The digest of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@contextlib.contextmanager
def plain_path(path):
    """Yields another path of the same folder, or of the files whose names begin like `path`, for TensorFlow to read and write.

    TensorFlow takes the characters *?[]\\ in a path as a pattern, and then finds no checkpoint and no SavedModel. Without them
    `path` (a Path) itself is yielded.
    """
    if not _PATTERN & set(path.absolute().as_posix()):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="tfgan-") as folder:
        plain = pathlib.Path(folder) / "plain"
        if path.is_dir():
            plain.symlink_to(path.absolute(), target_is_directory=True)
        elif path.parent.is_dir():
            for file in path.parent.absolute().iterdir():
                if file.name.startswith(path.name):
                    plain.with_name(plain.name + file.name[len(path.name) :]).symlink_to(file)
        yield plain


def describe_error(error):
    """An OSError in words, with its file if it names one."""
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename else words


class LockHeld(Exception):
    """Another process holds a lock. The message names that process."""


class NoLocks(OSError):
    """The file system of a lock's file has no locks, like some network file systems."""


@contextlib.contextmanager
def _no_locks(path):
    """Turns the errors of a file system without locks into NoLocks."""
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the second one is older filelock's for ENOSYS; newer ones do without locks
        number = getattr(error, "errno", errno.ENOSYS)
        if number not in _NO_LOCKS:
            raise
        words = f"its file system has no locks, which a local disk has ({os.strerror(number)})"
        raise NoLocks(number, words, str(path.parent)) from error


@contextlib.contextmanager
def exclusive_lock(path, waiting=None):
    """Holds the lock file `path` (a Path), whose folder is created if necessary.

    waiting: the line to print if another process holds the lock; this one then waits. Without it, LockHeld is raised.

    The system releases the lock when the process ends, however it ends. At the end of the block the lock's files are removed,
    and so are the folders that were created for it, if they are empty. Raises OSError if the lock cannot be created, and
    NoLocks where the file system has none.
    """
    lock, owner = filelock.FileLock(path), path.with_name(f"{path.name}.owner")
    me = f"process {os.getpid()} on {socket.gethostname()}"
    new_folders = [folder for folder in path.parents if not folder.exists()]
    try:
        _acquire(lock, owner, waiting)
        with atomic_write(owner) as file:
            file.write(me.encode())
        yield
    finally:
        if lock.is_locked:
            if _read_owner(owner) == me:  # otherwise the folder was removed meanwhile, and this is another process's new lock
                owner.unlink(missing_ok=True)
                with contextlib.suppress(PermissionError):  # Windows does not remove open files
                    path.unlink(missing_ok=True)  # before the release: filelock refuses a lock file that was removed
            lock.release()
        for folder in new_folders:
            with contextlib.suppress(OSError):  # the folder is not empty
                folder.rmdir()


def _acquire(lock, owner, waiting):
    """Acquires a `filelock.FileLock`. If it is held, prints the line `waiting` once and waits, or raises LockHeld without it."""
    announced, lock_file = False, pathlib.Path(lock.lock_file)
    while not lock.is_locked:
        try:
            with _no_locks(lock_file):
                lock.acquire(timeout=_TRY_S, poll_interval=_TRY_S / 6)
        except NoLocks:
            lock_file.unlink(missing_ok=True)  # nobody can hold it
            raise
        except FileNotFoundError:
            if not announced:  # otherwise the other process has failed and has just removed the folder: try again
                raise
        except filelock.Timeout:
            if waiting is None:
                raise LockHeld(_read_owner(owner)) from None
            if not announced:
                print(waiting, flush=True)
            announced = True
            time.sleep(_POLL_S)


def lock_holder(path):
    """The process that holds the lock file `path`, in words, or None. Raises OSError if this cannot be determined."""
    if not path.exists():
        return None
    try:
        with _no_locks(path), filelock.FileLock(path, blocking=False):
            return None
    except NoLocks:  # so nobody holds it
        return None
    except filelock.Timeout:
        return _read_owner(path.with_name(f"{path.name}.owner"))


def _read_owner(owner):
    """The process that a lock's owner file names, in words."""
    try:
        return owner.read_text()
    except OSError:  # that process is just taking or releasing the lock
        return "another process"
