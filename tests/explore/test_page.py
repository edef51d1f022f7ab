"""The page of `python -m tfgan.explore` in headless Chromium, on a real run: each tab does what it says, and nobody is asked."""

import base64
import io
import shutil
import signal
import statistics
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.datasets.test_formats import vast_png
from tests.explore.driving import assert_images
from tests.explore.driving import click
from tests.explore.driving import expect_message
from tests.explore.driving import images
from tests.explore.driving import keep_screenshot
from tests.explore.driving import open_page
from tests.explore.driving import open_tab
from tests.explore.driving import slide
from tests.explore.driving import until
from tests.serving import serving
from tfgan.runs import read
from tfgan.sampling.inference import Sampler

pytestmark = pytest.mark.slow
TABS = ("Learning", "Samples", "Directions", "Between", "Arithmetic", "Your picture", "D's eye")

# The command in a process that notes whom it asks for anything: names that it looks up, and addresses that it calls.
NOTING = """
import runpy, sys
def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        print("ASKED", event, arguments[-1] if event == "socket.connect" else arguments[0], file=sys.stderr, flush=True)
sys.addaudithook(note)
if sys.argv[1] == "control":
    import socket
    try:
        socket.create_connection(("127.0.0.1", 1))
    except OSError:
        sys.exit()
runpy.run_module("tfgan.explore", run_name="__main__", alter_sys=True)
"""

# how many pixels of the picture are painted: they have a colour, the others are grey
PAINTED = """(canvas => {
    const values = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return values.filter((value, n) => n % 4 === 0 && value !== values[n + 1]).length
})(document.querySelector('#paper canvas'))"""


@pytest.fixture
def page(trained, tmp_path, browser):
    """The page of the run, opened, and the run's `Sampler`."""
    run = read.find_run("seen", trained)
    command = [sys.executable, "-c", NOTING, "--run", "seen", "--log-dir", str(trained), "--no-browser", "--port", "0"]
    with serving(command, tmp_path / "log.txt") as served, Sampler(run) as sampler:
        yield SimpleNamespace(
            browser=browser, address=served.address, process=served.process, sampler=sampler, log=tmp_path / "log.txt"
        )


