"""A real browser for tests: opens a page at some width and tells what a reader would meet."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=NetworkTimeServiceQuerying",  # the browser's own requests
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--window-size=1600,1200",
)

_MEASURE = """<!DOCTYPE html><title>measure</title>
<iframe id="page" src="/page.html" style="border: 0; width: WIDTHpx; height: 4000px"></iframe>
<pre id="found"></pre>
<script>
addEventListener("load", () => {
  const doc = document.getElementById("page").contentDocument;
  const win = doc.defaultView, width = doc.documentElement.clientWidth;
  const shown = (e) => e.getClientRects().length > 0;
  const inScroll = (e) => e.closest(".scroll, pre");
  const name = (e) => `${e.tagName}.${e.getAttribute("class")} ${e.textContent.slice(0, 40)}`;
  const out = [...doc.body.querySelectorAll("*")].filter((e) => shown(e) && !inScroll(e)
    && !e.closest("svg") && (e.getBoundingClientRect().right > width + 1
    || e.getBoundingClientRect().left < -1)).map(name);
  const texts = [...doc.querySelectorAll("svg text")].filter(shown);
  const clipped = texts.filter((t) => {
    const box = t.getBoundingClientRect(), svg = t.closest("svg").getBoundingClientRect();
    return box.left < svg.left - 1 || box.right > svg.right + 1 || box.top < svg.top - 1
      || box.bottom > svg.bottom + 1;
  }).map(name);
  const size = (t) => {
    const matrix = t.getScreenCTM();
    return parseFloat(win.getComputedStyle(t).fontSize) * Math.hypot(matrix.a, matrix.b);
  };
  document.getElementById("found").textContent = JSON.stringify({
    width, scrollWidth: doc.documentElement.scrollWidth, out, clipped,
    smallestText: Math.min(...texts.map(size)),
    charts: [...doc.querySelectorAll("svg")].filter(shown).length,
    unnamed: [...doc.querySelectorAll("svg, img")].filter((e) => shown(e)
      && !(e.getAttribute("aria-label") || e.getAttribute("alt"))).length,
    ids: [...doc.querySelectorAll("[id]")].map((e) => e.id),
  });
});
</script>"""


@dataclass
class Visit:
    """What the browser met: measurements of the page, its console, requests that it made."""

    found: dict[str, Any]
    console: list[str]
    requests: list[str] = field(default_factory=list)


def visit(page: Path, width: int, profile: Path) -> Visit:
    """Open a page in a frame of `width` pixels; every address leads to the test's own server."""
    with _server({"/page.html": page.read_text("utf-8"), "/": _measuring(width)}) as (port, paths):
        done = _chromium(
            profile,
            "--dump-dom",
            f"--host-resolver-rules=MAP * 127.0.0.1:{port}",
            f"http://127.0.0.1:{port}/",
        )
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-500:] + done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Visit(json.loads(unescape(found[1])), console, paths)


def print_pdf(page: Path, pdf: Path, profile: Path) -> int:
    """Print a page to PDF; the number of its pages."""
    _chromium(profile, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.resolve().as_uri())
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes()))


def _chromium(profile: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(CHROMIUM), *_FLAGS, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def _measuring(width: int) -> str:
    return _MEASURE.replace("WIDTH", str(width))


@contextmanager
def _server(pages: dict[str, str]) -> Iterator[tuple[int, list[str]]]:
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(f"{self.headers['Host']}{self.path}".partition("/")[2])
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], paths
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
