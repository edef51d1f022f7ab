"""The runs' tables and the reasons that are given: names, damages, environments, records; hand-made files only."""

import argparse
import json
import socket
import sys
from types import SimpleNamespace

import pytest

from tests.models.handmade import write_run
from tests.runs.test_runs import Terminal
from tests.runs.test_runs import rows
from tfgan import recipes
from tfgan.common import files
from tfgan.errors import UserError
from tfgan.runs import __main__ as command_runs
from tfgan.runs import environment
from tfgan.runs import events
from tfgan.runs import manifests
from tfgan.runs import saved
from tfgan.runs.rundir import RunDir


def written(folder, lines=(), checkpoints_of=(), **config):
    """A run by hand, with empty checkpoints of these iterations."""
    run = write_run(folder, recipes.recipe("vanilla", "digits"), {}, **config)
    for iteration in checkpoints_of:
        (run.checkpoints / f"{iteration:06d}").mkdir()
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return run


def test_the_list_of_runs_by_hand(command, tmp_path):
    """Iterations have their thousands apart; only a run that reached its length is finished."""
    for name, reached in (("a", [9_999]), ("b", [500, 10_000]), ("c", [12_000]), ("d", [])):
        written(tmp_path / "logs" / name, checkpoints_of=reached)
    table = rows(command(command_runs)()[1])
    assert {name: cells[3] for name, cells in table.items() if len(name) == 1} == {
        "a": "9,999/10,000", "b": "10,000/10,000", "c": "12,000/10,000", "d": "0/10,000",
    }  # fmt: skip
    assert [table[name][7] for name in "abcd"] == ["stopped", "finished", "finished", "no checkpoint"]
    assert table["a"][4:6] == ["-", "-"]


def test_what_compare_shows_besides_the_recipe(command, tmp_path):
    lines = [{"iteration": 5, "d_loss": 1.0, "g_loss": 2.0}]
    written(tmp_path / "logs" / "a", lines, seed=1, environment={"threads": 2, "python": "3.12"}, shards=None)
    written(tmp_path / "logs" / "b", seed=2, environment={"threads": 2, "onednn": True}, init_from="x")
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
    written(tmp_path / "logs" / "a", checkpoints_of=[7])
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
        words = "files are named after it, so use only letters, digits, '.', '_', '+' and '-'"
        assert str(error.value) == f"--run is {name!r}; {words}"


def checkpoint(folder, content=b"weights", **changes):
    """A checkpoint by hand, of one file."""
    folder.mkdir()
    (folder / "model.index").write_bytes(b"weights")
    manifest = {"format": 1, "iteration": 5, "sha256": {"model.index": files.digest(folder / "model.index")}}
    (folder / "model.index").write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    return folder


@pytest.mark.parametrize(("changes", "reason"), [
    ({}, None), ({"content": b"wrights"}, "model.index differs from what was written"),
    ({"format": 2}, "its manifest belongs to another checkpoint"),
    ({"iteration": 6}, "its manifest belongs to another checkpoint"),
    ({"sha256": None}, "its manifest cannot be read"), ({"sha256": {"model.data": ""}}, "model.data is missing"),
])  # fmt: skip
def test_what_is_wrong_with_a_checkpoint(tmp_path, changes, reason):
    folder = checkpoint(tmp_path / "000005", **changes)
    assert manifests.find_damage(folder) == reason
    for content, words in (("{", "its manifest cannot be read"), ("[1]", "its manifest cannot be read")):
        (folder / "manifest.json").write_text(content)
        assert manifests.find_damage(folder) == words
    (folder / "manifest.json").unlink()
    assert manifests.find_damage(folder) == "manifest.json is missing"


def test_all_checkpoints_are_named_if_none_is_whole(tmp_path):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "000007/model"\n')
    checkpoint(tmp_path / "000005", format=2)
    with pytest.raises(UserError) as error:
        manifests.newest_whole(tmp_path)
    assert str(error.value) == (
        f"there is no whole checkpoint: {tmp_path}/000007 is gone; {tmp_path}/000005 is damaged (its manifest belongs to another "
        "checkpoint). Put one back, or start over with --fresh"
    )


def test_a_checkpoint_before_lost_ones_is_used_with_a_warning_for_each(tmp_path, capsys):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "000007/model"\n')
    checkpoint(tmp_path / "000005")
    checkpoint(tmp_path / "000006", format=2)
    assert manifests.newest_whole(tmp_path) == 5
    before = f"using the one before, {tmp_path}/000005"
    assert capsys.readouterr().out.splitlines() == [
        f"Warning: checkpoint {tmp_path}/000007 is gone; {before}",
        f"Warning: checkpoint {tmp_path}/000006 is damaged (its manifest belongs to another checkpoint); {before}",
    ]


