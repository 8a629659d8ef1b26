"""Change sets as CloudFormation answers them, where no emulator does."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lambdatuning.api.consent import describe_changes
from lambdatuning.cloud.stack.bucket import Packages
from lambdatuning.cloud.stack.deploy import (
    ChangeSet,
    DeployPlan,
    ResourceChange,
    delete_change_set,
    wait_for_changes,
)
from lambdatuning.cloud.stack.status import Waiting
from lambdatuning.core.errors import StackError
from tests.cloud.conftest import fake_cloud

MADE = ChangeSet("arn:aws:cloudformation:us-east-1:111122223333:changeSet/c/1", "stack-arn")
PATIENT = Waiting(lambda: 0.0, lambda _: None)


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "cloudformation", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def waited(client: Any, *answers: dict[str, Any]) -> tuple[ResourceChange, ...] | None:
    """The changes once CloudFormation has given these answers; every one is used."""
    with Stubber(client) as stub:
        for answer in answers:
            method = answer.pop("method", "describe_change_set")
            stub.add_response(method, answer)
        changes = wait_for_changes(fake_cloud(cloudformation=client), MADE, PATIENT)
        stub.assert_no_pending_responses()
    return changes


def test_every_page_of_changes_is_read(client: Any) -> None:
    def page(logical_id: str, **more: str) -> dict[str, Any]:
        change = {"Action": "Modify", "LogicalResourceId": logical_id, "ResourceType": "T", **more}
        hook = {"Type": "Hook"}
        return {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": change}, hook]}

    first = {**page("A", Replacement="Conditional"), "NextToken": "1"}
    statuses = {"Status": "CREATE_IN_PROGRESS"}, {"Status": "CREATE_COMPLETE"}
    second = {**page("B", Replacement="False"), "NextToken": "2"}
    assert waited(client, *statuses, first, second, page("C", Replacement="True")) == (
        ResourceChange("changed", "A", "T", replacement=False, conditional=True),
        ResourceChange("changed", "B", "T", replacement=False),
        ResourceChange("changed", "C", "T", replacement=True),
    )


def test_losses_are_listed_and_mere_consequences_are_one_line() -> None:
    stage, logs = "AWS::ApiGateway::Stage", "AWS::Logs::LogGroup"
    changes = (
        ResourceChange("changed", "Table", "AWS::DynamoDB::Table", replacement=True),
        ResourceChange("changed", "Stage", stage, replacement=False, conditional=True),
        ResourceChange("changed", "Logs", logs, replacement=False, conditional=True),
        ResourceChange("changed", "Api", "AWS::ApiGateway::RestApi", replacement=True),
        ResourceChange("removed", "Old", "AWS::DynamoDB::Table", replacement=False),
        ResourceChange("changed", "Function", "AWS::Lambda::Function", replacement=False),
        ResourceChange("changed", "Role", "AWS::IAM::Role", replacement=False, follows=True),
        ResourceChange("changed", "Policy", "AWS::IAM::Policy", replacement=False, follows=True),
    )
    plan = DeployPlan("mine", "id", "id", False, changes, Packages("b", ""))
    assert describe_changes(plan).splitlines() == [
        'stack "mine", 6 changes:',
        "  changed  Table (AWS::DynamoDB::Table)  REPLACED: what it holds is lost",
        "  changed  Stage (AWS::ApiGateway::Stage)  may be replaced",
        "  changed  Logs (AWS::Logs::LogGroup)  may be replaced: what it holds is lost then",
        "  changed  Api (AWS::ApiGateway::RestApi)  REPLACED",
        "  removed  Old (AWS::DynamoDB::Table)  what it holds is lost",
        "  changed  Function (AWS::Lambda::Function)",
        "  looked at again, for they refer to these: Role, Policy",
    ]


def detail(cause: str, recreates: str = "Conditionally") -> dict[str, Any]:
    source = "ResourceAttribute" if "." in cause else "ResourceReference"
    target = {"Attribute": "Properties", "Name": "P", "RequiresRecreation": recreates}
    return {
        "Target": target, "Evaluation": "Dynamic", "ChangeSource": source, "CausingEntity": cause,
    }  # fmt: skip


def entry(name: str, replacement: str, *details: dict[str, Any]) -> dict[str, Any]:
    change = {"Action": "Modify", "LogicalResourceId": name, "ResourceType": "T",
              "Replacement": replacement, "Details": [*details]}  # fmt: skip
    return {"ResourceChange": change}


def test_a_reference_to_something_that_stays_is_no_replacement(client: Any) -> None:
    """CloudFormation calls it conditional, for it does not look whether an ARN can change."""
    direct = {"Target": {"Attribute": "Properties"}, "ChangeSource": "DirectModification"}
    changes = [
        entry("Function", "False", direct),
        entry("Method", "Conditional", detail("Function.Arn")),
        entry("Key", "Conditional", detail("Method")),
        entry("Table", "True", direct),
        entry("Alarm", "Conditional", detail("Table")),
        entry("Trigger", "Conditional", detail("Function.StreamArn")),
        entry("Stage", "Conditional", direct),
    ]
    read = waited(
        client, {"Status": "CREATE_COMPLETE"}, {"Status": "CREATE_COMPLETE", "Changes": changes}
    )
    assert read is not None
    assert [each.logical_id for each in read if each.follows] == [
        "Method", "Key", "Alarm", "Trigger",
    ]  # fmt: skip
    assert [each.logical_id for each in read if each.conditional] == ["Alarm", "Trigger", "Stage"]


def test_new_outputs_alone_are_no_resource_but_can_be_executed(client: Any) -> None:
    complete: dict[str, Any] = {"Status": "CREATE_COMPLETE", "Changes": []}
    assert waited(client, {"Status": "CREATE_COMPLETE"}, complete) == ()


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create "
        "a change set.",
        "No updates are to be performed.",
    ],
)
def test_a_change_set_without_changes_is_deleted(client: Any, reason: str) -> None:
    failed = {"Status": "FAILED", "StatusReason": reason}
    assert waited(client, failed, {"method": "delete_change_set"}) is None


def test_any_other_failure_is_reported_in_one_line(client: Any) -> None:
    failed = {"Status": "FAILED", "StatusReason": "Transform failed\n with: Bad"}
    with pytest.raises(StackError, match="refuses: Transform failed with: Bad; fix that first"):
        waited(client, failed)


def test_one_that_is_still_computed_is_deleted_once_it_can_be(client: Any) -> None:
    """As after Ctrl-C: CloudFormation lets go of a change set only when it is made."""
    with Stubber(client) as stub:
        for _ in range(2):
            stub.add_client_error("delete_change_set", "InvalidChangeSetStatus")
        stub.add_response("delete_change_set", {})
        delete_change_set(fake_cloud(cloudformation=client), MADE.id, PATIENT)
        stub.assert_no_pending_responses()
