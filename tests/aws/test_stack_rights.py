"""CloudFormation works with the rights of who asks it, or with those of a role."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

import lambdatuning as lt
from lambdatuning.core.errors import LambdaTuningError, NotFoundError, StackError
from lambdatuning.local.services.stack_rights import ResourceUpdate, Right, StackRoles, rights_for

from .account import Account, policy_statements

TRUST = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}}
ROLE = "company-cloudformation"
OWN = ("AWS::CodeBuild::Project",)
"""Types whose schema names no permissions."""


@pytest.fixture
def empty(account: Account) -> Iterator[Account]:
    """The account, in which every test deploys for the first time."""
    with suppress(NotFoundError):
        lt.destroy(account.owner)
    account.switch(iam=True)
    yield account
    account.switch()
    with suppress(NotFoundError):
        lt.destroy(account.owner)


@pytest.mark.parametrize(
    "action",
    [
        *("iam:CreateRole", "iam:PassRole", "lambda:CreateFunction", "states:CreateStateMachine"),
        *("apigateway:POST", "s3:PutLifecycleConfiguration"),
    ],
)
def test_a_stack_that_may_not_be_made_is_named_and_gone(empty: Account, action: str) -> None:
    empty.switch(iam=True, deny=[action])
    with pytest.raises(StackError) as refused:
        lt.deploy(empty.user("deploy"))
    message = str(refused.value)
    assert f"not authorized to perform: {action} on resource: arn:aws:" in message
    assert "a service control policy forbids it" in message
    assert "nothing is left of it" in message
    assert "\n" not in message
    empty.switch()
    with pytest.raises(NotFoundError):
        lt.status(empty.owner)


def test_a_right_that_the_user_lacks_is_no_service_control_policy(empty: Account) -> None:
    rights = policy_statements("deploy")
    for statement in rights:
        statement["Action"] = [a for a in statement["Action"] if a != "lambda:CreateFunction"]
    with pytest.raises(StackError) as refused:
        lt.deploy(empty.by(empty.keys(lacking=rights)))
    message = str(refused.value)
    assert "no identity-based policy allows the lambda:CreateFunction action" in message
    assert "organisation" not in message


def test_what_cannot_be_undone_is_named_behind_its_cause(empty: Account) -> None:
    empty.switch(iam=True, deny=["lambda:CreateFunction", "iam:DeleteRole"])
    with pytest.raises(StackError) as refused:
        lt.deploy(empty.user("deploy"))
    message = str(refused.value)
    assert message.index("lambda:CreateFunction") < message.index("iam:DeleteRole")
    assert "nothing is left" not in message
    left = re.findall(r"AWS::IAM::Role (\S+) \(Resource handler", message)
    iam = empty.owner.client("iam")
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    assert sorted(left) == sorted(name for name in roles if name.startswith("lambdatuning-"))
    assert left
    for name in left:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)


def test_every_parameter_of_an_organisation_has_its_rights(empty: Account) -> None:
    deployer = empty.user("deploy")
    given = {"ReservedConcurrency": "5", "PointInTimeRecovery": "true", "LogRetentionDays": "7"}
    lt.deploy(deployer, parameters=given)
    changed = {"ReservedConcurrency": "6", "LogRetentionDays": "30", "StageName": "Live"}
    lt.deploy(deployer, parameters={**changed, "ApiAuth": "API_KEY", "TunerConcurrency": "20"})
    empty.switch(iam=True, deny=["s3:GetBucketPolicy"])
    with pytest.raises(StackError, match=r"AWS::S3::BucketPolicy \S+ .*s3:GetBucketPolicy"):
        lt.destroy(empty.user("destroy"))
    empty.switch(iam=True)
    assert lt.destroy(empty.user("destroy")).notes == ()


def test_cloudformation_works_by_a_role(empty: Account) -> None:
    role, passing = made_role(empty), "iam:PassRole"
    own = [s for s in policy_statements("deploy") if not s["Sid"].endswith("ByCloudFormation")]
    with pytest.raises(LambdaTuningError, match=rf"not authorized to perform: .*{passing}"):
        lt.deploy(empty.by(empty.keys(own=own)), role_arn=role)
    grant = {"Effect": "Allow", "Action": [passing], "Resource": role}
    condition = {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}
    deployer = empty.by(empty.keys(own=[*own, {**grant, "Condition": condition}]))
    with pytest.raises(StackError, match="no identity-based policy allows"):
        lt.deploy(deployer)
    outputs = lt.deploy(deployer, role_arn=role)
    # CloudFormation remembers the role.
    assert lt.deploy(deployer, parameters={"MemorySize": "256"}) == outputs
    empty.switch(iam=True, deny=["lambda:UpdateFunctionConfiguration"])
    with pytest.raises(StackError, match=rf"assumed-role/{ROLE}/.*UpdateFunctionConfiguration"):
        lt.deploy(deployer, parameters={"MemorySize": "512"})
    empty.switch(iam=True)
    ending = [s for s in policy_statements("destroy") if not s["Sid"].endswith("ByCloudFormation")]
    assert lt.destroy(empty.by(empty.keys(own=ending))).notes == ()


def made_role(account: Account) -> str:
    """A role that CloudFormation may assume, with its part of `deploy.json`."""
    iam = account.owner.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{**TRUST, "Action": "sts:AssumeRole"}]}
    made = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
    rights = [
        s
        for s in policy_statements("deploy")
        if s["Sid"].endswith("ByCloudFormation") or s["Sid"] == "CodePackages"
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": rights})
    iam.put_role_policy(RoleName=ROLE, PolicyName="deploy", PolicyDocument=document)
    return str(made["Role"]["Arn"])


def test_a_role_that_does_not_trust_cloudformation_is_refused(empty: Account) -> None:
    deployer = empty.by(empty.keys(all=[{"Effect": "Allow", "Action": ["*"], "Resource": "*"}]))
    with pytest.raises(LambdaTuningError, match="nobody is invalid or cannot be assumed"):
        lt.deploy(deployer, role_arn="arn:aws:iam::111122223333:role/nobody")
    with pytest.raises(NotFoundError):
        lt.status(deployer)


def test_rights_are_those_of_the_schemas_of_aws() -> None:
    from lambdatuning.local.services.stack_rights import _rules

    for kind, rules in _rules().items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
        for handler in ("create", "update", "delete"):
            named = schema.get("handlers", {}).get(handler, {}).get("permissions", [])
            assert kind in OWN or {*rules[handler]} <= {*named}, (kind, handler)


def test_every_type_of_our_templates_is_authorised() -> None:
    from lambdatuning.cloud.stack.package import load_template
    from lambdatuning.local.services.stack_rights import _rules
    from lambdatuning.schedules.deployed import TEMPLATE

    types = {
        resource["Type"].replace("Serverless::StateMachine", "StepFunctions::StateMachine")
        for path in (Path("template.yaml"), TEMPLATE)
        for resource in load_template(path)["Resources"].values()
    }
    named = {kind.replace("Serverless::Function", "Lambda::Function") for kind in types}
    assert named <= {*_rules()}


def test_a_function_in_a_bucket_with_a_role_needs_both() -> None:
    properties: dict[str, Any] = {
        "Role": "arn:aws:iam::000000000000:role/r",
        "Code": {"S3Bucket": "b", "S3Key": "k"},
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    made = ResourceUpdate("s", "F", "AWS::Lambda::Function", "create", {}, properties)
    rights = {right.action: right for right in rights_for(made)}
    assert rights["lambda:CreateFunction"].resource.endswith(":function:s-F-1A2B3C4D5E6F")
    assert rights["s3:GetObject"] == Right("s3:GetObject", "arn:aws:s3:::b/k")
    assert rights["iam:PassRole"] == Right(
        "iam:PassRole", "arn:aws:iam::000000000000:role/r", "lambda.amazonaws.com"
    )
    larger = {**properties, "MemorySize": 512}
    changed = ResourceUpdate("s", "F", "AWS::Lambda::Function", "update", properties, larger, "f")
    actions = {right.action for right in rights_for(changed)}
    assert "lambda:UpdateFunctionConfiguration" in actions
    assert not actions & {"lambda:UpdateFunctionCode", "lambda:TagResource", "iam:PassRole"}


def test_a_stack_keeps_its_role_until_it_is_made_again() -> None:
    roles = StackRoles()
    made = {"ChangeSetName": "one", "ChangeSetType": "CREATE", "RoleARN": "role"}
    roles.for_call("CreateChangeSet", "s", made)
    assert roles.for_call("DeleteStack", "s", {}) == ""  # declined: nothing was executed
    by_arn = "arn:aws:cloudformation:us-east-1:000000000000:changeSet/one/1-2"
    roles.for_call("CreateChangeSet", "s", made)
    assert roles.for_call("ExecuteChangeSet", "s", {"ChangeSetName": by_arn}) == "role"
    assert roles.for_call("DeleteStack", "s", {}) == "role"
    roles.for_call("CreateChangeSet", "s", {"ChangeSetName": "two", "ChangeSetType": "CREATE"})
    assert roles.for_call("ExecuteChangeSet", "s", {"ChangeSetName": "two"}) == ""
