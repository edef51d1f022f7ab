"""The folder of `python -m tfgan.explore --to`: the same page, in headless Chromium, without tfgan and without private names."""

import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

from tests.explore.driving import PATIENCE_S
from tests.explore.driving import click
from tests.explore.driving import images
from tests.explore.driving import open_page
from tests.explore.driving import open_tab
from tests.explore.driving import slide
from tests.explore.driving import until
from tests.serving import serving
from tfgan.explore import __main__ as explore
from tfgan.runs import saved
from tfgan.sampling.inference import Sampler


@pytest.mark.slow
def test_the_folder_is_the_same_page_without_tfgan(trained, tmp_path, browser, command):
    status, out, err = command(explore)("--run", "seen", "--log-dir", trained, "--to", "there")
    assert (status, err) == (0, "")
    assert "Saved in there: README.md" in out
    folder = tmp_path / "there"
    text = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for private in (str(trained), str(tmp_path), str(pathlib.Path.home()) + "/"):
        assert private.encode() not in text
    card = (folder / "README.md").read_text()
    assert card.startswith("---\npipeline_tag: ")
    assert "CC BY 4.0 (UCI Optical Recognition)" in card
    moved = tmp_path / "elsewhere"
    folder.rename(moved)
    with serving([sys.executable, "app.py"], tmp_path / "log.txt", cwd=moved) as served:
        open_page(browser, served.address)
        with Sampler(saved.find_run("seen", trained)) as sampler:
            z, labels = sampler.z(24, 0), sampler.labels(24, 0)
            made = images(browser, "#samples", 24)
            assert np.abs(made.astype(int) - sampler.images(z, labels)[..., 0]).max() <= 1
        open_tab(browser, "Directions")
        images(browser, "#moved", 1)
        assert slide(browser, "#direction-1", 2) < PATIENCE_S
        open_tab(browser, "Your picture")
        Image.fromarray(made[8]).save(tmp_path / "own.png")
        browser.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / "own.png"))
        until(browser, "return document.querySelector('#paper canvas')")
        click(browser, "#find")
        words = until(browser, "return /found, (.*)% of the range/.exec(document.querySelector('#found').innerText)?.[1]")
        assert float(words) < 2
    status, _, err = command(explore)("--run", "seen", "--log-dir", trained, "--to", moved)
    assert (status, err) == (0, ""), "an earlier page is replaced"
