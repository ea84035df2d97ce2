"""Headless Chromium for the tests of pages: a probe is opened, and says in its title what it found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
MISSING = [name for name, found in (("Chromium", BROWSER), ("chromedriver", DRIVER)) if found is None]
needs_browser = pytest.mark.skipif(bool(MISSING), reason=f"no {' and no '.join(MISSING)} on PATH")

PHONE_WIDTH = 360
DESKTOP_WIDTH = 1280
PATIENCE = 90.0  # seconds, of tests on a busy machine
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",  # it is too small in many containers
    # Nothing but the servers of the tests can be reached, not even by a page that tries.
    *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)


def probe(url: str, profile: Path) -> tuple[dict[str, Any], list[str]]:
    """Open a probe with a new profile; the JSON in its title, and what the browser wrote on its console.

    The wait is in real time: Chromium's virtual time can run out while a request to a real server is under way.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "localhost")  # or selenium would ask a proxy, if one is set, for the driver's port
        # With the path given, selenium looks for no driver to download.
        with webdriver.Chrome(options, Service(executable_path=DRIVER)) as driver:
            driver.set_page_load_timeout(PATIENCE)
            driver.get(url)
            try:
                WebDriverWait(driver, PATIENCE, poll_frequency=0.1).until(lambda driver: driver.title.startswith("{"))
            except TimeoutException:
                pytest.fail(f"the probe has not finished: {driver.title!r}, {driver.get_log('browser')}")
            return json.loads(driver.title), [entry["message"] for entry in driver.get_log("browser")]


def probe_page(template: str, page: str, folder: Path, width: int = PHONE_WIDTH) -> dict[str, Any]:
    """Write a probe, in which WIDTH and PAGE stand for a width and the page to look at, and open it.

    The browser may write nothing on its console: a page of ours needs no message, and breaks no policy of its own.
    """
    escaped = json.dumps(page).replace("<", "\\u003c")
    file = folder / "probe.html"
    file.write_text(template.replace("WIDTH", str(width)).replace("PAGE", escaped), encoding="utf-8")
    found, console = probe(file.as_uri(), folder / "profile")
    assert not console, console
    return found
