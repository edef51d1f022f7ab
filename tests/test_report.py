"""`python -m tfgan.report`: the film, the figures and the page of a run."""

import base64
import json
import pathlib
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.conftest import TINY
from tests.models.handmade import write_run
from tfgan import recipes
from tfgan import report
from tfgan.common import images
from tfgan.datasets import download


@pytest.fixture
def here(runs, command, tmp_path):
    """A copy of the short runs in the current folder, and `python -m tfgan.report` on them, which needs no checkpoints."""
    shutil.copytree(runs, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints"))
    return command(report)


def test_figures_of_a_report(here, tmp_path):
    status, out, err = here("--run", "dcgan28-digits")
    assert (status, err) == (0, "")
    kinds = (".gif", "-losses.png", "-beside-real.png", "-nearest.png", ".html")
    assert out.splitlines() == [f"Saved out/dcgan28-digits{kind}" for kind in kinds]
    for kind in ("-losses", "-beside-real", "-nearest"):
        pixels = np.asarray(Image.open(f"out/dcgan28-digits{kind}.png").convert("L"))
        assert pixels.std() > 10, "something is on it"


def test_a_last_grid_that_is_none_of_the_run(here, tmp_path):
    last = tmp_path / "out" / "mlp-digits-000004.png"
    last.write_bytes(b"no picture")
    status, out, _ = here("--run", "mlp-digits")
    assert status == 0, "the grid before serves"
    assert "the film is made without it" in out
    for side, words in ((130, None), (20, "mlp-digits-000004.png in out is not a grid of this run; remove it, or make it again")):
        images.save_png(last, np.zeros([side, side, 1], np.uint8))
        status, _, err = here("--run", "mlp-digits")
        assert (status, err) == ((2, f"tfgan: error: {words}\n") if words else (0, ""))


def test_a_report_fetches_nothing(here, tmp_path, monkeypatch):
    config = tmp_path / "logs" / "mlp-digits" / "config.json"
    fields = json.loads(config.read_text())
    for dataset in ("mnist", "celeba", "dogs"):
        fields["recipe"]["dataset"] = dataset
        config.write_text(json.dumps(fields))
        monkeypatch.setattr(download, "find_or_fetch", lambda *_: pytest.fail("it fetches"))
        status, out, _ = here("--run", "mlp-digits")
        assert status == 0
        assert f"Note: the nearest training images are left out: {dataset} is not in data, or not complete" in out


def test_training_ends_with_the_film_and_the_figures(runs):
    for name in ("mlp-digits", "compact-pictures", "dcgan28-digits"):
        for kind in (".gif", "-losses.png", "-beside-real.png", "-nearest.png"):
            assert (runs / "out" / f"{name}{kind}").stat().st_size > 1000


def test_the_page_holds_everything_and_asks_for_nothing(here, tmp_path):
    config = tmp_path / "logs" / "mlp-digits" / "config.json"
    fields = json.loads(config.read_text())
    fields["recipe"]["dataset"] = "/pictures/<b>of & mine"
    config.write_text(json.dumps(fields))
    status, out, _ = here("--run", "mlp-digits", "--film", "webp")
    assert status == 0
    missing = "the pictures are neither in /pictures/<b>of & mine nor packed in data; python -m tfgan.datasets PATH"
    assert f"Note: the nearest training images are left out: {missing} --image-size 28 --data-dir data packs" in out
    page = pathlib.Path("out/mlp-digits.html").read_text("utf-8")
    assert "<title>mlp-digits · tfgan</title>" in page
    progress = "seed 3: no checkpoint; metrics up to iteration 3 of 4."
    for words in (progress, "learning_rate", "0.0003", "images per second", "training time", "Nearest"):
        assert words in page
    assert page.count("&lt;b&gt;of &amp; mine") == 3
    assert "/pictures" not in page, "the page may be mailed"
    assert "<b>" not in page
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:)[^\"'\s>]+", page), "nothing but data: addresses"
    kinds = re.findall(r'src="data:(image|video)/(\w+);base64,([^"]+)"', page)
    content = [base64.b64decode(text) for _, _, text in kinds]
    assert [kind for _, kind, _ in kinds] == ["png", "webp", "png", "png", "png", "png"]
    assert content[1] == pathlib.Path("out/mlp-digits.webp").read_bytes()
    assert content[0] == pathlib.Path("out/mlp-digits-000004.png").read_bytes()


@pytest.mark.parametrize("dataset", ["packed only", "changed", "absent"])
@pytest.mark.slow
def test_whose_neighbours_are_shown(here, tmp_path, command, dataset):
    """Own pictures: found by their checksum though the folder is gone; other pictures in the array are not shown."""
    from tfgan import train

    folder = tmp_path / "mine"
    folder.mkdir()
    for n, picture in enumerate(np.random.default_rng(0).integers(0, 256, (9, 20, 20, 3), dtype=np.uint8)):
        Image.fromarray(picture).save(folder / f"{n}.png")
    assert command(train)("--dataset", folder, "--model", "mlp", *TINY, "--iterations", 2, "--run", "own")[0] == 0
    (tmp_path / "out" / "own-nearest.png").unlink()
    shutil.rmtree(folder)
    [array] = (tmp_path / "data" / "packed").glob("own-mine-*.npy")
    if dataset == "changed":
        manifest = json.loads(array.with_suffix(".json").read_text())
        array.with_suffix(".json").write_text(json.dumps({**manifest, "sha256": "another"}))
    if dataset == "absent":
        shutil.rmtree(tmp_path / "data")
    status, out, _ = here("--run", "own")
    assert status == 0
    assert (tmp_path / "out" / "own-nearest.png").exists() == (dataset == "packed only")
    assert ("Note: the nearest training images are left out: " in out) == (dataset != "packed only")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--run", "nothing"], "there is no run 'nothing' in logs: there are compact-pictures, dcgan28-digits, mlp-digits"),
        (["--run", "mlp-digits", "--out-dir", "nowhere"], "there is no sample grid of mlp-digits in nowhere for a film"),
        (["--run", "mlp-digits", "--film", "avi"], "argument --film: invalid choice: 'avi'"),
        ([], "the following arguments are required: --run"),
    ],
)
def test_what_is_refused(here, options, words):
    status, _, err = here(*options)
    assert status == 2
    assert err.startswith(f"tfgan: error: {words}"), err
    assert err.count("\n") == 1


def test_why_a_report_has_no_neighbours_and_why_there_is_none(command, tmp_path, monkeypatch, capsys):
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {})
    monkeypatch.setattr("tfgan.datasets.find_training_images", lambda *_: None)
    assert report.training_images(run, pathlib.Path("d"), pathlib.Path("o")) is None
    note = "Note: the nearest training images are left out: the images in d are not those that the run was trained on; "
    note += "give their folder with --data-dir\n"
    assert capsys.readouterr().out == note

    def fail(*_):
        raise OSError(28, "No space left on device", "out/run.gif")

    monkeypatch.setattr("tfgan.view.gallery.make", fail)
    status, _, err = command(report)("--run=run")
    reason = "out/run.gif: No space left on device; fix that"
    assert (status, err) == (2, f"tfgan: error: the report of run cannot be made: {reason}\n")
