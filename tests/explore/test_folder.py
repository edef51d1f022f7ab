"""The folder of `python -m tfgan.explore --to`: what its card says, and the same page in headless Chromium, without tfgan."""

import ast
import json
import pathlib
import re
import sys

import numpy as np
import pytest
from PIL import Image

from tests.explore.driving import PATIENCE_S
from tests.explore.driving import click
from tests.explore.driving import images
from tests.explore.driving import open_page
from tests.explore.driving import open_tab
from tests.explore.driving import slide
from tests.explore.driving import until
from tests.models.handmade import write_run
from tests.serving import serving
from tfgan import datasets
from tfgan import recipes
from tfgan.explore import __main__ as explore
from tfgan.explore import exported
from tfgan.explore import folder as explore_folder
from tfgan.runs import saved
from tfgan.sampling import search
from tfgan.sampling.inference import Sampler


def table(card, heading):
    """{first cell: second cell} of the first table below a heading of a card."""
    _, _, *rows = re.search(r"(\|.*\n)+", card.split(f"{heading}\n")[1])[0].splitlines()
    return dict(re.fullmatch(r"\| (.*?) \| (.*) \|", row).groups() for row in rows)


def test_figures_of_another_iteration_are_called_so(tmp_path):
    """The figures of the checkpoint in the folder are its own; all others are said to be of another one."""
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {}, seed=6)
    unmeasured = explore_folder.card(run, 500, 77)
    assert "Nobody has measured it" in unmeasured
    for iteration in (500, 1000, 1500):
        path = run.logs / "quality" / "random-0" / f"{iteration:06d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"iteration": iteration, "figures": {"recall": iteration / 2000}, "protocol": {"real": 9}}))
    for own in (500, 1000, 1500):
        card = explore_folder.card(run, own, 77)
        assert "Nobody has measured it" not in card
        told = re.findall(r"^Iteration ([\d,]*\d)(.*):$", card, re.M)
        assert {number: "another" in words for number, words in told} == {
            number: number != f"{own:,}" for number in ("500", "1,000", "1,500")
        }
        for number, words in told:
            assert f"Iteration {number}{words}:\n\n| figure | value |\n|---|---|\n| recall | " in card
            of_it = table(card, f"Iteration {number}{words}:")
            assert of_it == {"recall": str(int(number.replace(",", "")) / 2000), "protocol": "real 9"}


@pytest.mark.parametrize("classes", [{}, {"cat": 3, "dog": 4}])
def test_only_the_card_of_a_conditional_run_speaks_of_classes(tmp_path, classes):
    """Its sample code can be read by Python, and gives a label where the generator takes one; a picture is 24 rows of 40."""
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(24, 40, 3))
    recipe = recipe.replace(conditional="concat", classes=2) if classes else recipe
    run = write_run(tmp_path / "logs" / "run", recipe, {}, classes=classes)
    card = explore_folder.card(run, 500, 77)
    assert ("It takes a class, too: cat, dog." in card) == bool(classes)
    code = "\n".join(line[4:] for line in card.splitlines() if line.startswith(("    import", "    generator", "    make")))
    (call,) = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call) and ast.unparse(node.func) == "make"]
    assert {keyword.arg for keyword in call.keywords} == {"seed", "count"} | ({"label"} if classes else set())
    assert "images of 24x40 pixels in colour" in card
    assert "# [16, 24, 40, 3]" in card


def test_the_tables_of_the_card_are_of_what_their_headings_say(tmp_path):
    """The terms are those of the data set's own entry; a | in a name ends no cell, and a new line no row."""
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {}, origin="one\nand|another")
    card = explore_folder.card(run, 500, 77)
    assert card.split("\n# ")[1].startswith("run\n")
    info = datasets.info("digits")
    assert table(card, "## The data and their terms") == {
        "data set": "digits", "images": "1,797", "what": info.about, "origin": "one and\\|another", "terms": info.terms,
    }  # fmt: skip
    fields = table(card, "## The recipe")
    assert (fields["model"], fields["z_dim"], fields["learning_rate"]) == ("vanilla", "100", str(run.recipe.learning_rate))


@pytest.mark.slow
def test_the_generator_of_a_folder_is_the_runs(fastgan_run, tmp_path, monkeypatch):
    """Of fastgan, whose noise is normalised: its noise, images, truncated images, directions and search."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # as `write` sets it; undone after the test
    monkeypatch.setattr(search, "_ROUNDS", ((2, 1), (1, 2)))
    explore_folder.write(fastgan_run, 1, tmp_path / "there")
    source = exported.Exported(tmp_path / "there")
    generator = source.open(source.first())
    with Sampler(fastgan_run) as sampler:
        z = generator.z(70, 5)
        np.testing.assert_array_equal(z, sampler.z(70, 5))
        for given in (z, generator.noise.truncate(z, 0.1)):
            made = generator.images(given)
            assert np.abs(made.astype(int) - sampler.images(given)).max() <= 1
        assert made.std(0).mean() < 0.2 * generator.images(z).std(0).mean()
        np.testing.assert_array_equal(generator.directions(3), sampler.directions(3))
        found = generator.project(sampler.images(z[:1]))
        assert np.abs(found.images.astype(int) - sampler.images(found.z)).max() <= 1


@pytest.mark.slow
def test_the_folder_is_the_same_page_without_tfgan(trained, tmp_path, browser, command):
    status, out, err = command(explore)("--run", "seen", "--log-dir", trained, "--to", "there")
    assert (status, err) == (0, "")
    assert "Saved in there: README.md" in out
    folder = tmp_path / "there"
    text = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for private in (str(trained), str(tmp_path), str(pathlib.Path.home()) + "/"):
        assert private.encode() not in text
    card = (folder / "README.md").read_text()
    assert card.startswith("---\npipeline_tag: ")
    assert "CC BY 4.0 (UCI Optical Recognition)" in card
    moved = tmp_path / "elsewhere"
    folder.rename(moved)
    with serving([sys.executable, "app.py"], tmp_path / "log.txt", cwd=moved) as served:
        open_page(browser, served.address)
        with Sampler(saved.find_run("seen", trained)) as sampler:
            z, labels = sampler.z(24, 0), sampler.labels(24, 0)
            made = images(browser, "#samples", 24)
            assert np.abs(made.astype(int) - sampler.images(z, labels)[..., 0]).max() <= 1
        open_tab(browser, "Directions")
        images(browser, "#moved", 1)
        assert slide(browser, "#direction-1", 2) < PATIENCE_S
        open_tab(browser, "Your picture")
        Image.fromarray(made[8]).save(tmp_path / "own.png")
        browser.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / "own.png"))
        until(browser, "return document.querySelector('#paper canvas')")
        click(browser, "#find")
        words = until(browser, "return /found, (.*)% of the range/.exec(document.querySelector('#found').innerText)?.[1]")
        assert float(words) < 2
    status, _, err = command(explore)("--run", "seen", "--log-dir", trained, "--to", moved)
    assert (status, err) == (0, ""), "an earlier page is replaced"
