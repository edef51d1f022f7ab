"""`python -m tfgan.explore` up to the page itself: what it refuses, what it carries from tab to tab, what the folder needs."""

import asyncio
import configparser
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import socket
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import own_pixels
from tfgan.errors import UserError
from tfgan.explore import __main__ as explore
from tfgan.explore import exported
from tfgan.explore import folder
from tfgan.explore import picks
from tfgan.explore import serving
from tfgan.explore.picks import Pick
from tfgan.runs import pretrained
from tfgan.runs import saved
from tfgan.sampling import latents
from tfgan.sampling.inference import Sampler

PACKAGE = pathlib.Path(folder.__file__).parent.parent


@pytest.fixture
def listening():
    """A port of this machine that is in use."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def refusal(command, *options):
    status, out, err = command(explore)(*options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    return err


def test_what_cannot_be_shown_is_refused_in_a_line(command, runs, tmp_path, listening):
    given = ["--run", "mlp-digits", "--log-dir", runs / "logs"]
    assert "there is no run 'nothing'" in refusal(command, "--run", "nothing")
    assert "no checkpoint of iteration 3; it has those of 2, 4" in refusal(command, *given, "--iteration", "3")
    assert "no best checkpoint" in refusal(command, *given, "--iteration", "best")
    assert "from 0 to 65535" in refusal(command, *given, "--port", "65536")
    assert f"port {listening} of 127.0.0.1 cannot be used" in refusal(command, *given, "--port", listening, "--no-browser")
    assert "--pretrained and --iteration cannot be combined" in refusal(command, "--pretrained", "mnist", "--iteration", "5")
    assert "tfgan comes with no generator 'cats'" in refusal(command, "--pretrained", "cats")
    assert "takes no --port" in refusal(command, *given, "--to", "there", "--port", "8000")
    bare = tmp_path / "logs" / "bare"
    bare.mkdir(parents=True)
    shutil.copy(runs / "logs" / "mlp-digits" / "config.json", bare)
    assert "run bare has no checkpoint yet" in refusal(command, "--run", "bare")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.tex").touch()
    assert "there holds other things (thesis.tex)" in refusal(command, *given, "--to", "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["thesis.tex"]


def test_without_gradio_it_says_what_to_install(command, runs, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'tfgan[explore]'" in refusal(command, "--run", "mlp-digits", "--log-dir", runs / "logs")


HERE = {"host": "127.0.0.1:7860"}


@pytest.mark.parametrize(("headers", "alone", "answered"), [
    (HERE, True, True),
    ({"host": "localhost:7860", "origin": "http://localhost:7860"}, True, True),
    ({"host": "127.0.0.1"}, True, True),
    ({"host": "evil.example:7860"}, True, False),
    ({"host": "127.0.0.1.evil.example:7860"}, True, False),
    ({}, True, False),
    (HERE | {"origin": "http://evil.example"}, True, False),
    (HERE | {"origin": "http://127.0.0.1:8000"}, True, False),
    (HERE | {"origin": "null"}, True, False),
    ({"host": "evil.example:7860", "origin": "http://evil.example"}, False, True),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_only_pages_of_this_machine_are_answered(headers, alone, answered, kind):
    """Not those of a name of elsewhere that leads to this machine, nor those that only send something here."""
    asked, sent = [], []

    async def app(scope, receive, send):
        asked.append(scope["type"])
        if kind == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    asyncio.run(serving.only_from_here(app, alone)(scope, None, send))
    assert asked == [kind] * answered
    if kind == "http":
        assert sent[0]["status"] == (200 if answered else 403)
        policy = dict(sent[0]["headers"])[b"content-security-policy"].decode()
        assert policy.startswith("default-src 'self' ")
        assert ("frame-ancestors 'self'" in policy) == alone
    elif not answered:
        assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize(("seed", "said"), [
    (None, "empty"), (-1, "-1"), (2**53, "9,007,199,254,740,992"), (-123_456_789, "-123,456,789"), (1e300, "1e+300"),
])  # fmt: skip
def test_seeds_that_a_browser_cannot_give(seed, said):
    message = f"the seed is {said}; give a whole number from 0 to 9,007,199,254,740,991"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        picks.whole_seed(seed)
    assert picks.whole_seed(2**53 - 1) == 2**53 - 1
    assert [picks.first_seed(SimpleNamespace(seed=own)) for own in (7, 2**53 - 2, 2**53)] == [7, 2**53 - 2, 0]


@pytest.mark.parametrize("port", ["99999", "80x", "8000 0", "-1"])
def test_a_port_in_the_environment_that_is_none(port, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_SERVER_PORT", port)
    with pytest.raises(UserError, match=f"GRADIO_SERVER_PORT is '{port}'; it must be a whole number from 0 to 65535"):
        exported.main(tmp_path)


def test_the_noise_and_labels_of_a_folder_are_those_of_the_seed_without_repeats():
    """64 rows at a time, in their order, as many as are asked for."""
    generator = exported.Generator.__new__(exported.Generator)
    generator.class_names = ("a", "b")

    def rows(signature, seed, chunk):
        assert signature == "noise"
        return {"z": np.stack([np.arange(64) + 64 * chunk, np.full(64, seed)], 1), "label": np.arange(64) + 1000 * chunk}

    generator._run = rows
    for count in (1, 64, 65, 150):
        np.testing.assert_array_equal(generator.z(count, 7), [[row, 7] for row in range(count)])
        np.testing.assert_array_equal(generator.labels(count, 7), [row % 64 + row // 64 * 1000 for row in range(count)])


def test_the_folder_has_the_checkpoint_that_was_asked_for(command, runs, monkeypatch):
    written = []
    monkeypatch.setattr(folder, "write", lambda run, iteration, place: written.append((run.name, iteration, str(place))))
    for asked in ([], ["--iteration=2"], ["--iteration=4"]):
        assert command(explore)("--run=mlp-digits", f"--log-dir={runs / 'logs'}", "--to=there", *asked)[0] == 0
    assert written == [("mlp-digits", 4, "there"), ("mlp-digits", 2, "there"), ("mlp-digits", 4, "there")]


def test_what_is_written_beside_the_generator(runs, tmp_path, monkeypatch):
    """The page's facts, its samples, which are the seed's first, and the directions; the export itself has tests of its own."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # as `write` sets it; undone after the test
    asked = []

    def export(run, iteration, kinds, place):
        asked.append((run.name, iteration, kinds))
        (place / "model.json").write_text('{"parameters": 77}')

    monkeypatch.setattr("tfgan.sampling.formats.export", export)
    run = saved.find_run("mlp-digits", runs / "logs")
    folder.write(run, 2, tmp_path / "there")
    assert asked == [("mlp-digits", 2, ["savedmodel"])]
    paths = [path for path in (tmp_path / "there").rglob("*") if path.is_file() and path.name != "page.json"]
    told = {path.relative_to(tmp_path / "there").as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert json.loads((tmp_path / "there" / "page.json").read_text()) == {
        "tfgan_explore": 1, "run": "mlp-digits", "about": "mlp on digits, seed 3", "iteration": 2, "seed": 3, "classes": [],
        "recipe": {"z_dim": 96, "z_distribution": "uniform", "image_shape": [28, 28, 1]},
        "z_epsilon": None, "tfgan_files": told,
    }  # fmt: skip
    with Sampler(run, 2) as sampler:
        made = sampler.images(sampler.z(64, 3)).reshape(8, 8, 28, 28).transpose(0, 2, 1, 3).reshape(224, 224)
        np.testing.assert_array_equal(own_pixels(tmp_path / "there" / "samples.png", 224), made)
        np.testing.assert_array_equal(np.load(tmp_path / "there" / "directions.npy"), sampler.directions(96))
    assert "It has 77 parameters." in (tmp_path / "there" / "README.md").read_text()


def write_stub(run, iteration, place):
    """The page's folder in small."""
    (place / "model").mkdir()
    for name in ("README.md", "model/weights", "page.json"):
        (place / name).write_text(json.dumps({"iteration": iteration}))


@pytest.mark.parametrize("mine", ["model/mine.npy", "README.md", "tfgan"])
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


@pytest.mark.parametrize(("name", "words"), [
    ("mlp-digits", "28x28 pixels in grey from noise of 96 values\n(uniform in [-1, 1)). "),
    ("compact-pictures", "28x28 pixels in colour from noise of 64 values\n(standard normal). "),
])  # fmt: skip
def test_what_the_card_says_of_the_generator(runs, name, words):
    run = saved.find_run(name, runs / "logs")
    card = folder.card(run, 2, 1_234)
    assert f"\n# {name}\n\nThis is the generator of a GAN: it makes images of {words}tfgan " in card
    model = name.partition("-")[0]
    trained = f" trained it: the model `{model}`,\n2 of 4 iterations, seed 3. It has 1,234 parameters.\n"
    assert trained in card
    assert "![Samples of seed 3](samples.png)\n\n*The first 64 samples of seed 3. Nothing was chosen.*" in card
    assert f'count=tf.constant(16, tf.int64))["uint8"]     # [16, 28, 28, {1 if model == "mlp" else 3}]\n' in card


def test_the_card_of_ones_own_pictures_names_no_folder(runs):
    run = saved.find_run("compact-pictures", runs / "logs")
    assert str(runs.parent) in run.recipe.dataset, "else this test shows nothing"
    card = folder.card(run, 4, 1234)
    assert "| pictures |" in card
    assert str(runs.parent) not in card
    assert "1,234 parameters" in card


def test_the_card_of_a_generator_that_comes_with_tfgan_has_its_figures_and_names_the_authors():
    card = folder.card(pretrained.pretrained("digits"), 5000, 1234)
    assert "E. Alpaydin and C. Kaynak" in card
    assert "| frechet_distance | 0.5555 |" in card
    assert "Nobody has measured it" not in card


def test_the_first_free_port_is_taken(monkeypatch, listening):
    monkeypatch.setattr(serving, "_FIRST_PORT", listening)
    with serving.listen("127.0.0.1", None) as found:
        assert listening < found.getsockname()[1] < listening + 20
        assert found.getsockname()[0] == "127.0.0.1"


def pick(seed, shares=None):
    return Pick(np.random.default_rng(seed).normal(size=5).astype(np.float32), None if shares is None else np.float32(shares))


def test_picks_are_taken_once_and_left_again():
    a, b = pick(0, [1, 0]), pick(1, [1, 0])
    same, other = Pick(a.z.copy(), a.shares.copy()), Pick(a.z, np.float32([0, 1]))
    assert picks.find(same, [b, a]) == 1
    assert picks.find(other, [b, a]) is None
    assert picks.take(same, [a]) == [a]
    assert [p is q for p, q in zip(picks.take(b, [a]), [a, b], strict=True)] == [True, True]
    assert picks.toggle(same, [a, b], 5) == [b]
    assert picks.toggle(b, [a, other], 2) == [other, b]
    many = [pick(n) for n in range(picks.MOST_TAKEN)]
    assert picks.take(pick(99), many)[:-1] == many[1:]


def test_a_pick_is_named_by_its_classes():
    names = ("cat", "dog", "owl")
    found = [picks.name(pick(0, shares), names) for shares in ([0, 1, 0], [0.25, 0.75, 0], [0.3, 0.3, 0.4])]
    assert found == ["dog", "75% dog, 25% cat", "40% owl, 30% cat"]
    assert picks.name(pick(0), ()) == ""


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_the_way_leads_through_all_stops(distribution):
    stops = [pick(0, [1, 0]), pick(1, [1, 0]), pick(2, [0, 1])]
    legs = picks.way(stops, 5, latents.Noise(distribution))
    assert [len(leg) for leg in legs] == [5, 5]
    for leg, begin, end in zip(legs, stops[:-1], stops[1:], strict=True):
        np.testing.assert_allclose(leg[0].z, begin.z, atol=1e-6)
        np.testing.assert_allclose(leg[-1].z, end.z, atol=1e-6)
    np.testing.assert_allclose([p.shares for p in legs[1]], [[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]])
    halfway = np.linalg.norm(legs[0][2].z)
    straight = np.linalg.norm((stops[0].z + stops[1].z) / 2)
    assert (halfway == pytest.approx(straight)) == (distribution == "uniform")


def test_the_folder_has_all_that_its_code_imports_and_no_graph():
    paths = folder.needed_modules()
    names = {path.relative_to(PACKAGE).as_posix() for path in paths}
    assert {"explore/exported.py", "explore/tabs/samples.py", "sampling/noise_search.py", "tf1.py", "common/command.py"} <= names
    assert not [name for name in names if name.split("/")[0] in ("graph", "models", "training", "quality", "runs", "recipes.py")]
    imported = {name.split(".")[0] for path in paths if path.name != "__init__.py" for name in folder.imports_of(path)}
    others = imported - {*sys.stdlib_module_names, "tfgan"}
    optional = {"imageio"}  # for MP4
    brought = {"PIL": "pillow", "fastapi": "gradio", "uvicorn": "gradio"}
    required = {requirement.partition(">")[0] for requirement in folder.REQUIREMENTS}
    assert {brought.get(name, name) for name in others - optional} == required


def test_the_folder_requires_what_tfgan_requires():
    setup = configparser.ConfigParser()
    if not setup.read(PACKAGE.parent / "setup.cfg"):
        pytest.skip("tfgan is installed without its setup.cfg")
    of_tfgan = setup["options"]["install_requires"].split("\n") + setup["options.extras_require"]["explore"].split("\n")
    assert set(folder.REQUIREMENTS) <= set(of_tfgan)
