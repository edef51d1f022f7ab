"""`python -m tfgan.explore` up to the page itself: what it refuses, and which checkpoint it takes."""

import importlib.util
import shutil

from tfgan.explore import __main__ as explore
from tfgan.explore import folder


def refusal(command, *options):
    status, out, err = command(explore)(*options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    return err


def test_what_cannot_be_shown_is_refused_in_a_line(command, runs, tmp_path, busy_port):
    given = ["--run", "mlp-digits", "--log-dir", runs / "logs"]
    assert "there is no run 'nothing'" in refusal(command, "--run", "nothing")
    assert "no checkpoint of iteration 3; it has those of 2, 4" in refusal(command, *given, "--iteration", "3")
    assert "no best checkpoint" in refusal(command, *given, "--iteration", "best")
    assert "from 0 to 65535" in refusal(command, *given, "--port", "65536")
    assert f"port {busy_port} of 127.0.0.1 cannot be used" in refusal(command, *given, "--port", busy_port, "--no-browser")
    assert "--pretrained and --iteration cannot be combined" in refusal(command, "--pretrained", "mnist", "--iteration", "5")
    assert "tfgan comes with no generator 'cats'" in refusal(command, "--pretrained", "cats")
    assert "takes no --port" in refusal(command, *given, "--to", "there", "--port", "8000")
    bare = tmp_path / "logs" / "bare"
    bare.mkdir(parents=True)
    shutil.copy(runs / "logs" / "mlp-digits" / "config.json", bare)
    assert "run bare has no checkpoint yet" in refusal(command, "--run", "bare")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.tex").touch()
    assert "there holds other things (thesis.tex)" in refusal(command, *given, "--to", "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["thesis.tex"]


def test_without_gradio_it_says_what_to_install(command, runs, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'tfgan[explore]'" in refusal(command, "--run", "mlp-digits", "--log-dir", runs / "logs")


def test_the_folder_has_the_checkpoint_that_was_asked_for(command, runs, monkeypatch):
    written = []
    monkeypatch.setattr(folder, "write", lambda run, iteration, place: written.append((run.name, iteration, str(place))))
    for asked in ([], ["--iteration=2"], ["--iteration=4"]):
        assert command(explore)("--run=mlp-digits", f"--log-dir={runs / 'logs'}", "--to=there", *asked)[0] == 0
    assert written == [("mlp-digits", 4, "there"), ("mlp-digits", 2, "there"), ("mlp-digits", 4, "there")]
