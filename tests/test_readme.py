"""What the README and the pages of docs/ promise: commands, programs, options, tables and links."""

import argparse
import pathlib
import re
import textwrap

import numpy as np
import option_tables
import pytest

from tests.conftest import TINY
from tests.conftest import saved_variables
from tests.test_house import WINGS
from tfgan import datasets
from tfgan import evaluate
from tfgan import export
from tfgan import launch
from tfgan import report
from tfgan import sample
from tfgan import train
from tfgan.common import places
from tfgan.common.fields import fields
from tfgan.datasets import __main__ as command
from tfgan.datasets import celeba
from tfgan.datasets import dogs
from tfgan.datasets import mnist
from tfgan.explore import __main__ as explore
from tfgan.graph import losses
from tfgan.recipes import MODELS
from tfgan.recipes import Recipe
from tfgan.runs import __main__ as runs
from tfgan.training import hooks
from tfgan.training import settings
from tfgan.training.settings import Hardware
from tfgan.training.settings import Settings

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
DATA = (ROOT / "docs" / "data.md").read_text()
GENERATE = (ROOT / "docs" / "generate.md").read_text()
QUALITY = (ROOT / "docs" / "quality.md").read_text()
DEVICES = (ROOT / "docs" / "devices.md").read_text()
OPTIONS = (ROOT / "docs" / "options.md").read_text()
REMEDIES = (ROOT / "docs" / "remedies.md").read_text()
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text()
REPRODUCIBILITY = (ROOT / "docs" / "reproducibility.md").read_text()
FIRST_RUN = (ROOT / "docs" / "first-run.md").read_text()
OTHERS = {  # of others
    "--logdir", "--help", "--nodes", "--ntasks-per-node", "--gpus-per-node", "--kill-on-bad-exit", "--preload", "--strict"
}  # fmt: skip


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


def test_the_first_run_prints_what_its_page_says(run):
    """But for the numbers, of which this shorter run has others."""
    shown = textwrap.dedent(FIRST_RUN.partition("terminal\n\n")[2].partition("\n\n")[0]).splitlines()
    status, out, _ = run("--iterations", 2)
    assert status == 0
    printed = [re.sub(r"[\d,]+", "N", line) for line in out.splitlines()]
    shown = [re.sub(r"[\d,]+", "N", line) for line in shown if line != "..."]
    shown, printed = ([line for line in lines if not line.startswith(("Device: ", "iteration "))] for lines in (shown, printed))
    assert set(shown) == set(printed)


@pytest.mark.slow
def test_the_program_that_restores_a_checkpoint_runs(run):
    assert run(*TINY, "--iterations", 2)[0] == 0
    program, without_tfgan = re.findall(r"```python\n(.*?)```", REPRODUCIBILITY, re.DOTALL)
    names = {}
    exec(program, names)
    assert names["samples"].shape == (1, 28, 28, 1)

    network, optimisers = {}, re.compile("/Adam|/beta")
    exec(without_tfgan, network)
    saved = saved_variables(pathlib.Path("logs/mlp-digits"))
    of_g = {name for name in saved if name.startswith("generator/") and not optimisers.search(name)}
    assert {*network["weights"]} == of_g
    for name, value in network["weights"].items():
        np.testing.assert_array_equal(value, saved[name])


@pytest.mark.slow
def test_the_program_that_samples_runs(run):
    assert run(*TINY, "--iterations", 2, "--run", "vanilla-mnist", "--model", "vanilla")[0] == 0
    [program, continued] = re.findall(r"```python\n(.*?)```", GENERATE, re.DOTALL)
    names = {"hole": np.arange(28 * 28).reshape(28, 28) % 28 > 13}
    exec(program + continued, names)
    assert (names["images"].shape, names["images"].dtype) == ((16, 28, 28, 1), "uint8")
    assert names["scores"].shape == (16,)
    assert names["found"].errors.max() < 0.05
    np.testing.assert_array_equal(names["mended"][:, ~names["hole"]], names["images"][:, ~names["hole"]])
    assert [names[name].shape for name in ("strip", "middle", "around")] == [(3, 100), (100,), (9, 100)]


@pytest.mark.slow
def test_the_hook_that_contributing_shows_prints_the_losses(run, monkeypatch):
    [example] = re.findall(r" *```python\n(.*?)```", CONTRIBUTING, re.DOTALL)
    names = {}
    exec(textwrap.dedent(example), names)
    monkeypatch.setattr(hooks, "HOOKS", (*hooks.HOOKS, names["LossHook"]))
    status, out, _ = run(*TINY, "--iterations=101", "--model=vanilla", "--summary-every=40")
    assert status == 0
    assert re.findall(r"^(\d+): d_loss [\d.]+, g_loss [\d.]+$", out, re.MULTILINE) == ["0", "100"]


def test_contributing_names_the_wings_in_their_order():
    assert f"    {', '.join(WINGS[1:])}\n" in CONTRIBUTING
    wings = {path.parent.name for path in (ROOT / "tfgan").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `tfgan/(\w+)/` \|", CONTRIBUTING, re.MULTILINE)) == wings


def options_of(parser):
    """Every option of a command, those of its own commands included."""
    inner = [each for a in parser._actions if isinstance(a, argparse._SubParsersAction) for each in a.choices.values()]
    return {*parser._option_string_actions}.union(*map(options_of, inner))


COMMANDS = {
    "train": train, "datasets": command, "launch": launch, "sample": sample, "evaluate": evaluate, "report": report,
    "export": export, "explore": explore, "runs": runs,
}  # fmt: skip
PAGES = README + DATA + REPRODUCIBILITY + GENERATE + QUALITY + DEVICES + OPTIONS + REMEDIES + TROUBLESHOOTING + FIRST_RUN


def test_options_exist():
    known = set().union(*(options_of(module.parser()) for module in COMMANDS.values())) | OTHERS
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]", PAGES))
    assert len(named) > 60
    assert named <= known, named - known


