"""What is said of the devices, what is refused for them, and the status with which a launcher ends; no process is started."""

import contextlib
import os
from types import SimpleNamespace

import pytest

from tfgan import launch
from tfgan import tf1
from tfgan.common import machine
from tfgan.distribution import cluster
from tfgan.distribution import devices
from tfgan.errors import UserError
from tfgan.training.settings import Hardware

TWO_HOSTS = cluster.Cluster(("a:1", "b:1"), 0)


def hardware(device="auto", devices=None, cluster=None, **switches):
    off = {"xla": False, "mixed_precision": False, "deterministic": False, "sync_batch_norm": False}
    return Hardware(device=device, devices=devices, cluster=cluster, **{**off, **switches})


@pytest.mark.parametrize(("wanted", "gpus", "names", "words"), [
    (None, ["A"], ["/gpu:0"], "Device: A; training uses the first GPU\n"),
    (None, ["A", "B"], ["/gpu:0"], "Device: A, B; training uses the first GPU\n"),
    ((3,), ["A"], ["/gpu:0"], "Device: A; training uses the first GPU\n"),
    ((3, 1), ["A", "B"], ["/gpu:0", "/gpu:1"], "Device: A, B; training uses 2 of them\n"),
    ((3, 1), ["A"], None, "--devices names 2 GPUs, and TensorFlow finds 1 of them here; name fewer"),
])  # fmt: skip
def test_gpus_that_are_used(capsys, wanted, gpus, names, words):
    if names is None:
        with pytest.raises(UserError) as error:
            devices._use_gpus(gpus, hardware(devices=wanted))
        assert str(error.value) == words
    else:
        assert (devices._use_gpus(gpus, hardware(devices=wanted)), capsys.readouterr().out) == (names, words)


@pytest.mark.parametrize(("asked", "names", "found"), [
    ({}, ["/cpu:0"], "No GPU was found"), ({"device": "cpu"}, ["/cpu:0"], "As asked"),
    ({"devices": (0, 1, 5)}, ["/cpu:0", "/cpu:1", "/cpu:2"], "No GPU was found"),
    ({"devices": (0,), "cluster": TWO_HOSTS}, ["/cpu:0"], "No GPU was found"),
])  # fmt: skip
def test_cpus_that_are_used(capsys, monkeypatch, asked, names, found):
    monkeypatch.setattr(devices, "cores", lambda: 7)
    assert devices._use_cpu(hardware(**asked), None) == names
    assert capsys.readouterr().out == f"Device: CPU, 7 cores. {found}: the README's table says how long each tutorial takes\n"


@pytest.mark.parametrize(("asked", "allotted", "words"), [
    ({"device": "gpu"}, None, "--device gpu: TensorFlow finds no such GPU here; leave it out to train on the CPU"),
    ({"device": "3"}, "1", "--device 3: TensorFlow finds no such GPU here, where CUDA_VISIBLE_DEVICES is '1'; leave it out to "),
    ({"xla": True}, None, "--xla: no GPU was found, and on a CPU XLA makes training several times slower; leave it out"),
    ({"devices": (0, 1), "cluster": TWO_HOSTS}, None, "--devices of several hosts are GPUs, and there is none here; leave it "),
])  # fmt: skip
def test_what_a_cpu_cannot_do(asked, allotted, words):
    with pytest.raises(UserError) as error:
        devices._use_cpu(hardware(**asked), allotted)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(("cpuinfo", "reason"), [
    ({"vendor_id": "GenuineIntel", "flags": "avx512_bf16 amx_bf16 amx_tile"}, None),
    ({"vendor_id": "AuthenticAMD", "flags": "avx512f avx512_bf16"}, None),
    ({"vendor_id": "GenuineIntel", "flags": "avx512f avx512_bf16"}, "this processor has neither AMX nor AMD's AVX512_BF16"),
    ({"vendor_id": "AuthenticAMD", "flags": "avx512f avx512_bf16_other"}, "this processor has neither AMX nor AMD's AVX512_BF16"),
    ({"model name": "an ARM"}, "this processor has neither AMX nor AMD's AVX512_BF16"),
    (None, "only Linux tells whether the processor has instructions for it"),
])  # fmt: skip
def test_the_processors_that_mixed_precision_is_for(monkeypatch, capsys, cpuinfo, reason):
    monkeypatch.setattr(machine, "cpuinfo", lambda: cpuinfo)
    monkeypatch.setattr(tf1, "onednn", lambda: True)
    monkeypatch.setattr(devices, "cores", lambda: 7)
    if reason is None:
        assert devices._use_cpu(hardware(mixed_precision=True), None) == ["/cpu:0"]
        assert capsys.readouterr().out.startswith("Device: CPU, 7 cores, layers in bfloat16. No GPU was found: ")
        return
    with pytest.raises(UserError) as error:
        devices._use_cpu(hardware(mixed_precision=True), None)
    words = "--mixed-precision: no GPU was found, and bfloat16 is not faster on this CPU: "
    assert str(error.value) == f"{words}{reason}; leave it out"


