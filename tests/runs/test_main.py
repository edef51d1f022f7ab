"""`python -m tfgan.runs`: the list, the comparison, the removal."""

import io
import json
import os
import pathlib
import re
import shutil
import sys

import pytest

from tests.conftest import TINY
from tests.models.handmade import write_run
from tfgan import recipes
from tfgan import train
from tfgan.common import files
from tfgan.runs import __main__ as command_runs
from tfgan.runs import read


@pytest.fixture
def here(runs, command, tmp_path):
    """The short runs of mlp, in the current folder, as `mlp-digits` and `other`; and `python -m tfgan.runs` there."""
    for folder in ("logs", "out"):
        (tmp_path / folder).mkdir()
    for name in ("mlp-digits", "other"):
        shutil.copytree(runs / "logs" / "mlp-digits", tmp_path / "logs" / name)
        for path in read.picture_files(runs / "out", "mlp-digits"):
            shutil.copy(path, tmp_path / "out" / path.name.replace("mlp-digits", name))
    return command(command_runs)


def rows(out):
    """{first word: the row's cells} of a table whose columns are two spaces apart."""
    return {cells[0]: cells for cells in (re.split(r"  +", line.strip()) for line in out.splitlines())}


def change(name, **fields):
    """Changes the recipe in a run's config."""
    path = pathlib.Path("logs") / name / "config.json"
    config = json.loads(path.read_text())
    config["recipe"].update(fields)
    path.write_text(json.dumps(config))


def test_the_list(here, tmp_path):
    change("other", iterations=9)
    shutil.copytree("logs/other", "logs/young")
    shutil.rmtree("logs/young/checkpoints")
    shutil.copytree("logs/young", "logs/spoiled")
    pathlib.Path("logs/spoiled/config.json").write_text("{")
    pathlib.Path("out/mlp-digits.webp").write_bytes(bytes(5_000_000))  # so that the pictures' part of the size shows
    for arguments in ((), ("list",), ("--log-dir", "logs"), ("--log-dir", "logs", "list"), ("list", "--log-dir", "logs")):
        status, out, err = here(*arguments)
        assert (status, err) == (0, "")
        table = rows(out)
        assert list(table) == ["run", "mlp-digits", "other", "spoiled", "young"]
    headings = ["run", "model", "data", "iteration", "d_loss", "g_loss", "size", "state", "last picture"]
    assert table["run"] == headings
    last = json.loads(pathlib.Path("logs/other/metrics.jsonl").read_text().splitlines()[-1])
    assert last["d_loss"] != last["g_loss"]
    losses = [f"{last['d_loss']:.4f}", f"{last['g_loss']:.4f}"]
    name, model, data, reached, d_loss, g_loss, size, state, picture = table["mlp-digits"]
    assert (model, data, reached, [d_loss, g_loss], state) == ("mlp", "digits", "4/4", losses, "finished")
    assert picture == "out/mlp-digits-000004.png"
    total = sum(p.stat().st_size for p in pathlib.Path("logs/mlp-digits").rglob("*") if p.is_file())
    total += sum(p.stat().st_size for p in pathlib.Path("out").glob("mlp-digits*"))
    assert size == f"{total / 1e6:,.1f} MB"
    assert (table["other"][3], table["other"][7]) == ("4/9", "stopped")
    assert (table["young"][3], table["young"][7:]) == ("0/9", ["no checkpoint", "-"])
    assert "config.json is damaged" in table["spoiled"][7]


def test_a_run_in_training_is_known_and_not_removed(here, command):
    with files.exclusive_lock(pathlib.Path("logs/other/lock")):
        assert rows(here()[1])["other"][7] == f"training (process {os.getpid()} on {os.uname().nodename})"
        status, _, err = here("rm", "other", "--yes")
        assert status == 2
        assert "run other is being trained by process" in err
    assert rows(here()[1])["other"][7] == "finished"
    pathlib.Path("logs/other/lock").touch()  # of a process that was killed
    pathlib.Path("logs/other/lock.owner").write_text("process 1 on here")
    assert rows(here()[1])["other"][7] == "finished"
    assert pathlib.Path("logs/other/config.json").exists()


