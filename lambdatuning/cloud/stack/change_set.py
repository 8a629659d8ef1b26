"""The change set: what CloudFormation would do to a stack, before it does it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ...core.errors import StackError
from ..session import Cloud
from .events import Waiting

_ACTIONS = {"Add": "added", "Modify": "changed", "Remove": "removed", "Import": "imported"}
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class ChangeSet:
    """A change set and the stack that it belongs to, each by its ARN."""

    id: str
    stack_id: str


@dataclass(frozen=True)
class Change:
    """A resource that a deployment adds, changes or removes; a replaced one loses what it held."""

    action: str
    logical_id: str
    type: str
    replacement: bool


def create_change_set(
    cloud: Cloud,
    stack_name: str,
    body: str,
    parameters: list[dict[str, Any]],
    tags: Mapping[str, str],
    *,
    creates: bool,
) -> ChangeSet:
    """Ask for one; a stack that it `creates` is there from now on, empty and under review."""
    try:
        answer = cloud.client("cloudformation").create_change_set(
            StackName=stack_name,
            ChangeSetName=f"lambdatuning-{uuid.uuid4().hex}",
            ChangeSetType="CREATE" if creates else "UPDATE",
            TemplateBody=body,
            Parameters=parameters,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as exc:
        raise _refused(exc.response["Error"]["Message"]) from exc
    return ChangeSet(answer["Id"], answer["StackId"])


def wait_for_changes(cloud: Cloud, made: ChangeSet, waiting: Waiting) -> tuple[Change, ...] | None:
    """Its changes once they are known: () if outputs alone differ, None if nothing does.

    In the last case CloudFormation cannot execute it, and it is deleted.
    """
    cloudformation = cloud.client("cloudformation")
    for _ in waiting.pauses("the change set"):
        answer = cloudformation.describe_change_set(ChangeSetName=made.id)
        if answer["Status"] == "CREATE_COMPLETE":
            return _changes(cloud, made)
        reason = answer.get("StatusReason", "")
        if answer["Status"] == "FAILED" and any(text in reason for text in _NO_CHANGES):
            cloudformation.delete_change_set(ChangeSetName=made.id)
            return None
        if answer["Status"] == "FAILED":
            raise _refused(reason)
    raise AssertionError("pauses end with an error")


def delete_change_set(cloud: Cloud, change_set_id: str, waiting: Waiting) -> None:
    """Delete it, also one that CloudFormation is still computing and does not let go of yet."""
    cloudformation = cloud.client("cloudformation")
    for _ in waiting.pauses("the change set"):
        try:
            cloudformation.delete_change_set(ChangeSetName=change_set_id)
            return
        except cloudformation.exceptions.InvalidChangeSetStatusException:
            continue


def _changes(cloud: Cloud, made: ChangeSet) -> tuple[Change, ...]:
    pages = cloud.client("cloudformation").get_paginator("describe_change_set")
    return tuple(
        Change(
            action=_ACTIONS.get(change["Action"], change["Action"].lower()),
            logical_id=change["LogicalResourceId"],
            type=change["ResourceType"],
            replacement=change.get("Replacement", "False") != "False",
        )
        for page in pages.paginate(ChangeSetName=made.id)
        for change in (entry.get("ResourceChange") for entry in page["Changes"])
        if change
    )


def _refused(reason: str) -> StackError:
    return StackError(f"CloudFormation refuses: {' '.join(reason.split())}; mend that first")
