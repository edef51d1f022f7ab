"""A run's folder: what its errors name, which changes are refused, and how its pictures are named; no training."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TINY
from tests.conftest import assert_says
from tests.models.handmade import write_run
from tests.runs.test_read import KINDS
from tfgan import datasets
from tfgan import recipes
from tfgan import sample
from tfgan.errors import UserError
from tfgan.runs import __main__ as runs_command
from tfgan.runs import read
from tfgan.runs import write
from tfgan.runs.write import RunDir

RECIPE = recipes.recipe("mlp", "digits")


def config_of(recipe=RECIPE, **changes):
    config = {"recipe": recipe.to_dict(), "environment": {"python": "3.12"}, "seed": 0, "as_written": False, "images": 1797}
    return json.loads(json.dumps({**config, "data_sha256": "x", "init_from": None, **changes}))


@pytest.fixture
def directory(tmp_path):
    return RunDir("run", tmp_path / "logs", tmp_path / "out")


@pytest.mark.parametrize(("changes", "words"), [
    ({"seed": 1, "as_written": True}, "as_written was False, now True; seed was 0, now 1"),
    ({"images": 5}, "images was 1797, now 5"),
    ({"labels_sha256": "y"}, "labels_sha256 was None, now 'y'"),
    ({"init_from": "/a"}, "init_from was None, now '/a'"),
    ({"recipe": RECIPE.replace(smooth=0.1, z_dim=5)}, "smooth was 0.0, now 0.1; z_dim was 96, now 5"),
])  # fmt: skip
def test_changes_that_are_refused(directory, changes, words):
    directory.start(config_of(), fresh=False, done=0, end=9)
    with pytest.raises(UserError) as error:
        directory.start(config_of(**changes), fresh=False, done=0, end=9)
    assert_says(error.value, "run run", words, "Give the same again", "--fresh", "another --run NAME", "--iterations, --epochs")
    directory.start(config_of(**changes), fresh=True, done=0, end=9)


def test_other_images_are_refused_with_how_many_came_and_went(directory, tmp_path):
    """With the way on, if nothing else differs. Of arrays that are no longer packed only the numbers are told."""
    digests = []
    for rows in ([1, 2, 2, 3], [2, 4, 5, 6, 7]):
        np.save(tmp_path / "x.npy", np.full([1, 9, 9], 0, np.uint8) + np.array(rows, np.uint8)[:, None, None])
        digests.append(datasets.load(str(tmp_path / "x.npy"), tmp_path / "data", datasets.Request((9, 9))).sha256)
    was, now = (config_of(data_sha256=each, images=count) for each, count in zip(digests, (4, 5), strict=True))
    directory.start(was, fresh=False, done=0, end=9)

    def refusal(done=5, data_dir=tmp_path / "data", **changes):
        with pytest.raises(UserError) as error:
            directory.start({**now, **changes}, fresh=False, done=done, end=9, data_dir=data_dir)
        return str(error.value)

    told = "4 images were there, and 5 are there now"
    way_on = f"a new run on the new ones that begins from its networks: --run NEW --init-from {directory.checkpoints}"
    assert_says(refusal(), told, ": 4 came and 3 went (the old ones are still packed", way_on)
    assert_says(refusal(done=0), told, "train a new run on the new ones: --run NEW")
    assert_says(refusal(data_dir=tmp_path / "elsewhere"), f"{told}. Give it those alone")
    assert_says(refusal(seed=1), "seed was 0, now 1; 4 images", ": 4 came and 3 went", "--fresh")
    assert "data_sha256" not in refusal() + refusal(seed=1)
    assert datasets.pack.find_by_sha256(digests[0], tmp_path / "data") is not None, "the refused command leaves the old images"


def test_a_run_that_an_earlier_version_trained_on_shards(directory):
    directory.start(config_of(shards=None), fresh=False, done=0, end=9)
    directory.start(config_of(), fresh=False, done=0, end=9)
    directory.start(config_of(shards=2), fresh=True, done=0, end=9)
    with pytest.raises(UserError) as error:
        directory.start(config_of(), fresh=False, done=0, end=9)
    assert_says(error.value, "run run was trained on shards", "--fresh", "another --run")


def test_a_length_may_change_and_a_longer_run_keeps_its_config(directory, capsys):
    directory.start(config_of(), fresh=False, done=0, end=9)
    directory.start(config_of(RECIPE.replace(iterations=5)), fresh=False, done=5, end=5)
    assert read.read_config(directory.logs)["recipe"]["iterations"] == 5
    directory.start(config_of(RECIPE.replace(iterations=4)), fresh=False, done=5, end=4)
    assert read.read_config(directory.logs)["recipe"]["iterations"] == 5
    assert capsys.readouterr().out == ""


def test_another_environment_is_told(directory, capsys):
    directory.start(config_of(), fresh=False, done=0, end=9)
    directory.start(config_of(environment={"python": "3.13", "threads": 2}), fresh=False, done=0, end=9)
    words = "Warning: run run continues, but its results may differ in their last bits: "
    assert capsys.readouterr().out == f"{words}python was '3.12', now '3.13'; threads was None, now 2\n"


@pytest.mark.parametrize(("suffix", "name"), [
    (0, "run-000000.png"), (1_234_567, "run-1234567.png"), ("real", "run-real.png"), ("000007-pair", "run-000007-pair.png"),
])  # fmt: skip
def test_names_of_pictures(directory, suffix, name):
    directory.out_dir.mkdir()
    path = directory.save_picture(suffix, np.full([100, 200, 1], 9, np.uint8))
    assert path == directory.out_dir / name
    with Image.open(path) as picture:
        assert (picture.size, picture.mode) == ((600, 300), "L")


def test_what_cannot_be_written_is_named(directory, tmp_path):
    directory.logs.mkdir(parents=True)
    (directory.logs / "config.json.part").mkdir()
    with pytest.raises(UserError) as error:
        directory.start(config_of(), fresh=False, done=0, end=9)
    assert str(error.value).startswith(f"run run cannot be written in {directory.logs}: {directory.logs}/config.json.part: ")
    assert str(error.value).endswith("; fix that, or give another --run")
    (tmp_path / "file").touch()
    for option, folders in (("--log-dir", ("file", "out")), ("--out-dir", ("logs", "file"))):
        with pytest.raises(UserError) as error:
            RunDir("run", *(tmp_path / folder for folder in folders))
        place = tmp_path / "file" / "run" if option == "--log-dir" else tmp_path / "file"
        assert_says(error.value, option, place, "Not a directory", "give another")


def test_who_trains_a_run_is_named(directory):
    with directory.locked(), pytest.raises(UserError) as error, RunDir("run", directory.logs.parent, directory.out_dir).locked():
        pass
    assert str(error.value).startswith("run run is being trained by process ")
    assert str(error.value).endswith("; wait, stop it, or give another --run")


def test_a_run_is_removed_with_what_others_put_there(tmp_path):
    write_run(tmp_path / "logs" / "run", RECIPE, {})
    (tmp_path / "logs" / "run" / "mine").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "logs" / "run" / "link").symlink_to(tmp_path / "elsewhere")
    RunDir("run", tmp_path / "logs", tmp_path / "out").remove()
    assert not (tmp_path / "logs" / "run").exists()
    assert (tmp_path / "elsewhere").exists()


def test_a_fresh_start_leaves_nothing_of_the_run_before(directory):
    """Neither its pictures nor what TensorBoard would show: the curves, the figures of quality and the projector's images."""
    gone = ("checkpoints/000003/x", "quality/protocol-a.json", "events.out.tfevents.1.here", "metrics.jsonl", "config.json")
    gone += ("projector_config.pbtxt", "projector_points.tsv", "projector_labels.tsv", "projector_sprite.png")
    for name in (*gone, "mine.txt"):
        (directory.logs / name).parent.mkdir(parents=True, exist_ok=True)
        (directory.logs / name).write_text("x")
    directory.out_dir.mkdir()
    for name in (*(f"run{kind}" for kind in KINDS), "run-sample.png"):
        (directory.out_dir / name).touch()
    directory.start(config_of(seed=7), fresh=True, done=0, end=9)
    assert sorted(path.name for path in directory.logs.rglob("*")) == ["checkpoints", "config.json", "mine.txt"]
    assert [path.name for path in directory.out_dir.iterdir()] == ["run-sample.png"]
    assert read.read_config(directory.logs)["seed"] == 7


