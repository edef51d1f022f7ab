"""Numbers that would fail late: they are refused before anything is made."""

import pytest

from tests.conftest import TINY
from tests.runs.test_write import refusal
from tfgan import launch
from tfgan import sample


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (f"--z-dim={10**9}", "GB of memory; this machine has"),
        (f"--z-dim={10**30}", "z_dim is 1000000000000000000000000000000; it must be from 1 to 2,147,483,647"),
        (f"--batch-size={10**30}", "it must be from 1 to 2,147,483,647"),
        (f"--batch-size={10**9}", "batch_size is 1000000000, but digits has 1797 images"),
        (f"--epochs={10**30}", "it must be from 1 to 2,147,483,647"),
        (f"--iterations={10**30}", "it must be from 1 to 9,007,199,254,740,992"),
        (f"--d-steps={10**9}", "d_steps is 1000000000; it must be from 1 to 1,000"),
        (f"--learning-rate-half-life={10**400}", "it must be from 1 to 2,147,483,647"),
        (f"--evaluate-images={10**30}", "it must be from 10 to 100,000"),
    ],
)
def test_numbers_that_are_too_large_for_training(option, words, run, tmp_path):
    assert words in refusal(run(*TINY, option))
    if "GB of memory" in words:
        assert words in refusal(run(*TINY, option, "--dry-run"))
    assert not any(tmp_path.iterdir()), "nothing is left behind"


def test_numbers_that_are_too_large_for_other_commands(command, tmp_path):
    too_many = refusal(command(sample)("--pretrained=digits", "--count", 10**12, "--format=npz"))
    assert "--count is 1,000,000,000,000, whose noise needs" in too_many
    assert "it must be 1099511627776 at most" in refusal(command(sample)("--pretrained=digits", "--count", 10**30))
    assert "10,000" in refusal(command(sample)("--pretrained=digits", "--grid", f"{10**9}x{10**9}"))
    assert "it must be from 2 to 256" in refusal(command(launch)("--processes", 10**9))
    assert not any(tmp_path.glob("*.npz"))
