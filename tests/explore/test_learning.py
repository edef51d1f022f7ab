"""The tab that shows how a run learns, in headless Chromium: pictures, curves and numbers are those of the run's files."""

import contextlib
import json
import re
import shutil
import statistics
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.explore.driving import keep_screenshot
from tests.explore.driving import open_page
from tests.explore.driving import open_tab
from tests.explore.driving import pixels
from tests.explore.driving import until
from tests.serving import serving
from tfgan.common import files
from tfgan.explore.generators import Generators
from tfgan.runs import pretrained
from tfgan.runs import read

pytestmark = pytest.mark.slow
CAPTION = "document.querySelector('#learning figcaption').innerText"
MEASURES = ("d_loss", "g_loss", "d_real", "d_fake")


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the trained run: its folder, and that of its pictures."""
    shutil.copytree(trained / "seen", tmp_path / "logs" / "seen")
    shutil.copytree(trained.parent / "out", tmp_path / "out")
    return SimpleNamespace(logs=tmp_path / "logs" / "seen", out=tmp_path / "out", metrics=tmp_path / "logs/seen/metrics.jsonl")


def served(run):
    """Serves the page of the run."""
    options = ["--run", str(run.logs), "--out-dir", str(run.out), "--no-browser", "--port=0"]
    return serving([sys.executable, "-m", "tfgan.explore", *options], run.out.parent / "log.txt")


def parsed(lines):
    return [json.loads(line) for line in lines]


def grid(run, iteration):
    return np.asarray(Image.open(run.out / f"seen-{iteration:06d}.png"))


def shown(browser):
    """What the tab shows now."""
    return SimpleNamespace(**browser.execute_script("""
        const find = name => document.querySelector('#learning ' + name);
        return {
            picture: find('img').hidden ? null : find('img').src, caption: find('figcaption').innerText,
            now: find('strong').innerText, trained: !find('.tfgan-now span').hidden,
            place: Number(find('input').value), most: Number(find('input').max),
            values: Object.fromEntries([...document.querySelectorAll('#learning b')].map(e => [e.dataset.measure, e.innerText])),
            marks: [...document.querySelectorAll('#learning .tfgan-mark')].map(e => [e.getAttribute('x1'), e.getAttribute('x2')]),
            curves: Object.fromEntries([...document.querySelectorAll('#learning polyline')].map(
                e => [e.dataset.curve, [...e.points].map(point => [point.x, point.y])])),
            ends: [...document.querySelectorAll('#learning .tfgan-chart div')].map(
                e => [...e.querySelectorAll('span')].map(each => each.innerText)),
        }"""))  # fmt: skip


def slide(browser, place):
    browser.execute_script("""
        const slider = document.querySelector('#learning input');
        slider.value = arguments[0];
        slider.dispatchEvent(new Event('input', {bubbles: true}))""", place)  # fmt: skip


def until_now(browser, words):
    until(browser, "return document.querySelector('#learning strong').innerText === arguments[0]", words)
    return shown(browser)


def assert_shows(found, lines, iteration, newest):
    """The curves are those of all lines; the marks are at the iteration; the numbers are those of the last line up to it."""
    top = max(line[name] for line in lines for name in ("d_loss", "g_loss"))
    for name, curve in found.curves.items():
        highest = top if name in ("d_loss", "g_loss") else 1
        expected = [[1000 * line["iteration"] / newest, 100 * (1 - line[name] / highest)] for line in lines]
        np.testing.assert_allclose(curve, expected, atol=0.06)
    assert set(found.curves) == set(MEASURES)
    assert float(found.ends[0][0]) == pytest.approx(top, rel=1e-3)
    assert (found.ends[0][1], found.ends[1]) == ("0", ["real 1", "fake 0"])
    np.testing.assert_allclose(np.array(found.marks, float), np.full([2, 2], 1000 * iteration / newest), atol=0.01)
    last = [line for line in lines if line["iteration"] <= iteration][-1]
    assert found.now == f"Iteration {last['iteration']}"
    assert found.values == {name: f"{last[name]:.4g}" for name in MEASURES}


def test_each_place_of_the_slider_shows_its_moment(run, browser):
    """The run has lines of 0, 100, 200, 300 and 399, and grids of 0 and 400. It is finished, so Samples is open at first."""
    lines = parsed(run.metrics.read_text().splitlines())
    assert [line["iteration"] for line in lines] == [0, 100, 200, 300, 399]
    assert np.ptp([grid(run, 0), grid(run, 400)], axis=0).max() > 100, "else this says nothing"
    with served(run) as page:
        open_page(browser, page.address)
        assert browser.execute_script("return document.querySelector('#learning')") is None
        open_tab(browser, "Learning")
        found = until_now(browser, "Iteration 399")
        assert (found.place, found.most, found.trained) == (5, 5, False)
        for place, (iteration, of_grid) in enumerate([(0, 0), (100, 0), (200, 0), (300, 0), (399, 0), (400, 400)]):
            slide(browser, place)
            until(browser, f"return {CAPTION} === 'Samples after {of_grid} iterations'")
            found = until_now(browser, f"Iteration {min(iteration, 399)}")
            assert_shows(found, lines, iteration, 400)
            np.testing.assert_array_equal(pixels(found.picture), grid(run, of_grid))
        keep_screenshot(browser, "learning")
        print("a step of the slider takes", statistics.median(time_of_step(browser, place) for place in [4, 5] * 10), "s")

        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 780, "deviceScaleFactor": 1, "mobile": True}
        )
        until(browser, "return document.documentElement.clientWidth === 360")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        for part in ("img", "input", "svg"):
            left, right = browser.execute_script(
                "const box = document.querySelector('#learning ' + arguments[0]).getBoundingClientRect();"
                "return [box.left, box.right]", part
            )  # fmt: skip
            assert 0 <= left < right - 200 <= 160, part
        keep_screenshot(browser, "learning-phone")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        asked = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
        assert not [name for name in asked if not name.startswith((page.address, "data:"))]
        assert [name for name in asked if "component_server" in name], "else it looks at the wrong list"
        requests = len(asked)
        (run.out / "seen-000400.png").rename(run.out / "seen-000500.png")
        open_tab(browser, "Samples")
        open_tab(browser, "Learning")
        until(browser, f"return {CAPTION} === 'Samples after 500 iterations'")
        assert browser.execute_script("return performance.getEntriesByType('resource').length") > requests


def time_of_step(browser, place):
    """Moves the slider to a place with another grid; the time until that is there, in seconds."""
    return browser.execute_async_script("""
        const [place, done] = arguments, begin = performance.now(), picture = document.querySelector('#learning img');
        const slider = document.querySelector('#learning input'), before = picture.src;
        slider.value = place;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        const look = () => {
            if (picture.src !== before && picture.complete) done((performance.now() - begin) / 1000); else setTimeout(look, 1);
        };
        look()""", place)  # fmt: skip


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


def test_the_page_follows_a_run_that_is_being_trained(run, browser):
    """A lock stands for the process that trains it."""
    lines = run.metrics.read_text().splitlines(keepends=True)
    run.metrics.write_text("".join(lines[:2]))
    (run.out / "seen-000400.png").rename(run.out.parent / "later.png")
    with contextlib.ExitStack() as opened:
        with files.exclusive_lock(run.logs / "lock"):
            page = opened.enter_context(served(run))
            open_page(browser, page.address, "#learning input")  # a run that is being trained begins there
            found = until_now(browser, "Iteration 100")
            assert (found.place, found.most, found.trained) == (1, 1, True)
            np.testing.assert_array_equal(pixels(found.picture), grid(run, 0))

            append(run.metrics, lines[2][:30])
            append(run.metrics, lines[2][30:])
            assert_shows(until_now(browser, "Iteration 200"), parsed(lines[:3]), 200, 200)
            shutil.copy(run.out.parent / "later.png", run.out / "seen-000250.png")
            until(browser, f"return {CAPTION} === 'Samples after 250 iterations'")
            np.testing.assert_array_equal(pixels(shown(browser).picture), grid(run, 250))

            slide(browser, 1)
            until_now(browser, "Iteration 100")
            append(run.metrics, lines[3])
            until(browser, "return document.querySelector('#learning input').max === '4'")
            found = shown(browser)
            assert (found.place, found.now, found.caption) == (1, "Iteration 100", "Samples after 0 iterations")
            assert_shows(found, parsed(lines[:4]), 100, 300)
            slide(browser, 4)
            append(run.metrics, lines[4])
            assert until_now(browser, "Iteration 399").place == 5
        until(browser, "return document.querySelector('#learning .tfgan-now span').hidden")
        requests = "return performance.getEntriesByType('resource').length"
        before = browser.execute_script(requests)
        time.sleep(3)
        assert browser.execute_script(requests) == before, "it asks no more"

        slide(browser, 4)
        until_now(browser, "Iteration 300")
        with files.exclusive_lock(run.logs / "lock"):  # started over, with half the loss and another grid
            for path in (run.metrics, *run.out.glob("seen-0*.png")):
                path.unlink()
            new = [re.sub(r'("d_loss": )([^,]*)', lambda found: f"{found[1]}{float(found[2]) / 2}", line) for line in lines[:3]]
            browser.execute_script("window.dispatchEvent(new Event('focus'))")  # the user comes back from the terminal
            until(browser, "return document.querySelector('#learning input').max === '0'")
            assert shown(browser).curves == {name: [] for name in MEASURES}
            shutil.copy(run.out.parent / "later.png", run.out / "seen-000000.png")
            run.metrics.write_text("".join(new[:2]))
            found = until_now(browser, "Iteration 100")
            assert (found.place, found.most) == (1, 1)
            assert_shows(found, parsed(new[:2]), 100, 100)
            append(run.metrics, new[2])
            assert_shows(until_now(browser, "Iteration 200"), parsed(new), 200, 200)
            np.testing.assert_array_equal(pixels(shown(browser).picture), grid(run, 0))


@pytest.mark.parametrize("removed", [(), ("metrics",), ("grids",), ("metrics", "grids")])
def test_only_a_run_of_which_nothing_is_left_has_no_such_tab(runs, tmp_path, removed):
    shutil.copytree(runs / "logs" / "mlp-digits", tmp_path / "logs")
    shutil.copytree(runs / "out", tmp_path / "out")
    if "metrics" in removed:
        (tmp_path / "logs" / "metrics.jsonl").unlink()
    if "grids" in removed:
        shutil.rmtree(tmp_path / "out")
    run = read.read_run(tmp_path / "logs")._replace(name="mlp-digits")
    assert has_learning(Generators(run, out_dir=tmp_path / "out")) == (len(removed) < 2)


def test_a_generator_without_its_run_has_no_such_tab(runs):
    """One that comes with tfgan, and one of a folder that the page was written to."""
    assert not has_learning(Generators(pretrained.pretrained("digits"), out_dir=runs / "out"))
    assert not has_learning(Generators(read.find_run("mlp-digits", runs / "logs")))


def has_learning(source):
    import gradio as gr

    from tfgan.explore.tabs import learning

    with gr.Blocks() as blocks:
        learning.add(SimpleNamespace(source=source))
    return any(isinstance(part, gr.Tab) for part in blocks.blocks.values())


def test_files_that_cannot_be_read_are_named(run, monkeypatch):
    """In the place of the iteration; where there are no grids, the page says where it looks for them."""
    functions = []
    monkeypatch.setattr("gradio.HTML", lambda *_, server_functions, **__: functions.extend(server_functions))
    assert has_learning(Generators(read.read_run(run.logs), out_dir=run.out))
    look, show = functions
    shutil.rmtree(run.out)
    found = look(None)
    assert (found["picture"], found["now"]) == (None, "Iteration 399")
    assert found["caption"] == f"There are no sample grids in {run.out}; --out-dir says where they are."
    run.metrics.unlink()
    run.metrics.mkdir()
    assert look(None) == show(400) == {"now": f"{run.metrics}: Is a directory; fix that"}
