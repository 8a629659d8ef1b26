"""Where the contract's numbers agree with ours, and where they are Power Tuning's own."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.errors import LambdaTuningError, RunFailedError, UsageError
from lambdatuning.core.log_report import parse_report
from lambdatuning.core.power_tuning import rules
from lambdatuning.core.power_tuning.visualization import decode_visualization
from lambdatuning.core.pricing import duration_usd, load_price_book
from lambdatuning.core.strategies import STRATEGIES, CurvePoint, choose
from tests import oracle
from tests.oracle.statistics import trimmed_mean

HUNDREDTHS = st.integers(0, 90_000_000).map(lambda n: n / 100)


@st.composite
def tails(draw: st.DrawFn) -> str:
    """Text tails as Lambda writes them, warm, cold or restored."""
    fields = [f"REPORT RequestId: r-{draw(st.integers(0, 9))}"]
    fields.append(f"Duration: {draw(HUNDREDTHS):.2f} ms")
    fields.append(f"Billed Duration: {draw(st.integers(0, 900_000))} ms")
    fields.append("Memory Size: 128 MB\tMax Memory Used: 70 MB")
    start = draw(st.sampled_from(["", "init", "restore"]))
    if start == "init":
        fields.append(f"Init Duration: {draw(HUNDREDTHS):.2f} ms")
    if start == "restore":
        fields.append(f"Restore Duration: {draw(HUNDREDTHS):.2f} ms")
        fields.append(f"Billed Restore Duration: {draw(st.integers(0, 9999))} ms")
    return "START RequestId: r\nEND RequestId: r\n" + "\t".join(fields) + "\t\n"


@given(st.lists(tails(), max_size=8))
def test_both_readings_of_a_clean_tail_agree(logs: list[str]) -> None:
    assert oracle.tail_totals(logs) == oracle.report_totals(map(parse_report, logs))


def test_they_part_where_the_function_lies() -> None:
    tail = (
        "user says\tDuration: 9.00 ms\tBilled Duration: 9 ms\n"
        "REPORT RequestId: r\tDuration: 80.00 ms\tBilled Duration: 80 ms\n"
    )
    assert oracle.tail_totals([tail]) == ([9.0], [9.0])
    assert parse_report(tail).duration_ms == 80


def test_json_logs_of_warm_invocations_fail_there_alone() -> None:
    metrics = {"durationMs": 1.5, "billedDurationMs": 2}
    record = {"requestId": "r", "status": "success", "metrics": metrics}
    tail = json.dumps({"type": "platform.report", "record": record})
    with pytest.raises(LambdaTuningError, match="does not contain initDurationMs"):
        oracle.tail_totals([tail])
    assert parse_report(tail).billed_ms == 2


@given(st.lists(HUNDREDTHS, min_size=1, max_size=50), st.sampled_from([0.0, 0.1, 0.2, 0.33, 0.4]))
def test_its_average_is_the_trimmed_mean(durations: list[float], trim: float) -> None:
    ours = trimmed_mean(durations, trim)
    assert rules.average_duration(durations, trim) == pytest.approx(ours, rel=1e-12)


def test_a_minority_is_trimmed_away() -> None:
    assert rules.average_duration([10] * 8 + [1000] * 2, 0.2) == 10


@given(st.integers(128, 10_240), st.integers(1, 900_000), st.sampled_from(["x86_64", "arm64"]))
def test_its_prices_are_ours_but_for_rounding(size: int, billed_ms: int, arch: str) -> None:
    theirs = rules.price(rules.lambda_base_cost("us-east-1", arch), size, billed_ms)
    ours = duration_usd(load_price_book(), "us-east-1", arch, size, billed_ms)
    assert theirs == pytest.approx(ours, rel=0.03)


def test_an_unknown_region_is_a_silent_default_there_alone() -> None:
    assert rules.lambda_base_cost("mars-1", "x86_64") == 2.1e-9
    with pytest.raises(UsageError):
        load_price_book().region("mars-1")


def test_partial_trims() -> None:
    assert rules.average_duration([1, 2, 3, 4], -0.25) == 4 / 6  # its slice counts from the end
    assert math.isnan(rules.average_duration([1, 2], 0.5))
    assert math.isnan(rules.average_duration([1, 2], math.nan))
    assert rules.average_duration(None, 0.2) == 0


STATS = st.lists(
    st.builds(
        lambda value, cost, ms: {
            "value": value, "averagePrice": cost, "averageDuration": ms, "totalCost": cost,
        },
        st.integers(128, 10_240),
        st.floats(1e-9, 1),
        st.floats(0.01, 1e6),
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda stat: stat["value"],
)  # fmt: skip


@given(STATS, st.sampled_from(STRATEGIES), st.floats(0, 1))
def test_the_output_is_the_choice(
    stats: list[dict[str, float]], strategy: str, weight: float
) -> None:
    event = {"stats": stats, "strategy": strategy, "balancedWeight": weight}
    output = rules.analyse(event, region="eu-west-1")
    points = [CurvePoint(int(s["value"]), s["averageDuration"], s["averagePrice"]) for s in stats]
    best = choose(points, strategy, weight)
    assert output is not None
    assert (output["power"], output["cost"]) == (best.memory_mb, best.cost_usd)
    assert "stats" not in output
    (run,) = decode_visualization(output["stateMachine"]["visualization"])
    assert [p.memory_mb for p in run.points] == sorted(p.memory_mb for p in points)


def test_no_output_from_nothing() -> None:
    empty = {"value": 128, "averagePrice": 0, "averageDuration": 0, "totalCost": 0}
    with pytest.raises(RunFailedError, match="no size has a duration"):
        rules.analyse({"stats": [empty]}, region="us-east-1")
    with pytest.raises(UsageError, match='did you mean "speed"'):
        rules.analyse({"stats": [empty], "strategy": "sped"}, region="us-east-1")
    assert rules.analyse({"stats": [empty], "dryRun": True}, region="us-east-1") is None


def test_weights_that_are_texts_are_joined() -> None:
    mix = [{"payload": {"p": 1}, "weight": "1"}, {"payload": {"p": 2}, "weight": "1"}]
    with pytest.raises(UsageError, match="too small"):  # 0 + "1" + "1" is "011" there
        oracle.generate_payloads(10, mix)
