import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.analysis.curves import MIX, Curve, curves
from lambdatuning.analysis.recommend import decide, objective, recommend, recommendations
from lambdatuning.analysis.run import Run
from lambdatuning.core.errors import UsageError
from lambdatuning.core.strategies import STRATEGIES, CurvePoint, choose

from .synthetic import KINDS, Kind, synthetic_run

RUN = synthetic_run()
CPU = Kind("cpu", 0, 200)
IO = Kind("io", 50, 1)


def advice(run: Run, payload: str, strategy: str = "cost", **options: float) -> dict[str, object]:
    frame = recommend(run, strategy, **options)  # type: ignore[arg-type]
    (row,) = frame[frame["payload"] == payload].to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_waiting_is_cheapest_at_the_smallest_size_and_says_so_with_confidence() -> None:
    found = advice(RUN, "read")
    assert found["memory_mb"] == 128
    assert float(str(found["probability_best"])) > 0.99
    assert found["alike_mb"] == ()
    assert (found["saving"], found["speedup"]) == (0, 1)


def test_computing_is_fastest_at_the_largest_size() -> None:
    found = advice(RUN, "hash", "speed")
    assert found["memory_mb"] == 3008
    assert float(str(found["speedup"])) == pytest.approx(1769 / 128, rel=0.1)
    assert float(str(found["saving"])) < 0


def test_sizes_of_the_same_cost_cannot_be_told_apart() -> None:
    """Below one vCPU, a CPU-bound function costs the same at every size."""
    run = synthetic_run((Kind("cpu", 0, 400),), host_spread=0.05)
    found = advice(run, "cpu")
    alike = {int(str(found["memory_mb"])), *found["alike_mb"]}  # type: ignore[misc]
    assert alike == {128, 256, 512, 1024, 1536}
    assert float(str(found["probability_best"])) < 0.9


def test_a_failing_size_cannot_win_and_is_named() -> None:
    found = advice(RUN, "list-1mb")
    assert found["failing_mb"] == (128,)
    assert found["memory_mb"] != 128
    assert np.isnan(float(str(found["saving"])))


def test_a_payload_type_that_always_fails_has_no_recommendation() -> None:
    run = synthetic_run((Kind("broken", 5, 5, needs_mb=9999), IO))
    found = advice(run, "broken")
    assert found["memory_mb"] is None or np.isnan(float(str(found["memory_mb"])))
    assert found["reason"] == "no size is free of failures"
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
    found = advice(synthetic_run(environments=2, per_environment=10), "read")
    assert found["memory_mb"] == 128
    assert np.isnan(float(str(found["probability_best"])))
    assert found["alike_mb"] is None
    assert found["reason"] == "fewer than 3 execution environments"


def test_the_current_size_may_be_given() -> None:
    found = advice(RUN, "hash", "cost", current_memory_mb=3008)
    assert found["current_mb"] == 3008
    assert float(str(found["saving"])) > 0.3


def test_bad_input_is_refused() -> None:
    with pytest.raises(UsageError, match='did you mean "speed"'):
        recommend(RUN, "sped")
    with pytest.raises(UsageError, match="no samples"):
        recommend(Run(RUN.manifest, RUN.samples.iloc[:0]), "cost")


def test_rows_read_back_as_recommendations() -> None:
    found = recommendations(recommend(RUN, "cost"))
    assert [each.payload for each in found][-1] == MIX
    assert {each.strategy for each in found} == {"cost"}


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
    scores = objective(ms, usd, strategy, weight)
    assert scores[winner.memory_mb - 128] == pytest.approx(scores.min(), rel=1e-12)


@given(st.sampled_from(STRATEGIES), st.integers(0, 3))
def test_probabilities_of_all_sizes_sum_to_one(strategy: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ms, usd = rng.lognormal(3, 0.1, (2, 500, 4))
    scores = objective(ms, usd, strategy)
    wins = np.bincount(scores.argmin(axis=1), minlength=4) / 500
    centre = Curve("f", "x86_64", "p", (1, 2, 3, 4), ms.mean(0), usd.mean(0), ms, usd, ())
    winner = decide(centre, strategy)
    assert winner.probability_best == pytest.approx(wins[int(winner.memory_mb or 0) - 1])
