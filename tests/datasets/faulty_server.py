"""A web server on loopback that fails in the way that the first part of a request's path names; processes that ask it."""

import contextlib
import hashlib
import http.server
import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import time
from typing import NamedTuple

import tfgan
from tfgan.datasets import download

NAME = "faces.zip"
FILE = random.Random(0).randbytes(350_000)
STEP = 2_000  # bytes that the downloader reads at a time
PAGE = b"<!DOCTYPE html><title>Please log in</title>"
BREAK = 100_000  # bytes of an answer, after which `cut`, `stall` and the like stop sending


class Request(NamedTuple):
    """What was asked, and how many bytes of body were answered."""

    how: str
    range: str | None
    sent: int


class FaultyServer(http.server.ThreadingHTTPServer):
    """requests: the Requests, each noted before it is answered. gate: opens `gated`. over: ends those who wait."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {NAME: FILE, "other.gz": FILE[:1000]}
        self.requests = []
        self.gate, self.over = threading.Event(), threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}"

    def remote(self, *hows, name=NAME):
        """The file with a mirror for each way to fail."""
        content = self.files[name]
        urls = tuple(f"{self.address}/{how}/{name}" for how in hows)
        return download.RemoteFile(name, urls, f"md5:{hashlib.md5(content).hexdigest()}", len(content))

    def asked(self):
        """The requests in a line: "cut" for the whole, "cut@5000" for `Range: bytes=5000-`."""
        return " ".join(r.how + (r.range or "").replace("bytes=", "@").removesuffix("-") for r in self.requests)

    @contextlib.contextmanager
    def running(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield self
        finally:
            self.over.set()
            self.shutdown()
            self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        _, self.how, name = self.path.split("/")
        self.file = self.server.files[name]
        assert self.headers["Accept-Encoding"] == "identity"  # else there is no answer
        if self.how.isdecimal():
            return self.answer(int(self.how), b"no such luck")
        return getattr(self, self.how)()

    def answer(self, status, body, length=None, limit=None, **headers):
        """Announces `length` bytes (by default all; 0: says nothing), sends the body or its first `limit` bytes."""
        sent = body[:limit]
        self.server.requests.append(Request(self.how, self.headers["Range"], len(sent)))
        self.send_response(status)
        if length != 0:
            self.send_header("Content-Length", str(length or len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client has seen enough
            self.wfile.write(sent)
            self.wfile.flush()

    def good(self, file=None, shift=0, total=None, **how):
        """Honours Range, but with `shift` from another byte, or with another total."""
        file = self.file if file is None else file
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if not wanted:
            return self.answer(200, file, **how)
        start = int(wanted[1]) + shift
        span = f"bytes {start}-{len(file) - 1}/{total or len(file)}"
        return self.answer(206, file[start:], Content_Range=span, **how)

    def norange(self):
        self.answer(200, self.file)

    def norangewrong(self):
        self.answer(200, bytes(len(self.file)))

    def norangecut(self):
        self.answer(200, self.file, limit=BREAK)

    def cut(self):
        self.good(limit=BREAK)

    def cutonce(self):
        self.good(limit=None if any(r.how == "cutonce" for r in self.server.requests) else BREAK)

    def nolength(self):
        """Tells neither the body's length nor the file's; stops early, as if that were all."""
        self.answer(200, self.file, length=0, limit=BREAK)

    def unknowntotal(self):
        self.good(total="*")

    def stall(self):
        self.good(limit=BREAK)
        self.server.over.wait()

    def mute(self):
        self.server.requests.append(Request(self.how, self.headers["Range"], 0))
        self.server.over.wait()

    def nothing(self):
        self.answer(200, b"", length=len(self.file))

    def gated(self):
        self.good(limit=BREAK)
        self.server.gate.wait()
        self.wfile.write(self.file[BREAK:])

    def gated404(self):
        self.server.requests.append(Request(self.how, self.headers["Range"], 0))
        self.server.gate.wait()
        self.send_error(404)

    def html(self):
        """A page without its type, of the file's size."""
        self.answer(200, PAGE.ljust(len(self.file)))

    def htmltype(self):
        self.answer(200, self.file, Content_Type="text/html; charset=utf-8")

    def wrong(self):
        self.good(bytes(len(self.file)))

    def short(self):
        self.good(self.file[:-7])

    def badrange(self):
        self.good(shift=5)

    def norange416(self):
        self.answer(416 if self.headers["Range"] else 200, self.file)

    def encoded(self):
        """The file as it is under a Content-Encoding, as Apache sends .gz files."""
        self.good(Content_Encoding="gzip")

    def surplus(self):
        self.answer(200, self.file + b"more", length=0)

    def log_message(self, *_):
        pass


# A process of its own: fetches into argv[1] the Remote that follows.
_CHILD = f"""
import ast, pathlib, signal, sys
from tfgan.common import files
from tfgan.datasets import download
from tfgan.common.command import run_command
download._CHUNK, files._POLL_S = {STEP}, 0.01
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job ignores
remote = download.RemoteFile(*ast.literal_eval(sys.argv[2]))
run_command(lambda: print("it is", download.fetch(remote, pathlib.Path(sys.argv[1])), flush=True))
"""


@contextlib.contextmanager
def child(folder, remote, before=""):
    """A Popen that fetches the Remote into the folder, after the code `before`; it ends with the context."""
    process = subprocess.Popen(
        [sys.executable, "-c", before + _CHILD, folder, repr(tuple(remote))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=pathlib.Path(tfgan.__file__).parents[1],
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition):
    """Until it holds; fails after 20 s."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
