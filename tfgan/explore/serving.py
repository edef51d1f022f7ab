"""Serves the page on this machine alone, and lets the browser fetch nothing from anywhere else."""

import contextlib
import os
import socket
import tempfile
import webbrowser

from tfgan.errors import UserError

_FIRST_PORT, _PORTS = 7860, 20  # without --port: the first free one of these
# Gradio's page has scripts and styles inside it, compiles templates, and shows images that are data.
_POLICY = b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
_LARGEST_UPLOAD = "100mb"


def listen(host, port):
    """A socket that listens there. port: None means the first free one from 7860 on. Raises UserError if it cannot."""
    for candidate in range(_FIRST_PORT, _FIRST_PORT + _PORTS) if port is None else [port]:
        listening = socket.socket()
        if os.name != "nt":  # a port that was just given up is free; on Windows the option would share one in use
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
            listening.listen()
            return listening
        except OSError as error:
            listening.close()
            reason = error.strerror
    if port is None:
        raise UserError(f"no port from {_FIRST_PORT} to {candidate} is free; give one with --port")
    raise UserError(f"--port: {port} cannot be used ({reason}); give another, or leave --port out")


def serve(build, host="127.0.0.1", port=None, browser=True):
    """Serves the page until a signal ends it. Raises UserError if the port cannot be used.

    build: makes the page: () -> (`gradio.Blocks`, settings of `gradio.mount_gradio_app`). It is called after Gradio has been told
    to send nothing anywhere. browser: whether to open the page.
    """
    with listen(host, port) as listening, tempfile.TemporaryDirectory(prefix="tfgan-explore-") as uploads:
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": uploads}
        import fastapi
        import gradio
        import uvicorn

        blocks, settings = build()
        app = fastapi.FastAPI(openapi_url=None)
        gradio.mount_gradio_app(
            app, blocks, "/", server_name=host, server_port=listening.getsockname()[1], footer_links=[], run_history=False,
            max_file_size=_LARGEST_UPLOAD, ssr_mode=False, pwa=False, mcp_server=False, **settings
        )  # fmt: skip
        address = f"http://{host}:{listening.getsockname()[1]}/"
        print(f"The page is on {address} until Ctrl-C ends it", flush=True)
        if browser:
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(address)
        config = uvicorn.Config(only_from_here(app), log_level="critical", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listening])


def only_from_here(app):
    """The ASGI application `app` with a header in every answer that forbids the browser to fetch anything from elsewhere."""

    async def guarded(scope, receive, send):
        async def add_header(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"content-security-policy", _POLICY)]
            await send(message)

        await app(scope, receive, add_header)

    return guarded
