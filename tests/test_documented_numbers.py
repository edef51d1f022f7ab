"""Defaults and limits, typed in a second time, beside the sentences of the pages that state them."""

import ast
import dataclasses
import inspect
import itertools
import json
import math
import pathlib
import re
from types import SimpleNamespace

import pytest

from tfgan import errors
from tfgan import evaluate
from tfgan import export
from tfgan import launch
from tfgan import recipes
from tfgan import report
from tfgan import sample
from tfgan import train
from tfgan.datasets import __main__ as datasets_command
from tfgan.datasets import pack
from tfgan.distribution import server
from tfgan.quality import alarms
from tfgan.quality import conditional
from tfgan.quality import features
from tfgan.runs import __main__ as runs_command
from tfgan.runs.checkpoints import checkpoint_iterations
from tfgan.sampling import formats
from tfgan.training import context
from tfgan.training import hooks
from tfgan.training import instruments
from tfgan.training import options
from tfgan.training import settings
from tfgan.training import steps
from tfgan.training.instruments import Cadence

ROOT = pathlib.Path(__file__).parent.parent

# All options of tfgan.train that have a default of their own; the others are None or False: the recipe decides, or it is off.
TRAIN = {
    "dataset": "digits", "recipe": "tutorial", "seed": 0, "sample_every": 1000, "summary_every": 100, "checkpoint_minutes": 10,
    "keep": 3, "evaluate_images": 2000, "device": "auto",
    **{f"{name}_dir": pathlib.Path(folder) for name, folder in (("data", "data"), ("log", "logs"), ("out", "out"))},
}  # fmt: skip


def defaults(module, *given):
    """Of a command's options, those that are set where nothing else is given."""
    parsed = vars(module.parser().parse_args(given))
    return {name: value for name, value in parsed.items() if value is not None and value is not False}


def of_train(name):
    return lambda: defaults(train)[name]


def of_recipe(name):
    return lambda: {field.name: field.default for field in dataclasses.fields(recipes.Recipe)}[name]


