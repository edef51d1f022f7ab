"""Runs that go on, are finished, diverge and get signals; that go on after a change of place, files, environment or data."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import saved_variables
from tfgan import evaluate
from tfgan import recipes
from tfgan import report
from tfgan.common import files
from tfgan.datasets import __main__ as packing
from tfgan.runs import checkpoints
from tfgan.runs import read
from tfgan.runs.write import RunDir
from tfgan.tf1 import tf
from tfgan.training import loop
from tfgan.training import steps
from tfgan.training.hook import Hook


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
    names = ["run-000003-pair.png", "run-000004-pair.png", "run-000004.png", "run-real.png"]
    for name in (*names, "run-000005-pair.png", "run-000005.png"):
        (run.out_dir / name).touch()
    run.rewind_to(4)
    assert sorted(path.name for path in run.out_dir.iterdir()) == names


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_checkpoints_by_the_clock_and_how_many_are_kept(run, tmp_path):
    """At every iteration, because each takes longer than that; the options of intervals may change on the way."""
    folder = tmp_path / "logs" / "mlp-digits" / "checkpoints"
    assert run(*TINY, "--iterations", 5, "--checkpoint-minutes", 1e-9, "--keep", 2)[0] == 0
    assert checkpoints.checkpoint_iterations(folder) == [4, 5]
    options = ("--batch-size=8", "--summary-every=3", "--sample-every=4", "--keep", 9, "--checkpoint-every", 2)
    assert run(*options, "--iterations", 10)[0] == 0
    assert checkpoints.checkpoint_iterations(folder) == [4, 5, 6, 8, 10]


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert "20 images were there, and 20 are there now: 1 came and 1 went" in err


@pytest.mark.slow
def test_two_processes_of_one_seed_agree_bit_for_bit(run, tmp_path):
    """Some iterations of the DCGAN with dropout and batch normalisation, here and in a process of its own."""
    options = ("--model", "dcgan28", "--batch-size", 4, "--iterations", 8, "--summary-every", 3, "--seed", 5)
    process = start(tmp_path, *options, "--run", "a")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert run(*options, "--run", "b")[0] == 0
    assert_same_variables(*(saved_variables(tmp_path / "logs" / name) for name in "ab"))


@pytest.mark.slow
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


MOVED = ("--model=vanilla", "--batch-size=4", "--run=run", "--checkpoint-every=10")


def write_pictures(folder, seed=0):
    """Twelve in two sub-folders."""
    rng = np.random.default_rng(seed)
    for n in range(12):
        path = pathlib.Path(folder) / "ab"[n % 2] / f"{n:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)).save(path)


def move(kind):
    """Moves the folder `pics`; the path that --dataset now gets."""
    if kind == "link":
        pathlib.Path("pics").rename("there")
        pathlib.Path("elsewhere").symlink_to("there")
    elif kind == "archive":
        with zipfile.ZipFile("elsewhere.zip", "w") as archive:
            for path in sorted(pathlib.Path("pics").rglob("*.png")):
                archive.write(path)
        shutil.rmtree("pics")
        return "elsewhere.zip"
    elif kind == "project":
        pathlib.Path("project").mkdir()
        for name in ("pics", "logs", "out", "data"):
            pathlib.Path(name).rename(f"project/{name}")
    else:
        pathlib.Path("pics").rename("elsewhere")
    return "pics" if kind == "project" else "elsewhere"


@pytest.mark.parametrize(("kind", "conditional"), [
    ("renamed", False), *(pytest.param(kind, True, marks=pytest.mark.slow) for kind in ("renamed", "link", "archive", "project")),
])  # fmt: skip
def test_pictures_may_be_moved(run, tmp_path, monkeypatch, kind, conditional):
    """The run goes on as the one whose pictures stayed, and remembers where they are."""
    options = (*MOVED, *(["--conditional"] if conditional else []))
    write_pictures("pics")
    assert run(*options, "--dataset=pics", "--iterations=2")[0] == 0
    dataset = move(kind)
    if kind == "project":
        monkeypatch.chdir("project")
    status, out, err = run(*options, "--dataset", dataset, "--iterations=4")
    assert (status, err, "Continuing run from iteration 2 of 4" in out) == (0, "", True)
    there = read.find_run("run")
    assert there.recipe.dataset == str(pathlib.Path(dataset).absolute())
    write_pictures("again")
    assert run(*options, "--run=whole", "--dataset=again", "--iterations=4")[0] == 0
    assert_same_variables(saved_variables(there.logs), saved_variables(there.logs.with_name("whole")))


def test_other_pictures_are_refused_at_the_same_path_and_at_another(run):
    write_pictures("pics")
    assert run(*MOVED, "--dataset=pics", "--iterations=2")[0] == 0
    write_pictures("others", seed=1)
    status, _, err = run(*MOVED, "--dataset=others", "--iterations=4")
    assert (status, err.count("\n"), "images were there" in err, "dataset was" in err) == (2, 1, True, True)
    shutil.rmtree("pics")
    pathlib.Path("others").rename("pics")
    status, _, err = run(*MOVED, "--dataset=pics", "--iterations=4")
    assert (status, "images were there" in err, "dataset was" in err) == (2, True, False)


@pytest.mark.slow
def test_a_run_is_measured_and_reported_where_its_pictures_are_gone(run, command):
    """They are packed. Without the packed array the error names what packs them again."""
    write_pictures("pics")
    options = (*MOVED, "--evaluate-every=1", "--evaluate-images=10", "--features=random")
    assert run(*options, "--dataset=pics", "--iterations=2")[0] == 0
    pathlib.Path("pics").rename("elsewhere")
    assert run(*options, "--dataset=elsewhere", "--iterations=3")[0] == 0, "the figures compare with those before"
    pathlib.Path("elsewhere").rename("at-last")
    assert command(evaluate)("--run=run", "--features=random", "--images=10")[0] == 0
    assert report.training_images(read.find_run("run"), pathlib.Path("data"), pathlib.Path("out")) is not None
    shutil.rmtree("data")
    status, _, err = command(evaluate)("--run=run", "--features=random", "--images=10")
    remedy = "python -m tfgan.datasets PATH --image-size 28 --data-dir data packs them from where they are now"
    assert (status, err.count("\n"), err.endswith(f"{remedy}\n")) == (2, 1, True)
    assert command(packing)("at-last", "--image-size=28")[0] == 0
    assert command(evaluate)("--run=run", "--features=random", "--images=10")[0] == 0


@pytest.fixture
def begun(run, tmp_path):
    """Two runs of two iterations, `other` and `run`; the second began with the first's networks. Returns `other`'s checkpoint."""
    for more in (("--run=other", "--seed=5"), ("--run=run", "--init-from=logs/other/checkpoints")):
        assert run(*TINY, "--model=vanilla", "--iterations=2", *more)[0] == 0
    return tmp_path / "logs" / "other" / "checkpoints" / "000002"


@pytest.mark.slow
def test_the_checkpoint_that_a_run_began_with_may_be_moved_grow_and_go(run, tmp_path, begun):
    def goes_on(path, iterations):
        status, out, err = run(*TINY, "--model=vanilla", "--run=run", "--init-from", path, "--iterations", iterations)
        return (status, err) == (0, "") and f"of {iterations}" in out and "Begun from" not in out

    shutil.copytree(begun, tmp_path / "copy" / "000002")
    assert goes_on("copy/000002/model", 3)
    assert goes_on(begun, 4), "and back again"
    assert run(*TINY, "--model=vanilla", "--run=other", "--seed=5", "--iterations=6")[0] == 0
    assert goes_on("logs/other/checkpoints", 5), "the same path, whose newest checkpoint is another one by now"
    status, _, err = run(*TINY, "--model=vanilla", "--run=run", "--init-from=logs/other/checkpoints/000006", "--iterations=9")
    assert (status, err.count("\n"), "init_from was '" in err) == (2, 1, True), "other weights"
    shutil.rmtree(tmp_path / "copy")
    shutil.rmtree(begun.parent)
    assert goes_on("logs/other/checkpoints", 7), "gone"
    status, _, err = run(*TINY, "--model=vanilla", "--run=run", "--iterations=9")
    assert (status, "init_from was '" in err) == (2, True), "it began with a checkpoint"


@pytest.mark.slow
def test_a_run_of_an_older_version_goes_on(run, tmp_path, begun):
    """Its config has no SHA-256 of the checkpoint."""
    path = tmp_path / "logs" / "run" / "config.json"
    config = json.loads(path.read_text())
    assert len(config.pop("init_from_sha256")) == 64
    path.write_text(json.dumps(config))
    begun.rename(tmp_path / "000002")
    assert run(*TINY, "--model=vanilla", "--run=run", "--init-from=000002", "--iterations=4")[0] == 0


@pytest.mark.parametrize(("d_steps", "epochs"), [(1, [0, 0, 0, 1, 1, 1]), (2, [0, 0, 1, 2, 2, 3])])
def test_an_epoch_is_a_pass_of_d_over_the_data(d_steps, epochs):
    """D takes as many batches in an iteration as it has steps. An epoch has three batches here."""
    lines = []

    class Reader(Hook):
        def each_line(self, line):
            lines.append(line)

    recipe = recipes.recipe("vanilla").replace(d_steps=d_steps)
    context = SimpleNamespace(recipe=recipe, batches=SimpleNamespace(per_epoch=3), settings=None, end=6)
    for iteration in range(6):
        loop.notify(context, [Reader(context)], iteration, {"d_loss": 1.0})
    assert lines == [{"iteration": n, "epoch": epoch, "d_loss": 1.0} for n, epoch in enumerate(epochs)]
