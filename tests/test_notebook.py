"""docs/tour.ipynb runs from top to bottom, as it stands in the repository."""

import pathlib

import nbformat
import pytest
from nbclient import NotebookClient

TOUR = pathlib.Path(__file__).parent.parent / "docs" / "tour.ipynb"


@pytest.mark.slow
def test_the_tour_runs(tmp_path):
    notebook = nbformat.read(TOUR, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "kept without output, which would grow stale"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "Finished 3000 iterations" in printed
    assert "(32, 100) (32, 28, 28, 1) uint8" in printed
    assert "dense_1                     [None, 784]                101,136" in printed  # 128 * 784 + 784
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 5
    assert "INFO" not in printed
    assert not [output for output in outputs if output.get("name") == "stderr"], "no warnings"
    assert not list(tmp_path.iterdir()), "the current folder is left as it was"
