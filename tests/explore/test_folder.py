"""The folder of `python -m tfgan.explore --to`: what is in it, and its page in headless Chromium, with the folder's own code."""

import configparser
import hashlib
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import sys

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

import tfgan
from tests.conftest import own_pixels
from tests.conftest import saved_variables
from tests.explore.driving import PATIENCE_S
from tests.explore.driving import click
from tests.explore.driving import images
from tests.explore.driving import open_page
from tests.explore.driving import open_tab
from tests.explore.driving import slide
from tests.explore.driving import until
from tests.explore.test_card import sample_code
from tests.serving import serving
from tfgan.errors import UserError
from tfgan.explore import __main__ as explore
from tfgan.explore import folder
from tfgan.explore import serving as page_serving
from tfgan.explore.generators import Generators
from tfgan.graph import efficientnet
from tfgan.runs import read
from tfgan.sampling import search
from tfgan.sampling.inference import Sampler

PACKAGE = pathlib.Path(tfgan.__file__).parent


@pytest.mark.parametrize("port", ["99999", "80x", "8000 0", "-1"])
def test_a_port_in_the_environment_that_is_none(port, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_SERVER_PORT", port)
    with pytest.raises(UserError, match=f"GRADIO_SERVER_PORT is '{port}'; it must be a whole number from 0 to 65535"):
        folder.serve(tmp_path)


@pytest.mark.parametrize(("environment", "expected"), [
    ({}, ("127.0.0.1", None)), ({"GRADIO_SERVER_PORT": "8000"}, ("127.0.0.1", 8000)),
    ({"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "0"}, ("0.0.0.0", 0)),
    ({"GRADIO_SERVER_NAME": "", "GRADIO_SERVER_PORT": ""}, ("127.0.0.1", None)),
    ({"GRADIO_SERVER_NAME": " ", "GRADIO_SERVER_PORT": " 80 "}, ("127.0.0.1", 80)),
])  # fmt: skip
def test_a_folders_page_is_served_where_the_environment_says(environment, expected, monkeypatch):
    calls = []
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(folder, "run_of", lambda folder: folder)
    monkeypatch.setattr(folder, "Generators", lambda run: run)
    monkeypatch.setattr(page_serving, "serve", lambda source, host, port: calls.append((host, port)))
    assert folder.serve("folder") == 0
    assert calls == [expected]


def test_the_folder_has_the_generator_alone_the_code_and_a_card(runs, tmp_path, monkeypatch):
    """Its samples are the seed's first, its images those of the run, and the program on its card makes them."""
    run, there = read.find_run("mlp-digits", runs / "logs"), tmp_path / "there"
    folder.write(run, 2, there)
    digests = {path.relative_to(there).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
               for path in there.rglob("*") if path.is_file() and path.name != "page.json"}  # fmt: skip
    assert json.loads((there / "page.json").read_text()) == {"tfgan_explore": 2, "run": "mlp-digits", "tfgan_files": digests}
    assert {path.name for path in there.iterdir()} == {
        "README.md", "app.py", "requirements.txt", "samples.png", "page.json", "generator", "tfgan"
    }  # fmt: skip
    alone = folder.run_of(there)
    assert (alone.name, alone.about, alone.seed) == ("mlp-digits", "mlp on digits, seed 3", 3)
    trained = saved_variables(run.logs)
    values = saved_variables(there / "generator")
    assert sorted(values) == [name for name in sorted(trained) if re.fullmatch(r"generator/[\w/]+(kernel|bias)", name)]
    with Sampler(run, 2) as sampler, Sampler(alone) as own:
        assert own.iteration == 2
        expected = sampler.images(sampler.z(64, 3))
        np.testing.assert_array_equal(own.images(own.z(64, 3)), expected)
        picture = expected.reshape(8, 8, 28, 28).transpose(0, 2, 1, 3).reshape(224, 224)
        np.testing.assert_array_equal(own_pixels(there / "samples.png", 224), picture)
        other = sampler.images(sampler.z(16, 0))
    card = (there / "README.md").read_text()
    assert f"It has {sum(value.size for value in values.values()):,} parameters." in card
    monkeypatch.chdir(there)
    exec(sample_code(card), scope := {})
    np.testing.assert_array_equal(scope["images"], other)


def test_the_code_is_that_of_the_package(runs, tmp_path):
    """Without what Python has compiled, and without the generators that come with tfgan."""
    folder.write(read.find_run("mlp-digits", runs / "logs"), 2, tmp_path / "there")
    copies = {path.relative_to(tmp_path / "there/tfgan") for path in (tmp_path / "there/tfgan").rglob("*") if path.is_file()}
    originals = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.is_file()}
    assert copies == {path for path in originals if path.parts[:2] != ("runs", "generators") and "__pycache__" not in path.parts}


def test_nothing_of_the_folder_names_the_machine(runs, tmp_path):
    """Of a run of the user's own pictures, whose data set is a folder."""
    run = read.find_run("compact-pictures", runs / "logs")
    assert str(runs.parent) in run.recipe.dataset, "else this test shows nothing"
    folder.write(run, 4, tmp_path / "there")
    content = b"".join(path.read_bytes() for path in (tmp_path / "there").rglob("*") if path.is_file())
    for private in filter(
        None, (str(runs.parent), str(tmp_path), f"{pathlib.Path.home()}/", run.config["environment"]["processor"])
    ):
        assert private.encode() not in content
    assert folder.run_of(tmp_path / "there").about == "compact on pictures, seed 3"


def test_a_page_that_lost_its_record_says_so(tmp_path):
    for content in (None, "{", "[]", "{}"):
        if content is not None:
            (tmp_path / "page.json").write_text(content)
        with pytest.raises(UserError, match="page.json is gone or damaged .*; copy the folder again"):
            folder.run_of(tmp_path)


def test_a_page_whose_generator_is_damaged_says_so(runs, tmp_path, monkeypatch):
    """The remedy is that of a copy, not that of a run that is trained here."""
    monkeypatch.setattr(folder.serving, "serve", lambda *_: pytest.fail("it serves a damaged page"))
    page = tmp_path / "there"
    folder.write(read.find_run("mlp-digits", runs / "logs"), 4, page)
    generator = page / "generator"
    for path in (next(generator.rglob("*.index")), generator / "checkpoints", generator / "config.json"):
        path.unlink() if path.is_file() else shutil.rmtree(path)
        with pytest.raises(UserError, match=r"there is damaged \([^;]+\); copy the folder again$"):
            folder.serve(page)


def test_only_code_is_copied(tmp_path):
    for name in ("a.py", "b.orig", ".c", "notes", "d.css"):
        (tmp_path / name).touch()
    for name in ("wing", "generators", "__pycache__"):
        (tmp_path / name).mkdir()
    left = folder._left_out(tmp_path, sorted(path.name for path in tmp_path.iterdir()))
    assert left == [".c", "__pycache__", "b.orig", "generators", "notes"]


@pytest.mark.parametrize(("name", "photos"), [("mlp-digits", False), ("compact-pictures", True)])
def test_the_folder_requires_what_tfgan_requires(runs, tmp_path, name, photos):
    """For images in colour the network that the search compares them with, too."""
    setup = configparser.ConfigParser()
    if not setup.read(PACKAGE.parent / "setup.cfg"):
        pytest.skip("tfgan is installed without its setup.cfg")
    extras = setup["options.extras_require"]
    known = [setup["options"]["install_requires"], extras["explore"], *([extras["features"]] if photos else [])]
    folder.write(read.find_run(name, runs / "logs"), 4, tmp_path / "there")
    requirements = (tmp_path / "there" / "requirements.txt").read_text().splitlines()
    assert set(requirements) <= set("\n".join(known).split("\n"))
    assert any("lite2" in each for each in requirements) == photos


def write_stub(run, iteration, place):
    """The page's folder in small."""
    (place / "generator").mkdir()
    for name in ("README.md", "generator/weights", "page.json"):
        (place / name).write_text(json.dumps({"iteration": iteration}))


@pytest.mark.parametrize("mine", ["generator/mine.npy", "README.md", "tfgan"])
def test_an_earlier_page_with_something_of_the_users_stays(tmp_path, monkeypatch, mine):
    """A file inside its folders, a card that was filled in, a name that a page uses."""
    monkeypatch.setattr(folder, "_write", write_stub)
    folder.write(None, 2, tmp_path / "there")
    (tmp_path / "there" / mine).write_text("mine")
    with pytest.raises(UserError, match=f"{mine}"):
        folder.write(None, 4, tmp_path / "there")
    assert (tmp_path / "there" / mine).read_text() == "mine"
    assert json.loads((tmp_path / "there" / "page.json").read_text())["iteration"] == 2


def test_a_page_in_the_working_directory_leaves_it_there(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_write", write_stub)
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    for iteration in (2, 4):
        folder.write(None, iteration, pathlib.Path("."))
        assert os.path.samefile(".", tmp_path / "there")
        assert json.loads(pathlib.Path("page.json").read_text())["iteration"] == iteration


@pytest.mark.slow
@pytest.mark.skipif(not efficientnet.is_installed("lite2"), reason="the extra features is not installed")
def test_the_generator_of_a_folder_is_the_runs(fastgan_run, tmp_path, monkeypatch):
    """Of fastgan, whose noise is normalised: its noise, images, truncated images, directions, and the search on photos."""
    monkeypatch.setattr(search, "_ROUNDS", ((2, 1), (1, 2)))
    folder.write(fastgan_run, 1, tmp_path / "there")
    source = Generators(folder.run_of(tmp_path / "there"))
    assert (source.choices(), source.grows) == ([("1", 1)], False)
    generator = source.open(1)
    with Sampler(fastgan_run) as sampler:
        z = generator.z(70, 5)
        np.testing.assert_array_equal(z, sampler.z(70, 5))
        short = generator.noise.truncate(z, 0.1)
        for noise in (z, short):
            np.testing.assert_array_equal(generator.images(noise), sampler.images(noise))
        assert generator.images(short).std(0).mean() < 0.2 * generator.images(z).std(0).mean()
        np.testing.assert_array_equal(generator.directions(3), sampler.directions(3))
        pictures = sampler.images(z[:1])
        for own, expected in zip(generator.project(pictures), sampler.project(pictures), strict=True):
            np.testing.assert_array_equal(own, expected)


# app.py where nothing is installed beside requirements.txt, and what it requires. The first argument lists the latter.
FENCE = """
import importlib.metadata, runpy, sys

class Fence:
    owners = importlib.metadata.packages_distributions()
    def find_spec(self, name, path=None, target=None):
        owners = {each.lower().replace("_", "-") for each in self.owners.get(name.partition(".")[0], ())}
        if owners and not owners & {"tfgan", *sys.argv[1].split()}:
            raise ModuleNotFoundError(f"{name} is of {owners}, which is not required", name=name)

sys.meta_path.insert(0, Fence())
import tfgan
print("TFGAN", tfgan.__file__, flush=True)
runpy.run_path("app.py", run_name="__main__")
"""


def with_dependencies(requirements):
    """The names of these distributions, and of all that they require."""
    names, waiting = set(), list(requirements)
    while waiting:
        requirement = Requirement(waiting.pop())
        name = requirement.name.lower().replace("_", "-")
        if name not in names and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            names.add(name)
            waiting += importlib.metadata.requires(name) or []
    return names


@pytest.mark.slow
def test_the_folder_is_the_same_page_where_tfgan_is_not_installed(trained, tmp_path, browser, command):
    """Each tab works, with the folder's own code and what it requires."""
    status, out, err = command(explore)("--run", "seen", "--log-dir", trained, "--to", "there")
    assert (status, err) == (0, "")
    assert "Saved in there: README.md" in out
    card = (tmp_path / "there" / "README.md").read_text()
    assert card.startswith("---\npipeline_tag: ")
    assert "CC BY 4.0 (UCI Optical Recognition)" in card
    moved = tmp_path / "elsewhere"
    (tmp_path / "there").rename(moved)
    allowed = " ".join(with_dependencies((moved / "requirements.txt").read_text().splitlines()))
    with serving([sys.executable, "-c", FENCE, allowed], tmp_path / "log.txt", cwd=moved) as served:
        assert f"TFGAN {moved}/tfgan/__init__.py" in (tmp_path / "log.txt").read_text()
        open_page(browser, served.address)
        with Sampler(read.find_run("seen", trained)) as sampler:
            z, labels = sampler.z(24, 0), sampler.labels(24, 0)
            own = images(browser, "#samples", 24)
            np.testing.assert_array_equal(own, sampler.images(z, labels)[..., 0])
        open_tab(browser, "Directions")
        images(browser, "#moved", 1)
        assert slide(browser, "#direction-1", 2) < PATIENCE_S
        open_tab(browser, "Between")
        images(browser, "#way", 2, (28, 280))
        until(browser, "return document.querySelector('#film img')")
        open_tab(browser, "Arithmetic")
        images(browser, "#result", 9)
        open_tab(browser, "Your picture")
        Image.fromarray(own[8]).save(tmp_path / "own.png")
        browser.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / "own.png"))
        until(browser, "return document.querySelector('#paper canvas')")
        click(browser, "#find")
        words = until(browser, "return /found, (.*)% of the range/.exec(document.querySelector('#found').innerText)?.[1]")
        assert float(words) < 2
    status, _, err = command(explore)("--run", "seen", "--log-dir", trained, "--to", moved)
    assert (status, err) == (0, ""), "an earlier page is replaced"
