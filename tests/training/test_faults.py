"""Training that is killed, that finds the disk full or its folders gone; and that its logs agree with its checkpoints."""

import contextlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
from unittest.mock import Mock

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks import faults
from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import gone
from tests.conftest import saved_variables
from tfgan.runs import checkpoints
from tfgan.runs import manifests
from tfgan.training import steps
from tfgan.view import film

LOGS = pathlib.Path("logs/run")
OPTIONS = ("--model=vanilla", "--run=run", *TINY, "--iterations", 25)


@pytest.mark.parametrize(
    ("model", "kills"),
    [("vanilla", 20), ("dcgan28", 10)],
)
@pytest.mark.slow
def test_kill_9_at_random_instants_changes_nothing(tmp_path, model, kills):
    """Packing, start, training, saving, pictures; see benchmarks/faults.py."""
    pictures, whole = tmp_path / "pictures", tmp_path / "whole"
    faults.make_pictures(pictures)
    whole.mkdir()
    faults.finish(faults.start(whole, model, pictures), whole)
    expected = faults.state(whole)
    assert len(expected) > 50
    rng, done, n, resumed = random.Random(0), 0, 0, []
    while done < kills or not resumed:
        folder = tmp_path / str(n)
        folder.mkdir()
        done += faults.disturbed(folder, model, pictures, min(faults.MOST, max(3, kills - done)), rng).total()
        assert faults.differences(expected, faults.state(folder)) == []
        resumed += faults.resumed(folder)
        n += 1


@pytest.mark.slow
def test_the_comparison_sees_what_differs(run, tmp_path):
    """One more iteration, another seed: both are told."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run(*OPTIONS, "--iterations", 6, "--seed", seed, "--log-dir", f"{name}/logs", "--out-dir", f"{name}/out")[0] == 0
    a, b, c = (faults.state(tmp_path / name) for name in "abc")
    assert faults.differences(a, b) == []
    told = faults.differences(a, c)
    for name in ("variable generator/dense/kernel", "out/run-000006.png", "out/run-losses.png", "metrics", "scalar loss/d_loss"):
        assert name in told
    b["out/run-000007.png"] = b""
    assert faults.differences(a, b) == ["out/run-000007.png"]


def at_iteration(monkeypatch, moment, act):
    """Has `act()` called once, after that iteration."""
    fused = steps.fused

    def disturbed(*arguments):
        step, step_measured = fused(*arguments)

        def instead(function):
            def then(session, iteration, *more):
                result = function(session, iteration, *more)
                if iteration == moment:
                    act()
                return result

            return then

        return instead(step), instead(step_measured)

    monkeypatch.setattr(steps, "fused", disturbed)


def full(path):
    """Makes whatever is written to that path meet a full disk."""
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/full")


@contextlib.contextmanager
def largest_file(size):
    """No file may grow beyond that, in bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


