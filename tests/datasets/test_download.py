"""Downloads from a server that fails in every way: what was asked of it, what is on the disk after it, what is said."""

import hashlib
import pathlib
import shutil
import signal
import socket
import sys
import time
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import requests
import urllib3

import tfgan
from tests.datasets.faulty_server import BREAK
from tests.datasets.faulty_server import FILE
from tests.datasets.faulty_server import NAME
from tests.datasets.faulty_server import STEP
from tests.datasets.faulty_server import FaultyServer
from tests.datasets.faulty_server import child
from tests.datasets.faulty_server import wait_for
from tfgan.common import files
from tfgan.datasets import download


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for constant, value in {"_CHUNK": STEP, "_PAUSE_S": 0, "_TIMEOUTS_S": (10, 0.5)}.items():
        monkeypatch.setattr(download, constant, value)
    monkeypatch.setattr(files, "_POLL_S", 0.01)
    with FaultyServer().running() as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "sub"


def put_part(folder, content):
    folder.mkdir(parents=True)
    (folder / f"{NAME}.part").write_bytes(content)


def part_of(folder):
    return (folder / f"{NAME}.part").read_bytes()


def assert_whole(path, folder):
    """The file is there, and nothing else."""
    assert path == folder / NAME
    assert path.read_bytes() == FILE
    assert [p.name for p in folder.iterdir()] == [NAME]


def failure(server, folder, *hows):
    """The one line of the UserError."""
    with pytest.raises(tfgan.UserError) as error:
        download.fetch(server.remote(*hows), folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_plain(server, folder, capsys):
    assert_whole(download.fetch(server.remote("good"), folder), folder)
    assert server.asked() == "good"
    assert capsys.readouterr() == (f"Fetching {server.address}/good/{NAME}\n", ""), "no bar where there is no terminal"


# An earlier run has left so many bytes that are right, and then so many that are not.
@pytest.mark.parametrize(
    ("right", "wrong", "mirrors", "asked"),
    [
        (0, 0, "cut", "cut cut@100000 cut@200000 cut@300000"),
        (0, 0, "cutonce", "cutonce cutonce@100000"),
        (0, 0, "403 404 500 nothing mute good", "403 404 500 nothing mute good"),
        (0, 0, "html htmltype short wrong good", "html htmltype short wrong good"),
        (0, 0, "stall good", "stall stall@100000 stall@200000 stall@300000"),
        (0, 0, "nolength good", "nolength nolength@100000 good@100000"),
        (0, 0, "norangecut norange", "norangecut norangecut@100000 norange@100000"),
        (0, 0, "encoded", "encoded"),
        (0, 0, "surplus", "surplus"),
        (1, 0, "good", "good@1"),
        (5000, 0, "unknowntotal", "unknowntotal@5000"),
        (5000, 0, "403 cut", "403@5000 cut@5000 cut@105000 cut@205000 cut@305000"),
        (5000, 0, "norange", "norange@5000"),
        (5000, 0, "norangewrong good", "norangewrong@5000 norangewrong good"),
        (5000, 0, "norange416", "norange416@5000 norange416"),
        (5000, 0, "badrange", "badrange@5000 badrange"),
        (5000, 0, "short htmltype good", "short@5000 htmltype@5000 good@5000"),
        (350_000, 0, "good", ""),
        (350_000, 1, "good", "good"),
        (0, 350_000, "good", "good"),
        (4000, 1000, "good", "good@5000 good"),
        (4000, 1000, "wrong good", "wrong@5000 wrong good"),
        (4000, 1000, "norange", "norange@5000"),
    ],
)
def test_what_a_download_asks_for(server, folder, right, wrong, mirrors, asked):
    if right or wrong:
        put_part(folder, FILE[:right] + bytes(wrong))
    assert_whole(download.fetch(server.remote(*mirrors.split()), folder), folder)
    assert server.asked() == asked
    assert mirrors != "cut" or sum(request.sent for request in server.requests) == len(FILE), "no byte is sent twice"


@pytest.mark.parametrize(
    ("how", "words", "left"),
    [
        ("403", "HTTP 403", 5000),
        ("html", "it sends a page, or nothing", 5000),
        ("htmltype", "it sends a page", 5000),
        ("short", "344993 bytes instead of 345000", 5000),
        ("nothing", "it sends a page, or nothing", 5000),
        ("mute", "no answer in time", 5000),
        ("norangecut", "it sent 100,000 bytes of 350,000", 100_000),
        ("nolength", "it sent 100,000 bytes of 350,000", 100_000),
        ("wrong", "wrong md5", None),
    ],
)
def test_failures_in_words_and_what_they_leave(server, folder, how, words, left):
    put_part(folder, FILE[:5000])
    assert words in failure(server, folder, how)
    assert [(p.name, p.read_bytes()) for p in folder.iterdir()] == ([] if left is None else [(f"{NAME}.part", FILE[:left])])


@pytest.mark.parametrize(("how", "words"), [("cut", "it sent 100,000 bytes of 250,000"), ("stall", "no answer in time")])
def test_retries_are_few_and_the_part_outlives_them(server, folder, monkeypatch, capsys, how, words):
    monkeypatch.setattr(download, "_RETRIES", 1)
    message = failure(server, folder, how)
    assert words in message
    assert f"0.2 MB of it are in {folder / NAME}.part" in message
    assert part_of(folder) == FILE[:200_000]
    assert_whole(download.fetch(server.remote("good"), folder), folder)
    assert server.asked() == f"{how} {how}@100000 good@200000"
    assert f"{server.address}/good/{NAME} from 0.2 MB of 0.3 MB on\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "words"), [(requests.ConnectTimeout, "no answer in time"), (urllib3.exceptions.SSLError, "SSLError")]
)
def test_connections_that_fail(server, folder, monkeypatch, error, words):
    monkeypatch.setattr(requests, "get", Mock(side_effect=error))
    assert words in failure(server, folder, "good")


