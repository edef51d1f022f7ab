"""The notebooks of docs/ run from top to bottom, as they stand in the repository."""

import pathlib
import re

import nbformat
import pytest
from nbclient import NotebookClient

DOCS = pathlib.Path(__file__).parent.parent / "docs"
PARAMETERS = {  # trainable ones of G and D, counted by hand from the sources' layers
    "vanilla": (114_064, 100_609),
    "mlp": (1_952_528, 267_009),
    "dcgan28": (3_222_785, 4_109_825),
    "dcgan64": (12_656_512, 11_034_368),
    "dogs": (9_647_875, 25_901_953),
}

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_backend(monkeypatch):
    """Commands that other tests ran in this process have set matplotlib's backend for those that they start."""
    monkeypatch.delenv("MPLBACKEND", raising=False)


def run(path, folder):
    """Runs a notebook in a folder, and returns what it printed and how many pictures it showed."""
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "kept without output, which would grow stale"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "INFO" not in printed
    assert not [output for output in outputs if output.get("name") == "stderr"], "no warnings"
    assert not list(folder.iterdir()), "the current folder is left as it was"
    return printed, len([output for output in outputs if "image/png" in output.get("data", {})])


def test_the_tour_runs(tmp_path):
    printed, pictures = run(DOCS / "tour.ipynb", tmp_path)
    assert "Finished 3000 iterations" in printed
    assert "(32, 100) (32, 28, 28, 1) uint8" in printed
    assert "dense_1                     [None, 784]                101,136" in printed  # 128 * 784 + 784
    assert pictures == 5


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_tutorials_pieces_compute_what_build_does(name, tmp_path, monkeypatch):
    """Its own last cell compares each iteration. Here the first one is compared, so that the cell cannot be left out."""
    monkeypatch.setenv("TFGAN_NOTEBOOK_ITERATIONS", "1")
    printed, pictures = run(DOCS / "tutorials" / f"{name}.ipynb", tmp_path)
    assert pictures == 2, "real images, and samples"
    of_g, of_d = (int(re.search(rf"^{network} has (\d+) ", printed, re.MULTILINE)[1]) for network in "GD")
    assert (of_g, of_d) == PARAMETERS[name]
    losses = re.findall(r"^\d  D ([\d.]+) ([\d.]+)  G ([\d.]+) ([\d.]+)$", printed, re.MULTILINE)
    assert len(losses) >= 2, "iterations that were compared"
    d_ours, d_theirs, g_ours, g_theirs = map(float, losses[0])
    assert d_ours == pytest.approx(d_theirs, rel=1e-4)
    assert g_ours == pytest.approx(g_theirs, rel=0.03), "after an update of D, whose rounding differs"
