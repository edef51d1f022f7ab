"""Where the page is served, and for whom; nothing is served."""

import asyncio
import os
import re
import socket
import sys
import webbrowser
from types import SimpleNamespace

import pytest

from tfgan import explore
from tfgan.errors import UserError
from tfgan.explore import serving


@pytest.mark.parametrize(("host", "name", "alone"), [
    ("127.0.0.1", "127.0.0.1", True), ("localhost", "127.0.0.1", True), ("LocalHost", "127.0.0.1", True),
    ("127.1", "127.0.0.1", True), ("127.0.0.9", "127.0.0.9", True), ("0.0.0.0", "0.0.0.0", False), ("0", "0.0.0.0", False),
])  # fmt: skip
def test_a_page_for_others_answers_them(host, name, alone, served):
    """In a container or a Space GRADIO_SERVER_NAME says so. Elsewhere the page is for this machine, whatever that is called."""
    assert served(host) == (name, alone, alone)


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
@pytest.mark.parametrize(("host", "alone"), [("::1", True), ("::ffff:127.0.0.1", True), ("::", False)])
def test_a_page_at_an_address_of_ipv6(host, alone, served):
    try:
        serving.listen("::1", 0).close()
    except UserError as error:
        pytest.skip(str(error))
    assert served(host) == (f"[{host}]", alone, alone)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7", "a b", "x" * 300])
def test_what_is_no_address_of_this_machine(host):
    with pytest.raises(UserError, match=f"GRADIO_SERVER_NAME is '{host}', which is no address of this machine .*; give one"):
        serving.listen(host, None)


@pytest.mark.parametrize(("headers", "own"), [
    ({b"host": b"[::1]:7860", b"origin": b"http://[::1]:7860"}, True), ({b"host": b"127.0.0.9:7860"}, True),
    ({b"host": b"[::1].evil.example"}, False), ({b"host": b"localhost.evil.example"}, False), ({b"host": b"0.0.0.0:7860"}, False),
    ({b"host": b"203.0.113.7"}, False), ({b"host": b":7860"}, False),
])  # fmt: skip
def test_names_of_this_machine(headers, own):
    assert serving._is_own(headers) == own


def test_no_variable_of_gradio_reaches_it(served, monkeypatch):
    """They end its start where they make no sense, and some give others what they must not have."""
    for name in ("SERVER_PORT", "NUM_PORTS", "SHARE", "ALLOWED_PATHS", "VIBE_MODE", "LOCAL_DEV_MODE", "WATCH_DIRS", "ROOT_PATH"):
        monkeypatch.setenv(f"GRADIO_{name}", "nonsense")
    served("127.0.0.1")
    left = {name for name in served.environment if name.startswith("GRADIO_")}
    assert left == {"GRADIO_ANALYTICS_ENABLED", "GRADIO_TEMP_DIR"}


@pytest.fixture
def served(monkeypatch, capsys):
    """served(host) -> what `serve` does there: (the host in the page's address, whether it is guarded, whether it is opened).

    served.environment: the variables of the environment when Gradio was asked for.
    """
    found = {}
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setitem(sys.modules, "fastapi", SimpleNamespace(FastAPI=lambda **_: "app"))
    mounted = SimpleNamespace(mount_gradio_app=lambda app, page, path, **_: found.update(page=page))
    monkeypatch.setitem(sys.modules, "gradio", mounted)
    server = SimpleNamespace(Config=lambda app, **_: app, Server=lambda app: SimpleNamespace(run=lambda sockets: None))
    monkeypatch.setitem(sys.modules, "uvicorn", server)
    monkeypatch.setattr(serving, "only_from_here", lambda app, alone: found.update(alone=alone))
    monkeypatch.setattr(webbrowser, "open", lambda address: found.update(opened=address))

    def build(source):
        serve.environment = dict(os.environ)
        return "page", {}

    monkeypatch.setattr(explore, "page", SimpleNamespace(build=build), raising=False)

    def serve(host):
        serving.serve(None, host, 0)
        address = re.fullmatch(r"The page is on (http://(.*):\d+/) until Ctrl-C ends it\n", capsys.readouterr().out)
        assert found["page"] == "page"
        assert found.get("opened") in (None, address[1])
        return address[2], found["alone"], "opened" in found

    return serve


HERE = {"host": "127.0.0.1:7860"}


@pytest.mark.parametrize(("headers", "alone", "answered"), [
    (HERE, True, True),
    ({"host": "localhost:7860", "origin": "http://localhost:7860"}, True, True),
    ({"host": "127.0.0.1"}, True, True),
    ({"host": "evil.example:7860"}, True, False),
    ({"host": "127.0.0.1.evil.example:7860"}, True, False),
    ({}, True, False),
    (HERE | {"origin": "http://evil.example"}, True, False),
    (HERE | {"origin": "http://127.0.0.1:8000"}, True, False),
    (HERE | {"origin": "null"}, True, False),
    ({"host": "evil.example:7860", "origin": "http://evil.example"}, False, True),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_only_pages_of_this_machine_are_answered(headers, alone, answered, kind):
    """Not those of a name of elsewhere that leads to this machine, nor those that only send something here."""
    asked, sent = [], []

    async def app(scope, receive, send):
        asked.append(scope["type"])
        if kind == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    asyncio.run(serving.only_from_here(app, alone)(scope, None, send))
    assert asked == [kind] * answered
    if kind == "http":
        assert sent[0]["status"] == (200 if answered else 403)
        policy = dict(sent[0]["headers"])[b"content-security-policy"].decode()
        assert policy.startswith("default-src 'self' ")
        assert ("frame-ancestors 'self'" in policy) == alone
    elif not answered:
        assert [message["type"] for message in sent] == ["websocket.close"]


def test_the_first_free_port_is_taken(monkeypatch, busy_port):
    monkeypatch.setattr(serving, "_FIRST_PORT", busy_port)
    with serving.listen("127.0.0.1", None) as found:
        assert busy_port < found.getsockname()[1] < busy_port + 20
        assert found.getsockname()[0] == "127.0.0.1"
