"""The publishing step: whole or in rounds, run again after a crash, beside someone who deploys."""

from dataclasses import replace
from typing import Any

import pytest

from lambdatuning.core.errors import LambdaTuningError
from lambdatuning.core.tuning.records import RunPlan
from lambdatuning.core.tuning.state import RunPlace, TunerState
from lambdatuning.functions.tuner import lock
from lambdatuning.functions.tuner.function import settings_sha256
from lambdatuning.functions.tuner.publish import AT_ONCE, Publisher, publish_next
from tests.fakes.aws_lambda import ARN, FakeLambda

from .plans import EXECUTION, TARGET, Time, make_plan

STATE = TunerState(run=RunPlace("run-1", "shop", ARN, "s3://b"))
MINE = lock.Lock("run-1", 128, EXECUTION)


def publisher(
    client: FakeLambda, plan: RunPlan, time: Time, remaining_ms: int = 900_000
) -> Publisher:
    return Publisher(client, plan, lambda: remaining_ms, time.sleep, clock=time.clock)


@pytest.fixture
def locked(client: FakeLambda) -> FakeLambda:
    client.create_alias(ARN, lock.ALIAS, "$LATEST", MINE.describe())
    return client


def test_every_size_is_published_and_latest_is_as_it_was(locked: FakeLambda, time: Time) -> None:
    state = publish_next(STATE, publisher(locked, make_plan(), time))
    assert [b.memory_mb for b in state.batches] == [128, 512]
    assert [locked.versions[b.version]["MemorySize"] for b in state.batches] == [128, 512]
    assert state.published == 2
    assert locked.memory_mb == 128


def test_run_again_after_a_crash_it_finds_what_it_published(locked: FakeLambda, time: Time) -> None:
    first = publish_next(STATE, publisher(locked, make_plan(), time))
    again = publish_next(STATE, publisher(locked, make_plan(), time))
    assert again == first
    assert len(locked.versions) == 2


def test_a_refused_size_is_reported_and_the_others_go_on(locked: FakeLambda, time: Time) -> None:
    locked.largest_mb = 3008
    plan = make_plan(sizes=(128, 4096, 512))
    state = publish_next(STATE, publisher(locked, plan, time))
    assert [b.memory_mb for b in state.batches] == [128, 512]
    assert "4,096 MB is refused" in state.failed[4096]
    assert locked.memory_mb == 128


def test_no_size_at_all_is_a_failure(locked: FakeLambda, time: Time) -> None:
    locked.largest_mb = 3008
    with pytest.raises(LambdaTuningError, match="no size could be published: 4,096 MB is refused"):
        publish_next(STATE, publisher(locked, make_plan(sizes=(4096,)), time))


def test_without_time_nothing_is_published(locked: FakeLambda, time: Time) -> None:
    state = publish_next(STATE, publisher(locked, make_plan(), time, remaining_ms=60_000))
    assert state.published == 0
    assert locked.versions == {}


def test_many_versions_come_in_rounds(locked: FakeLambda, time: Time) -> None:
    plan = make_plan(cold=100, environments=2)
    first = publish_next(STATE, publisher(locked, plan, time))
    assert (len(first.batches), first.published) == (AT_ONCE, AT_ONCE)
    second = publish_next(replace(first, batches=()), publisher(locked, plan, time))
    assert second.published == len(plan.work) == 102


def test_a_deployment_in_the_middle_stops_the_run(locked: FakeLambda, time: Time) -> None:
    locked.change(CodeSha256="newer")
    with pytest.raises(LambdaTuningError, match="changed by someone else"):
        publish_next(STATE, publisher(locked, make_plan(), time))


def test_other_settings_in_the_middle_stop_the_run(locked: FakeLambda, time: Time) -> None:
    target = replace(TARGET, settings_sha256=settings_sha256(locked.config))
    plan = make_plan(target=target)
    locked.config |= {
        "LastModified": "later",
        "RuntimeVersionConfig": {"RuntimeVersionArn": "newer"},
    }
    publish_next(STATE, publisher(locked, plan, time))
    locked.change(Environment={"Variables": {"MODE": "other"}})
    with pytest.raises(LambdaTuningError, match="changed by someone else"):
        publish_next(STATE, publisher(locked, replace(plan, sizes=(1024,)), time))
    assert locked.memory_mb == 128


def test_a_size_whose_update_fails_is_the_failure_of_its_size(
    locked: FakeLambda, time: Time
) -> None:
    locked.failing_mb = {512}
    state = publish_next(STATE, publisher(locked, make_plan(sizes=(128, 512, 1024)), time))
    assert [b.memory_mb for b in state.batches] == [128, 1024]
    assert state.failed == {512: "512 MB could not be set: no address is left in the subnet"}
    assert (locked.memory_mb, locked.config["LastUpdateStatus"]) == (128, "Successful")


def test_a_version_of_another_size_than_its_mark_says_is_removed(
    locked: FakeLambda, time: Time
) -> None:
    """Somebody changes the size between our change and our publishing."""
    publish = locked.publish_version

    def changed_meanwhile(*given: Any, **more: Any) -> Any:
        locked.change(MemorySize=700)
        return publish(*given, **more)

    locked.publish_version = changed_meanwhile  # type: ignore[method-assign]
    with pytest.raises(LambdaTuningError, match="is being changed by someone else"):
        publish_next(STATE, publisher(locked, make_plan(sizes=(512,)), time))
    assert locked.versions == {}


