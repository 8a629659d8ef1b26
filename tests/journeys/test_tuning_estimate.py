"""The price said before a run is the bill after it, once earlier runs are known."""

from pathlib import Path

import pytest

import lambdatuning as lt
from lambdatuning.core.errors import DeclinedError

from .conftest import Place


def test_the_estimate_is_within_a_fifth_of_the_bill(place: Place, tmp_path: Path) -> None:
    told: list[str] = []
    given = {"powers": "512,1024", "num": 6, "store": tmp_path}
    place.tune("digest", "create-200b", **given, confirm=lambda talk, _: told.append(talk))
    assert "assuming" in told[-1]
    run = place.tune("digest", "create-200b", **given, confirm=lambda talk, _: told.append(talk))
    assert "from earlier runs" in told[-1]
    estimated = float(told[-1].split("function $")[1].split(",")[0])
    # The talk rounds to 1e-4; the bill of so short a run is smaller than what rounding hides.
    assert estimated == pytest.approx(run.manifest["usd"], rel=0.2, abs=6e-5)


def test_what_is_dearer_than_allowed_is_declined(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DeclinedError, match="above max_usd=0"):
        place.tune("ping", max_usd=0, store=tmp_path)
    assert lt.runs(tmp_path).empty
