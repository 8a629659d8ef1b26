"""Reports as their readers meet them: in a real browser, on a desk, on a phone and on paper.

Those of the recorded runs are what the first command of README's tour leaves.
"""

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest

from lambdatuning.reporting.destination import Folder
from lambdatuning.reporting.index import write_index
from lambdatuning.reporting.report import report

from ..analysis.synthetic import KINDS, Kind, store_synthetic_run
from ..cli.conftest import environment
from ..cli.forked import run_forked
from .browser import CHROMIUM, Browser, Visit, browser
from .cells import render_here
from .notebooks import write_notebook
from .readme import RECORDED, ROOT, copy_checkout

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
AXE = Path(sys.prefix) / "axe" / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = "<script>document.title = 'run'</script>"

DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><style>*{fill:teal}</style>'
    '<circle r="5" cx="9" cy="9"/></svg>'
)

NAMES = [*(path.stem for path in NOTEBOOKS), "index"]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All reports of the recorded runs, and their index."""
    checkout = tmp_path_factory.mktemp("recorded")
    copy_checkout(checkout, "data/recorded", "notebooks")
    _, *words = shlex.split(RECORDED)
    code, _, complaint = run_forked(words, environment({}), checkout, limit_s=600)
    assert code == 0, complaint[-3000:]
    return checkout / "reports" / "recorded"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One tab for all tests."""
    if not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium")
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@dataclass(frozen=True)
class Reading:
    """What readers meet in one page: on a phone, on a desk, by daylight and in the dark, on paper.

    `barriers` are what axe-core finds, by colour scheme: all of it in the light, and what colours
    do in the dark, where nothing else differs; {} without axe-core. `dead_anchors` lead nowhere
    within the page.
    """

    phone: Visit
    desk: Visit
    barriers: dict[str, list[str]]
    dead_anchors: list[str]
    paper_pages: int


class Read(Protocol):
    """Reads a page of `folder` by its name."""

    def __call__(self, name: str) -> Reading: ...


OF_COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe-core that look at colours."""

DEAD_ANCHORS = (
    "[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => "
    "!document.getElementById(decodeURIComponent(a.hash.slice(1)))).map(a => a.hash)"
)


@pytest.fixture(scope="module")
def read(folder: Path, tab: Browser, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Each page is opened when a test asks for it, on a phone that becomes a desk, and all is
    measured then."""
    pdf = tmp_path_factory.mktemp("paper") / "a.pdf"

    @cache
    def reading(name: str) -> Reading:
        page = folder / f"{name}.html"
        phone = tab.open(page, 360)
        desk = tab.resize(page, 1440)
        dead_anchors = tab.evaluate(DEAD_ANCHORS)
        barriers = {}
        if AXE.exists():
            axe = AXE.read_text("utf-8")
            barriers["light"] = tab.violations(axe)
            tab.emulate(dark=True)
            barriers["dark"] = tab.violations(axe, *OF_COLOURS)
            tab.emulate()
        return Reading(phone, desk, barriers, dead_anchors, tab.print_pdf(pdf))

    return reading


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_is_clipped_loaded_or_complained_about(read: Read, name: str, width: int) -> None:
    reading = read(name)
    met = reading.phone if width == 360 else reading.desk
    assert met.console == []
    assert met.requests == []
    assert met.measures["width"] == width
    assert met.measures["scrollWidth"] <= width
    assert met.measures["out"] == []
    assert met.measures["clipped"] == []
    assert met.measures["unnamed"] == 0
    assert met.measures["smallestText"] >= 7
    assert len(met.measures["ids"]) == len(set(met.measures["ids"]))


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: make axe")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_readers(read: Read, name: str, scheme: str) -> None:
    assert read(name).barriers[scheme] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_prints_to_a_few_pages(read: Read, name: str) -> None:
    assert 1 <= read(name).paper_pages <= 10


def test_every_link_leads_somewhere_beside_the_report(folder: Path, read: Read) -> None:
    for name in NAMES:
        links = read(name).desk.measures["links"]
        assert links
        for link in links:
            if not link.startswith(("#", "data:")):
                assert (folder / link).is_file(), link
        assert read(name).dead_anchors == []


