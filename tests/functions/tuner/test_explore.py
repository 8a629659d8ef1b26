"""An adaptive run decides by what it measured, publishes what it wants, and ends honestly."""

import json
import math
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.errors import RunFailedError, UsageError
from lambdatuning.core.exploration.question import Item, Proposal
from lambdatuning.core.sizes import ALL_POWERS
from lambdatuning.core.tuning.plan import (
    Batch,
    Trial,
    Work,
    deal,
    widened,
)
from lambdatuning.core.tuning.records import RunPlan
from lambdatuning.functions.tuner import decide
from lambdatuning.functions.tuner.decide import trials

from .adaptive import Machine, by_cpu, types
from .test_results import sample

POWERS = [128, 256, 512, 1024, 1769]
GRID = 5 * (10 + 2)


def test_it_finds_the_answer_for_a_part_of_the_grid() -> None:
    machine = Machine()
    output = machine.run(powerValues=POWERS, strategy="speed")
    assert output["power"] == 1769
    explored = output["exploration"]
    assert explored["stopped"] in {"sure", "price"}
    assert explored["answers"][-1]["within5"] > 0.8
    assert explored["answers"][-1]["measured"]
    assert explored["spent"]["invocations"] == len(machine.client.sent) < GRID / 2
    assert explored["grid"]["invocations"] == GRID
    assert explored["spent"]["gbS"] < explored["grid"]["gbS"] / 2
    price = explored["grid"]["gbS"] * 0.0000166667 + GRID * 2e-7
    assert explored["grid"]["usd"] == pytest.approx(price)
    assert [point["value"] for point in explored["curve"]] == POWERS


def test_each_size_is_published_once_and_nothing_of_ours_remains() -> None:
    machine = Machine()
    machine.run(powerValues=POWERS)
    sizes = {size for _, size, _ in machine.client.sent}
    assert machine.client.calls.count("PublishVersion") == len(sizes)
    assert len(machine.measured) > len(sizes)
    assert (machine.client.memory_mb, machine.client.marked) == (128, [])
    assert machine.client.aliases == {}


def test_a_size_that_is_not_needed_is_never_published() -> None:
    machine = Machine(lambda _, memory_mb: 900.0 * max(1, 1769 / memory_mb))
    state = machine.explored(powerValues=[128, 256, 512, 1024, 2048, 4096, 8192], strategy="cost")
    assert set(state.versions) < {128, 256, 512, 1024, 2048, 4096, 8192}
    assert list(state.sizes) == sorted(state.versions)


def test_sizes_that_were_not_named_hold_what_the_function_uses() -> None:
    """Until its first invocation tells that, no size below today's is published."""
    machine = Machine()
    machine.client.config["MemorySize"], machine.client.used_mb = 1024, 300
    output = machine.run(powerValues=POWERS, fitMemory=True)
    sizes = [size for _, size, _ in machine.client.sent]
    assert sizes[0] == 1024
    assert min(sizes) >= 512
    assert {*output["failedSizes"]} == {"128", "256"}
    assert "300 MB that the function used" in output["failedSizes"]["256"]
    assert machine.client.memory_mb == 1024


def test_the_manifest_tells_every_step_and_why() -> None:
    machine = Machine()
    machine.run(powerValues=POWERS)
    run = machine.store.read_manifest().exploration
    assert run is not None
    assert [step.step for step in run.steps] == [*range(1, len(run.steps) + 1)]
    assert all(step.reason for step in run.steps)
    assert [step.stopped for step in run.steps] == [*[""] * (len(run.steps) - 1), run.stopped]
    assert all(step.batch for step in run.steps[:-1])
    spent = [step.usd for step in run.steps]
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(machine.store.read_manifest().usd)


def test_types_learn_side_by_side_and_none_is_sent_more_than_in_the_grid() -> None:
    machine = Machine()
    output = machine.run(powerValues=POWERS, payloadTypes=types("a", "b"), num=4)
    assert [answer["payload"] for answer in output["exploration"]["answers"]] == ["a", "b", None]
    for name in ("a", "b"):
        numbers = [n for kind, _, n in machine.client.sent if kind == name]
        assert len(numbers) == len(set(numbers)), "an item is used up once"
        assert len(numbers) <= 4 * len(POWERS) + 2 * len(POWERS)


