"""The doctor: what it finds on the embedded AWS, and on accounts that it is not."""

import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    LoginRefreshRequired,
    NoCredentialsError,
    NoRegionError,
)
from botocore.stub import ANY, Stubber

from lambdatuning.cloud.aws_errors import explain
from lambdatuning.cloud.doctor import (
    _concurrency,
    _finding,
    _memory,
    _stack,
    diagnose,
    examine,
)
from lambdatuning.cloud.session import Cloud
from lambdatuning.cloud.stack.deploy import DeployOptions, execute, plan_deploy
from lambdatuning.core.finding import Finding
from tests.cloud.conftest import fake_cloud

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_fresh_embedded_aws_lacks_the_stack_alone(embedded: Cloud) -> None:
    findings = by_name(diagnose(embedded))
    levels = {name: finding.severity for name, finding in findings.items()}
    assert levels.pop("stack") == "warning"
    assert set(levels.values()) == {"ok"}
    assert levels.keys() >= {"identity", "endpoint", "clock", "memory", "concurrency"}
    assert findings["stack"].next_step == "run `lambdatuning deploy`"
    assert embedded.account_id in findings["identity"].cause
    assert "embedded AWS" in findings["endpoint"].cause


def test_every_finding_that_is_not_well_has_a_next_step(embedded: Cloud) -> None:
    for finding in diagnose(embedded, clock=lambda: time.time() + 1000):
        assert bool(finding.next_step) == (finding.severity != "ok"), finding
        assert "\n" not in finding.cause


@pytest.mark.parametrize(("off_s", "way"), [(1000, "ahead of"), (-1000, "behind")])
def test_a_wrong_clock_fails(embedded: Cloud, off_s: float, way: str) -> None:
    finding = by_name(diagnose(embedded, clock=lambda: time.time() + off_s))["clock"]
    assert finding.severity == "error"
    assert way in finding.cause


def test_a_deployed_stack_is_well(embedded: Cloud) -> None:
    execute(embedded, plan_deploy(embedded, DeployOptions(template=TEMPLATE)))
    assert by_name(diagnose(embedded))["stack"].severity == "ok"


@pytest.fixture
def aws_lambda() -> Any:
    return boto3.client("lambda", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def probed(aws_lambda: Any, code: str, message: str) -> Finding:
    """The finding on memory when Lambda answers the probe so."""
    with Stubber(aws_lambda) as stub:
        probe = {"FunctionName": ANY, "MemorySize": 10_240}
        stub.add_client_error("update_function_configuration", code, message, expected_params=probe)
        return _finding(
            "memory", "the right", lambda: _memory(fake_cloud(**{"lambda": aws_lambda}))
        )


def test_a_new_account_is_limited_to_3008_mb(aws_lambda: Any) -> None:
    message = (
        "1 validation error detected: Value at 'memorySize' failed: 'MemorySize' value failed to "
        "satisfy constraint: Member must have value less than or equal to 3008"
    )
    finding = probed(aws_lambda, "ValidationException", message)
    assert (finding.severity, "3,008 MB" in finding.cause) == ("warning", True)


def test_an_account_with_every_right_reads_that_there_is_no_function(aws_lambda: Any) -> None:
    assert probed(aws_lambda, "ResourceNotFoundException", "Function not found").severity == "ok"


def test_a_denied_check_is_a_warning_that_names_the_right(aws_lambda: Any) -> None:
    finding = probed(aws_lambda, "AccessDeniedException", "User is not\n authorized")
    assert finding.severity == "warning"
    assert finding.next_step == "allow the right, or go on"
    assert "\n" not in finding.cause


@pytest.mark.parametrize(("free", "level"), [(10, "warning"), (900, "ok")])
def test_a_low_concurrency_is_a_warning(aws_lambda: Any, free: int, level: str) -> None:
    limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": free}
    with Stubber(aws_lambda) as stub:
        stub.add_response("get_account_settings", {"AccountLimit": limit})
        assert _concurrency(fake_cloud(**{"lambda": aws_lambda})).severity == level


@pytest.mark.parametrize(
    ("state", "tag", "level"),
    [
        ("UPDATE_COMPLETE", "lambdatuning", "ok"),
        ("UPDATE_IN_PROGRESS", "lambdatuning", "warning"),
        ("ROLLBACK_COMPLETE", "lambdatuning", "error"),
        ("CREATE_COMPLETE", "other", "error"),
    ],
)
def test_the_state_of_the_stack_is_judged(state: str, tag: str, level: str) -> None:
    client = boto3.client(
        "cloudformation", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    stack = {
        "StackName": "s",
        "StackId": "i",
        "StackStatus": state,
        "CreationTime": "2026-11-23T09:05:00Z",
        "Tags": [{"Key": "project", "Value": tag}],
    }
    with Stubber(client) as stub:
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        assert _stack(fake_cloud(cloudformation=client), "s").severity == level


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (NoRegionError(), "pass --region, export AWS_REGION, or use --local for the embedded AWS"),
        (NoCredentialsError(), "run `aws configure`"),
        (LoginRefreshRequired(), "log in again with `aws login`"),
        (EndpointConnectionError(endpoint_url="https://sts.eu-west-1.amazonaws.com"), "network"),
    ],
)
def test_without_a_login_the_rest_is_looked_at_all_the_same(error: Exception, step: str) -> None:
    def refused() -> Cloud:
        raise explain(error)

    login, *others = examine(refused)
    assert (login.name, login.severity) == ("login", "error")
    assert step in login.next_step
    assert {finding.name for finding in others} == {"reports", "embedded AWS", "notebooks"}


class Broken:
    """A client that fails in ways of its own."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


def test_no_answer_ends_the_examination() -> None:
    broken = Broken()
    cloud = fake_cloud(**{"sts": broken, "lambda": broken, "cloudformation": broken})
    findings = by_name(diagnose(cloud))
    for name in ("clock", "memory", "concurrency", "stack"):
        assert findings[name].severity == "warning"
        assert "a fault of lambdatuning, not of yours (no " in findings[name].cause


def test_what_the_organisation_forbids_is_no_missing_right() -> None:
    message = (
        "not authorized to perform: lambda:GetAccountSettings with an explicit deny in a service "
        "control policy"
    )

    def ask() -> Finding:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, "X")

    finding = _finding("concurrency", "lambda:GetAccountSettings", ask)
    assert finding.next_step == "a service control policy forbids it: go on without"