@pytest.mark.parametrize(("content", "found"), [
    ('{"iteration": 3, "value": 1, "metric": "recall"}', {"iteration": 3, "value": 1.0, "metric": "recall"}),
    ('{"iteration": "3", "value": "1", "metric": "recall", "protocol": "x"}',
     {"iteration": 3, "value": 1.0, "metric": "recall", "protocol": "x"}),
    ('{"iteration": null, "value": 1, "metric": "recall"}', None), ('{"iteration": 3, "metric": "recall"}', None), ("[]", None),
    ('{"iteration": Infinity, "value": 1, "metric": "recall"}', None), ("{", None), (None, None),
])  # fmt: skip
def test_records_of_the_best_checkpoint(tmp_path, content, found):
    if content is not None:
        (tmp_path / "best.json").write_text(content)
    assert saved.read_best(tmp_path) == found


def test_evaluations_that_are_read(tmp_path):
    """In the order of their folders and iterations; without those whose values are not numbers."""
    run = written(tmp_path / "run")
    good = {"iteration": 2, "figures": {"recall": 1, "class_shares": {"a": 0.5}}, "protocol": {"seed": 0}}
    good["figures"] |= {"diversity_within_classes": {"a": None}, "classes_seen": {"a": {"a": 1, "b": 0}, "b": {"a": 0, "b": 2}}}
    bad = [{**good, "iteration": "2"}, {**good, "figures": {"recall": None}}, {**good, "protocol": 5}, {**good, "figures": []}]
    bad += [{**good, "figures": {"class_shares": {"a": "x"}}}, 5, {**good, "protocol": {"format": 2}}]
    bad += [{**good, "figures": {"classes_seen": seen}} for seen in ({"a": {"b": 1}}, {"a": {"a": "x"}}, {"a": 5}, 5)]
    contents = {"b/000001": good, "a/000010": {**good, "iteration": 10}, "a/000009": {**good, "iteration": 9}}
    contents |= {f"c/{number:06d}": content for number, content in enumerate(bad)} | {"c/x": good}
    for name, content in contents.items():
        path = run.logs / "quality" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    assert [found["iteration"] for found in saved.read_evaluations(run)] == [9, 10, 2]


def test_environments_that_differ():
    now = {"python": "3.12", "replicas": 1, "sync_batch_norm": False, "device": ["CPU"]}
    assert environment.changes({"python": "3.12", "device": ["CPU"], "gone": 1}, now) == [], "older versions had one replica"
    assert environment.changes({"python": "3.11", "replicas": 2}, now) == [
        "python was '3.11', now '3.12'", "replicas was 2, now 1", "device was None, now ['CPU']",
    ]  # fmt: skip


@pytest.mark.parametrize(("flags", "name"), [
    ("fpu avx", "A chip, avx"), ("avx avx2 fpu", "A chip, avx2"), ("avx avx2 avx512f", "A chip, avx512f"),
    ("fpu avx2x", "A chip"), (None, "A chip"),
])  # fmt: skip
def test_the_processor_has_its_widest_instructions(tmp_path, monkeypatch, flags, name):
    table = tmp_path / "cpuinfo"
    table.write_text("processor\t: 0\nmodel name\t: A chip\n" + (f"flags\t\t: {flags}\n" if flags else ""))
    monkeypatch.setattr(environment, "pathlib", SimpleNamespace(Path=lambda path: table))
    assert environment._processor() == name
    table.unlink()
    monkeypatch.setattr(environment.platform, "processor", lambda: "")
    monkeypatch.setattr(environment.platform, "machine", lambda: "arm64")
    assert environment._processor() == "arm64"


def test_what_is_recorded_of_a_process(monkeypatch):
    monkeypatch.setattr("tfgan.tf1.gpus", list)
    for value, on in (("1", True), ("0", False)):
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", value)
        found = environment.environment(xla=True)
        assert (found["device"], found["onednn"], found["xla"]) == (["CPU"], on, True)


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    """Two of 64, where taskset, Slurm or tfgan.launch says so; all of them where the system knows no such limit."""
    monkeypatch.setattr(environment.os, "sched_getaffinity", lambda process: {3, 7}, raising=False)
    monkeypatch.setattr(environment.os, "cpu_count", lambda: 64)
    assert environment.cores() == environment.environment()["threads"] == 2
    monkeypatch.delattr(environment.os, "sched_getaffinity")
    assert environment.cores() == environment.environment()["threads"] == 64


def test_names_of_event_files_ascend(tmp_path, monkeypatch):
    """They have the seconds since 1970, or more than every file there."""
    monkeypatch.setattr(events, "time", SimpleNamespace(time=lambda: 1000.9))
    monkeypatch.setattr(socket, "gethostname", lambda: "here")
    assert events._new_name(tmp_path) == "events.out.tfevents.0000001000.here"
    (tmp_path / "events.out.tfevents.0000000000.begun").touch()
    (tmp_path / "events.out.tfevents.odd.x").touch()
    assert events._new_name(tmp_path) == "events.out.tfevents.0000001000.here"
    (tmp_path / "events.out.tfevents.0000001000.there").touch()
    assert events._new_name(tmp_path) == "events.out.tfevents.0000001001.here"


def test_the_commands_own_words():
    parser = command_runs.parser()
    (commands,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    assert list(commands.choices) == ["list", "compare", "rm"]
    assert (parser.get_default("log_dir"), parser.get_default("out_dir")) == ("logs", "out")