def test_compare(here):
    change("other", learning_rate=0.5, smooth=0.1)
    path = pathlib.Path("logs/other/config.json")
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "earlier_environments": [config["environment"]]}))  # not a setting
    status, out, _ = here("--log-dir", "logs", "compare", "mlp-digits", "logs/other")
    assert status == 0
    table = rows(out)
    assert table["mlp-digits"] == ["mlp-digits", "other"]
    assert table["recipe: learning_rate"][1:] == ["0.0003", "0.5"]
    assert table["recipe: smooth"][1:] == ["0", "0.1"]
    differences = [name for name in table if name.startswith(("recipe", "settings", "made on"))]
    assert differences == ["recipe: learning_rate", "recipe: smooth"]
    last = json.loads(pathlib.Path("logs/other/metrics.jsonl").read_text().splitlines()[-1])
    assert table["last: g_loss"][1:] == [f"{last['g_loss']:.5g}"] * 2
    assert table["last: iteration"][1:] == ["3", "3"]
    line = {"iteration": 5, "d_loss": 0.125, "g_loss": 0.625}
    with open("logs/other/metrics.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")
    table = rows(here("compare", "other", "mlp-digits")[1])
    assert table["other"] == ["other", "mlp-digits"]
    for name, value in line.items():
        assert table[f"last: {name}"][1:] == [f"{value:.5g}", f"{last[name]:.5g}"]


def test_a_name_is_that_of_a_run_in_the_log_folder_before_it_is_a_path(here, tmp_path):
    shutil.copytree("logs/other", "mlp-digits")
    shutil.copytree("logs/other", "elsewhere")
    assert read.find_run("mlp-digits").logs == pathlib.Path("logs/mlp-digits")
    assert read.find_run("elsewhere").logs == pathlib.Path("elsewhere")
    assert read.find_run(str(tmp_path / "mlp-digits")).logs == tmp_path / "mlp-digits"


def test_rm_removes_all_of_one_run_and_nothing_else(here, tmp_path, monkeypatch):
    for extra in ("logs/other/projector_config.pbtxt", "out/other-sample.png", "out/other2-000000.png", "out/other.txt"):
        pathlib.Path(extra).write_text("x")
    pathlib.Path("out/other.webp").write_bytes(bytes(5_000_000))  # so that the pictures' part of the size shows
    parts = (*pathlib.Path("logs/other").rglob("*"), *read.picture_files(tmp_path / "out", "other"))
    size = sum(path.stat().st_size for path in parts if path.is_file())
    before = set(tmp_path.rglob("*"))
    status, _, err = here("rm", "other")
    assert status == 2
    assert err.startswith("tfgan: error: rm would remove logs/other (2 checkpoints) and 8 pictures in out, ")
    assert f" {size / 1e6:,.1f} MB" in err
    assert err.endswith("there is no terminal to ask on; give --yes\n")
    for answer in ("", "n\n", "no\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        assert here("rm", "other")[1].endswith("Nothing was removed\n")
    assert set(tmp_path.rglob("*")) == before
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    status, out, _ = here("rm", "other")
    assert status == 0
    gone = {path.relative_to(tmp_path).as_posix() for path in before - set(tmp_path.rglob("*"))}
    names = ("000000.png", "000004.png", "beside-real.png", "losses.png", "nearest.png", "real.png")
    assert {path for path in gone if path.startswith("out/")} == {
        "out/other.gif", "out/other.webp", *(f"out/other-{name}" for name in names)
    }  # fmt: skip
    assert not pathlib.Path("logs/other").exists()
    assert rows(here()[1]).keys() == {"run", "mlp-digits"}
    assert here("rm", "mlp-digits", "--yes")[0] == 0
    assert here()[1] == "There is no run in logs; python -m tfgan.train makes one\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_rm_of_a_link_removes_what_it_leads_to(here, tmp_path):
    (tmp_path / "archive").mkdir()
    shutil.copytree("logs/other", "archive/mlp-digits")
    os.symlink(tmp_path / "archive" / "mlp-digits", "logs/best")
    status, out, _ = here("rm", "best", "--yes")
    assert status == 0
    assert out.startswith(f"Removed {tmp_path / 'archive' / 'mlp-digits'} (2 checkpoints)")
    assert not pathlib.Path("archive/mlp-digits").exists()
    assert pathlib.Path("logs/mlp-digits/config.json").exists(), "another of that name"


@pytest.mark.parametrize(
    "changes",
    [{"model": 5}, {"model": ["vanilla"]}, {"dataset": 5}, {"dataset": None}, {"batch_size": None}, {"z_dim": "x"},
     {"iterations": None, "epochs": float("inf")}],
)  # fmt: skip
def test_a_config_of_other_types_is_told_and_spoils_no_list(here, changes):
    change("other", **changes)
    status, out, err = here()
    assert (status, err) == (0, "")
    assert "config.json cannot be used by this version" in rows(out)["other"][7]
    assert rows(out)["mlp-digits"][7] == "finished"
    status, _, err = here("compare", "other", "mlp-digits")
    assert (status, err.count("\n")) == (2, 1)


def test_metrics_that_are_no_numbers_are_left_out(here):
    path = pathlib.Path("logs/other/metrics.jsonl")
    whole = read.read_metrics(path.parent)
    line = whole[-1]
    odd = ({"iteration": float("inf")}, {"d_real": "x"}, {"images_per_second": None}, {"d_loss": []}, {"iteration": None})
    path.write_text("".join(json.dumps(each) + "\n" for each in (*whole, *({**line, **o} for o in odd))) + "[1]\n5\n{")
    assert read.read_metrics(path.parent) == whole
    assert here()[0] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["rm", "nothing"], "there is no run 'nothing' in logs: there are mlp-digits, other"),
        (["compare", "other", "nothing"], "there is no run 'nothing'"),
        (["compare", "other"], "the following arguments are required: RUN"),
        (["remove", "other"], "argument COMMAND: invalid choice: 'remove'"),
        (["rm", "nothing", "--log-dir", "nowhere"], "there is no run 'nothing' in nowhere: there is none; python -m tfgan.train"),
    ],
)
def test_what_is_refused(here, options, words):
    status, _, err = here(*options)
    assert status == 2
    assert err.startswith(f"tfgan: error: {words}"), err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_fresh_removes_what_was_made_of_the_run(here, command, tmp_path):
    others = {"other.webp", "other.html", "other.mp4", "other-000900.png", "other-000900-pair.png"}
    for name in others:
        (tmp_path / "out" / name).write_text("x")
    assert others < {path.name for path in read.picture_files(tmp_path / "out", "other")}
    assert command(train)("--model", "mlp", *TINY, "--iterations", 1, "--run", "other", "--fresh")[0] == 0
    made = {path.name for path in read.picture_files(tmp_path / "out", "other")}
    names = {f"other-{name}.png" for name in ("000000", "000001", "real", "losses", "beside-real", "nearest")}
    assert made == names | {"other.gif"}


