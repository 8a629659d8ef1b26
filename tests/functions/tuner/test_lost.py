"""A function that outlasts its measuring: never sent again, and completed from its logs."""

import queue
import threading
import time as real_time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.plan import Batch, Invocation, Work
from lambdatuning.core.tuning.records import RunPlan, Sample
from lambdatuning.functions.tuner.batch.invoke import LOST, NO_ANSWER, Caller, lost_sample
from lambdatuning.functions.tuner.batch.measure import chains, measure_batch, run, stored
from lambdatuning.functions.tuner.batch.samples import Finder, Writer
from lambdatuning.functions.tuner.storage import RunFolder
from tests.fakes.aws_lambda import FakeLambda, FakeLogs

from .plans import TARGET, Time, make_plan

PLAN = make_plan(target=replace(TARGET, timeout_s=900))
FIRST, SECOND = "0000000a-0000-0000-0000-000000000000", "0000000b-0000-0000-0000-000000000000"
STREAM = "2026/11/23/[7]0123456789abcdef0123456789abcdef"
BATCH = Batch(Work(128, 0), "7")


def lost(time: Time, after_s: float = 0, payload: int = 0, n: int = 3) -> Sample:
    began = time.utc() + timedelta(seconds=after_s)
    return lost_sample(PLAN, "7", (128, Invocation(payload, n)), began)


def milliseconds(time: Time, after_s: float) -> int:
    return int((time.utc() + timedelta(seconds=after_s)).timestamp() * 1000)


def report(request: str, ms: float, more: str = "") -> str:
    return (
        f"REPORT RequestId: {request}\tDuration: {ms:.2f} ms\tBilled Duration: {int(ms)} ms\t"
        f"Memory Size: 128 MB\tMax Memory Used: 40 MB\t{more}"
    )


def ran(logs: FakeLogs, time: Time, request: str, *, at_s: float, lines: tuple[str, ...]) -> None:
    logs.tell(STREAM, milliseconds(time, at_s), f"START RequestId: {request} Version: 7", *lines)


def finder(logs: FakeLogs, time: Time, plan: RunPlan = PLAN) -> Finder:
    return Finder(plan, load_price_book(), logs, time.utc, time.sleep)


def completed(logs: FakeLogs, time: Time, *samples: Sample, within_s: float = 2000) -> list[Sample]:
    return finder(logs, time).completed(samples, {SECOND}, within_s)


def test_its_report_is_found_by_the_moment_of_its_start(logs: FakeLogs, time: Time) -> None:
    ran(logs, time, SECOND, at_s=0.1, lines=(report(SECOND, 10),))  # a sample that is known
    ran(logs, time, FIRST, at_s=0.4, lines=(report(FIRST, 880_000),))
    ran(logs, time, "c" * 36, at_s=300, lines=(report("c" * 36, 20),))
    (sample,) = completed(logs, time, lost(time))
    assert (sample.request_id, sample.duration_ms, sample.billed_ms) == (FIRST, 880_000, 880_000)
    assert (sample.error, sample.environment) == ("", "0123456789abcdef0123456789abcdef")
    assert sample.cost_usd == pytest.approx(880 * 0.125 * 0.0000166667 + 0.2e-6)
    assert (sample.payload, sample.invocation) == ("a", 3)


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ((report(FIRST, 900_000, "Status: timeout"),), "Sandbox.Timedout"),
        (("[ERROR] KeyError: 'x'", report(FIRST, 870_000)), "KeyError"),
        (("2026\tx\tERROR\tInvoke Error \t{}", report(FIRST, 870_000)), "Unhandled"),
        ((report(FIRST, 5_000, "Status: error\tError Type: Runtime.ExitError"),),
         "Runtime.ExitError"),
    ],
)  # fmt: skip
def test_what_failed_after_all_is_a_failure(
    logs: FakeLogs, time: Time, lines: tuple[str, ...], error: str
) -> None:
    ran(logs, time, FIRST, at_s=0.4, lines=lines)
    (sample,) = completed(logs, time, lost(time))
    assert (sample.error, sample.request_id) == (error, FIRST)


def test_json_logs_are_read_as_well(logs: FakeLogs, time: Time) -> None:
    start = f'{{"type": "platform.start", "record": {{"requestId": "{FIRST}", "version": "7"}}}}'
    metrics = '{"durationMs": 870000.5, "billedDurationMs": 870001, "memorySizeMB": 128}'
    end = (
        f'{{"type": "platform.report", "record": {{"requestId": "{FIRST}", "status": "success", '
        f'"metrics": {metrics}}}}}'
    )
    logs.tell(STREAM, milliseconds(time, 0.2), "no json {", start, '{"level": "INFO"}', end)
    plan = replace(PLAN, target=replace(PLAN.target, log_format="JSON"))
    (sample,) = finder(logs, time, plan).completed([lost(time)], set(), 100)
    assert (sample.duration_ms, sample.billed_ms, sample.error) == (870000.5, 870001, "")


