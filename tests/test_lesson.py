"""The lesson of docs/teaching.md: its commands, read from the page, do what the page says, and its minutes add up."""

import importlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import own_pixels
from tests.serving import serving

PAGE = (pathlib.Path(__file__).parent.parent / "docs" / "teaching.md").read_text()
COMMANDS = [*dict.fromkeys(re.findall(r"^    python -m (.+)$", re.sub(r"\\\n +", "", PAGE), re.MULTILINE))]
SHORTER = ("--iterations", "200")  # of the pause's GAN, whose answers are those of the page in the browser


@pytest.fixture(scope="module")
def lesson(tmp_path_factory, real_data):
    """Gives the lesson in a folder with MNIST's four files: its folder, and what each command printed, by the command.

    Pages are left out, and the GAN of the pause is trained for a moment only.
    """
    folder = tmp_path_factory.mktemp("lesson")
    shutil.copytree(real_data / "mnist", folder / "data" / "mnist")
    printed = {}
    for command in COMMANDS:
        if not command.startswith("tfgan.explore"):
            words = [sys.executable, "-m", *shlex.split(command), *(SHORTER if "--recipe best" in command else ())]
            environment = os.environ | {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}  # no network
            done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
            printed[command] = done.stdout + done.stderr
            assert done.returncode == 0, f"{command}: {printed[command]}"
    return SimpleNamespace(folder=folder, printed=printed)


def printed(lesson, *words):
    """What the one command with these words printed."""
    [text] = [text for command, text in lesson.printed.items() if all(word in command for word in words)]
    return text


def lines(lesson, run):
    """The run's lines of metrics."""
    return [json.loads(line) for line in (lesson.folder / "logs" / run / "metrics.jsonl").read_text().splitlines()]


def distance(lesson, name):
    """The mean distance of a grid's 16 images from each other, divided by that of real images."""

    def spread(name):
        rows = own_pixels(lesson.folder / "out" / f"{name}.png", 4 * 28).reshape(4, 28, 4, 28) / 255
        images = rows.swapaxes(1, 2).reshape(16, -1)
        return np.mean([np.sqrt(((a - b) ** 2).mean()) for n, a in enumerate(images) for b in images[:n]])

    return spread(name) / spread("vanilla-mnist-real")


def test_the_minutes_add_up_to_90():
    table = re.findall(r"^\| (\d+) to (\d+) \| (?:(\d)\. )?", PAGE, re.MULTILINE)
    assert [int(begin) for begin, _, _ in table] == [0, *(int(end) for _, end, _ in table[:-1])]
    assert table[-1][1] == "90"
    headings = dict(re.findall(r"^## (?:(\d)\. .*|Pause) \((\d+) minutes\)$", PAGE, re.MULTILINE))
    assert headings == {number: str(int(end) - int(begin)) for begin, end, number in table}


def test_the_page_is_one_that_a_teacher_reads_before_the_lesson():
    assert len(PAGE.split()) <= 1500


def test_the_commands_exist_with_their_options():
    assert len(COMMANDS) >= 12
    for command in COMMANDS:
        module, *options = shlex.split(command)
        importlib.import_module(f"{module}.__main__" if module in ("tfgan.datasets", "tfgan.explore") else module)
        parser = sys.modules.get(f"{module}.__main__", sys.modules[module]).parser()
        assert parser.parse_args(options), command


@pytest.mark.slow
def test_the_check_beforehand(lesson):
    assert "70,000 images" in printed(lesson, "tfgan.datasets")
    samples = own_pixels(lesson.folder / "out" / "pretrained-mnist-sample.png", 8 * 28).reshape(8, 28, 8, 28).swapaxes(1, 2)
    assert len({image.tobytes() for image in samples.reshape(64, 28 * 28)}) == 64


@pytest.mark.slow
def test_a_gan_is_trained(lesson):
    """Its samples: noise, then nearly one blot, then many shapes. D's loss is near 0 at 1,000, and rises later."""
    assert "Warning" not in lesson.printed["tfgan.train --dataset mnist --model vanilla"]
    assert (lesson.folder / "out" / "vanilla-mnist.gif").is_file()
    assert (lesson.folder / "out" / "vanilla-mnist-losses.png").is_file()
    assert distance(lesson, "vanilla-mnist-001000") < 0.5
    assert distance(lesson, "vanilla-mnist-010000") > 0.6
    losses = {line["iteration"]: line["d_loss"] for line in lines(lesson, "vanilla-mnist")}
    assert min(losses[n] for n in range(500, 1600, 100)) < 0.02
    assert losses[max(losses)] > 0.3


@pytest.mark.slow
def test_it_collapses(lesson):
    text = printed(lesson, "--run collapse")
    assert re.search(r"^Warning at iteration \d+: .*G has collapsed to few images", text, re.MULTILINE)
    assert re.search(r"^Warning at iteration \d+: D has distinguished all real images from all fakes", text, re.MULTILINE)
    assert (lesson.folder / "out" / "collapse.gif").is_file()
    assert max(distance(lesson, f"collapse-{n:06}") for n in range(2000, 3001, 100)) < 0.3
    assert distance(lesson, "collapse-003000") < 0.15
    for line in lines(lesson, "collapse")[3:]:
        assert line["d_fake"] < 0.1 < 0.9 < line["d_real"]


@pytest.mark.slow
def test_one_option_mends_it(lesson):
    bad, mended = (next(c for c in COMMANDS if f"--run {run}" in c) for run in ("collapse", "mended"))
    assert set(shlex.split(mended)) - set(shlex.split(bad)) == {"--penalty", "wgan-gp", "mended"}
    assert "Warning" not in printed(lesson, "--run mended")
    assert distance(lesson, "mended-003000") > 0.9
    apart = [line["d_real"] - line["d_fake"] for line in lines(lesson, "mended")]
    assert np.mean(apart[-3:]) < 0.7 * np.mean(apart[1:4])


@pytest.mark.slow
def test_what_is_measured(lesson):
    """The table that the command prints, and the labels."""
    assert (lesson.folder / "out" / "labels-010000.png").is_file()
    assert (lesson.folder / "out" / "labels-sample.png").is_file()
    rows = dict(re.findall(r"^(\w[\w ]*?) {2,}(\S.*)$", printed(lesson, "tfgan.evaluate"), re.MULTILINE))

    def values(name):
        """The figure of vanilla, of the collapsed run, of the mended one, and of the one with labels; a share in percent."""
        return [float(value.strip("%")) if value != "-" else None for value in rows[name].split()]

    shares = [values(f"share of {digit}")[0] for digit in range(10)]
    assert min(shares) < 5 < 15 < max(shares)
    assert np.mean([shares[n] for n in (1, 9)]) > 10 > 5 > np.mean([shares[n] for n in (0, 2, 6)])
    assert values("classes_covered")[1:] == [1, 10, 10]
    assert values("class_agreement")[:3] == [None] * 3
    assert 0.75 < values("class_agreement")[3] < 0.95
    vanilla, collapse, mended, labels = values("frechet_distance")
    assert labels < mended < vanilla < collapse
    assert labels < 55 < 200 < collapse


@pytest.mark.slow
def test_the_pages_open(lesson):
    assert (lesson.folder / "logs" / "compact-mnist" / "config.json").is_file()
    for command in COMMANDS:
        if command.startswith("tfgan.explore"):
            page = [sys.executable, "-m", *shlex.split(command), "--no-browser"]
            with serving(page, lesson.folder / "page.log", cwd=lesson.folder) as served:
                assert served.address.startswith("http://127.0.0.1:")
