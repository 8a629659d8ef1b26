"""The parts of the exploration: matrices, prior, posterior, losses, value."""

import math
import random
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.exploration.evidence import (
    Comparison,
    First,
    Group,
    compare,
    doubt,
    expected_sd,
    gather,
    likely_environments,
    likeness,
    location,
)
from lambdatuning.core.exploration.posterior import bill, mixed, outlook, posterior, regrets
from lambdatuning.core.exploration.prior import (
    cholesky,
    dot,
    interpolate,
    inverse,
    load_prior,
    log_determinant,
    times,
)
from lambdatuning.core.exploration.proposal import PATIENCE, Standard
from lambdatuning.core.exploration.question import Objective, Observation, Terms
from lambdatuning.core.exploration.value import Market, best_look
from lambdatuning.core.strategies import CurvePoint, rank

from .exploring import SIZES, Made, cpu

ROWS = st.lists(st.lists(st.floats(-3, 3), min_size=4, max_size=4), min_size=4, max_size=4)


@given(ROWS)
def test_the_inverse_undoes_the_matrix(rows: list[list[float]]) -> None:
    matrix = [
        [dot(a, b) + (1.0 if i == j else 0.0) for j, b in enumerate(rows)]
        for i, a in enumerate(rows)
    ]
    lower = cholesky(matrix)
    found = [times(matrix, column) for column in inverse(lower)]
    for i, row in enumerate(found):
        for j, value in enumerate(row):
            assert value == pytest.approx(1.0 if i == j else 0.0, abs=1e-6)


def test_the_determinant_is_the_product_of_the_diagonal() -> None:
    assert log_determinant(cholesky([[4.0, 0.0], [0.0, 9.0]])) == pytest.approx(math.log(36))


def test_the_prior_is_a_mixture_with_a_name_for_what_taught_it() -> None:
    prior = load_prior()
    assert sum(shape.weight for shape in prior.shapes) == pytest.approx(1.0, abs=1e-3)
    assert sum(weight for _, weight in prior.departures) == pytest.approx(1.0)
    assert all(a < b for a, b in pairwise(prior.knots_mb))
    assert (prior.knots_mb[0], prior.knots_mb[-1]) == (128, 10_240)
    assert "slapp/pi" in prior.taught
    assert prior.spread(1.0) > prior.spread(100.0) > prior.spread(10_000.0)


def test_between_points_it_is_straight_and_beyond_them_constant() -> None:
    points = [(0.0, 1.0), (2.0, 3.0)]
    assert [interpolate(points, x) for x in (-1.0, 1.0, 5.0)] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("values", "lies"),
    [
        ([5.0], 5.0),
        ([1.0, 3.0], 2.0),
        ([1.0, 1.02, 9.0], 1.01),
        ([1.0, 1.0, 1.0, 1.0, 9.0], 1.0),
        ([1.0, 1.1, 1.2], 1.1),
    ],
)
def test_a_location_is_robust_as_soon_as_it_can_be(values: list[float], lies: float) -> None:
    assert location(values, [1.0] * len(values), 0.1) == pytest.approx(lies, abs=1e-4)


@given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=9), st.floats(0.01, 3.0))
def test_a_location_lies_among_its_values_and_moves_with_them(
    values: list[float], spread: float
) -> None:
    even = [1.0] * len(values)
    found = location(values, even, spread)
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9
    moved = location([value + 2.0 for value in values], even, spread)
    assert moved == pytest.approx(found + 2.0, abs=1e-5)


def test_two_samples_that_disagree_leave_a_doubt_which_a_third_settles() -> None:
    assert doubt([1.0, 1.02], [1.0, 1.0], 0.02) == 0.0
    assert doubt([1.0, 1.6], [1.0, 1.0], 0.02) == pytest.approx(0.3)
    assert doubt([1.0, 1.01, 1.6], [1.0, 1.0, 1.0], 0.02) == 0.0


