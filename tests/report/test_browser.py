"""The page in a real browser, where one is installed: never wider than the screen, silent on the console."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from audits import full_audit

from theodolite.report import render_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

MEASURE = """<script>onload = () => {
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument.documentElement;
    frame.insertAdjacentHTML("afterend", `<p>${frame.width}: ${page.scrollWidth} in ${page.clientWidth}, ` +
      `styled ${getComputedStyle(page.querySelector("h1")).fontWeight}</p>`);
    frame.remove();
  }
}</script>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_no_sideways_scroll_and_no_console_message(tmp_path: Path) -> None:
    report = render_html(full_audit()).replace("<details", "<details open")
    frames = "".join(
        f'<iframe width="{width}" height="900" srcdoc="{html.escape(report)}"></iframe>'
        for width in (320, 360, 800, 1280)
    )
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{MEASURE}{frames}", encoding="utf-8")
    quiet = "no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update"
    switches = [
        f"--{name}" for name in (*quiet.split(), "disable-sync", "disable-quic", "enable-logging=stderr")
    ]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [str(CHROMIUM), "--headless", *switches, profile, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.findall(r"<p>(\d+): (\d+) in (\d+), styled 600</p>", done.stdout)
    assert len(found) == 4
    assert all(int(needed) <= int(there) for _, needed, there in found), found
    assert "CONSOLE" not in done.stderr
