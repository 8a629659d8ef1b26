import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.analysis.answer.recommendation import decide
from lambdatuning.analysis.curves import MIX, Curve
from lambdatuning.analysis.run import Run
from lambdatuning.core.errors import UsageError
from lambdatuning.core.strategies import STRATEGIES, CurvePoint, choose
from lambdatuning.study import Study

from .studies import GOALS, curves, goal, recommend, study_of
from .studies import advice as advice_of
from .synthetic import KINDS, Kind, synthetic_run

RUN = synthetic_run()
CPU = Kind("cpu", 0, 200)
IO = Kind("io", 50, 1)


def advice(run: Run, payload: str, strategy: str = "cost", **options: float) -> dict[str, object]:
    frame = recommend(run, strategy, **options)
    (row,) = frame[frame["payload"] == payload].to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_waiting_is_cheapest_at_the_smallest_size_and_says_so_with_confidence() -> None:
    best = advice(RUN, "read")
    assert best["memory_mb"] == 128
    assert float(str(best["sure"])) > 0.99
    assert best["as_good_mb"] == ()
    assert (best["saving"], best["speedup"]) == (0, 1)


def test_computing_is_fastest_at_the_largest_size() -> None:
    best = advice(RUN, "hash", "speed")
    assert best["memory_mb"] == 3008
    assert float(str(best["speedup"])) == pytest.approx(1769 / 128, rel=0.1)
    assert float(str(best["saving"])) < 0


def test_sizes_of_the_same_cost_cannot_be_told_apart() -> None:
    """Below one vCPU, a CPU-bound function costs the same at every size."""
    run = synthetic_run((Kind("cpu", 0, 400),), host_spread=0.05)
    best = advice(run, "cpu")
    indistinguishable = {int(str(best["memory_mb"])), *best["as_good_mb"]}  # type: ignore[misc]
    assert indistinguishable == {128, 256, 512, 1024, 1536}
    assert float(str(best["sure"])) > 0.9  # none is better by more than 5 %
    strict = advice(run, "cpu", tolerance=0)
    assert float(str(strict["sure"])) < 0.9


def test_a_failing_size_cannot_win_and_is_named() -> None:
    best = advice(RUN, "list-1mb")
    assert best["failing_mb"] == (128,)
    assert best["memory_mb"] != 128
    assert np.isnan(float(str(best["saving"])))


def test_a_size_of_which_only_the_cold_start_was_seen_does_not_fail() -> None:
    """An adaptive run looks at some sizes no closer, and at others with one payload type alone."""
    run = synthetic_run((CPU, IO))
    samples = run.samples
    glimpsed = (samples["payload"] == "cpu") & (samples["memory_mb"] == 128) & ~samples["cold"]
    unseen = (samples["payload"] == "io") & (samples["memory_mb"] == 256)
    for curve in curves(Run(run.manifest, samples[~glimpsed & ~unseen])):
        assert curve.failing_mb == ()
        assert (128 in curve.sizes) == (curve.payload == "io")
        assert (256 in curve.sizes) == (curve.payload == "cpu")


def test_a_payload_type_that_always_fails_has_no_recommendation() -> None:
    run = synthetic_run((Kind("broken", 5, 5, needs_mb=9999), IO))
    best = advice(run, "broken")
    assert pd.Series([best["memory_mb"]]).isna().all()
    assert best["reason"] == "no size is free of failures"
    mixed = advice(run, MIX)
    assert mixed["reason"] == "no size is free of failures"


def test_few_failures_do_not_exclude_a_size() -> None:
    samples = RUN.samples.copy()
    at = samples.index[(samples["payload"] == "read") & (samples["memory_mb"] == 128)][0]
    samples["error"] = samples["error"].astype(str)
    samples.loc[at, "error"] = "Sandbox.Timedout"
    run = Run(RUN.manifest, samples)
    assert advice(run, "read", max_failed=0.2)["memory_mb"] == 128
    assert advice(run, "read", max_failed=0.0)["memory_mb"] != 128


