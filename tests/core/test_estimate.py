"""The estimate of a run: by durations of earlier runs where there are some, else by assumption."""

import pytest

from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.estimate import (
    SHARES,
    EarlierRuns,
    Estimate,
    Tariff,
    Workload,
    assumed_ms,
    estimate_adaptive,
    estimate_run,
)

TARIFF = Tariff(load_price_book(), "us-east-1", "x86_64")
WORK = Workload(sizes=(128, 1769), counts={"a": 10, "b": 10}, environments=5, cold=0, timeout_s=3)


def test_durations_of_earlier_runs_give_the_bill() -> None:
    earlier = EarlierRuns(
        {(name, size): 100.0 for name in "ab" for size in WORK.sizes},
        dict.fromkeys(WORK.sizes, 300.0),
    )
    estimate = estimate_run(TARIFF, WORK, earlier)
    gb_s = sum(size / 1024 for size in WORK.sizes) * (20 * 0.1 + 5 * 0.3)
    assert estimate.from_earlier_runs
    assert estimate.invocations == 50
    assert estimate.function_usd == pytest.approx(gb_s * 0.0000166667 + 50 * 0.2e-6)
    assert estimate.usd > estimate.function_usd
    assert estimate.at_most_usd > estimate.function_usd


def test_unknown_durations_grow_as_the_cpu_share_falls_up_to_the_timeout() -> None:
    assert assumed_ms(1769) == assumed_ms(3008) == 200
    assert assumed_ms(128) == pytest.approx(200 * 1769 / 128)
    estimate = estimate_run(TARIFF, WORK, EarlierRuns())
    assert not estimate.from_earlier_runs
    assert estimate.function_usd < estimate.at_most_usd


def test_snapshots_of_published_versions_are_paid_for() -> None:
    snap = Workload(WORK.sizes, WORK.counts, 5, 5, 3, snapshots=True)
    plain = Workload(WORK.sizes, WORK.counts, 5, 5, 3)
    with_snapshots, without = (estimate_run(TARIFF, work, EarlierRuns()) for work in (snap, plain))
    gb = 2 * sum(WORK.sizes) / 1024  # two versions of each size, for three hours at least
    assert with_snapshots.function_usd - without.function_usd == pytest.approx(
        gb * 3 * 3600 * 0.0000015046
    )


def test_cold_starts_on_purpose_cost_invocations_and_versions() -> None:
    more = Workload(WORK.sizes, WORK.counts, 5, 10, 3)
    assert more.versions == 2 * 3
    with_cold, without = (estimate_run(TARIFF, work, EarlierRuns()) for work in (more, WORK))
    assert with_cold.invocations == without.invocations + 20
    assert with_cold.usd > without.usd
    assert with_cold.transitions_usd > without.transitions_usd


def grid(num: int) -> Estimate:
    return Estimate(
        60 * num // 10, 0.001 * num / 10, 0.0005 * num / 10, 0.0005, 0.1, from_earlier_runs=True
    )


@pytest.mark.parametrize("strategy", sorted(SHARES))
def test_a_larger_grid_makes_an_adaptive_run_no_more_expensive(strategy: str) -> None:
    ten, fifty = (estimate_adaptive(TARIFF, grid(num), num, strategy) for num in (10, 50))
    assert ten.function_usd == pytest.approx(fifty.function_usd)
    assert ten.function_usd == pytest.approx(SHARES[strategy] * 0.001)
    assert ten.invocations == fifty.invocations < 60
    assert ten.at_most_usd == 0.1


def test_an_adaptive_run_costs_no_more_than_a_grid_of_one_invocation() -> None:
    estimate = estimate_adaptive(TARIFF, grid(1), 1, "cost")
    assert estimate.invocations == 6
    assert estimate.function_usd == pytest.approx(0.0001)
