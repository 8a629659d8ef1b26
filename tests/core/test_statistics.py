"""Statistics that claim no more than the values say."""

import math
import random
import statistics as stdlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.statistics.mean_intervals import mean_interval, summarise
from lambdatuning.core.statistics.means import (
    incomplete_beta,
    mean,
    quantile,
    student_t,
    uncertainty,
)
from tests.oracle.statistics import quantile_interval, trimmed_mean

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=60)


@given(VALUES, st.floats(0, 1), st.floats(0, 1))
def test_quantiles_are_within_and_in_order(values: list[float], a: float, b: float) -> None:
    low, high = quantile(values, min(a, b)), quantile(values, max(a, b))
    assert min(values) <= low <= high * (1 + 1e-12)
    assert high <= max(values)
    assert quantile(values, 0.5) == pytest.approx(stdlib.median(values))


@given(VALUES, st.floats(0, 0.49))
def test_a_trimmed_mean_is_within(values: list[float], trim: float) -> None:
    mean = trimmed_mean(values, trim)
    assert min(values) <= mean * (1 + 1e-12)
    assert mean <= max(values) * (1 + 1e-12)


def test_trimming_rounds_down() -> None:
    assert trimmed_mean([1, 2, 3, 100], 0.2) == 26.5
    assert trimmed_mean([1, 2, 3, 4, 100], 0.2) == 3


@pytest.mark.parametrize("call", [
    lambda: mean([]), lambda: quantile([], 0.5), lambda: quantile([1.0], 1.5),
    lambda: trimmed_mean([1.0], 0.5), lambda: quantile_interval([1.0], ["a"], 1.0),
])  # fmt: skip
def test_nonsense_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        call()  # type: ignore[operator]


def test_no_values_no_summary() -> None:
    assert summarise([], []) is None


@pytest.mark.parametrize("groups", [["a"] * 6, ["a", "b"] * 3])
def test_fewer_than_three_environments_have_no_interval(groups: list[str]) -> None:
    summary = summarise([1.0, 2, 3, 4, 5, 6], groups)
    assert summary is not None
    assert (summary.n, summary.mean, summary.p50) == (6, 3.5, 3.5)
    assert (summary.mean_low, summary.mean_high) == (None, None)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1e6)), min_size=3, max_size=30))
def test_intervals_hold_the_mean(rows: list[tuple[int, float]]) -> None:
    groups, values = [g for g, _ in rows], [v for _, v in rows]
    interval = mean_interval(values, groups)
    assert (interval is None) == (len(set(groups)) < 3)
    if interval:
        low, high = interval
        assert 0 <= low <= mean(values) * (1 + 1e-9)
        assert high >= mean(values) * (1 - 1e-9)


def test_environments_that_differ_widen_the_interval() -> None:
    rng = random.Random(1)
    noise = [rng.gauss(0, 1) for _ in range(100)]
    groups = [i % 5 for i in range(100)]
    similar = [100 + x for x in noise]
    apart = [100 + x + 10 * (g - 2) for x, g in zip(noise, groups, strict=True)]
    narrow, wide = mean_interval(similar, groups), mean_interval(apart, groups)
    assert narrow is not None
    assert wide is not None
    assert wide[1] - wide[0] > 5 * (narrow[1] - narrow[0])


@pytest.mark.parametrize(("groups", "each", "between"), [(5, 4, 0.0), (5, 4, 0.1), (8, 2, 0.05)])
def test_nominal_95_percent_are_about_95(groups: int, each: int, between: float) -> None:
    rng = random.Random(groups)
    covered, runs = 0, 800
    for _ in range(runs):
        hosts = [1 + rng.gauss(0, between) for _ in range(groups)]
        rows = [(h, host * (1 + rng.gauss(0, 0.1))) for h, host in enumerate(hosts * each)]
        names = [h % groups for h, _ in rows]
        interval = mean_interval([v for _, v in rows], names)
        covered += interval is not None and interval[0] <= 1 <= interval[1]
    # Four standard errors of 800 draws are 0.031.
    assert covered / runs == pytest.approx(0.95, abs=0.031)


def test_groups_of_one_size_are_as_sure_as_their_means() -> None:
    estimate = uncertainty([7] * 5, [1, 2, 3, 4, 5])
    assert estimate.error == pytest.approx(stdlib.stdev([1, 2, 3, 4, 5]) / math.sqrt(5))
    assert estimate.degrees == pytest.approx(4)


def test_one_large_group_knows_less_than_even_ones() -> None:
    """The formula against the eigenvalues' sums, written out for three groups."""
    estimate = uncertainty([10, 5, 5], [1, 2, 3])
    assert estimate.degrees == pytest.approx(1.4459, abs=1e-4)
    assert estimate.degrees < uncertainty([7, 7, 6], [1, 2, 3]).degrees


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1e6)), min_size=2, max_size=40))
def test_degrees_lie_between_one_and_one_less_than_groups(rows: list[tuple[int, float]]) -> None:
    estimate = uncertainty([size for size, _ in rows], [value for _, value in rows])
    assert 1 <= estimate.degrees <= len(rows) - 1 + 1e-6
    assert estimate.error >= 0


def test_a_percentile_of_few_values_has_no_interval() -> None:
    def has_interval(n: int, q: float) -> bool:
        values = random.Random(n).sample(range(n), n)
        return quantile_interval(values, [i % 5 for i in range(n)], q) is not None

    assert has_interval(10, 0.5)
    assert not has_interval(4, 0.5)
    assert [has_interval(n, 0.9) for n in (45, 600)] == [False, True]
    assert [has_interval(n, 0.95) for n in (95, 600)] == [False, True]
    assert [has_interval(n, 0.99) for n in (400, 3000)] == [False, True]


def test_two_environments_have_no_quantile_interval() -> None:
    assert quantile_interval(list(range(600)), [i % 2 for i in range(600)], 0.5) is None


def test_slow_environments_make_a_tail_unknown() -> None:
    """600 values of 5 hosts that differ by more than values on one of them: 5 independent ones."""
    rng = random.Random(2)
    groups = [i % 5 for i in range(600)]
    similar = [rng.gauss(100, 1) for _ in groups]
    apart = [value + 20 * group for value, group in zip(similar, groups, strict=True)]
    assert quantile_interval(similar, groups, 0.95) is not None
    assert quantile_interval(apart, groups, 0.95) is None


@given(st.integers(0, 99), st.integers(20, 300), st.floats(0.2, 0.8))
def test_quantile_intervals_hold_the_quantile(seed: int, n: int, q: float) -> None:
    values = random.Random(seed).sample(range(n), n)
    interval = quantile_interval(values, [i % 5 for i in range(n)], q)
    if interval:
        assert interval[0] <= quantile(values, q) <= interval[1]


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 12.7062), (1.5, 6.0167), (2, 4.3027), (7, 2.3646), (100, 1.984), (5000, 1.96)],
)
def test_students_t(degrees: float, expected: float) -> None:
    assert student_t(0.975, degrees) == pytest.approx(expected, abs=1e-3)
    assert math.isclose(student_t(0.5, 3), 0, abs_tol=1e-9)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1))
def test_the_beta_function_counts_successes(a: int, b: int, x: float) -> None:
    """I_x(a, b) is the chance of at least `a` successes in a + b - 1 trials."""
    n = a + b - 1
    exact = math.fsum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1))
    assert incomplete_beta(a, b, x) == pytest.approx(exact, abs=1e-9)