def test_a_crash_leaves_latest_as_it_was(locked: FakeLambda, time: Time) -> None:
    locked.faults["PublishVersion"] = [None, "ServiceException"]
    with pytest.raises(locked.exceptions.ClientError):
        publish_next(STATE, publisher(locked, make_plan(), time))
    assert locked.memory_mb == 128


def test_a_stopped_run_undoes_what_this_step_did_after_it(client: FakeLambda, time: Time) -> None:
    """The client stopped the execution and cleaned up, while this step was under way."""
    client.create_alias(ARN, lock.ALIAS, "$LATEST", MINE.describe())
    publish = client.publish_version

    def stopped_meanwhile(*given: Any, **more: Any) -> Any:
        client.aliases.clear()
        return publish(*given, **more)

    client.publish_version = stopped_meanwhile  # type: ignore[method-assign]
    with pytest.raises(LambdaTuningError, match="was stopped"):
        publish_next(STATE, publisher(client, make_plan(sizes=(512, 1024)), time))
    assert client.memory_mb == 128
    assert client.marked == []


def test_the_lock_of_another_is_left_alone(client: FakeLambda, time: Time) -> None:
    client.create_alias(ARN, lock.ALIAS, "$LATEST", lock.Lock("other", 128, "arn:x").describe())
    with pytest.raises(LambdaTuningError, match="was stopped"):
        publish_next(STATE, publisher(client, make_plan(), time))
    assert "UpdateFunctionConfiguration" not in client.calls


def test_sizes_below_todays_wait_for_the_memory_that_is_used(
    client: FakeLambda, time: Time
) -> None:
    """Callers of `$LATEST` never meet a size in which the function runs out of memory."""
    client.config["MemorySize"] = 512
    client.create_alias(ARN, lock.ALIAS, "$LATEST", replace(MINE, memory_mb=512).describe())
    plan = make_plan(
        sizes=(128, 256, 512, 1024),
        target=replace(TARGET, memory_mb=512),
        fits_memory=True,
    )
    first = publish_next(STATE, publisher(client, plan, time))
    assert [batch.memory_mb for batch in first.batches] == [512, 1024]
    measured = replace(publisher(client, plan, time), used_mb=lambda: 213)
    then = publish_next(replace(first, batches=()), measured)
    assert [batch.memory_mb for batch in then.batches] == [256]
    assert then.published == len(plan.work) == 4
    assert then.failed == {
        128: "smaller than the 213 MB that the function used; name the size to measure it"
    }
    assert sorted(v["MemorySize"] for v in client.versions.values()) == [256, 512, 1024]
    assert client.memory_mb == 512


def test_without_a_size_as_large_as_todays_the_largest_tells(
    client: FakeLambda, time: Time
) -> None:
    client.config["MemorySize"] = 3008
    client.create_alias(ARN, lock.ALIAS, "$LATEST", replace(MINE, memory_mb=3008).describe())
    target = replace(TARGET, memory_mb=3008)
    plan = make_plan(sizes=(512, 1024, 256), target=target, fits_memory=True)
    state = publish_next(STATE, publisher(client, plan, time))
    assert [batch.memory_mb for batch in state.batches] == [1024]
    # Where no report told, the run is what it would be without.
    state = publish_next(replace(state, batches=()), publisher(client, plan, time))
    assert [batch.memory_mb for batch in state.batches] == [256, 512]


def test_latest_is_restored_after_every_version_and_todays_size_comes_first(
    locked: FakeLambda, time: Time
) -> None:
    """Its callers meet another size as briefly as can be, and that is measured."""
    changes: list[tuple[str, int]] = []
    update, publish = locked.update_function_configuration, locked.publish_version

    def updated(*given: Any, **more: Any) -> None:
        update(*given, **more)
        time.now_s += 2
        changes.append(("update", locked.memory_mb))

    def published(*given: Any, **more: Any) -> Any:
        changes.append(("publish", locked.memory_mb))
        return publish(*given, **more)

    locked.update_function_configuration = updated  # type: ignore[method-assign]
    locked.publish_version = published  # type: ignore[method-assign]
    plan = make_plan(sizes=(256, 512, 128))
    clocked = replace(publisher(locked, plan, time), clock=time.clock)
    state = publish_next(STATE, clocked)
    assert changes == [
        ("publish", 128),
        ("update", 256), ("publish", 256), ("update", 128),
        ("update", 512), ("publish", 512), ("update", 128),
    ]  # fmt: skip
    assert state.exposed_ms == 8_000


def test_a_version_that_cannot_start_is_the_failure_of_its_size(
    locked: FakeLambda, time: Time
) -> None:
    publish = locked.publish_version

    def published(*given: Any, **more: Any) -> Any:
        answer = publish(*given, **more)
        version = locked.versions[answer["Version"]]
        if version["MemorySize"] == 512:
            version |= {"State": "Failed", "StateReason": "init ran out of memory"}
        return answer

    locked.publish_version = published  # type: ignore[method-assign]
    state = publish_next(STATE, publisher(locked, make_plan(), time))
    assert [batch.memory_mb for batch in state.batches] == [128]
    assert "cannot start" in state.failed[512]
    assert "init ran out of memory" in state.failed[512]
