"""The estimate: what is known of earlier runs decides it, and what is not is assumed and said."""

import pytest

from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.estimate import EarlierRuns, Workload, assumed_ms, estimate_run

PLACE = ("us-east-1", "x86_64")
WORK = Workload(sizes=(128, 1769), counts={"a": 10, "b": 10}, environments=5, cold=0, timeout_s=3)


def test_known_durations_give_the_bill() -> None:
    known = EarlierRuns(
        {(name, size): 100.0 for name in "ab" for size in WORK.sizes},
        dict.fromkeys(WORK.sizes, 300.0),
    )
    found = estimate_run(load_price_book(), PLACE, WORK, known)
    gb_s = sum(size / 1024 for size in WORK.sizes) * (20 * 0.1 + 5 * 0.3)
    assert found.from_earlier_runs
    assert found.invocations == 50
    assert found.function_usd == pytest.approx(gb_s * 0.0000166667 + 50 * 0.2e-6)
    assert found.usd > found.function_usd
    assert found.at_most_usd > found.function_usd


def test_unknown_durations_grow_as_the_cpu_share_falls_up_to_the_timeout() -> None:
    assert assumed_ms(1769) == assumed_ms(3008) == 200
    assert assumed_ms(128) == pytest.approx(200 * 1769 / 128)
    found = estimate_run(load_price_book(), PLACE, WORK, EarlierRuns())
    assert not found.from_earlier_runs
    assert found.function_usd < found.at_most_usd


def test_snapshots_of_published_versions_are_paid_for() -> None:
    book = load_price_book()
    snap = Workload(WORK.sizes, WORK.counts, 5, 5, 3, snapshots=True)
    plain = Workload(WORK.sizes, WORK.counts, 5, 5, 3)
    with_snapshots, without = (
        estimate_run(book, PLACE, work, EarlierRuns()) for work in (snap, plain)
    )
    gb = 2 * sum(WORK.sizes) / 1024  # two versions of each size, for three hours at least
    assert with_snapshots.function_usd - without.function_usd == pytest.approx(
        gb * 3 * 3600 * 0.0000015046
    )


def test_cold_starts_on_purpose_cost_invocations_and_versions() -> None:
    book = load_price_book()
    more = Workload(WORK.sizes, WORK.counts, 5, 10, 3)
    assert more.versions == 2 * 3
    with_cold, without = (estimate_run(book, PLACE, work, EarlierRuns()) for work in (more, WORK))
    assert with_cold.invocations == without.invocations + 20
    assert with_cold.usd > without.usd
    assert with_cold.transitions_usd > without.transitions_usd