@pytest.mark.parametrize(
    ("limit", "stopped"), [({"maxUsd": 3e-5}, "budget"), ({"maxSeconds": 6}, "time")]
)
def test_a_limit_ends_it_with_the_best_so_far_and_its_honest_confidence(
    limit: dict[str, float], stopped: str
) -> None:
    whole = Machine().run(powerValues=POWERS)["exploration"]
    machine = Machine()
    output = machine.run(powerValues=POWERS, **limit)
    explored = output["exploration"]
    assert explored["stopped"] == stopped
    assert explored["spent"]["invocations"] < whole["spent"]["invocations"]
    assert explored["answers"][-1]["within5"] < whole["answers"][-1]["within5"]
    assert output["power"] in {size for _, size, _ in machine.client.sent}
    assert explored["spent"]["usd"] <= limit.get("maxUsd", 1.0) * 1.1


def test_who_accepts_more_regret_pays_less() -> None:
    spent = [
        Machine().run(powerValues=POWERS, regret=regret)["exploration"]["spent"]["invocations"]
        for regret in (0.001, 0.2)
    ]
    assert spent[0] > spent[1]


def test_the_smallest_budget_buys_a_first_round() -> None:
    """What an invocation costs is known once one was made."""
    machine = Machine()
    output = machine.run(powerValues=POWERS, maxUsd=1e-9)
    assert output["exploration"]["stopped"] == "budget"
    assert output["exploration"]["answers"][-1]["within5"] < 0.95
    assert len(machine.client.sent) == 2


def test_it_never_costs_more_than_the_grid() -> None:
    machine = Machine()
    state = machine.first_state(powerValues=[128, 256, 512, 1024, 8192], num=2)
    dear = sample("a", 8192, duration_ms=100.0, billed_ms=100, cost_usd=1.4e-5, environment="e")
    machine.store.write_part("08192-x", [dear] * 17)
    after = decide.adaptive_step(state, [], machine.explorer())
    last_step = list(machine.store.read_steps())[-1]
    assert last_step.grid is not None
    assert last_step.spent.usd > last_step.grid.usd
    assert (last_step.stopped, after.batches, after.sizes) == ("grid", (), (8192,))


def test_a_batch_that_crashes_fails_its_size_and_the_others_go_on() -> None:
    machine = Machine(broken_mb=1769)
    output = machine.run(powerValues=POWERS, strategy="speed")
    assert output["failedSizes"]["1769"] == "LambdaTuningError: x"
    assert [batch.memory_mb for batch in machine.measured].count(1769) == 1
    assert output["power"] != 1769
    assert output["exploration"]["stopped"] in {"sure", "price"}


def test_all_sizes_failing_is_a_failure() -> None:
    machine = Machine(lambda *_: math.nan)
    with pytest.raises(RunFailedError, match="of a failed: Oops"):
        machine.run(powerValues=[128, 512])
    assert len(machine.client.sent) <= 2 * 3
    assert (machine.client.memory_mb, machine.client.aliases) == (128, {})


def test_a_refused_size_is_reported_and_the_others_go_on() -> None:
    machine = Machine()
    machine.client.largest_mb = 1024
    output = machine.run(powerValues=[512, 2048], strategy="speed")
    assert "2,048 MB is refused" in output["failedSizes"]["2048"]
    assert output["power"] == 512


def test_a_batch_that_is_not_done_goes_on_before_anything_is_decided() -> None:
    machine = Machine()
    state = machine.published(machine.first_state(powerValues=POWERS))
    unfinished = replace(machine.measure(state.batches[0]), left=True)
    after = decide.adaptive_step(state, [unfinished], machine.explorer())
    assert after.batches == (unfinished.batch,)
    assert (after.step, after.published < after.works) == (state.step, False)


