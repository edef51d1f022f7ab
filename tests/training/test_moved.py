"""Runs whose pictures, or whose --init-from, lie elsewhere when they go on. What decides is the content."""

import json
import pathlib
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import saved_variables
from tfgan import evaluate
from tfgan import report
from tfgan.datasets import __main__ as packing
from tfgan.runs import saved

OPTIONS = ("--model=vanilla", "--batch-size=4", "--run=run", "--checkpoint-every=10")


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
    options = (*OPTIONS, *(["--conditional"] if conditional else []))
    write_pictures("pics")
    assert run(*options, "--dataset=pics", "--iterations=2")[0] == 0
    dataset = move(kind)
    if kind == "project":
        monkeypatch.chdir("project")
    status, out, err = run(*options, "--dataset", dataset, "--iterations=4")
    assert (status, err, "Continuing run from iteration 2 of 4" in out) == (0, "", True)
    there = saved.find_run("run")
    assert there.recipe.dataset == str(pathlib.Path(dataset).absolute())
    write_pictures("again")
    assert run(*options, "--run=whole", "--dataset=again", "--iterations=4")[0] == 0
    assert_same_variables(saved_variables(there.logs), saved_variables(there.logs.with_name("whole")))


def test_other_pictures_are_refused_at_the_same_path_and_at_another(run):
    write_pictures("pics")
    assert run(*OPTIONS, "--dataset=pics", "--iterations=2")[0] == 0
    write_pictures("others", seed=1)
    status, _, err = run(*OPTIONS, "--dataset=others", "--iterations=4")
    assert (status, err.count("\n"), "data_sha256 was" in err, "dataset was" in err) == (2, 1, True, True)
    shutil.rmtree("pics")
    pathlib.Path("others").rename("pics")
    status, _, err = run(*OPTIONS, "--dataset=pics", "--iterations=4")
    assert (status, "data_sha256 was" in err, "dataset was" in err) == (2, True, False)


@pytest.mark.slow
def test_a_run_is_measured_and_reported_where_its_pictures_are_gone(run, command):
    """They are packed. Without the packed array the error names what packs them again."""
    write_pictures("pics")
    options = (*OPTIONS, "--evaluate-every=1", "--evaluate-images=10", "--features=random")
    assert run(*options, "--dataset=pics", "--iterations=2")[0] == 0
    pathlib.Path("pics").rename("elsewhere")
    assert run(*options, "--dataset=elsewhere", "--iterations=3")[0] == 0, "the figures compare with those before"
    pathlib.Path("elsewhere").rename("at-last")
    assert command(evaluate)("--run=run", "--features=random", "--images=10")[0] == 0
    assert report.training_images(saved.find_run("run"), pathlib.Path("data"), pathlib.Path("out")) is not None
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
