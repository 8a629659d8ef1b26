"""What a stack is and what it says of itself."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ...core.errors import NotFoundError, StackError, UsageError
from ..session import Cloud

OURS = "lambdatuning"
"""Our stacks have it as the tag `project` or, if others deployed them, begin their text with it."""


@dataclass(frozen=True)
class StackStatus:
    """A stack as CloudFormation describes it; `state` is CREATE_COMPLETE and the like, and a
    `protected` one is not deleted."""

    name: str
    id: str
    state: str
    reason: str
    description: str
    changed_at: str
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    protected: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it was made of our template: no other stack is ever touched."""
        return self.tags.get("project") == OURS or self.description.startswith(OURS)


@dataclass(frozen=True)
class StackResource:
    """One resource of a stack; `physical_id` is its name or ARN."""

    logical_id: str
    type: str
    physical_id: str
    state: str


def status(cloud: Cloud, stack_name: str) -> StackStatus:
    """The stack of that name or ARN; NotFoundError where there is none."""
    found = find(cloud, stack_name)
    if found is None:
        raise NotFoundError(
            f'no stack "{stack_name}" in {cloud.region} of account {cloud.account_id}; '
            "run `lambdatuning deploy` first"
        )
    return found


def find(cloud: Cloud, stack_name: str) -> StackStatus | None:
    """The stack, or None; a deleted stack is found by its ARN alone."""
    try:
        answer = cloud.client("cloudformation").describe_stacks(StackName=stack_name)
    except ClientError as exc:
        if "does not exist" in exc.response["Error"]["Message"]:
            return None
        raise
    return _status(cloud, answer["Stacks"][0])


def resources(cloud: Cloud, stack_id: str) -> Iterator[StackResource]:
    """Every resource of the stack, also of one that is deleted (by its ARN)."""
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=stack_id):
        for entry in page["StackResourceSummaries"]:
            yield StackResource(
                entry["LogicalResourceId"],
                entry["ResourceType"],
                entry.get("PhysicalResourceId", ""),
                entry["ResourceStatus"],
            )


def check_stack_name(name: str) -> None:
    """UsageError for a name that CloudFormation does not take."""
    if not re.fullmatch("[A-Za-z][A-Za-z0-9-]{0,127}", name):
        raise UsageError(
            f'--stack "{name}": a stack has a letter first, then letters, digits and hyphens'
        )


def refuse_foreign(stack: StackStatus) -> None:
    """StackError for a stack that was not made of our template."""
    if not stack.is_ours:
        raise StackError(
            f'the stack "{stack.name}" is not of lambdatuning ({stack.description or "no text"}); '
            "pass another name: --stack NAME"
        )


def _status(cloud: Cloud, stack: Mapping[str, Any]) -> StackStatus:
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", ())}
    return StackStatus(
        name=stack["StackName"],
        id=stack["StackId"],
        state=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        description=stack.get("Description", ""),
        changed_at=str(stack.get("LastUpdatedTime") or stack.get("CreationTime", "")),
        tags={tag["Key"]: tag["Value"] for tag in stack.get("Tags", ())},
        parameters={
            p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", ())
        },
        outputs=_reachable(cloud, outputs),
        protected=bool(stack.get("EnableTerminationProtection")),
    )


def _reachable(cloud: Cloud, outputs: dict[str, str]) -> dict[str, str]:
    """The outputs with the API's address on a loopback endpoint, where its own has no DNS name."""
    if cloud.endpoint_url and {"ApiUrl", "ApiId", "StageName"} <= outputs.keys():
        path = outputs["ApiUrl"].rsplit("/", 1)[1]
        base = f"{cloud.endpoint_url}/restapis/{outputs['ApiId']}/{outputs['StageName']}"
        return {**outputs, "ApiUrl": f"{base}/_user_request_/{path}"}
    return outputs
