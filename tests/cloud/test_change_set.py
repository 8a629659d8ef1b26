"""Change sets as CloudFormation answers them, where no emulator does."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lambdatuning.api.consent import describe_changes
from lambdatuning.cloud.stack.bucket import Packages
from lambdatuning.cloud.stack.deploy import (
    Change,
    ChangeSet,
    DeployPlan,
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


def waited(client: Any, *answers: dict[str, Any]) -> tuple[Change, ...] | None:
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
    asked = {"Status": "CREATE_IN_PROGRESS"}, {"Status": "CREATE_COMPLETE"}
    second = {**page("B", Replacement="False"), "NextToken": "2"}
    assert waited(client, *asked, first, second, page("C", Replacement="True")) == (
        Change("changed", "A", "T", replacement=False, conditional=True),
        Change("changed", "B", "T", replacement=False),
        Change("changed", "C", "T", replacement=True),
    )


def test_a_replacement_that_may_not_happen_is_said_to_be_possible() -> None:
    changes = (
        Change("changed", "Table", "AWS::DynamoDB::Table", replacement=True),
        Change("changed", "Stage", "AWS::ApiGateway::Stage", replacement=False, conditional=True),
        Change("changed", "Function", "AWS::Lambda::Function", replacement=False),
    )
    lines = describe_changes(
        DeployPlan("mine", "id", "id", False, changes, Packages("b", ""))
    ).splitlines()
    assert lines[1].endswith("(AWS::DynamoDB::Table)  REPLACED: what it holds is lost")
    assert lines[2].endswith("(AWS::ApiGateway::Stage)  may be replaced")
    assert lines[3].endswith("(AWS::Lambda::Function)")


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


def test_any_other_failure_is_told_in_one_line(client: Any) -> None:
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