def test_the_mix_is_the_weighted_mean() -> None:
    run = synthetic_run((CPU, IO))
    by_name = {curve.payload: curve for curve in curves(run, weights={"cpu": 1, "io": 3})}
    expected = 0.25 * by_name["cpu"].ms + 0.75 * by_name["io"].ms
    assert np.allclose(by_name[MIX].ms, expected)
    assert np.allclose(
        by_name[MIX].resampled_usd,
        0.25 * by_name["cpu"].resampled_usd + 0.75 * by_name["io"].resampled_usd,
    )


def test_a_payload_type_of_no_weight_does_not_hold_the_mix_back() -> None:
    weights = {kind.name: kind.weight for kind in KINDS} | {"list-1mb": 0}
    by_name = {curve.payload: curve for curve in curves(RUN, weights=weights)}
    assert by_name[MIX].sizes == (128, 256, 512, 1024, 1536, 3008)


def test_no_weight_at_all_is_no_mix() -> None:
    assert MIX not in {curve.payload for curve in curves(RUN, weights={})}


def test_one_payload_type_needs_no_mix() -> None:
    assert recommend(synthetic_run((IO,)), "cost")["payload"].tolist() == ["io"]


def test_too_few_environments_give_a_winner_but_no_confidence() -> None:
    best = advice(synthetic_run(environments=2, per_environment=10), "read")
    assert best["memory_mb"] == 128
    assert np.isnan(float(str(best["sure"])))
    assert best["as_good_mb"] is None
    assert best["reason"] == "fewer than 3 execution environments"


def test_the_current_size_may_be_given() -> None:
    best = advice(RUN, "hash", "cost", today_mb=3008)
    assert best["current_mb"] == 3008
    assert float(str(best["saving"])) > 0.3


def test_bad_input_is_refused() -> None:
    with pytest.raises(UsageError, match='did you mean "speed"'):
        recommend(RUN, "sped")
    with pytest.raises(UsageError, match="no samples"):
        Study(Run(RUN.manifest, RUN.samples.iloc[:0]))


def test_rows_read_back_as_recommendations() -> None:
    frame = advice_of(RUN, "cost")
    assert [advice.payload for advice in frame][-1] == MIX
    assert {advice.strategy for advice in frame} == {"cost"}


positive = st.floats(0.01, 1e4)


@given(
    st.lists(st.tuples(positive, positive), min_size=1, max_size=8),
    st.sampled_from(STRATEGIES),
    st.floats(-0.5, 1.5),
)
def test_resamples_are_judged_by_the_rule_that_picks_the_winner(
    pairs: list[tuple[float, float]], strategy: str, weight: float
) -> None:
    points = [CurvePoint(128 + n, ms, usd) for n, (ms, usd) in enumerate(pairs)]
    ms, usd = (np.array(column) for column in zip(*pairs, strict=True))
    winner = choose(points, strategy, weight)
    scored = goal(strategy, weight).score(ms, usd)
    assert scored[winner.memory_mb - 128] == pytest.approx(scored.min(), rel=1e-12)


def test_the_luckiest_of_many_equal_sizes_is_not_overrated() -> None:
    """Sizes that cost the same, measured with an error of 10 %: the best by chance is within
    5 % of the best in truth, but no other size was told to be worse."""
    rng = np.random.default_rng(1)
    sizes = (128, 256, 512, 1024)
    within = []
    for _ in range(40):
        ms = 1000 * 1024 / np.array(sizes) * np.exp(0.1 * rng.standard_normal(4))
        drawn = ms * np.exp(0.1 * rng.standard_normal((2000, 4)))
        rate = np.array(sizes) * 1e-11
        curve = Curve("f", "x86_64", "p", sizes, ms, ms * rate, drawn, drawn * rate, ())
        within.append(decide(curve, goal("cost")).sure)
    assert 0.4 < np.mean(within) < 0.95
    exact = ms * np.exp(0.001 * rng.standard_normal((2000, 4)))
    curve = Curve("f", "x86_64", "p", sizes, ms, ms * rate, exact, exact * rate, ())
    assert decide(curve, goal("cost")).sure > 0.99


def test_the_cheapest_size_within_a_deadline() -> None:
    """p95 of "hash" (150 ms of one vCPU) by size: about 300 ms at 1,024 MB, 200 at 1,536."""
    run = synthetic_run((KINDS[9],), environments=20, per_environment=20)
    loose = advice(run, "hash", "deadline", deadline_ms=5000)
    assert loose["memory_mb"] == advice(run, "hash", "cost")["memory_mb"]
    tight = advice(run, "hash", "deadline", deadline_ms=230)
    assert tight["memory_mb"] == 1536
    assert float(str(tight["sure"])) > 0.8
    p95 = np.quantile(
        run.samples.query("payload == 'hash' and memory_mb == 1536 and not cold")["duration_ms"],
        0.95,
    )
    assert p95 < 230


