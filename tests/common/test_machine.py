"""What this machine has."""

from types import SimpleNamespace

import pytest

from tfgan.common import machine
from tfgan.runs import environment


@pytest.mark.parametrize(("flags", "name"), [
    ("fpu avx", "A chip, avx"), ("avx avx2 fpu", "A chip, avx2"), ("avx avx2 avx512f", "A chip, avx512f"),
    ("fpu avx2x", "A chip"), (None, "A chip"),
])  # fmt: skip
def test_the_processor_has_its_widest_instructions(tmp_path, monkeypatch, flags, name):
    table = tmp_path / "cpuinfo"
    table.write_text("processor\t: 0\nmodel name\t: A chip\n" + (f"flags\t\t: {flags}\n" if flags else ""))
    monkeypatch.setattr(machine, "pathlib", SimpleNamespace(Path=lambda path: table))
    assert machine.processor() == name
    table.unlink()
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "arm64")
    assert machine.processor() == "arm64"


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    """Two of 64, where taskset, Slurm or tfgan.launch says so; all of them where the system knows no such limit."""
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda process: {3, 7}, raising=False)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 64)
    assert machine.cores() == environment.environment()["threads"] == 2
    monkeypatch.delattr(machine.os, "sched_getaffinity")
    assert machine.cores() == environment.environment()["threads"] == 64


def test_memory_is_what_the_system_says():
    assert 2**28 < machine.memory() < 2**50
