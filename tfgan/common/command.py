"""How a command reads its options, and how it ends: with one line for a user's mistake, and an exit status."""

import argparse
import io
import os
import shlex
import signal
import sys

from tfgan.common import output
from tfgan.common import signals
from tfgan.errors import Collapsed
from tfgan.errors import Diverged
from tfgan.errors import PeerLost
from tfgan.errors import UserError
from tfgan.errors import exit_status
from tfgan.errors import one_line

_PIPE_CLOSED = 128 + 13  # the status that shells report for a program that SIGPIPE ended


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser, with two changes: errors are UserErrors of one line, and options cannot be abbreviated."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, allow_abbrev=False, **settings)

    def error(self, message):
        _, _, rest = message.partition("unrecognized arguments: ")
        if rest and os.path.exists(rest.split()[0]):  # the shell replaced a pattern by all files that fit it
            path = rest.split()[0]
            one = f"--dataset {path}" if self.prog.endswith("train") else "one folder or archive, or one file"
            message = f"one path too many: {path}; give {one}"
        raise UserError(f"{message} (see python -m {self.prog} --help)")


def in_shell(path):
    """A path, or the name of a data set, as one types it in a shell."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def run_command(main):
    """Runs a command's `main() -> exit status` and exits with that status.

    An error that a user can cause is printed as one line on stderr. The status is then 2 for UserError, 4 for PeerLost, and
    3 for Diverged and Collapsed. Ctrl-C, SIGTERM and SIGHUP end any command with 130, 143 and 129, after its clean-up. A
    command whose reader closes the pipe ends silently with 141.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may contain characters that the terminal cannot show
    os.environ["MPLBACKEND"] = "agg"  # a notebook hands on its own backend, which may not be installed where a command runs
    signals.raise_on_signal()
    with output.ignore_write_errors("stderr"):  # the status of an error does not depend on whether its line can be written
        status = _run(main)
    sys.exit(status)


def _run(main):
    """Calls `main` and returns its exit status. An exception is printed, and its status returned."""
    try:
        status = main()
        if sys.stdout is not None:
            sys.stdout.flush()  # an error is told here; at Python's end it would be a traceback
        return status
    except KeyboardInterrupt:
        print("tfgan: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except (UserError, Diverged, Collapsed, PeerLost) as error:
        print(f"tfgan: error: {one_line(error)}", file=sys.stderr)
        return exit_status(error)
    except OSError as error:  # from standard output: the disk is full, or a pipe was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes stdout at exit, and that would fail again
        if isinstance(error, BrokenPipeError):  # the reader has what it wanted, as in `| head`
            return _PIPE_CLOSED
        print(f"tfgan: error: {error}", file=sys.stderr)
        return 2
