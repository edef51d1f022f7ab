"""What is recorded of the machine and the versions that a run was trained with."""

from types import SimpleNamespace

import pytest

from tfgan.runs import environment


def test_environments_that_differ():
    now = {"python": "3.12", "replicas": 1, "sync_batch_norm": False, "device": ["CPU"]}
    assert environment.changes({"python": "3.12", "device": ["CPU"], "gone": 1}, now) == [], "older versions had one replica"
    assert environment.changes({"python": "3.11", "replicas": 2}, now) == [
        "python was '3.11', now '3.12'", "replicas was 2, now 1", "device was None, now ['CPU']",
    ]  # fmt: skip


@pytest.mark.parametrize(("flags", "name"), [
    ("fpu avx", "A chip, avx"), ("avx avx2 fpu", "A chip, avx2"), ("avx avx2 avx512f", "A chip, avx512f"),
    ("fpu avx2x", "A chip"), (None, "A chip"),
])  # fmt: skip
def test_the_processor_has_its_widest_instructions(tmp_path, monkeypatch, flags, name):
    table = tmp_path / "cpuinfo"
    table.write_text("processor\t: 0\nmodel name\t: A chip\n" + (f"flags\t\t: {flags}\n" if flags else ""))
    monkeypatch.setattr(environment, "pathlib", SimpleNamespace(Path=lambda path: table))
    assert environment._processor() == name
    table.unlink()
    monkeypatch.setattr(environment.platform, "processor", lambda: "")
    monkeypatch.setattr(environment.platform, "machine", lambda: "arm64")
    assert environment._processor() == "arm64"


def test_what_is_recorded_of_a_process(monkeypatch):
    monkeypatch.setattr("tfgan.tf1.gpus", list)
    for value, on in (("1", True), ("0", False)):
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", value)
        found = environment.environment(xla=True)
        assert (found["device"], found["onednn"], found["xla"]) == (["CPU"], on, True)


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    """Two of 64, where taskset, Slurm or tfgan.launch says so; all of them where the system knows no such limit."""
    monkeypatch.setattr(environment.os, "sched_getaffinity", lambda process: {3, 7}, raising=False)
    monkeypatch.setattr(environment.os, "cpu_count", lambda: 64)
    assert environment.cores() == environment.environment()["threads"] == 2
    monkeypatch.delattr(environment.os, "sched_getaffinity")
    assert environment.cores() == environment.environment()["threads"] == 64


def test_memory_is_what_the_system_says():
    assert 2**28 < environment.memory() < 2**50
