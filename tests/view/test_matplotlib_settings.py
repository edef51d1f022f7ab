"""Figures do not depend on what the user's matplotlib is set to."""

import os
import subprocess
import sys

import pytest

DRAW = """
import pathlib
from tfgan.common.command import run_command

def main():
    from tfgan.view import figures
    figures.plot_curves(pathlib.Path("curves.png"), [{"iteration": n, "d_loss": 1, "g_loss": 2} for n in range(3)], "run")

run_command(main)
"""


def drawn(folder, settings=b"", **environment):
    """Draws in a process of its own, whose current folder has those settings: (exit status, stderr, the figure or None)."""
    folder.mkdir()
    (folder / "matplotlibrc").write_bytes(settings)
    result = subprocess.run(
        [sys.executable, "-c", DRAW], cwd=folder, env={**os.environ, **environment}, check=False, capture_output=True, text=True
    )
    path = folder / "curves.png"
    return result.returncode, result.stderr, path.read_bytes() if path.exists() else None


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    """The figure where nothing is set."""
    status, err, content = drawn(tmp_path_factory.mktemp("plain") / "here", MPLBACKEND="")
    assert (status, err) == (0, "")
    return content


@pytest.mark.parametrize(("settings", "environment"), [
    (b"", {"MPLBACKEND": "module://ipympl.backend_nbagg"}),
    (b"", {"MPLBACKEND": "nonsense"}),
    (b"text.usetex: True\nfigure.facecolor: black\nsavefig.bbox: tight\n", {"PATH": ""}),
])  # fmt: skip
def test_it_is_the_same_with_any_backend_and_style(tmp_path, figure, settings, environment):
    """A notebook hands on its backend, which may be absent here. There may be no LaTeX, either."""
    assert drawn(tmp_path / "here", settings, **environment) == (0, "", figure)


def test_settings_that_cannot_be_read_are_one_line(tmp_path):
    status, err, content = drawn(tmp_path / "here", b"# \xff")
    assert (status, "Traceback" in err, content) == (2, False, None)
    last = err.splitlines()[-1]  # matplotlib itself has named the file
    assert last.startswith("tfgan: error: figures need matplotlib, which cannot be imported ('utf-8' codec can't decode")
