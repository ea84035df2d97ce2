"""Headless Chromium for the tests of pages: a probe is opened, and says in its title what it found."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on PATH")

PHONE_WIDTH = 360


def probe(url: str, profile: Path, milliseconds: int = 5000) -> tuple[dict[str, Any], list[str]]:
    """Open a probe with a new profile; the JSON in its title, and what the browser wrote on its console."""
    done = subprocess.run(
        [
            str(BROWSER),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--enable-logging=stderr", f"--user-data-dir={profile}", f"--virtual-time-budget={milliseconds}"),
            *("--dump-dom", url),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title and title[1].startswith("{"), done.stderr[-2000:]
    return json.loads(html.unescape(title[1])), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def probe_page(template: str, page: str, folder: Path) -> dict[str, Any]:
    """Write a probe, in which WIDTH and PAGE stand for a phone's width and the page to look at, and open it."""
    escaped = json.dumps(page).replace("<", "\\u003c")
    file = folder / "probe.html"
    file.write_text(template.replace("WIDTH", str(PHONE_WIDTH)).replace("PAGE", escaped), encoding="utf-8")
    return probe(file.as_uri(), folder / "profile")[0]