def test_it_is_waited_for_until_it_must_be_over(logs: FakeLogs, time: Time) -> None:
    ran(logs, time, FIRST, at_s=0.4, lines=())  # it goes on, and is never heard of again
    (sample,) = completed(logs, time, lost(time))
    assert (sample.error, sample.billed_ms) == (NO_ANSWER, 0)
    assert 900 + 90 <= time.now_s < 900 + 90 + 20
    time.now_s = 0
    completed(logs, time, lost(time), within_s=100)
    assert time.now_s < 120


def test_two_types_that_began_together_are_not_guessed_apart(logs: FakeLogs, time: Time) -> None:
    ran(logs, time, FIRST, at_s=0.4, lines=(report(FIRST, 880_000),))
    both = lost(time), lost(time, 1, payload=1)
    assert {s.error for s in completed(logs, time, *both, within_s=0)} == {NO_ANSWER}
    later = lost(time), lost(time, 30, payload=1)
    assert [s.error for s in completed(logs, time, *later, within_s=0)] == ["", NO_ANSWER]


def test_logs_that_may_not_be_read_leave_a_failure(logs: FakeLogs, time: Time) -> None:
    logs.faults["FilterLogEvents"] = ["AccessDeniedException"] * 9
    (sample,) = completed(logs, time, lost(time), within_s=0)
    assert sample.error == NO_ANSWER


def test_it_becomes_a_part_once_also_when_repeated(
    logs: FakeLogs, time: Time, store: RunFolder
) -> None:
    store.write_lost("00128-0000-00000000-t-0000", [lost(time)])
    ran(logs, time, FIRST, at_s=0.4, lines=(report(FIRST, 880_000),))
    assert list(store.read_samples("00128-")) == []
    for _ in range(2):
        finder(logs, time).complete(store, 128, 100)
        assert [s.request_id for s in store.read_samples("00128-")] == [FIRST]
    finder(logs, time).complete(store, 512, 100)
    assert list(store.read_samples("00512-")) == []


def test_a_chain_that_was_given_up_sends_nothing_more(
    client: FakeLambda, caller: Callable[[RunPlan], Caller], time: Time
) -> None:
    """Its thread may have slept while the batch ended, and wakes in the next one."""
    plan = replace(PLAN, environments=1, counts=(2, 2))
    (chain,) = chains(caller(plan), BATCH)
    assert chain.give_up() is None
    samples: queue.SimpleQueue[Sample] = queue.SimpleQueue()
    run(caller(plan), BATCH, chain, samples, time.clock)
    assert (client.invoked, samples.empty(), chain.done, chain.error) == ([], True, 0, None)


def test_a_batch_gives_up_in_time_and_sends_nothing_twice(
    client: FakeLambda, caller: Callable[[RunPlan], Caller], logs: FakeLogs, time: Time,
    store: RunFolder,
) -> None:  # fmt: skip
    """The measuring function would be stopped otherwise, and the batch be run again."""
    over, invoke = threading.Event(), client.invoke

    def outlasts(*given: Any, **more: Any) -> Any:
        if len(client.invoked) == 2:
            over.wait(30)
        return invoke(*given, **more)

    client.invoke = outlasts  # type: ignore[method-assign]
    plan = replace(PLAN, environments=1, counts=(2, 2))
    logs.faults["FilterLogEvents"] = ["AccessDeniedException"] * 9
    writer = Writer(caller(plan), BATCH, store, logs, "t")
    summary = measure_batch(caller(plan), BATCH, writer, real_time.monotonic, 0.3)
    assert (summary.batch.done, summary.left, summary.error) == ((2,), True, "")
    assert len(list(store.read_samples())) == 2  # the warm-up and one
    (sample,) = store.read_lost("00128-")
    assert (sample.error, sample.request_id.startswith(f"{LOST}7-")) == (NO_ANSWER, True)
    assert len(stored(plan, BATCH, store)) == 3
    over.set()
    after = BATCH.after((2,))
    writer = Writer(caller(plan), after, store, logs, "u")
    summary = measure_batch(caller(plan), after, writer, real_time.monotonic, 30)
    assert summary.left is False
    sent = [(s.payload, s.invocation) for s in [*store.read_samples(), *store.read_lost()]]
    assert len(sent) == len(set(sent)) == 5
    assert max(time.slept) > 290  # until what was given up is over, within reason
