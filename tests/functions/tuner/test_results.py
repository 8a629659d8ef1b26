"""From samples to results: what is counted, what is shown, what may win, and how small it stays."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lambdatuning.core.decision import Decision
from lambdatuning.core.errors import RunFailedError
from lambdatuning.core.power_tuning.rules import SizeStatistics
from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.payloads import PayloadType
from lambdatuning.core.tuning.plan import Batch, Work
from lambdatuning.core.tuning.records import RunPlan, Sample
from lambdatuning.core.tuning.state import Apply, BatchSummary, RunPlace, SizeResult, TunerState
from lambdatuning.functions.tuner import decide
from lambdatuning.functions.tuner.analyse import analyse, withheld
from lambdatuning.functions.tuner.batch.invoke import error_message
from lambdatuning.functions.tuner.batch.results import size_result
from lambdatuning.functions.tuner.measuring import summarise
from lambdatuning.functions.tuner.storage import RunFolder

from .plans import QUESTION, make_plan

STATE = TunerState(
    run=RunPlace("run-1", "shop", "arn", "s3://b"), critical_ms=5, published=2, works=2, parallel=10
)


def sample(payload: str = "a", memory_mb: int = 128, **more: Any) -> Sample:
    plain: dict[str, Any] = {
        "payload": payload, "memory_mb": memory_mb, "invocation": 0, "cold": False,
        "environment": "e", "started_at": "2026-11-23T09:00:00+00:00", "duration_ms": 10.0,
        "billed_ms": 10, "init_ms": None, "restore_ms": None, "max_memory_mb": 40, "error": "",
        "cost_usd": 1e-7, "request_id": "r", "architecture": "x86_64",
    }  # fmt: skip
    return Sample(**{**plain, **more})


def result(samples: list[Sample], **changes: Any) -> SizeResult:
    changes = {"payloads": (PayloadType("a", {}),), **changes}
    return size_result(make_plan(**changes), 128, samples)


def test_cold_starts_and_failures_stand_apart() -> None:
    cold = sample(cold=True, init_ms=90.0, duration_ms=20.0)
    outcome = result([*[sample()] * 18, cold, sample(error="KeyError", duration_ms=999.0)])
    (row,) = outcome.rows
    assert (row["n"], row["failed"], row["errors"]) == (18, 1, {"KeyError": 1})
    assert (row["mean"], row["p99"]) == (10.0, 10.0)
    assert row["cold"] == {"n": 1, "mean": 110.0, "p50": 110.0, "p95": 110.0, "init": 90.0}
    assert outcome.reason == ""
    assert outcome.invocations == 20


def test_where_cold_starts_are_measured_they_count_with_their_init() -> None:
    cold = sample(cold=True, init_ms=90.0)
    assert result([cold] * 3, mode="cold").rows[0]["mean"] == 100.0


def test_an_interval_needs_three_environments() -> None:
    two = [sample(environment=e, duration_ms=d) for e in "ab" for d in (9.0, 11.0)]
    assert result(two).rows[0]["interval"] is None
    three = [*two, *(sample(environment="c", duration_ms=d) for d in (9.5, 11.5))]
    low, high = result(three).rows[0]["interval"]
    assert low < 10 < high


@pytest.mark.parametrize(
    ("failures", "allowed", "wins"), [(1, (), True), (2, (), False), (2, ("F",), False),
                                      (4, ("E",), True), (10, ("E",), True)],
)  # fmt: skip
def test_a_size_that_fails_too_often_cannot_win(
    failures: int, allowed: tuple[str, ...], wins: bool
) -> None:
    samples = [*[sample(error="E")] * failures, *[sample()] * (10 - failures)]
    outcome = result(samples, question=replace(QUESTION, allowed_errors=allowed))
    assert (outcome.statistics is not None) is wins
    row = outcome.rows[0]
    if "E" in allowed:
        assert (row["n"], row["failed"], row["allowed"]) == (10, 0, {"E": failures})
        assert row["costUsd"] == pytest.approx(1e-7)
    else:
        assert (row["n"], row["failed"], row["errors"]) == (
            10 - failures,
            failures,
            {"E": failures},
        )
    if not wins:
        assert outcome.reason == f"{failures} of 10 invocations of a failed: E"


def test_a_type_that_was_never_measured_is_no_winner() -> None:
    size = size_result(make_plan(), 128, [sample("a")] * 5)
    assert size.reason == "b was not measured"


def test_a_minority_type_is_not_trimmed_away() -> None:
    """Power Tuning's 20 % trim reports 10 ms for an 8:2 mix of 10 ms and 1,000 ms."""
    types = (PayloadType("a", {}, weight=8), PayloadType("b", {}, weight=2))
    samples = [*[sample("a")] * 8, *[sample("b", duration_ms=1000.0, billed_ms=1000)] * 2]
    statistics = size_result(make_plan(payloads=types), 128, samples).statistics
    assert statistics is not None
    assert statistics["averageDuration"] == pytest.approx(0.8 * 10 + 0.2 * 1000)


