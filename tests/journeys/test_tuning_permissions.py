"""What the tuner calls is what template.yaml grants, no less and no more.

The steps run here, in this process, against the embedded AWS, so that every call that boto3 makes
is heard with its operation's name.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from lambdatuning.cloud.template import load_template
from lambdatuning.functions.tuner import control, lock, measuring

from .conftest import Place

ROOT = Path(__file__).parents[2]
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:{}:permissions"
LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""What Lambda does in a function's name."""

ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:ListObjectsV2": "s3:ListBucket",
    "stepfunctions:DescribeExecution": "states:DescribeExecution",
}
"""Operations whose action in a policy has another name."""


@dataclass
class Context:
    """Lambda's context, as far as the tuner looks at it."""

    account: str
    aws_request_id: str = "12345678-1234"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:{self.account}:function:tuner"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@dataclass
class Machine:
    """The state machine's way through the steps, with what each function called."""

    place: Place
    calls: dict[str, set[str]] = field(default_factory=lambda: {"control": set(), "measure": set()})
    who: str = "control"
    runs: int = 0

    def hear(self, model: Any, **_: Any) -> None:
        name = f"{model.service_model.service_name}:{model.name}"
        self.calls[self.who].add(ACTIONS.get(name, name))

    def control(self, step: str, state: Any) -> Any:
        self.who = "control"
        execution = f"{EXECUTION.format('Tuner')}-{self.runs}"
        event = {"step": step, "state": state, "execution": execution, "started": "2026"}
        return control.handle(event, Context(self.place.cloud.account_id))

    def measure(self, event: dict[str, Any]) -> Any:
        self.who = "measure"
        return measuring.handle(event, Context(self.place.cloud.account_id))

    def run(self, **given: Any) -> Any:
        self.runs += 1
        body = {"lambdaARN": self.place.outputs["FunctionArn"], "num": 5, "environments": 2,
                "powerValues": [256, 512], "payload": {"operation": "ping"}, **given}  # fmt: skip
        state = self.control("publish", self.control("prepare", body))
        run = state["run"]
        measured = [self.measure({"run": run, "batch": batch}) for batch in state["batches"]]
        state = self.control("decide", {**state, "measured": measured})
        for size in state["sizes"]:
            self.measure({"run": run, "memoryMb": size})
        state = self.control("apply", self.control("analyse", state))
        return self.control("clean", state)


@pytest.fixture(scope="module")
def machine(place: Place) -> Iterator[Machine]:
    """Runs that use every permission: a dead run's lock, a new alias and one that is moved."""
    machine = Machine(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMPLES_BUCKET", place.outputs["SamplesBucket"])
        assert os.environ["AWS_ENDPOINT_URL"] == place.cloud.endpoint_url
        boto3.setup_default_session(region_name="us-east-1")
        boto3.DEFAULT_SESSION.events.register("before-call", machine.hear)
        place.client("lambda").create_alias(
            FunctionName=place.function, Name=lock.ALIAS, FunctionVersion="$LATEST",
            Description=lock.Lock("run-0", 128, EXECUTION.format("Dead")).describe(),
        )  # fmt: skip
        for _ in range(2):
            output = machine.run(autoOptimize=True, autoOptimizeAlias="live")
            assert output["power"] in (256, 512)
        yield machine
    boto3.DEFAULT_SESSION = None


def granted(role: str) -> set[str]:
    """The actions that the template grants to a role."""
    resources = load_template(ROOT / "template.yaml")["Resources"]
    policies = list(resources[role]["Properties"]["Policies"])
    policies += [
        {"PolicyDocument": resource["Properties"]["PolicyDocument"]}
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Policy"
        and {"Ref": role} in resource["Properties"]["Roles"]
    ]
    found = [_actions(s) for p in policies for s in p["PolicyDocument"]["Statement"]]
    return {action for actions in found for action in actions}


def _actions(statement: dict[str, Any]) -> list[str]:
    if "Fn::If" in statement:
        statement = next(s for s in statement["Fn::If"][1:] if "Action" in s)
    action = statement["Action"]
    return [action] if isinstance(action, str) else list(action)


@pytest.mark.parametrize(
    ("function", "role"), [("control", "TunerControlRole"), ("measure", "TunerMeasureRole")]
)
def test_each_function_may_do_what_it_does_and_nothing_else(
    machine: Machine, function: str, role: str
) -> None:
    assert machine.calls[function] == granted(role) - LOGGING


def test_the_state_machine_may_only_invoke_the_two() -> None:
    assert granted("TunerRole") == {"lambda:InvokeFunction"}
