"""How a command reads its options and how it ends: one line for a user's mistake, and an exit status."""

import argparse
import io
import os
import signal
import sys

from tfgan.common import output
from tfgan.common import signals
from tfgan.errors import Collapsed
from tfgan.errors import Diverged
from tfgan.errors import PeerLost
from tfgan.errors import UserError
from tfgan.errors import one_line
from tfgan.errors import exit_status


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser with its errors as UserError: one line, without the usage text; options by their whole names only."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, allow_abbrev=False, **settings)

    def error(self, message):
        raise UserError(f"{message} (see python -m {self.prog} --help)")


def run_command(main):
    """Runs a command's `main() -> exit status` and exits; a line on stderr, and 2 after a UserError, 4 after PeerLost, else 3.

    Ctrl-C, SIGTERM and SIGHUP leave with 130, 143 and 129, cleaning up on the way, wherever a command does not do better.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold what no terminal shows
    signals.raise_on_signal()
    with output.ignore_write_errors("stderr"):  # nobody need hear of an error for it to have its status
        status = _status_of_command(main)
    sys.exit(status)


def _status_of_command(main):
    """What it returns, or what comes of its exception, which is told."""
    try:
        return main()
    except KeyboardInterrupt:
        print("tfgan: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except (UserError, Diverged, Collapsed, PeerLost) as error:
        print(f"tfgan: error: {one_line(error)}", file=sys.stderr)
        status = exit_status(error)
        if status == PeerLost.STATUS:
            os._exit(status)  # TensorFlow's server, taken apart in order, would wait for those who are gone
        return status
    except OSError as error:  # of standard output: a full disk, or a pipe whose reader is gone
        print(f"tfgan: error: {error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what it still holds cannot be written at the end either
        return 2