def test_when_the_time_is_over_what_is_not_done_is_left_so() -> None:
    machine = Machine()
    state = machine.published(machine.first_state(powerValues=POWERS, maxSeconds=60))
    unfinished = replace(machine.measure(state.batches[0]), left=True)
    machine.time.now_s = 61
    after = decide.adaptive_step(state, [unfinished], machine.explorer())
    assert (after.batches, after.sizes) == ((), (128,))
    assert list(machine.store.read_steps())[-1].stopped == "time"


def test_a_decision_that_is_made_again_is_the_same() -> None:
    machine = Machine()
    state = machine.published(machine.first_state(powerValues=POWERS))
    measured = [machine.measure(state.batches[0])]
    made = [decide.adaptive_step(state, measured, machine.explorer()) for _ in range(2)]
    assert made[0] == made[1]


def test_a_round_goes_on_until_another_size_is_next() -> None:
    machine = Machine(lambda _, memory_mb: 20.0 + 100.0 * max(1.0, 1769 / memory_mb))
    state, rounds_played = machine.first_state(powerValues=POWERS), 0
    while state.batches:
        state, rounds_played = machine.played(machine.published(state)), rounds_played + 1
    assert rounds_played == len(state.versions) < (state.step or 0)


def test_a_round_ends_in_time_for_the_next_to_have_a_function_of_its_own() -> None:
    machine = Machine(lambda _, memory_mb: 60_000.0 * max(1, 1769 / memory_mb))
    state = machine.published(machine.first_state(powerValues=[1769]))
    assert machine.played(state).step == (state.step or 0) + 1


def test_a_round_that_crashed_is_played_again_behind_what_it_stored() -> None:
    machine = Machine()
    state = machine.published(machine.first_state(powerValues=[512, 1769]))
    machine.played(state)
    sent = len(machine.client.sent)
    after = machine.played(state)
    numbers = [n for _, _, n in machine.client.sent]
    assert len(machine.client.sent) - sent <= 2, "what was stored is not sent again"
    assert len(set(numbers)) >= len(numbers) - 1, "but for the warm-up no item is used twice"
    assert (after.step or 0) > (state.step or 0)


def test_a_round_that_crashes_for_good_fails_the_sizes_that_it_began_with() -> None:
    machine = Machine()
    state = machine.published(machine.first_state(powerValues=POWERS))
    crashed = {"batch": {}, "left": False, "criticalMs": 0, "error": "Exit: 1"}
    after = decide.state_after_round(state, [crashed], machine.explorer)
    assert after.failed == {128: "Exit: 1"}
    assert [batch.memory_mb for batch in after.batches] != [128]
    assert after.batches


def test_the_state_stays_small() -> None:
    machine = Machine()
    state = machine.first_state(
        powerValues=list(ALL_POWERS), payloadTypes=types(*map(str, range(100)))
    )
    full = replace(state, versions=dict.fromkeys(ALL_POWERS, "999999"))
    assert len(json.dumps(full.to_json())) < 20_000


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"cold": 2}, '"cold" needs "exploration": "grid"'),
        ({"dryRun": True}, '"dryRun" needs'),
        ({"exploration": "adaptiv"}, 'did you mean "adaptive"'),
        ({"exploration": "grid", "maxUsd": 1}, '"maxUsd" ends an adaptive run'),
        ({"maxSeconds": 0}, "must be above 0"),
    ],
)
def test_what_does_not_go_together_is_refused(more: dict[str, Any], message: str) -> None:
    machine = Machine()
    with pytest.raises(UsageError, match=message):
        machine.first_state(**more)
    assert machine.client.aliases == {}


def test_the_grid_knows_nothing_of_it() -> None:
    machine = Machine()
    state = machine.first_state(exploration="grid", powerValues=POWERS)
    assert "step" not in state.to_json()
    assert machine.store.read_plan().limits is None


items = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 500), st.integers(1, 12)), min_size=1, max_size=6
)


@given(items, st.integers(1, 8), st.integers(0, 8))
def test_every_environment_of_a_trial_has_something_to_do(
    cells: list[tuple[int, int, int]], environments: int, before: int
) -> None:
    trial = widened(cells, environments, before)
    chains = deal(trial, seed="1")
    assert all(chains)
    assert sum(map(len, chains)) == trial.count >= sum(count for *_, count in cells)
    assert sum(1 for worker in range(len(chains)) if worker >= before) == max(
        0, environments - before
    )


