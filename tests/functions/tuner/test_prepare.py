"""Preparing: refused before anything is changed, or a locked function and a plan in the bucket."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdatuning.core.errors import LockedError, NotFoundError, UsageError
from lambdatuning.core.tuning.plan import Work
from lambdatuning.core.tuning.records import PLAN_NAME
from lambdatuning.functions.tuner import function, lock
from lambdatuning.functions.tuner.prepare import PrepareServices, prepare
from lambdatuning.functions.tuner.storage import RunFolder, folder
from tests.fakes.aws_lambda import ARN, FakeLambda, FakeS3, FakeStates, refusal

from .plans import EXECUTION, Time, make_plan

OTHER = EXECUTION.replace("run-1", "run-0")


def services(
    client: FakeLambda, s3: FakeS3, time: Time, states: FakeStates | None = None
) -> PrepareServices:
    return PrepareServices(client, states or FakeStates(), s3, "bucket", "111122223333", time.sleep)


def given(**more: Any) -> dict[str, Any]:
    return {"lambdaARN": ARN, "num": 10, **more}


def test_the_plan_is_stored_and_the_lock_knows_the_size(
    client: FakeLambda, s3: FakeS3, time: Time, store: RunFolder
) -> None:
    raw = given(powerValues=[128, 256], payload={"secret": 1}, seed=7)
    state = prepare(raw, EXECUTION, services(client, s3, time))
    plan = store.read_plan()
    assert (plan.sizes, plan.counts, plan.seed, plan.mode) == ((128, 256), (10,), 7, "warm")
    assert lock.read(client, ARN) == lock.Lock("run-1", 128, EXECUTION)
    assert (state.works, state.published, state.parallel) == (2, 0, 10)
    assert "secret" not in json.dumps(plan.question.input)


def test_a_seed_is_drawn_and_recorded(
    client: FakeLambda, s3: FakeS3, time: Time, store: RunFolder
) -> None:
    prepare(given(), EXECUTION, services(client, s3, time))
    assert store.read_plan().seed == store.read_plan().seed > 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"lambdaARN": ARN.replace("1111", "9999", 1)}, "belongs to account"),
        ({"lambdaARN": ARN.replace("us-east-1", "mars-north-1")}, "no prices for region"),
        ({"lambdaARN": ARN.replace("shop", "nobody")}, "there is no function"),
        ({"powerVals": [128]}, "powerValues"),
        ({"payloadS3": "s3://bucket/none.json"}, "cannot be read"),
        ({"strategy": "sped"}, "speed"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_changed(
    client: FakeLambda, s3: FakeS3, time: Time, more: dict[str, Any], message: str
) -> None:
    with pytest.raises((UsageError, NotFoundError), match=message):
        prepare(given(**more), EXECUTION, services(client, s3, time))
    assert not {"CreateAlias", "UpdateFunctionConfiguration"} & {*client.calls}
    assert s3.objects == {}


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"DurableConfig": {"ExecutionTimeout": 3600}}, "it is a durable function"),
        ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "isolated by tenant"),
        (
            {"CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": {}}},
            "Managed Instances",
        ),
    ],
)
def test_a_function_of_another_kind_is_refused_by_name(
    client: FakeLambda, s3: FakeS3, time: Time, setting: dict[str, Any], why: str
) -> None:
    client.change(**setting)
    with pytest.raises(UsageError, match=f"shop cannot be tuned: .*{why}.*{next(iter(setting))}"):
        prepare(given(), EXECUTION, services(client, s3, time))
    assert client.aliases == {}


@pytest.mark.parametrize(("sizes", "fits"), [({}, True), ({"powerValues": []}, True),
                                             ({"powerValues": [128]}, False),
                                             ({"powerValues": [128], "fitMemory": True}, True),
                                             ({"fitMemory": False}, False)])  # fmt: skip
def test_sizes_that_were_not_named_must_hold_what_is_used(
    client: FakeLambda, s3: FakeS3, time: Time, store: RunFolder, sizes: Any, fits: bool
) -> None:
    prepare(given(**sizes), EXECUTION, services(client, s3, time))
    assert store.read_plan().fits_memory is fits


@pytest.mark.parametrize(("reserved", "parallel"), [(None, 10), (20, 2), (12, 1), (5, 1), (2, 1)])
def test_reserved_concurrency_bounds_the_sizes_measured_at_once(
    client: FakeLambda, s3: FakeS3, time: Time, reserved: int | None, parallel: int
) -> None:
    client.reserved = reserved
    assert prepare(given(), EXECUTION, services(client, s3, time)).parallel == parallel


def test_too_little_reserved_concurrency_is_refused(
    client: FakeLambda, s3: FakeS3, time: Time
) -> None:
    client.reserved = 6
    with pytest.raises(
        UsageError, match='raise it to 10, or pass "environments": 3, or tune a copy'
    ):
        prepare(given(environments=5), EXECUTION, services(client, s3, time))
    client.reserved = 1
    with pytest.raises(UsageError, match="raise it to 2, or tune a copy"):
        prepare(given(), EXECUTION, services(client, s3, time))
    assert client.aliases == {}


def test_fewer_sizes_at_once_than_requested_are_reported(
    client: FakeLambda, s3: FakeS3, time: Time
) -> None:
    client.reserved = 20
    (warning,) = prepare(given(), EXECUTION, services(client, s3, time)).warnings
    assert "lets 2 instead of 10 sizes be measured at once" in warning


def test_a_vpc_is_reported(client: FakeLambda, s3: FakeS3, time: Time) -> None:
    client.change(VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})
    (warning,) = prepare(given(), EXECUTION, services(client, s3, time)).warnings
    assert "shop is in a VPC" in warning
    client.change(VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert prepare(given(), EXECUTION, services(client, s3, time)).warnings == ()


def test_a_function_that_may_outlast_its_tuner_is_reported(
    client: FakeLambda, s3: FakeS3, time: Time
) -> None:
    client.change(Timeout=900)
    (warning,) = prepare(given(), EXECUTION, services(client, s3, time)).warnings
    assert "shop may run for 900 s" in warning
    assert "never sent again" in warning


def test_an_image_that_may_not_be_published_is_refused_at_once(
    client: FakeLambda, s3: FakeS3, time: Time
) -> None:
    client.change(PackageType="Image", Runtime="")
    client.faults["PublishVersion"] = ["AccessDeniedException"]
    with pytest.raises(UsageError, match="ecr:BatchGetImage"):
        prepare(given(), EXECUTION, services(client, s3, time))
    assert not {"CreateAlias", "UpdateFunctionConfiguration"} & {*client.calls}
    client.faults["PublishVersion"] = ["InvalidParameterValueException"] * 2
    prepare(given(), EXECUTION, services(client, s3, time))
    assert client.versions == {}


def test_what_an_organisation_forbids_is_not_explained_away(
    client: FakeLambda, s3: FakeS3, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "not authorized to perform: x with an explicit deny in a service control policy"

    def refused(**_: Any) -> None:
        raise refusal("AccessDeniedException", message=message)

    monkeypatch.setattr(client, "get_function_configuration", refused)
    with pytest.raises(ClientError, match="explicit deny in a service control policy"):
        prepare(given(), EXECUTION, services(client, s3, time))


def test_a_function_that_the_tuner_may_not_touch_is_refused_with_the_way_out(
    client: FakeLambda, s3: FakeS3, time: Time
) -> None:
    client.faults["GetFunctionConfiguration"] = ["AccessDeniedException"]
    with pytest.raises(UsageError, match=f"--parameter TunableFunctionArns={ARN}"):
        prepare(given(), EXECUTION, services(client, s3, time))
    assert client.aliases == {}


def test_managed_instances_are_refused(client: FakeLambda, s3: FakeS3, time: Time) -> None:
    client.change(CapacityProviderConfig={"x": 1})
    with pytest.raises(UsageError, match="Managed Instances"):
        prepare(given(), EXECUTION, services(client, s3, time))


def test_a_qualifier_of_the_same_code_is_welcome_and_of_other_code_refused(
    client: FakeLambda, s3: FakeS3, time: Time
) -> None:
    client.change(MemorySize=512)
    client.publish_version(ARN)
    client.change(MemorySize=128)
    state = prepare(given(lambdaARN=f"{ARN}:1"), EXECUTION, services(client, s3, time))
    target = folder(s3, "bucket", "shop", state.run.id).read_plan().target
    # Callers of the version have its size; that of `$LATEST` is put back.
    assert (target.today_mb, target.memory_mb) == (512, 128)
    client.change(CodeSha256="newer")
    with pytest.raises(UsageError, match="other code than"):
        prepare(given(lambdaARN=f"{ARN}:1"), EXECUTION, services(client, s3, time))


def test_a_locked_function_is_refused(client: FakeLambda, s3: FakeS3, time: Time) -> None:
    other = lock.Lock("run-0", 128, OTHER)
    client.create_alias(ARN, lock.ALIAS, "$LATEST", other.describe())
    states = FakeStates({OTHER: "RUNNING"})
    with pytest.raises(LockedError, match="run-0"):
        prepare(given(), EXECUTION, services(client, s3, time, states))
    assert lock.read(client, ARN) == other


def test_what_a_dead_run_left_is_undone_first(
    client: FakeLambda, s3: FakeS3, time: Time, store: RunFolder
) -> None:
    client.create_alias(ARN, lock.ALIAS, "$LATEST", lock.Lock("run-0", 128, OTHER).describe())
    function.publish(client, ARN, "run-0", Work(1024, 0), time.sleep)
    prepare(given(), EXECUTION, services(client, s3, time))
    assert (client.memory_mb, client.marked) == (128, [])
    assert store.read_plan().target.memory_mb == 128
    assert lock.read(client, ARN) == lock.Lock("run-1", 128, EXECUTION)


@pytest.mark.parametrize(
    ("memory_mb", "changed", "before_mb"),
    [
        (512, "2026-11-23T09:10:00.000+0000", 128),  # the dead run's own
        (512, "2026-11-24T08:00:00.000+0000", 512),  # a day later
        (700, "2026-11-23T09:10:00.000+0000", 700),  # no size of that run
    ],
)
def test_what_was_deployed_since_a_run_died_stays(
    client: FakeLambda, s3: FakeS3, time: Time, memory_mb: int, changed: str, before_mb: int
) -> None:
    dead = lock.Lock("run-0", 128, EXECUTION.replace("run-1", "run-0"))
    plan = make_plan(run_id="run-0", execution=dead.execution)
    folder(s3, "bucket", "shop", "run-0").write_plan(plan)
    client.create_alias(ARN, lock.ALIAS, "$LATEST", dead.describe())
    client.change(MemorySize=memory_mb, LastModified=changed)
    stopped_at = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
    states = FakeStates({dead.execution: "ABORTED"}, stopped_at=stopped_at)
    prepare(given(), EXECUTION, services(client, s3, time, states))
    assert client.memory_mb == before_mb
    assert lock.read(client, ARN) == lock.Lock("run-1", before_mb, EXECUTION)


def test_run_again_after_a_crash_while_taking_over_it_still_undoes(
    client: FakeLambda, s3: FakeS3, time: Time
) -> None:
    client.create_alias(ARN, lock.ALIAS, "$LATEST", lock.Lock("run-0", 128, OTHER).describe())
    function.publish(client, ARN, "run-0", Work(1024, 0), time.sleep)
    folder(s3, "bucket", "shop", "run-0").write_json(PLAN_NAME, {"execution": OTHER})
    client.faults["UpdateFunctionConfiguration"] = ["ServiceException"]
    with pytest.raises(client.exceptions.ClientError):
        prepare(given(), EXECUTION, services(client, s3, time))
    prepare(given(), EXECUTION, services(client, s3, time))
    assert (client.memory_mb, client.marked) == (128, [])


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"onlyColdStarts": True}, ("cold", 5, 0, (10,))),
        ({"parallelInvocation": True}, ("first", 10, 0, (10,))),
        ({"dryRun": True, "cold": 3}, ("first", 1, 0, (1,))),
        ({"cold": 3}, ("warm", 5, 3, (10,))),
        ({"environments": 2}, ("warm", 2, 0, (10,))),
    ],
)
def test_how_the_work_is_spread(
    client: FakeLambda, s3: FakeS3, time: Time, store: RunFolder, more: Any, expected: Any
) -> None:
    prepare(given(**more), EXECUTION, services(client, s3, time))
    plan = store.read_plan()
    assert (plan.mode, plan.environments, plan.cold, plan.counts) == expected


def test_a_weighted_mix_shares_num(
    client: FakeLambda, s3: FakeS3, time: Time, store: RunFolder
) -> None:
    mix = [{"payload": {"a": "{{uuid}}"}, "weight": 3}, {"payload": {"b": 1}, "weight": 1}]
    s3.objects["mix.json"] = json.dumps(mix).encode()
    prepare(given(payloadS3="s3://bucket/mix.json"), EXECUTION, services(client, s3, time))
    plan = store.read_plan()
    assert plan.counts == (7, 3)
    assert plan.payloads[0].literal
    assert plan.payloads[0].event == {"a": "{{uuid}}"}


def test_payloads_stay_out_of_errors_on_request(client: FakeLambda, s3: FakeS3, time: Time) -> None:
    s3.objects["mix.json"] = json.dumps([{"payload": {"a": 1}, "weight": "secret"}]).encode()
    raw = given(payloadS3="s3://bucket/mix.json", disablePayloadLogs=True)
    with pytest.raises(UsageError) as caught:
        prepare(raw, EXECUTION, services(client, s3, time))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_run_id_is_used_once(client: FakeLambda, s3: FakeS3, time: Time) -> None:
    prepare(given(runId="mine"), EXECUTION, services(client, s3, time))
    prepare(given(runId="mine"), EXECUTION, services(client, s3, time))
    client.aliases.clear()
    with pytest.raises(UsageError, match='run id "mine" was used before'):
        prepare(given(runId="mine"), OTHER, services(client, s3, time))
    assert client.aliases == {}