def test_first_calls_count_as_far_as_they_are_like_later_ones() -> None:
    alike = [First(0.01, 2), First(-0.02, 1)]
    unknown = likeness([], 0.02)
    assert likeness([First(0.5, 2), First(0.4, 1)], 0.02) < 0.05 < unknown < likeness(alike, 0.02)
    # One stray call among many that are alike changes little.
    assert likeness([*alike * 2, First(0.7, 1)], 0.02) > 0.8


def test_the_posterior_is_narrow_where_measured_and_wide_where_not() -> None:
    made = Made({"": cpu(300.0, 0.1)})
    for size in (512, 1024):
        made.measure(size, "", 6)
    found = posterior(gather(made.seen, load_prior()), SIZES, load_prior())
    curves = found.draw(200, random.Random(0))
    width = [_sd([curve[i] for curve in curves]) for i in range(len(SIZES))]
    assert len(curves) == 200
    assert max(width[2], width[3]) < 0.05
    assert width[5] > 2 * width[3]
    middle = fmean(curve[2] for curve in curves)
    assert middle == pytest.approx(math.log(cpu(300.0, 0.1)(512)), abs=0.03)


def test_a_type_that_was_hardly_measured_follows_the_curve_of_another() -> None:
    made = Made({"": cpu(300.0, 0.4)})
    made.measure(1024, "", 2)
    evidence = gather(made.seen, load_prior())
    known = [math.log(cpu(900.0, 0.4)(size)) for size in SIZES]
    alone = posterior(evidence, SIZES, load_prior())
    helped = posterior(evidence, SIZES, load_prior(), [known])
    rng = random.Random(1)
    drawn = [[curve[0] for curve in p.draw(300, rng)] for p in (helped, alone)]
    assert _sd(drawn[0]) < _sd(drawn[1])
    truth = math.log(cpu(300.0, 0.4)(128))
    assert abs(fmean(drawn[0]) - truth) < abs(fmean(drawn[1]) - truth)


@given(
    st.lists(st.floats(0.0, 9.0), min_size=6, max_size=6),
    st.sampled_from(["cost", "speed", "balanced"]),
    st.floats(0.0, 1.0),
)
def test_regret_ranks_as_the_strategies_do(
    curve: list[float], strategy: str, weight: float
) -> None:
    terms = Terms(SIZES)
    one = outlook(curve, bill(gather((), load_prior()), SIZES, terms))
    (losses,) = regrets([one], Objective(strategy, weight))
    points = [CurvePoint(*row) for row in zip(SIZES, one.mean_ms, one.cost_usd, strict=True)]
    best = rank(points, strategy, weight)[0].memory_mb
    assert min(losses) == 0.0
    assert losses[SIZES.index(best)] == pytest.approx(0.0, abs=1e-9)


def test_the_fee_of_a_request_levels_what_short_functions_cost() -> None:
    evidence = gather((), load_prior())
    curve = [math.log(2.0)] * 6
    free, real = (
        regrets([outlook(curve, bill(evidence, SIZES, Terms(SIZES, request_usd=fee)))], Objective())
        for fee in (0.0, 2e-7)
    )
    assert free[0][-1] == pytest.approx(3008 / 128 - 1)
    assert real[0][-1] < 0.7


def test_whole_milliseconds_are_billed_as_they_were_seen() -> None:
    seen = [Observation("", 512, 1.1, 2.0, environment="a") for _ in range(50)]
    priced = bill(gather(seen, load_prior()), SIZES, Terms(SIZES, request_usd=0.0))
    (cost,) = [priced.costs([1.1] * 6)[SIZES.index(512)]]
    assert cost == pytest.approx(2.0 * 512 / 1024 / 1000 * 0.0000166667, rel=0.02)


def test_the_mix_weighs_the_types_and_keeps_the_slowest_deadline() -> None:
    evidence = gather((), load_prior())
    priced = bill(evidence, (128,), Terms((128,)))
    slow, fast = outlook([math.log(300.0)], priced), outlook([math.log(100.0)], priced)
    whole = mixed([slow, fast], [1.0, 3.0])
    assert whole.mean_ms == [pytest.approx(150.0)]
    assert whole.p95_ms == slow.p95_ms


