"""Runs a command that serves pages, for the tests that look at them."""

import contextlib
import os
import re
import signal
import subprocess
import time
from types import SimpleNamespace

PATIENCE_S = 60  # with the command's start and its end, on a busy machine


@contextlib.contextmanager
def serving(command, log, **settings):
    """Runs a command that serves a page: its process and address. At the end the process must be gone."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADIO_")}
    # A process in the background of a shell inherits that Ctrl-C means nothing.
    settings |= {} if os.name == "nt" else {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with open(log, "w") as file, subprocess.Popen(command, stdout=file, stderr=file, env=environment, **settings) as process:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not (found := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield SimpleNamespace(process=process, address=found[0])
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            finally:
                process.kill()
