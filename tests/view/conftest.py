"""What the tests of figures share."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def drawn(monkeypatch):
    """All figures that matplotlib was asked to save, in their order."""
    found = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **_: found.append(figure) or file.write(b"a figure"))
    return found
