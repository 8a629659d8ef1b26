"""The price said before a run is the bill after it, once earlier runs are known."""

import json
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import lambdatuning as lt
from lambdatuning.analysis.run import Run
from lambdatuning.api.tuning import earlier_runs
from lambdatuning.cloud.run_store import FolderStore
from lambdatuning.cloud.tuning.plan import TuneRequest, plan_tune
from lambdatuning.core.errors import DeclinedError
from lambdatuning.core.pricing import duration_usd, load_price_book, transitions_usd
from lambdatuning.core.tuning.estimate import Estimate
from tests.bench.tuner import history, transitions

from .conftest import Place
from .functions import sleeping

TYPES = lt.PayloadType("short", sleeping(0.3)), lt.PayloadType("long", sleeping(0.9))
"""They sleep: what a busy machine adds to that is little."""
SIZES, NUM = (512, 1769), 6


def estimated(place: Place, store: Path) -> Estimate:
    """What the next run is estimated at."""
    request = TuneRequest(
        place.function,
        place.outputs["StateMachineArn"],
        TYPES,
        SIZES,
        NUM,
        table=place.outputs["TableName"],
        earlier=earlier_runs(FolderStore(store), place.cloud, place.function),
        with_today=False,
    )
    return plan_tune(place.cloud, request, datetime.now(UTC)).estimate


def ledger(place: Place) -> list[dict[str, Any]]:
    address = f"{place.cloud.endpoint_url}/_lambdatuning/invocations?since=0"
    with urllib.request.urlopen(address, timeout=120) as answer:
        invocations: list[dict[str, Any]] = json.load(answer)
    return invocations


def billed(place: Place, store: Path) -> tuple[float, Run]:
    """Run it; everything that AWS would bill for it: function, tuner and transitions."""
    before = {row["request_id"] for row in ledger(place)}
    run = place.tune(*TYPES, powers=SIZES, num=NUM, environments=None, store=store)
    book = load_price_book()
    tuner_usd = sum(
        duration_usd(book, "us-east-1", "x86_64", row["memory_mb"], row["billed_ms"])
        for row in ledger(place)
        if row["request_id"] not in before and "-Tuner" in row["function"]
    )
    steps = transitions(history(place.cloud, run.manifest.execution_arn))
    return (run.manifest.usd or 0.0) + tuner_usd + transitions_usd(book, "us-east-1", steps), run


def test_the_estimate_is_within_a_fifth_of_the_bill(place: Place, tmp_path: Path) -> None:
    """The whole bill; of three runs that know the one before them, the least disturbed counts."""
    assert not estimated(place, tmp_path).from_earlier_runs
    billed(place, tmp_path)
    errors = []
    for _ in range(3):
        before = estimated(place, tmp_path)
        assert before.from_earlier_runs
        after, run = billed(place, tmp_path)
        errors.append(max(abs(before.usd / after - 1),
                          abs(before.function_usd / (run.manifest.usd or 0.0) - 1)))  # fmt: skip
        if errors[-1] <= 0.2:
            return
    pytest.fail(f"the estimates were off by {errors}")


def test_without_earlier_runs_the_doubt_is_reported(place: Place, tmp_path: Path) -> None:
    prices: list[str] = []
    place.tune("ping", powers="512", store=tmp_path, confirm=lambda talk, _: prices.append(talk))
    assert "it may be several times more or less" in prices[0]

    def decline(talk: str, _: str) -> None:
        raise DeclinedError(talk)

    with pytest.raises(DeclinedError, match="from earlier runs"):
        place.tune("ping", powers="512", store=tmp_path, confirm=decline)


def test_a_run_above_its_allowed_cost_is_declined(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DeclinedError, match=r"more than the \$0 that it may cost"):
        place.tune("ping", max_usd=0, store=tmp_path)
    assert len(lt.runs(tmp_path)) == 0
