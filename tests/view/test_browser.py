"""TensorBoard on real runs, and a run's HTML page, in headless Chromium: what is written is what is seen.

Where TFGAN_SCREENSHOTS names a folder, a picture of every page is left there.
"""

import os
import pathlib
import re
import sys
import time

import pytest

from tests.conftest import TINY
from tests.serving import serving
from tfgan import report

PATIENCE_S = 60  # with a page, on a busy machine

# Every element of a page, those in shadow roots and frames among them; those of a name that take up space; those inside another.
ELEMENTS = """
    const elements = [];
    const walk = root => {
        for (const e of root.querySelectorAll('*')) {
            elements.push(e);
            if (e.shadowRoot) walk(e.shadowRoot);
            if (e.localName === 'iframe' && e.contentDocument) walk(e.contentDocument);
        }
    };
    walk(document);
    const seen = selector => elements.filter(e => e.matches(selector) && e.getClientRects().length);
    const within = (outer, selector) => seen(selector).filter(e => {
        while (e && e !== outer) e = e.parentElement || e.getRootNode().host;
        return e;
    });
    const texts = list => list.map(e => e.textContent.trim().replace(/\\s+/g, ' '));
"""

# tab of TensorBoard -> JavaScript that tells what is on it
TABS = {
    "scalars": """return {
        words: texts(seen('label, div, span').filter(e => !e.children.length)),
        lines: seen('tf-scalar-card').map(
            e => [e.tag, new Set(within(e, 'path.line[d]').map(path => path.getAttribute('stroke'))).size]),
        about: seen('tf-card-heading').map(e => [e.tag, e.description])}""",
    "histograms": "return seen('tf-histogram-loader').map(e => [e.run, e.tag, within(e, '.histogram path[d]').length > 1])",
    "distributions": "return seen('tf-distribution-loader').map(e => [e.run, e.tag, within(e, 'path.area[d]').length > 1])",
    "images": "return seen('tf-image-loader').map(e => [e.run, e.tag, ...within(e, 'img').map(image => image.naturalWidth)])",
    "graphs": "return seen('g.node.meta').map(e => e.dataset.name)",
    "text": "return seen('tf-text-loader').map(e => [e.run, e.tag, texts(within(e, 'td'))])",
    "hparams": "return texts(seen('vaadin-grid-cell-content'))",
    "projector": """return {
        texts: texts(seen('div, p, span')).filter(text => /^(Points: |Total variance described: \\d)/.test(text)),
        fetched: elements.filter(e => e.localName === 'iframe').flatMap(
            e => e.contentWindow.performance.getEntriesByType('resource').map(entry => entry.name))}""",
}


def look(browser, address, script, satisfied, name):
    """Opens a page and asks the script until its answer satisfies; the last answer."""
    browser.get("about:blank")
    browser.get(address)
    deadline = time.monotonic() + PATIENCE_S
    while not satisfied(answer := browser.execute_script(ELEMENTS + script)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if folder := os.environ.get("TFGAN_SCREENSHOTS"):
        browser.save_screenshot(pathlib.Path(folder) / f"{name}.png")
    return answer


@pytest.mark.slow
def test_tensorboard_shows_two_runs_side_by_side(run, tmp_path, browser):
    """One test, so that the runs are trained once: every tab, what is missing there, and only then the verdict."""
    rates = {"slow": 0.0005, "fast": 0.002}
    for name, rate in rates.items():
        assert run("--model=vanilla", *TINY, "--iterations", 21, "--run", name, "--learning-rate", rate)[0] == 0
    kernels = [[name, "generator/dense/kernel", True] for name in rates]
    pictures = [[name, tag] for tag in ("real", "samples") for name in sorted(rates)]
    lines = [["loss/d_loss", 2], ["loss/g_loss", 2], ["discriminator/mean_output_on_real", 2]]
    blocks = {"generator", "discriminator", "d_loss", "g_loss", "d_update", "g_update"}

    def row_of(name, cells):
        first = cells.index(name)
        return [float(cell) for cell in cells[first : first + 10] if re.fullmatch(r"[\d.]+", cell)]

    expected = {
        "scalars": lambda found: (
            set(rates) <= set(found["words"])
            and all(line in found["lines"] for line in lines)
            and any("D's update minimises" in text for _, text in found["about"])
        ),
        "histograms": lambda found: all(kernel in found for kernel in kernels),
        "distributions": lambda found: all(kernel in found for kernel in kernels),
        "images": lambda found: [row[:2] for row in found] == pictures and all(row[2:] == [560] for row in found),
        "graphs": lambda found: blocks <= set(found) and len(found) < 30,
        "text": lambda found: {row[0] for row in found} == set(rates) and all("learning_rate" in row[2] for row in found),
        "hparams": lambda found: "learning_rate" in found and all(n in found and r in row_of(n, found) for n, r in rates.items()),
        "projector": lambda found: (
            {"Points: 84", "Total"} <= {text.split(" Dimension")[0].split(" variance")[0] for text in found["texts"]}
            and any("sprite_image" in address for address in found["fetched"])
        ),
    }
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", "logs", "--host", "127.0.0.1", "--port", "0"]
    with serving(command, tmp_path / "tensorboard.txt") as served:
        found = {tab: look(browser, f"{served.address}#{tab}", script, expected[tab], tab) for tab, script in TABS.items()}
    missing = {tab: answer for tab, answer in found.items() if not expected[tab](answer)}
    assert not missing


def look_at_page(browser, path):
    """Opens a file; its title, its pictures' widths, what it asked the network for, and how much text it has."""
    script = """return {
        title: document.title, text: document.body.innerText.length, widths: seen('img').map(image => image.naturalWidth),
        asked: performance.getEntriesByType('resource').map(e => e.name).filter(name => !name.startsWith('data:'))}"""
    return look(browser, path.absolute().as_uri(), script, lambda page: page["widths"] and all(page["widths"]), path.stem)


def test_the_page_of_a_run_is_whole_and_asks_nobody(run, command, tmp_path, browser):
    assert run("--model=vanilla", *TINY, "--iterations", 21, "--run", "seen")[0] == 0
    assert command(report)("--run", "seen")[0] == 0
    page = look_at_page(browser, tmp_path / "out" / "seen.html")
    assert "seen" in page["title"]
    assert page["text"] > 100
    assert page["widths"]
    assert all(page["widths"])
    assert page["asked"] == []
