"""The stack in an account that an organisation governs: tags, roles, buckets, hooks and denials."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from lambdatuning.api.stack import deploy, destroy, status
from lambdatuning.cloud.aws_errors import explain, undoing
from lambdatuning.cloud.session import Cloud
from lambdatuning.cloud.stack.deploy import (
    ChangeSet,
    DeployOptions,
    execute,
    merged_tags,
    plan_deploy,
    wait_for_changes,
)
from lambdatuning.cloud.stack.destroy import _is_there, execute_destroy, plan_destroy
from lambdatuning.cloud.stack.status import (
    StackResource,
    StackStatus,
    Waiting,
    _event,
    deployed_bucket,
    failures,
    find,
)
from lambdatuning.core.errors import LambdaTuningError, StackError, UsageError, denied_by
from tests.cloud.conftest import fake_cloud

ANSWERS = json.loads((Path(__file__).parent / "organisation.json").read_text("utf-8"))
"""What AWS answers in such an account, with the page that documents it."""

PATIENT = Waiting(lambda: 0.0, lambda _: None)
BUCKET = {"Type": "AWS::S3::Bucket"}
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"Description": "lambdatuning: test", "Resources": {"T": TABLE}}))
    return path


def before(**tags: str) -> StackStatus:
    return StackStatus("s", "id", "CREATE_COMPLETE", "", "", "", tags, {}, {})


def test_tags_of_the_stack_are_kept_and_ours_is_added() -> None:
    given = DeployOptions("s", tags={"CostCenter": "42"})
    kept = before(Team="a", CostCenter="41", **{"aws:servicecatalog:portfolioArn": "arn"})
    assert merged_tags(given, kept) == {"Team": "a", "CostCenter": "42", "lambdatuning": "s"}
    assert merged_tags(given, None) == {"CostCenter": "42", "lambdatuning": "s"}


@pytest.mark.parametrize("tags", [{"costcenter": "42"}, {"COSTCENTER": "x"}])
def test_keys_that_differ_by_case_alone_are_refused(tags: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="differ by case alone"):
        merged_tags(DeployOptions("s", tags=tags), before(CostCenter="42"))


@pytest.mark.parametrize("key", ["lambdatuning", "LambdaTuning", "LAMBDATUNING"])
def test_our_own_key_is_refused_in_every_case(key: str) -> None:
    with pytest.raises(UsageError, match=f'the tag "{key}" is taken.* choose another key'):
        merged_tags(DeployOptions("s", tags={key: "mine"}), None)


def test_a_deployment_keeps_what_others_tagged(embedded: Cloud, template: Path) -> None:
    deploy(embedded, "tagged", template=template, tags={"CostCenter": "42", "Team": "a"})
    deploy(embedded, "tagged", template=template, tags={"Team": "b"})
    stack = status(embedded, "tagged")
    assert stack.tags == {"CostCenter": "42", "Team": "b", "lambdatuning": "tagged"}
    assert stack.is_ours
    destroy(embedded, "tagged")


def test_a_role_works_in_the_callers_place(embedded: Cloud, template: Path) -> None:
    role = "arn:aws:iam::111122223333:role/deployer"
    requests = list[tuple[str, Any]]()
    events = embedded.client("cloudformation").meta.events

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        requests.append((model.name, params.get("RoleARN")))

    events.register("before-parameter-build.cloudformation", record)
    deploy(embedded, "by-role", template=template, role_arn=role)
    destroy(embedded, "by-role", role_arn=role)
    events.unregister("before-parameter-build.cloudformation", record)
    assert {("CreateChangeSet", role), ("DeleteStack", role)} <= set(requests)


def test_an_update_finds_the_organisations_bucket_again(embedded: Cloud, tmp_path: Path) -> None:
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket="company")
    root = Path(__file__).parents[2]
    path = root / "template.yaml"
    deploy(embedded, "boxed", template=path, bucket="company")
    deploy(embedded, "boxed", template=path, parameters={"MemorySize": "256"})
    assert deployed_bucket(embedded, "boxed") == "company"
    assert [b["Name"] for b in s3.list_buckets()["Buckets"] if "artifacts" in b["Name"]] == []
    plan = destroy(embedded, "boxed")
    assert plan.packages
    assert plan.notes == ()
    assert "Contents" not in s3.list_objects_v2(Bucket="company")
    s3.delete_bucket(Bucket="company")


@pytest.mark.parametrize("entry", ANSWERS["denials"], ids=lambda entry: str(entry["by"]))
def test_what_denies_is_named(entry: dict[str, str]) -> None:
    assert denied_by(entry["message"]) == entry["by"]
    answer = {"Error": {"Code": "AccessDenied", "Message": entry["message"]}}
    explained = str(explain(ClientError(answer, "CreateRole")))
    assert ("have that permission granted" in explained) == (entry["by"] == "")
    assert ("whatever your own permissions are" in explained) == (entry["by"] != "")


@pytest.mark.parametrize("entry", ANSWERS["stack events"], ids=lambda entry: str(entry["kind"]))
def test_the_reason_of_a_failed_stack_is_its_cause(entry: dict[str, Any]) -> None:
    stack = {"StackId": "stack-id", "StackName": "s", "Timestamp": "2026-11-23T09:00:00Z"}
    events = [_event({**stack, **event}) for event in entry["events"]]
    assert failures(events) == entry["reason"]


@pytest.mark.parametrize("entry", ANSWERS["change sets"], ids=lambda entry: str(entry["kind"]))
def test_early_validation_is_read_before_anything_is_removed(entry: dict[str, Any]) -> None:
    client = boto3.client(
        "cloudformation", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    made = ChangeSet("arn:aws:cloudformation:us-east-1:111122223333:changeSet/c/1", "stack-arn")
    with Stubber(client) as stub:
        stub.add_response("describe_change_set", {"Status": "FAILED", **entry["change set"]})
        stub.add_response("describe_events", {"OperationEvents": entry["events"]})
        with pytest.raises(StackError) as caught:
            wait_for_changes(fake_cloud(cloudformation=client), made, PATIENT)
        stub.assert_no_pending_responses()
    assert entry["reason"] in str(caught.value)


def test_an_old_endpoint_that_knows_no_such_events_hides_nothing() -> None:
    client = boto3.client(
        "cloudformation", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(client) as stub:
        stub.add_response("describe_change_set", {"Status": "FAILED", "StatusReason": "Bad thing"})
        stub.add_client_error("describe_events", "InvalidAction")
        with pytest.raises(StackError, match="CloudFormation refuses: Bad thing; fix that"):
            wait_for_changes(fake_cloud(cloudformation=client), ChangeSet("c", "s"), PATIENT)


def denied(action: str, how: str = "because no identity-based policy allows it") -> ClientError:
    message = f"User: u is not authorized to perform: {action} on resource: r {how}"
    answer: Any = {
        "Error": {"Code": "AccessDenied", "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    return ClientError(answer, "Call")


def test_an_error_while_undoing_never_hides_the_cause() -> None:
    def undo() -> None:
        raise denied("s3:DeleteBucket")

    with pytest.raises(LambdaTuningError) as caught, undoing(undo, "the bucket b"):
        raise denied("iam:CreateRole", "with an explicit deny in a service control policy")
    message = str(caught.value)
    assert message.index("iam:CreateRole") < message.index("the bucket b is left")
    assert "a service control policy forbids it" in message
    assert "s3:DeleteBucket" in message


def test_ctrl_c_stays_ctrl_c_and_says_what_is_left() -> None:
    def undo() -> None:
        raise denied("cloudformation:DeleteStack")

    with (
        pytest.raises(KeyboardInterrupt, match=r"the stack s is left: .*DeleteStack"),
        undoing(undo, "the stack s"),
    ):
        raise KeyboardInterrupt


class Silent:
    """A client that answers nothing: throttled, broken or out of reach."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, _: str) -> Any:
        def fail(**_: Any) -> None:
            raise self.error

        return fail


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "DescribeTable"),
        ClientError({"Error": {"Code": "InternalServerError"},
                     "ResponseMetadata": {"HTTPStatusCode": 500}}, "DescribeTable"),
        EndpointConnectionError(endpoint_url="https://dynamodb"),
    ],
)  # fmt: skip
def test_no_answer_after_a_removal_is_a_note(error: Exception) -> None:
    table = StackResource("T", "AWS::DynamoDB::Table", "table", "DELETE_COMPLETE")
    assert _is_there(fake_cloud(dynamodb=Silent(error)), table) is None