def stored(store: RunFolder, plan: RunPlan, samples: list[Sample]) -> None:
    store.write_plan(plan)
    for size in plan.sizes:
        store.write_part(f"{size:05d}-x", [s for s in samples if s.memory_mb == size])
        summarise(plan, store, size)


def one_type(**changes: Any) -> RunPlan:
    return make_plan(payloads=(PayloadType("a", {}),), **changes)


def analysed(store: RunFolder, state: TunerState = STATE) -> dict[str, Any]:
    after = analyse(state, store, load_price_book(), "2026-11-23T09:00:00Z", "us-east-1")
    return after.to_json()


def test_the_winner_the_contracts_fields_and_ours_beside(store: RunFolder) -> None:
    fast = [sample(memory_mb=512, duration_ms=2.0, billed_ms=2)] * 10
    stored(store, one_type(), [*[sample()] * 10, *fast])
    output = analysed(store)["output"]
    assert (output["power"], output["duration"]) == (512, 2.0)
    assert output["cost"] == pytest.approx(2 * 2.1e-9 * 4)
    assert {*output} == {
        "power", "cost", "duration", "stateMachine", "runId", "samples", "warnings", "results",
        "failedSizes",
    }  # fmt: skip
    manifest = store.read_manifest()
    assert (manifest.invocations, manifest.current_memory_mb) == (20, 128)
    assert manifest.usd == pytest.approx(20e-7)
    assert manifest.sizes_beyond_cores == ()


def test_the_manifest_names_the_sizes_beyond_the_cores_of_the_host(store: RunFolder) -> None:
    question = replace(QUESTION, about={"endpoint": {"kind": "embedded", "cores": 2}})
    plan = one_type(sizes=(512, 4096, 10_240), question=question)
    stored(store, plan, [sample(memory_mb=size) for size in plan.sizes for _ in range(3)])
    analysed(store)
    assert store.read_manifest().sizes_beyond_cores == (4096, 10_240)


def test_snapshots_are_part_of_the_bill(store: RunFolder) -> None:
    target = replace(one_type().target, snapstart=True)
    stored(store, one_type(target=target), [*[sample()] * 5, *[sample(memory_mb=512)] * 5])
    analysed(store)
    manifest = store.read_manifest()
    kept = (128 + 512) / 1024 * 3 * 3600 * 0.0000015046
    assert manifest.snapshots_usd == pytest.approx(kept)
    assert manifest.usd == pytest.approx(kept + 10e-7)
    stored(store, one_type(target=replace(target, runtime="java21")), [sample()] * 5)
    analysed(store)
    assert store.read_manifest().snapshots_usd == 0


def test_a_failed_size_is_reported_and_the_others_go_on(store: RunFolder) -> None:
    stored(store, one_type(), [sample(error="Sandbox.Timedout"), *[sample(memory_mb=512)] * 5])
    state = analysed(store)
    assert state["output"]["power"] == 512
    assert state["output"]["failedSizes"] == {
        "128": "1 of 1 invocations of a failed: Sandbox.Timedout"
    }


def test_all_failing_is_a_failure_with_its_cause(store: RunFolder) -> None:
    stored(store, one_type(), [sample(error="E"), sample(memory_mb=512, error="F")])
    with pytest.raises(RunFailedError, match=r"128 MB: 1 of 1 .* failed: E; 512 MB: .* F"):
        analysed(store)


def test_a_cause_that_several_sizes_share_is_said_once(store: RunFolder) -> None:
    stored(store, one_type(), [sample(error="E"), sample(memory_mb=512, error="E")])
    with pytest.raises(RunFailedError, match=r": 128 and 512 MB: 1 of 1 .* failed: E$"):
        analysed(store)


def test_a_dry_run_has_no_answer(store: RunFolder) -> None:
    stored(store, one_type(question=replace(QUESTION, dry_run=True)), [sample()])
    assert analysed(store)["output"] is None


def test_a_plan_travels_as_json() -> None:
    plan = make_plan(question=replace(QUESTION, allowed_errors=("E",)))
    assert RunPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def measured(size: int, **more: Any) -> BatchSummary:
    batch = Batch(Work(size, 0), "1", (1000,) * 5)
    return BatchSummary(**{"batch": batch, "left": False, "critical_ms": 7, **more})


def test_what_is_left_is_measured_again_and_errors_are_kept() -> None:
    state = decide.step(STATE, [measured(128, left=True), measured(512, error="boom")])
    assert [batch.memory_mb for batch in state.batches] == [128]
    assert state.failed == {512: "boom"}
    assert state.critical_ms == 5 + 7


