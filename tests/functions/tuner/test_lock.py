"""The lock: one run at a time, dead owners recognised, and nothing lost when one is taken over."""

import pytest

from lambdatuning.core.errors import LockedError, UsageError
from lambdatuning.functions.tuner import lock
from tests.fakes.aws_lambda import ARN, FakeLambda, FakeStates

PREFIX = "arn:aws:states:us-east-1:111122223333:execution:Tuner"
MINE = lock.Lock("run-2", 0, f"{PREFIX}:run-2")
OTHER = lock.Lock("run-1", 128, f"{PREFIX}:run-1")


def test_a_free_function_is_taken_and_given_back(client: FakeLambda) -> None:
    assert lock.take(client, FakeStates(), ARN, MINE) is None
    assert lock.read(client, ARN) == MINE
    lock.release(client, ARN)
    lock.release(client, ARN)
    assert lock.read(client, ARN) is None


def test_a_living_owner_keeps_it_and_is_named(client: FakeLambda) -> None:
    lock.take(client, FakeStates(), ARN, OTHER)
    states = FakeStates({OTHER.execution: "RUNNING"})
    with pytest.raises(LockedError, match=r"run-1 holds .* since 2026-11-23T09:00:00"):
        lock.take(client, states, ARN, MINE)
    assert lock.read(client, ARN) == OTHER


@pytest.mark.parametrize("statuses", [{}, {OTHER.execution: "ABORTED"}])
def test_a_dead_owner_loses_it_and_its_memory_size_is_carried_over(
    client: FakeLambda, statuses: dict[str, str]
) -> None:
    lock.take(client, FakeStates(), ARN, OTHER)
    earlier = lock.take(client, FakeStates(statuses), ARN, MINE)
    assert earlier == OTHER  # what it left is told by its own run id
    assert lock.read(client, ARN) == lock.Lock("run-2", 128, MINE.execution)


def test_a_step_that_is_run_again_finds_its_own(client: FakeLambda) -> None:
    mine = lock.Lock("run-2", 256, MINE.execution)
    lock.take(client, FakeStates(), ARN, mine)
    assert lock.take(client, FakeStates(), ARN, MINE) == mine


def test_an_owner_that_may_not_be_looked_at_is_taken_to_be_alive(client: FakeLambda) -> None:
    lock.take(client, FakeStates(), ARN, OTHER)
    with pytest.raises(LockedError, match="another tuner's run"):
        lock.take(client, FakeStates(refuses="AccessDeniedException"), ARN, MINE)


def test_an_owner_in_another_region_is_taken_to_be_alive(client: FakeLambda) -> None:
    """Step Functions of this region knows no execution there, and says so of living ones, too."""
    there = lock.Lock("run-1", 128, OTHER.execution.replace("us-east-1", "eu-west-1"))
    lock.take(client, FakeStates(), ARN, there)
    with pytest.raises(LockedError, match="a run in eu-west-1"):
        lock.take(client, FakeStates(), ARN, MINE)
    assert lock.read(client, ARN) == there


def test_of_two_that_take_over_one_wins(client: FakeLambda) -> None:
    lock.take(client, FakeStates(), ARN, OTHER)
    client.faults["UpdateAlias"] = ["PreconditionFailedException"]
    with pytest.raises(LockedError, match="at this moment"):
        lock.take(client, FakeStates(), ARN, MINE)


def test_a_lock_given_back_in_between_is_free(client: FakeLambda) -> None:
    client.faults["CreateAlias"] = ["ResourceConflictException"]
    assert lock.take(client, FakeStates(), ARN, MINE) is None


def test_a_long_name_is_never_cut() -> None:
    long = lock.Lock("r" * 80, 3008, f"{PREFIX}{'x' * 75}:{'r' * 80}")
    assert len(long.describe()) <= 256
    with pytest.raises(UsageError, match="too long"):
        lock.Lock("r" * 80, 128, f"{PREFIX}{'x' * 75}:{'e' * 80}").describe()


@pytest.mark.parametrize(
    ("description", "version"),
    [
        ("", "$LATEST"),
        ("our lock, please keep", "$LATEST"),
        ("run-1 128 somebody", "$LATEST"),
        ("run-1 0128 arn:aws:states:x:", "$LATEST"),
        (OTHER.describe(), "7"),
    ],
)
def test_an_alias_that_only_has_its_name_is_never_taken_over(
    client: FakeLambda, description: str, version: str
) -> None:
    client.create_alias(ARN, lock.ALIAS, version, description)
    assert lock.read_alias(client, ARN) == (None, True)
    with pytest.raises(LockedError, match="no run of ours made"):
        lock.take(client, FakeStates(), ARN, MINE)
    assert client.aliases[lock.ALIAS]["Description"] == description


def test_a_lock_whose_run_was_stopped_is_one() -> None:
    stopped = lock.Lock("run-1", 128, lock.STOPPED)
    client = FakeLambda()
    client.create_alias(ARN, lock.ALIAS, "$LATEST", stopped.describe())
    assert lock.read(client, ARN) == stopped
