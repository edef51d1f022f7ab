"""Where the page is served, and for whom; nothing is served."""

import sys
from types import SimpleNamespace

import pytest

from tfgan.explore import exported
from tfgan.explore import serving


@pytest.mark.parametrize(("host", "alone"), [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False)])
def test_a_page_for_others_answers_them(host, alone, monkeypatch, capsys):
    """In a container or a Space GRADIO_SERVER_NAME says so. Elsewhere the page is for this machine."""
    served = []
    for name in ("GRADIO_ANALYTICS_ENABLED", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, "")  # so that what `serve` sets is undone
    monkeypatch.setitem(sys.modules, "fastapi", SimpleNamespace(FastAPI=lambda **_: "app"))
    mounted = SimpleNamespace(mount_gradio_app=lambda *given, **named: served.append((*given, named["server_name"])))
    monkeypatch.setitem(sys.modules, "gradio", mounted)
    server = SimpleNamespace(Config=lambda app, **_: app, Server=lambda app: SimpleNamespace(run=lambda sockets: None))
    monkeypatch.setitem(sys.modules, "uvicorn", server)
    monkeypatch.setattr(serving, "only_from_here", lambda app, alone: served.append((app, alone)))
    serving.serve(lambda: ("page", {}), host, 0, browser=False)
    assert served == [("app", "page", "/", host), ("app", alone)]
    assert capsys.readouterr().out.startswith(f"The page is on http://{host}:")


@pytest.mark.parametrize(("environment", "expected"), [
    ({}, ("127.0.0.1", None, True)), ({"GRADIO_SERVER_PORT": "8000"}, ("127.0.0.1", 8000, True)),
    ({"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "0"}, ("0.0.0.0", 0, False)),
])  # fmt: skip
def test_a_folders_page_is_served_where_the_environment_says(environment, expected, monkeypatch):
    asked = []
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(exported, "Exported", lambda folder: folder)
    monkeypatch.setattr(serving, "serve", lambda build, host, port, browser: asked.append((host, port, browser)))
    assert exported.main("folder") == 0
    assert asked == [expected]
