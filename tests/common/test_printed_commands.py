"""The commands that tfgan prints do what they say when they are pasted into a shell, whatever the folders are called."""

import pathlib
import re
import shlex
import subprocess

import pytest

from tfgan import datasets
from tfgan import sample
from tfgan.common.command import in_shell
from tfgan.datasets import __main__ as command_datasets
from tfgan.errors import UserError
from tfgan.explore import folder
from tfgan.runs import read

ODD = ["plain", "a b", "-x", "--to", "it's", '"q"', "$HOME", "100%", "a;b", "*", "a\\b", "~", "(1)", "new\nline"]


def options(line, module):
    """What the command's own parser makes of a printed command."""
    words = shlex.split(line)
    assert words[:2] == ["python", "-m"]
    return module.parser().parse_args(words[3:])


@pytest.mark.parametrize("name", ODD)
def test_a_path_is_one_word_in_a_shell(name, tmp_path):
    (tmp_path / name).mkdir()
    done = subprocess.run(f"cd {in_shell(pathlib.Path(name))} && pwd", shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.removesuffix("\n") == str(tmp_path / name)


def test_the_commands_of_training(run):
    logs = "-it's a b"
    status, out, err = run("--model=mlp", "--batch-size=8", "--iterations=1", f"--log-dir={logs}")
    assert (status, err) == (0, "")
    more = options(out.partition("More of them: ")[2].splitlines()[0], sample)
    assert read.find_run(more.run, more.log_dir).name == "mlp-digits"
    program, option, place = shlex.split(out.partition("TensorBoard: ")[2].splitlines()[0])
    assert (program, option, pathlib.Path(place)) == ("tensorboard", "--logdir", pathlib.Path(logs))


@pytest.mark.parametrize("name", ODD)
def test_the_command_that_fetches_data(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        datasets.load("mnist", pathlib.Path(name), datasets.Request((28, 28), fetch=False))
    (line,) = re.findall(r"or not complete; (.*) fetches it", str(error.value), re.DOTALL)
    fetch = options(line, command_datasets)
    assert (fetch.dataset, pathlib.Path(fetch.data_dir)) == ("mnist", pathlib.Path(name))


@pytest.mark.parametrize("name", ODD)
def test_the_command_that_opens_an_exported_page(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folder, "_write", lambda run, iteration, place: (place / "page.json").write_text("{}"))
    folder.write(None, 5, pathlib.Path(name))
    line = capsys.readouterr().out.partition("It runs with: ")[2].partition(" && pip")[0]
    done = subprocess.run(f"{line} && ls", shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "page.json\n"
