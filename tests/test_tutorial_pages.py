"""The pages of the tutorials: they are current, what they name exists, nothing odd is left out, each link leads somewhere."""

import json
import os
import re
import xml.etree.ElementTree

import layer_diagrams
import notebooks
import pytest
import source_excerpts
import tutorial_pages

import tfgan
from tests.training import test_real_data
from tfgan import recipes
from tfgan.tf1 import tf

every_tutorial = pytest.mark.parametrize("name", recipes.TUTORIALS)
HAND_WRITTEN = "README.md"


@pytest.fixture(scope="module")
def files():
    return tutorial_pages.files()


def test_pages_and_drawings_are_current(files):
    kept = {*tutorial_pages.FOLDER.glob("*.md"), *tutorial_pages.FOLDER.glob("images/*")}
    assert {path.relative_to(tutorial_pages.FOLDER).as_posix() for path in kept} == {*files, HAND_WRITTEN}
    old = [name for name, text in files.items() if (tutorial_pages.FOLDER / name).read_text("utf-8") != text]
    assert not old, f"docs/tutorials/ does not show the code as it is: {', '.join(old)}. Run {tutorial_pages.COMMAND}"


def test_the_command_writes_what_has_changed(files, tmp_path, monkeypatch):
    monkeypatch.setattr(tutorial_pages, "files", lambda: files)
    monkeypatch.setattr(tutorial_pages, "FOLDER", tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "vanilla.md").write_text(files["vanilla.md"].replace("z_of_g", "z_of_d"), "utf-8")
    (tmp_path / "mlp.md").write_text(files["mlp.md"], "utf-8")
    os.utime(tmp_path / "mlp.md", (1, 1))
    tutorial_pages.write()
    assert {path.relative_to(tmp_path).as_posix(): path.read_text("utf-8") for path in tmp_path.rglob("*.*")} == files
    assert (tmp_path / "mlp.md").stat().st_mtime == 1, "a page that is current is left alone"


def names_of_headings(page):
    """The names by which links know a page's headings on a code-hosting site: small letters, marks left out, - for a space."""
    headings = re.findall(r"^#+ (.*)", re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL), re.MULTILINE)
    return {"".join(c if c.isalnum() or c in "_-" else "-" if c == " " else "" for c in text.lower()) for text in headings}


def test_links_and_pictures_lead_to_files_of_the_repository_and_to_headings():
    checked = 0
    for page in tutorial_pages.FOLDER.glob("*.md"):
        for link, heading in re.findall(r"\]\(([^)#\s]*)#?([^)]*)\)", page.read_text("utf-8")):
            if not link.startswith("https://"):
                assert (page.parent / link).is_file(), f"{page.name}: {link}"
                assert not heading or heading in names_of_headings(page.parent / link), f"{page.name}: {link}#{heading}"
                checked += 1
    assert checked > 200


def test_lines_are_as_long_as_contributing_says():
    """But for tables, pictures, and links that fill a line."""
    for page in tutorial_pages.FOLDER.glob("*.md"):
        for line in page.read_text("utf-8").splitlines():
            assert len(line) <= 130 or line.lstrip("- ").startswith(("|", "![", "[`")), f"{page.name}: {line}"


@every_tutorial
def test_a_source_is_named_alike_in_the_list_and_on_its_page(name):
    """Its title in its own language; and the list has no address that the page lacks."""
    source, table = tutorial_pages.tutorial(name).text["source"], (tutorial_pages.FOLDER / HAND_WRITTEN).read_text("utf-8")
    [row] = re.findall(rf"^\| \[{name}\]\({name}.md\) \| (.*?) \|", table, re.MULTILINE)
    title = re.match(r'".*?"', row)[0]
    assert title in " ".join(source.split())
    assert {*re.findall(r"https://[^)]+", row)} <= {*re.findall(r"https://[^)]+", source)}


def named_tests(text):
    """The ids of all tests that a tutorial's text names."""
    return [*(test for step in text["step"] for test in step["tests"]), *([text["printed"]["test"]] if "printed" in text else [])]


@every_tutorial
def test_each_step_has_code_and_tests_that_exist(name):
    one = tutorial_pages.tutorial(name)
    for step in one.text["step"]:
        assert step["code"], step["name"]
        assert step["tests"], step["name"]
        for reference in step["code"]:
            assert source_excerpts.code_of(reference).strip()
    for test in named_tests(one.text):
        path, _, function = test.partition("::")
        assert source_excerpts.part_of(path, function.partition("[")[0]).name.startswith("test_")


