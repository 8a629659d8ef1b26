"""Cleaning puts back what was there; applying sets the winner and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from lambdatuning.core.errors import LambdaTuningError, UsageError
from lambdatuning.core.tuning.plan import Work
from lambdatuning.core.tuning.records import PLAN_NAME
from lambdatuning.core.tuning.state import Apply, RunPlace, TunerState
from lambdatuning.functions.tuner import function, lock
from lambdatuning.functions.tuner.apply import apply
from lambdatuning.functions.tuner.clean import clean, clean_stopped
from lambdatuning.functions.tuner.publish import may_have_set
from lambdatuning.functions.tuner.storage import RunFolder
from lambdatuning.functions.tuner.tunable import refuse_weighted
from tests.fakes.aws_lambda import ARN, FakeLambda, FakeS3

from .plans import EXECUTION, TARGET, Time, make_plan


def hold(client: FakeLambda, memory_mb: int = 128) -> None:
    mine = lock.Lock("run-1", memory_mb, EXECUTION)
    client.create_alias(ARN, lock.ALIAS, "$LATEST", mine.describe())


def state(power: int | None, *, auto: bool = True, alias: str | None = None) -> TunerState:
    return TunerState(
        run=RunPlace("run-1", "shop", ARN, "s3://b"),
        apply=Apply(auto, alias),
        output=None if power is None else {"power": power},
    )


def test_everything_is_put_back(client: FakeLambda, time: Time) -> None:
    client.publish_version(ARN)
    client.create_alias(ARN, "RAM128", "1")
    hold(client)
    function.publish(client, ARN, "run-1", Work(512, 0), time.sleep)
    done = clean(client, ARN, EXECUTION, time.sleep)
    assert done == ["memory size 512 MB -> 128 MB", "version 2", "lock of run run-1"]
    assert (client.memory_mb, list(client.versions), list(client.aliases)) == (
        128, ["1"], ["RAM128"],
    )  # fmt: skip
    assert clean(client, ARN, EXECUTION, time.sleep) == []


def test_the_lock_of_another_run_is_respected(client: FakeLambda, time: Time) -> None:
    hold(client)
    assert clean(client, ARN, EXECUTION + "-b", time.sleep) == []
    assert lock.ALIAS in client.aliases


def test_a_lock_without_a_size_changes_none(client: FakeLambda, time: Time) -> None:
    hold(client, memory_mb=0)
    assert clean(client, ARN, None, time.sleep) == ["lock of run run-1"]


def test_a_crash_while_cleaning_keeps_the_lock_for_the_next_try(
    client: FakeLambda, time: Time
) -> None:
    hold(client)
    function.publish(client, ARN, "run-1", Work(512, 0), time.sleep)
    client.faults["DeleteFunction"] = ["ServiceException"]
    with pytest.raises(client.exceptions.ClientError):
        clean(client, ARN, EXECUTION, time.sleep)
    assert lock.ALIAS in client.aliases
    clean(client, ARN, EXECUTION, time.sleep)
    assert (client.marked, client.aliases) == ([], {})


@pytest.mark.parametrize(("power", "auto"), [(512, False), (None, True)])
def test_nothing_is_applied_unasked_or_without_a_winner(
    client: FakeLambda, time: Time, power: int | None, auto: bool
) -> None:
    given = state(power, auto=auto)
    assert apply(given, client, time.sleep, lambda: TARGET) == given
    assert client.calls == []


def test_the_winner_stays_on_latest_after_cleaning(client: FakeLambda, time: Time) -> None:
    hold(client)
    after = apply(state(512), client, time.sleep, lambda: TARGET)
    assert after.output is not None
    assert after.output["applied"] == {"power": 512, "alias": None}
    clean(client, ARN, EXECUTION, time.sleep)
    assert client.memory_mb == 512


@pytest.mark.parametrize("exists", [True, False])
def test_an_alias_gets_the_winner_and_latest_keeps_its_size(
    client: FakeLambda, time: Time, exists: bool
) -> None:
    client.publish_version(ARN)
    if exists:
        client.create_alias(ARN, "live", "1")
    hold(client)
    function.publish(client, ARN, "run-1", Work(512, 0), time.sleep)
    for _ in range(2):  # a step may be run again
        apply(state(512, alias="live"), client, time.sleep, lambda: TARGET)
    clean(client, ARN, EXECUTION, time.sleep)
    winner = client.aliases["live"]["FunctionVersion"]
    assert client.versions[winner]["MemorySize"] == 512
    assert client.versions[winner]["Description"] == "mine"
    assert client.memory_mb == 128
    assert list(client.aliases) == ["live"]


def test_an_alias_that_cannot_be_set_is_named_with_the_version(
    client: FakeLambda, time: Time
) -> None:
    client.publish_version(ARN)
    client.create_alias(ARN, "live", "1")
    hold(client)
    client.faults["UpdateAlias"] = ["AccessDeniedException"]
    client.faults["DeleteFunction"] = ["AccessDeniedException"]
    message = (
        r'alias "live" could not be set to 512 MB \(An error.*\); version 2 has 512 MB: point it'
    )
    with pytest.raises(LambdaTuningError, match=message):
        apply(state(512, alias="live"), client, time.sleep, lambda: TARGET)
    assert client.memory_mb == 128


@pytest.mark.parametrize("call", ["UpdateAlias", "CreateAlias"])
def test_of_an_alias_that_cannot_be_set_no_version_is_left(
    client: FakeLambda, time: Time, call: str
) -> None:
    client.publish_version(ARN)
    hold(client)
    if call == "UpdateAlias":
        client.create_alias(ARN, "live", "1")
    client.faults[call] = ["AccessDeniedException"]
    with pytest.raises(LambdaTuningError, match=r"\); no version is left of it"):
        apply(state(512, alias="live"), client, time.sleep, lambda: TARGET)
    assert (client.memory_mb, list(client.versions)) == (128, ["1"])


def test_a_version_of_the_users_that_is_the_winner_stays_whatever_fails(
    client: FakeLambda, time: Time
) -> None:
    client.change(MemorySize=512)
    client.publish_version(ARN)
    client.change(MemorySize=128)
    hold(client)
    client.faults["CreateAlias"] = ["AccessDeniedException"]
    with pytest.raises(LambdaTuningError, match="version 1 has 512 MB"):
        apply(state(512, alias="live"), client, time.sleep, lambda: TARGET)
    assert list(client.versions) == ["1"]


@pytest.mark.parametrize("alias", [None, "live"])
@pytest.mark.parametrize(
    "deployed", [{"CodeSha256": "newer"}, {"Timeout": 30}, {"MemorySize": 700}]
)
def test_nothing_is_set_on_what_was_deployed_since(
    client: FakeLambda, time: Time, deployed: dict[str, Any], alias: str | None
) -> None:
    """Not least: no alias gets code that nobody released."""
    target = replace(TARGET, settings_sha256=function.settings_sha256(client.config))
    client.publish_version(ARN)
    client.create_alias(ARN, "live", "1")
    hold(client)
    client.change(**deployed)
    before = dict(client.config)
    with pytest.raises(LambdaTuningError, match=r"changed by someone else since .* 512 MB is not"):
        apply(state(512, alias=alias), client, time.sleep, lambda: target)
    assert client.config == before
    assert client.aliases["live"]["FunctionVersion"] == "1"
    assert list(client.versions) == ["1"]


def test_a_size_that_somebody_else_set_stays(client: FakeLambda, time: Time) -> None:
    hold(client)
    function.publish(client, ARN, "run-1", Work(512, 0), time.sleep)
    client.change(MemorySize=700)

    def may_have_set(run_id: str, memory_mb: int) -> bool:
        return (run_id, memory_mb) == ("run-1", 512)

    done = clean(client, ARN, EXECUTION, time.sleep, may_have_set=may_have_set)
    assert done == ["version 1", "lock of run run-1"]
    assert (client.memory_mb, client.versions, client.aliases) == (700, {}, {})


def test_a_function_whose_update_failed_is_put_back(client: FakeLambda, time: Time) -> None:
    hold(client)
    client.failing_mb = {512}
    with pytest.raises(UsageError, match="512 MB could not be set: no address is left"):
        function.set_memory(client, ARN, 512, time.sleep)
    assert clean(client, ARN, EXECUTION, time.sleep)[0] == "memory size 512 MB -> 128 MB"
    assert (client.memory_mb, client.config["LastUpdateStatus"]) == (128, "Successful")


def test_the_lock_stays_where_the_function_cannot_be_put_back(
    client: FakeLambda, time: Time
) -> None:
    """It alone says which size the function had."""
    hold(client)
    client.change(MemorySize=512)
    client.failing_mb = {128}
    with pytest.raises(LambdaTuningError, match="128 MB could not be set"):
        clean_stopped(client, ARN, EXECUTION, time.sleep)
    assert lock.read(client, ARN) == lock.Lock("run-1", 128, lock.STOPPED)
    client.failing_mb = set()
    clean_stopped(client, ARN, EXECUTION, time.sleep)
    assert (client.memory_mb, client.aliases) == (128, {})


def test_a_stopped_run_applies_nothing(client: FakeLambda, time: Time) -> None:
    with pytest.raises(LambdaTuningError, match="was stopped"):
        apply(state(512), client, time.sleep, lambda: TARGET)
    assert client.memory_mb == 128


def test_cleaning_that_failed_is_completed_by_the_next_one(client: FakeLambda, time: Time) -> None:
    hold(client)
    function.publish(client, ARN, "run-1", Work(512, 0), time.sleep)
    client.faults["DeleteFunction"] = ["AccessDeniedException"]
    with pytest.raises(client.exceptions.ClientError):
        clean_stopped(client, ARN, EXECUTION, time.sleep)
    assert lock.read(client, ARN) == lock.Lock("run-1", 128, lock.STOPPED)
    assert "lock of run run-1" in clean_stopped(client, ARN, EXECUTION, time.sleep)
    assert (client.memory_mb, client.marked, client.aliases) == (128, [], {})


def test_a_step_that_outlives_its_execution_is_undone(client: FakeLambda, time: Time) -> None:
    """The tuner's publishing goes on for a while after the execution was stopped."""
    hold(client)
    late = [512, 1024]

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        if late and lock.ALIAS in client.aliases:
            function.publish(client, ARN, "run-1", Work(late.pop(), 0), time.sleep)

    done = clean_stopped(client, ARN, EXECUTION, sleep)
    assert done[-1] == "lock of run run-1"
    assert (client.memory_mb, client.marked, client.aliases) == (128, [], {})


