"""Runs that go on, are changed, diverge, lose files and get signals; and the same seed twice."""

import os
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import saved_variables
from tfgan import loop


def test_continuing_equals_never_having_stopped(run, tmp_path):
    assert run(*TINY, "--run", "whole", "--iterations", 25)[0] == 0
    assert run(*TINY, "--run", "parts", "--iterations", 12)[0] == 0
    status, out, _ = run(*TINY, "--run", "parts", "--iterations", 25)
    assert status == 0
    assert "Continuing parts from iteration 12 of 25" in out
    assert_same_variables(saved_variables(tmp_path / "logs" / "whole"), saved_variables(tmp_path / "logs" / "parts"))
    grids = [(tmp_path / "out" / f"{name}-000025.png").read_bytes() for name in ("whole", "parts")]
    assert grids[0] == grids[1]


def test_a_finished_run_a_changed_one_and_a_fresh_one(run, tmp_path):
    assert run(*TINY, "--iterations", 4)[0] == 0
    before = (tmp_path / "logs" / "mlp-digits" / "metrics.jsonl").read_text()
    status, out, _ = run(*TINY, "--iterations", 4)
    assert (status, "is finished: 4 of 4" in out) == (0, True)
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
    status, _, err = run(*options)
    assert status == 3
    assert err.count("\n") == 1
    assert re.search(r"(nan|inf|NaN).* iteration.*--learning-rate", err)
    assert not list((tmp_path / "logs" / "vanilla-digits" / "checkpoints").iterdir())


def test_the_last_good_checkpoint_survives_divergence(run, tmp_path, monkeypatch):
    """A variable turns NaN between two checkpoints, and no loss is looked at: the next checkpoint is not written."""
    fused = loop.fused

    def poisoned(gan, *arguments):
        step, step_measured = fused(gan, *arguments)

        def bad_step(session, iteration):
            step(session, iteration)
            if iteration == 13:
                gan.g_vars[2].load(np.full(gan.g_vars[2].shape, np.nan), session)

        return bad_step, step_measured

    monkeypatch.setattr(loop, "fused", poisoned)
    options = ("--batch-size", 8, "--iterations", 40, "--checkpoint-every", 10)
    status, _, err = run(*options)
    assert status == 3
    assert re.search(r"generator/dense\S* holds NaN or infinity after 20 iterations", err)
    saved = saved_variables(tmp_path / "logs" / "mlp-digits")
    assert saved["global_step"] == 10
    assert all(np.isfinite(value).all() for value in saved.values())
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert "Continuing mlp-digits from iteration 10 of 40" in run(*options)[1]


def test_checkpoints_gone_moved_and_pruned(run, tmp_path):
    """An older checkpoint serves when the newest is gone; a moved run is found; three are kept over resumes; else an error."""
    folder = tmp_path / "logs" / "mlp-digits" / "checkpoints"
    assert run(*TINY, "--iterations", 35)[0] == 0
    assert sorted(p.stem for p in folder.glob("*.index")) == ["model-20", "model-30", "model-35"]
    for path in folder.glob("model-35*"):
        path.unlink()
    (tmp_path / "logs").rename(tmp_path / "moved")
    folder = tmp_path / "moved" / "mlp-digits" / "checkpoints"
    with open(folder.parent / "metrics.jsonl", "a") as file:
        file.write('{"iteration": 3')  # as a kill leaves it
    status, out, _ = run(*TINY, "--iterations", 45, "--log-dir", tmp_path / "moved")
    assert status == 0
    assert "Continuing mlp-digits from iteration 30 of 45" in out
    assert sorted(p.stem for p in folder.glob("*.index")) == ["model-30", "model-40", "model-45"]
    for path in folder.glob("model-*"):
        path.unlink()
    status, _, err = run(*TINY, "--iterations", 50, "--log-dir", tmp_path / "moved")
    assert (status, "are gone" in err) == (2, True)


def start(tmp_path, *options):
    """The command in a process of its own, its output piped."""
    command = [sys.executable, "-u", "-m", "tfgan.train", *map(str, options)]
    return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_save_and_leave(tmp_path, number, status):
    process = start(tmp_path, "--model", "vanilla", "--iterations", 10**6)
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    for line in process.stdout:
        if line.startswith("iteration 100/"):
            break
    os.kill(process.pid, number)
    out, err = process.communicate()
    watchdog.cancel()
    assert process.returncode == status
    assert "Traceback" not in err
    assert "saved; the same command goes on" in out
    step = int(saved_variables(tmp_path / "logs" / "vanilla-digits")["global_step"])
    assert step > 100
    assert f"Stopped after iteration {step} of 1000000" in out


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_training_is_no_traceback(tmp_path, number, status):
    code = (
        "import os, signal, time; from tfgan.errors import run_command\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job inherits it ignored
        f"run_command(lambda: (os.kill(os.getpid(), {int(number)}), time.sleep(60)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == status
    assert "Traceback" not in process.stderr


def test_two_processes_of_one_seed_agree_bit_for_bit(tmp_path):
    """20 iterations of the DCGAN with dropout and batch normalisation; another seed differs."""
    results = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        options = ("--model", "dcgan28", "--batch-size", 4, "--iterations", 20, "--run", name, "--seed", seed)
        process = start(tmp_path, *options)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        results.append(saved_variables(tmp_path / "logs" / name))
    assert_same_variables(results[0], results[1])
    assert (results[0]["generator/dense/kernel"] != results[2]["generator/dense/kernel"]).mean() > 0.99
