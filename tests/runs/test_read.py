"""What is read of a run: its config, metrics, records, figures and pictures; damaged ones are skipped or told."""

import pytest

from tests.conftest import assert_says
from tfgan.errors import UserError
from tfgan.runs import read
from tfgan.runs.write import RunDir


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
    assert read.read_best(tmp_path) == found


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
    found = [read.picture_files(tmp_path, "run", *ending) for ending in ((), (".part",))]
    assert [path.name for path in found[0]] == sorted(f"run{kind}" for kind in KINDS)
    assert [path.name for path in found[1]] == sorted(f"run{kind}.part" for kind in KINDS)


@pytest.mark.parametrize(("content", "words"), [
    ("{", "is damaged (Expecting property name"), ("5", "is damaged ("), ('{"recipe": {}}', "is damaged ('environment')"),
])  # fmt: skip
def test_a_config_that_is_damaged(tmp_path, content, words):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError) as error:
        read.read_config(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/config.json {words}")
    assert str(error.value).endswith("); --fresh starts the run over")


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "config.json").touch()
    monkeypatch.setattr("pathlib.Path.read_text", fail)
    with pytest.raises(UserError) as error:
        read.read_config(tmp_path)
    assert_says(error.value, f"{tmp_path}/config.json", "Permission denied", "allow it")
    monkeypatch.setattr("pathlib.Path.glob", fail)
    with pytest.raises(UserError) as error:
        read.run_names(tmp_path)
    assert_says(error.value, "--log-dir", tmp_path, "Permission denied", "allow it, or give another")


def test_pictures_by_iteration(tmp_path):
    names = ["2024-000500.png", "2024-1000000.png", "2024-999500.png", "2024-999500-pair.png", "2024-1000000-pair.png"]
    others = ["2024.gif", "2024.html", "2024-real.png", "2024-7-000100.png", "2024-12.png"]
    for name in (*names, *others):
        (tmp_path / name).touch()
    assert [n for n, _ in read.pictures_by_iteration(tmp_path, "2024")] == [500, 999_500, 999_500, 1_000_000, 1_000_000]
    assert list(read.sample_grids(tmp_path, "2024")) == [500, 999_500, 1_000_000]
    (tmp_path / "logs" / "2024").mkdir(parents=True)
    RunDir("2024", tmp_path / "logs", tmp_path).rewind_to(600)
    assert {path.name for path in tmp_path.iterdir()} == {"logs", "2024-000500.png", *others}
