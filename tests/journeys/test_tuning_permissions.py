"""What the tuner calls is what template.yaml grants, no less and no more.

The steps run here, in this process, against the embedded AWS, so that every call that boto3 makes
is heard with its arguments; the policies are those that the deployment made of the template.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

import lambdatuning as lt
from lambdatuning.api.prices import read_price_book
from lambdatuning.functions.tuner import control, lock, measuring

from .conftest import Place
from .functions import make_function
from .policies import Call, Statement, call_of, statements

LOGGING = ("logs:CreateLogStream", "logs:PutLogEvents")
"""What Lambda does in a function's name."""

PARAMETERS = {
    "TunableFunctionArns": "arn:aws:lambda:*:111122223333:function:tuned-*",
    "ProcessorFunctionArns": "arn:aws:lambda:us-east-1:111122223333:function:before",
    "PayloadArns": "arn:aws:s3:::bucket-of-the-user/inputs/*",
}


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
    calls: dict[str, set[Call]] = field(
        default_factory=lambda: {"control": set(), "measure": set()}
    )
    who: str = "control"
    runs: int = 0

    def record(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        operation = f"{model.service_model.service_name}:{model.name}"
        region = context["client_region"]
        call = call_of(operation, params, region, self.place.cloud.account_id)
        self.calls[self.who].add(call)

    def execution(self, name: str) -> str:
        machine = self.place.outputs["StateMachineArn"]
        return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"

    def control(self, step: str, state: Any) -> Any:
        self.who = "control"
        event = {"step": step, "state": state, "execution": self.execution(f"run-{self.runs}"),
                 "started": "2026"}  # fmt: skip
        return control.handle(event, Context(self.place.cloud.account_id))

    def measure(self, event: dict[str, Any]) -> Any:
        self.who = "measure"
        return measuring.handle(event, Context(self.place.cloud.account_id))

    def run(self, arn: str, **given: Any) -> Any:
        self.runs += 1
        body = {"lambdaARN": arn, "num": 5, "environments": 1, "powerValues": [256],
                "payload": {"operation": "ping"}, **given}  # fmt: skip
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
    """Runs that use every permission: a dead run's lock, a new alias and one that is moved, a
    function of the user's in another region, a processor, payloads and prices of the user's."""
    lt.deploy(place.cloud, parameters=PARAMETERS)
    machine = Machine(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMPLES_BUCKET", place.outputs["SamplesBucket"])
        patch.setenv("AWS_REGION", "us-east-1")
        assert os.environ["AWS_ENDPOINT_URL"] == place.cloud.endpoint_url
        boto3.setup_default_session(region_name="us-east-1")
        boto3.DEFAULT_SESSION.events.register("before-parameter-build", machine.record)
        dead = lock.Lock("run-0", 128, machine.execution("dead")).describe()
        place.client("lambda").create_alias(
            FunctionName=place.manager, Name=lock.ALIAS, FunctionVersion="$LATEST",
            Description=dead,
        )  # fmt: skip
        for _ in range(2):
            arn = place.outputs["FunctionArn"]
            output = machine.run(arn, autoOptimize=True, autoOptimizeAlias="live")
            assert output["power"] == 256
        _run_of_the_users(place, machine)
        yield machine
    boto3.DEFAULT_SESSION = None


def _run_of_the_users(place: Place, machine: Machine) -> None:
    s3 = place.client("s3")
    s3.create_bucket(Bucket="bucket-of-the-user")
    for name, text in (("payload", "{}"), ("prices", read_price_book())):
        s3.put_object(Bucket="bucket-of-the-user", Key=f"inputs/{name}.json", Body=text.encode())
    before = make_function(place.cloud, "before", Handler="app.before")
    tuned = make_function(place.cloud, "tuned-1", region="eu-west-1")
    output = machine.run(
        tuned, payload=None, preProcessorARN=before,
        payloadS3="s3://bucket-of-the-user/inputs/payload.json",
        priceBook="s3://bucket-of-the-user/inputs/prices.json",
    )  # fmt: skip
    assert output["power"] == 256


def role_of(place: Place, which: str) -> str:
    config = place.client("lambda").get_function_configuration(
        FunctionName=place.outputs[f"Tuner{which.capitalize()}Function"]
    )
    return str(config["Role"]).rpartition("/")[2]


@pytest.mark.parametrize("function", ["control", "measure"])
def test_every_call_is_allowed_on_its_resource(
    place: Place, machine: Machine, function: str
) -> None:
    granted = list(statements(place.cloud, role_of(place, function)))
    refused = [
        (call.action, resource)
        for call in machine.calls[function]
        for resource in call.resources
        if not any(statement.allows(call.action, resource) for statement in granted)
    ]
    assert refused == []


@pytest.mark.parametrize("function", ["control", "measure"])
def test_nothing_is_granted_that_is_not_used(place: Place, machine: Machine, function: str) -> None:
    unused = [
        (statement.policy, action)
        for statement in statements(place.cloud, role_of(place, function))
        for action in statement.actions
        if action not in LOGGING and not used(statement, action, machine.calls[function])
    ]
    assert unused == []


def used(statement: Statement, action: str, calls: set[Call]) -> bool:
    return any(
        call.action == action and statement.allows(action, resource)
        for call in calls
        for resource in call.resources
    )


@pytest.mark.parametrize("function", ["control", "measure"])
def test_no_other_function_or_bucket_may_be_touched(
    place: Place, machine: Machine, function: str
) -> None:
    del machine  # it deployed the parameters
    granted = list(statements(place.cloud, role_of(place, function)))
    account = "111122223333"
    forbidden = [
        ("lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{account}:function:other"),
        ("lambda:DeleteFunction", f"arn:aws:lambda:us-east-1:{account}:function:other:1"),
        ("lambda:DeleteFunction", place.outputs["FunctionArn"]),
        ("lambda:DeleteFunction", f"arn:aws:lambda:us-east-1:{account}:function:tuned-1"),
        ("lambda:UpdateFunctionConfiguration", f"arn:aws:lambda:eu-west-1:{account}:function:x"),
        (
            "lambda:UpdateFunctionConfiguration",
            f"arn:aws:lambda:us-east-1:{account}:function:before",
        ),
        ("lambda:PublishVersion", "arn:aws:lambda:us-east-1:999999999999:function:tuned-1"),
        ("s3:GetObject", "arn:aws:s3:::bucket-of-the-user/private/key.json"),
        ("s3:PutObject", "arn:aws:s3:::bucket-of-the-user/inputs/payload.json"),
        ("s3:DeleteObject", f"arn:aws:s3:::{place.outputs['SamplesBucket']}/runs/x"),
        ("states:DescribeExecution", f"arn:aws:states:us-east-1:{account}:execution:other:run"),
        ("iam:PassRole", f"arn:aws:iam::{account}:role/any"),
    ]
    allowed = [entry for entry in forbidden if any(s.allows(*entry) for s in granted)]
    assert allowed == []


def test_the_state_machine_may_only_invoke_the_two(place: Place) -> None:
    states = place.client("stepfunctions")
    machine = states.describe_state_machine(stateMachineArn=place.outputs["StateMachineArn"])
    (statement,) = statements(place.cloud, machine["roleArn"].rpartition("/")[2])
    lambdas = place.client("lambda")
    names = [place.outputs[f"Tuner{which}Function"] for which in ("Control", "Measure")]
    arns = [lambdas.get_function_configuration(FunctionName=name)["FunctionArn"] for name in names]
    assert statement.actions == ("lambda:InvokeFunction",)
    assert sorted(statement.resources) == sorted(arns)
