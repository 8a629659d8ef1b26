"""Notebook 03 from a stored run to its report."""

from pathlib import Path

from .analysis.synthetic import KINDS, Kind, store_synthetic_run
from .reporting.cells import render_here

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "03_strategies.ipynb"


def test_every_strategy_is_answered_and_drawn(tmp_path: Path) -> None:
    kinds = (*KINDS[:2], KINDS[9], Kind("<script>alert(1)</script>", 5, 40))
    store_synthetic_run(tmp_path / "runs", kinds, (128, 512, 1769, 3008))
    given = {
        "store": tmp_path / "runs",
        "deadline_ms": 400,
        "budget_usd_per_million": 0.01,
        "monthly_invocations": 2_000_000,
        "currency": "{} €",
    }
    text = render_here(NOTEBOOK, given)
    story = text.partition("<main>")[2]
    assert len(text) < 600_000
    assert "<script>alert" not in story
    for words in (
        "the best balance",
        "while cost counts for",
        "worth choosing between",
        "p95 within 400 ms",
        "2,000,000 invocations a month",
        "no size costs at most",
        "€",
    ):
        assert words in story, words
    assert story.index("while cost counts for") < story.index("<table")


def test_without_limits_there_is_no_deadline(tmp_path: Path) -> None:
    store_synthetic_run(tmp_path / "runs", KINDS[:2], (128, 512))
    given = {"store": tmp_path / "runs", "deadline_ms": 0}
    story = render_here(NOTEBOOK, given).partition("<main>")[2]
    answer = story.partition("<h2")[2].partition("How it was measured")[0]
    assert "keeps p95" not in answer
    assert "in time" not in answer
    assert "What you will pay" in story