def test_each_tab_does_what_it_says(page, tmp_path):
    """One test, so that the page is opened once: the tabs in their order, as a user would go through them."""
    browser, sampler = page.browser, page.sampler
    z, labels = sampler.z(24, 0), sampler.labels(24, 0)
    open_page(browser, page.address)
    assert_images(images(browser, "#samples", 24), sampler.images(z, labels))
    clicks = "for (const [n, wait] of [[1, 0], [2, 0], [5, 30]]) setTimeout(() => tiles()[n].click(), wait)"
    browser.execute_script(f"const tiles = () => document.querySelectorAll('#samples button'); {clicks}")
    for number in (1, 2, 5):  # all three are taken, however quickly one clicks
        until(browser, "return document.querySelectorAll('#samples button')[arguments[0]].ariaPressed === 'true'", number)
    taken = [1, 2, 5]
    assert_images(images(browser, "#collection", 3), sampler.images(z[taken], labels[taken]))
    archive = browser.execute_script("return document.querySelectorAll('#save-samples a')[1].href").split(",")[1]
    with np.load(io.BytesIO(base64.b64decode(archive))) as arrays:
        np.testing.assert_array_equal(arrays["z"], z)
        np.testing.assert_array_equal(arrays["labels"], labels)
        np.testing.assert_array_equal(arrays["images"], sampler.images(z, labels))
    keep_screenshot(browser, "samples")

    open_tab(browser, "Directions")
    assert_images(images(browser, "#directions-choices", 3), sampler.images(z[taken], labels[taken]))
    assert_images(images(browser, "#moved", 1), sampler.images(z[1:2], labels[1:2]))
    times = [slide(browser, "#direction-1", value) for value in (0.5, 1, 1.5, 2, 2.5)]
    assert statistics.median(times) < 1, "150 ms where nothing else runs"
    expected = sampler.move(z[1], sampler.directions(6)[0], [2.5])
    assert_images(images(browser, "#moved", 1), sampler.images(expected, labels[1:2]))
    keep_screenshot(browser, "directions")
    click(browser, "#reset")
    until(browser, "return document.querySelector('#direction-1 input[type=range]').value == 0")
    assert_images(images(browser, "#moved", 1), sampler.images(z[1:2], labels[1:2]))

    open_tab(browser, "Between")
    legs = images(browser, "#way", 2, (28, 280)).reshape(2, 28, 10, 28).swapaxes(1, 2)
    assert_images(legs[:, 0], sampler.images(z[[1, 2]], labels[[1, 2]]))
    assert_images(legs[:, -1], sampler.images(z[[2, 5]], labels[[2, 5]]))
    film = browser.execute_script("return document.querySelector('#film img').src").split(",")[1]
    assert Image.open(io.BytesIO(base64.b64decode(film))).n_frames == 2 * (2 * 10 - 1) - 2, "there and back"
    keep_screenshot(browser, "between")

    open_tab(browser, "Arithmetic")
    images(browser, "#arithmetic-choices", 3 + 32)
    for part in "abc":
        click(browser, f"#group-{part} button")
        until(browser, "return !document.querySelector(arguments[0] + ' img')", f"#group-{part}")
    for group, number in enumerate((1, 0, 2)):
        click(browser, "input[type=radio]", group)
        click(browser, "#arithmetic-choices button", number)
        until(browser, "return document.querySelector(arguments[0] + ' img')", f"#group-{'abc'[group]}")
    plus, minus, also = z[[2]], z[[1]], z[[5]]
    shares = np.eye(10, dtype=np.float32)[labels]
    mixed = np.maximum(shares[2] - shares[1] + shares[5], 0)
    expected = sampler.images(sampler.arithmetic(plus, minus, also)[None], mixed[None] / mixed.sum())
    until(browser, "return document.querySelectorAll('#result img').length == 9")
    np.testing.assert_array_equal(images(browser, "#result", 9)[4], expected[0, ..., 0])
    keep_screenshot(browser, "arithmetic")

    open_tab(browser, "Your picture")
    own = sampler.images(z[8:9], labels[8:9])[0, ..., 0]
    Image.fromarray(own).save(tmp_path / "own.png")
    browser.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / "own.png"))
    until(browser, "return document.querySelector('#paper canvas')")
    click(browser, "#find")
    words = until(browser, "return /found, (.*)% of the range/.exec(document.querySelector('#found').innerText)?.[1]")
    assert float(words) < 2
    found = images(browser, "#found", 2)
    np.testing.assert_array_equal(found[0], own)
    assert np.abs(found[1].astype(float) - own).mean() / 255 < 0.02
    paint(browser)
    assert browser.execute_script(f"return {PAINTED}") > 20
    click(browser, "#unhole")
    until(browser, f"return {PAINTED} === 0")
    paint(browser)
    click(browser, "#fill")
    until(browser, "return /filled/.test(document.querySelector('#found').innerText)")
    holed, filled = images(browser, "#found", 2)
    changed = holed != own
    assert 20 < changed.sum() < 400, "the stroke"
    np.testing.assert_array_equal(filled[~changed & (holed != 127)], own[~changed & (holed != 127)])
    keep_screenshot(browser, "picture")

    open_tab(browser, "Samples")
    before = browser.execute_script("return document.querySelector('#samples img').src")
    click(browser, "#renew")
    until(browser, "return document.querySelector('#samples img').src !== arguments[0]", before)
    assert_images(images(browser, "#samples", 24), sampler.images(sampler.z(24, 1), sampler.labels(24, 1)))
    until(browser, "return document.querySelector('input[type=number]').value === '1'")

    asked = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert not [name for name in asked if not name.startswith((page.address, "data:"))]
    assert asked
    assert browser.execute_async_script(
        "const done = arguments[0]; document.addEventListener('securitypolicyviolation', e => done(e.blockedURI), {once: true});"
        "fetch('http://example.com/').catch(() => setTimeout(() => done('nothing refused it'), 2000))"
    ).startswith("http://example.com")
    page.process.send_signal(signal.SIGINT)
    assert page.process.wait(10) == 130
    told = [line for line in page.log.read_text().splitlines() if line.startswith("ASKED")]
    assert told == ["ASKED socket.getaddrinfo 127.0.0.1"], "its own address, to listen there"
    control = subprocess.run([sys.executable, "-c", NOTING, "control"], capture_output=True, text=True, check=True)
    assert "ASKED socket.connect" in control.stderr


