"""What is read of a run: its config, metrics, records, figures and pictures; damaged ones are skipped or told."""

import json

import pytest

from tests.models.handmade import write_run
from tfgan import recipes
from tfgan.errors import UserError
from tfgan.runs import saved
from tfgan.runs.rundir import RunDir


def run_by_hand(folder, lines=(), checkpoints_of=(), **config):
    """A run by hand, with empty checkpoints of these iterations."""
    run = write_run(folder, recipes.recipe("vanilla", "digits"), {}, **config)
    for iteration in checkpoints_of:
        (run.checkpoints / f"{iteration:06d}").mkdir()
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return run


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
    run = run_by_hand(tmp_path / "run")
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


KINDS = (
    "-real.png", "-losses.png", "-beside-real.png", "-nearest.png", "-alike.png", "-classes.png", "-000000.png", "-1234567.png",
    "-000100-pair.png", ".gif", ".webp", ".mp4", ".html",
)  # fmt: skip


def test_which_pictures_are_a_runs(tmp_path):
    """All that training and `report` make of it. Samples that the user asked for, and other runs' pictures, are none."""
    others = ("-sample.png", "-00100.png", "-2-000100.png", "-real.jpg", "-nearest.png.txt", "s.gif", "-mine.png", "")
    for ending in ("", ".part"):
        for kind in (*KINDS, *others):
            (tmp_path / f"run{kind}{ending}").touch()
        (tmp_path / f"my-run.gif{ending}").touch()
    found = [saved.picture_files(tmp_path, "run", *ending) for ending in ((), (".part",))]
    assert [path.name for path in found[0]] == sorted(f"run{kind}" for kind in KINDS)
    assert [path.name for path in found[1]] == sorted(f"run{kind}.part" for kind in KINDS)


@pytest.mark.parametrize(("content", "words"), [
    ("{", "is damaged (Expecting property name"), ("5", "is damaged ("), ('{"recipe": {}}', "is damaged ('environment')"),
])  # fmt: skip
def test_a_config_that_is_damaged(tmp_path, content, words):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError) as error:
        saved.read_config(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/config.json {words}")
    assert str(error.value).endswith("); --fresh starts the run over")


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "config.json").touch()
    monkeypatch.setattr("pathlib.Path.read_text", fail)
    with pytest.raises(UserError) as error:
        saved.read_config(tmp_path)
    assert str(error.value) == f"{tmp_path}/config.json cannot be read (Permission denied); allow it"
    monkeypatch.setattr("pathlib.Path.glob", fail)
    with pytest.raises(UserError) as error:
        saved.run_names(tmp_path)
    assert str(error.value) == f"--log-dir: cannot read {tmp_path} (Permission denied); allow it, or give another"


def test_pictures_by_iteration(tmp_path):
    names = ["2024-000500.png", "2024-1000000.png", "2024-999500.png", "2024-999500-pair.png", "2024-1000000-pair.png"]
    others = ["2024.gif", "2024.html", "2024-real.png", "2024-7-000100.png", "2024-12.png"]
    for name in (*names, *others):
        (tmp_path / name).touch()
    assert [n for n, _ in saved.pictures_by_iteration(tmp_path, "2024")] == [500, 999_500, 999_500, 1_000_000, 1_000_000]
    assert list(saved.sample_grids(tmp_path, "2024")) == [500, 999_500, 1_000_000]
    (tmp_path / "logs" / "2024").mkdir(parents=True)
    RunDir("2024", tmp_path / "logs", tmp_path).rewind_to(600)
    assert {path.name for path in tmp_path.iterdir()} == {"logs", "2024-000500.png", *others}