def run_by_hand(folder, lines=(), checkpoints_of=(), **config):
    """A run by hand, with empty checkpoints of these iterations."""
    run = write_run(folder, recipes.recipe("vanilla", "digits"), {}, **config)
    for iteration in checkpoints_of:
        (run.checkpoints / f"{iteration:06d}").mkdir()
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return run


def test_the_list_of_runs_by_hand(command, tmp_path):
    """Iterations have their thousands apart; only a run that reached its length is finished."""
    for name, reached in (("a", [9_999]), ("b", [500, 10_000]), ("c", [12_000]), ("d", [])):
        run_by_hand(tmp_path / "logs" / name, checkpoints_of=reached)
    table = rows(command(command_runs)()[1])
    assert {name: cells[3] for name, cells in table.items() if len(name) == 1} == {
        "a": "9,999/10,000", "b": "10,000/10,000", "c": "12,000/10,000", "d": "0/10,000",
    }  # fmt: skip
    assert [table[name][7] for name in "abcd"] == ["stopped", "finished", "finished", "no checkpoint"]
    assert table["a"][4:6] == ["-", "-"]


def test_what_compare_shows_besides_the_recipe(command, tmp_path):
    lines = [{"iteration": 5, "d_loss": 1.0, "g_loss": 2.0}]
    run_by_hand(tmp_path / "logs" / "a", lines, seed=1, environment={"threads": 2, "python": "3.12"}, shards=None)
    run_by_hand(tmp_path / "logs" / "b", seed=2, environment={"threads": 2, "onednn": True}, init_from="x")
    status, out, _ = command(command_runs)("compare", "a", "b")
    table = rows(out)
    assert status == 0
    assert [*table.values()] == [
        ["a", "b"], ["settings: seed", "1", "2"], ["settings: init_from", "-", "x"], ["made on: python", "3.12", "-"],
        ["made on: onednn", "-", "True"], ["last: iteration", "5", "-"], ["last: d_loss", "1", "-"], ["last: g_loss", "2", "-"],
    ]  # fmt: skip


@pytest.mark.parametrize(("answer", "removed"), [
    ("yes\n", True), (" Y \n", True), ("YES\n", True), ("j\n", False), ("yy\n", False), ("\n", False),
])  # fmt: skip
def test_answers_that_remove_a_run(command, tmp_path, monkeypatch, answer, removed):
    run_by_hand(tmp_path / "logs" / "a", checkpoints_of=[7])
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(command_runs, "_size", lambda *_: "1.0 MB")
    _, out, _ = command(command_runs)("rm", "a")
    what = "logs/a (1 checkpoints) and 0 pictures in out, 1.0 MB"
    told = f"Removed {what}" if removed else "Nothing was removed"
    assert out == f"Remove {what}? [y/N] {told}\n"
    assert (tmp_path / "logs" / "a").exists() != removed


def test_what_cannot_be_listed_is_an_error(command, monkeypatch):
    def fail(*_):
        raise PermissionError(13, "Permission denied", "out/x")

    monkeypatch.setattr(command_runs, "list_runs", fail)
    assert command(command_runs)()[::2] == (2, "tfgan: error: out/x: Permission denied; fix that\n")