def test_a_deadline_that_no_size_keeps_changes_no_other_choice() -> None:
    others = [name for name in GOALS if name != "deadline"]
    free = recommend(RUN, others, budget_usd_per_million=5)
    bound = recommend(RUN, GOALS, budget_usd_per_million=5, deadline_ms=0.01)
    assert bound[bound["strategy"] == "deadline"]["memory_mb"].isna().all()
    # Sizes that may be missing are no whole numbers to pandas.
    rest = bound[bound["strategy"] != "deadline"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, free, check_dtype=False)


def test_a_deadline_that_none_keeps_names_the_nearest() -> None:
    best = advice(RUN, "hash", "deadline", deadline_ms=20, quantile=0.99)
    assert pd.Series([best["memory_mb"]]).isna().all()
    reason = str(best["reason"])
    assert reason.startswith("no size keeps p99 within 20.0 ms; 3,008 MB comes nearest with 1")
    assert reason.endswith("(< 1 % in time)")


def test_few_samples_do_not_make_a_deadline_certain() -> None:
    """15 of 15 invocations within the deadline say little about one in 20."""
    few, many = (synthetic_run((KINDS[2],), per_environment=n, host_spread=0) for n in (3, 100))
    sure = [
        float(str(advice(run, "read", "deadline", deadline_ms=30)["sure"])) for run in (few, many)
    ]
    assert sure[0] < 0.8
    assert sure[1] > 0.95


def test_the_mix_keeps_a_deadline_as_a_mixture() -> None:
    """A third of the invocations take 50 ms: p60 of the mix is short, p95 is not."""
    run = synthetic_run((CPU, IO), (1769, 3008), per_environment=40)
    weights = {"cpu": 2.0, "io": 1.0}
    frames = [
        recommend(run, "deadline", deadline_ms=100, quantile=q, weights=weights)
        for q in (0.3, 0.95)
    ]
    rows = [frame[frame["payload"] == MIX].iloc[0] for frame in frames]
    assert rows[0]["memory_mb"] in {1769, 3008}
    assert "33 % in time" in rows[1]["reason"]


def test_the_fastest_size_within_a_budget() -> None:
    price = float(str(advice(RUN, "read", "cost")["cost_per_million_usd"]))
    low = advice(RUN, "read", "budget", budget_usd_per_million=price * 1.01)
    assert low["memory_mb"] == 128
    high = advice(RUN, "read", "budget", budget_usd_per_million=1000)
    assert high["memory_mb"] == advice(RUN, "read", "speed")["memory_mb"]
    none = advice(RUN, "read", "budget", budget_usd_per_million=price * 0.9)
    assert "no size costs at most" in str(none["reason"])
    assert "128 MB comes nearest" in str(none["reason"])


def test_the_knee_is_the_end_of_cheap_speed() -> None:
    """CPU-bound work costs the same up to one vCPU and is no faster beyond."""
    run = synthetic_run((Kind("cpu", 0, 400),), (128, 512, 1024, 1769, 3008), host_spread=0.001)
    assert advice(run, "cpu", "knee")["memory_mb"] == 1769
    assert advice(synthetic_run((IO,)), "io", "knee")["memory_mb"] == 128


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "deadline"}, "needs deadline_ms"),
        ({"strategy": "budget"}, "needs budget_usd_per_million, such as .*=0.5$"),
        ({"strategy": "deadline", "deadline_ms": 5, "quantile": 95}, "for 95 % write 0.95"),
        ({"strategy": "kneel"}, 'did you mean "knee"'),
    ],
)
def test_a_goal_without_its_limit_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        study_of(RUN, **options)


def test_several_goals_are_answered_at_once() -> None:
    frame = recommend(RUN, GOALS, deadline_ms=100, budget_usd_per_million=5)
    assert frame.groupby("payload")["strategy"].agg(tuple).map(lambda g: g == GOALS).all()
