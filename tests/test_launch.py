"""Several processes: trained as by one, stopped, killed, cut off; what they must agree on."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import assert_same_variables
from tests.conftest import gone
from tests.conftest import saved_variables
from tfgan import launch
from tfgan.distribution import cluster
from tfgan.launch import _free_ports

TINY = ["--batch-size=8", "--summary-every=20", "--checkpoint-every=20"]
LIMIT_S = 120


def start(module, *options, log, folder, program=None, group=None):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, *(program or ["-m", f"tfgan.{module}"]), *options]
    where = {"stdout": log.open("wb"), "stderr": subprocess.STDOUT, "process_group": group}
    return subprocess.Popen(command, cwd=folder, env=environment, **where)


def launched(folder, *options, name="launch", **settings):
    log = folder / f"{name}.log"
    return start("launch", "--", *TINY, *options, log=log, folder=folder, **settings), log


def wait_for(text, log, process):
    end = time.monotonic() + LIMIT_S
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def process_of(task, parent):
    """The number of that task's process, of a launcher's."""
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            told = re.search(rb'"index": (\d+)', place.joinpath("environ").read_bytes())
            of = int(re.search(r"^PPid:\s*(\d+)", place.joinpath("status").read_text(), re.MULTILINE)[1])
        except OSError:  # it has just ended
            continue
        if of == parent.pid and told and int(told[1]) == task:
            return int(place.name)
    raise AssertionError(f"no task {task}")


def checkpoint(folder, name):
    return saved_variables(folder / "logs" / name)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a run of two processes, 100 iterations."""
    folder = tmp_path_factory.mktemp("launched")
    process, log = launched(folder, "--iterations=100", "--run=whole")
    assert process.wait(LIMIT_S) == 0, log.read_text()
    return folder


@pytest.mark.slow
def test_two_processes_train_as_one_would(undisturbed):
    alone = start("train", *TINY, "--iterations=20", "--run=alone", log=undisturbed / "alone.log", folder=undisturbed)
    assert alone.wait(LIMIT_S) == 0
    one, two = ((undisturbed / "logs" / run / "metrics.jsonl").read_text().splitlines()[:1] for run in ("alone", "whole"))
    numbers = [re.findall(r'"(?:d_loss|g_loss|g_gradient)": ([\d.]+)', line[0]) for line in (one, two)]
    assert len(numbers[0]) == 3
    np.testing.assert_allclose(*np.array(numbers, float), rtol=1e-5)
    text = (undisturbed / "launch.log").read_text()
    assert "[task 1] Training along from iteration 0 of 100" in text
    assert "[task 1] Finished: iteration 100" in text
    kept = sorted(path.name for path in (undisturbed / "logs" / "whole" / "checkpoints").glob("0*"))
    assert kept == ["000060", "000080", "000100"], "the chief's alone"


@pytest.mark.slow
@pytest.mark.parametrize("task", [0, 1])
def test_a_killed_process_costs_nothing(task, undisturbed):
    """The other one notices, both are started again, and the end is to the bit what it would have been."""
    name = f"killed{task}"
    process, log = launched(undisturbed, "--iterations=100", f"--run={name}", name=name)
    wait_for("iteration 40/100", log, process)
    os.kill(process_of(task, process), signal.SIGKILL)
    assert process.wait(LIMIT_S) == 0, log.read_text()
    text = log.read_text()
    assert f"tfgan: error: task {task} at 127.0.0.1:" in text
    assert "is gone, or cannot be reached; start all processes again" in text
    assert "Starting all processes again (1 of 3 times)" in text
    assert re.search(rf"Continuing {name} from iteration [2-9]0 of 100", text)
    assert "Traceback" not in text
    assert_same_variables(checkpoint(undisturbed, name), checkpoint(undisturbed, "whole"))


@pytest.mark.slow
def test_gradients_in_slices_are_the_same(undisturbed):
    """The sum of two is so to the bit, in whatever pieces it travels."""
    small = (
        "import sys; from tfgan import train; from tfgan.distribution import collectives; "
        "collectives.PACK_BYTES = 200_000; sys.exit(train.main())"
    )
    hosts = ",".join(f"127.0.0.1:{port}" for port in _free_ports(2))
    options = [f"--hosts={hosts}", *TINY, "--iterations=100", "--run=slices"]
    logs = [undisturbed / f"slices{task}.log" for task in range(2)]
    both = [
        start("train", *options, f"--task={task}", log=log, folder=undisturbed, program=["-c", small])
        for task, log in enumerate(logs)
    ]
    assert [process.wait(LIMIT_S) for process in both] == [0, 0], logs[0].read_text()
    assert_same_variables(checkpoint(undisturbed, "slices"), checkpoint(undisturbed, "whole"))


