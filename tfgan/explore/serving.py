"""Serves the page on this machine alone, and lets the browser fetch nothing from anywhere else."""

import contextlib
import errno
import ipaddress
import os
import re
import socket
import tempfile
import webbrowser

from tfgan.errors import UserError

HERE = "127.0.0.1"
LARGEST_PORT = 65535
_FIRST_PORT, _PORTS = 7860, 20  # without --port: the first free one of these
# Gradio's page has scripts and styles inside it, compiles templates, and shows images that are data.
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
_LARGEST_UPLOAD = "100mb"


def listen(host, port):
    """A socket that listens there. port: None means the first free one from 7860 on. Raises UserError if it cannot."""
    try:
        family, _, _, _, (address, _, *rest) = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise _no_address(host, error) from error
    for candidate in range(_FIRST_PORT, _FIRST_PORT + _PORTS) if port is None else [port]:
        listening = socket.socket(family)
        if os.name != "nt":  # a port that was just given up is free; on Windows the option would share one in use
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address, candidate, *rest))
            listening.listen()
            return listening
        except OSError as error:
            listening.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise _no_address(host, error) from error
            reason = error.strerror
    which = f"no port from {_FIRST_PORT} to {candidate} of {host} can" if port is None else f"port {port} of {host} cannot"
    raise UserError(f"{which} be used ({reason}); give another port")


def _no_address(host, error):
    reason = getattr(error, "strerror", None) or str(error)
    return UserError(f"GRADIO_SERVER_NAME is {host!r}, which is no address of this machine ({reason}); give one, or leave it out")


def serve(source, host=HERE, port=None, browser=True):
    """Serves the page of a `generators.Generators` until a signal ends it.

    browser: whether to open the page, if it is for this machine only. Raises UserError if the address or the port cannot be used.
    """
    with listen(host, port) as listening, tempfile.TemporaryDirectory(prefix="tfgan-explore-") as uploads:
        name, port, *_ = listening.getsockname()
        alone = _is_loopback(name)
        for each in [each for each in os.environ if each.startswith("GRADIO_")]:
            del os.environ[each]  # they end Gradio's start if they make no sense, open files to others, or have code edited
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": uploads}
        import fastapi
        import gradio
        import uvicorn

        from tfgan.explore import page  # imports Gradio, which now sends nothing anywhere

        blocks, settings = page.build(source)
        app = fastapi.FastAPI(openapi_url=None)
        gradio.mount_gradio_app(
            app, blocks, "/", server_name=name, server_port=port, footer_links=[], run_history=False,
            max_file_size=_LARGEST_UPLOAD, ssr_mode=False, pwa=False, mcp_server=False, **settings
        )  # fmt: skip
        address = f"http://{f'[{name}]' if ':' in name else name}:{port}/"
        print(f"The page is on {address} until Ctrl-C ends it", flush=True)
        if browser and alone:
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(address)
        config = uvicorn.Config(only_from_here(app, alone), log_level="critical", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listening])


def only_from_here(app, alone):
    """The ASGI application `app` with a header in every answer that forbids the browser to fetch anything from elsewhere.

    alone: whether the page is for this machine only. Then no page of elsewhere may call it or frame it. A browser says in the
    headers Host and Origin whom it asks for whom; a name of elsewhere may also lead to this machine (DNS rebinding).
    """
    policy = (_POLICY + ("; frame-ancestors 'self'" if alone else "")).encode()

    async def guarded(scope, receive, send):
        async def add_header(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"content-security-policy", policy)]
            await send(message)

        if alone and scope["type"] in ("http", "websocket") and not _is_own(dict(scope["headers"])):
            if scope["type"] == "http":
                await add_header({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
                await send({"type": "http.response.body", "body": b"This page is for programs of its own machine only."})
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        await app(scope, receive, add_header)

    return guarded


def _is_own(headers):
    """Whether a request is for one of this machine's names for itself, and comes from a page of the same place, or from none."""
    host, origin = headers.get(b"host", b"").decode("latin-1"), headers.get(b"origin")
    name = re.sub(r":\d*$", "", host)
    is_own = name == "localhost" or _is_loopback(name.removeprefix("[").removesuffix("]"))
    return is_own and origin in (None, f"http://{host}".encode("latin-1"))


def _is_loopback(address):
    """Whether a text is an address at which only this machine can be reached."""
    try:
        parts = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(parts, "ipv4_mapped", None) or parts).is_loopback