class Denying:
    """A client of which some operations are denied."""

    def __init__(self, client: Any, *operations: str) -> None:
        self.client, self.operations = client, operations

    def __getattr__(self, name: str) -> Any:
        if name not in self.operations:
            return getattr(self.client, name)

        def refuse(**_: Any) -> None:
            raise denied(name)

        return refuse


def denying(cloud: Cloud, **denials: tuple[str, ...]) -> Cloud:
    """The cloud with some operations of some services denied."""
    names = ("s3", "cloudformation", "dynamodb", "iam", "lambda", "logs", "stepfunctions")
    clients = {
        name: Denying(cloud.client(name), *denials.get(name, ())) for name in (*names, "apigateway")
    }
    return replace(fake_cloud(**clients), account_id=cloud.account_id)


def test_a_denied_check_makes_no_error_of_a_finished_removal(
    embedded: Cloud, template: Path
) -> None:
    execute(embedded, plan_deploy(embedded, DeployOptions("looked", template)))
    cloud = denying(embedded, dynamodb=("describe_table",), s3=("delete_bucket",))
    done = execute_destroy(cloud, plan_destroy(cloud, "looked"))
    assert find(embedded, "looked") is None
    [packages, unknown] = done.notes
    assert packages.startswith("code packages are left in s3://lambdatuning-artifacts-")
    assert unknown.startswith("not looked for, as AWS gave no answer: AWS::DynamoDB::Table ")
    buckets = embedded.client("s3").list_buckets()["Buckets"]
    for name in [b["Name"] for b in buckets if "artifacts" in b["Name"]]:
        embedded.client("s3").delete_bucket(Bucket=name)


