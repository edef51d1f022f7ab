"""Commands whose output nobody takes: a reader that is gone, a full disk, a descriptor that was closed from the start.

test_faults.py has a run that trains to its end without a listener.
"""

import os
import subprocess
import sys

import pytest

from tests.conftest import gone
from tfgan import tf1
from tfgan.common import output


def full():
    """What it takes is written to a full disk."""
    return os.open("/dev/full", os.O_WRONLY)


def python(code, *options, folder, closing="", **streams):
    """That code's exit status, in a Python of its own; closing: redirections of the shell that close descriptors."""
    command = ["sh", "-c", f'exec "$0" "$@" {closing}', sys.executable, "-c", code, *options]
    done = subprocess.run(command, cwd=folder, timeout=120, check=False, **streams)
    for stream in streams.values():
        os.close(stream)
    return done.returncode


SAYING = (  # the ways of the loop, with a bar as on a terminal; and the end, when Python writes out what it has kept
    "from tqdm import tqdm; from tfgan.common import output; from tfgan.common.command import run_command\n"
    "def main():\n"
    "    with output.ignore_write_errors('stdout'), tqdm(total=9, mininterval=0) as bar:\n"
    "        for n in range(9): print('a line', flush=n % 2); bar.update(); bar.write('another')\n"
    "        print('x' * 2**17); print('kept', end='')\n"
    "    print('more', end=''); open('done', 'w').close(); return 7\n"
    "run_command(main)"
)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("kind", [gone, full, None])
def test_each_stream_may_fail_without_the_other(tmp_path, name, kind):
    """The status is the command's, and the other stream has all of its own."""
    other = {"stdout": "stderr", "stderr": "stdout"}[name]
    closing = "" if kind else {"stdout": ">&-", "stderr": "2>&-"}[name]
    with open(tmp_path / "said", "wb") as said:
        streams = {other: os.dup(said.fileno())} | ({name: kind()} if kind else {})
    assert python(SAYING, folder=tmp_path, closing=closing, **streams) == 7
    assert (tmp_path / "done").exists()
    text = (tmp_path / "said").read_text()
    if other == "stdout":
        assert (text.count("a line\n"), text.count("another\n"), text[-8:]) == (9, 9, "keptmore")
    else:
        assert "9/9" in text
        assert "Traceback" not in text
        assert "tfgan: error" not in text


def test_what_tensorflow_says_may_be_lost():
    before, disk = os.dup(2), full()
    os.dup2(disk, 2)
    try:
        with tf1._chatter_dropped():
            os.write(2, b"E1234 something that is passed on\n")
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(disk)


def test_an_error_that_nobody_hears_has_its_status(tmp_path):
    code = (
        "from tfgan.common.command import run_command\n"
        "from tfgan.errors import Diverged\n"
        "def main(): raise Diverged('x')\n"
        "run_command(main)"
    )  # fmt: skip
    assert [python(code, folder=tmp_path, stderr=kind()) for kind in (gone, full)] == [3, 3]


@pytest.mark.parametrize("length", [1, 2**17])  # what Python keeps until the end, and what it must write before
def test_a_reader_that_has_enough_is_no_error(tmp_path, monkeypatch, length):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    code = f"from tfgan.common.command import run_command; run_command(lambda: print('x' * {length}))"
    for kind, status, text in ((gone, 141, ""), (full, 2, "tfgan: error: [Errno 28] No space left on device\n")):
        with open(tmp_path / "said", "wb") as said:
            assert python(code, folder=tmp_path, stdout=kind(), stderr=os.dup(said.fileno())) == status
        assert (tmp_path / "said").read_text() == text


@pytest.mark.slow
def test_what_a_command_is_for_is_an_error_where_it_cannot_be_written(tmp_path):
    with open("/dev/full", "w") as disk:
        command = [sys.executable, "-m", "tfgan.train", "--dry-run"]
        done = subprocess.run(command, cwd=tmp_path, stdout=disk, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "No space left" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_after_a_failure_the_null_device_takes_what_comes(tmp_path):
    """Else what the stream still holds would fail again at Python's end."""
    for method, arguments in (("write", ["text"]), ("flush", [])):
        with open(tmp_path / "file", "w") as file:
            stream = output._NeverFailingStream(Broken(file.fileno()))
            getattr(stream, method)(*arguments)
            assert os.path.sameopenfile(file.fileno(), os.open(os.devnull, os.O_WRONLY))


class Broken:
    """A stream that takes nothing."""

    def __init__(self, descriptor):
        self._descriptor = descriptor

    def fileno(self):
        return self._descriptor

    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        raise BrokenPipeError
