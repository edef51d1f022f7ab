"""The pad of the tab Your picture: its functions without a browser, then drawn on in headless Chromium, and shown to D."""

import base64
import io
import itertools
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.explore.driving import click
from tests.explore.driving import expect_message
from tests.explore.driving import images
from tests.explore.driving import keep_screenshot
from tests.explore.driving import open_page
from tests.explore.driving import open_tab
from tests.explore.driving import pixels
from tests.explore.driving import until
from tests.explore.test_tabs import Known
from tests.explore.test_tabs import assert_picks
from tests.explore.test_tabs import pick
from tests.sampling.test_picture_files import as_mnist
from tests.sampling.test_picture_files import lines
from tests.serving import serving
from tfgan.common.images import from_uint8
from tfgan.runs import read
from tfgan.sampling.inference import Sampler
from tfgan.sampling.inversion import Projected

pytestmark = pytest.mark.slow
SEVEN = [(0.3, 0.25), (0.7, 0.2), (0.45, 0.85)]


class Following(Known):
    """Its search always finds the noise 0.5, and the class that was asked for, or the third."""

    def __init__(self, shape=(28, 28, 1)):
        super().__init__()
        self.recipe.image_shape = shape

    def follow(self, image, latest=None, label=None, seconds=0.04):
        self.asked.append((image, latest, label, seconds))
        labels = np.int32([2 if label is None else label])
        return Projected(np.full([1, 4], 0.5, np.float32), 255 - image[None], np.float32([0.125]), labels)


@pytest.fixture
def functions(monkeypatch):
    """functions(shape) -> the tab's functions, as the page would call them."""
    import gradio as gr

    from tfgan.explore import page
    from tfgan.explore.tabs import picture

    def of(shape=(28, 28, 1)):
        found = {}

        class Recording(page.Page):
            def on(self, events, function, inputs=(), outputs=(), **_):
                found[function.__name__] = function

        source = SimpleNamespace(name="run", class_names=Known.class_names, recipe=Following(shape).recipe)
        with gr.Blocks():
            picture.add(Recording(source, gr.Dropdown(), gr.State([]), gr.State(None), None))
        return SimpleNamespace(**found)

    return of


def address(drawing):
    content = io.BytesIO()
    Image.fromarray(drawing).save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def test_what_is_drawn_is_the_picture_and_the_search_goes_on_from_what_it_found_last(functions):
    tab, generator, drawing = functions(), Following(), lines(*SEVEN)
    uploaded, own, hole, inverted, paper, shown, found = tab.draw(generator, address(drawing), None, "try each")
    np.testing.assert_allclose(own[..., 0], as_mnist(drawing), atol=255 / 10)
    np.testing.assert_array_equal(uploaded, own)
    assert (hole, inverted, "<canvas" in paper) == ([], False, True)
    assert_picks([found], [[0.5] * 4], [[0, 0, 1]])
    assert "found, 12.5% of the range from the picture, owl" in shown
    image, latest, label, _ = generator.asked[-1]
    np.testing.assert_array_equal(image, own)
    assert (latest, label) == (None, None)
    before = pick(3, 1)
    tab.draw(generator, address(drawing), before, "cat")
    image, (z, number), label, _ = generator.asked[-1]
    np.testing.assert_array_equal(z, before.z)
    assert (number, label) == (1, 0)
    shown, found = tab.go_on(generator, own, before, "try each")
    np.testing.assert_array_equal(generator.asked[-1][0], own)
    assert_picks([found], [[0.5] * 4], [[0, 0, 1]])
    tab.prepare(generator, "dog")
    assert generator.asked[-1][1:] == (None, 1, 0), "one step, of the class that will be asked for"


def test_an_empty_pad_is_no_picture(functions):
    tab, generator = functions(), Following()
    for drawing in ("", None):
        uploaded, own, hole, inverted, paper, shown, found = tab.draw(generator, drawing, pick(3, 1), "cat")
        assert (uploaded, own, hole, inverted, paper, found) == (None, None, [], False, "", None)
        assert "Nothing yet" in shown
    assert "Nothing yet" in tab.go_on(generator, None, pick(3, 1), "cat")[0]
    assert generator.asked == []


def test_a_drawing_in_colour_stays_where_it_was_drawn(functions):
    tab, drawing = functions((64, 64, 3)), np.full([280, 280, 3], 255, np.uint8)
    drawing[:70, 140:] = (192, 57, 43)
    own = tab.draw(Following((64, 64, 3)), address(drawing), None, "cat")[1]
    assert own.shape == (64, 64, 3)
    np.testing.assert_array_equal(own[:15, 33:], np.broadcast_to(np.uint8([192, 57, 43]), [15, 31, 3]))
    assert (own[17:] == 255).all()
    assert (own[:, :31] == 255).all()