def test_mixed_precision_needs_onednn(monkeypatch):
    monkeypatch.setattr(machine, "cpuinfo", lambda: {"flags": "amx_bf16"})
    monkeypatch.setattr(tf1, "onednn", lambda: False)
    with pytest.raises(UserError, match="bfloat16 is not faster on this CPU: oneDNN's kernels are switched off; leave it out"):
        devices._use_cpu(hardware(mixed_precision=True), None)


@pytest.mark.parametrize(("asked", "as_written", "words"), [
    ({}, True, None), ({"devices": (3,)}, True, None), ({"devices": (0, 1)}, False, None), ({"cluster": TWO_HOSTS}, False, None),
    ({"devices": (0, 1), "sync_batch_norm": True}, False, None), ({"cluster": TWO_HOSTS, "sync_batch_norm": True}, False, None),
    ({"devices": (0, 1)}, True, "--as-written is the tutorials' own loop, on one device; leave it out, or --devices and --hosts"),
    ({"cluster": TWO_HOSTS}, True, "--as-written is the tutorials' own loop"),
    ({"sync_batch_norm": True}, False, "--sync-batch-norm is for several devices or hosts; leave it out, or give --devices or"),
    ({"devices": (3,), "sync_batch_norm": True}, False, "--sync-batch-norm is for several devices or hosts"),
])  # fmt: skip
def test_options_of_several_devices(asked, as_written, words):
    if words is None:
        devices.refuse_for_replicas(hardware(**asked), as_written)
        return
    with pytest.raises(UserError) as error:
        devices.refuse_for_replicas(hardware(**asked), as_written)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(("hosts", "task", "words"), [
    ("a:65535,b:1", 0, None), ("a:65536,b:1", 0, "--hosts: 'a:65536' is not ADDRESS:PORT, such as a:2222 or [fd00::1]:2222"),
    ("a:0x1,b:1", 0, "--hosts: 'a:0x1' is not ADDRESS:PORT"), ("a:1,b:1", 1, None),
    ("a:1", 1, "--task is 1, but --hosts has 1 hosts, which are 0 to 0"),
    (None, 0, "--task is 0, but there is no --hosts; give both, or neither"),
    ("a:1", None, "--hosts needs --task: which of the hosts this one is, from 0 on"),
])  # fmt: skip
def test_hosts(monkeypatch, hosts, task, words):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if words is None:
        assert cluster.of_options(hosts, task) == cluster.Cluster(tuple(hosts.split(",")), task)
        return
    with pytest.raises(UserError) as error:
        cluster.of_options(hosts, task)
    assert str(error.value).startswith(words)


def test_who_is_missing_is_told_every_half_minute(monkeypatch, capsys):
    now, answers = [0.0], {"b:1": 95, "c:1": 40}
    monkeypatch.setattr(cluster, "_answers", lambda host: now[0] >= answers[host])

    def go_on(seconds):
        now[0] += seconds
        return now[0]

    clock = SimpleNamespace(monotonic=lambda: go_on(1e-3), sleep=lambda seconds: go_on(20 * seconds))
    monkeypatch.setattr(cluster, "time", clock)
    cluster.wait_for_all(cluster.Cluster(("a:1", "b:1", "c:1"), 0), patience_s=100)
    assert capsys.readouterr().out.splitlines() == [
        *["Waiting for task 1 at b:1, task 2 at c:1"] * 2, *["Waiting for task 1 at b:1"] * 2,
    ]  # fmt: skip


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
    monkeypatch.setattr(launch, "_start", lambda command, task, count, begun: Ended(statuses[task]))
    monkeypatch.setattr(launch.signals, "record_signals", lambda: contextlib.nullcontext(signals))
    assert launch._run_all(len(statuses), []) == (status, killed, False)


def test_the_options_of_each_process(monkeypatch):
    commands = []
    monkeypatch.setattr(launch, "_start", lambda command, task, count, begun: commands.append(command[1:]) or Ended(0))
    monkeypatch.setattr(launch, "_free_ports", lambda count: range(7, 7 + count))
    launch._run_all(2, ["--seed=1"])
    hosts = "--hosts=127.0.0.1:7,127.0.0.1:8"
    assert commands == [["-m", "tfgan.train", "--seed=1", hosts, f"--task={task}"] for task in range(2)]


@pytest.mark.parametrize(("restarts", "outcomes", "status", "lines"), [
    (2, [(4, True, False)] * 3, 4, [1, 2]), (2, [(4, True, False), (0, False, True)], 0, [1]), (0, [(4, True, False)], 4, []),
    (2, [(2, False, True)], 2, []),
])  # fmt: skip
def test_how_often_all_are_started_again(monkeypatch, capsys, restarts, outcomes, status, lines):
    left = list(outcomes)
    monkeypatch.setattr(launch, "_run_all", lambda count, options: left.pop(0))
    assert launch._run_with_restarts(2, [], restarts) == status
    assert left == []
    told = [f"Starting all processes again ({number} of {restarts} times)" for number in lines]
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
        launch._start(["x"], task, count, None)
    assert found == [(7, share) for share in shares]
