"""How a command reads its options, and how it ends."""

import pytest

from tfgan import errors
from tfgan.common import command as commands
from tfgan.errors import UserError


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(("main", "status", "err"), [
    (lambda: 7, 7, ""), (raising(KeyboardInterrupt()), 130, "tfgan: interrupted\n"),
    (raising(errors.UserError("a\nb")), 2, "tfgan: error: a b\n"), (raising(errors.Diverged("x")), 3, "tfgan: error: x\n"),
    (raising(errors.Collapsed("x")), 3, "tfgan: error: x\n"), (raising(errors.PeerLost("x")), 4, "tfgan: error: x\n"),
])  # fmt: skip
def test_how_a_command_ends(capsys, main, status, err):
    assert (commands._run(main), capsys.readouterr().err) == (status, err)


def test_options_are_not_abbreviated():
    parser = commands.ArgumentParser("tfgan.x")
    parser.add_argument("--iterations")
    with pytest.raises(UserError, match=r"unrecognized arguments: --iter=3 \(see python -m tfgan.x --help\)"):
        parser.parse_args(["--iter=3"])
