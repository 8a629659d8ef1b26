"""Where the model is wrong: it spends more, says so, and states no confidence that it has not."""

import math

import pytest

from lambdatuning.core.exploration.evidence import gather
from lambdatuning.core.exploration.prior import load_prior
from lambdatuning.core.exploration.proposal import propose
from lambdatuning.core.exploration.question import Objective, Observation, Terms

from .exploring import SIZES, Made, Truth, cpu


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
    for seed in range(4):
        made = Made({"": truth}, seed=seed)
        regrets.append(made.regret(made.explore()[-1].answers[0].memory_mb))
    assert max(regrets) <= 0.06


def test_stated_confidences_are_true_on_unlike_and_noisy_curves() -> None:
    stated, true = [], []
    for truth in (jumps, zigzag, io_bound, cpu(250.0, 0.05)):
        for seed in range(5):
            made = Made({"": truth}, spread=0.15, seed=seed)
            (answer,) = made.explore()[-1].answers
            stated.append(answer.within_5)
            true.append(made.regret(answer.memory_mb) <= 0.05)
    # 20 answers: one of them more or less is 5 points.
    assert sum(true) / len(true) >= sum(stated) / len(stated) - 0.1


def test_an_unlike_curve_costs_more_samples_and_is_named_so() -> None:
    usual, unlike = Made({"": cpu(300.0, 0.1)}), Made({"": zigzag})
    # Where no two sizes cost nearly the same: telling those apart costs more than any curve.
    assert usual.explore("speed")[-1].warnings == ()
    end = unlike.explore("speed")[-1]
    assert any("follow no known curve" in warning for warning in end.warnings)
    assert len(unlike.seen) > len(usual.seen)


def test_sizes_that_time_out_are_given_up_with_all_below_them() -> None:
    made = Made({"": cpu(600.0)}, timeout_ms=3_000.0)
    end = made.explore(Objective("cost"))[-1]
    assert end.stopped == "sure"
    assert end.answers[0].memory_mb >= 512
    failed = {o.memory_mb for o in made.seen if o.error}
    if failed:
        assert any("invocations fail" in warning for warning in end.warnings)
        assert sum(bool(o.error) for o in made.seen) <= 6


def test_a_function_that_always_fails_ends_it_at_once() -> None:
    made = Made({"": cpu(600.0)}, timeout_ms=1.0)
    end = made.explore()[-1]
    assert (end.stopped, end.answers, end.batch) == ("failed", (), ())
    assert len(made.seen) <= 4 * len(SIZES)


def test_a_failure_at_a_small_size_leaves_larger_ones_open() -> None:
    seen = [
        Observation("", 128, 3000.0, 3000, error="Sandbox.Timedout"),
        Observation("", 512, 900.0, 900, environment="a"),
        Observation("", 512, 910.0, 910, environment="a"),
    ]
    proposal = propose(seen, Objective("cost"), Terms(SIZES))
    assert {p.memory_mb for a in proposal.answers for p in a.curve} == {256, *SIZES[2:]} - {128}


def test_hosts_that_differ_are_seen_named_and_sampled_more_widely() -> None:
    calm, unlike, named = 0, 0, 0
    for seed in range(5):
        usual = Made({"": cpu(400.0, 0.1)}, seed=seed)
        other = Made({"": cpu(400.0, 0.1)}, hosts=0.1, seed=seed)
        usual.explore()
        warnings = other.explore()[-1].warnings
        calm += sum(map(len, usual.environments.values()))
        unlike += sum(map(len, other.environments.values()))
        named += any("execution environments differ" in warning for warning in warnings)
    assert named >= 3
    assert unlike > 1.5 * calm


@pytest.mark.parametrize("first", [1.25, 4.0])
def test_first_calls_that_last_longer_are_no_samples(first: float) -> None:
    made = Made({"": cpu(300.0, 0.1)}, first=first)
    (answer,) = made.explore()[-1].answers
    assert made.regret(answer.memory_mb) < 0.03
    evidence = gather(made.seen, load_prior())
    assert evidence.first == 0.0
    truth = {size: math.log(cpu(300.0, 0.1)(size)) for size in SIZES}
    assert all(abs(size.log_ms - truth[size.memory_mb]) < 0.06 for size in evidence.sizes)


def test_where_first_calls_are_alike_hopeless_sizes_get_no_other() -> None:
    for seed in range(3):
        made = Made({"": cpu(300.0, 0.1)}, seed=seed)
        made.explore("speed")
        calls = [[o.cold for o in made.seen if o.memory_mb == size] for size in SIZES]
        assert [True] in calls


def test_samples_without_environments_are_taken_as_they_are() -> None:
    made = Made({"": zigzag})
    made.explore()
    seen = [
        Observation(o.payload, o.memory_mb, o.duration_ms, o.billed_ms, o.cold) for o in made.seen
    ]
    proposal = propose(seen, Objective(), made.terms)
    assert all(item.environments == 1 for item in proposal.batch)


def test_drift_is_seen_and_widens_what_is_believed() -> None:
    def sampled(drift: float) -> list[Observation]:
        made = Made({"": cpu(300.0)}, drift=drift, spread=0.01)
        made.measure(512, "", 20)
        return made.seen

    calm = gather(sampled(0.0), load_prior()).sizes[0]
    moved = gather(sampled(0.02), load_prior()).sizes[0]
    assert calm.drift == 0.0
    assert moved.drift > 0.1
    assert moved.variance(0.0) > 10 * calm.variance(0.0)


def test_one_outlier_hardly_moves_a_size() -> None:
    values = [100.0, 101.0, 99.0, 100.5, 2000.0]
    seen = [Observation("", 512, value, value, environment="a") for value in values]
    assert gather(seen, load_prior()).sizes[0].log_ms == pytest.approx(math.log(100.5), abs=0.01)
