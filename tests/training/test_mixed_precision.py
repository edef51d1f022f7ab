"""`--mixed-precision` on a CPU, or so the command is told of this one: the same bits again, and what a change of format says."""

import numpy as np
import pytest

from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import saved_variables
from tests.graph.test_precision import in_bfloat16

pytestmark = in_bfloat16


@pytest.fixture
def run(run, monkeypatch):
    monkeypatch.setattr("tfgan.distribution.devices.why_no_bfloat16", lambda: None)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--devices=0,1"], ["--penalty=r1"]], ids=["one device", "two", "a penalty"])
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped(run, tmp_path, more):
    options = [*TINY, "--mixed-precision", *more]
    assert run(*options, "--iterations=12", "--run=whole")[0] == 0
    for end in (5, 12):
        status, out, _ = run(*options, f"--iterations={end}", "--run=parts")
        assert status == 0
        assert "layers in bfloat16" in out
        assert "Warning" not in out
    whole, parts = (saved_variables(tmp_path / "logs" / name) for name in ("whole", "parts"))
    assert_same_variables(whole, parts)
    assert run(*TINY, *more, "--iterations=12", "--run=float32")[0] == 0
    assert run(*TINY, *more, "--iterations=1", "--run=begin")[0] == 0
    begin, float32 = (saved_variables(tmp_path / "logs" / name)["generator/dense/kernel"] for name in ("begin", "float32"))
    steps = [kernel - begin for kernel in (float32, whole["generator/dense/kernel"])]
    assert 0.9 < np.corrcoef(*(step.ravel() for step in steps))[0, 1] < 1, "nearly the same way, and not the same bits"


def test_a_run_that_changes_its_format_is_told(run):
    assert run(*TINY, "--iterations=1")[0] == 0
    for options, was, now in ((["--mixed-precision"], False, True), ([], True, False)):
        status, out, _ = run(*TINY, *options, f"--iterations={3 - now}")
        assert status == 0
        assert f"mixed_precision was {was}, now {now}" in out
