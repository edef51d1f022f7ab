"""Two hosts with addresses of their own (network namespaces), one of them cut off in the middle of a run. Slow, and for root."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import assert_same_variables
from tests.conftest import saved_variables
from tfgan.distribution import server

NAMES = ("tfgan-a", "tfgan-b")
ADDRESSES = ("10.77.0.1", "10.77.0.2")
LIMIT_S = 240
# sooner than tfgan has them, so that the tests take less time
TIMES_MS = {"grpc.keepalive_time_ms": 15_000, "grpc.keepalive_timeout_ms": 5_000, "grpc.http2.ping_timeout_ms": 5_000}
PINGS = ",".join(f"{name}={value}" for name, value in {**server._CHANNELS, **TIMES_MS}.items())

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("ip") or os.geteuid() != 0, reason="needs root and iproute2"),
]


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True)


@pytest.fixture
def hosts():
    """Two network namespaces, joined by a cable."""
    for name in NAMES:
        ip("netns", "del", name, check=False)
    try:
        for name in NAMES:
            ip("netns", "add", name)
        ip("link", "add", "tfgan0", "netns", NAMES[0], "type", "veth", "peer", "name", "tfgan0", "netns", NAMES[1])
        for name, address in zip(NAMES, ADDRESSES, strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "tfgan0")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "tfgan0", "up")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    yield NAMES
    for name in NAMES:
        ip("netns", "del", name)


def train(name, task, run, folder):
    """The process of that task, on its host, in a folder of its own."""
    place = folder / name
    place.mkdir(exist_ok=True)
    options = ["--batch-size=8", "--summary-every=50", "--checkpoint-every=50", "--iterations=400", f"--run={run}"]
    peers = ",".join(f"{address}:2222" for address in ADDRESSES)
    command = [sys.executable, "-m", "tfgan.train", *options, f"--hosts={peers}", f"--task={task}"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    environment |= {"PYTHONPATH": str(pathlib.Path(__file__).parents[2]), "TF_GRPC_DEFAULT_OPTIONS": PINGS}
    with (place / f"{run}.log").open("ab") as log:
        return subprocess.Popen(["ip", "netns", "exec", name, *command], cwd=place, stdout=log, stderr=log, env=environment)


def train_all(run, folder):
    return [train(name, task, run, folder) for task, name in enumerate(NAMES)]


def ends(processes):
    return [process.wait(LIMIT_S) for process in processes]


def until(text, log, processes):
    while text not in log.read_text():
        assert all(process.poll() is None for process in processes), log.read_text()
        time.sleep(0.05)


def test_a_host_that_is_cut_off(hosts, tmp_path):
    """Noticed on both sides; started again while the network is still gone, they wait; and nothing is lost."""
    assert ends(train_all("whole", tmp_path)) == [0, 0]
    logs = [tmp_path / name / "cut.log" for name in NAMES]

    processes = train_all("cut", tmp_path)
    until("iteration 200/400", logs[0], processes)
    ip("-n", NAMES[1], "link", "set", "tfgan0", "down")
    begin = time.monotonic()
    assert ends(processes) == [4, 4]
    assert time.monotonic() - begin < 40
    for task, log in enumerate(logs):
        other = f"task {1 - task} at {ADDRESSES[1 - task]}:2222 is gone, or cannot be reached"
        assert log.read_text().splitlines()[-1].startswith(f"tfgan: error: {other}; start all processes again")
        assert "Traceback" not in log.read_text()

    processes = train_all("cut", tmp_path)
    until("Waiting for task 1", logs[0], processes)
    ip("-n", NAMES[1], "link", "set", "tfgan0", "up")
    assert ends(processes) == [0, 0]
    assert "Continuing cut from iteration" in logs[0].read_text()
    one, other = (saved_variables(tmp_path / NAMES[0] / "logs" / run) for run in ("whole", "cut"))
    assert_same_variables(one, other)
    assert not (tmp_path / NAMES[1] / "logs").exists(), "the chief's files alone"


@pytest.mark.parametrize("task", [0, 1])
def test_a_process_that_hangs(hosts, tmp_path, task):
    """As a stopped one does: the other ends by itself, although the connection stands."""
    processes = train_all("hangs", tmp_path)
    until("iteration 100/400", tmp_path / NAMES[0] / "hangs.log", processes)
    os.kill(processes[task].pid, signal.SIGSTOP)  # `ip netns exec` becomes the command
    try:
        begin = time.monotonic()
        assert processes[1 - task].wait(LIMIT_S) == 4
        assert 4 < time.monotonic() - begin < 40
    finally:
        processes[task].kill()
