"""Pages in a headless browser: faults of accessibility by axe-core, and what is wider than the window."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import axe_core_python

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --virtual-time-budget=60000 --dump-dom"
)
RUN = """
const wide = [...document.querySelectorAll("main *")].filter(each => each.getBoundingClientRect().right > innerWidth + 1
  && !each.closest(".scroll, .formula, .wide, pre")).map(each => each.outerHTML.slice(0, 100));
axe.run().then(found => {
  const faults = found.violations.flatMap(
    fault => fault.nodes.map(node => `${fault.impact} ${fault.id}: ${node.html.slice(0, 150)}`));
  parent.postMessage(JSON.stringify({
    faults, wide, width: innerWidth, passes: found.passes.length, scroll: document.documentElement.scrollWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches}), "*");
});
"""
FRAME = """<!doctype html><script>
onmessage = event => document.documentElement.setAttribute("data-found", event.data);
</script><iframe src="page.html" width="{width}" height="900" frameborder="0"></iframe>
"""
"""A window has a least width, a frame has none."""


@dataclass(frozen=True)
class Found:
    """What the browser reports of a page; widths in CSS pixels."""

    faults: list[str]
    wide: list[str]
    width: int
    passes: int
    scroll: int
    dark: bool

    @property
    def serious(self) -> list[str]:
        return [fault for fault in self.faults if fault.startswith(("serious", "critical"))]


def look(page: Path, width: int, *, dark: bool = False) -> Found:
    """Open a page in a window of this width; its content security policy has to go, since it forbids the audit's script."""
    assert BROWSER is not None
    text = page.read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    script = f"<script>{AXE.read_text(encoding='utf-8')}</script><script>{RUN}</script>"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "page.html")
        copy.write_text(text.replace("</body>", f"{script}</body>"), encoding="utf-8")
        more = ["--blink-settings=preferredColorScheme=0"] if dark else []
        frame = copy.with_name("frame.html")
        frame.write_text(FRAME.format(width=width), encoding="utf-8")
        command = [BROWSER, *FLAGS.split(), *more, f"--user-data-dir={folder}/profile"]
        done = subprocess.run([*command, frame.as_uri()], capture_output=True, text=True, timeout=300, check=True)
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    return Found(**json.loads(html.unescape(found[1])))
