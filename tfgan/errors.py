"""The exceptions that a user can cause, and the exit status that each leads to."""


class UserError(Exception):
    """A mistake that the user can mend; the message is one line: what is wrong, both values, the remedy."""


class Diverged(Exception):
    """Training produced NaN or infinity."""


class Collapsed(Exception):
    """Training was stopped because G had collapsed, as the user had asked for."""


class PeerLost(Exception):
    """Another process of a distributed run is gone: all are to be started again."""

    STATUS = 4


def exit_status(error):
    """The exit status after an error that a user can cause."""
    return {UserError: 2, PeerLost: PeerLost.STATUS}.get(type(error), 3)


def one_line(error):
    """An error's text on one line: a file's name may hold line ends."""
    return " ".join(str(error).splitlines())
