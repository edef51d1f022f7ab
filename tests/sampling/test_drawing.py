"""How samples are drawn."""

from types import SimpleNamespace

from tfgan.sampling import drawing


def test_a_bar_is_shown_on_a_terminal_if_there_are_more_than_a_thousand_images(monkeypatch):
    asked = []
    monkeypatch.setattr(drawing, "tqdm", lambda **given: asked.append((given["unit"], given["disable"])))
    for terminal in (True, False):
        monkeypatch.setattr(drawing.sys, "stderr", SimpleNamespace(isatty=lambda terminal=terminal: terminal))
        for count in (1024, 1025):
            drawing._progress("images", count)
    assert asked == [(" images", True), (" images", False), (" images", True), (" images", True)]