def test_a_bar_on_a_terminal(server, folder, monkeypatch, capsys):
    put_part(folder, FILE[:280_000])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    download.fetch(server.remote("good"), folder)
    err = capsys.readouterr().err
    first, last = err.split("\r")[1], err.split("\r")[-1]
    assert all(word in first for word in (NAME, "80%", "280k/350k"))
    assert all(word in last for word in ("100%", "350k/350k", "B/s"))


def test_without_a_network_one_line_says_what_to_put_where(server, folder):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{unused.getsockname()[1]}"
        remotes = [
            server.remote()._replace(urls=(f"http://{nobody}/x", *server.remote("404", "htmltype").urls)),
            server.remote("404", name="other.gz")._replace(known_hash="sha256:ab12"),
        ]
        with pytest.raises(tfgan.UserError) as error:
            download.find_or_fetch(remotes, folder)
    host, md5 = f"127.0.0.1:{server.server_port}", hashlib.md5(FILE).hexdigest()
    for part in (
        f"cannot fetch {NAME}", f"{nobody}: ConnectionError", f"{host}: HTTP 404", f"into {folder} by hand",
        f"{NAME} (350,000 bytes, md5:{md5}) from http://{nobody}/x or http://{host}/404/{NAME} or http://{host}/htmltype/{NAME}",
        f"other.gz (1,000 bytes, sha256:ab12) from http://{host}/404/other.gz",
    ):  # fmt: skip
        assert part in str(error.value)
    assert not folder.parent.exists(), "folders made for it are removed"


def test_the_second_of_two_files_fails(server, folder):
    remotes = [server.remote("good"), server.remote("404", name="other.gz")]
    with pytest.raises(tfgan.UserError, match="other.gz") as error:
        download.find_or_fetch(remotes, folder)
    assert f"/{NAME}" not in str(error.value), "only what is missing is named"
    assert [p.name for p in folder.iterdir()] == [NAME]


def test_only_what_is_missing_is_fetched(server, folder):
    """An empty file counts as missing."""
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(FILE)
    download.find_or_fetch([server.remote("good")], folder)
    assert server.asked() == ""
    (folder / NAME).write_bytes(b"")
    download.find_or_fetch([server.remote("good")], folder)
    assert server.asked() == "good"
    assert_whole(folder / NAME, folder)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_another_file_in_the_way_is_named_and_kept(server, folder, algorithm):
    folder.mkdir(parents=True)
    path = folder / NAME
    path.write_bytes(FILE[:-1])
    good, actual = (hashlib.new(algorithm, content).hexdigest() for content in (FILE, FILE[:-1]))
    with pytest.raises(tfgan.UserError) as error:
        download.find_or_fetch([server.remote("good")._replace(known_hash=f"{algorithm}:{good}")], folder, "do that")
    assert all(part in str(error.value) for part in (str(path), good, actual, "349,999 bytes", "Move it elsewhere", "or do that"))
    assert path.read_bytes() == FILE[:-1]
    assert server.asked() == ""


