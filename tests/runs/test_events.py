"""TensorBoard's files of events."""

import socket
from types import SimpleNamespace

from tfgan.runs import events


def test_names_of_event_files_ascend(tmp_path, monkeypatch):
    """They have the seconds since 1970, or more than every file there."""
    monkeypatch.setattr(events, "time", SimpleNamespace(time=lambda: 1000.9))
    monkeypatch.setattr(socket, "gethostname", lambda: "here")
    assert events._new_name(tmp_path) == "events.out.tfevents.0000001000.here"
    (tmp_path / "events.out.tfevents.0000000000.begun").touch()
    (tmp_path / "events.out.tfevents.odd.x").touch()
    assert events._new_name(tmp_path) == "events.out.tfevents.0000001000.here"
    (tmp_path / "events.out.tfevents.0000001000.there").touch()
    assert events._new_name(tmp_path) == "events.out.tfevents.0000001001.here"
