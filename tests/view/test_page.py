"""How far the page says that a run is, and how it writes figures: as the list of runs, `evaluate` and the model card do."""

import base64
import html
import json
import os
import re
import signal
from types import SimpleNamespace

import pytest

import tfgan
from tests.models.handmade import write_run
from tests.runs.test_main import rows
from tfgan import datasets
from tfgan import evaluate
from tfgan import recipes
from tfgan import report
from tfgan.explore import card
from tfgan.explore.generators import Generators
from tfgan.runs import __main__ as command_runs
from tfgan.runs import read
from tfgan.training.hooks import ProgressHook
from tfgan.view import gallery
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
    lines = {line["iteration"]: line["d_loss"] for line in read.find_run("seen").metrics()}
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


def write_page(tmp_path, film_name="run.gif", pictures=(), **config):
    """The page of a run without metrics, with that film and those pictures. config: further fields of its config.json."""
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {}, **config)
    for name in (film_name, *pictures):
        (tmp_path / name).write_bytes(b"a film")
    page.write(tmp_path / "run.html", run, tmp_path, tmp_path / film_name)
    return (tmp_path / "run.html").read_text()


PICTURES = [f"run-{suffix}.png" for suffix in ("000010", "000010-pair", "real", "beside-real", "nearest", "losses")]


def test_the_order_of_the_page_and_which_pictures_keep_sharp_pixels(tmp_path):
    text = write_page(tmp_path, pictures=PICTURES)
    sections = [part.split("</h2>", 1) for part in text.split("<h2>")[1:]]
    assert [title for title, _ in sections] == [
        "Samples", "Film", "Beside real images", "The last training batch", "Nearest training images", "Curves", "Data", "Recipe",
    ]  # fmt: skip
    sharp = [title for title, content in sections if 'class="pixels"' in content]
    assert sharp == ["Samples", "The last training batch", "Data"]
    assert f"Made by tfgan {tfgan.__version__}." in text


def test_what_is_missing_is_omitted(tmp_path):
    text = write_page(tmp_path)
    assert re.findall("<h2>(.*?)</h2>", text) == ["Film", "Data", "Recipe"]
    assert text.count("<img") == 1
    assert "<video" not in text


def test_an_mp4_is_a_video(tmp_path):
    text = write_page(tmp_path, film_name="run.mp4")
    assert '<video autoplay loop muted controls src="data:video/mp4;base64,YSBmaWxt"></video>' in text
    assert "<img" not in text


def table(text, title):
    section = text.split(f"<h2>{title}</h2>")[1].split("<h2>")[0]
    return dict(re.findall("<tr><th>(.*?)</th><td>(.*?)</td></tr>", section))


def test_the_rows_of_the_page(tmp_path):
    """Only what is set: a recipe's fields, the machine's properties; several devices are one row."""
    environment = {"device": ["A", "B"], "processor": None, "onednn": False, "threads": 0, "python": "3.12"}
    text = write_page(tmp_path, environment=environment, images=12_345)
    assert table(text, "Time and machine") == {"device": "A, B", "python": "3.12"}
    assert table(text, "Data")["images"] == "12,345"
    fields = table(text, "Recipe")
    assert (fields["dataset"], fields["smooth"], fields["flip"]) == ("digits", "0.0", "False")
    assert not fields.keys() & {"epochs", "penalty", "d_learning_rate", "weight_clip"}


def test_what_is_said_of_quality():
    found = {"figures": {"recall": 0.123456, "classes_covered": 10, "class_shares": {"a": 0.03141}}}
    found["figures"] |= {"frechet_distance_within_classes": {"a": 1.23456}, "diversity_within_classes": {"a": None}}
    found["figures"]["classes_seen"] = {"a": {"a": 5}}
    found["protocol"] = {"real": 7, "seed": 0}
    expected = [
        ("recall", "0.1235"), ("classes_covered", "10"), ("share of a", "3.1%"), ("Frechet distance within a", "1.235"),
        ("diversity within a", "too few images"), ("protocol", "real 7, seed 0"),
    ]  # fmt: skip
    assert page.quality(found) == expected


@pytest.mark.parametrize(("rates", "expected"), [
    ([], []), ([5], []), ([0, 5], []), ([5, None], []),
    ([0, 5, 10], [("training time", "5 s for 3 iterations"), ("images per second", "10 (median)")]),
    ([4000, 1000, 2000], [("training time", "under a second for 3 iterations"), ("images per second", "2,000 (median)")]),
])  # fmt: skip
def test_a_pace_needs_two_rates(rates, expected):
    """Lines without a rate, or with 0, do not count. Iterations are 0, 1, 2, in batches of ten images."""
    run = SimpleNamespace(recipe=SimpleNamespace(d_steps=1, batch_size=10))
    lines = [{"iteration": n} if rate is None else {"iteration": n, "images_per_second": rate} for n, rate in enumerate(rates)]
    assert page._pace(run, lines) == expected


