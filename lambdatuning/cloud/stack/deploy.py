"""Deploying: plan (upload, change set), show, execute or discard."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ...core.errors import StackError
from ..session import Cloud
from . import bucket as buckets
from .package import (
    build,
    load_template,
    local_code,
    template_body,
    with_code_in_s3,
)
from .parameters import check_parameters
from .status import (
    WAITING,
    StackEvent,
    StackStatus,
    Waiting,
    check_stack_name,
    delete,
    failures,
    find,
    follow,
    outcome,
    refuse_foreign,
    seen_events,
    status,
)

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
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
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


# Deploying: plan (upload, change set), show, execute or discard.


DEFAULT_STACK = "lambdatuning"


@dataclass(frozen=True)
class DeployOptions:
    """What to deploy: a stack's name, a template, parameters and tags of one's own."""

    stack_name: str = DEFAULT_STACK
    template: Path = Path("template.yaml")
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeployPlan:
    """A change set that waits to be executed or discarded; without changes there is none."""

    stack_name: str
    stack_id: str
    change_set_id: str | None
    creates: bool
    changes: tuple[Change, ...]


def plan_deploy(cloud: Cloud, options: DeployOptions, waiting: Waiting = WAITING) -> DeployPlan:
    """Upload the code and have CloudFormation say what it would change.

    UsageError for a bad template or parameter, StackError for a stack or bucket that cannot be
    used; after these, and after Ctrl-C, a stack that was not there before has left nothing.
    """
    check_stack_name(options.stack_name)
    template = load_template(options.template)
    check_parameters(template, options.parameters)
    stack = find(cloud, options.stack_name)
    before = _to_update(stack)
    if before is None:
        _refuse_taken_table(cloud, template, options.parameters)
    try:
        body = _upload(cloud, template, options, waiting)
        parameters = _parameters(template, options, before)
        tags = {"project": "lambdatuning", **options.tags}
        made = create_change_set(
            cloud, options.stack_name, body, parameters, tags, creates=before is None
        )
    except BaseException:
        if before is None:
            buckets.remove_artifacts(cloud, options.stack_name)
        raise
    plan = DeployPlan(options.stack_name, made.stack_id, made.id, before is None, ())
    try:
        changes = wait_for_changes(cloud, made, waiting)
    except BaseException:
        discard(cloud, plan, waiting)
        raise
    if changes is None:
        return replace(plan, change_set_id=None)
    return replace(plan, changes=changes)


def execute(
    cloud: Cloud,
    plan: DeployPlan,
    on_event: Callable[[StackEvent], None] = lambda _: None,
    waiting: Waiting = WAITING,
) -> dict[str, str]:
    """Make the changes of `plan`; the stack's outputs.

    StackError says which resource failed and why; the stack is then as it was, and one that this
    plan created is gone. Ctrl-C ends the waiting alone: CloudFormation goes on.
    """
    if plan.change_set_id is not None:
        seen = seen_events(cloud, plan.stack_id)
        cloud.client("cloudformation").execute_change_set(ChangeSetName=plan.change_set_id)
        events = follow(cloud, plan.stack_id, seen, on_event, waiting)
        if outcome(events).state not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise _failed(cloud, plan, events, waiting)
    return dict(status(cloud, plan.stack_id).outputs)


def discard(cloud: Cloud, plan: DeployPlan, waiting: Waiting = WAITING) -> None:
    """Forget a plan that was declined, with the empty stack that came with it."""
    if plan.change_set_id is not None:
        delete_change_set(cloud, plan.change_set_id, waiting)
    if plan.creates:
        cloud.client("cloudformation").delete_stack(StackName=plan.stack_id)
        buckets.remove_artifacts(cloud, plan.stack_name)


_CAN_GO_BACK = {
    "UPDATE_FAILED": "rollback-stack",
    "UPDATE_ROLLBACK_FAILED": "continue-update-rollback",
}
"""States that need not cost the table: what brings a stack back from them."""


def _to_update(stack: StackStatus | None) -> StackStatus | None:
    """The stack if it can be updated, None if it must be created; else StackError."""
    if stack is None or stack.state == "REVIEW_IN_PROGRESS":
        return None
    refuse_foreign(stack)
    if stack.state.endswith("_IN_PROGRESS"):
        advice = "wait until it rests; `lambdatuning status` tells"
    elif stack.state in _CAN_GO_BACK:
        advice = f"run `aws cloudformation {_CAN_GO_BACK[stack.state]} --stack-name {stack.name}`"
    elif stack.state.endswith("_FAILED") or stack.state == "ROLLBACK_COMPLETE":
        advice = "it can only be deleted: run `lambdatuning destroy`, then deploy again"
    else:
        return stack
    reason = f" ({stack.reason})" if stack.reason else ""
    raise StackError(f'the stack "{stack.name}" is in {stack.state}{reason}; {advice}')


def _refuse_taken_table(
    cloud: Cloud, template: Mapping[str, Any], parameters: Mapping[str, str]
) -> None:
    """A table of that name belongs to somebody else, since the stack is not there yet."""
    default = template.get("Parameters", {}).get("TableName", {}).get("Default")
    name = parameters.get("TableName", default)
    if name is None:
        return
    dynamodb = cloud.client("dynamodb")
    try:
        dynamodb.describe_table(TableName=name)
    except dynamodb.exceptions.ResourceNotFoundException:
        return
    raise StackError(
        f'a table "{name}" is there already and not of this stack; '
        "pass another name: --parameter TableName=NAME"
    )


def _upload(
    cloud: Cloud, template: Mapping[str, Any], options: DeployOptions, waiting: Waiting
) -> str:
    """The template as sent, its code being in the bucket."""
    artifacts = [build(code) for code in local_code(template, options.template.parent)]
    bucket = buckets.ensure_artifact_bucket(cloud, waiting)
    keys = buckets.upload(cloud, bucket, options.stack_name, artifacts)
    return template_body(with_code_in_s3(template, bucket, keys.get))


def _parameters(
    template: Mapping[str, Any], options: DeployOptions, before: StackStatus | None
) -> list[dict[str, Any]]:
    """Those given now, and those of the stack as they were; the rest have their defaults."""
    kept = before.parameters.keys() & template.get("Parameters", {}).keys() if before else set()
    return [
        *({"ParameterKey": k, "ParameterValue": v} for k, v in options.parameters.items()),
        *({"ParameterKey": k, "UsePreviousValue": True} for k in kept - options.parameters.keys()),
    ]


def _failed(
    cloud: Cloud, plan: DeployPlan, events: list[StackEvent], waiting: Waiting
) -> StackError:
    """Why it failed; a stack that could not be created is removed first."""
    why = failures(events)
    if not plan.creates:
        return StackError(
            f"{plan.stack_name} was not updated and is in {outcome(events).state}: {why}; mend that"
        )
    end = delete(cloud, plan.stack_id, waiting=waiting)
    if end.state != "DELETE_COMPLETE":
        return StackError(
            f"{plan.stack_name} was not created: {why}; and is in {end.state}: {end.reason}; "
            "run `lambdatuning destroy`"
        )
    buckets.remove_artifacts(cloud, plan.stack_name)
    return StackError(f"{plan.stack_name} was not created: {why}; nothing is left of it, mend that")
