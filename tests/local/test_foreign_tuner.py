"""A tuner that others wrote, of aws-lambda-power-tuning's shape, is deployed and tunes a function.

`foreign_tuner/` is written for this test: Node functions that share a layer, a SAM template with a
state machine in a file of its own, packaged and deployed by the AWS CLI.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import AwsCli, Cloud, package
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("node")
FOREIGN = Path(__file__).with_name("foreign_tuner")
TUNED = """
    import time
    def handler(event, context):
        if event["fails"]:
            raise RuntimeError("told to fail")
        end = time.thread_time() + 0.01
        while time.thread_time() < end:
            pass
    """


@dataclass(frozen=True)
class Tuner:
    """The deployed state machine and a function for it."""

    cloud: Cloud
    machine_arn: str

    def run(self, function: str, **given: object) -> dict[str, Any]:
        """Tune `function`; the execution's description when it has ended."""
        arn = self.cloud.client("lambda").get_function(FunctionName=function)["Configuration"]
        values = {"lambdaARN": arn["FunctionArn"], "num": 2, "payload": {"fails": False}, **given}
        client = self.cloud.client("stepfunctions")
        execution = client.start_execution(
            stateMachineArn=self.machine_arn, input=json.dumps(values)
        )
        return self.ended(execution["executionArn"])

    def ended(self, execution_arn: str) -> dict[str, Any]:
        """The execution's description when it has ended."""
        client = self.cloud.client("stepfunctions")

        def description() -> dict[str, Any]:
            state: dict[str, Any] = client.describe_execution(executionArn=execution_arn)
            return {} if state["status"] == "RUNNING" else state

        return until(description, "the end of the execution")


@pytest.fixture(scope="module")
def tuner(cloud: Cloud, aws: AwsCli, tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    packaged = tmp_path_factory.mktemp("foreign") / "packaged.yaml"
    capabilities = ("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
    aws("s3", "mb", "s3://artifacts")
    aws(
        *("cloudformation", "package", "--template-file", "template.yaml"),
        *("--s3-bucket", "artifacts", "--output-template-file", str(packaged)),
        cwd=FOREIGN,
    )
    aws(
        *("cloudformation", "deploy", "--template-file", str(packaged)),
        *("--stack-name", "foreign", *capabilities),
    )
    [stack] = cloud.client("cloudformation").describe_stacks(StackName="foreign")["Stacks"]
    return Tuner(cloud, stack["Outputs"][0]["OutputValue"])


@pytest.fixture
def tuned(cloud: Cloud) -> str:
    return cloud.function(TUNED, MemorySize=300, Description="")


def _left(cloud: Cloud, name: str) -> tuple[int, list[str], list[str]]:
    """Memory size, aliases and versions of a function."""
    client = cloud.client("lambda")
    return (
        client.get_function_configuration(FunctionName=name)["MemorySize"],
        [alias["Name"] for alias in client.list_aliases(FunctionName=name)["Aliases"]],
        [v["Version"] for v in client.list_versions_by_function(FunctionName=name)["Versions"]],
    )


@pytest.mark.parametrize("parallel", [False, True])
def test_it_finds_the_fastest_size_and_cleans_up(
    tuner: Tuner, tuned: str, *, parallel: bool
) -> None:
    state = tuner.run(tuned, parallelInvocation=parallel, powerValues=[128, 512])

    assert state["status"] == "SUCCEEDED", state["cause"]
    output = json.loads(state["output"])
    slow, fast = (size["averageDuration"] for size in output["stats"])
    assert output["power"] == 512
    assert slow > 2 * fast
    assert _left(tuner.cloud, tuned) == (300, [], ["$LATEST"])


def test_every_invocation_of_only_cold_starts_is_one(tuner: Tuner, tuned: str) -> None:
    state = tuner.run(tuned, onlyColdStarts=True, parallelInvocation=True)

    output = json.loads(state["output"])
    assert [size["value"] for size in output["stats"]] == [128, 1024], (
        "the template's default sizes"
    )
    assert [size["cold"] for size in output["stats"]] == [2, 2]
    assert _left(tuner.cloud, tuned) == (300, [], ["$LATEST"])


def test_it_applies_what_it_found(tuner: Tuner, tuned: str) -> None:
    tuner.run(tuned, powerValues=[128, 512], autoOptimize=True, autoOptimizeAlias="live")

    memory_mb, aliases, _ = _left(tuner.cloud, tuned)
    assert (memory_mb, aliases) == (512, ["live"])
    answer = tuner.cloud.invoke(tuned, {"fails": False}, Qualifier="live")
    assert "Memory Size: 512 MB" in answer.report


def test_a_step_that_fails_for_once_is_tried_again(tuner: Tuner, tuned: str) -> None:
    # Both sizes run at once: in environments of their own that fail once each, or in one's turn.
    state = tuner.run(tuned, powerValues=[256, 1769], flaky=True)

    assert state["status"] == "SUCCEEDED", state["cause"]
    client = tuner.cloud.client("stepfunctions")
    history = client.get_execution_history(executionArn=state["executionArn"], maxResults=1000)
    failed = [event for event in history["events"] if "Failed" in event["type"]]
    assert failed
    assert {_error_of(event) for event in failed} == {"Flaky"}


def _error_of(event: dict[str, Any]) -> str:
    [details] = [value for name, value in event.items() if name.endswith("FailedEventDetails")]
    return str(details["error"])


def test_what_keeps_failing_is_caught_and_cleaned_up(tuner: Tuner, tuned: str) -> None:
    state = tuner.run(tuned, payload={"fails": True})

    assert (state["status"], state["output"]) == ("SUCCEEDED", "{}")
    assert _left(tuner.cloud, tuned) == (300, [], ["$LATEST"])


def test_what_nothing_catches_fails_the_execution(tuner: Tuner) -> None:
    client = tuner.cloud.client("stepfunctions")
    execution = client.start_execution(
        stateMachineArn=tuner.machine_arn, input=json.dumps({"lambdaARN": "nobody"})
    )
    state = tuner.ended(execution["executionArn"])

    assert state["status"] == "FAILED"
    assert "nobody" in json.loads(state["cause"])["errorMessage"]
    assert "output" not in state, "AWS gives none to an execution that failed"


def test_a_node_function_finds_the_sdk_that_lambda_brings_along(cloud: Cloud) -> None:
    """Without a layer of its own: aws-lambda-power-tuning's analyzer relies on it."""
    sdk = {
        "nodejs/node_modules/@aws-sdk/client-pretended/package.json": '{"main": "index.js"}',
        "nodejs/node_modules/@aws-sdk/client-pretended/index.js": "exports.version = 3;",
    }
    cloud.client("lambda").publish_layer_version(LayerName="sdk", Content={"ZipFile": package(sdk)})
    sources = {
        "app.js": "const sdk = require('@aws-sdk/client-pretended');"
        "exports.handler = async () => sdk.version;",
        "app.mjs": "import sdk from '@aws-sdk/client-pretended';"
        "export const handler = async () => sdk.version;",
    }

    for file, source in sources.items():
        code = {"ZipFile": package({file: source})}
        assert cloud.run("", Runtime="nodejs22.x", Code=code).payload == 3, file


def test_a_missing_sdk_says_what_to_install(cloud: Cloud) -> None:
    answer = cloud.run("import '@aws-sdk/client-nowhere';", Runtime="nodejs22.x")

    assert answer.payload["errorType"] == "Error"
    message = answer.payload["errorMessage"]
    assert "npm install --global @aws-sdk/client-nowhere, or use a layer" in message
