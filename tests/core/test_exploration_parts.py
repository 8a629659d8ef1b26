"""The parts of the exploration: evidence, noise, prior, posterior, losses, value."""

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.decision import Criterion
from lambdatuning.core.exploration.acquisition import Action, Calls, Market, best_action
from lambdatuning.core.exploration.assessment import (
    Assessment,
    assess,
    bill,
    mixed,
    outlook,
    regrets,
    within,
)
from lambdatuning.core.exploration.evidence import (
    HOSTS,
    NoiseDraw,
    SizeEvidence,
    gather,
    noise_draws,
    systematic,
)
from lambdatuning.core.exploration.modes import modes
from lambdatuning.core.exploration.posterior import (
    cholesky,
    dot,
    inverse,
    log_determinant,
    posterior,
    times,
)
from lambdatuning.core.exploration.prior import Shape, load_prior, log_normal_variance
from lambdatuning.core.exploration.question import Budget, Objective, Observation, Terms
from lambdatuning.core.strategies import CurvePoint, rank

from .exploring import SIZES, SimulatedFunction, cpu

ROWS = st.lists(st.lists(st.floats(-3, 3), min_size=4, max_size=4), min_size=4, max_size=4)
QUIET = [0.02] * len(SIZES)


@given(ROWS)
def test_the_inverse_undoes_the_matrix(rows: list[list[float]]) -> None:
    matrix = [
        [dot(a, b) + (1.0 if i == j else 0.0) for j, b in enumerate(rows)]
        for i, a in enumerate(rows)
    ]
    lower = cholesky(matrix)
    product = [times(matrix, column) for column in inverse(lower)]
    for i, row in enumerate(product):
        for j, value in enumerate(row):
            assert value == pytest.approx(1.0 if i == j else 0.0, abs=1e-6)


def test_the_determinant_is_the_product_of_the_diagonal() -> None:
    assert log_determinant(cholesky([[4.0, 0.0], [0.0, 9.0]])) == pytest.approx(math.log(36))


def test_the_prior_is_a_mixture_that_names_what_taught_it() -> None:
    prior = load_prior()
    assert sum(one.weight for one in prior.components) == pytest.approx(1, abs=1e-4)
    assert {"slapp/pi", "sebs/uploader"} < prior.taught
    assert prior.noise.trust == 0.5


def test_shapes_are_flat_or_fall_to_their_cap() -> None:
    assert Shape(1.0, 1769, 1.0).logs(SIZES) == [0.0] * len(SIZES)
    logs = Shape(0.0, 1769, 1.0).logs(SIZES)
    assert logs[0] - logs[1] == pytest.approx(math.log(2))
    assert logs[-1] == pytest.approx(0)
    assert all(a >= b for a, b in pairwise(Shape(0.2, 3538, 1.4).logs(SIZES)))


def test_beyond_what_taught_every_number_of_vcpus_is_as_likely() -> None:
    """Up to 3,538 MB two vCPUs look like more of them."""
    prior = load_prior()
    assert prior.components_to(3_538) == list(prior.components)
    beyond = prior.components_to(10_240)
    assert sum(one.weight for one in beyond) == pytest.approx(1, abs=1e-4)
    by_cap: dict[float, float] = {}
    for one in beyond:
        by_cap[one.shape.cap_mb] = by_cap.get(one.shape.cap_mb, 0.0) + one.weight
    assert set(by_cap) == {900, *(count * 1769 for count in range(1, 7))}
    two, *more = (by_cap[count * 1769] for count in range(2, 7))
    assert more == pytest.approx([two] * 4)
    logs = Shape(0.0, 4 * 1769, 1.0).logs((3_008, 7_076, 10_240))
    assert logs[0] - logs[1] == pytest.approx(math.log(7_076 / 3_008))
    assert logs[1] == logs[2]


def test_equal_weights_are_drawn_equally_often() -> None:
    drawn = systematic([1.0, 2.0, 1.0], 40, random.Random(1))
    assert [drawn.count(k) for k in range(3)] == [10, 20, 10]


