"""A real browser for tests: opens pages at some width and tells what a reader would meet."""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websocket

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
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # nothing outside is ever reached
    "--remote-debugging-port=0",
)

_MEASURE = """(() => {
  const width = document.documentElement.clientWidth;
  const shown = (e) => e.getClientRects().length > 0;
  const name = (e) => `${e.tagName}.${e.getAttribute("class")} ${e.textContent.slice(0, 40)}`;
  const inScroll = (e) => e.closest(".scroll, pre, .lt-more");
  const out = [...document.body.querySelectorAll("*")].filter((e) => shown(e) && !inScroll(e)
    && !e.closest("svg") && (e.getBoundingClientRect().right > width + 1
    || e.getBoundingClientRect().left < -1)).map(name);
  const texts = [...document.querySelectorAll("svg text")].filter(shown);
  const clipped = texts.filter((t) => {
    const box = t.getBoundingClientRect(), svg = t.closest("svg").getBoundingClientRect();
    return box.left < svg.left - 1 || box.right > svg.right + 1 || box.top < svg.top - 1
      || box.bottom > svg.bottom + 1;
  }).map(name);
  const size = (t) => {
    const matrix = t.getScreenCTM();
    return parseFloat(getComputedStyle(t).fontSize) * Math.hypot(matrix.a, matrix.b);
  };
  return {
    width, scrollWidth: document.documentElement.scrollWidth,
    height: document.documentElement.scrollHeight, out, clipped,
    smallestText: Math.min(99, ...texts.map(size)),
    charts: [...document.querySelectorAll("svg")].filter(shown).length,
    unnamed: [...document.querySelectorAll("svg, img")].filter((e) => shown(e)
      && !(e.getAttribute("aria-label") || e.getAttribute("alt"))).length,
    ids: [...document.querySelectorAll("[id]")].map((e) => e.id),
    links: [...document.querySelectorAll("a[href]")].map((e) => e.getAttribute("href")),
  };
})()"""


@dataclass
class Visit:
    """What the browser met: measurements of the page, its console, requests that it made."""

    measures: dict[str, Any]
    console: list[str]
    requests: list[str] = field(default_factory=list)


class Browser:
    """One tab of a running Chromium, driven by the DevTools protocol."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=120, suppress_origin=True)
        self._last = 0
        self._events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """Leave the tab."""
        self._socket.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command; events that come before it are kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._last:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def open(self, page: Path, width: int, *, media: str = "", dark: bool = False) -> Visit:
        """Load a page in a window of `width` pixels and measure it."""
        self.emulate(media=media, dark=dark)
        self._widen(width)
        self.load(page)
        return self._visit(page)

    def load(self, page: Path) -> None:
        """Load a page in the window as it is."""
        self._events.clear()
        self.call("Page.navigate", url=page.resolve().as_uri())
        self._wait("Page.loadEventFired")

    def resize(self, page: Path, width: int) -> Visit:
        """Measure the open `page` in a window of another width.

        Console and requests are those since it was loaded."""
        self._widen(width)
        return self._visit(page)

    def _widen(self, width: int) -> None:
        window = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **window)

    def _visit(self, page: Path) -> Visit:
        measures = self.evaluate(_MEASURE)
        return Visit(measures, self._console(), self._requests(page))

    def emulate(self, *, media: str = "", dark: bool = False) -> None:
        """Another medium or colour scheme, for the open page and those that follow."""
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=theme)

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression (promises are awaited) in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def violations(self, axe: str, *rules: str) -> list[str]:
        """What axe-core, whose source is `axe`, finds serious or critical in the open page; by
        these rules alone, if any are named."""
        if not self.evaluate("'axe' in window"):
            self.evaluate(f"{axe}; undefined")
        # Neither paths to elements nor files beside the page, which has none, are asked for.
        options: dict[str, Any] = {
            "resultTypes": ["violations"],
            "selectors": False,
            "preload": False,
        }
        if rules:
            options["runOnly"] = {"type": "rule", "values": rules}
        results = self.evaluate(f"axe.run({json.dumps(options)})")
        return [
            f"{violation['id']} ({violation['impact']}): {node['html'][:120]}: "
            f"{node['failureSummary']}"
            for violation in results["violations"]
            if violation["impact"] in {"serious", "critical"}
            for node in violation["nodes"]
        ]

    def print_pdf(self, pdf: Path) -> int:
        """Print the open page on A4; the number of its pages."""
        self.call("Emulation.clearDeviceMetricsOverride")
        paper = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": False}
        answer = self.call("Page.printToPDF", **paper)
        pdf.write_bytes(base64.b64decode(answer["data"]))
        return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes()))

    def picture(self, png: Path) -> None:
        """The whole open page as a picture, to be looked at."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        png.write_bytes(base64.b64decode(answer["data"]))

    def _wait(self, event: str) -> None:
        while not any(message.get("method") == event for message in self._events):
            self._events.append(json.loads(self._socket.recv()))

    def _console(self) -> list[str]:
        talk = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
        return [
            json.dumps(message["params"])
            for message in self._events
            if message.get("method") in talk
        ]

    def _requests(self, page: Path) -> list[str]:
        sent = [
            message
            for message in self._events
            if message.get("method") == "Network.requestWillBeSent"
        ]
        urls = [message["params"]["request"]["url"] for message in sent]
        own = page.resolve().as_uri()
        return [url for url in urls if url != own and not url.startswith("data:")]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A Chromium with a fresh profile in that folder, until the end of the block."""
    command = [str(CHROMIUM), *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            tab = Browser(_address(profile, process))
            yield tab
            tab.close()
        finally:
            process.terminate()


def _address(profile: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where the tab listens: Chromium writes its port into the profile once it does."""
    import urllib.request

    port_file = profile / "DevToolsActivePort"
    until = time.monotonic() + 60
    while not (port_file.exists() and "\n" in port_file.read_text()):
        assert process.poll() is None, "Chromium ended before it began"
        assert time.monotonic() < until, "Chromium did not begin to listen"
        time.sleep(0.05)
    port = port_file.read_text().splitlines()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=120) as answer:
        tabs = json.load(answer)
    address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
    return str(address)
