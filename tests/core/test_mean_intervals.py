"""Intervals of means: rare slow calls, whole milliseconds, few environments, unlike hosts."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.statistics.mean_intervals import MeanError, mean_errors, rounded_to

Cell = list[list[float]]


def cell(rng: random.Random, calls: int = 6, slow: float = 0.0, host: float = 0.0) -> Cell:
    """Five environments; a share `slow` of calls takes ten times as long."""
    return [
        [
            200 * factor * rng.lognormvariate(0, 0.1) * (10 if rng.random() < slow else 1)
            for _ in range(calls)
        ]
        for factor in (rng.lognormvariate(0, host) for _ in range(5))
    ]


def present(errors: Sequence[MeanError | None]) -> list[MeanError]:
    """The errors, all of which are known."""
    assert None not in errors
    return [error for error in errors if error]


def test_the_mean_is_that_of_all_calls_and_lies_inside() -> None:
    rng = random.Random(1)
    run = [cell(rng, slow=0.05) for _ in range(6)]
    for groups, error in zip(run, present(mean_errors(run)), strict=True):
        values = [value for group in groups for value in group]
        assert error.count == 30
        assert error.mean == pytest.approx(sum(values) / 30)
        low, high = error.limits()
        assert 0 < low <= error.mean <= high


def test_slow_calls_of_other_cells_lengthen_the_upper_side_of_a_cell_without() -> None:
    rng = random.Random(2)
    calm = [cell(rng) for _ in range(6)]
    rare = [calm[0], *(cell(rng, slow=0.05) for _ in range(5))]
    alone, beside = present(mean_errors(calm))[0], present(mean_errors(rare))[0]
    assert beside.mean == alone.mean
    assert beside.log_errors()[1] > 3 * alone.log_errors()[1]
    assert beside.tail_share > 0.9 > alone.tail_share


def test_the_upper_side_is_longer_where_no_call_was_slow() -> None:
    below, above = present(mean_errors([cell(random.Random(3))]))[0].log_errors()
    assert above > below > 0


def test_equal_whole_milliseconds_are_not_known_exactly() -> None:
    """Durations of 1.2 to 2 ms are all billed as 2; the mean of what is billed may be less."""
    (error,) = present(mean_errors([[[2.0, 2.0]] * 5], unit=1.0))
    low, high = error.limits()
    assert low == pytest.approx(1.85, abs=0.1)
    assert high == pytest.approx(2.25, abs=0.1)
    (exact,) = present(mean_errors([[[2.0, 2.0]] * 5]))
    assert exact.limits() == (2.0, 2.0)


def test_two_environments_have_no_interval_unless_others_lend_theirs() -> None:
    rng = random.Random(4)
    assert mean_errors([cell(rng)[:2]]) == [None]
    run = [cell(rng)[:2], *(cell(rng) for _ in range(7))]
    first = present(mean_errors(run))[0]
    assert first.error.degrees > 3


def test_a_cell_whose_hosts_differ_keeps_its_own_spread() -> None:
    rng = random.Random(5)
    own = []
    for _ in range(40):
        run = [cell(rng, calls=20, host=0.3), *(cell(rng, calls=20) for _ in range(11))]
        own.append(present(mean_errors(run))[0].error.error)
    # The error of five hosts that differ by 0.3 is 0.13; lent alike it would be about 0.05.
    assert sorted(own)[20] == pytest.approx(0.13, abs=0.04)


def test_nothing_and_zero_are_no_trouble() -> None:
    assert mean_errors([]) == []
    (error,) = present(mean_errors([[[0.0], [0.0], [0.0]]], unit=1.0))
    assert error.mean == 0
    assert error.log_errors() == (0.0, 0.0)


def test_the_confidence_distribution_is_that_of_the_limits() -> None:
    error = present(mean_errors([cell(random.Random(6), slow=0.05)]))[0]
    low, high = error.limits(0.9)
    assert (error.quantile(0.05), error.quantile(0.95)) == pytest.approx((low, high))
    assert error.quantile(0.5) == error.mean
    points = [error.quantile(share / 20) for share in range(1, 20)]
    assert points == sorted(points)


def test_more_calls_are_requested_than_an_interval_needs() -> None:
    rng = random.Random(7)
    calm, rare = ([cell(rng, slow=share) for _ in range(6)] for share in (0.0, 0.05))
    assert present(mean_errors(calm))[0].calls_for(0.1) == 30
    assert present(mean_errors(rare))[0].calls_for(0.1) > 300


def test_a_mean_depends_on_rare_calls_where_they_occur_and_few_calls_were_made() -> None:
    for calls, slow, hangs in ((2, 0.0, False), (2, 0.05, True), (200, 0.05, False)):
        run = [cell(random.Random(k), calls, slow) for k in range(6)]
        assert {error.hangs_on_rare_calls for error in present(mean_errors(run))} == {hangs}


def test_whole_numbers_are_recognised_as_rounded() -> None:
    assert rounded_to([1.0, 2.0, 30.0]) == 1.0
    assert rounded_to([1.0, 2.5]) == 0.0


CELL = st.lists(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=6), min_size=1, max_size=5)


@given(st.lists(CELL, min_size=1, max_size=8), st.sampled_from([0.0, 1.0]))
def test_limits_hold_for_any_values(run: list[Cell], unit: float) -> None:
    for error in mean_errors(run, unit=unit):
        if error:
            low, high = error.limits()
            narrow = error.limits(0.5)
            assert 0 <= low <= error.mean * (1 + 1e-12)
            assert error.mean <= high * (1 + 1e-12)
            assert low <= narrow[0] * (1 + 1e-9)
            assert narrow[1] <= high * (1 + 1e-9)