def test_options_are_of_the_command_that_they_are_given_to():
    """In each line that shows a command; behind the launcher's -- they are train's."""
    lines = re.findall(r"python -m tfgan\.(\w+)([^`#\n\"]*)", PAGES)
    assert {name for name, _ in lines} == set(COMMANDS)
    for name, rest in lines:
        own, *of_train = re.split(r" -- | --$", rest)
        for module, words in [(COMMANDS[name], own), *((train, words) for words in of_train)]:
            for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", words):
                assert option in options_of(module.parser()), (name, rest)


def remedies_of_train():
    """The options of that group."""
    [group] = [group for group in train.parser()._action_groups if (group.title or "").startswith("remedies")]
    return {action.option_strings[0] for action in group._group_actions}


def test_the_table_of_remedies_has_each_of_them():
    table = REMEDIES.split("## All remedies")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(--[a-z0-9-]+)", table, re.MULTILINE)) == remedies_of_train()
    for words, names in (("loss", losses.LOSSES), ("penalty", ("wgan-gp", "r1", "r1r2", "dragan"))):
        assert re.findall(rf"^\| `--{words} ([a-z0-9-]+)`", table, re.MULTILINE) == list(names)


def test_the_tables_of_options_have_each_of_them_with_its_default():
    rows = re.findall(r"^\| `(--[a-z0-9-]+)[^|]*` \| ([^|]*) \|", OPTIONS, re.MULTILINE)
    assert len(rows) == len(dict(rows))
    stated = {option: default.strip("`") for option, default in rows}
    assert stated.keys() == options_of(train.parser()) - remedies_of_train() - {"-h", "--help"}
    usual = {
        "--packed-dir": places.USUAL, "--histogram-every": str(settings.HISTOGRAM_EVERY),
        "--checkpoint-every": str(settings.CHECKPOINT_EVERY),
    }  # fmt: skip
    for option, default in stated.items():
        found = train.parser().get_default(option.removeprefix("--").replace("-", "_"))
        if found is None or found is False:
            without = default in ("-", "recipe", "of the data set", "of the model", "the best at hand", "MODEL-DATASET")
            assert default == usual[option] if option in usual else without, option
        else:
            assert default == str(found), option


def test_the_row_of_models_has_each_of_them():
    [row] = [line for line in OPTIONS.splitlines() if line.startswith("| `--model ")]
    assert set(MODELS) <= set(re.findall(r"`(\w+)`", row))


def test_the_tables_of_options_are_current():
    """`python docs/site/option_tables.py` makes them."""
    for page in option_tables.PAGES:
        text = page.read_text()
        assert option_tables.with_tables(text) == text, page.name
    shown = OPTIONS + REMEDIES
    groups = {each.about.group for cls in (Recipe, Settings, Hardware) for each in fields(cls)} - {None}
    assert {*re.findall("<!-- options: (.*?) -->", shown)} == groups


def test_links_exist():
    folders = [ROOT, *(ROOT / name for name in ("docs", "docs/results", "docs/tutorials", "data", "logs", "out"))]
    for page in (page for folder in folders for page in folder.glob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)[)#]", page.read_text()):
            assert (page.parent / link).exists(), link


def pages():
    """Every page that stands in the repository's root, in docs/ and in docs/results/."""
    return [page for folder in (ROOT, ROOT / "docs", ROOT / "docs" / "results") for page in sorted(folder.glob("*.md"))]


def test_the_first_line_of_a_guide_is_the_question_that_it_answers():
    for page in (ROOT / "docs").glob("*.md"):
        assert re.fullmatch(r"# .*\?", page.read_text().splitlines()[0]), page.name


def test_the_site_lists_every_guide():
    listed = re.findall(r"^ +- .*?([\w/-]+\.md)$", (ROOT / "docs" / "site" / "mkdocs.yml").read_text(), re.MULTILINE)
    docs = ROOT / "docs"
    assert {str(page.relative_to(docs)) for page in (*docs.glob("*.md"), *docs.glob("results/*.md"))} <= set(listed)
    assert len(listed) == len(set(listed))


def test_files_that_pages_name_exist():
    pattern = r"`((?:tfgan|tests|benchmarks|docs)/[\w./]*)"
    named = [(page, file) for page in pages() for file in re.findall(pattern, page.read_text())]
    assert len(named) > 50
    for page, file in named:
        assert (ROOT / file).exists(), f"{page.name} names {file}"


def test_lines_of_pages_are_as_long_as_contributing_says():
    for page in pages():
        for line in page.read_text().splitlines():
            assert len(line) <= 130 or line.startswith("|"), f"{page.name}: {line}"


def test_every_data_set_file_and_address_is_on_the_page():
    for info in datasets.DATASETS.values():
        assert f"| `{info.name}` |" in DATA
        for form in datasets.forms_of(info.name):
            assert f"| `{form.name}` | {form.who} | {form.inside} |" in DATA
    remotes = [mnist._remote(name, split, kind) for name in mnist._MIRRORS for split in mnist._FILES for kind in mnist._KINDS]
    for remote in [*remotes, celeba._ARCHIVE, dogs._IMAGES, dogs._ANNOTATION]:
        assert f"{remote.size:,}" in DATA
        for url in remote.urls:
            assert url in DATA or url.rpartition("/")[0] + "/" in DATA, url
