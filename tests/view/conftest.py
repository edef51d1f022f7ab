"""Headless Chromium for the tests that look at pages.

They need selenium, and Debian's `chromium` and `chromium-driver`. Where those are absent these tests are skipped, or fail if
TFGAN_TEST_BROWSER is `required`.
"""

import os
import shutil

import pytest

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server")


def unavailable(reason):
    """Skips the test, or fails it where it is required."""
    if os.environ.get("TFGAN_TEST_BROWSER") == "required":
        pytest.fail(f"TFGAN_TEST_BROWSER is `required`, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser():
    try:
        from selenium import webdriver
    except ImportError:
        unavailable("selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        unavailable("there is no chromium with its chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in (*OPTIONS, "--window-size=1400,1000"):
        options.add_argument(option)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))  # named: selenium fetches none
    yield browser
    browser.quit()
