"""`python -m tfgan.report`: what it says where something is missing."""

import pathlib

from tests.models.handmade import write_run
from tfgan import recipes
from tfgan import report


def test_why_a_report_has_no_neighbours_and_why_there_is_none(command, tmp_path, monkeypatch, capsys):
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {})
    monkeypatch.setattr("tfgan.datasets.find_training_images", lambda *_: None)
    assert report.training_images(run, pathlib.Path("d"), pathlib.Path("o")) is None
    note = "Note: the nearest training images are left out: they are not in d (--data-dir)\n"
    assert capsys.readouterr().out == note

    def fail(*_):
        raise OSError(28, "No space left on device", "out/run.gif")

    monkeypatch.setattr("tfgan.view.gallery.make", fail)
    status, _, err = command(report)("--run=run")
    reason = "out/run.gif: No space left on device; fix that"
    assert (status, err) == (2, f"tfgan: error: the report of run cannot be made: {reason}\n")
