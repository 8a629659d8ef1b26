"""A night: a verdict, reports and their notebooks kept by date, latest/ and an index."""

import json
from datetime import date
from pathlib import Path

import nbformat
import pytest

import lambdatuning as lt
from lambdatuning.analysis.verdict import Verdict
from lambdatuning.reporting.execution import read_notebook
from lambdatuning.reporting.parameters import declared
from lambdatuning.schedules import archive
from lambdatuning.schedules.night import NightRequest, NightResult, judge, night

from ..analysis.synthetic import KINDS, store_synthetic_run
from .notebooks import small_notebook

ROOT = Path(__file__).parents[2]
STORE = ROOT / "data" / "recorded"
DAY = date(2026, 11, 28)
FUNCTION = "lambdatuning-LambdaFunctionOverHttps-02319D6CB40A5"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[NightResult, Path]:
    """A night with one notebook that works, and one that fails."""
    folder = tmp_path_factory.mktemp("night")
    request = NightRequest(
        run=lt.load(STORE),
        store=str(STORE),
        notebooks=[str(small_notebook(folder)), str(small_notebook(folder, "broken", "1 / 0"))],
        out=str(folder / "reports"),
        day=DAY,
        max_regression=0.05,
    )
    return night(request), folder / "reports" / FUNCTION


def test_reports_lie_by_date_and_as_the_latest(made: tuple[NightResult, Path]) -> None:
    result, base = made
    dated = base / "2026/11/28/20261123T141453-46850e"
    assert result.places.folder == f"{dated}/"
    assert result.places.index == str(base / "index.html")
    for folder in (dated, base / "latest"):
        names = {path.name for path in folder.iterdir()}
        assert names >= {"small.html", "small.ipynb", "index.html", "verdict.json"}
        assert names >= {"junit.xml", "badge.svg", "comment.md"}
    assert result.places.latest == str(base / "latest" / "index.html")


def test_the_executed_notebook_has_its_outputs_and_parameters(
    made: tuple[NightResult, Path],
) -> None:
    notebook = nbformat.read(made[1] / "latest" / "small.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    injected = [
        cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", [])
    ]
    assert f'function = "{FUNCTION}"' in injected[0].source
    assert 'history = "latest 10"' in injected[0].source  # what the verdict learns from, too
    assert notebook.cells[-1]["outputs"][0]["text"] == f"{FUNCTION}\n"


def test_the_notebook_that_compares_takes_all_that_a_night_gives() -> None:
    path = str(ROOT / "notebooks" / "05_compare.ipynb")
    names = {parameter.name for parameter in declared(read_notebook(path), path)}
    assert names >= {"store", "runs", "function", "history", "max_regression_percent"}


def test_the_verdict_is_that_of_compare_on_the_same_runs(made: tuple[NightResult, Path]) -> None:
    verdict = made[0].verdict
    compared = lt.compare("latest 2", store=STORE, history="latest 10").verdict
    assert verdict == compared
    written = json.loads((made[1] / "latest" / "verdict.json").read_text("utf-8"))
    assert written == json.loads(json.dumps(verdict.to_json()))


def test_a_notebook_that_fails_takes_nothing_else_with_it(made: tuple[NightResult, Path]) -> None:
    assert "broken.ipynb" in made[0].failed
    assert "ZeroDivisionError" in made[0].failed
    assert (made[1] / "latest" / "broken.failed.ipynb").exists()


def test_a_night_that_is_reported_later_is_judged_by_what_came_before_it(tmp_path: Path) -> None:
    runs = [f"2026112{n}T090500-aaaaaa" for n in range(1, 4)]
    for n, run_id in enumerate(runs):
        about = {"run_id": run_id, "function": "shop", "started_at": f"2026-11-2{n + 1}T09:05:00Z"}
        store_synthetic_run(tmp_path, KINDS[:1], (128, 512), seed=n, about=about)
    about = {"run_id": "20261124T090500-aaaaaa", "function": "shop-v2"}
    store_synthetic_run(tmp_path, KINDS[:1], (128, 512), about=about)
    run = lt.runs(tmp_path)[runs[1]]
    judged = judge(NightRequest(run, str(tmp_path), (), "", DAY, 0.05))
    assert (judged.function, judged.run_id, judged.baseline) == ("shop", runs[1], (runs[0],))


def verdict(run_id: str, reason: str = "fine", kind: str = "fine") -> Verdict:
    return Verdict(source="compare", function="a/b <c>", kind=kind, reason=reason, run_id=run_id)


def test_the_index_has_a_line_a_night_newest_first(tmp_path: Path) -> None:
    out = str(tmp_path)
    archive.keep(out, verdict("r1"), date(2026, 11, 27), {"index.html": "one"})
    archive.keep(out, verdict("r2", "<b>20 %</b> slower", "worse"), DAY, {"index.html": "two"})
    archive.keep(out, verdict("r1", "again"), date(2026, 11, 27), {"index.html": "three"})
    base = tmp_path / "a-b-c"
    nights = json.loads((base / "nights.json").read_text())
    assert [(night["day"], night["run_id"], night["headline"]) for night in nights] == [
        ("2026-11-28", "r2", "<b>20 %</b> slower."),
        ("2026-11-27", "r1", "Again."),
    ]
    page = (base / "index.html").read_text("utf-8")
    assert 'href="2026/11/28/r2/index.html"' in page
    assert "&lt;b&gt;20 %&lt;/b&gt; slower" in page
    assert (base / "latest" / "index.html").read_text() == "three"
    (base / "nights.json").write_text("damaged")
    archive.keep(out, verdict("r3"), DAY, {})
    assert len(json.loads((base / "nights.json").read_text())) == 1