# page -> [(what it says, what is so, the number)]
STATED = {
    "README.md": [
        ("every 1000 iterations and at the end (`--sample-every N`)", of_train("sample_every"), 1000),
        ("(the losses and more, a line every 100 iterations)", of_train("summary_every"), 100),
        ("compares 10,000 samples with at most as many real images", lambda: defaults(evaluate, "--run=a")["images"], 10_000),
        ("`sample` makes 64 new images (`--count`", lambda: sample._COUNT, 64),
    ],
    "docs/options.md": [
        ("Train even if more than 5% of the pictures are damaged.", lambda: pack._TOLERATED, 0.05),
        ("Save a checkpoint; by default less often where it would take more than 0.2%", lambda: share_of(Cadence), 0.002),
        ("variable; by default less often where it would take more than 0.2%", lambda: share_of(Cadence), 0.002),
        ("and a learning rate of 5e-4 unless you give another.", lambda: options._SGD_LEARNING_RATE, 5e-4),
        ("`python -m tfgan.launch --processes 2 -- --dataset celeba`", lambda: defaults(launch)["processes"], 2),
        ("(exit status 3) when training warns of collapse", lambda: errors.exit_status(errors.Collapsed()), 3),
    ],
    "docs/remedies.md": [
        ("a gradient grows beyond 100,000", lambda: alarms._HUGE, 100_000),
        ("| `--penalty-weight X` | `10.0` |", of_recipe("penalty_weight"), 10),
        ("`--smooth` is part of the dcgan28 tutorial, which has 0.1.", lambda: recipes.recipe("dcgan28").smooth, 0.1),
        ("Where D guesses, they add up to 0.69 (ln 2).", lambda: round(math.log(2), 2), 0.69),
    ],
    "docs/troubleshooting.md": [
        ("Training diverged, and ended with exit status 3.", lambda: errors.exit_status(errors.Diverged()), 3),
        ("dcgan28 smooths the labels of real images by 0.1", lambda: recipes.recipe("dcgan28").smooth, 0.1),
        ("D's loss near 1.39 (2 ln 2)", lambda: round(2 * math.log(2), 2), 1.39),
        ("For the dogs the same is 0.69", lambda: round(2 * math.log(2) * recipes.recipe("dogs").d_loss_weight, 2), 0.69),
        ("its D's loss is never below 0.33", lambda: round(alarms.Alarms("non-saturating", 0.1)._least, 2), 0.33),
    ],
    "docs/reproducibility.md": [
        ("One is saved every 500 iterations, with small models less often", lambda: settings.CHECKPOINT_EVERY, 500),
        ("so that it takes no more than 0.2% of the time", lambda: share_of(Cadence), 0.002),
        ("and every 10 minutes (`--checkpoint-minutes`)", of_train("checkpoint_minutes"), 10),
        ("The newest three are kept (`--keep`)", of_train("keep"), 3),
    ],
    "docs/quality.md": [
        ("measures `--evaluate-images` samples (default 2,000)", of_train("evaluate_images"), 2000),
        ("A line is written every `--summary-every` iterations, 100 by default", of_train("summary_every"), 100),
        ("has a median of five lines below 0.05", lambda: (alarms._SHORT, alarms._ALIKE), (5, 0.05)),
        ("below 0.4 of its own highest", lambda: alarms._FALLEN, 0.4),
        ("40% of the covered classes are lost", lambda: alarms._CLASSES_LOST, 0.4),
        ("below 0.3 of its own highest, or of the classes' median", lambda: alarms._FALLEN_IN_CLASS, 0.3),
        ("if that is at least 0.4, in two measurements", lambda: (alarms._HIGH_IN_CLASS, alarms._TIMES), (0.4, 2)),
        ("A class with fewer than 10 real images or samples", lambda: conditional.LEAST, 10),
        ("bilinearly to 128x128", lambda: features._IMAGENET_SIDE, 128),
        ("EfficientNet-Lite2", lambda: features._IMAGENET, "lite2"),
        ("both halves of D's loss below 0.005 for ten lines", lambda: (alarms._WON, alarms._LONG), (0.005, 10)),
        ("less than 0.05 above the least that such labels allow", lambda: alarms._WON_SMOOTHED, 0.05),
        ("below 1% of the largest of the first ten lines, for five lines", lambda: (alarms._VANISHED, alarms._LONG), (0.01, 10)),
        ("beyond 100,000", lambda: alarms._HUGE, 100_000),
    ],
    "docs/tutorials/vanilla.toml": [
        ("`--summary-every 100`, `--histogram-every 100`", lambda: settings.HISTOGRAM_EVERY, 100),
        ("where they would take more than 0.2% of the time", lambda: share_of(Cadence), 0.002),
    ],
    "docs/tutorials/mlp.toml": [("the default is 1000", of_train("sample_every"), 1000)],
    "docs/tutorials/dcgan28.toml": [
        ("the defaults are 100 and 1000", lambda: (of_train("summary_every")(), of_train("sample_every")()), (100, 1000)),
    ],
    "docs/performance.md": [("Histograms and checkpoints may take 0.2% of the time each", lambda: share_of(Cadence), 0.002)],
    "docs/results/experiments.md": [("(each may take 0.2%: `tfgan/training/instruments.py`)", lambda: share_of(Cadence), 0.002)],
    "docs/devices.md": [
        ("(`--restarts`, 3 by default;", lambda: defaults(launch)["restarts"], 3),
        ("A process that starts late is waited for (10 minutes)", lambda: server.PATIENCE_S, 600),
        ("has no answer for 30 s", lambda: server.SILENCE_S, 30),
        ("sends pings every 310 s", lambda: server.PING_EVERY_S, 310),
    ],
    "docs/generate.md": [
        ("writes `out/vanilla-mnist-sample.png`, 64 images of the newest checkpoint", lambda: sample._COUNT, 64),
        ("more than 1e-4 of the range from 0 to 1,", lambda: formats.TOLERANCE, 1e-4),
        ("or more than one level of 255", lambda: formats.LEVELS, 1),
    ],
    "docs/data.md": [("if they are more than 5%, that stops the program", lambda: pack._TOLERATED, 0.05)],
}


