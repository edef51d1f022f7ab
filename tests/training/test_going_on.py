"""Runs that go on after a change: of place, of files, of environment, of data; and the same seed in two processes."""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import saved_variables
from tests.training.test_survival import start
from tfgan.runs import checkpoints
from tfgan.tf1 import tf

pytestmark = pytest.mark.slow


def test_a_moved_run_goes_on_and_what_a_kill_left_is_cleared(run, tmp_path):
    assert run(*TINY, "--iterations", 35)[0] == 0
    (tmp_path / "logs").rename(tmp_path / "moved")
    logs = tmp_path / "moved" / "mlp-digits"
    with open(logs / "metrics.jsonl", "a") as file:
        file.write('{"iteration": 3')
    left = [logs / "config.json.part", tmp_path / "out" / "mlp-digits-000040.png.part"]
    others = tmp_path / "out" / "mlp-digits-2-000040.png.part"
    for path in (*left, others):
        path.write_text("half")
    (logs / "checkpoints" / ".part").mkdir()
    (logs / "checkpoints" / ".part" / "model.index").write_text("half")
    status, out, _ = run(*TINY, "--iterations", 45, "--log-dir", tmp_path / "moved")
    assert status == 0
    assert "Continuing mlp-digits from iteration 35 of 45" in out
    assert sorted(p.name for p in (logs / "checkpoints").iterdir()) == ["000035", "000040", "000045", "checkpoint"]
    assert others.exists()
    assert not any(path.exists() for path in left)


def test_a_second_process_is_refused_and_a_dead_ones_lock_is_taken(run, tmp_path):
    process = start(tmp_path, "--model", "vanilla", "--iterations", 10**6, "--run", "shared")
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    assert any(line.startswith("iteration 0/") for line in process.stdout)
    logs = tmp_path / "logs" / "shared"
    before = sorted(logs.rglob("*"))
    options = ("--model", "vanilla", "--run", "shared", "--iterations", 5)
    for fresh in ([], ["--fresh"]):
        status, _, err = run(*options, *fresh)
        assert status == 2
        assert err.count("\n") == 1
        assert f"run shared is being trained by process {process.pid} on {socket.gethostname()};" in err
    assert process.poll() is None
    assert set(before) <= set(logs.rglob("*"))
    process.kill()
    process.communicate()
    watchdog.cancel()
    assert (logs / "lock").exists(), "as a kill leaves it"
    assert run(*options)[0] == 0
    assert not (logs / "lock").exists()
    assert not (logs / "lock.owner").exists()


def test_checkpoints_by_the_clock_and_how_many_are_kept(run, tmp_path):
    """At every iteration, because each takes longer than that; the options of intervals may change on the way."""
    folder = tmp_path / "logs" / "mlp-digits" / "checkpoints"
    assert run(*TINY, "--iterations", 5, "--checkpoint-minutes", 1e-9, "--keep", 2)[0] == 0
    assert checkpoints.checkpoint_iterations(folder) == [4, 5]
    options = ("--batch-size=8", "--summary-every=3", "--sample-every=4", "--keep", 9, "--checkpoint-every", 2)
    assert run(*options, "--iterations", 10)[0] == 0
    assert checkpoints.checkpoint_iterations(folder) == [4, 5, 6, 8, 10]


def test_a_config_that_is_gone_or_damaged_and_a_shorter_length(run, tmp_path):
    assert run(*TINY, "--iterations", 12)[0] == 0
    config = tmp_path / "logs" / "mlp-digits" / "config.json"
    content = config.read_text()
    status, out, _ = run(*TINY, "--iterations", 6)
    assert (status, "is finished: 12 of 6" in out) == (0, True)
    assert config.read_text() == content, "it tells what was trained"
    for damaged in ("{", "[]", '{"recipe": 3}', '{"recipe": {}, "environment": {}, "earlier_environments": 5}'):
        config.write_text(damaged)
        status, _, err = run(*TINY, "--iterations", 14)
        assert (status, err.count("\n"), "config.json is damaged" in err) == (2, 1, True), damaged
    config.unlink()
    status, _, err = run(*TINY, "--iterations", 14, "--learning-rate", 0.5)
    assert (status, err.count("\n"), "config.json is gone, but not its checkpoints" in err) == (2, 1, True)
    config.write_text(content)
    assert run(*TINY, "--iterations", 14)[0] == 0