def test_a_warning_of_several_batches_appears_once() -> None:
    state = decide.step(STATE, [measured(128, warning="no logs"), measured(512, warning="no logs")])
    assert state.warnings == ("no logs",)


def test_a_state_travels_as_json_and_keeps_what_others_add() -> None:
    adaptive = replace(STATE, step=3, versions={128: "7"}, sent=(1, 2), failed={512: "x"})
    for state in (STATE, adaptive):
        wire = json.loads(json.dumps({**state.to_json(), "error": {"Error": "x"}}))
        assert ("step" in wire) is (state.step is not None)
        assert TunerState.from_json(wire) == replace(state, extra={"error": {"Error": "x"}})
        assert TunerState.from_json(wire).to_json() == wire


def test_measuring_ends_before_the_history_is_full() -> None:
    state = decide.step(replace(STATE, events=20_000), [measured(128, left=True)])
    assert state.batches == ()
    assert "history is nearly full" in state.warnings[0]


def test_a_large_run_stays_under_256_kb(store: RunFolder) -> None:
    """100 payload types x 46 sizes x 1,000 invocations, as far as they pass through the state:
    recorded results, since samples never do."""
    sizes = tuple(range(128, 3009, 64))[:46]
    types = tuple(PayloadType(f"type-with-a-long-name-{i:03d}", {}) for i in range(100))
    plan = make_plan(payloads=types, counts=(1000,) * 100, sizes=sizes, environments=100)
    store.write_plan(plan)
    few = [sample(payload.name, 128, environment=e) for payload in types for e in "abc"]
    recorded = size_result(plan, 128, few)
    assert recorded.statistics is not None
    for size in sizes:
        statistics: SizeStatistics = {**recorded.statistics, "value": size}
        store.write_result(replace(recorded, memory_mb=size, statistics=statistics))
    error = "x" * 500
    wide = Batch(Work(3008, 0), "99999", (20_000,) * 100)
    results = [measured(size, error=error, left=True, batch=wide) for size in sizes]
    run = RunPlace("r" * 80, "f" * 64, "a" * 140, "u" * 250)
    before = replace(
        STATE, run=run, sizes=sizes, batches=(wide,) * 46, failed=dict.fromkeys(sizes, error)
    )
    wire = {**before.to_json(), "measured": [each.to_json() for each in results]}
    assert len(json.dumps(wire)) < 256 * 1024
    after = decide.step(before, results)
    assert len(json.dumps(after.to_json())) < 256 * 1024
    final = analysed(store, replace(STATE, run=run, sizes=sizes))
    assert len(json.dumps(final)) < 256 * 1024
    assert len(store.read_json("_results.json")) == 4600


def test_the_reason_quotes_the_error_of_the_function() -> None:
    failed = sample(error="ValueError", message="The request has no body")
    outcome = result([failed] * 6)

    assert outcome.reason == (
        "6 of 6 invocations of a failed: ValueError (The request has no body)"
    )
    assert outcome.rows[0]["message"] == "The request has no body"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"errorType": "E", "errorMessage": "two\nlines"}, "two lines"),
        ({"errorType": "E", "errorMessage": "x" * 400}, "x" * 297 + "..."),
        (
            {"errorMessage": "2026-11-23T09:00:00.000Z 5a1c Task timed out after 3.00 seconds"},
            "2026-11-23T09:00:00.000Z 5a1c Task timed out after 3.00 seconds",
        ),
        (
            {"errorMessage": "RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Error: Runtime"},
            "RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Error: Runtime",
        ),
        (
            {"errorMessage": "RequestId: 8f507cfc-0123-4697-b07a-ac58fc914c95 Error: exited"},
            "Error: exited",
        ),
        ({"errorType": "E"}, ""),
        (["no object"], ""),
        ("half \ud83d", ""),
        ({"errorMessage": "half \ud83d"}, "half ?"),
    ],
)
def test_a_sample_keeps_the_error_message(payload: object, message: str) -> None:
    assert error_message(json.dumps(payload).encode()) == message


def test_an_answer_that_is_no_json_says_nothing() -> None:
    assert error_message(b"Internal Server Error") == ""


@pytest.mark.parametrize(
    ("sure", "least", "sets"),
    [
        (0.29, 0.8, False),
        (None, 0.8, False),
        (0.8, 0.8, True),
        (0.29, 0.0, True),
        (None, 0.0, True),
    ],
)
def test_an_answer_that_is_not_sure_enough_is_not_set(
    sure: float | None, least: float, sets: bool
) -> None:
    """Power Tuning's contract names no certainty: there the answer is set in any case."""
    state = replace(STATE, apply=Apply(auto_optimize=True, alias="live", min_sure=least))
    assert TunerState.from_json(state.to_json()).apply == state.apply
    decided = withheld(state, Decision(512, "cost", sure=sure))
    assert decided.apply == (state.apply if sets else Apply())
