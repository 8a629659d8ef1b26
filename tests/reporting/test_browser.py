"""The report as its readers meet it: in a real browser, on a desk, on a phone and on paper."""

from pathlib import Path

import pytest

from lambdatuning.reporting.report import report

from ..analysis.synthetic import KINDS, Kind, store_synthetic_run
from .browser import CHROMIUM, print_pdf, visit

NOTEBOOK = Path(__file__).parent.parent.parent / "notebooks" / "02_payload_types.ipynb"

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    hostile = Kind("<script>alert(1)</script>", 5, 60)
    long = Kind("a-payload-type-with-quite-a-long-name-as-people-do-write-them", 9, 12)
    store_synthetic_run(folder / "runs", (*KINDS, hostile, long))
    (made,) = report([NOTEBOOK], {"store": folder / "runs"}, out=folder)
    return made.html


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_clipped_loaded_or_complained_about(
    page: Path, width: int, tmp_path: Path
) -> None:
    met = visit(page, width, tmp_path)
    assert met.console == []
    assert [path for path in met.requests if path != "favicon.ico"] == ["", "page.html"]
    assert met.found["width"] == width
    assert met.found["scrollWidth"] <= width
    assert met.found["out"] == []
    assert met.found["clipped"] == []
    assert met.found["charts"] == 4
    assert met.found["unnamed"] == 0
    assert met.found["smallestText"] >= 7
    assert len(met.found["ids"]) == len(set(met.found["ids"]))


def test_the_measurement_sees_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<body><p style='width: 900px'>wide</p><img src='http://example.com/x.png'>"
        "<svg viewBox='0 0 10 10' width='100'><text x='9' y='5'>outside</text></svg>"
        "<script>console.error('talk')</script>"
    )
    met = visit(bad, 360, tmp_path / "profile")
    assert met.found["scrollWidth"] > 360
    assert met.found["out"]
    assert met.found["clipped"]
    assert met.found["unnamed"] == 2
    assert "talk" in "".join(met.console)
    assert "x.png" in met.requests


def test_it_prints_to_a_few_pages(page: Path, tmp_path: Path) -> None:
    assert 3 <= print_pdf(page, tmp_path / "a.pdf", tmp_path / "profile") <= 9
