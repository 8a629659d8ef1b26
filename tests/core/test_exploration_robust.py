"""Where the model is wrong: it spends more, says so, and states no confidence that it has not."""

import math

import pytest

from lambdatuning.core.exploration.evidence import gather
from lambdatuning.core.exploration.proposal import propose
from lambdatuning.core.exploration.question import Objective, Observation, Terms

from .exploring import SIZES, SimulatedFunction, Truth, cpu


def jumps(size: int) -> float:
    return cpu(300.0, 0.1)(size) * (2.5 if size < 1024 else 1.0)


def falls_above_one_vcpu(size: int) -> float:
    return 300.0 * 1769 / size


def steps_at_vcpus(size: int) -> float:
    return 400.0 * (1769 / min(size, 1769)) * (0.65 if size > 1769 else 1.0)


def flat(size: int) -> float:
    return 150.0


def io_bound(size: int) -> float:
    return 180.0 + 20.0 * 1769 / min(size, 1769)


def rises(size: int) -> float:
    return 80.0 * math.pow(size / 128, 0.3)


def zigzag(size: int) -> float:
    return cpu(200.0)(size) * (1.5 if SIZES.index(size) % 2 else 1.0)


def very_short(size: int) -> float:
    return 2.3 + 1.5 * 1769 / min(size, 1769)


@pytest.mark.parametrize(
    "truth",
    [
        jumps,
        falls_above_one_vcpu,
        steps_at_vcpus,
        flat,
        io_bound,
        rises,
        zigzag,
        very_short,
    ],
)
def test_curves_unlike_the_taught_ones_are_answered_well(truth: Truth) -> None:
    regrets = []
    for seed in range(2):
        simulated = SimulatedFunction({"": truth}, seed=seed)
        regrets.append(simulated.regret(simulated.explore()[-1].answers[0].memory_mb))
    assert max(regrets) <= 0.06


def test_stated_confidences_are_true_on_unlike_and_noisy_curves() -> None:
    stated, true = [], []
    for truth in (jumps, zigzag, io_bound, cpu(250.0, 0.05)):
        for seed in range(2):
            simulated = SimulatedFunction({"": truth}, spread=0.15, seed=seed)
            (answer,) = simulated.explore()[-1].answers
            stated.append(answer.within_5)
            true.append(simulated.regret(answer.memory_mb) <= 0.05)
    # 8 answers: a single wrong one is 12 points.
    assert sum(true) / len(true) >= sum(stated) / len(stated) - 0.1


def test_an_unlike_curve_costs_more_samples() -> None:
    usual, unlike = SimulatedFunction({"": cpu(300.0, 0.1)}), SimulatedFunction({"": zigzag})
    usual.explore("speed")
    unlike.explore("speed")
    assert len(unlike.observations) > len(usual.observations)


def test_sizes_that_time_out_are_given_up_with_all_below_them() -> None:
    simulated = SimulatedFunction({"": cpu(600.0)}, timeout_ms=3_000.0)
    end = simulated.explore(Objective("cost"))[-1]
    assert end.stopped == "sure"
    assert end.answers[0].memory_mb >= 512
    failed = {o.memory_mb for o in simulated.observations if o.error}
    if failed:
        assert any("invocations fail" in warning for warning in end.warnings)
        assert sum(bool(o.error) for o in simulated.observations) <= 6


def test_a_function_that_always_fails_ends_it_at_once() -> None:
    simulated = SimulatedFunction({"": cpu(600.0)}, timeout_ms=1.0)
    end = simulated.explore()[-1]
    assert (end.stopped, end.answers, end.batch) == ("failed", (), ())
    assert len(simulated.observations) <= 4 * len(SIZES)


def test_a_failure_at_a_small_size_leaves_larger_ones_open() -> None:
    observations = [
        Observation("", 128, 3000.0, 3000, error="Sandbox.Timedout"),
        Observation("", 512, 900.0, 900, environment="a"),
        Observation("", 512, 910.0, 910, environment="a"),
    ]
    proposal = propose(observations, Objective("cost"), Terms(SIZES))
    assert {p.memory_mb for a in proposal.answers for p in a.curve} == {256, *SIZES[2:]} - {128}


def test_hosts_that_differ_are_detected_named_and_sampled_more_widely() -> None:
    calm, unlike, named = 0, 0, 0
    for seed in (5, 6):
        usual = SimulatedFunction({"": cpu(400.0, 0.1)}, seed=seed)
        other = SimulatedFunction({"": cpu(400.0, 0.1)}, hosts=0.1, seed=seed)
        usual.explore()
        warnings = other.explore()[-1].warnings
        calm += sum(map(len, usual.environments.values()))
        unlike += sum(map(len, other.environments.values()))
        named += any("execution environments differ" in warning for warning in warnings)
    assert named == 2
    assert unlike > 1.2 * calm


@pytest.mark.parametrize("first", [1.25, 4.0])
def test_first_calls_that_last_longer_do_not_mislead(first: float) -> None:
    simulated = SimulatedFunction({"": cpu(300.0, 0.1)}, first=first)
    (answer,) = simulated.explore()[-1].answers
    assert simulated.regret(answer.memory_mb) < 0.05


def test_samples_without_environments_are_taken_as_they_are() -> None:
    simulated = SimulatedFunction({"": zigzag})
    simulated.explore()
    observations = [
        Observation(o.payload, o.memory_mb, o.duration_ms, o.billed_ms, o.cold)
        for o in simulated.observations
    ]
    proposal = propose(observations, Objective(), simulated.terms)
    assert all(item.environments == 1 for item in proposal.batch)


def rarely_slow(memory_mb: int, call: int) -> float:
    """Fast from 1,024 MB on, but for every 4th call."""
    if memory_mb < 1024:
        return 50.0
    return 400.0 if call % 4 == 3 else 20.0


def test_a_size_with_rare_slow_calls_is_not_recommended_for_sure() -> None:
    """512 MB cost a third of 1,024 MB, whose median is lower."""
    for seed in range(5):
        observations: list[Observation] = []
        terms, simulated = Terms((512, 1024)), {512: 0, 1024: 0}
        for _ in range(60):
            proposal = propose(observations, Objective("cost"), terms, seed=seed)
            if not proposal.batch:
                break
            for item in proposal.batch:
                for _ in range(item.count + (item.wake and simulated[item.memory_mb] == 0)):
                    ms, cold = (
                        rarely_slow(item.memory_mb, simulated[item.memory_mb]),
                        not simulated[item.memory_mb],
                    )
                    observations.append(
                        Observation("", item.memory_mb, ms, ms + 200 * cold, cold, "a")
                    )
                    simulated[item.memory_mb] += 1
        (answer,) = proposal.answers
        assert answer.memory_mb == 512 or answer.within_5 < 0.8


def test_no_call_is_an_outlier() -> None:
    """A bill is a sum: the slow call of five is a fifth of what is known."""
    values = [100.0, 101.0, 99.0, 100.5, 2000.0]
    observations = [Observation("", 512, value, value, environment="a") for value in values]
    (size,) = gather(observations)
    assert size.log_mean(0.0) == pytest.approx(math.log(480.1), abs=0.01)