def test_the_cause_of_a_failed_creation_comes_first_and_what_is_left_behind_it(
    embedded: Cloud, tmp_path: Path
) -> None:
    broken = {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "p", "Roles": ["nobody"],
              "PolicyDocument": {"Version": "2012-10-17", "Statement": []}}}  # fmt: skip
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"Resources": {"T": TABLE, "Bad": broken}}))
    cloud = denying(embedded, s3=("delete_objects", "delete_bucket"))
    plan = plan_deploy(cloud, DeployOptions("unmade", path))
    with pytest.raises(
        StackError, match=r"Bad \(AWS::IAM::Policy\): .*could not be removed: .*delete_bucket"
    ):
        execute(cloud, plan)
    for bucket in embedded.client("s3").list_buckets()["Buckets"]:
        if "artifacts" in bucket["Name"]:
            embedded.client("s3").delete_bucket(Bucket=bucket["Name"])


def test_a_change_set_that_may_not_be_made_leaves_no_package(
    embedded: Cloud, template: Path
) -> None:
    cloud = denying(embedded, cloudformation=("create_change_set",))
    with pytest.raises(ClientError, match="create_change_set"):
        plan_deploy(cloud, DeployOptions("unplanned", template))
    names = [b["Name"] for b in embedded.client("s3").list_buckets()["Buckets"]]
    assert [name for name in names if "artifacts" in name] == []
    assert find(embedded, "unplanned") is None


def test_a_change_set_that_may_not_be_executed_is_discarded(
    embedded: Cloud, template: Path
) -> None:
    cloud = denying(embedded, cloudformation=("execute_change_set",))
    plan = plan_deploy(cloud, DeployOptions("unexecuted", template))
    with pytest.raises(ClientError, match="execute_change_set"):
        execute(cloud, plan)
    assert find(embedded, "unexecuted") is None