@pytest.mark.slow
def test_a_stop_is_everyones(undisturbed, hangup):
    """Though all processes hear of it from the launcher, too, and then of another one."""
    process, log = launched(undisturbed, "--iterations=100000", "--run=stopped", name="stopped", group=0)
    wait_for("iteration 20/", log, process)
    for number in (signal.SIGHUP, signal.SIGTERM):
        os.killpg(process.pid, number)
        time.sleep(0.1)
    assert process.wait(LIMIT_S) == 128 + signal.SIGHUP, log.read_text()
    text = log.read_text()
    (done,) = re.findall(r"\nStopped after iteration (\d+) of 100000, saved", text)
    assert f"[task 1] Stopped after iteration {done} of 100000\n" in text
    assert (undisturbed / "logs" / "stopped" / "checkpoints" / f"{int(done):06d}").is_dir()


@pytest.mark.parametrize("to_all", [False, True])
def test_ctrl_c_reaches_the_processes_whoever_gets_it(to_all, tmp_path):
    """The launcher alone, or, as of a terminal, its processes, too; here these train nothing, and take a second to stop."""
    child = (
        "import sys, time; from tfgan.common.signals import interruptible\n"
        "with interruptible(print) as interruption:\n"
        "    sys.stdout.write('ready\\n'); sys.stdout.flush()\n"
        "    while not interruption.signal: time.sleep(0.01)\n"
        "    time.sleep(1)\n"
        "print('left', flush=True); sys.exit(128 + interruption.signal)"
    )
    program = (
        "import subprocess, sys; from tfgan import launch; from tfgan.common.command import run_command\n"
        f"launch._start = lambda *_: subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        "run_command(launch.main)"
    )
    process, log = launched(tmp_path, program=["-c", program], group=0)
    wait_for("ready\nready\n", log, process)
    (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
    assert process.wait(20) == 128 + signal.SIGINT
    assert log.read_text().count("left") == 2


def test_a_stop_before_anything_has_begun(tmp_path):
    """A process that is ended while it imports is not started again."""
    process, log = launched(tmp_path, "--iterations=100000")
    time.sleep(0.7)
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT_S) == 128 + signal.SIGTERM, log.read_text()
    assert "Starting all processes again" not in log.read_text()