@pytest.mark.slow
def test_pytest_knows_each_test_by_its_id(capfd):
    """Its parameters, too. A test with parameters may be named without them."""

    class Collected:
        def pytest_collection_modifyitems(self, items):
            self.ids = {item.nodeid for item in items}

    named, found = {test for one in tutorial_pages.tutorials() for test in named_tests(one.text)}, Collected()
    files = sorted({test.partition("::")[0] for test in named})
    assert pytest.main(["--collect-only", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *files], [found]) == 0
    capfd.readouterr()
    assert named <= found.ids | {test.partition("[")[0] for test in found.ids}


@every_tutorial
def test_each_oddity_is_in_one_step(name):
    one = tutorial_pages.tutorial(name)
    assert sorted(odd for step in one.text["step"] for odd in step.get("oddities", [])) == sorted(one.model.ODDITIES)
    assert all(re.fullmatch(r"[A-Z0-9].{20,}\.", sentence) for sentence in one.model.ODDITIES.values())


def test_the_list_of_contradictions():
    every = tutorial_pages.tutorials()
    page = tutorial_pages.register(every)
    found = [(one.name, entry["oddity"]) for one, entry in tutorial_pages.contradictions(every)]
    assert re.findall(r"^## (\d+)\. (\w+): (.+)", page, re.MULTILINE) == [
        (str(number), *names) for number, names in enumerate(found, 1)
    ]
    known = [("mlp", "uniform noise"), ("dcgan64", "D's fifth layer"), ("dcgan28", "leak relu"), ("vanilla", "xavier_init")]
    assert {*known} <= {*found}
    for one, entry in tutorial_pages.contradictions(every):
        assert one.model.ODDITIES[entry["oddity"]] in " ".join(page.split())


@pytest.mark.parametrize("name", test_real_data.PRINTED)
def test_the_losses_that_a_source_printed(name):
    printed = tutorial_pages.tutorial(name).text["printed"]
    rows = zip(printed["iteration"], printed["d_loss"], printed["g_loss"], strict=True)
    assert {iteration: losses for iteration, *losses in rows} == {
        iteration: list(losses[:2]) for iteration, losses in test_real_data.PRINTED[name].items()
    }


def test_a_page_has_the_code_as_it_is_and_links_to_its_tests(files):
    step = files["vanilla.md"].split("### 8. ")[1].split("### 9. ")[0]
    assert step.startswith("Draw fresh noise for G's update\n\n**The source:** G's update has noise of its own")
    assert '[`tfgan/models/vanilla.py::RECIPES`](../../tfgan/models/vanilla.py)\n\n```python\nz_of_g="fresh",\n```' in step
    assert 'z = tf.placeholder_with_default(z, [None, plan.recipe.z_dim], "input_z_g")\n```' in step
    link = "[`tests/training/test_steps.py::test_what_each_run_is_fed[fresh noise]`](../../tests/training/test_steps.py)"
    proof = " ".join(step.split("**Proof:**")[1].split())
    assert re.search(rf"- D's updates each on the next batch and noise of its own[^.]*\. {re.escape(link)}", proof)
    page = " ".join(files["vanilla.md"].split())
    assert "*xavier_init*: The source's name says Xavier" in page
    assert "[Contradiction 1](contradictions.md#1-vanilla-xavier_init)" in page
    assert "![generator: z 100, then dense 128, then dense_1 784](images/vanilla-generator.svg)" in page
    assert "![discriminator: image 28 x 28 x 1, then dense 128, then dense_1 1](images/vanilla-discriminator.svg)" in page


@pytest.mark.parametrize(("change", "words"), [
    ({"code": ["tfgan/models/vanilla.py::gone"]}, "tfgan/models/vanilla.py has no 'gone'"),
    ({"code": ["tfgan/models/vanilla.py::generator tf.nn.selu"]}, "vanilla.py::generator has no line with 'tf.nn.selu'"),
    ({"code": ["tfgan/models/gone.py::generator"]}, "there is no file tfgan/models/gone.py"),
    ({"tests": ["tests/graph/test_gan.py::test_gone[a]"]}, "tests/graph/test_gan.py has no 'test_gone'"),
])  # fmt: skip
def test_a_page_with_something_that_is_gone_is_not_made(change, words):
    one = tutorial_pages.tutorial("vanilla")
    one.text["step"][0] |= change
    with pytest.raises(LookupError, match=re.escape(words)):
        tutorial_pages.page(one, [one], {})


def test_steps_with_fields_that_no_page_shows(tmp_path, monkeypatch):
    monkeypatch.setattr(tutorial_pages, "FOLDER", tmp_path)
    (tmp_path / "vanilla.toml").write_text('[[step]]\nname = "a"\nsource = "b"\ncode = []\nodd = []\n')
    with pytest.raises(LookupError, match="the step 'a' of vanilla lacks, or should not have, odd, tests"):
        tutorial_pages.tutorial("vanilla")