def test_a_batch_with_a_trial_travels_as_json() -> None:
    batch = Batch(Work(512, 3), "7", (1, 0), Trial(((0, 4, 2),), 2, 1))
    assert Batch.from_json(json.loads(json.dumps(batch.to_json()))) == batch
    assert batch.trial is not None
    assert Trial.from_json(batch.trial.to_json()) == batch.trial


def test_a_size_whose_first_call_was_enough_is_no_failed_one() -> None:
    machine = Machine(lambda _, memory_mb: 900.0 * max(1, 1769 / memory_mb))
    output = machine.run(powerValues=[128, 1769, 10240], strategy="cost")
    rows = {row["value"]: row for row in output["results"]}
    once = [size for size, row in rows.items() if not row["n"]]
    assert once
    assert all(rows[size]["cold"]["n"] == 1 for size in once)
    assert output["failedSizes"] == {}
    assert output["power"] not in once


def test_no_environment_is_woken_again_by_a_call_of_the_same_number() -> None:
    machine = Machine()
    plan = _plan_of(machine, types("a", "b"))
    woken = sample("a", 512, environment="e", invocation=-(1 + plan.sizes.index(512) * 10_000 + 1))
    proposal = Proposal((Item(512, "a", 1, environments=2),), "", "", ())
    assert trials(plan, [0, 0], proposal, [])[512].environments_before == 0
    assert trials(plan, [0, 0], proposal, [woken])[512].environments_before == 2


def test_items_of_two_sizes_share_no_number_where_one_is_widened() -> None:
    plan = _plan_of(Machine(), types("a", "b"))
    batch = (Item(256, "b", 1, environments=2), Item(128, "b", 1))
    planned = trials(plan, [0, 5], Proposal(batch, "", "", ()), [])
    assert [planned[size].items for size in (256, 128)] == [((1, 5, 2),), ((1, 7, 1),)]


def test_what_is_not_to_be_woken_is_not() -> None:
    plan = _plan_of(Machine(), types("a", "b"))
    batch = (Item(256, "a", 1, wake=False), Item(512, "a", 1))
    planned = trials(plan, [0, 0], Proposal(batch, "", "", ()), [])
    assert [
        (planned[size].environments, planned[size].environments_before) for size in (256, 512)
    ] == [
        (1, 1),
        (1, 0),
    ]


def _plan_of(machine: Machine, payloads: list[dict[str, Any]]) -> RunPlan:
    machine.first_state(powerValues=POWERS, payloadTypes=payloads)
    return machine.store.read_plan()


def test_todays_size_is_measured_first() -> None:
    """What is answered is compared with it."""
    machine = Machine()
    assert [batch.memory_mb for batch in machine.first_state(powerValues=POWERS).batches] == [128]
    others = machine.first_state(powerValues=[512, 1024, 1769])
    assert [batch.memory_mb for batch in others.batches] == [512]


def test_strategy_value_is_answered_by_the_model() -> None:
    machine = Machine()
    output = machine.run(powerValues=POWERS, strategy="value")
    assert output["power"] == output["exploration"]["answers"][-1]["power"]


@pytest.mark.parametrize("spread", [0.0, 0.6])
def test_what_lacks_environments_to_be_compared_is_tried_three_times(spread: float) -> None:
    """However often it was called before: here each version has one environment for good."""
    rng = random.Random(1)
    machine = Machine(lambda kind, mb: by_cpu(kind, mb) * math.exp(rng.gauss(0, spread)))
    machine.run(powerValues=POWERS, strategy="speed", forCompare=True, environments=3, num=40)
    steps = list(machine.store.read_steps())
    tries: Counter[int] = Counter()
    for step in steps:
        if "compared later" in step.reason:
            assert {planned.environments for planned in step.batch} == {3}
            tries.update(planned.memory_mb for planned in step.batch)
    assert tries[128] == 3
    assert tries[steps[-1].answers[-1].memory_mb] == 3
