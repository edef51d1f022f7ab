"""Runs that go on, are finished, diverge and get signals."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import saved_variables
from tfgan.common import files
from tfgan.runs.rundir import RunDir
from tfgan.training import steps


def test_continuing_equals_never_having_stopped(run, tmp_path):
    assert run(*TINY, "--run", "whole", "--iterations", 25)[0] == 0
    assert run(*TINY, "--run", "parts", "--iterations", 12)[0] == 0
    status, out, _ = run(*TINY, "--run", "parts", "--iterations", 25)
    assert status == 0
    assert "Continuing parts from iteration 12 of 25" in out
    assert "Finished 13 iterations in " in out
    assert_same_variables(saved_variables(tmp_path / "logs" / "whole"), saved_variables(tmp_path / "logs" / "parts"))
    grids = [(tmp_path / "out" / f"{name}-000025.png").read_bytes() for name in ("whole", "parts")]
    assert grids[0] == grids[1]


@pytest.mark.slow
def test_a_finished_run_a_changed_one_and_a_fresh_one(run, tmp_path):
    assert run(*TINY, "--iterations", 4)[0] == 0
    before = (tmp_path / "logs" / "mlp-digits" / "metrics.jsonl").read_text()
    status, out, _ = run(*TINY, "--iterations", 4)
    assert (status, out.splitlines()[-1]) == (
        0, "Run mlp-digits is finished: 4 of 4 iterations. --iterations or --epochs makes it longer.",
    )  # fmt: skip
    assert (tmp_path / "logs" / "mlp-digits" / "metrics.jsonl").read_text() == before

    status, out, err = run(*TINY, "--iterations", 9, "--learning-rate", 0.01, "--seed", 3)
    assert status == 2
    assert err.count("\n") == 1
    for part in ("learning_rate was 0.0003, now 0.01", "seed was 0, now 3", "--fresh", "--run"):
        assert part in err
    assert (tmp_path / "logs" / "mlp-digits" / "metrics.jsonl").read_text() == before

    other = tmp_path / "out" / "mlp-digits-2-000000.png"
    other.write_text("another run's")
    stale = tmp_path / "out" / "mlp-digits-000777.png"
    stale.write_text("of the run that starts over")
    assert run(*TINY, "--iterations", 3, "--learning-rate", 0.01, "--fresh")[0] == 0
    assert other.exists()
    assert not stale.exists()


def test_divergence_is_status_3_at_the_default_intervals(run, tmp_path):
    """Steps so long that the weights overflow: one line, and no checkpoint of what is left of them."""
    options = ("--model", "vanilla", "--batch-size", 8, "--optimizer", "sgd", "--learning-rate", "1e12", "--iterations", 150)
    options += ("--sample-every", 30)
    status, _, err = run(*options)
    assert status == 3
    assert err.count("\n") == 1
    assert re.search(r"(nan|inf|NaN).* iteration.*no checkpoint.*--learning-rate", err)
    assert sorted(path.name[-10:] for path in (tmp_path / "out").iterdir()) == ["000000.png", "s-real.png"], "none of NaN"
    assert not list((tmp_path / "logs" / "vanilla-digits" / "checkpoints").iterdir())


@pytest.mark.slow
def test_the_last_good_checkpoint_survives_divergence(run, tmp_path, monkeypatch):
    """A variable turns NaN between two checkpoints, and no loss is looked at: the next checkpoint is not written."""
    fused = steps.fused

    def poisoned(gan, *arguments):
        step, step_measured = fused(gan, *arguments)

        def bad_step(session, iteration):
            step(session, iteration)
            if iteration == 13:
                gan.g_vars[2].load(np.full(gan.g_vars[2].shape, np.nan), session)

        return bad_step, step_measured

    monkeypatch.setattr(steps, "fused", poisoned)
    options = ("--batch-size", 8, "--iterations", 40, "--checkpoint-every", 5)
    status, _, err = run(*options)
    assert status == 3
    assert re.search(r"generator/dense\S* holds NaN or infinity after 15 iterations; .*/000010 is from before", err)
    saved = saved_variables(tmp_path / "logs" / "mlp-digits")
    assert saved["global_step"] == 10
    assert all(np.isfinite(value).all() for value in saved.values())
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert "Continuing mlp-digits from iteration 10 of 40" in run(*options)[1]


def start(tmp_path, *options):
    """The command in a process of its own, its output piped."""
    command = [sys.executable, "-u", "-m", "tfgan.train", *map(str, options)]
    return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGTERM), (signal.SIGHUP, signal.SIGHUP)])
@pytest.mark.slow
def test_signals_save_and_leave(tmp_path, hangup, numbers):
    """However many there are."""
    process = start(tmp_path, "--model", "vanilla", "--iterations", 10**6)
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    for line in process.stdout:
        if line.startswith("iteration 100/"):
            break
    first, second = numbers
    os.kill(process.pid, first)
    for line in process.stdout:
        if line.startswith("Finishing this iteration"):  # the first one has arrived, so it is the first
            break
    os.kill(process.pid, second)
    out, err = process.communicate()
    watchdog.cancel()
    assert process.returncode == 128 + first
    assert "Traceback" not in err
    assert "saved; the same command goes on" in out
    step = int(saved_variables(tmp_path / "logs" / "vanilla-digits")["global_step"])
    assert step > 100
    assert f"Stopped after iteration {step} of 1000000" in out


def test_a_lock_made_anew_is_not_taken_away(tmp_path):
    """Someone removes the folder and another process locks it: the first one leaves that lock alone."""
    path = tmp_path / "run" / "lock"
    with files.exclusive_lock(path):
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        path.write_text("")
        path.with_name("lock.owner").write_text("process 1 on elsewhere")
    assert path.exists()
    assert path.with_name("lock.owner").exists()


def test_pictures_of_the_iteration_that_a_run_goes_on_from_stay(tmp_path):
    """The batch that an iteration's pair shows is trained on before that number is reached: it is not made again."""
    run = RunDir("run", tmp_path / "logs", tmp_path / "out")
    run.logs.mkdir(parents=True)
    run.out_dir.mkdir()
    kept = ["run-000003-pair.png", "run-000004-pair.png", "run-000004.png", "run-real.png"]
    for name in (*kept, "run-000005-pair.png", "run-000005.png"):
        (run.out_dir / name).touch()
    run.rewind_to(4)
    assert sorted(path.name for path in run.out_dir.iterdir()) == kept