SOURCE = """\
\"\"\"What it is.\"\"\"

import math

# the limit
LIMIT, LEAST = 3, 1


class Box:
    side: int  # in pixels

    @property
    def area(self):
        # squared
        return (
            self.side
            * self.side
        )


def twice(x):
    y = 2 * x  # a
    z = y
    return z  # b
"""


@pytest.fixture
def a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(source_excerpts, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text(SOURCE)


@pytest.mark.parametrize(("reference", "code"), [
    ("a.py::LIMIT", "# the limit\nLIMIT, LEAST = 3, 1"),
    ("a.py::LEAST 3", "LIMIT, LEAST = 3, 1"),
    ("a.py::Box.side", "side: int  # in pixels"),
    ("a.py::Box.area property || def || * self", "@property\ndef area(self):\n        ...\n        * self.side"),
    ("a.py::twice x  # || b", "y = 2 * x  # a\n...\nreturn z  # b"),
    ("a.py::twice", "def twice(x):\n    y = 2 * x  # a\n    z = y\n    return z  # b"),
])  # fmt: skip
def test_code_by_its_name(a_file, reference, code):
    assert source_excerpts.code_of(reference) == code


def test_the_first_sentence_of_a_docstring(a_file, tmp_path):
    lines = ["def a():", '    """Does it, as Ho et al. 2020 do.', "", "    And more.", '    """', "def b():", "    pass"]
    (tmp_path / "b.py").write_text("\n".join(lines))
    assert source_excerpts.first_sentence_of("b.py", "a") == "Does it, as Ho et al. 2020 do."
    assert source_excerpts.first_sentence_of("b.py", "b") == ""


def test_a_whole_file_in_pieces(a_file):
    pieces = source_excerpts.pieces_of("a.py")
    assert [name for name, _ in pieces] == [None, "LIMIT", "Box", "twice"]
    assert re.sub(r"\n+", "\n", "\n".join(code for _, code in pieces)) == re.sub(r"\n+", "\n", SOURCE).rstrip("\n")


def test_a_drawing_has_a_row_for_each_layer(graph):
    gan = tfgan.build(tfgan.recipe("vanilla"))
    rows = layer_diagrams.rows_of("z", [100], gan.g_layers)
    assert rows == [
        ("z", (100,), ""),
        ("dense", (128,), "kernel 100x128, 12,928 parameters"),  # 128 * 100 + 128
        ("dense_1", (784,), "kernel 128x784, 101,136 parameters"),
    ]
    averages = [tf.get_variable(f"norm/{name}", [5]) for name in "ab"]
    images = [("norm", [None, 4, 4, 5], averages), ("max_pooling2d", [None, 2, 2, 5], [])]
    rows += layer_diagrams.rows_of("image", [8, 8, 3], images)
    assert rows[3:] == [
        ("image", (8, 8, 3), ""), ("norm", (4, 4, 5), "10 parameters"), ("max_pooling2d", (2, 2, 5), "no parameters")
    ]  # fmt: skip
    drawing = xml.etree.ElementTree.fromstring(layer_diagrams.draw("generator", rows, room=7))
    title, *texts = ["".join(text.itertext()) for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert title == "Generator"
    assert texts[::2] == [f"{' x '.join(map(str, row.shape))} {row.name}" for row in rows]
    assert texts[1::2] == [row.note for row in rows]
    last = max(float(text.get("y")) for text in drawing.iter("{http://www.w3.org/2000/svg}text"))
    assert 0 < int(drawing.get("height")) - last - layer_diagrams.ROW < layer_diagrams.ROW, "there is room for one more row"


def test_larger_layers_are_drawn_larger():
    def size(shape, pattern):
        drawing = layer_diagrams.draw("D", [layer_diagrams.Row("a", shape, "")], room=1)
        return [float(number) for number in re.search(pattern, drawing).groups()]

    bar, face = r'<rect.* width="([\d.]+)"', r'class="face" d="M[\d.]+ [\d.]+h([\d.]+)v'
    assert size((1000,), bar) == [40]
    assert size((1,), bar) == [4]
    assert size((64, 64, 3), face) == [32]
    assert size((4, 4, 3), face) == [8]
    assert size((4, 4, 1024), r'class="top" d="M[\d.]+ [\d.]+l([\d.]+)') == [32]


@every_tutorial
def test_the_page_of_a_notebook_has_its_cells(name):
    page = notebooks.page(name)
    cells = json.loads((notebooks.FOLDER / f"{name}.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert re.findall(r"```python\n(.*?)\n```", page, re.DOTALL) == code
    assert [line for line in page.splitlines() if line.startswith("## ")][-1] == "## The same by tfgan.build"
    assert page.startswith(f"# {name}, as a notebook\n\n")
    assert f"]({name}.ipynb)" in page
    assert all(len(line) <= 130 for cell in code for line in cell.splitlines())
