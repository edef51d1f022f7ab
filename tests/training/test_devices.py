"""What is said of the devices, and what is refused for them."""

import pytest

from tfgan import tf1
from tfgan.common import machine
from tfgan.distribution import cluster
from tfgan.errors import UserError
from tfgan.training import devices
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