def share_of(cadence):
    return inspect.signature(cadence).parameters["share"].default


@pytest.mark.parametrize("page", STATED)
def test_numbers_that_a_page_states(page):
    text = " ".join((ROOT / page).read_text().split())
    for sentence, found, number in STATED[page]:
        assert sentence in text, sentence
        assert found() == number, sentence


LENGTHS = {  # README's rows -> (the row of docs/performance.md, how many of its iterations)
    "vanilla, MNIST": ("vanilla, 128", 10_000),
    "mlp, MNIST": ("mlp, 128", 10 * math.ceil(50_000 / 128)),
    "dcgan28, MNIST": ("dcgan28, 64", 2 * (60_000 // 64)),
    "dcgan28, CelebA": ("dcgan28, 64", 202_599 / 64),  # as many images a second as of MNIST
    "dcgan64, MNIST at 64x64": ("dcgan64, 64", math.ceil(70_000 / 64)),
    "dogs, Stanford Dogs": ("dogs, 64", 65 * (20_580 // 64)),
}
SECONDS = {"s": 1, "min": 60, "h": 3600}
RATES = "| model, batch | tfgan, iterations/s | as written"  # a table's heading


def table_rows(text, heading):
    """The cells of the first table with that heading."""
    lines = text[text.index(heading) :].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in itertools.takewhile(lambda x: "|" in x, lines)][2:]


def test_the_times_of_the_tutorials_follow_from_the_measured_rates():
    """Those of one machine."""
    page, readme = ((ROOT / name).read_text() for name in ("docs/performance.md", "README.md"))
    rates = {row[0]: float(row[1]) for row in table_rows(page, RATES)}
    rows = table_rows(readme, "| model | source | data |")
    times = {f"{row[0].strip('[').partition(']')[0]}, {row[2]}": row[-1].split() for row in rows}
    assert times.keys() == LENGTHS.keys()
    for name, (number, unit) in times.items():
        row, iterations = LENGTHS[name]
        time = iterations / rates[row] / SECONDS[unit]
        assert number == f"{time:.{len(number.partition('.')[2])}f}", name


def test_how_much_longer_it_takes_without_avx_512():
    results = (ROOT / "docs/results/speed.md").read_text()
    parts = (results[results.index(heading) :] for heading in ("sgemm at 293 to 310 GFLOP/s", "machine with AVX-512 hidden"))
    rates, without = ({row[0]: float(row[1]) for row in table_rows(part, RATES)} for part in parts)
    longer = [rates[name] / without[name] for name in rates]
    sentence = f"Without AVX-512 that machine takes {min(longer):.1f} to {max(longer):.1f} times as long."
    assert sentence in " ".join((ROOT / "docs/performance.md").read_text().split())


# guide -> the headings of its tables of measured figures
MEASURED = {
    "docs/quality.md": ["| run | about | Frechet distance |", "| Frechet distance, `imagenet` features |"],
    "docs/performance.md": ["| model, batch |"],
    "docs/labels.md": ["| model | method |"],
}


@pytest.mark.parametrize("guide", MEASURED)
def test_measured_figures_of_a_guide_are_those_of_the_results(guide):
    """Each cell stands in a table of docs/results/."""
    lines = [line for page in ROOT.glob("docs/results/*.md") for line in page.read_text().splitlines() if line.startswith("|")]
    cells = {cell.strip() for line in lines for cell in line.strip("|").split("|")}
    for heading in MEASURED[guide]:
        for row in table_rows((ROOT / guide).read_text(), heading):
            figures = [cell for cell in row[1:] if re.match(r"\d", cell) and "(faces:" not in cell]
            assert figures
            assert {*figures} <= cells, row


def test_what_a_page_says_to_be_in_a_file_is_there():
    """`NAME` in `FILE`, or `NAME`, `FILE`."""
    found = 0
    for page in (*ROOT.glob("docs/*.md"), *ROOT.glob("docs/results/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        text = " ".join(page.read_text().split())
        for name, path in re.findall(r"`(\w+)`(?: in|,) `((?:tfgan|tests|benchmarks|docs)/[\w/]+\.py)`", text):
            assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), f"{page.name}: {name} in {path}"
            found += 1
    assert found > 5


# Of a quoted message: what is filled in, and what is Python's.
FILLED_IN = r"\.\.\.|Warning: |d_loss|nan|No space left on device|module 'tfgan' has no .*|No module named .*"


def message_templates():
    """All texts of the program; what is filled in is `...`."""
    for path in (ROOT / "tfgan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_messages_that_a_page_quotes_are_printed():
    """Each part between two `...` is in a text of the program. Some messages are Python's."""
    texts = list(message_templates())
    quoted = re.findall(r'^- \*\*"(.*?)"(?:, "(.*?)")?\.\*\*', (ROOT / "docs/troubleshooting.md").read_text(), re.MULTILINE)
    quotes = [quote for pair in quoted for quote in pair if quote]
    assert len(quotes) > 8
    for quote in quotes:
        for part in re.split(FILLED_IN, quote):
            assert any(part.strip() in text for text in texts), quote


def test_defaults_of_the_options():
    assert defaults(train) == TRAIN
    folders = {"data_dir": "data", "log_dir": "logs", "out_dir": "out"}
    assert defaults(evaluate, "--run=a") == {"run": ["a"], "images": 10_000, "seed": 0, **folders}


@pytest.mark.parametrize(("module", "given"), [
    (train, []), (evaluate, ["--run=a"]), (launch, []), (report, ["--run=a"]), (sample, ["--run=a"]), (datasets_command, []),
    (export, ["--run=a", "--to=b"]), (runs_command, []),
])  # fmt: skip
def test_help_states_the_defaults_that_are(module, given):
    """Of each option whose help names a default."""
    stated = 0
    for action in module.parser()._actions:
        words = " ".join((action.help or "").split()).replace("%%", "%")
        if action.dest in defaults(module, *given) and "default" in words:
            assert f"default {action.default}" in words, words
            stated += 1
    assert stated > 0


def test_a_run_that_is_told_nothing_keeps_these_intervals(run, tmp_path, monkeypatch):
    """The loop's own, on a clock by which an iteration takes 200 s: a checkpoint comes when 10 minutes are over."""
    clock, cadences = [1000.0], []

    def cadence(**settings):
        cadences.append(settings)
        return Cadence(**settings)

    fused = steps.fused

    def slow(*given):
        def then(step):
            return lambda *arguments: (step(*arguments), clock.__setitem__(0, clock[0] + 200))[0]

        return [then(step) for step in fused(*given)]

    monkeypatch.setattr("tfgan.view.gallery.make", lambda *of_a_run: None)
    for user in (hooks, instruments):
        monkeypatch.setattr(user, "Cadence", cadence)
    monkeypatch.setattr(context, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(steps, "fused", slow)
    assert run("--model=vanilla", "--batch-size=8", "--run=run", "--iterations=8", "--keep=9")[0] == 0
    assert cadences == [{"limited": True}] * 2, "checkpoints and histograms"
    assert settings.CHECKPOINT_EVERY == 500
    assert hooks.TensorBoardHook.interval(SimpleNamespace(histogram_every=None)) == 100
    assert checkpoint_iterations(tmp_path / "logs" / "run" / "checkpoints") == [3, 6, 8]
    lines = [json.loads(line)["iteration"] for line in (tmp_path / "logs" / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines == [0, 7]
    assert sorted(path.stem for path in (tmp_path / "out").glob("run-0*")) == ["run-000000", "run-000008"]
