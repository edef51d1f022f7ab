"""Locks on file systems that have none: what is said, and which option leads to a local disk."""

import errno
import fcntl
import pathlib

import filelock
import numpy as np
import pytest
from PIL import Image

from tests.conftest import TINY
from tfgan import export
from tfgan.common import files
from tfgan.datasets import __main__ as datasets
from tfgan.datasets import download
from tfgan.errors import UserError
from tfgan.quality.evaluation import Evaluator
from tfgan.runs import __main__ as runs_command
from tfgan.runs import read
from tfgan.runs.write import RunDir


@pytest.fixture(params=["ENOLCK", "EOPNOTSUPP", "ENOTSUP"])
def no_locks(request, monkeypatch):
    """A file system without locks, as Lustre and some NFS servers answer."""

    def flock(descriptor, operation):
        raise OSError(getattr(errno, request.param), "the system's own words")

    monkeypatch.setattr(fcntl, "flock", flock)


def test_a_run_without_locks_needs_another_log_dir(no_locks, run, command, tmp_path):
    status, _, err = run(*TINY, "--iterations=2")
    assert (status, err.count("\n")) == (2, 1)
    assert "logs/mlp-digits: its file system has no locks" in err
    assert err.endswith("; give a --log-dir on a local disk\n")
    assert not (tmp_path / "logs").exists(), "nothing is left behind"


def test_runs_that_were_copied_there_are_listed_and_removed(runs, no_locks, command, tmp_path):
    """Training that was killed has left the lock's file, which nobody can hold now."""
    (tmp_path / "logs" / "it").mkdir(parents=True)
    for name in ("config.json", "metrics.jsonl"):
        (tmp_path / "logs" / "it" / name).write_bytes((runs / "logs" / "mlp-digits" / name).read_bytes())
    (tmp_path / "logs" / "it" / "lock").touch()
    status, out, _ = command(runs_command)()
    assert (status, "no checkpoint" in out) == (0, True)
    status, _, err = command(runs_command)("rm", "it", "--yes")
    assert (status, err.count("\n")) == (2, 1)
    assert err.endswith(f"remove {tmp_path / 'logs' / 'it'} by hand\n")


def test_what_is_written_beside_runs_needs_another_folder_of_its_own(runs, no_locks, command, tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.zeros([32, 32, 3], np.uint8)).save(tmp_path / "pictures" / "a.png")
    for module, options, remedy in (
        (datasets, ["pictures", "--image-size=16"], "give another --packed-dir"),
        (export, ["--run", runs / "logs" / "mlp-digits", "--to=generator"], "--to: generator cannot be written"),
    ):
        status, _, err = command(module)(*options)
        assert (status, err.count("\n")) == (2, 1), err
        assert "its file system has no locks" in err
        assert remedy in err
    remote = download.RemoteFile("a.gz", ("http://127.0.0.1:9/a.gz",), "md5:0", 1)
    with pytest.raises(UserError, match="has no locks.*give another --data-dir"):
        download.fetch(remote, tmp_path / "data")
    trained = read.find_run("mlp-digits", runs / "logs")
    with pytest.raises(UserError, match="has no locks.*give another --data-dir"):
        Evaluator(trained.recipe, trained.config["data_sha256"], tmp_path / "data", "classifier", 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"], "nothing is left behind"


@pytest.mark.parametrize("error", [OSError(errno.ENOSYS, "no"), NotImplementedError("use SoftFileLock instead")])
def test_old_and_new_filelock_without_flock(error, monkeypatch, tmp_path):
    """Older ones raise, newer ones do without: either way two processes do not train one run."""
    monkeypatch.setattr(filelock.FileLock, "acquire", lambda *_, **__: (_ for _ in ()).throw(error))
    with pytest.raises(UserError, match="give a --log-dir on a local disk"), RunDir("r", tmp_path, tmp_path).locked():
        pass


def test_other_errors_stay_what_they_are(monkeypatch, tmp_path):
    monkeypatch.setattr(filelock.FileLock, "acquire", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken") as raised, files.exclusive_lock(pathlib.Path(tmp_path / "lock")):
        pass
    assert not isinstance(raised.value, files.NoLocks)


@pytest.mark.parametrize(("error", "words"), [
    (OSError(28, "No space left", "a/b"), "a/b: No space left"), (OSError(28, "No space left"), "No space left"),
    (OSError("odd"), "odd"),
])  # fmt: skip
def test_an_error_in_words(error, words):
    assert files.describe_error(error) == words


@pytest.mark.parametrize(("error", "name"), [
    (OSError(28, "No space left"), "here"), (OSError(28, "No space left", "there"), "there"), (OSError("odd"), None),
])  # fmt: skip
def test_the_file_that_an_error_names_is_kept(error, name):
    with pytest.raises(OSError, match=r".") as raised, files.add_path_to_errors("here"):
        raise error
    assert raised.value.filename == name


def test_a_file_system_without_fsync_is_no_error(tmp_path, monkeypatch):
    for number, fails in ((errno.EINVAL, False), (errno.EIO, True)):

        def fsync(descriptor, number=number):
            raise OSError(number, "no")

        monkeypatch.setattr(files.os, "fsync", fsync)
        if fails:
            with pytest.raises(OSError, match="no"):
                files.fsync(tmp_path)
        else:
            files.fsync(tmp_path)


def test_a_lock_whose_owner_is_unknown(tmp_path):
    with files.exclusive_lock(tmp_path / "lock"):
        (tmp_path / "lock.owner").unlink()
        assert files.lock_holder(tmp_path / "lock") == "another process"
    assert files.lock_holder(tmp_path / "lock") is None


def test_looking_at_a_lock_does_not_keep_a_run_from_training(tmp_path):
    """`holder` takes the lock for a moment; `alone` waits that long."""
    import threading

    lock = tmp_path / "lock"
    lock.touch()
    looked = threading.Event()

    def look():
        with files.filelock.FileLock(lock):
            looked.set()
            threading.Event().wait(0.1)

    thread = threading.Thread(target=look)
    thread.start()
    looked.wait()
    with files.exclusive_lock(lock):
        pass
    thread.join()