@pytest.mark.slow
def test_processes_reach_each_other_past_a_proxy(tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
        for each in (name, name.upper()):
            monkeypatch.setenv(each, "http://127.0.0.1:9")
    process, log = launched(tmp_path, "--iterations=4")
    assert process.wait(LIMIT_S) == 0, log.read_text()
    assert "[task 1] Finished: iteration 4" in log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_others_do_not_answer(number, tmp_path):
    """The other process has its port and says nothing, so TensorFlow waits and runs no handler of Python's."""
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1:{_free_ports(1)[0]},127.0.0.1:{silent.getsockname()[1]}"
        process = start("train", f"--hosts={hosts}", "--task=0", "--iterations=4", log=log, folder=tmp_path)
        wait_for("Device: CPU", log, process)
        time.sleep(5)
        process.send_signal(number)
        assert process.wait(30) == 128 + number, log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
def test_several_cpus_of_several_hosts_are_refused(tmp_path):
    log = tmp_path / "log"
    hosts = ",".join(f"127.0.0.1:{port}" for port in _free_ports(2))
    process = start("train", f"--hosts={hosts}", "--task=0", "--devices=0,1", "--device=cpu", log=log, folder=tmp_path)
    assert process.wait(LIMIT_S) == 2
    assert "--devices of several hosts are GPUs" in log.read_text()


@pytest.mark.slow
def test_processes_that_differ_say_in_what(tmp_path):
    hosts = ",".join(f"127.0.0.1:{port}" for port in _free_ports(2))
    options = [f"--hosts={hosts}", "--iterations=4", "--fresh"]
    logs = [tmp_path / f"{task}.log" for task in range(2)]
    both = [
        start("train", *options, f"--task={task}", f"--seed={task}", f"--batch-size={8 + task}", log=logs[task], folder=tmp_path)
        for task in range(2)
    ]
    assert [process.wait(LIMIT_S) for process in both] == [2, 2]
    for log in logs:
        last = log.read_text().splitlines()[-1]
        assert "the processes differ: batch_size is 8 in task 0, 9 in task 1; seed is 0 in task 0, 1 in task 1." in last
    assert not (tmp_path / "logs").exists()


@pytest.mark.slow
def test_what_the_chief_refuses_ends_all(undisturbed):
    """All with its status, so that nobody starts the others again in vain."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in _free_ports(2))
    options = [f"--hosts={hosts}", *TINY, "--iterations=100", "--run=whole", "--seed=1"]
    logs = [undisturbed / f"refused{task}.log" for task in range(2)]
    both = [start("train", *options, f"--task={task}", log=log, folder=undisturbed) for task, log in enumerate(logs)]
    assert [process.wait(LIMIT_S) for process in both] == [2, 2]
    chief, other = (log.read_text().splitlines()[-1] for log in logs)
    assert chief.startswith("tfgan: error: run whole has other settings: seed was 0, now 1")
    said = chief.removeprefix("tfgan: error: ")
    assert re.fullmatch(rf"tfgan: error: task 0 at 127.0.0.1:\d+ has ended: {re.escape(said)}", other)


@pytest.mark.slow
def test_a_failure_of_ones_own_is_not_tried_again(tmp_path):
    process, log = launched(tmp_path, "--batch-size=5000", "--iterations=4")
    assert process.wait(LIMIT_S) == 2
    assert "batch_size is 5000, but digits has 1797 images" in log.read_text()
    assert "Starting all processes again" not in log.read_text()


def test_the_launcher_needs_no_listener(monkeypatch):
    def run_all(count, options):
        launch._forward_output(["a line\n"] * 2, 1)
        return 4, True

    monkeypatch.setattr(launch, "_run_all", run_all)
    monkeypatch.setattr(sys, "argv", ["launch", "--restarts=1"])
    with os.fdopen(gone(), "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert launch.main() == 4


def test_what_the_launcher_cannot_do(command):
    run = command(launch)
    for options, words in (
        (["--processes=1"], "--processes is 1; it must be from 2 to 256"),
        (["--restarts=-1"], "--restarts is -1; it must be 0 or more"),
        (["--", "--task=1"], "--task=1 is given by the launcher"),
        (["--", "--hosts", "a:1"], "--hosts is given by the launcher"),
    ):
        status, _, err = run(*options)
        assert status == 2
        assert words in err


class Ended:
    """A process that has ended with that status."""

    def __init__(self, status):
        self.returncode = status

    def poll(self):
        return self.returncode

    def kill(self):
        pass


@pytest.mark.parametrize(("statuses", "signals", "status", "killed"), [
    ([0, 0], [], 0, False), ([2, 4], [], 2, False), ([4, 3], [], 3, False), ([4, -9], [], 4, True), ([-9, 0], [], 4, True),
    ([4, 4], [], 4, True), ([143, 143], [15], 143, False), ([-15, 143], [15, 2], 143, False), ([0, 0], [15], 0, False),
    ([3, 2], [], 3, False),
])  # fmt: skip
def test_the_status_of_all_processes(monkeypatch, statuses, signals, status, killed):
    """A process's own error counts, and that another was lost only if there is none."""
    monkeypatch.setattr(launch, "_start", lambda command, hosts, task: Ended(statuses[task]))
    monkeypatch.setattr(launch.signals, "record_signals", lambda: contextlib.nullcontext(signals))
    assert launch._run_all(len(statuses), []) == (status, killed)


def test_each_process_is_told_who_it_is(monkeypatch):
    """By TF_CONFIG, TensorFlow's own convention."""
    started = []

    def popen(command, env, **_):
        monkeypatch.setenv("TF_CONFIG", env["TF_CONFIG"])
        started.append((command[1:], cluster.of_options(None, None)))
        return SimpleNamespace(stdout=[], returncode=0, poll=lambda: 0, kill=lambda: None, pid=os.getpid())

    monkeypatch.setattr(launch.subprocess, "Popen", popen)
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, share: None)
    monkeypatch.setattr(launch, "_free_ports", lambda count: range(7, 7 + count))
    launch._run_all(2, ["--seed=1"])
    hosts = ("127.0.0.1:7", "127.0.0.1:8")
    assert started == [(["-m", "tfgan.train", "--seed=1"], cluster.Cluster(hosts, task)) for task in range(2)]


@pytest.mark.parametrize(("options", "outcomes", "status", "lines"), [
    (["--restarts=2"], [(4, True)] * 3, 4, [1, 2]), (["--restarts=2"], [(4, True), (0, False)], 0, [1]),
    (["--restarts=0"], [(4, True)], 4, []), (["--restarts=2"], [(2, False)], 2, []),
    (["--restarts=2", "--", "--fresh"], [(4, True)], 4, []),
])  # fmt: skip
def test_how_often_all_are_started_again(monkeypatch, capsys, options, outcomes, status, lines):
    """Never with --fresh, which would remove the checkpoints."""
    left = list(outcomes)
    monkeypatch.setattr(launch, "_run_all", lambda count, options: left.pop(0))
    monkeypatch.setattr(sys, "argv", ["launch", *options])
    assert launch.main() == status
    assert left == []
    told = [f"Starting all processes again ({number} of 2 times)" for number in lines]
    assert capsys.readouterr().out.splitlines() == told


@pytest.mark.parametrize(("cores", "count", "shares"), [
    ({5, 3, 8, 1}, 2, [[1, 3], [5, 8]]), ({0, 1, 2, 3, 4}, 2, [[0, 1], [2, 3]]), ({0}, 2, []),
])  # fmt: skip
def test_each_process_has_its_share_of_the_cores(monkeypatch, cores, count, shares):
    found = []
    monkeypatch.setattr(launch.subprocess, "Popen", lambda command, **_: SimpleNamespace(pid=7, stdout=[]))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: cores)
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, share: found.append((pid, share)))
    for task in range(count):
        launch._start(["x"], ["a:1"] * count, task)
    assert found == [(7, share) for share in shares]
