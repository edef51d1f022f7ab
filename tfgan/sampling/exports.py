"""The folder of an exported generator: what it may contain, and how a new export replaces an earlier one."""

import contextlib
import json
import os
import shutil

from tfgan.common import files
from tfgan.errors import UserError

FILES = {"savedmodel": "saved_model", "tflite": "model.tflite", "onnx": "model.onnx"}  # format -> its name in the folder
ABOUT = "model.json"  # is removed first and written last: a folder that has it contains a complete export
_PART = ".tfgan-export"  # the sub-folder in which an export is made; the names of its lock's files begin like this, too


def check_folder(folder):
    """Raises UserError if the folder (a Path) contains anything but an earlier export, OSError if it is not a folder."""
    found = sorted(os.listdir(folder)) if folder.exists() else []
    leftovers = [name for name in found if name.startswith(_PART)]  # of a process that was killed
    others = [name for name in found if name not in (*FILES.values(), ABOUT, *leftovers)]
    ours = leftovers or not found
    with contextlib.suppress(OSError, ValueError, TypeError):
        ours = ours or "tfgan_export" in json.loads((folder / ABOUT).read_text())
    if others or not ours:
        listed = ", ".join((others or found)[:3])
        raise UserError(f"--to: {folder} holds other things ({listed}); give a folder that is new, empty or an earlier export")


@contextlib.contextmanager
def new_export(folder, formats):
    """Yields a sub-folder (a Path) to write an export of these formats into. At the end it replaces an earlier export.

    After an exception inside, the folder is unchanged. Raises UserError if the folder contains other things or is being written
    by another process, OSError if it cannot be written.
    """
    check_folder(folder)
    try:
        with files.exclusive_lock(folder / f"{_PART}.lock"):
            part = folder / _PART
            shutil.rmtree(part, ignore_errors=True)  # left by a process that was killed
            part.mkdir()
            try:
                yield part
                replace_export(part, formats, folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except files.LockHeld as error:
        raise UserError(f"--to: {folder} is being written by {error}; wait for it, or give another") from error


def replace_export(part, formats, folder):
    """Moves the formats and model.json from the sub-folder `part` into the folder, in place of an earlier export.

    After any exception, including those of signals, the earlier export is restored.
    """
    for path in part.rglob("*"):
        files.fsync(path)
    earlier = part / "earlier"
    earlier.mkdir()
    moves = [(folder / name, earlier / name) for name in (ABOUT, *FILES.values()) if (folder / name).exists()]
    moves += [(part / name, folder / name) for name in (*(FILES[name] for name in formats), ABOUT)]
    done = []
    try:
        for move in moves:
            os.replace(*move)
            done.append(move)
    except BaseException:
        for source, target in reversed(done):
            os.replace(target, source)
        raise
    files.fsync(folder)