@pytest.fixture
def page(trained, tmp_path, browser):
    """The page of the run on a phone, opened, and the run's `Sampler`."""
    run = read.find_run("seen", trained)
    command = [sys.executable, "-m", "tfgan.explore", "--run", "seen", "--log-dir", str(trained), "--no-browser", "--port", "0"]
    phone = {"width": 360, "height": 780, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    with serving(command, tmp_path / "log.txt") as served, Sampler(run) as sampler:
        open_page(browser, served.address)
        yield SimpleNamespace(browser=browser, address=served.address, sampler=sampler)
        browser.get("about:blank")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def draw(browser, points, finger):
    """Draws lines through points from 0 to 1 on the pad."""
    box = "const pad = document.querySelector('#pad canvas'); pad.scrollIntoView({block: 'center'}); "
    box += "const r = pad.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]"
    left, top, width, height = browser.execute_script(box)
    way = [np.linspace(a, b, 6) for a, b in itertools.pairwise(points)]
    way = [(left + x * width, top + y * height) for x, y in np.concatenate(way)]
    if finger:
        kinds = [("touchStart", way[:1]), *(("touchMove", [place]) for place in way), ("touchEnd", [])]
        for kind, places in kinds:
            touches = [{"x": x, "y": y} for x, y in places]
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    else:
        for kind, (x, y) in [("mousePressed", way[0]), *(("mouseMoved", place) for place in way), ("mouseReleased", way[-1])]:
            event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
            browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def wait_for_own(browser, expected):
    """Waits until the picture beside the pad is that one, and returns it with the image that was found."""
    deadline = time.monotonic() + 30
    while True:
        own, found = images(browser, "#found", 2)
        if np.abs(own - expected).mean() < 3:
            return own, found
        assert time.monotonic() < deadline, np.abs(own - expected).mean()


@pytest.mark.parametrize("finger", [False, True])
def test_a_digit_is_drawn_found_and_judged_on_a_phone(page, finger):
    browser, sampler = page.browser, page.sampler
    open_tab(browser, "Your picture")
    draw(browser, SEVEN, finger)
    own, _ = wait_for_own(browser, as_mnist(lines(*SEVEN)))
    words = "return /found, (.*)% of the range/.exec(document.querySelector('#found').innerText)?.[1]"
    first = float(until(browser, words))
    time.sleep(3)  # while the search goes on
    last, found = float(until(browser, words)), images(browser, "#found", 2)[1]
    np.testing.assert_allclose(last / 100, np.abs(found.astype(float) - own).mean() / 255, atol=0.001)
    best = sampler.project(own[None, ..., None]).errors[0]
    assert last <= first + 0.5
    assert last / 100 < best + 0.02, "as near as the whole search comes, or nearly"
    keep_screenshot(browser, "pad")
    before = [(0.2, 0.9), (0.8, 0.9)]
    draw(browser, before, finger)  # further strokes are added
    own, _ = wait_for_own(browser, as_mnist(np.maximum(lines(*SEVEN), lines(*before))))
    until(browser, "return /found/.test(document.querySelector('#found').innerText)")
    click(browser, "#find")
    until(browser, "return /step/.test(document.querySelector('#found').innerText)")
    until(browser, words)
    np.testing.assert_array_equal(images(browser, "#found", 2)[0], own)
    click(browser, "#take-found")
    expect_message(browser, "among those taken along")

    open_tab(browser, "D's eye")
    real = images(browser, "#eye-real", 32)
    z, labels = sampler.z(31, 0), sampler.labels(31, 0)
    images(browser, "#eye-sample", 32)
    scores = np.sort(sampler.scores(z, labels))
    numbers = "return [...document.querySelectorAll(arguments[0] + ' span')].map(e => Number(e.textContent))"
    shown = browser.execute_script(numbers, "#eye-sample")
    assert min(np.abs(np.delete(shown, n) - scores).max() for n in range(32)) < 0.06, "and the one that was taken along"
    click(browser, "#eye-own")
    until(browser, "return document.querySelector('#eye-view img')?.src === arguments[0]", pixel_address(own))
    logit, gradient = sampler.gradient(from_uint8(np.float32(own[None, ..., None]), (-1, 1)), [0])
    assert f"output {logit[0]:.3g}." in browser.execute_script("return document.querySelector('#eye-view').innerText")
    colours = pixels(browser.execute_script("return document.querySelectorAll('#eye-view img')[1].src")).astype(int)
    np.testing.assert_allclose(
        (colours[..., 0] - colours[..., 2]) / 255, gradient[..., 0] / np.abs(gradient).max(), atol=0.01
    )
    click(browser, "#eye-real button", 5)
    until(browser, "return document.querySelector('#eye-view img')?.src === arguments[0]", pixel_address(real[5]))
    strip = images(browser, "#eye-strip", 8)
    np.testing.assert_array_equal(strip[0], real[5])
    assert browser.execute_script("return document.documentElement.scrollWidth") == 360
    keep_screenshot(browser, "eye")

    open_tab(browser, "Your picture")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 360
    click(browser, "#pad [data-clear]")
    until(browser, "return /Nothing yet/.test(document.querySelector('#found').innerText)")
    click(browser, "#find")
    expect_message(browser, "no picture yet; draw or upload one")
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert not [name for name in asked if not name.startswith((page.address, "data:"))]


def pixel_address(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def test_an_upload_takes_the_place_of_a_drawing(page, tmp_path):
    browser, sampler = page.browser, page.sampler
    open_tab(browser, "Your picture")
    draw(browser, SEVEN, False)
    wait_for_own(browser, as_mnist(lines(*SEVEN)))
    time.sleep(3)  # while the search goes on
    own = sampler.images(sampler.z(9, 0), sampler.labels(9, 0))[8, ..., 0]
    Image.fromarray(own).save(tmp_path / "own.png")
    browser.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / "own.png"))
    until(browser, "return /Nothing yet/.test(document.querySelector('#found').innerText)")
    picture = until(browser, "return document.querySelector('#paper canvas')?.dataset.picture")
    np.testing.assert_array_equal(pixels(picture), own)
    drawn = "const pad = document.querySelector('#pad canvas'); "
    drawn += "return pad.getContext('2d').getImageData(0, 0, 280, 280).data.some((value, n) => n % 4 < 3 && value)"
    until(browser, f"return !(() => {{ {drawn} }})()")
    draw(browser, SEVEN[1:], False)
    wait_for_own(browser, as_mnist(lines(*SEVEN[1:])))
