"""An existing deployment of AWS Lambda Power Tuning, run through its own contract."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.cloud.run_store import FolderStore, find_run
from lambdatuning.cloud.session import Cloud
from lambdatuning.cloud.tuning.plan import TunePlan, TuneRequest, plan_tune
from lambdatuning.cloud.tuning.power_tuning import tune_elsewhere
from lambdatuning.cloud.tuning.run import Effects
from lambdatuning.core.errors import (
    LambdaTuningError,
    NotFoundError,
    RunFailedError,
    UsageError,
)
from lambdatuning.core.progress import ignore
from lambdatuning.core.tuning.payloads import PayloadType, Seed
from tests.fakes.aws_lambda import ARN, FakeLambda, refusal

from .conftest import fake_cloud
from .test_executions import LAMBDA_FAILED, MACHINE, OUTPUT, FakeStepFunctions

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HANDS = Effects(ignore, lambda: 0.0, lambda _: None)


class Elsewhere(FakeStepFunctions):
    """A state machine that is not ours; every execution ends with the same output."""

    def __init__(self, output: Any, events: list[Any] | None = None) -> None:
        super().__init__({}, events)
        self.output, self.inputs = output, []  # type: tuple[Any, list[Any]]

    def describe_state_machine(self, **given: str) -> dict[str, str]:
        if given["stateMachineArn"] != MACHINE:
            raise refusal("StateMachineDoesNotExist")
        return {"definition": json.dumps({"Comment": "AWS Lambda Power Tuning", "States": {}})}

    def start_execution(self, **given: Any) -> dict[str, str]:
        started = super().start_execution(**given)
        self.inputs.append(json.loads(given["input"]))
        done = {"status": "SUCCEEDED", "output": json.dumps(self.output)}
        self.described[started["executionArn"]] = done
        return started


def cloud(states: Elsewhere) -> Cloud:
    return fake_cloud(stepfunctions=states, **{"lambda": FakeLambda()})


def plan(where: Cloud, *payloads: PayloadType, **more: Any) -> TunePlan:
    request = TuneRequest(ARN, MACHINE, payloads or (PayloadType("a", {"x": 1}),), **more)
    return plan_tune(where, request, NOW)


def test_one_execution_a_payload_type_and_a_run_without_samples(tmp_path: Path) -> None:
    states = Elsewhere(OUTPUT)
    where = cloud(states)
    planned = plan(where, PayloadType("a", {"x": 1}), PayloadType("b", {"y": 2}), sizes=(128, 256))
    store = FolderStore(tmp_path)
    tune_elsewhere(where, planned, store, HANDS)
    assert [given["payload"] for given in states.inputs] == [{"x": 1}, {"y": 2}]
    assert states.inputs[0]["powerValues"] == [128, 256]
    stored = find_run(store)
    assert stored.manifest.kind == "power-tuning"
    assert stored.manifest.output["b"]["power"] == 256
    assert stored.part_keys() == []


def test_succeeded_with_nothing_is_a_failure_with_its_cause(tmp_path: Path) -> None:
    where = cloud(Elsewhere({}, [LAMBDA_FAILED]))
    with pytest.raises(RunFailedError, match="Invocation error: no table"):
        tune_elsewhere(where, plan(where), FolderStore(tmp_path), HANDS)


def test_what_it_cannot_do_is_refused_before_it_starts(tmp_path: Path) -> None:
    states = Elsewhere(OUTPUT)
    where = cloud(states)
    with pytest.raises(UsageError, match="5 or more"):
        tune_elsewhere(where, plan(where, num=3), FolderStore(tmp_path), HANDS)
    eats = PayloadType("delete", {}, seed=(Seed(None, {"id": "{{n}}"}),))
    with pytest.raises(UsageError, match="uses up an item"):
        tune_elsewhere(where, plan(where, eats, table="t"), FolderStore(tmp_path), HANDS)
    with pytest.raises(UsageError, match="leave --cold out"):
        tune_elsewhere(where, plan(where, cold=3), FolderStore(tmp_path), HANDS)
    assert states.inputs == []


def test_allowed_errors_are_passed_on_to_it(tmp_path: Path) -> None:
    states = Elsewhere(OUTPUT)
    where = cloud(states)
    planned = plan(where, allowed_errors=("KeyError",), alias="live", auto_optimize=True)
    tune_elsewhere(where, planned, FolderStore(tmp_path), HANDS)
    assert states.inputs[0]["allowedExceptions"] == ["KeyError"]
    assert states.inputs[0]["autoOptimizeAlias"] == "live"


def test_the_items_that_its_payload_needs_are_there(embedded: Cloud, tmp_path: Path) -> None:
    client = embedded.client("dynamodb")
    client.create_table(
        TableName="items", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    states = Elsewhere(OUTPUT)
    where = fake_cloud(stepfunctions=states, dynamodb=client, **{"lambda": FakeLambda()})
    reads = PayloadType("read", {"id": "{{uuid}}"}, seed=(Seed(1, {"id": "{{uuid}}"}),))
    tune_elsewhere(where, plan(where, reads, table="items"), FolderStore(tmp_path), HANDS)
    (item,) = client.scan(TableName="items")["Items"]
    assert states.inputs[0]["payload"] == {"id": item["id"]["S"]}


def test_ctrl_c_leaves_it_running_and_says_so(tmp_path: Path) -> None:
    """Its cleaning is a state of its machine: stopped, it would leave its versions behind."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    states = Elsewhere(OUTPUT)
    where = cloud(states)
    effects = replace(HANDS, on_progress=interrupt)
    with pytest.raises(LambdaTuningError, match="goes on, since"):
        tune_elsewhere(where, plan(where), FolderStore(tmp_path), effects)
    assert states.stopped == []


def test_planning_refuses_what_cannot_work() -> None:
    where = cloud(Elsewhere(OUTPUT))
    with pytest.raises(NotFoundError, match="no state machine"):
        plan_tune(where, TuneRequest(ARN, MACHINE + "x", (PayloadType("a", {}),)), NOW)
    with pytest.raises(NotFoundError, match="no function nobody"):
        plan_tune(where, TuneRequest("nobody", MACHINE, (PayloadType("a", {}),)), NOW)
    seeded = PayloadType("read", {}, seed=(Seed(1, {"id": "x"}),))
    with pytest.raises(UsageError, match="--table"):
        plan(where, seeded)


def test_a_plan_has_a_seed_that_its_items_share() -> None:
    planned = plan(cloud(Elsewhere(OUTPUT)), cold=4)
    assert isinstance(planned.input["seed"], int)
    assert planned.seeds == (10 + planned.environments + 4) * 6
    assert plan(cloud(Elsewhere(OUTPUT)), seed=3).input["seed"] == 3


def test_a_qualified_function_is_tuned_by_its_arn() -> None:
    client = FakeLambda()
    client.publish_version(ARN)
    where = fake_cloud(stepfunctions=Elsewhere(OUTPUT), **{"lambda": client})
    assert plan(where).arn.qualifier is None