def called(*values: float, size: int = 512, first: float | None = None) -> SizeEvidence:
    """Warm calls of one environment, after a first one."""
    observations = [Observation("", size, ms, math.ceil(ms), environment="a") for ms in values]
    if first is not None:
        observations.insert(
            0, Observation("", size, first, first + 200, cold=True, environment="a")
        )
    (evidence,) = gather(observations)
    return evidence


def test_first_calls_count_as_far_as_they_are_like_later_ones() -> None:
    similar, unlike = (called(100.0, 101.0, 99.0, first=first) for first in (100.0, 300.0))
    for size, low, high in ((similar, 0.0, 0.05), (unlike, 0.9, 2.0)):
        draws = noise_draws([size], [math.log(100)] * 6, [2], load_prior().noise, random.Random(1))
        assert low <= fmean(draw.first for draw in draws) <= high
    assert similar.calls == 4
    assert unlike.log_mean(math.log(3)) == pytest.approx(math.log(100), abs=0.01)


def test_environments_that_differ_are_distinguished_from_a_spread() -> None:
    observations = [
        Observation("", 512, ms * host, 200, environment=str(host))
        for host in (1.0, 1.3)
        for ms in (100.0, 101.0, 99.5, 100.5)
    ]
    noise = load_prior().noise
    draws = noise_draws(gather(observations), [math.log(100)] * 6, [2], noise, random.Random(1))
    assert min(draw.host for draw in draws) >= 0.05
    one = [Observation("", 512, o.duration_ms, 200, environment="a") for o in observations[:4]]
    unknown = noise_draws(gather(one), [math.log(100)] * 6, [2], noise, random.Random(1))
    expected = sum(host * chance for host, chance in HOSTS)
    assert fmean(draw.host for draw in unknown) == pytest.approx(expected, rel=0.2)
    two = [
        replace(o, duration_ms=100.0 + k % 2, environment=str(k // 4))
        for k, o in enumerate(observations)
    ]
    calm = noise_draws(gather(two), [math.log(100)] * 6, [2], noise, random.Random(1))
    assert fmean(draw.host for draw in calm) < expected / 2


def test_two_calls_that_agree_leave_more_doubt_than_twenty() -> None:
    noise = load_prior().noise
    spreads = []
    for count in (2, 20):
        size = called(*(100.0 + 0.5 * (k % 2) for k in range(count)))
        draws = noise_draws([size], [math.log(100)] * 6, [2], noise, random.Random(1))
        spreads.append(max(draw.spreads[2] for draw in draws))
    assert spreads[0] > 3 * spreads[1]


def test_the_posterior_is_narrow_where_measured_and_wide_where_not() -> None:
    simulated = SimulatedFunction({"": cpu(300.0, 0.1)})
    for size in (512, 1024):
        simulated.measure(size, "", 10, environments=3)
    estimated = posterior(gather(simulated.observations), SIZES, load_prior(), random.Random(1))
    spreads = [pstdev(column) for column in zip(*estimated.curves, strict=True)]
    assert spreads[2] < 0.03
    assert spreads[0] > 3 * spreads[2]
    middle = fmean(curve[2] for curve in estimated.curves)
    assert middle == pytest.approx(math.log(cpu(300.0, 0.1)(512)), abs=0.03)


def test_a_type_that_was_hardly_measured_follows_the_curve_of_another() -> None:
    simulated = SimulatedFunction({"": cpu(300.0, 0.4)})
    simulated.measure(1024, "", 2)
    other_curve = [math.log(cpu(900.0, 0.4)(size)) for size in SIZES]
    evidence, prior = gather(simulated.observations), load_prior()
    alone = posterior(evidence, SIZES, prior, random.Random(1))
    helped = posterior(evidence, SIZES, prior, random.Random(1), [other_curve])
    durations = [[curve[0] for curve in estimated.curves] for estimated in (helped, alone)]
    truth = math.log(cpu(300.0, 0.4)(128))
    near = [sum(abs(value - truth) < 0.1 for value in values) for values in durations]
    assert near[0] > 1.3 * near[1]


@given(
    st.lists(st.floats(0.0, 9.0), min_size=6, max_size=6),
    st.sampled_from(["cost", "speed", "balanced"]),
    st.floats(0.0, 1.0),
)
def test_regret_ranks_as_the_strategies_do(
    curve: list[float], strategy: str, weight: float
) -> None:
    one = outlook(curve, bill((), SIZES, Terms(SIZES), QUIET))
    (losses,) = regrets([one], Objective(strategy, weight))
    points = [CurvePoint(*row) for row in zip(SIZES, one.mean_ms, one.cost_usd, strict=True)]
    best = rank(points, strategy, weight)[0].memory_mb
    assert min(losses) == 0.0
    assert losses[SIZES.index(best)] == pytest.approx(0.0, abs=1e-9)


@given(ROWS)
def test_value_is_what_decisions_call_so(rows: list[list[float]]) -> None:
    """An adaptive run and the decision from its samples judge a size alike."""
    terms = Terms(SIZES[:4])
    priced = bill((), terms.sizes, terms, QUIET[:4])
    for one in (outlook(row, priced) for row in rows):
        scored = Criterion("value").of_curve(one.mean_ms, one.cost_usd)
        (losses,) = regrets([one], Objective("value"))
        assert losses == pytest.approx([each / min(scored) - 1 for each in scored])


def test_value_takes_speed_that_costs_little_and_none_that_costs_much() -> None:
    """A tenth power: twice as fast may cost 7 % more, and never more than the tolerance."""
    terms = Terms((512, 1024), request_usd=0.0)
    priced = bill((), terms.sizes, terms, [0.02, 0.02])

    def best(cost_ratio: float) -> int:
        curve = [math.log(1000.0), math.log(500.0 * cost_ratio)]
        (losses,) = regrets([outlook(curve, priced)], Objective("value"))
        return terms.sizes[losses.index(min(losses))]

    assert [best(ratio) for ratio in (0.9, 1.05, 1.09, 1.3)] == [1024, 1024, 512, 512]


def test_the_fee_of_a_request_levels_what_short_functions_cost() -> None:
    curve = [math.log(2.0)] * 6
    free, real = (
        regrets(
            [outlook(curve, bill((), SIZES, Terms(SIZES, request_usd=fee), QUIET))], Objective()
        )
        for fee in (0.0, 2e-7)
    )
    assert free[0][-1] == pytest.approx(3008 / 128 - 1)
    assert real[0][-1] < 0.7


def test_whole_milliseconds_are_billed_as_observed() -> None:
    observations = [Observation("", 512, 1.1, 2.0, environment="a") for _ in range(50)]
    priced = bill(gather(observations), SIZES, Terms(SIZES, request_usd=0.0), QUIET)
    cost = priced.costs([1.1] * 6)[SIZES.index(512)]
    assert cost == pytest.approx(2.0 * 512 / 1024 / 1000 * 0.0000166667, rel=0.02)


def test_the_mix_weighs_the_types_and_keeps_the_slowest_deadline() -> None:
    priced = bill((), (128,), Terms((128,)), [0.02])
    slow, fast = outlook([math.log(300.0)], priced), outlook([math.log(100.0)], priced)
    whole = mixed([slow, fast], [1.0, 3.0])
    assert whole.mean_ms == [pytest.approx(150.0)]
    assert whole.p95_ms == slow.p95_ms


def test_the_curve_of_the_mix_is_the_weighted_mean_of_those_of_its_types() -> None:
    """What is stored as the whole adds up from what is stored of the parts."""
    simulated = SimulatedFunction({"io": lambda _: 40.0, "cpu": cpu(90.0)}, spread=0.3, hosts=0.1)
    end = simulated.explore("value", Budget(max_invocations=25))[-1]
    answers = {answer.payload: answer.curve for answer in end.answers}
    whole, io, compute = (answers[name] for name in (None, "io", "cpu"))
    for mixture, one, other in zip(whole, io, compute, strict=True):
        assert mixture.duration_ms == pytest.approx((one.duration_ms + other.duration_ms) / 2)
        assert mixture.cost_usd == pytest.approx((one.cost_usd + other.cost_usd) / 2)
        assert mixture.low_ms <= mixture.duration_ms <= mixture.high_ms


def at(memory_mb: int, *durations: float) -> list[Observation]:
    """Warm calls of one environment."""
    return [Observation("", memory_mb, ms, math.ceil(ms), environment="a") for ms in durations]


def test_slow_calls_at_one_size_may_be_there_at_another() -> None:
    observations = at(512, *[2.0] * 8, 20.0, 20.0) + at(1024, *[1.0] * 10) + at(2048, 1.0)
    evidence = gather(observations)
    slow = modes(evidence)
    assert slow is not None
    assert (slow.share, slow.ratio, slow.square) == (0.1, 10.0, 100.0)
    # Three calls that take 1.9 ms on average, beside ten that took 1 ms; a single one stays alone.
    assert slow.mean(evidence[1], 0.0) == pytest.approx((10 + 3 * 1.9) / 13)
    assert slow.mean(evidence[2], 0.0) == 1.0
    mean = slow.mean(evidence[1], 0.0)
    own, lent = 10 * (1 - mean) ** 2, 3 * (0.9 * (1 - mean) ** 2 + 0.1 * (10 - mean) ** 2)
    assert slow.call_variance(evidence[1], 0.0) == pytest.approx((own + lent) / 13 / mean**2)
    assert slow.call_variance(evidence[2], 0.0) == pytest.approx(3 * (10.9 / 1.9**2 - 1) / 4)


def test_a_single_slow_call_tells_of_every_size() -> None:
    """512 MB had bad luck, or 1,024 MB good luck: both are drawn to what they have in common."""
    evidence = gather(at(512, *[2.0] * 9, 20.0) + at(1024, *[2.0] * 10))
    slow = modes(evidence)
    assert slow is not None
    assert (slow.share, slow.ratio) == (0.05, 10.0)
    assert slow.mean(evidence[0], 0.0) == pytest.approx((38 + 3 * 2.9) / 13)
    assert slow.mean(evidence[1], 0.0) == pytest.approx((20 + 3 * 2.9) / 13)


def test_without_slow_calls_or_with_few_calls_at_each_size_there_are_no_modes() -> None:
    assert modes(gather(at(512, *[2.0] * 8, 5.9) + at(1024, 2.0, 20.0, 20.0))) is None


def test_ten_quick_calls_do_not_make_sure_where_other_sizes_are_slow_now_and_then() -> None:
    """All sizes take 2 ms; at 256 and 512 MB one call of four takes 40 ms."""
    quiet = [observation for size in (128, 256, 512) for observation in at(size, *[2.0] * 12)]
    slow = at(128, *[2.0] * 12)
    slow += [
        observation for size in (256, 512) for observation in at(size, *[2.0, 2.0, 2.0, 40.0] * 3)
    ]

    def ratio(observations: list[Observation]) -> float:
        assessments = assess(
            {"": observations}, SIZES, Objective(), Terms(SIZES), load_prior(), random.Random(1)
        )[""]
        return assessments.ordered_ms[0][-10] / 2.0

    assert ratio(quiet) < 1.3
    assert ratio(slow) > 2.0


def test_short_functions_are_not_sure_before_both_neighbours_were_called() -> None:
    """128 MB costs the least by far, and its neighbour was not called."""

    def assessed(*sizes: int) -> Assessment:
        observations = [one for size in sizes for one in at(size, *[9.5, 10.0, 10.5] * 8)]
        return assess(
            {"": observations}, SIZES, Objective(), Terms(SIZES), load_prior(), random.Random(1)
        )[""]

    alone, beside = assessed(128, 512), assessed(128, 256, 512)
    assert alone.neighbours_due == [1]
    assert alone.answer(0).within_5 == 0.9
    assert beside.neighbours_due == []
    assert beside.answer(0).within_5 > 0.93


def test_few_calls_do_not_prove_that_none_is_slow() -> None:
    losses = [[0.0, 0.2]] * 300
    few, many = within(losses, 0, 0.05, 2), within(losses, 0, 0.05, 200)
    assert 0.85 < few < 0.90
    assert 0.98 < many < 0.99
    assert within(losses, 0, 0.05, 200, uneven=True) == pytest.approx(many * 0.92 / 0.99)


def assessment_of(simulated: SimulatedFunction, strategy: str) -> Assessment:
    """What is believed after all calls so far."""
    assessments = assess(
        {"": simulated.observations},
        SIZES,
        Objective(strategy),
        simulated.terms,
        load_prior(),
        random.Random(1),
    )
    return assessments[""]


def market(simulated: SimulatedFunction, assessment: Assessment) -> Market:
    """Prices without inits."""
    running = [int(size in simulated.environments) for size in SIZES]
    usd = assessment.priced.costs(assessment.typical_ms)
    return Market(usd, usd, [0.0] * len(SIZES), running)


def test_calls_where_there_is_doubt_are_worth_more_than_where_there_is_none() -> None:
    simulated = SimulatedFunction({"": cpu(300.0, 0.4)})
    for size in (128, 256, 512):
        simulated.measure(size, "", 12)
    assessment = assessment_of(simulated, "speed")
    action = best_action(assessment, market(simulated, assessment), math.inf, random.Random(1))
    assert action is not None
    assert {SIZES[calls.place] for calls in action.calls} & {1024, 1536, 3008}


def test_no_calls_save_more_than_there_is_to_save_nor_cost_more_than_is_left() -> None:
    for spread in (0.02, 0.3):
        simulated = SimulatedFunction({"": cpu(300.0, 0.4)}, spread=spread)
        for size in (128, 512):
            simulated.measure(size, "", 3)
        assessment = assessment_of(simulated, "cost")
        prices = market(simulated, assessment)
        action = best_action(assessment, prices, math.inf, random.Random(1))
        assert action is not None
        assert 0 <= action.saves <= assessment.expected[assessment.best]
        assert best_action(assessment, prices, action.usd / 1e6, random.Random(1)) is None


def test_another_environment_is_paid_with_its_init_and_the_call_that_starts_it() -> None:
    prices = Market([1.0, 2.0], [3.0, 4.0], [10.0, 20.0], [0, 1])
    assert prices.price([Calls(0, 3)]) == 3 + 10
    assert prices.price([Calls(1, 3, 1)]) == 6
    assert prices.price([Calls(1, 3, 2)]) == 6 + 20 + 2
    assert prices.high_price([Calls(0, 3)]) == 9 + 10
    assert prices.high_price([Calls(1, 3, 2)]) == 12 + 20 + 4


def test_what_the_best_size_costs_first_is_paid_in_any_case() -> None:
    """So it is looked at before a size from which as much is to be learnt."""
    action = Action((Calls(5, 1),), usd=10.0, due_usd=8.0, saves=0.1)
    assert action.extra_usd == 2.0
    assert action.rate == pytest.approx(0.05)


def test_the_second_size_is_looked_at_with_few_calls() -> None:
    """How noisy calls are is not known by the first two."""
    simulated = SimulatedFunction({"": cpu(300.0)})
    simulated.measure(512, "", 1)
    assessment = assessment_of(simulated, "speed")
    prices = market(simulated, assessment)
    action = best_action(assessment, prices, math.inf, random.Random(1), far=(0, 4, 5))
    assert action is not None
    (calls,) = action.calls
    assert calls.place in (0, 4, 5)
    assert calls.count <= 3


def test_noisy_calls_vary_more_than_log_normal_ones_of_the_same_spread() -> None:
    noise = replace(load_prior().noise, tails=2.0)
    quiet, half, noisy = (
        NoiseDraw([spread], 0.0, 0.0, noise.tails) for spread in (0.01, 0.05, 0.3)
    )
    assert quiet.call_variance(0) == pytest.approx(0.01**2 * 2**0.1, rel=1e-3)
    assert half.call_variance(0) == pytest.approx(log_normal_variance(0.05) * math.sqrt(2))
    assert noisy.call_variance(0) == pytest.approx(2 * math.expm1(0.09))
    assert load_prior().noise.tails == pytest.approx(2.04, abs=0.01)


def test_a_batch_grows_with_the_calls_at_its_size() -> None:
    simulated = SimulatedFunction({"": cpu(300.0, 0.0)}, spread=0.35)
    calls: Counter[int] = Counter()
    largest = 0
    for proposal in simulated.explore("value")[:-1]:
        for item in proposal.batch:
            assert item.count <= max(3, 4 * calls[item.memory_mb])
            largest = max(largest, item.count)
        for item in proposal.batch:
            calls[item.memory_mb] += item.count
    assert largest >= 8
