"""What the README promises: its two commands, its program, its options and its links."""

import argparse
import itertools
import pathlib
import re

from tests.conftest import TINY
from tfgan import datasets
from tfgan import evaluate
from tfgan import export
from tfgan import launch
from tfgan import report
from tfgan import runs
from tfgan import sample
from tfgan import train
from tfgan.datasets import __main__ as command
from tfgan.datasets import celeba
from tfgan.datasets import dogs
from tfgan.datasets import mnist

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DATA = (ROOT / "docs" / "data.md").read_text()
USING = (ROOT / "docs" / "using.md").read_text()
QUALITY = (ROOT / "docs" / "quality.md").read_text()
DISTRIBUTED = (ROOT / "docs" / "distributed.md").read_text()
REPRODUCIBILITY = (ROOT / "docs" / "reproducibility.md").read_text()
OTHERS = {"--logdir", "--help", "--nodes", "--ntasks-per-node", "--gpus-per-node", "--kill-on-bad-exit"}  # of TensorBoard, Slurm


def test_the_first_two_pip_lines():
    lines = [line.strip() for line in README.splitlines() if line.strip().startswith("pip install")]
    assert lines[:2] == ["pip install -e . && python -m tfgan.train", "pip install -e '.[test]' && pytest -n 2"]


def test_the_program_runs():
    [program] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(program, names)  # the README's own text
    assert names["samples"].shape == (16, 28, 28, 1)
    assert 0 < abs(names["samples"]).max() <= 1
    assert names["d_loss"] > 0 < names["g_loss"]


def test_the_program_that_restores_a_checkpoint_runs(run):
    assert run(*TINY, "--iterations", 2)[0] == 0
    [program] = re.findall(r"```python\n(.*?)```", REPRODUCIBILITY, re.DOTALL)
    names = {}
    exec(program, names)
    assert names["samples"].shape == (1, 28, 28, 1)


def test_the_program_that_samples_runs(run):
    assert run(*TINY, "--iterations", 2, "--run", "vanilla-mnist", "--model", "vanilla")[0] == 0
    [program] = re.findall(r"```python\n(.*?)```", USING, re.DOTALL)
    names = {}
    exec(program, names)
    assert (names["images"].shape, names["images"].dtype) == ((16, 28, 28, 1), "uint8")
    assert names["scores"].shape == (16,)


def test_options_exist():
    parsers = [each.parser() for each in (train, command, launch, sample, evaluate, report, export, runs)]
    of_commands = [a.choices.values() for a in parsers[-1]._actions if isinstance(a, argparse._SubParsersAction)]
    usage = "".join(each.format_help() for each in (*parsers, *itertools.chain(*of_commands)))
    for option in set(re.findall(r"--[a-z][a-z-]+", README + DATA + REPRODUCIBILITY + USING + QUALITY + DISTRIBUTED)) - OTHERS:
        assert option in usage, option


def test_links_exist():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), link


def test_every_data_set_file_and_address_is_on_the_page():
    for info in datasets.DATASETS.values():
        assert f"| `{info.name}` |" in DATA
        for file in info.files:
            assert file.rpartition("/")[2] in DATA, file
    remotes = [mnist._remote(name, split, kind) for name in mnist._MIRRORS for split in mnist._FILES for kind in mnist._KINDS]
    for remote in [*remotes, celeba._ARCHIVE, dogs._IMAGES, dogs._ANNOTATION]:
        assert f"{remote.size:,}" in DATA
        for url in remote.urls:
            assert url in DATA or url.rpartition("/")[0] + "/" in DATA, url
