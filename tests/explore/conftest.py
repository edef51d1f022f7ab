"""A trained run for the page's tests."""

import socket
import sys

import pytest

from tfgan import train


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A conditional run of mlp on the digits, long enough that its images differ from one another."""
    folder = tmp_path_factory.mktemp("trained")
    options = ["--model=mlp", "--dataset=digits", "--conditional", "--summary-every=100", "--sample-every=400"]
    options += ["--batch-size=32", "--iterations=400", "--checkpoint-every=100", "--run=seen"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["train", *options])
        assert train.main() == 0
    return folder / "logs"


@pytest.fixture
def busy_port():
    """A port of this machine that is in use."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]