def test_odd_lines_of_metrics_are_left_out_and_lost_checkpoints_are_told(run, tmp_path):
    assert run(*TINY, "--iterations", 12)[0] == 0
    logs = tmp_path / "logs" / "mlp-digits"
    with open(logs / "metrics.jsonl", "ab") as file:
        file.write(b'5\n{"a": 1}\n{"iteration": 3}\n\xff\0\n{"iteration": 1, "d_loss": "x", "g_loss": 2}\n')
    assert run(*TINY, "--iterations", 14)[0] == 0
    lines = [json.loads(line) for line in (logs / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [0, 5, 10, 11, 13]
    shutil.rmtree(logs / "checkpoints")
    status, out, _ = run(*TINY, "--iterations", 14)
    assert status == 0
    assert "Warning: mlp-digits has no checkpoint; its 5 lines of metrics are made again" in out


def test_another_environment_warns_and_stays_on_record(run, tmp_path):
    assert run(*TINY, "--iterations", 3)[0] == 0
    path = tmp_path / "logs" / "mlp-digits" / "config.json"
    config = json.loads(path.read_text())
    for name in ("tfgan", "tensorflow", "numpy", "python", "device", "processor", "threads", "onednn", "deterministic"):
        assert config["environment"][name] not in ("", None, [])
    config["environment"] |= {"tensorflow": "1.15.5", "threads": 64}
    path.write_text(json.dumps(config))
    status, out, _ = run(*TINY, "--iterations", 6)
    assert status == 0
    warning = next(line for line in out.splitlines() if line.startswith("Warning"))
    assert f"tensorflow was '1.15.5', now '{tf.__version__}'; threads was 64, now " in warning
    again = json.loads(path.read_text())
    assert again["earlier_environments"] == [config["environment"]]
    assert again["environment"]["tensorflow"] == tf.__version__
    assert "Warning" not in run(*TINY, "--iterations", 7)[1]
    assert json.loads(path.read_text())["earlier_environments"] == [config["environment"]]
    changed = {**again["environment"], "threads": 32}
    path.write_text(json.dumps({**again, "environment": changed}))
    assert run(*TINY, "--iterations", 8)[0] == 0
    assert json.loads(path.read_text())["earlier_environments"] == [config["environment"], changed], "oldest first"


def test_other_data_are_refused(run, tmp_path):
    """As many pictures as before, but one is another."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for n in range(20):
        Image.fromarray(np.full((40, 40, 3), 10 * n, np.uint8)).save(pictures / f"{n}.png")
    options = ("--dataset", "pictures", "--model", "mlp", "--batch-size", 8, "--checkpoint-every", 2)
    assert run(*options, "--iterations", 3)[0] == 0
    assert run(*options, "--iterations", 4)[0] == 0
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(pictures / "7.png")
    status, _, err = run(*options, "--iterations", 5)
    assert (status, err.count("\n")) == (2, 1)
    assert re.search(r"data_sha256 was '[0-9a-f]{64}', now '[0-9a-f]{64}'", err)


def test_two_processes_of_one_seed_agree_bit_for_bit(run, tmp_path):
    """Some iterations of the DCGAN with dropout and batch normalisation, here and in a process of its own."""
    options = ("--model", "dcgan28", "--batch-size", 4, "--iterations", 8, "--summary-every", 3, "--seed", 5)
    process = start(tmp_path, *options, "--run", "a")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert run(*options, "--run", "b")[0] == 0
    assert_same_variables(*(saved_variables(tmp_path / "logs" / name) for name in "ab"))


def test_deterministic_turns_tensorflows_switch(tmp_path):
    """A switch of the whole process, hence in one of its own; the run's config says so."""
    code = (
        "import sys; from tfgan import train; from tensorflow.python.framework import config\n"
        "assert not config.is_op_determinism_enabled()\n"
        "sys.argv += ['--deterministic', '--model=vanilla', '--iterations=2', '--batch-size=4']\n"
        "train.main(); print('switched', config.is_op_determinism_enabled())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "switched True" in done.stdout
    assert json.loads((tmp_path / "logs" / "vanilla-digits" / "config.json").read_text())["environment"]["deterministic"]
