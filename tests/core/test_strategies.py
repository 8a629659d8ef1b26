"""Which point wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.errors import UsageError
from lambdatuning.core.strategies import STRATEGIES, CurvePoint, Worth, choose, rank

POINTS = st.lists(
    st.builds(
        CurvePoint,
        st.integers(128, 10_240),
        st.floats(0, 1e6, allow_nan=False),
        st.floats(0, 1.0, allow_nan=False),
    ),
    min_size=1,
    max_size=20,
)


def about(value: float) -> object:
    """Means that differ in their last digits alone are equal."""
    return pytest.approx(value, rel=1e-11, abs=0)


@given(POINTS)
def test_cost_and_speed_take_the_least(points: list[CurvePoint]) -> None:
    assert choose(points, "cost").cost_usd == about(min(p.cost_usd for p in points))
    fastest = choose(points, "speed").duration_ms
    assert fastest == about(min(p.duration_ms for p in points))


@given(POINTS, st.sampled_from(STRATEGIES), st.floats(-2, 3))
def test_ranking_loses_nothing(points: list[CurvePoint], strategy: str, weight: float) -> None:
    ranked = rank(points, strategy, weight)
    assert sorted(map(repr, ranked)) == sorted(map(repr, points))
    assert ranked[0] == choose(points, strategy, weight)


@given(POINTS)
def test_the_ends_of_the_weight_are_cost_and_speed(points: list[CurvePoint]) -> None:
    assert choose(points, "balanced", 7).cost_usd == about(min(p.cost_usd for p in points))
    fastest = choose(points, "balanced", -1).duration_ms
    assert fastest == about(min(p.duration_ms for p in points))


@given(POINTS, st.floats(0.01, 0.99))
def test_a_balanced_winner_is_never_dominated(points: list[CurvePoint], weight: float) -> None:
    winner = choose(points, "balanced", weight)
    assert not any(
        p.cost_usd < winner.cost_usd * 0.999 and p.duration_ms < winner.duration_ms * 0.999
        for p in points
    )


def test_ties_go_to_the_other_side_and_then_to_the_smaller_size() -> None:
    slow, fast, same = CurvePoint(1, 9, 1), CurvePoint(2, 8, 1), CurvePoint(3, 8, 1)
    assert rank([slow, fast, same], "cost") == (fast, same, slow)
    assert rank([same, fast], "speed") == (fast, same)


def test_unknown_strategies_and_no_points() -> None:
    with pytest.raises(UsageError, match='did you mean "speed"'):
        rank([], "sped")
    with pytest.raises(UsageError, match="no size to choose from"):
        choose([], "cost")


def test_value_takes_speed_for_a_little_money() -> None:
    """Twice as fast is worth 2^0.1 - 1 = 7.2 %: 7 % more is taken, 8 % is not."""
    slow = CurvePoint(512, 100, 1.0)
    assert choose([slow, CurvePoint(1024, 50, 1.07)], "value").memory_mb == 1024
    assert choose([slow, CurvePoint(1024, 50, 1.08)], "value").memory_mb == 512
    assert choose([slow, CurvePoint(1024, 50, 1.08)], "value", worth=Worth(0.2)).memory_mb == 1024


def test_value_never_costs_more_than_the_tolerance_above_the_cheapest() -> None:
    """A size 100 times as fast is worth 58 % more, but the tolerance is 10 %."""
    slow, near, fast = (
        CurvePoint(128, 1000, 1.0),
        CurvePoint(256, 500, 1.05),
        CurvePoint(512, 10, 1.2),
    )
    assert [p.memory_mb for p in rank([slow, near, fast], "value")] == [256, 128, 512]
    assert choose([slow, near, fast], "value", worth=Worth(0.1, 0.25)).memory_mb == 512


def test_a_size_above_the_tolerance_loses_by_what_it_is_above_it() -> None:
    scores = Worth().scores([100.0, 100.0, 50.0], [1.0, 1.1, 1.21])
    least = 100**0.1
    assert scores[0] == about(least)
    assert scores[1] == about(1.1 * least)
    assert scores[2] == about(1.21 * 50**0.1 + 0.1 * least)
