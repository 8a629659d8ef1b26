"""Notebooks 04 and 05 from stored runs to their reports."""

from dataclasses import replace
from pathlib import Path

import pytest

from .analysis.synthetic import KINDS, Kind, store_synthetic_run
from .reporting.cells import render_here

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
RECORDED = Path(__file__).parent.parent / "data" / "recorded"
DAYS = ("20261119T090500-aaaaaa", "20261120T090500-bbbbbb", "20261121T090500-cccccc")


def story_of(notebook: str, parameters: dict[str, object]) -> str:
    text = render_here(NOTEBOOKS / notebook, parameters)
    assert len(text) < 600_000
    return text.partition("<main>")[2]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of the same code, and one after a change that made CPU-bound work slower."""
    folder = tmp_path_factory.mktemp("runs")
    kinds = (*KINDS[:2], Kind("<b>hash</b>", 0.5, 150))
    for seed, day in enumerate(DAYS):
        slower = [replace(k, cpu_ms=k.cpu_ms * (1.4 if seed == 2 else 1)) for k in kinds]
        about = {"run_id": day, "code_sha256": "new" if seed == 2 else "old"}
        store_synthetic_run(folder, slower, (128, 512), seed=seed, about=about)
    return folder


def test_a_regression_stands_first(store: Path) -> None:
    given = {"store": store, "history": "all", "max_regression_percent": 20}
    story = story_of("05_compare.ipynb", given)
    assert "<b>hash" not in story
    assert "<strong>Regression: " in story
    assert "slower by" in story.partition("<svg")[0]
    assert story.index("Regression: ") < story.index("<svg") < story.index("<table")
    assert "different code" in story


def test_cold_starts_are_answered_for_a_strategy() -> None:
    given = {"store": RECORDED, "strategy": "balanced", "payload_types": "digest,read"}
    story = story_of("04_cold_starts.ipynb", given)
    assert story.index("is best balanced") < story.index("is cheapest")
    assert "Best size by share of cold starts" in story
    assert "p99 is" not in story  # 24 samples a size do not tell a p99
