"""Policies as IAM reads them: which statement allows an action on a resource."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lambdatuning.cloud.session import Cloud


@dataclass(frozen=True)
class Call:
    """A call of an AWS API as a policy sees it: the action, and the ARNs that must be allowed."""

    action: str
    resources: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """One statement that allows something, as deployed."""

    policy: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def allows(self, action: str, resource: str) -> bool:
        """Whether action and resource fit; both may have wildcards."""
        fits = any(_fits(pattern.lower(), action.lower()) for pattern in self.actions)
        return fits and any(_fits(pattern, resource) for pattern in self.resources)


def statements(cloud: Cloud, role_name: str) -> Iterator[Statement]:
    """What a role may do, from its inline policies; it has no others.

    A statement with anything but effect, action and resource is refused: it would be read wrongly.
    """
    iam = cloud.client("iam")
    assert iam.list_attached_role_policies(RoleName=role_name)["AttachedPolicies"] == []
    for name in iam.list_role_policies(RoleName=role_name)["PolicyNames"]:
        policy = iam.get_role_policy(RoleName=role_name, PolicyName=name)["PolicyDocument"]
        for statement in policy["Statement"]:
            assert set(statement) == {"Effect", "Action", "Resource"}, statement
            assert statement["Effect"] == "Allow"
            yield Statement(name, _list(statement["Action"]), _list(statement["Resource"]))


def _list(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _fits(pattern: str, text: str) -> bool:
    """IAM's wildcards: * is any text, colons and slashes included, ? one character."""
    regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, text) is not None


ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "stepfunctions:DescribeExecution": "states:DescribeExecution",
}
"""Operations whose action in a policy has another name."""


def call_of(operation: str, given: dict[str, Any], region: str, account_id: str) -> Call:
    """What IAM is asked for a call of boto3: its operation, as `service:Operation`, and arguments.

    Where AWS documents a function as the resource but has been seen to ask for its version or
    alias, both must be allowed.
    """
    action = ACTIONS.get(operation, operation)
    service = action.partition(":")[0]
    if service == "s3":
        bucket = f"arn:aws:s3:::{given['Bucket']}"
        return Call(action, (f"{bucket}/{given['Key']}" if "Key" in given else bucket,))
    if service == "logs":
        group = f"arn:aws:logs:{region}:{account_id}:log-group:{given['logGroupName']}"
        return Call(action, (f"{group}:log-stream:",))
    if service == "states":
        return Call(action, (given["executionArn"],))
    return Call(action, _functions(action, given))


def _functions(action: str, given: dict[str, Any]) -> tuple[str, ...]:
    arn = given["FunctionName"]
    assert arn.startswith("arn:"), f"{arn}: a name alone is of this region"
    if action in {"lambda:DeleteFunction", "lambda:InvokeFunction"}:
        return (f"{arn}:{given['Qualifier']}",) if "Qualifier" in given else (arn,)
    if "Qualifier" in given:
        return arn, f"{arn}:{given['Qualifier']}"
    return (arn, f"{arn}:{given['Name']}") if "Name" in given else (arn,)
