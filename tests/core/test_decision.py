"""What is decided from what was measured."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.decision import (
    TOLERANCE,
    Claim,
    Decision,
    Evidence,
    Mean,
    Point,
    decide,
    mix,
    possible_means,
)
from lambdatuning.core.strategies import CurvePoint, rank

ONE = {"a": 1.0}


def evidence(
    memory_mb: int, ms: float, error: float | None = 0.1, *, payload: str = "a", **more: int
) -> Evidence:
    """Cost in GB-milliseconds, which err as durations do."""
    gb = memory_mb / 1024
    cost = Mean(ms * gb, None if error is None else error * gb)
    counts = {"count": 15, "sent": 15, "failed": 0, **more}
    return Evidence(payload, memory_mb, Mean(ms, error), cost, **counts)


def test_cost_is_judged_by_the_mean_and_set_against_today() -> None:
    """The function of which every fourth call takes 400 ms at 1,024 MB."""
    points = mix([evidence(512, 50), evidence(1024, 115, 30)], ONE)
    decision = decide(points, "cost", today_mb=1024)
    assert decision.memory_mb == 512
    assert decision.sure == pytest.approx(1, abs=0.01)
    assert decision.cost_ratio == pytest.approx(25 / 115)
    assert decision.speedup == pytest.approx(115 / 50)
    assert decision.applied_mb is None


def test_the_public_figures_are_these_seven() -> None:
    decision = decide(mix([evidence(512, 50)], ONE), "cost", today_mb=128)
    assert decision.figures() == {
        "memory_mb": 512, "strategy": "cost", "sure": None, "today_mb": 128, "cost_ratio": None,
        "speedup": None, "applied_mb": None,
    }  # fmt: skip
    assert Decision.from_json(decision.to_json()) == decision


def test_a_claim_that_the_means_contradict_is_not_sure() -> None:
    points = mix([evidence(512, 50), evidence(1024, 115, 5)], ONE)
    decision = decide(points, "cost", claim=Claim(1024, 0.97))
    assert (decision.memory_mb, decision.sure) == (512, None)
    assert "4.60 times as expensive as 512 MB: not sure" in decision.notes[0]
    wide = mix([evidence(512, 50), evidence(1024, 115, 90)], ONE)
    decision = decide(wide, "cost", claim=Claim(1024, 0.97))
    assert (decision.memory_mb, decision.sure) == (1024, None)


def test_a_claim_within_the_tolerance_stands_with_its_own_confidence() -> None:
    points = mix([evidence(512, 50), evidence(1024, 25.5, None)], ONE)
    decision = decide(points, "cost", claim=Claim(1024, 0.97))
    assert (decision.memory_mb, decision.sure, decision.notes) == (1024, 0.97, ())
    decision = decide(points, "cost", claim=Claim(768, 0.96))
    assert (decision.memory_mb, decision.sure) == (768, 0.96)
    assert "768 MB was not measured" in decision.notes[0]


def test_without_three_environments_nothing_is_sure() -> None:
    points = mix([evidence(512, 50, None), evidence(1024, 50, 0.1)], ONE)
    assert decide(points, "cost").sure is None


def test_a_size_that_fails_or_lacks_a_type_cannot_win() -> None:
    weights = {"a": 1.0, "b": 1.0}
    rows = [evidence(size, 10, payload=payload) for size in (128, 256) for payload in "ab"]
    rows += [evidence(512, 1, payload="a"), evidence(512, 1, payload="b", failed=3)]
    rows += [evidence(1024, 1)]
    assert [point.memory_mb for point in mix(rows, weights)] == [128, 256]
    decision = decide([], "cost", today_mb=128)
    assert (decision.memory_mb, decision.sure) == (None, None)
    assert "successful invocation" in decision.reason


def test_types_are_weighed_by_their_shares() -> None:
    rows = [evidence(1024, 10, payload="a"), evidence(1024, 1000, payload="b")]
    (point,) = mix(rows, {"a": 8, "b": 2})
    assert point.duration.value == pytest.approx(208)
    assert point.duration.error == pytest.approx(math.hypot(0.08, 0.02))


def test_ties_go_to_the_cheaper_the_faster_the_smaller() -> None:
    same = mix([evidence(512, 50), evidence(1024, 25)], ONE)
    assert decide(same, "cost").memory_mb == 1024
    assert decide(mix([evidence(512, 20), evidence(1024, 20)], ONE), "speed").memory_mb == 512


CELL = st.tuples(st.floats(1, 1e4), st.one_of(st.none(), st.floats(0, 100)))


@given(
    st.dictionaries(st.sampled_from([128, 256, 512, 1024, 2048]), CELL, min_size=1),
    st.sampled_from(["cost", "speed", "balanced"]),
    st.sampled_from([128, 256, 512, 1024, 2048]),
    st.floats(0, 1),
)
def test_no_answer_is_sure_that_the_means_contradict(
    cells: dict[int, tuple[float, float | None]], strategy: str, claimed: int, sure: float
) -> None:
    points = mix([evidence(size, *cell) for size, cell in sorted(cells.items())], ONE)
    decision = decide(points, strategy, claim=Claim(claimed, sure))
    own = [point for point in points if point.memory_mb == decision.memory_mb]
    if not own or decision.sure is None or strategy == "balanced":
        return
    name = {"cost": "cost", "speed": "duration"}[strategy]
    best = min(getattr(point, name).value for point in points)
    assert getattr(own[0], name).value <= best * (1 + TOLERANCE) * (1 + 1e-9)
    assert 0 <= decision.sure <= 1


def plainly(points: list[Point]) -> list[CurvePoint]:
    return [CurvePoint(p.memory_mb, p.duration.value, p.cost.value) for p in points]


def noisy(size: int, ms: float, usd: float, error: float) -> Point:
    return Point(size, Mean(ms, ms * error), Mean(usd, usd * error))


def test_value_is_chosen_by_what_is_expected_to_be_lost() -> None:
    """By its mean 1,024 MB is just within the tolerance and best, but as likely as not above it."""
    points = [noisy(512, 100, 1.0, 0.04), noisy(1024, 35, 1.0999, 0.04), noisy(2048, 34, 2.2, 0.04)]
    assert rank(plainly(points), "value")[0].memory_mb == 1024
    assert decide(points, "value").memory_mb == 512
    equal = [noisy(512, 100, 1.0, 0.02), noisy(1024, 50, 1.02, 0.02), noisy(2048, 49, 2.0, 0.02)]
    assert decide(equal, "value").memory_mb == 1024
    assert decide(equal, "cost").memory_mb == 512


def test_the_only_size_that_was_measured_is_no_certain_answer() -> None:
    for strategy in ("value", "cost", "speed", "balanced"):
        decision = decide([noisy(512, 100, 1.0, 0.01)], strategy)
        assert (decision.memory_mb, decision.sure) == (512, None)


def test_a_claim_about_the_only_size_that_was_measured_is_not_sure() -> None:
    decision = decide([noisy(512, 100, 1.0, 0.01)], "value", claim=Claim(512, 0.92))
    assert (decision.memory_mb, decision.sure) == (512, None)


def test_a_mean_errs_as_its_interval_says_each_side_for_itself() -> None:
    below, above = Mean.between(100, 80, 150).log_errors
    assert 100 * math.exp(-1.96 * below) == pytest.approx(80, rel=1e-3)
    assert 100 * math.exp(1.96 * above) == pytest.approx(150, rel=1e-3)
    assert Mean.by_logs(100, below, above).log_errors == pytest.approx((below, above))
    assert Mean(100, 4).log_errors == (0.04, 0.04)
    assert Mean(100).log_errors == Mean(0, 1).log_errors == (0.0, 0.0)


def test_the_longer_side_of_a_mix_is_that_of_its_parts() -> None:
    rows = [
        Evidence("a", 512, Mean(10, 1, 3), Mean(10, 1, 3), 10, 10),
        Evidence("b", 512, Mean(30, 2), Mean(30, 2), 10, 10),
    ]
    (point,) = mix(rows, {"a": 1, "b": 1})
    assert point.duration == Mean(20, math.hypot(1, 2) / 2, math.hypot(3, 2) / 2)


@pytest.mark.parametrize("ends", [(95, 300), (40, 105), (90, 110)])
def test_what_may_have_been_measured_lies_where_the_interval_is(ends: tuple[float, float]) -> None:
    mean = Mean.between(100, *ends)
    drawn = sorted(durations[0] for durations, _ in possible_means([Point(512, mean, mean)]))
    below, above = (sum(value < end for value in drawn) / len(drawn) for end in ends)
    assert below == pytest.approx(0.025, abs=0.025)
    assert above == pytest.approx(0.975, abs=0.025)


def test_a_size_that_rare_slow_calls_may_have_spared_is_not_sure() -> None:
    """By its mean 1,024 MB is a tenth faster than 2,048 MB; its interval reaches far beyond."""

    def sure(high: float) -> float:
        fast = Mean.between(100, 98, high)
        points = [
            Point(512, Mean(200, 2), Mean(1, 0.01)),
            Point(1024, fast, fast),
            Point(2048, Mean(110, 1), Mean(3, 0.03)),
        ]
        decision = decide(points, "speed")
        assert decision.memory_mb == 1024
        return decision.sure or 0.0

    assert sure(102) > 0.98
    assert sure(200) < 0.8
