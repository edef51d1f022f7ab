"""How far the page says that a run is, and how it writes figures: as the list of runs, `evaluate` and the model card do."""

import json
import os
import re
import signal

import pytest

from tests.models.handmade import write_run
from tests.runs.test_main import rows
from tfgan import datasets
from tfgan import evaluate
from tfgan import recipes
from tfgan import report
from tfgan.explore import card
from tfgan.explore.generators import Generators
from tfgan.runs import __main__ as command_runs
from tfgan.runs import saved
from tfgan.training.hooks import ProgressHook
from tfgan.view import page


def headline(out_dir, name):
    """The first lines of a page, below its title."""
    return re.search("<h1>.*?</h1>\n<p>(.*?)</p>", (out_dir / f"{name}.html").read_text())[1]


# what is kept of a run of 200,000 iterations: its checkpoints, and the iterations of its lines of metrics
PROGRESS = {
    "stopped": ([2500, 2744], range(0, 2701, 100), "2,744 of 200,000 iterations", "2,744/200,000", "0.5000 at 2,700"),
    "finished": ([199_500, 200_000], [0, 199_900, 199_999], "200,000 of 200,000 iterations", "200,000/200,000", "0.5000"),
    "killed": ([2500], range(0, 2901, 100), "2,500 of 200,000 iterations", "2,500/200,000", "0.5000 at 2,900"),
    "resumed": ([2744, 3500], range(0, 3500, 100), "3,500 of 200,000 iterations", "3,500/200,000", "0.5000 at 3,400"),
    "sparse": ([2744], [0], "2,744 of 200,000 iterations", "2,744/200,000", "0.5000 at 0"),
    "unsaved": ([], [0, 100, 200], "no checkpoint; metrics up to iteration 200 of 200,000", "0/200,000", "0.5000 at 200"),
    "young": ([], [], "no checkpoint and no metrics; its length is 200,000 iterations", "0/200,000", "-"),
}  # fmt: skip


@pytest.mark.parametrize("kind", PROGRESS)
def test_how_far_a_run_is(command, tmp_path, kind, monkeypatch):
    """Its checkpoints say it: from the newest one it goes on. There may be any number of iterations between lines of metrics."""
    checkpoints, lines, words, reached, loss = PROGRESS[kind]
    run = write_run(tmp_path / "logs" / kind, recipes.recipe("vanilla", "digits").replace(iterations=200_000), {}, seed=6)
    for iteration in checkpoints:
        (run.checkpoints / f"{iteration:06d}").mkdir()
    (run.logs / "metrics.jsonl").write_text("".join(f'{{"iteration": {n}, "d_loss": 0.5, "g_loss": 1}}\n' for n in lines))
    page.write(tmp_path / f"{kind}.html", run, tmp_path, tmp_path / "film.gif")
    assert headline(tmp_path, kind) == f"vanilla on digits, seed 6: {words}."
    assert rows(command(command_runs)()[1])[kind][3:5] == [reached, loss]
    if checkpoints:
        monkeypatch.setattr("tfgan.runs.manifests.find_damage", lambda path: None)
        assert Generators(run).about == "vanilla on digits, seed 6", "the list of checkpoints beside it says of which iteration"


@pytest.mark.slow
def test_how_far_a_run_of_sparse_metrics_is(run, command, tmp_path, monkeypatch):
    """Stopped, gone on to its end, and made longer, with one line of metrics in all the time before the end."""
    options = ["--model=vanilla", "--run=seen", "--batch-size=8", "--summary-every=1000", "--sample-every=5", "--iterations"]
    look = ProgressHook.after_each
    with monkeypatch.context() as patch:
        stop = lambda hook, done: (done == 6 and os.kill(os.getpid(), signal.SIGTERM), look(hook, done))[1]  # noqa: E731
        patch.setattr(ProgressHook, "after_each", stop)
        assert run(*options, 20)[0] == 128 + signal.SIGTERM
    told = []
    for length in (None, 20, 30):
        if length is not None:
            assert run(*options, length)[0] == 0
        assert command(report)("--run=seen")[0] == 0
        told.append((headline(tmp_path / "out", "seen"), *rows(command(command_runs)()[1])["seen"][3:5]))
    (_, *at_stop), (_, *at_end), (_, *longer) = told
    assert [words for words, *_ in told] == [
        f"vanilla on digits, seed 0: {done} iterations." for done in ("7 of 20", "20 of 20", "30 of 30")
    ]
    lines = {line["iteration"]: line["d_loss"] for line in saved.find_run("seen").metrics()}
    assert at_stop == ["7/20", f"{lines[0]:.4f} at 0"]
    assert at_end == ["20/20", f"{lines[19]:.4f}"]
    assert longer == ["30/30", f"{lines[29]:.4f}"]


def test_the_rows_of_the_data_are_what_they_are_called(tmp_path):
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {}, origin="a university")
    info = datasets.info("digits")
    *rows, terms = page.data(run)
    assert rows == [("data set", "digits"), ("images", "1,797"), ("what", info.about), ("origin", "a university")]
    assert terms == ("terms", info.terms)


def test_a_figure_is_written_alike_everywhere(tmp_path, capsys):
    """In the table of `evaluate`, on the page and on the model card; a large number without an exponent."""
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {})
    figures = {
        "frechet_distance": 12_345.678, "kernel_distance": 0.0321987, "classes_covered": 10, "training_images_searched": 60_000,
        "class_shares": {"7": 0.125}, "frechet_distance_within_classes": {"7": 23_456.7, "8": None},
    }  # fmt: skip
    expected = {
        "frechet_distance": "12,346", "kernel_distance": "0.0322", "classes_covered": "10", "training_images_searched": "60,000",
        "share of 7": "12.5%", "Frechet distance within 7": "23,457", "Frechet distance within 8": "too few images",
    }  # fmt: skip
    protocol = {"features": "random", "features_sha256": "0" * 64, "samples": 50, "seed": 0, "real": 60, "dataset": "digits"}
    protocol |= {"split": "training images", "size": "10 x 10 x 1"}
    result = {"run": "run", "iteration": 5, "figures": figures, "protocol": protocol}
    (run.logs / "quality" / "random-0").mkdir(parents=True)
    (run.logs / "quality" / "random-0" / "000005.json").write_text(json.dumps(result))
    evaluate.show([result])
    _, *table, _ = capsys.readouterr().out.splitlines()
    assert dict(re.split("  +", line) for line in table) == expected
    page.write(tmp_path / "run.html", run, tmp_path, tmp_path / "film.gif")
    section = (tmp_path / "run.html").read_text().split("<h2>Quality of iteration 5</h2>")[1].split("<h2>")[0]
    of_page = dict(re.findall("<tr><th>(.*?)</th><td>(.*?)</td></tr>", section))
    of_card = dict(re.findall(r"^\| (.*?) \| (.*?) \|$", card.text(run, 5, 77).split("## How good it is")[1], re.M))
    for found in (of_page, of_card):
        assert {name: found[name] for name in expected} == expected
    assert not re.search(r"\de\+\d", section + card.text(run, 5, 77))