DISTURBANCES = {
    "metrics on a full disk": (lambda: full(LOGS / "metrics.jsonl"), "No space left"),
    "the checkpoints' record on a full disk": (lambda: full(LOGS / "checkpoints" / "checkpoint.part"), "No space left"),
    "the checkpoints' folder removed": (lambda: shutil.rmtree(LOGS / "checkpoints"), "No such file"),
    "the run's folder removed": (lambda: shutil.rmtree(LOGS), "No such file"),
}
PICTURES = {  # what disturbs them -> how many cannot be made, and which are missing at the end
    "a picture on a full disk": (lambda: full(pathlib.Path("out/run-000020.png.part")), 1, []),
    "the last grid on a full disk": (lambda: full(pathlib.Path("out/run-000025.png.part")), 1, ["run-000025.png"]),
    "a figure on a full disk": (lambda: full(pathlib.Path("out/run-losses.png.part")), 1, ["run-losses.png", "run-nearest.png"]),
    "the projector on a full disk": (lambda: full(LOGS / "projector_points.tsv.part"), 1, []),
    "the pictures' folder removed": (lambda: shutil.rmtree("out"), 3, ["run-000025.png", "run.gif", "run-losses.png"]),
    "a file in the pictures' place": (
        lambda: (shutil.rmtree("out"), pathlib.Path("out").write_text("")), 3, ["run-000025.png", "run.gif", "run-losses.png"]
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Where an undisturbed run lies, whose output nobody took."""
    folder = tmp_path_factory.mktemp("whole")
    command = [sys.executable, "-m", "tfgan.train", *map(str, OPTIONS)]
    with os.fdopen(gone(), "wb") as pipe, open("/dev/full", "wb") as disk:
        subprocess.run(command, cwd=folder, check=True, stdout=pipe, stderr=disk)
    return folder


@pytest.mark.slow
def test_a_run_that_nobody_hears_comes_to_its_end(whole):
    assert checkpoints.checkpoint_iterations(whole / LOGS / "checkpoints") == [10, 20, 25]
    assert (whole / "out" / "run-losses.png").exists(), "made at the very end"


def assert_goes_on(run, folder, whole):
    """The same command again, the fault being mended, comes to the same end."""
    assert run(*OPTIONS)[0] == 0
    assert_same_variables(saved_variables(folder / LOGS), saved_variables(whole / LOGS))
    for name in ("out/run-000025.png", "out/run-real.png"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("kind", DISTURBANCES)
@pytest.mark.slow
def test_what_cannot_be_written_is_one_line_and_costs_little(run, tmp_path, monkeypatch, whole, kind):
    act, message = DISTURBANCES[kind]
    with monkeypatch.context() as patch:
        at_iteration(patch, 12, act)
        status, _, err = run(*OPTIONS)
    assert (status, err.count("\n")) == (2, 1), err
    assert re.search(message, err)
    assert err.endswith("mend that and run the same command again\n")
    if "removed" not in kind:
        assert manifests.find_damage(LOGS / "checkpoints" / "000010") is None
    if (LOGS / "metrics.jsonl").is_symlink():
        (LOGS / "metrics.jsonl").unlink()
    assert_goes_on(run, tmp_path, whole)


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.slow
def test_pictures_that_cannot_be_made_cost_no_training(run, tmp_path, monkeypatch, whole, kind):
    """Each is one line, and the run comes to its end. Those of the end are made by the same command, the fault being mended."""
    act, failures, missing = PICTURES[kind]
    with monkeypatch.context() as patch:
        at_iteration(patch, 12, act)
        status, out, err = run(*OPTIONS)
    assert (status, err, out.count("Warning: ")) == (0, "", failures), out
    assert re.search("Warning: .* could not be made .*(No space left|No such file|Not a directory).*; training goes on", out)
    assert_same_variables(saved_variables(tmp_path / LOGS), saved_variables(whole / LOGS))
    pictures = pathlib.Path("out")
    if pictures.is_file():
        pictures.unlink()
    assert not [name for name in missing if (pictures / name).exists()]
    again = missing or "projector" in kind
    assert ("The same command makes the pictures" in out) == bool(again)
    status, out, _ = run(*OPTIONS)
    assert (status, "its last pictures are made again" in out, "Warning" in out) == (0, bool(again), False)
    for name in missing:
        if failures == 1 or name != "run.gif":  # the film lacks the grids that were lost on the way
            assert (pictures / name).read_bytes() == (whole / "out" / name).read_bytes(), name
    assert (LOGS / "projector_config.pbtxt").read_bytes() == (whole / LOGS / "projector_config.pbtxt").read_bytes()
    assert "is finished: 25 of 25" in run(*OPTIONS)[1]


def test_whatever_a_drawing_library_raises_is_a_warning(run, monkeypatch):
    """The run ends as any other, and the same command draws what is missing."""
    options = ("--model=vanilla", "--run=run", *TINY, "--iterations", 3)
    with monkeypatch.context() as patch:
        patch.setattr(film, "save_run_film", Mock(side_effect=ValueError("no such\nfont")))
        status, out, err = run(*options)
    assert (status, err) == (0, "")
    assert "Warning: the film or a figure could not be made (ValueError: no such font); training goes on without" in out
    assert checkpoints.checkpoint_iterations(LOGS / "checkpoints") == [3]
    status, out, _ = run(*options)
    assert (status, "its last pictures are made again" in out, "Warning" in out) == (0, True, False)


def test_the_last_checkpoint_does_not_wait_for_the_last_pictures(run, tmp_path, monkeypatch):
    """A process that ends while it draws them has its checkpoint, and the same command draws them."""
    with monkeypatch.context() as patch:
        patch.setattr(film, "save_run_film", lambda *_: sys.exit(9))
        assert run(*OPTIONS)[0] == 9
    assert manifests.find_damage(LOGS / "checkpoints" / "000025") is None
    lines = (LOGS / "metrics.jsonl").read_text()
    status, out, _ = run(*OPTIONS)
    assert (status, "run has all its 25 iterations; its last pictures are made again" in out) == (0, True)
    assert pathlib.Path("out/run.gif").exists()
    assert (LOGS / "metrics.jsonl").read_text() == lines
    events = read_events(LOGS)
    assert [event.step for event in events.Images("samples")] == [0, 10, 20, 25]
    assert [event.step for event in events.Scalars("loss/d_loss")] == [0, 5, 10, 15, 20, 24]
    assert "is finished: 25 of 25" in run(*OPTIONS)[1]


@pytest.mark.parametrize(("size", "what"), [(100, "run run"), (5_000, "run run"), (50_000, "tfevents"), (1_000_000, "000010")])
@pytest.mark.slow
def test_files_that_may_not_grow(run, tmp_path, whole, size, what):
    """A limit on a file's size, met by the config, a picture, the events or a checkpoint first."""
    with largest_file(size):
        status, _, err = run(*OPTIONS)
    assert (status, err.count("\n")) == (2, 1), err
    assert re.search(f"{what}.*File too large", err)
    assert_goes_on(run, tmp_path, whole)


def read_events(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "histograms": 0})
    events.Reload()
    return events


@pytest.mark.slow
def test_logs_agree_with_the_checkpoint_that_a_run_goes_on_from(run, tmp_path):
    """A run whose newest checkpoints are lost goes back: each iteration stands once, in order, in every log."""
    options = ("--model=vanilla", "--run=run", "--batch-size=8", "--summary-every=2", "--histogram-every=5", "--sample-every=5")
    options += ("--checkpoint-every=10",)
    assert run(*options, "--iterations", 38)[0] == 0
    (tmp_path / "out" / "run-2-000035.png").write_text("another run's")
    for iteration in (30, 38):
        os.truncate(tmp_path / LOGS / "checkpoints" / f"{iteration:06d}" / "model.index", 3)
    with open(max((tmp_path / LOGS).glob("events*")), "ab") as file:
        file.write(b"\x18\0\0\0half")  # an event that a kill cut off
    status, out, _ = run(*options, "--iterations", 22)
    assert status == 0
    assert "Continuing run from iteration 20 of 22" in out
    names = ("000000", "000005", "000010", "000015", "000020", "000022", "losses", "beside-real", "nearest", "real", "2-000035")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*(f"run-{name}.png" for name in names), "run.gif"}
    shutil.rmtree(tmp_path / LOGS / "checkpoints" / "000022")
    (tmp_path / LOGS / "checkpoints" / "checkpoint").unlink()
    assert run(*options, "--iterations", 38)[0] == 0
    lines = [json.loads(line) for line in (tmp_path / LOGS / "metrics.jsonl").read_text().splitlines()]
    expected = [*range(0, 38, 2), 37]
    assert [line["iteration"] for line in lines] == expected
    events = read_events(tmp_path / LOGS)
    for tag in events.Tags()["scalars"]:
        assert [e.step for e in events.Scalars(tag)] == expected
    assert [e.value for e in events.Scalars("loss/d_loss")] == pytest.approx([line["d_loss"] for line in lines], rel=1e-6)
    assert [e.step for e in events.Images("samples")] == [*range(0, 38, 5), 38], "and not the one of 22"
    for tag in events.Tags()["histograms"]:
        assert [e.step for e in events.Histograms(tag)] == list(range(0, 38, 5))
