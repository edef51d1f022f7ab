"""What the tests do on the page of `python -m tfgan.explore` in the browser.

Where TFGAN_SCREENSHOTS names a folder, a picture of every tab is left there.
"""

import base64
import io
import os
import pathlib
import time

import numpy as np
from PIL import Image

PATIENCE_S = 30  # with an answer, on a busy machine


def until(browser, script, *arguments):
    """Asks a script until its answer is true; the answer."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := browser.execute_script(script, *arguments)):
        assert time.monotonic() < deadline, script
        time.sleep(0.05)
    return answer


def open_page(browser, address, begins_with="#samples img"):
    """Opens the page, which from then on keeps the text of each message: on a busy machine one may go before anybody looks.

    begins_with: an element of the tab that is open at first.
    """
    browser.get("about:blank")
    browser.get(address)
    browser.execute_script("""
        window.messages = [];
        const seen = new WeakSet();
        new MutationObserver(() => document.querySelectorAll('.toast-body').forEach(e => {
            if (!seen.has(e)) { seen.add(e); window.messages.push(e.innerText); }
        })).observe(document.body, {childList: true, subtree: true});""")
    until(browser, "return document.querySelector(arguments[0])", begins_with)


def open_tab(browser, name):
    """Opens a tab, by the menu where there is no room for all tabs."""
    script = """
        const all = [...document.querySelectorAll('button[role=tab], .overflow-dropdown button')];
        const tab = all.find(e => e.textContent.trim() === arguments[0]);
        tab?.click();
        return tab?.getAttribute('aria-selected') === 'true' || document.querySelector('.overflow-item-selected') !== null"""
    until(browser, script, name)


def images(browser, where, count, shape=(28, 28)):
    """The images inside an element once there are so many, uint8 [count, h, w]."""
    script = """
        const all = [...document.querySelectorAll(arguments[0] + ' img')];
        return all.length == arguments[1] && all.map(e => e.src)"""
    return np.stack([pixels(source) for source in until(browser, script, where, count)]).reshape(count, *shape)


def pixels(source):
    """The pixels of a data address of a PNG."""
    kind, content = source.split(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def click(browser, where, number=0):
    browser.execute_script("document.querySelectorAll(arguments[0])[arguments[1]].click()", where, number)


def slide(browser, where, value):
    """Moves a slider; the time until the moved image is there, in seconds."""
    script = """
        const [where, value, done] = arguments, begin = performance.now(), before = document.querySelector('#moved img').src;
        const slider = document.querySelector(where + ' input[type=range]');
        slider.value = value;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        const look = () => {
            const image = document.querySelector('#moved img');
            if (image.src !== before && image.complete) done((performance.now() - begin) / 1000); else setTimeout(look, 2);
        };
        look()"""
    return browser.execute_async_script(script, where, value)


def expect_message(browser, words):
    """Waits for a message with these words on the page, and closes it."""
    until(browser, "return window.messages.some(text => text.includes(arguments[0]))", words)
    until(browser, "const e = document.querySelector('.toast-body'); e?.querySelector('button').click(); return !e")
    browser.execute_script("window.messages.length = 0")


def keep_screenshot(browser, name):
    if folder := os.environ.get("TFGAN_SCREENSHOTS"):
        browser.save_screenshot(pathlib.Path(folder) / f"{name}.png")


def assert_images(found, expected):
    np.testing.assert_array_equal(found, expected[..., 0])
    assert len(found) == 1 or np.ptp(expected, axis=0).max() > 20, "they differ from one another, else this says nothing"
