"""The documentation site: it builds without a warning, every link leads somewhere, and a reader's browser asks nobody else."""

import functools
import html.parser
import http.server
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import urllib.parse

import filelock
import pytest

import tfgan
from tests.test_readme import README

ROOT = pathlib.Path(__file__).parents[1]
PATIENCE_S = 60
PHONE, SCREEN = 390, 1280  # widths in pixels
STEP = "8-draw-fresh-noise-for-gs-update"  # of vanilla's page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site. The processes of pytest-xdist share it."""
    pytest.importorskip("mkdocs", reason="the site needs the extra docs, which is not installed")
    parent = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        parent = parent.parent
    with filelock.FileLock(parent / "site.lock"):
        if not (parent / "site").exists():
            build(parent / "site.made")
            (parent / "site.made").rename(parent / "site")
    return parent / "site"


def build(folder):
    """Builds the site as the README says, but for the folder."""
    command, config = "mkdocs build --strict -f", "docs/site/mkdocs.yml"
    assert f"pip install -e '.[docs]' && {command} {config}" in README
    words = [sys.executable, "-m", *command.split(), config, "-d", folder]
    made = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert made.returncode == 0, made.stderr


@pytest.fixture
def address(site):
    """The site's address on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Page(html.parser.HTMLParser):
    """What a page links to, what it loads, and the names of its parts."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.parts = [], [], {""}
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.parts |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("link", "script", "img", "iframe"):
            self.loads += [found[name] for name in ("href", "src") if name in found and found.get("rel") != "canonical"]


def test_every_link_leads_somewhere(site):
    """Anchors, too. The pages load nothing from elsewhere."""
    pages = {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    checked = 0
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                assert link in page.links, f"{path.name} loads {link}"
                continue
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name}: {link}"
            if target in pages:
                assert urllib.parse.unquote(parts.fragment) in pages[target].parts, f"{path.name}: {link}"
            checked += 1
    assert checked > 2000


def open_page(browser, url, width):
    """Opens a page as wide as that; (its width, what it asked for)."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(url)
    if folder := os.environ.get("TFGAN_SCREENSHOTS"):
        browser.save_screenshot(pathlib.Path(folder) / f"site-{url.rpartition('/')[2]}-{width}.png")
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    return browser.execute_script("return document.documentElement.scrollWidth"), browser.execute_script(script)


def test_pages_fit_and_ask_nobody_else(site, address, browser):
    for path in sorted(site.rglob("*.html")):
        if path.is_relative_to(site / "source") and path.name != "test_gan.py.html":
            continue
        for width in (PHONE, SCREEN) if path.parent.name == "tutorials" else (PHONE,):
            wide, asked = open_page(browser, address + str(path.relative_to(site)), width)
            assert wide <= width, path.name
            assert all(url.startswith((address, "data:")) for url in asked), asked


def wait_for(browser, script):
    """The script's answer, as soon as it is something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := browser.execute_script(script)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def test_a_reader_finds_the_line_and_its_proof(site, browser):
    """Who opens vanilla's page, without a server: what makes the noise of G's update fresh, and the test that shows it."""
    open_page(browser, (site / "tutorials" / "vanilla.html").as_uri(), SCREEN)
    script = "let words = '', part = document.getElementById(arguments[0]); "
    script += "while ((part = part.nextElementSibling).tagName != 'H3') words += part.innerText; return words"
    words = browser.execute_script(script, STEP)
    assert 'z_of_g="fresh"' in words
    assert '"input_z_g"' in words
    browser.execute_script(f"document.querySelector('[id=\"{STEP}\"] ~ ul a[href*=\"/tests/\"]').click()")
    code = wait_for(browser, "return document.querySelector(':target')?.nextElementSibling.innerText")
    assert code.startswith("def test_feeding_equals_the_defaults(graph):")
    assert "(values[gan.input_z] != values[gan.input_z_g]).any()" in code


def test_search_finds_it_without_a_server(site, browser):
    open_page(browser, (site / "index.html").as_uri(), SCREEN)
    query = browser.find_element("css selector", "[data-md-component=search-query]")
    browser.execute_script("arguments[0].focus()", query)
    query.send_keys("fresh noise")
    found = wait_for(browser, "return [...document.querySelectorAll('.md-search-result__link')].map(link => link.href)")
    assert any("tutorials/vanilla.html" in link and link.endswith(f"#{STEP}") for link in found), found


def test_the_reference_has_every_public_name(site):
    page = (site / "api.html").read_text()
    for name in tfgan.__all__:
        assert re.search(rf'<h2 id="tfgan\.[\w.]+\.{name}"[^>]*>\s*tfgan\.{name}\s', page), name
    for words in ("A name known to tfgan.datasets", "in inference mode, with the moving averages", "<code>seed</code>"):
        assert words.lower() in page.lower(), words


def test_arguments_become_lists():
    pytest.importorskip("griffe", reason="it comes with the extra docs, which is not installed")
    import docstrings  # here: it needs griffe

    text = "Does it.\n\nseed: a number;\n    not negative.\nx, y: two: of them.\nRaises nothing.\n\nNote: it is odd."
    assert docstrings.with_lists(text) == (
        "Does it.\n\n- `seed`: a number;\n    not negative.\n- `x, y`: two: of them.\nRaises nothing.\n\nNote: it is odd."
    )
