"""What the exploration decides, on functions whose truth is known."""

import json
import math
import random
from dataclasses import replace
from functools import cache
from statistics import fmean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdatuning.core.decision import Claim, Mean, Point, decide
from lambdatuning.core.errors import UsageError
from lambdatuning.core.exploration.proposal import propose
from lambdatuning.core.exploration.question import (
    Budget,
    Objective,
    Observation,
    Terms,
    observe,
)
from lambdatuning.core.tuning.records import Sample

from .exploring import INIT_MS, SIZES, SimulatedFunction, cpu


def test_the_first_round_is_one_size_for_all_payload_types() -> None:
    proposal = propose((), Objective(), Terms(SIZES, {"a": 1.0, "b": 2.0}))
    assert [item.payload for item in proposal.batch] == ["a", "b"]
    assert len({item.memory_mb for item in proposal.batch}) == 1
    assert proposal.stopped == ""
    assert proposal.answers == ()


def test_equal_samples_give_equal_proposals() -> None:
    first, again = (
        SimulatedFunction({"": cpu(200.0, 0.1)}),
        SimulatedFunction({"": cpu(200.0, 0.1)}),
    )
    assert first.explore() == again.explore()
    assert first.observations == again.observations


def test_a_proposal_is_plain_json() -> None:
    proposals = SimulatedFunction({"": cpu(300.0)}).explore()
    stored = json.loads(json.dumps(proposals[-1].to_json()))
    assert stored["stopped"] == "sure"
    assert [p["memory_mb"] for p in stored["answers"][0]["curve"]] == list(SIZES)


@pytest.mark.parametrize("strategy", ["cost", "speed", "balanced", "value"])
def test_the_answer_costs_a_fraction_of_the_grid_and_was_measured(strategy: str) -> None:
    calls = []
    for seed in range(3):
        simulated = SimulatedFunction({"": cpu(400.0, 0.2)}, seed=seed)
        end = simulated.explore(strategy)[-1]
        (answer,) = end.answers
        assert end.stopped == "sure"
        assert answer.regret <= 0.02 or answer.within_5 >= 0.95
        assert answer.within_5 >= 0.75
        at_answer = [o.cold for o in simulated.observations if o.memory_mb == answer.memory_mb]
        assert len(at_answer) >= 2
        assert not all(at_answer)
        calls.append(len(simulated.observations))
    assert median(calls) < 10 * len(SIZES) / 3


def test_the_answer_for_value_stands_before_the_plain_means_of_its_samples() -> None:
    simulated = SimulatedFunction({"": cpu(300.0, 0.4)})
    (answer,) = simulated.explore("value")[-1].answers
    points = []
    for size in sorted(simulated.environments):
        warm = [o for o in simulated.observations if o.memory_mb == size and not o.cold]
        if warm:
            ms, billed = fmean(o.duration_ms for o in warm), fmean(o.billed_ms for o in warm)
            points.append(Point(size, Mean(ms, 0.02 * ms), Mean(billed * size, 0.02 * ms * size)))
    decision = decide(points, "value", claim=Claim(answer.memory_mb, answer.within_5))
    assert (decision.memory_mb, decision.sure, decision.notes) == (
        answer.memory_mb,
        answer.within_5,
        (),
    )


def test_no_run_costs_much_more_than_measuring_every_size() -> None:
    """Also where sizes cost many times what was believed of them, by calls that are rarely slow."""
    rng = random.Random(0)
    for seed in range(3):
        simulated = SimulatedFunction(
            {"": lambda size: 60_000 / size * rng.choice((1, 1, 1, 8))}, seed=seed
        )
        simulated.explore(("cost", "speed", "value")[seed])
        spent = sum(o.billed_ms * o.memory_mb for o in simulated.observations)
        grid = sum(10 * 60_000 / size * 2.75 * size + INIT_MS * size for size in SIZES)
        assert spent < 1.1 * grid