def test_free_space_is_checked_first(server, folder, monkeypatch):
    """Against what is still to come, and something to spare: 350 + 100 kB at first, 50 + 100 kB with a part."""
    monkeypatch.setattr(download, "_SPARE", 100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=400_000))
    message = failure(server, folder, "good")
    assert all(part in message for part in (NAME, str(folder), "needs 0.5 MB", "0.4 MB are free", "--data-dir"))
    assert server.requests == []
    assert not folder.exists()
    put_part(folder, FILE[:300_000])
    assert_whole(download.fetch(server.remote("good"), folder), folder)


def test_a_disk_that_fills_up(server, folder):
    """Files of this process may have 55,000 bytes: the operating system itself refuses the rest."""
    with child(folder, server.remote("good"), "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (55_000, 55_000))") as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert all(part in err for part in (NAME, str(folder), "File too large", "--data-dir"))
    assert part_of(folder) == FILE[:55_000]
    assert_whole(download.fetch(server.remote("good"), folder), folder)
    assert server.asked() == "good good@55000"


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").touch()
    for place, words in ((tmp_path / "file" / "sub", "Not a directory"), (pathlib.Path("/proc/sub"), "")):
        assert f"cannot write {NAME} into {place}: {words}" in failure(server, place, "good")


def test_what_is_stopped_while_it_is_hashed_is_not_fetched_again(server, folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("tfgan.common.files.digest", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            download.fetch(server.remote("good"), folder)
    assert part_of(folder) == FILE
    assert_whole(download.fetch(server.remote("good"), folder), folder)
    assert server.asked() == "good"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_process_that_is_stopped_is_continued(server, folder, number, status):
    with child(folder, server.remote("stall")) as process:
        wait_for(lambda: download._size(folder / f"{NAME}.part") >= 50_000)
        process.send_signal(number)
        assert process.wait(20) == status
    left = len(part_of(folder))
    assert 50_000 <= left <= BREAK
    assert FILE.startswith(part_of(folder))
    assert (folder / f".{NAME}.lock").exists() == (number == signal.SIGKILL)
    assert_whole(download.fetch(server.remote("good"), folder), folder)
    assert server.asked() == f"stall good@{left}"


@pytest.mark.parametrize(("how", "status", "asked"), [("gated", 0, "gated"), ("gated404", 2, "gated404 good")])
def test_of_two_processes_one_fetches(server, folder, how, status, asked):
    """And where the first fails and removes the folder, the other, which waited, makes it again and fetches."""
    with child(folder, server.remote(how)) as first:
        wait_for(lambda: server.requests)
        with child(folder, server.remote("good")) as second:
            assert second.stdout.readline() == f"Another process is fetching {NAME} into {folder}; waiting for it\n"
            time.sleep(0.1)  # ten rounds of waiting
            server.gate.set()
            assert first.wait(20) == status
            out, err = second.communicate(timeout=20)
            assert (second.returncode, err, out.splitlines()[-1]) == (0, "", f"it is {folder / NAME}")
            assert "Another process is fetching" not in out, "said once"
            assert ("Fetching" in out) == (status != 0)
    assert server.asked() == asked
    assert_whole(folder / NAME, folder)


def test_the_second_process_takes_over_from_one_that_is_killed(server, folder):
    with child(folder, server.remote("stall")) as first:
        wait_for(lambda: download._size(folder / f"{NAME}.part") == BREAK)
        with child(folder, server.remote("good")) as second:
            assert second.stdout.readline().startswith("Another process is fetching")
            first.kill()
            out, err = second.communicate(timeout=20)
    assert (second.returncode, err) == (0, "")
    assert server.asked() == f"stall good@{BREAK}"
    assert_whole(folder / NAME, folder)
