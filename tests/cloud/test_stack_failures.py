"""Stacks that cannot be created, updated, used or deleted: what is said, and what is left."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.api.stack import deploy, deploying, destroy, status
from lambdatuning.cloud.session import Cloud
from lambdatuning.cloud.stack.bucket import packages_of
from lambdatuning.cloud.stack.deploy import DeployOptions, execute, plan_deploy
from lambdatuning.cloud.stack.destroy import (
    DestroyPlan,
    execute_destroy,
    leftovers,
    plan_destroy,
)
from lambdatuning.cloud.stack.status import StackEvent, StackResource, StackStatus, find
from lambdatuning.core.errors import StackError, UsageError
from lambdatuning.core.progress import Progress
from tests.cloud.conftest import fake_cloud
from tests.waiting import until

BUCKET = {"Type": "AWS::S3::Bucket"}
# A policy for a role that is not there: CloudFormation learns it only when it creates it.
BROKEN = {
    "Type": "AWS::IAM::Policy",
    "DependsOn": "Good",
    "Properties": {
        "PolicyName": "p",
        "Roles": ["nobody"],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
        },
    },
}
STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/s/1"
OURS = [{"Key": "lambdatuning", "Value": "s"}]


def options(tmp_path: Path, name: str, **resources: Any) -> DeployOptions:
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"Description": "lambdatuning: test", "Resources": resources}))
    return DeployOptions(name, path)


def make(cloud: Cloud, name: str, *, tags: list[dict[str, str]], **resources: Any) -> None:
    """A stack made by other hands than ours, at rest."""
    client = cloud.client("cloudformation")
    body = json.dumps({"Resources": resources})
    client.create_stack(StackName=name, TemplateBody=body, Tags=tags)
    at_rest(cloud, name)


def at_rest(cloud: Cloud, name: str) -> StackStatus:
    until(lambda: not status(cloud, name).state.endswith("_PROGRESS"), f"stack {name} at rest")
    return status(cloud, name)


def buckets(cloud: Cloud) -> list[str]:
    return [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]


def test_a_failed_create_says_why_and_leaves_nothing(embedded: Cloud, tmp_path: Path) -> None:
    before = buckets(embedded)
    plan = plan_deploy(embedded, options(tmp_path, "broken", Good=BUCKET, Bad=BROKEN))
    with pytest.raises(StackError, match=r"Bad \(AWS::IAM::Policy\): .*nobody.*nothing is left"):
        execute(embedded, plan)
    assert find(embedded, "broken") is None
    assert buckets(embedded) == before


def test_a_failed_update_says_why_and_changes_nothing(embedded: Cloud, tmp_path: Path) -> None:
    execute(embedded, plan_deploy(embedded, options(tmp_path, "fine", Good=BUCKET)))
    plan = plan_deploy(embedded, options(tmp_path, "fine", Good=BUCKET, Bad=BROKEN))
    with pytest.raises(StackError, match="fine was not updated and is in UPDATE_ROLLBACK_COMPLETE"):
        execute(embedded, plan)
    stack = find(embedded, "fine")
    assert stack
    assert stack.state == "UPDATE_ROLLBACK_COMPLETE"
    assert plan_deploy(embedded, options(tmp_path, "fine", Good=BUCKET)).changes == ()
    execute_destroy(embedded, plan_destroy(embedded, "fine"))


def test_a_log_group_that_a_late_line_makes_again_goes_too(embedded: Cloud, tmp_path: Path) -> None:
    """What a function logged last comes after its group is deleted, and makes it again."""
    name = "/aws/lambda/late-Tuner"
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}}
    execute(embedded, plan_deploy(embedded, options(tmp_path, "late", Logs=group)))
    logs, made = embedded.client("logs"), []

    def late(event: StackEvent) -> None:
        if event.type == "AWS::CloudFormation::Stack" and event.state == "DELETE_COMPLETE":
            logs.create_log_group(logGroupName=name)
            made.append(name)

    done = execute_destroy(embedded, plan_destroy(embedded, "late"), late)
    assert made == [name]
    assert done.notes == ()
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_a_template_that_is_refused_leaves_nothing(embedded: Cloud, tmp_path: Path) -> None:
    wrong = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": 5}}
    given = options(tmp_path, "refused", Bad=wrong)
    template = json.loads(given.template.read_text())
    template["Transform"] = "AWS::Serverless-2016-10-31"
    given.template.write_text(json.dumps(template))
    with pytest.raises(StackError, match=r"CloudFormation refuses: .*CodeUri.*; fix that"):
        plan_deploy(embedded, given)
    assert find(embedded, "refused") is None
    assert buckets(embedded) == []


def test_a_stack_in_rollback_complete_must_be_destroyed_first(
    embedded: Cloud, tmp_path: Path
) -> None:
    make(embedded, "rolled-back", tags=OURS, Good=BUCKET, Bad=BROKEN)
    with pytest.raises(StackError, match=r"is in ROLLBACK_COMPLETE.*run `lambdatuning destroy`"):
        plan_deploy(embedded, options(tmp_path, "rolled-back", Good=BUCKET))
    execute_destroy(embedded, plan_destroy(embedded, "rolled-back"))
    assert find(embedded, "rolled-back") is None


def test_a_stack_of_somebody_else_is_never_touched(embedded: Cloud, tmp_path: Path) -> None:
    make(embedded, "theirs", tags=[], Good=BUCKET)
    with pytest.raises(StackError, match=r'"theirs" is not of lambdatuning.*--stack NAME'):
        plan_deploy(embedded, options(tmp_path, "theirs", Good=BUCKET))
    with pytest.raises(StackError, match="is not of lambdatuning"):
        plan_destroy(embedded, "theirs")
    embedded.client("cloudformation").delete_stack(StackName="theirs")


def test_missing_code_is_refused_before_anything_is_made(embedded: Cloud, tmp_path: Path) -> None:
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "gone"}}
    with pytest.raises(UsageError, match="gone"):
        plan_deploy(embedded, options(tmp_path, "no-code", F=function))
    assert find(embedded, "no-code") is None


def test_ctrl_c_while_cloudformation_works_says_that_it_goes_on(
    embedded: Cloud, tmp_path: Path
) -> None:
    def stop(_: StackEvent) -> None:
        raise KeyboardInterrupt

    template = options(tmp_path, "going-on", Good=BUCKET).template
    with pytest.raises(KeyboardInterrupt, match='goes on with the stack "going-on"'):
        deploy(embedded, "going-on", template=template, on_event=stop)
    stack = at_rest(embedded, "going-on")
    assert stack.state == "CREATE_COMPLETE"
    with pytest.raises(KeyboardInterrupt, match="destroy it again"):
        destroy(embedded, "going-on", on_event=stop)


def test_a_deployment_reports_its_progress(embedded: Cloud, tmp_path: Path) -> None:
    progress = list[Progress]()
    template = options(tmp_path, "progress", Good=BUCKET).template
    deploy(
        embedded, "progress", template=template, on_event=deploying(progress.append, lambda: 1.0)
    )
    assert {each.stage for each in progress} == {"deploying"}
    assert "Good CREATE_COMPLETE" in [each.detail for each in progress]
    destroy(embedded, "progress")


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("UPDATE_IN_PROGRESS", "wait until it rests"),
        ("DELETE_IN_PROGRESS", "wait until it rests"),
        ("DELETE_FAILED", "lambdatuning destroy"),
        ("ROLLBACK_FAILED", "lambdatuning destroy"),
        ("UPDATE_FAILED", "rollback-stack --stack-name s"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name s"),
    ],
)
def test_a_stack_that_cannot_be_updated_says_what_to_do(
    tmp_path: Path, state: str, advice: str
) -> None:
    cloud = fake_cloud(cloudformation=OneStack(state))
    with pytest.raises(StackError, match=rf'"s" is in {state} \(because\); .*{advice}'):
        plan_deploy(cloud, options(tmp_path, "s", Good=BUCKET))


def test_a_busy_stack_is_not_destroyed() -> None:
    with pytest.raises(StackError, match="UPDATE_IN_PROGRESS; wait"):
        plan_destroy(fake_cloud(cloudformation=OneStack("UPDATE_IN_PROGRESS")), "s")


def test_a_protected_stack_is_refused_before_its_bucket_is_emptied() -> None:
    protected = OneStack("CREATE_COMPLETE", EnableTerminationProtection=True)
    with pytest.raises(StackError, match="--no-enable-termination-protection --stack-name s"):
        plan_destroy(fake_cloud(cloudformation=protected), "s")


@pytest.mark.parametrize("name", ["bad name", "1st", "", "under_score", "a" * 129])
def test_a_name_that_no_stack_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="letter first"):
        plan_deploy(fake_cloud(), options(tmp_path, name, Good=BUCKET))


@pytest.mark.parametrize("fails", [1, 2])
def test_a_bucket_that_filled_up_meanwhile_is_emptied_again(embedded: Cloud, fails: int) -> None:
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket="samples")
    s3.put_object(Bucket="samples", Key="early", Body=b"")
    late = Stubborn(fails, lambda: s3.put_object(Bucket="samples", Key="late", Body=b""))
    cloud = replace(fake_cloud(cloudformation=late, s3=s3), account_id=embedded.account_id)
    samples = StackResource("Samples", "AWS::S3::Bucket", "samples", "")
    plan = DestroyPlan("s", STACK, (samples,), 1, 0, packages_of(cloud, "s"))
    if fails == 1:
        with pytest.raises(StackError, match=r"deleted, but left: AWS::S3::Bucket samples"):
            execute_destroy(cloud, plan)  # this CloudFormation deletes nothing
        assert "Contents" not in s3.list_objects_v2(Bucket="samples")
    else:
        with pytest.raises(StackError, match=r"in DELETE_FAILED: not empty; .*destroy it again"):
            execute_destroy(cloud, plan)
        s3.delete_object(Bucket="samples", Key="late")
    s3.delete_bucket(Bucket="samples")


def test_what_is_still_there_is_named(embedded: Cloud, tmp_path: Path) -> None:
    execute(embedded, plan_deploy(embedded, options(tmp_path, "kept", Good=BUCKET)))
    plan = plan_destroy(embedded, "kept")
    [bucket] = [resource.physical_id for resource in plan.resources]
    assert leftovers(embedded, plan) == ((f"AWS::S3::Bucket {bucket}",), ())
    execute_destroy(embedded, plan)
    others = tuple(
        StackResource(kind, kind, "arn:aws:states:us-east-1:111122223333:stateMachine:gone", "")
        for kind in (
            "AWS::ApiGateway::RestApi",
            "AWS::DynamoDB::Table",
            "AWS::IAM::Role",
            "AWS::Lambda::Function",
            "AWS::Lambda::Permission",
            "AWS::Logs::LogGroup",
            "AWS::StepFunctions::StateMachine",
        )
    )
    gone = replace(plan, resources=(*plan.resources, *others))
    assert leftovers(embedded, gone) == ((), ())


class Stubborn:
    """A CloudFormation that fails to delete a stack at first, while somebody writes."""

    def __init__(self, fails: int, write: Callable[[], object]) -> None:
        self.fails, self.write, self.deletions = fails, write, 0
        self.events = list[dict[str, Any]]()

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        self.deletions += 1
        failed = self.deletions <= self.fails
        if failed:
            self.write()
        event = {
            "EventId": str(self.deletions),
            "StackId": StackName,
            "PhysicalResourceId": StackName,
            "Timestamp": self.deletions,
            "LogicalResourceId": "s",
            "ResourceType": "AWS::CloudFormation::Stack",
            "ResourceStatus": "DELETE_FAILED" if failed else "DELETE_COMPLETE",
            "ResourceStatusReason": "not empty" if failed else "",
        }
        self.events.insert(0, event)

    def get_paginator(self, name: str) -> "Pages":
        events = {"StackEvents": list(self.events)}
        return Pages(events if name == "describe_stack_events" else {"StackResourceSummaries": []})


class Pages:
    """One page, whatever the request."""

    def __init__(self, page: dict[str, Any]) -> None:
        self.page = page

    def paginate(self, **_request: Any) -> list[dict[str, Any]]:
        return [self.page]


class OneStack:
    """A CloudFormation with one stack of ours in a state that takes long to bring about."""

    def __init__(self, state: str, **more: Any) -> None:
        self.state, self.more = state, more

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        stack = {
            "StackName": StackName,
            "StackId": STACK,
            "StackStatus": self.state,
            "StackStatusReason": "because",
            "Tags": OURS,
            **self.more,
        }
        return {"Stacks": [stack]}
