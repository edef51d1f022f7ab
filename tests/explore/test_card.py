"""What the model card of a page's folder says."""

import ast
import json
import re
import textwrap

import pytest

from tests.models.handmade import write_run
from tfgan import datasets
from tfgan import recipes
from tfgan.explore import card
from tfgan.runs import pretrained
from tfgan.runs import read


@pytest.mark.parametrize(("name", "words"), [
    ("mlp-digits", "28x28 pixels in grey from noise of 96 values\n(uniform in [-1, 1)). "),
    ("compact-pictures", "28x28 pixels in colour from noise of 64 values\n(standard normal). "),
])  # fmt: skip
def test_what_the_card_says_of_the_generator(runs, name, words):
    run = read.find_run(name, runs / "logs")
    text = card.text(run, 2, 1_234)
    assert f"\n# {name}\n\nThis is the generator of a GAN: it makes images of {words}tfgan " in text
    model = name.partition("-")[0]
    trained = f" trained it: the model `{model}`,\n2 of 4 iterations, seed 3. It has 1,234 parameters.\n"
    assert trained in text
    assert "![Samples of seed 3](samples.png)\n\n*The first 64 samples of seed 3. Nothing was chosen.*" in text
    assert f"sampler.images(sampler.z(16, seed=0))     # uint8 [16, 28, 28, {1 if model == 'mlp' else 3}]\n" in text


def test_the_card_of_ones_own_pictures_names_no_folder(runs):
    run = read.find_run("compact-pictures", runs / "logs")
    assert str(runs.parent) in run.recipe.dataset, "else this test shows nothing"
    text = card.text(run, 4, 1234)
    assert "| pictures |" in text
    assert str(runs.parent) not in text
    assert "1,234 parameters" in text


def test_the_card_of_a_generator_that_comes_with_tfgan_has_its_figures_and_names_the_authors():
    text = card.text(pretrained.pretrained("digits"), 5000, 1234)
    assert "E. Alpaydin and C. Kaynak" in text
    assert "| frechet_distance | 0.5555 |" in text
    assert "Nobody has measured it" not in text


def table(text, heading):
    """{first cell: second cell} of the first table below a heading of a card."""
    _, _, *rows = re.search(r"(\|.*\n)+", text.split(f"{heading}\n")[1])[0].splitlines()
    return dict(re.fullmatch(r"\| (.*?) \| (.*) \|", row).groups() for row in rows)


def test_figures_of_another_iteration_are_called_so(tmp_path):
    """The figures of the checkpoint in the folder are its own; all others are said to be of another one."""
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {}, seed=6)
    unmeasured = card.text(run, 500, 77)
    assert "Nobody has measured it" in unmeasured
    for iteration in (500, 1000, 1500):
        path = run.logs / "quality" / "random-0" / f"{iteration:06d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"iteration": iteration, "figures": {"recall": iteration / 2000}, "protocol": {"real": 9}}))
    for own in (500, 1000, 1500):
        text = card.text(run, own, 77)
        assert "Nobody has measured it" not in text
        told = re.findall(r"^Iteration ([\d,]*\d)(.*):$", text, re.M)
        assert {number: "another" in words for number, words in told} == {
            number: number != f"{own:,}" for number in ("500", "1,000", "1,500")
        }
        for number, words in told:
            assert f"Iteration {number}{words}:\n\n| figure | value |\n|---|---|\n| recall | " in text
            of_it = table(text, f"Iteration {number}{words}:")
            assert of_it == {"recall": str(int(number.replace(",", "")) / 2000), "protocol": "real 9"}


def sample_code(text):
    """The program on a card."""
    return textwrap.dedent(text.partition("In your own program")[2].partition("\n\n")[2].partition("\n\n")[0])


@pytest.mark.parametrize("classes", [{}, {"cat": 3, "dog": 4}])
def test_only_the_card_of_a_conditional_run_speaks_of_classes(tmp_path, classes):
    """Its sample code can be read by Python, and gives a label where the generator takes one; a picture is 24 rows of 40."""
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(24, 40, 3))
    recipe = recipe.replace(conditional="concat", classes=2) if classes else recipe
    run = write_run(tmp_path / "logs" / "run", recipe, {}, classes=classes)
    text = card.text(run, 500, 77)
    assert ("It takes a class, too: cat, dog." in text) == bool(classes)
    calls = [node for node in ast.walk(ast.parse(sample_code(text))) if isinstance(node, ast.Call)]
    (images,) = [call for call in calls if ast.unparse(call.func) == "sampler.images"]
    assert [keyword.arg for keyword in images.keywords] == (["labels"] if classes else [])
    assert "images of 24x40 pixels in colour" in text
    assert "# uint8 [16, 24, 40, 3]" in text


def test_the_tables_of_the_card_are_of_what_their_headings_say(tmp_path):
    """The terms are those of the data set's own entry; a | in a name ends no cell, and a new line no row."""
    run = write_run(tmp_path / "logs" / "run", recipes.recipe("vanilla", "digits"), {}, origin="one\nand|another")
    text = card.text(run, 500, 77)
    assert text.split("\n# ")[1].startswith("run\n")
    info = datasets.info("digits")
    assert table(text, "## The data and their terms") == {
        "data set": "digits", "images": "1,797", "what": info.about, "origin": "one and\\|another", "terms": info.terms,
    }  # fmt: skip
    fields = table(text, "## The recipe")
    assert (fields["model"], fields["z_dim"], fields["learning_rate"]) == ("vanilla", "100", str(run.recipe.learning_rate))