def paint(browser):
    """Paints a stroke on the picture with the mouse."""
    from selenium.webdriver import ActionChains

    canvas = browser.find_element("css selector", "#paper canvas")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    chain = ActionChains(browser).move_to_element_with_offset(canvas, -40, 0).click_and_hold()
    chain.move_by_offset(40, 20).move_by_offset(30, -10).release().perform()
    time.sleep(1)  # until the page knows the stroke: it shows nothing then


def test_bad_uploads_are_messages_on_the_page(page, tmp_path):
    browser = page.browser
    open_page(browser, page.address)
    open_tab(browser, "Your picture")
    click(browser, "#find")
    expect_message(browser, "no picture yet")
    (tmp_path / "essay.png").write_text("This is no picture.")
    (tmp_path / "huge.png").write_bytes(vast_png())
    for name, words in (("essay.png", "not a picture of a known kind"), ("huge.png", "50,000 x 50,000 pixels, more than")):
        browser.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / name))
        expect_message(browser, words)
    Image.new("RGB", (50, 40), "gray").save(tmp_path / "good.png")
    browser.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / "good.png"))
    until(browser, "return document.querySelector('#paper canvas')")
    click(browser, "#fill")
    expect_message(browser, "no hole yet")


def test_a_run_that_is_being_trained_two_tabs_and_a_phone(trained, tmp_path, browser):
    """The newest checkpoint is hidden at first, as if training had not come to it."""
    logs = tmp_path / "logs"
    shutil.copytree(trained, logs)
    kept = logs / "seen" / "checkpoints"
    (kept / "000400").rename(tmp_path / "000400")
    record = (kept / "checkpoint").read_text()
    (kept / "checkpoint").write_text(record.replace("000400", "000300"))
    command = [sys.executable, "-m", "tfgan.explore", "--run", "seen", "--log-dir", str(logs), "--no-browser", "--port", "0"]
    with serving(command, tmp_path / "log.txt") as served, Sampler(read.find_run("seen", trained)) as newest:
        open_page(browser, served.address)
        first = browser.current_window_handle
        before = images(browser, "#samples", 24)
        browser.switch_to.new_window("tab")
        open_page(browser, served.address)
        images(browser, "#samples", 24)  # then the page answers clicks
        (tmp_path / "000400").rename(kept / "000400")
        (kept / "checkpoint").write_text(record)
        click(browser, "#reload")
        expect_message(browser, "400 (newest)")
        expected = newest.images(newest.z(24, 0), newest.labels(24, 0))
        until(browser, "return document.querySelector('#samples img').src !== arguments[0]", address_of(before[0]))
        assert_images(images(browser, "#samples", 24), expected)
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        )
        for name in TABS:
            open_tab(browser, name)
            assert browser.execute_script("return document.documentElement.scrollWidth") == 390, name
        keep_screenshot(browser, "phone")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.close()
        browser.switch_to.window(first)
        np.testing.assert_array_equal(images(browser, "#samples", 24), before)
        click(browser, "#samples button", 3)
        np.testing.assert_array_equal(images(browser, "#collection", 1)[0], before[3])


def address_of(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
