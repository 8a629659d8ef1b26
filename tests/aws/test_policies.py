"""The policies of `data/policies` are what each command needs: IAM is enforced for every call."""

import json
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lambdatuning as lt
from lambdatuning.api.runs import load
from lambdatuning.api.stack import usable_outputs
from lambdatuning.cloud.tuning.cleaning import clean_function, remains
from lambdatuning.core.errors import NotFoundError, StackError
from lambdatuning.functions.tuner import lock
from lambdatuning.schedules import deployed
from lambdatuning.schedules.schedule import Schedule

from .account import POLICIES, Account, policy_statements, tune

NAMES = ("deploy", "tune", "report", "clean", "destroy", "isolate", "schedule")

SELDOM = {
    "deploy": {
        *("cloudformation:DeleteChangeSet", "cloudformation:DeleteStack"),  # nothing to change
        "cloudformation:DescribeEvents",  # a failure
        *("cloudformation:ListStackResources", "s3:DeleteBucket"),  # its undoing
        *("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions"),
        "s3:GetObject",  # CloudFormation and Lambda read the packages
    },
    "tune": {
        *("states:GetExecutionHistory", "states:StopExecution"),  # a failure, Ctrl-C
        "dynamodb:BatchWriteItem",  # payload types with seeds
        *("lambda:GetAlias", "lambda:ListVersionsByFunction"),  # what an end left
        "logs:FilterLogEvents",  # sizes that were not named
    },
    "clean": {
        *("lambda:DeleteAlias", "lambda:DeleteFunction", "lambda:UpdateFunctionConfiguration"),
        "logs:DeleteLogGroup",
    },
    "destroy": {
        *("apigateway:GET", "s3:DeleteBucketPolicy"),  # an API or a policy that failed to go
        "s3:DeleteObjectVersion",  # a bucket with versions
    },
    "isolate": {
        *("iam:PassRole", "lambda:TagResource"),  # CreateFunction needs them
        "lambda:ListTags",  # GetFunction needs it
        *("lambda:GetLayerVersion", "s3:DeleteObject"),  # layers, packages above 50 MB
        "lambda:PutRuntimeManagementConfig",  # runtimes that do not follow the newest
        *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),  # a VPC
        "elasticfilesystem:DescribeMountTargets",  # a file system
        *("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),  # a container image
        *("kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"),  # a key
    },
    "schedule": {
        *("cloudformation:DeleteChangeSet", "cloudformation:DescribeEvents"),  # refused, failed
        *("s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteObjectVersion"),  # there, kept for others
    },
}  # fmt: skip
"""What the journey below does not call, with when it is called."""


def test_each_command_needs_its_policy_and_no_more(account: Account, tmp_path: Path) -> None:
    with suppress(NotFoundError):  # that of the other journeys
        lt.destroy(account.owner)
    account.switch(iam=True)
    account.used_actions.clear()
    deployer, tuner = account.user("deploy"), account.user("tune")
    with pytest.raises(StackError, match="not allowed to it"):
        lt.deploy(tuner, "lambdatuning")
    outputs = lt.deploy(deployer)
    assert lt.deploy(deployer, parameters={"MemorySize": "256"}) == outputs
    name, bucket = outputs["FunctionName"], outputs["SamplesBucket"]
    before = account.looks(name)
    run = tune(tuner, name, tmp_path, powers="256")
    assert len(run.samples) > 0
    assert account.looks(name) == before
    isolating = account.user("isolate", "tune")
    assert len(tune(isolating, name, tmp_path, powers="256", isolate=True).samples) > 0

    schedules(account, name)

    reader = account.user("report")
    stored = load(f"s3://{bucket}/runs", run.run_id, cloud=reader)
    assert len(stored.samples) == len(run.samples)

    cleaner = account.user("clean")
    client = account.owner.client("lambda")
    machine = outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
    dead = lock.Lock("run-0", 256, f"{machine}:run-0")
    client.create_alias(
        FunctionName=name, Name=lock.ALIAS, FunctionVersion="$LATEST", Description=dead.describe()
    )
    client.update_function_configuration(FunctionName=name, MemorySize=1024)
    left = remains(cleaner, name)
    assert usable_outputs(cleaner)["StateMachineArn"] == outputs["StateMachineArn"]
    clean_function(cleaner, left, time.sleep, outputs["StateMachineArn"])
    assert account.looks(name) == before

    assert lt.destroy(account.user("destroy")).notes == ()
    account.switch()
    unused = {}
    for policy in NAMES:
        granted = {action for s in own_statements(policy) for action in s["Action"]}
        unused[policy] = granted - account.used_actions[policy]
    assert unused == {policy: SELDOM.get(policy, set()) for policy in NAMES}


def schedules(account: Account, function: str) -> None:
    """A schedule with all that it can have, deployed, changed and removed."""
    plan = Schedule(function=function, options={"powers": "256", "num": "2"})
    scheduler = account.user("schedule", "tune")
    given = {"Email": "you@example.com", "LogRetentionDays": "7"}
    outputs = deployed.deploy(scheduler, plan, parameters=given)
    later = replace(plan, at="04:30")
    changed = {"Email": "", "Alarm": "false", "LogRetentionDays": "30"}
    assert deployed.deploy(scheduler, later, parameters=changed) == outputs
    assert lt.destroy(account.user("schedule"), deployed.stack_name(plan)).notes == ()


def own_statements(name: str) -> list[dict[str, Any]]:
    """The statements of a policy but those for what CloudFormation does in the user's name."""
    return [s for s in policy_statements(name) if not s["Sid"].endswith("ByCloudFormation")]


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_fits_and_grants_no_everything(name: str) -> None:
    policy = json.loads((POLICIES / f"{name}.json").read_text("utf-8"))
    # IAM's limit for a managed policy, white space left out.
    assert len(json.dumps(policy, separators=(",", ":"))) <= 6_144
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