def test_environments_that_differ_are_told_from_a_spread() -> None:
    def of(*logs: list[float]) -> Comparison | None:
        return compare([Group(values, [1.0] * len(values)) for values in logs], sd=0.02)

    alike, unlike = of([1.0, 1.01], [1.01, 1.0]), of([1.0, 1.01], [1.2, 1.21])
    assert alike is not None
    assert unlike is not None
    assert of([1.0, 1.01]) is None
    assert expected_sd([alike]) < expected_sd([]) < expected_sd([unlike])
    assert sum(weight for _, weight in likely_environments([unlike])) == pytest.approx(1.0)


def test_two_modes_among_few_samples_are_no_outlier() -> None:
    def spread(durations: list[float]) -> float:
        seen = [Observation("", 512, ms, ms, environment="a") for ms in durations]
        return gather(seen, load_prior()).sd_log

    assert spread([100.0, 160.0]) > 0.15
    assert spread([100.0] * 15 + [160.0]) < 0.1


def test_a_look_at_what_is_in_doubt_is_worth_more_than_one_at_what_is_known() -> None:
    rng = random.Random(0)
    # Of two sizes the second is better or worse by a tenth; the first is known.
    curves = [[0.0, rng.choice((-0.1, 0.1)), 1.0] for _ in range(200)]
    losses = [[math.exp(v - min(curve)) - 1 for v in curve] for curve in curves]
    evidence = gather([Observation("", 512, 1.0, 1.0, environment="a")], load_prior())
    market = Market([1e-6] * 3, [1e-5] * 3, (0, 0, 0))
    best = best_look(curves, losses, evidence, 0.0, (512, 1024, 2048), market)
    assert best is not None
    assert [look.place for look in best.looks] == [1]
    assert 0 < best.gain < max(row[0] for row in losses)
    assert best.price_usd == pytest.approx(1e-5 + 1e-6 * best.looks[0].count)


def test_what_is_unlikely_but_would_save_much_is_worth_a_look() -> None:
    rng = random.Random(0)
    # Under one curve of 25 the second size is half as dear; else it is far dearer.
    curves = [[0.0, -0.7 if k % 25 == 0 else rng.gauss(0.5, 0.02)] for k in range(1, 401)]
    losses = [[math.exp(v - min(curve)) - 1 for v in curve] for curve in curves]
    evidence = gather([Observation("", 512, 1.0, 1.0, environment="a")], load_prior())
    market = Market([1e-6] * 2, [1e-5] * 2, (1, 0))
    best = best_look(curves, losses, evidence, 0.0, (512, 1024), market)
    assert best is not None
    assert [look.place for look in best.looks] == [1]
    whole = sum(row[0] for row in losses) / len(losses)
    assert 0.5 * whole < best.gain < 1.2 * whole


@given(st.integers(0, 10_000), st.floats(0.001, 0.5))
def test_no_look_saves_more_than_there_is_to_save(seed: int, spread: float) -> None:
    rng = random.Random(seed)
    curves = [[rng.gauss(0.05 * place, spread) for place in range(4)] for _ in range(60)]
    losses = [[math.exp(v - min(curve)) - 1 for v in curve] for curve in curves]
    evidence = gather([Observation("", 128, 1.0, 1.0, environment="a")], load_prior())
    market = Market([1e-6] * 4, [1e-5] * 4, (1, 0, 0, 0))
    best = best_look(curves, losses, evidence, 0.0, (128, 256, 512, 1024), market)
    assert best is not None
    every_other = list(zip(*losses[::2], strict=True))
    least = min(sum(column) / len(column) for column in every_other)
    assert 0 <= best.gain <= least + 1e-12


def test_patience_ends() -> None:
    def least(rounds: float) -> float:
        return Standard("cost", 1.0, rounds, 0.95).least

    assert least(PATIENCE) == pytest.approx(2 * least(0.0))
    assert least(2 * PATIENCE) == pytest.approx(5 * least(0.0))
    assert Standard("speed", 1.0, 0.0, 0.95).least < least(0.0)


def _sd(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values))