def test_a_step_that_takes_the_lock_after_the_stop_loses_it_again(
    client: FakeLambda, time: Time
) -> None:
    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        if len(time.slept) == 2:
            hold(client)

    assert clean_stopped(client, ARN, EXECUTION, sleep) == ["lock of run run-1"]
    assert client.aliases == {}


def test_an_alias_that_shares_its_traffic_is_not_moved_unasked(client: FakeLambda) -> None:
    client.create_alias(ARN, "live", "1")
    refuse_weighted(client, ARN, "live")
    refuse_weighted(client, ARN, "new")
    refuse_weighted(client, ARN, None)
    weights = {"AdditionalVersionWeights": {"7": 0.1}}
    client.update_alias(ARN, "live", RoutingConfig=weights)
    with pytest.raises(UsageError, match=r'"live" sends 10 % to version 7: end that first'):
        refuse_weighted(client, ARN, "live")


def test_a_plan_that_cannot_be_read_keeps_nothing_from_being_put_back(
    s3: FakeS3, store: RunFolder
) -> None:
    assert may_have_set(store, 700)
    store.write_plan(make_plan())
    assert [mb for mb in (128, 129, 512, 513, 700) if may_have_set(store, mb)] == [
        128,
        129,
        512,
        513,
    ]
    s3.faults["GetObject"] = ["AccessDenied"]
    assert may_have_set(store, 700)
    store.write_json(PLAN_NAME, {"execution": "of another version"})
    assert may_have_set(store, 700)
