"""Names and numbers that would fail late: they are refused before anything is made."""

import os

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TINY
from tfgan import launch
from tfgan import sample
from tfgan.datasets import __main__ as datasets
from tfgan.runs import __main__ as runs_command
from tfgan.runs import environment
from tfgan.runs import rundir
from tfgan.runs import saved


def refusal(result):
    """The one line of a command that refuses."""
    status, _, err = result
    assert (status, err.count("\n")) == (2, 1), err
    return err


def test_a_name_too_long_for_its_files_is_refused_at_once(run, tmp_path):
    """Counted in bytes, for what the longest of them ends in; and a folder's name may be as long by itself."""
    assert "has 240 bytes" in refusal(run("--run", "\u00e9" * 120))
    pictures = tmp_path / ("p" * 250)
    pictures.mkdir()
    for n in range(4):
        Image.fromarray(np.full([32, 32, 3], 60 * n, np.uint8)).save(pictures / f"{n}.png")
    assert "give a --run NAME of" in refusal(run("--dataset", pictures, "--model=compact", "--batch-size=2", "--iterations=1"))
    assert [path.name for path in tmp_path.iterdir()] == [pictures.name]


def test_the_longest_allowed_name_works(run, command, tmp_path):
    most = os.pathconf(tmp_path, "PC_NAME_MAX") - len(saved.LONGEST_ENDING)
    name = "n" * most
    rundir.check_new_name(name, tmp_path)
    for made in ("-interpolation.webp", "-beside-real.png", f"-{2**53}-pair.png", ".html"):
        assert len(f"{made}.part") <= len(saved.LONGEST_ENDING)
        (tmp_path / f"{name}{made}.part").touch()
    assert run(*TINY, "--iterations=2", f"--run={name}")[0] == 0
    assert command(sample)("--run", name, "--count=4")[0] == 0


def test_pictures_in_a_folder_of_a_long_name_are_shown(command, tmp_path):
    accent = "\u00e9"  # two bytes
    place = tmp_path / (accent * 125)
    place.mkdir()
    Image.fromarray(np.zeros([32, 32, 3], np.uint8)).save(place / "a.png")
    status, out, err = command(datasets)(place.name, "--image-size=16", "--shards=1")
    assert status == 0, err
    assert f"Saved out/{accent * 100}-real.png" in out


def test_a_name_like_an_option(run, command, runs, tmp_path):
    """It is refused for a new run; one that exists is named otherwise."""
    for name in ("-x", "--help"):
        assert f"--run is '{name}', which commands would take for an option" in refusal(run(f"--run={name}"))
    assert not (tmp_path / "logs").exists()
    (tmp_path / "logs" / "-x").mkdir(parents=True)
    (tmp_path / "logs" / "-x" / "config.json").write_bytes((runs / "logs" / "mlp-digits" / "config.json").read_bytes())
    status, out, _ = command(runs_command)()
    assert (status, out.splitlines()[-1]) == (0, "Write ./-x for -x, which would be an option: python -m tfgan.runs rm ./-x")
    assert command(runs_command)("rm", "./-x", "--yes")[0] == 0
    assert not (tmp_path / "logs" / "-x").exists()


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
    assert "it must be 256 at most" in refusal(command(launch)("--processes", 10**9))
    assert "it must be from 1 to the number of images" in refusal(command(datasets)("digits", "--shards", 10**12))
    assert not any(tmp_path.glob("*.npz"))


def test_memory_is_what_the_system_says():
    assert 2**28 < environment.memory() < 2**50