@pytest.mark.parametrize(("name", "good"), [
    ("run-1+2.x_y", True), ("ü", True), ("...", True), (".", False), ("..", False), ("", False), ("a b", False), ("a/b", False),
    ("a\n", False),
])  # fmt: skip
def test_names_of_runs(tmp_path, name, good):
    if good:
        assert RunDir(name, tmp_path, tmp_path).logs == tmp_path / name
    else:
        with pytest.raises(UserError) as error:
            RunDir(name, tmp_path, tmp_path)
        assert_says(error.value, f"--run is {name!r}", "use only letters, digits, '.', '_', '+' and '-'")


def refusal(result):
    """The one line of a command that refuses."""
    status, _, err = result
    assert (status, err.count("\n")) == (2, 1), err
    return err


def test_a_name_too_long_for_its_files_is_refused_at_once(run, tmp_path):
    """Counted in bytes, for what the longest of them ends in; and a folder's name may be as long by itself."""
    assert "has 240 bytes" in refusal(run("--run", "\u00e9" * 120))
    pictures = tmp_path / ("p" * 250)
    pictures.mkdir()
    for n in range(4):
        Image.fromarray(np.full([32, 32, 3], 60 * n, np.uint8)).save(pictures / f"{n}.png")
    assert "give a --run NAME of" in refusal(run("--dataset", pictures, "--model=compact", "--batch-size=2", "--iterations=1"))
    assert [path.name for path in tmp_path.iterdir()] == [pictures.name]


def test_the_longest_allowed_name_works(run, command, tmp_path):
    most = os.pathconf(tmp_path, "PC_NAME_MAX") - len(read.LONGEST_ENDING)
    name = "n" * most
    write.check_new_name(name, tmp_path)
    for made in ("-interpolation.webp", "-beside-real.png", f"-{2**53}-pair.png", ".html"):
        assert len(f"{made}.part") <= len(read.LONGEST_ENDING)
        (tmp_path / f"{name}{made}.part").touch()
    assert run(*TINY, "--iterations=2", f"--run={name}")[0] == 0
    assert command(sample)("--run", name, "--count=4")[0] == 0


def test_a_name_like_an_option(run, command, runs, tmp_path):
    """It is refused for a new run; one that exists is named otherwise."""
    for name in ("-x", "--help"):
        assert f"--run is '{name}', which commands would take for an option" in refusal(run(f"--run={name}"))
    assert not (tmp_path / "logs").exists()
    (tmp_path / "logs" / "-x").mkdir(parents=True)
    (tmp_path / "logs" / "-x" / "config.json").write_bytes((runs / "logs" / "mlp-digits" / "config.json").read_bytes())
    status, out, _ = command(runs_command)()
    assert (status, out.splitlines()[-1]) == (0, "Write ./-x for -x, which would be an option: python -m tfgan.runs rm ./-x")
    assert command(runs_command)("rm", "./-x", "--yes")[0] == 0
    assert not (tmp_path / "logs" / "-x").exists()
