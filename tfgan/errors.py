"""The exceptions that a user can cause, and the exit status that each leads to."""


class UserError(Exception):
    """A mistake that the user can correct. The message is one line: what is wrong, both values, and the remedy."""


class Diverged(Exception):
    """Training produced NaN or infinity."""


class Collapsed(Exception):
    """Training was stopped because G had collapsed and --stop-on-collapse was given."""


class PeerLost(Exception):
    """Another process of a distributed run is gone. All processes must be started again."""

    STATUS = 4


def exit_status(error):
    """The exit status of a command that ends with one of these errors: 2, 3 or 4."""
    return {UserError: 2, PeerLost: PeerLost.STATUS}.get(type(error), 3)


def one_line(error):
    """An error's text on one line. File names in it may contain line breaks."""
    return " ".join(str(error).splitlines())