def test_unmeasured_sizes_are_predicted_with_intervals_that_hold_the_truth() -> None:
    inside = []
    for seed in range(0, 20, 2):
        truth = cpu(300.0, 0.05 * (seed // 2))
        end = SimulatedFunction({"": truth}, seed=seed).explore(("cost", "speed")[seed // 2 % 2])[
            -1
        ]
        unmeasured = [p for p in end.answers[0].curve if not p.measured]
        inside += [p.low_ms <= truth(p.memory_mb) <= p.high_ms for p in unmeasured]
    assert len(inside) > 10
    assert sum(inside) / len(inside) > 0.8


def test_a_deadline_is_kept_by_the_cheapest_size_that_can() -> None:
    objective = Objective("deadline", deadline_ms=700.0)
    simulated = SimulatedFunction({"": cpu(300.0, 0.3)})
    chosen = simulated.explore(objective)[-1].answers[0].memory_mb
    kept = [size for size in SIZES if cpu(300.0, 0.3)(size) * 1.035 <= 700]
    assert chosen == simulated.best(sizes=kept)


def test_a_budget_buys_the_fastest_size() -> None:
    simulated = SimulatedFunction({"": cpu(300.0, 0.0)})
    full = simulated.terms.usd_per_gb_s * 0.3 * 1769 / 1024
    objective = Objective("budget", budget_usd=full * 1.2)
    assert simulated.explore(objective)[-1].answers[0].memory_mb == 1536


@pytest.mark.parametrize(
    ("strategy", "budget_usd"), [("fastest", 0.0), ("deadline", 0.0), ("budget", -1.0)]
)
def test_what_can_never_work_is_refused(strategy: str, budget_usd: float) -> None:
    with pytest.raises(UsageError):
        Objective(strategy, budget_usd=budget_usd)
    with pytest.raises(UsageError, match="at least one"):
        Terms(())


def test_money_ends_it_with_the_best_so_far_and_its_honest_confidence() -> None:
    simulated = SimulatedFunction({"": cpu(400.0, 0.2)}, spread=0.3)
    end = simulated.explore(budget=Budget(max_usd=3e-5))[-1]
    assert end.stopped == "budget"
    (answer,) = end.answers
    assert answer.within_5 < 0.95
    assert any("a larger budget" in warning for warning in end.warnings)
    spent = sum(o.billed_ms / 1000 * o.memory_mb / 1024 for o in simulated.observations)
    assert spent * simulated.terms.usd_per_gb_s < 6e-5


def test_no_invocations_left_means_no_batch() -> None:
    simulated = SimulatedFunction({"": cpu(100.0)})
    assert simulated.explore(budget=Budget(max_invocations=0))[-1].stopped == "budget"
    assert simulated.observations == []


def test_samples_of_the_store_are_what_is_observed() -> None:
    sample = Sample(
        payload="a", memory_mb=512, invocation=0, cold=True, environment="e", started_at="",
        duration_ms=1.5, billed_ms=252, init_ms=250.0, restore_ms=None, max_memory_mb=None,
        error="", cost_usd=0.0, request_id="", architecture="arm64",
    )  # fmt: skip
    assert observe(sample) == Observation("a", 512, 1.5, 252, True, "e", "", 250.0)


def test_types_together_are_answered_well_and_cost_no_more_than_one_by_one() -> None:
    names = [f"type-{k}" for k in range(3)]
    truths = {name: cpu(60.0 * (k + 1), 0.1) for k, name in enumerate(names)}
    together = SimulatedFunction(dict(truths), seed=1)
    end = together.explore()[-1]
    assert [answer.payload for answer in end.answers] == [*names, None]
    for answer in end.answers[:-1]:
        assert answer.payload is not None
        assert together.regret(answer.memory_mb, answer.payload) < 0.05
    alone = []
    for name in names:
        single = SimulatedFunction({name: truths[name]}, seed=1)
        single.explore()
        alone += single.observations
    assert _gb_s(alone) > 1.2 * _gb_s(together.observations)


def test_the_shortest_type_is_explored_first_and_alone() -> None:
    simulated = SimulatedFunction({"long": cpu(900.0, 0.1), "short": cpu(60.0, 0.1)})
    batches = [{item.payload for item in p.batch} for p in simulated.explore()[:-1]]
    assert batches[0] == {"long", "short"}
    first = next(k for k, payloads in enumerate(batches[1:], 1) if "long" in payloads)
    assert first > 1
    assert all(payloads == {"short"} for payloads in batches[1:first])


def test_what_one_type_taught_does_not_mislead_an_unlike_one() -> None:
    simulated = SimulatedFunction({"cpu": cpu(300.0), "io": lambda size: 200.0})
    answers = {a.payload: a.memory_mb for a in simulated.explore("cost")[-1].answers}
    assert simulated.regret(answers["cpu"], "cpu") < 0.05
    assert answers["io"] == 128


def _gb_s(observations: list[Observation]) -> float:
    return math.fsum(o.billed_ms * o.memory_mb for o in observations)


OBSERVATIONS = st.lists(
    st.builds(
        Observation,
        payload=st.just(""),
        memory_mb=st.sampled_from(SIZES),
        duration_ms=st.floats(0.01, 900_000),
        billed_ms=st.integers(1, 900_000),
        cold=st.booleans(),
        environment=st.sampled_from(["a", "b"]),
        error=st.sampled_from(["", "", "", "Sandbox.Timedout"]),
        init_ms=st.floats(0, 10_000),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(OBSERVATIONS, st.sampled_from(["cost", "speed", "balanced"]))
def test_any_samples_give_a_batch_or_an_answer(
    observations: list[Observation], strategy: str
) -> None:
    proposal = propose(observations, Objective(strategy), Terms(SIZES))
    assert bool(proposal.batch) == (proposal.stopped == "")
    for item in proposal.batch:
        assert item.memory_mb in SIZES
        assert item.count > 0
    for answer in proposal.answers:
        assert 0 <= answer.within_1 <= answer.within_5 <= 1
        assert answer.regret >= 0
        assert any(o.memory_mb == answer.memory_mb and not o.error for o in observations)


@cache
def _explored(seed: int) -> tuple[list[Observation], Terms]:
    simulated = SimulatedFunction({"": cpu(2000.0, 0.1)}, seed=seed)
    simulated.explore()
    return simulated.observations, simulated.terms


@settings(max_examples=10)
@given(st.floats(0.05, 20.0), st.integers(0, 1))
def test_the_answer_does_not_depend_on_the_unit_of_time(factor: float, seed: int) -> None:
    """Twice as slow a function has the same best size, where whole milliseconds do not matter."""
    calls, terms = _explored(seed)
    observations = [
        replace(one, duration_ms=one.duration_ms * factor, billed_ms=one.billed_ms * factor)
        for one in calls
    ]
    first = propose(calls, Objective("speed"), terms).answers[0]
    other = propose(observations, Objective("speed"), terms).answers[0]
    assert abs(first.within_5 - other.within_5) < 0.25
