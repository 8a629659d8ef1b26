"""Chains: warm-up apart, deadlines, giving up, and going on where the batch before ended."""

import queue
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lambdatuning.core.tuning.plan import Batch, Invocation, Work
from lambdatuning.core.tuning.records import RunPlan, Sample
from lambdatuning.functions.tuner.batch.invoke import Caller
from lambdatuning.functions.tuner.batch.measure import Chain, chains, run
from tests.fakes.aws_lambda import FakeLambda, refusal

from .plans import QUESTION, Time, make_plan

Make = Callable[[RunPlan], Caller]


def ran(
    caller: Caller, batch: Batch, time: Time, worker: int = 0, stored: Any = ()
) -> tuple[Chain, list[Sample]]:
    chain = chains(caller, batch, stored)[worker]
    samples: queue.SimpleQueue[Sample] = queue.SimpleQueue()
    run(caller, batch, chain, samples, time.clock)
    return chain, [samples.get() for _ in range(samples.qsize())]


FIRST = Batch(Work(128, 0), "1")


def test_the_first_batch_wakes_its_environment(caller: Make, time: Time) -> None:
    chain, samples = ran(caller(make_plan()), FIRST, time)
    assert [s.invocation < 0 for s in samples] == [True] + [False] * 10
    assert (chain.done, chain.left, chain.error) == (10, False, None)
    assert chain.billed_ms == 110


def test_without_warm_up_the_first_invocation_counts(caller: Make, time: Time) -> None:
    _, samples = ran(caller(make_plan(mode="first")), FIRST, time)
    assert min(s.invocation for s in samples) >= 0


def test_a_function_of_minutes_gets_on_by_one_invocation_a_batch(
    client: FakeLambda, caller: Make, time: Time
) -> None:
    """Five minutes an invocation: never more than what ends before the function's own time does."""
    invoke = client.invoke

    def slow(*given: Any, **more: Any) -> Any:
        time.now_s += 500
        return invoke(*given, **more)

    client.invoke = slow  # type: ignore[method-assign]
    plan = make_plan(counts=(2, 2), environments=1)
    batch, batches, sent = FIRST, 0, 0
    while batches < 10:
        chain, samples = ran(caller(plan), batch, time)
        batches, sent = batches + 1, sent + len(samples)
        if not chain.left:
            break
        batch = batch.after((chain.done,))
    assert (batches, sent) == (5, 5)  # the warm-up, then one each


def test_what_is_left_goes_on_without_another_warm_up(caller: Make, time: Time) -> None:
    chain, samples = ran(caller(make_plan()), FIRST.after((8, 9)), time)
    assert len(samples) == 2
    assert chain.done == 10


def test_after_three_failures_in_a_row_a_type_is_left_out(
    client: FakeLambda, caller: Make, time: Time
) -> None:
    client.answers = [{"error": "KeyError", "message": ""}] * 99
    chain, samples = ran(caller(make_plan()), FIRST, time)
    assert len([s for s in samples if s.payload == "a"]) == 3
    assert len([s for s in samples if s.payload == "b"]) == 3
    assert chain.done == 10


def test_allowed_failures_are_all_measured(client: FakeLambda, caller: Make, time: Time) -> None:
    client.answers = [{"error": "KeyError", "message": ""}] * 99
    plan = make_plan(question=replace(QUESTION, allowed_errors=("KeyError",)))
    assert len(ran(caller(plan), FIRST, time)[1]) == 11


def test_an_error_of_the_tuner_stops_the_chain_and_is_kept(
    client: FakeLambda, caller: Make, time: Time
) -> None:
    client.answers = [{}, refusal("ResourceNotFoundException")]
    chain, samples = ran(caller(make_plan()), FIRST, time)
    assert "ResourceNotFound" in str(chain.error)
    assert (len(samples), chain.left) == (1, False)


def test_what_a_crashed_try_stored_is_not_invoked_again(caller: Make, time: Time) -> None:
    plan = make_plan()
    stored = plan.chains(FIRST.work)[0][:4]
    chain, samples = ran(caller(plan), FIRST, time, stored=frozenset(stored))
    assert len(samples) == 1 + 6
    assert chain.done == 10


def test_the_pause_between_invocations_is_kept(caller: Make, time: Time) -> None:
    ran(caller(make_plan(sleep_ms=250)), FIRST, time)
    assert time.slept == [0.25] * 11  # the warm-up is an invocation, too


def test_cold_starts_are_one_invocation_an_environment() -> None:
    plan = make_plan(cold=5, environments=2)
    rounds = [work for work in plan.work if work.memory_mb == 512]
    assert [work.round for work in rounds] == [0, 1, 2, 3]
    rounds_of_chains = [plan.chains(work) for work in rounds[1:]]
    assert [len(chains) for chains in rounds_of_chains] == [2, 2, 1]
    assert all(
        len(chain) == 1 and chain[0].n < 0 for chains in rounds_of_chains for chain in chains
    )


def test_only_cold_starts_plan_every_invocation_once() -> None:
    plan = make_plan(mode="cold", environments=3)
    invocations = [c[0] for w in plan.work if w.memory_mb == 128 for c in plan.chains(w)]
    assert sorted(invocations, key=lambda i: (i.payload, i.n)) == [
        Invocation(payload, n) for payload in (0, 1) for n in range(10)
    ]