def test_reports_are_small(folder: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.html")}
    assert len(sizes) == len(NAMES)
    assert max(sizes.values()) < 600_000, sizes


def test_recorded_runs_of_the_same_code_do_not_differ(folder: Path) -> None:
    story = (folder / "05_compare.html").read_text("utf-8").partition("<main>")[2]
    assert "No significant difference between before and after" in story
    assert "None of the 10 payload types differs significantly" in story
    assert "or more, would have been found four times in five" in story


def test_tables_are_sorted_by_their_heads_without_a_script(folder: Path, tab: Browser) -> None:
    tab.open(folder / "02_payload_types.html", 1440)
    table = "document.querySelector('.lt-sort')"
    heads = f"[...{table}.querySelectorAll('thead th')]"
    column = f"{heads}.findIndex(e => e.innerText.trim() == 'mean')"
    orders = (
        f"[...{table}.querySelectorAll('tbody tr')].map(tr => [...tr.children].filter("
        f"e => e.getClientRects().length)).map(cells => cells[cells.length - 6])"
        ".sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)"
        ".map(e => parseFloat(e.innerText) * (e.innerText.endsWith(' s') ? 1000 : 1))"
    )
    plain = tab.evaluate(orders)
    assert plain != sorted(plain)
    tab.evaluate(f"{table}.querySelectorAll('thead input')[{column}].click()")
    assert tab.evaluate(orders) == sorted(plain)
    tab.evaluate(f"{table}.querySelector('.lt-turn').click()")
    assert tab.evaluate(orders) == sorted(plain, reverse=True)
    tab.evaluate(f"{table}.querySelector('thead input').click()")
    assert tab.evaluate(orders) == plain


def test_the_summary_prints_on_the_first_page(folder: Path, tab: Browser) -> None:
    tab.open(folder / "02_payload_types.html", 700, media="print")
    low = tab.evaluate(
        "document.querySelector('.lt-front').getBoundingClientRect().bottom + scrollY"
    )
    # A4 less its margins, at the 96 pixels an inch of CSS, is 695 wide and 1,024 high.
    assert 0 < low <= 1_024


def test_hostile_names_are_shown_not_run(tmp_path: Path, tab: Browser) -> None:
    long = Kind("a-payload-type-with-quite-a-long-name-as-people-do-write-them", 9, 12)
    for seed in (7, 8):
        run_id = f"2026112{seed}T090500-3f9a1c"
        store_synthetic_run(
            tmp_path / "runs",
            (KINDS[1], Kind(HOSTILE, 5, 60), long),
            (128, 512, 2048),
            seed=seed,
            about={"run_id": run_id},
        )
    given = {"store": tmp_path / "runs", "runs": "latest"}
    for path in NOTEBOOKS[::2]:
        (tmp_path / f"{path.stem}.html").write_text(render_here(path, given), "utf-8")
    write_index(Folder(tmp_path))
    for name in [*(path.stem for path in NOTEBOOKS[::2]), "index"]:
        page = tmp_path / f"{name}.html"
        text = page.read_text("utf-8")
        assert "<script" not in text
        assert ("&lt;script&gt;" in text) == (name != "index")
        met = tab.open(page, 360)
        assert met.console == []
        assert met.measures["out"] == []
        assert met.measures["clipped"] == []
        assert tab.evaluate("document.title") != "run"
        # Without the page's own policy it is the escaping alone that keeps the name from running.
        bare = tmp_path / f"bare-{name}.html"
        bare.write_text(text.replace("Content-Security-Policy", "X-None"), "utf-8")
        tab.load(bare)
        assert tab.evaluate("document.title") != "run"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_other_notebooks_hold_is_seen_and_loads_nothing(
    tmp_path: Path, tab: Browser, *, dark: bool
) -> None:
    (tmp_path / "dot.svg").write_text(DRAWING)
    output = f"HTML(\"<embed src='http://example.com/x'><p>after</p>\"), SVG({DRAWING!r})"
    notebook = write_notebook(
        tmp_path / "any.ipynb",
        "# Any\n\n![a dot](dot.svg) ![gone](http://example.com/y.png)",
        "for colour in range(8): print(f'\\x1b[3{colour}mcolour {colour}\\x1b[0m')",
        f"from IPython.display import HTML, SVG, display\ndisplay({output})",
    )
    (made,) = report(notebook, out=tmp_path / "out")
    met = tab.open(made.html, 360, dark=dark)
    assert met.console == []
    assert met.requests == []
    assert met.measures["out"] == []
    assert "after" in tab.evaluate("document.body.innerText")
    sizes = "[...document.images].map(e => [e.naturalWidth, e.naturalHeight])"
    assert tab.evaluate(sizes) == [[40, 20], [40, 20]]
    if AXE.exists():
        assert tab.violations(AXE.read_text("utf-8")) == []


def test_the_measurement_sees_what_is_wrong(tmp_path: Path, tab: Browser) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<body><p style='width: 900px'>wide</p><img src='http://example.com/x.png'>"
        "<svg viewBox='0 0 10 10' width='100'><text x='9' y='5'>outside</text></svg>"
        "<p style='color: #ddd; background: #fff'>pale</p>"
        "<script>console.error('talk')</script>"
    )
    met = tab.open(bad, 360)
    assert met.measures["scrollWidth"] > 360
    assert met.measures["out"]
    assert met.measures["clipped"]
    assert met.measures["unnamed"] == 2
    assert "talk" in "".join(met.console)
    assert "http://example.com/x.png" in met.requests
    if AXE.exists():
        violations = "".join(tab.violations(AXE.read_text("utf-8")))
        assert "color-contrast" in violations
        assert "image-alt" in violations