def test_the_last_lines_numbers_are_those_that_it_has():
    assert page._final([]) == []
    lines = [{"iteration": 0, "d_loss": 5.0, "d_real": 0.5}, {"iteration": 1999, "d_loss": 1.23456}]
    assert page._final(lines) == [("at iteration", "1,999"), ("D's loss", "1.2346")]


def test_what_the_page_says_below_its_pictures_and_beside_its_numbers(command, tmp_path, monkeypatch):
    """Every section has its own file's picture, and the numbers are the last line's."""
    recipe = recipes.recipe("vanilla", "digits").replace(iterations=20, batch_size=10)
    run = write_run(tmp_path / "logs" / "run", recipe, {}, seed=6, environment={"device": "a machine"})
    lines = [
        {"iteration": n, "d_loss": 1.0 + n, "g_loss": 2.25 + n, "d_real": 0.75, "d_fake": 0.25, "images_per_second": rate}
        for n, rate in ((0, 10.0), (9, 30.0), (15, 20.0))
    ]
    (run.logs / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run.logs / "quality" / "random-0").mkdir(parents=True)
    found = {"precision": 0.25, "recall": 0.5, "class_shares": {"9": 0.125}}
    found = {"iteration": 16, "figures": found, "protocol": {"real": 7}}
    (run.logs / "quality" / "random-0" / "000016.json").write_text(json.dumps(found))
    out = tmp_path / "out"
    out.mkdir()
    files = {
        suffix: f"content of {suffix}".encode()
        for suffix in ("-000010.png", "-000016.png", "-000010-pair.png", "-000016-pair.png", "-real.png", "-beside-real.png",
                       "-nearest.png", "-alike.png", "-classes.png", "-losses.png", ".gif")
    }  # fmt: skip
    for suffix, content in files.items():
        (out / f"run{suffix}").write_bytes(content)
    monkeypatch.setattr(gallery, "make", lambda name, out_dir, *_: [out_dir / f"{name}.gif"])
    assert command(report)("--run", "run")[0] == 0
    page = (out / "run.html").read_text()
    sections = dict(part.split("</h2>", 1) for part in page.split("<h2>")[1:])
    expected = {
        "Samples": ("-000016.png", "Samples of fixed noise after 16 iterations"),
        "Film": (".gif", "The same noise through the whole run"),
        "Beside real images": ("-beside-real.png", "Samples left, training images right"),
        "The last training batch": ("-000016-pair.png", "Fakes left, reals right"),
        "Nearest training images": ("-nearest.png", "Samples (top) and the training images nearest to them"),
        "Training images most alike": ("-alike.png", "Samples (top) and the training images most alike, not by pixels"),
        "Classes asked for and seen": ("-classes.png", "Each row: what the samples of that class are seen as"),
        "Curves": ("-losses.png", "Losses, and D's mean output on real images and samples"),
        "Data": ("-real.png", "Training images"),
    }
    for title, (suffix, caption) in expected.items():
        section = sections.pop(title)
        (picture,) = re.findall(r'alt="([^"]*)" src="data:image/(\w+);base64,([^"]+)"', section)
        assert (html.unescape(picture[0]), picture[1]) == (caption, suffix.rpartition(".")[2])
        assert base64.b64decode(picture[2]) == files[suffix], title
        assert re.findall("<figcaption>(.*?)</figcaption>", html.unescape(section)) == [caption]
        sections[title] = section
    rows = {title: dict(re.findall("<tr><th>(.*?)</th><td>(.*?)</td></tr>", html.unescape(s))) for title, s in sections.items()}
    assert rows["Curves"] == {
        "at iteration": "15", "D's loss": "16.0000", "G's loss": "17.2500", "D's mean output on real images": "0.7500",
        "D's mean output on samples": "0.2500",
    }  # fmt: skip
    assert rows["Data"].items() >= {"data set": "digits", "images": "1,797"}.items()
    quality = {"precision": "0.25", "recall": "0.5", "share of 9": "12.5%", "protocol": "real 7"}
    assert rows["Quality of iteration 16"] == quality
    # 10 / 10 + 9 * 10 / 30 + 6 * 10 / 20 seconds
    expected = {"training time": "7 s for 16 iterations", "images per second": "20 (median)", "device": "a machine"}
    assert rows["Time and machine"] == expected


def test_the_training_time_is_that_of_the_metrics(runs):
    from tfgan.view import page

    run = read.find_run("mlp-digits", runs / "logs")
    metrics = [{"iteration": n, "images_per_second": rate} for n, rate in ((0, 8.0), (100, 80.0), (200, 40.0))]
    # 1 * 8 / 8 + 100 * 8 / 80 + 100 * 8 / 40 seconds, in batches of eight
    assert page._pace(run, metrics) == [("training time", "31 s for 201 iterations"), ("images per second", "40 (median)")]
    twice = run._replace(recipe=run.recipe.replace(d_steps=2))
    assert page._pace(twice, metrics)[0] == ("training time", "1 min 2 s for 201 iterations"), "an iteration has two batches"
    assert [page._duration(s) for s in (0.2, 59, 3600, 3725)] == ["under a second", "59 s", "1 h", "1 h 2 min 5 s"]
