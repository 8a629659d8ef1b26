"""Deploying: plan (upload, change set), show, execute or discard."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.errors import LambdaTuningError, StackError
from . import bucket as buckets
from .events import WAITING, StackEvent, Waiting, delete, failures, follow, outcome, seen_events
from .package import build
from .session import Cloud
from .stack_state import StackStatus, find, refuse_foreign, status
from .template import (
    check_parameters,
    load_template,
    local_code,
    template_body,
    with_code_in_s3,
)

DEFAULT_STACK = "lambdatuning"
_ACTIONS = {"Add": "added", "Modify": "changed", "Remove": "removed", "Import": "imported"}
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class DeployOptions:
    """What to deploy: a stack's name, a template, parameters and tags of one's own."""

    stack_name: str = DEFAULT_STACK
    template: Path = Path("template.yaml")
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A resource that a deployment adds, changes or removes; a replaced one loses what it held."""

    action: str
    logical_id: str
    type: str
    replacement: bool


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
    used; then nothing is left that was not there before but code packages.
    """
    template = load_template(options.template)
    check_parameters(template, options.parameters)
    stack = find(cloud, options.stack_name)
    before = _to_update(stack)
    if before is None:
        _refuse_taken_table(cloud, template, options.parameters)
    packaged = _upload(cloud, template, options)
    request = _create_change_set(cloud, packaged, options, before)
    creates = before is None
    plan = DeployPlan(options.stack_name, request["StackId"], request["Id"], creates, ())
    try:
        return _with_changes(cloud, plan, waiting)
    except (LambdaTuningError, KeyboardInterrupt):
        discard(cloud, plan)
        raise


def execute(
    cloud: Cloud,
    plan: DeployPlan,
    on_event: Callable[[StackEvent], None] = lambda _: None,
    waiting: Waiting = WAITING,
) -> dict[str, str]:
    """Make the changes of `plan`; the stack's outputs.

    StackError says which resource failed and why; the stack is then as it was, and one that this
    plan created is gone.
    """
    if plan.change_set_id is not None:
        seen = seen_events(cloud, plan.stack_id)
        cloud.client("cloudformation").execute_change_set(ChangeSetName=plan.change_set_id)
        events = follow(cloud, plan.stack_id, seen, on_event, waiting)
        if outcome(events).state not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise _failed(cloud, plan, events, waiting)
    return dict(status(cloud, plan.stack_id).outputs)


def discard(cloud: Cloud, plan: DeployPlan) -> None:
    """Forget a plan that was declined, with the empty stack that came with it."""
    cloudformation = cloud.client("cloudformation")
    if plan.change_set_id is not None:
        cloudformation.delete_change_set(ChangeSetName=plan.change_set_id)
    if plan.creates:
        cloudformation.delete_stack(StackName=plan.stack_id)
        buckets.remove_artifacts(cloud, plan.stack_name)


def _to_update(stack: StackStatus | None) -> StackStatus | None:
    """The stack if it can be updated, None if it must be created; else StackError."""
    if stack is None or stack.state == "REVIEW_IN_PROGRESS":
        return None
    refuse_foreign(stack)
    if stack.state.endswith("_IN_PROGRESS"):
        advice = "wait until it rests; `lambdatuning status` tells"
    elif stack.state == "UPDATE_ROLLBACK_FAILED":
        advice = f"run `aws cloudformation continue-update-rollback --stack-name {stack.name}`"
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


def _upload(cloud: Cloud, template: Mapping[str, Any], options: DeployOptions) -> str:
    """The template as sent, its code being in the bucket."""
    artifacts = [build(code) for code in local_code(template, options.template.parent)]
    bucket = buckets.ensure_artifact_bucket(cloud)
    keys = buckets.upload(cloud, bucket, options.stack_name, artifacts)
    return template_body(with_code_in_s3(template, bucket, keys.get))


def _create_change_set(
    cloud: Cloud, body: str, options: DeployOptions, before: StackStatus | None
) -> dict[str, str]:
    tags = {"project": "lambdatuning", **options.tags}
    kept = set(before.parameters) - set(options.parameters) if before else set()
    declared = json.loads(body).get("Parameters", {})
    answer: dict[str, str] = cloud.client("cloudformation").create_change_set(
        StackName=options.stack_name,
        ChangeSetName=f"lambdatuning-{uuid.uuid4().hex}",
        ChangeSetType="UPDATE" if before else "CREATE",
        TemplateBody=body,
        Parameters=[
            *({"ParameterKey": k, "ParameterValue": v} for k, v in options.parameters.items()),
            *({"ParameterKey": k, "UsePreviousValue": True} for k in kept & declared.keys()),
        ],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    return answer


def _with_changes(cloud: Cloud, plan: DeployPlan, waiting: Waiting) -> DeployPlan:
    """The plan once CloudFormation knows what it would change."""
    cloudformation = cloud.client("cloudformation")
    for _ in waiting.pauses(f"the change set of {plan.stack_name}"):
        answer = cloudformation.describe_change_set(ChangeSetName=plan.change_set_id)
        if answer["Status"] == "CREATE_COMPLETE":
            return replace(plan, changes=_changes(cloud, plan))
        reason = answer.get("StatusReason", "")
        if answer["Status"] == "FAILED" and any(text in reason for text in _NO_CHANGES):
            cloudformation.delete_change_set(ChangeSetName=plan.change_set_id)
            return replace(plan, change_set_id=None)
        if answer["Status"] == "FAILED":
            raise StackError(f"CloudFormation refuses the template: {reason}; mend that first")
    raise AssertionError("pauses end with an error")


def _changes(cloud: Cloud, plan: DeployPlan) -> tuple[Change, ...]:
    pages = cloud.client("cloudformation").get_paginator("describe_change_set")
    return tuple(
        Change(
            action=_ACTIONS.get(change["Action"], change["Action"].lower()),
            logical_id=change["LogicalResourceId"],
            type=change["ResourceType"],
            replacement=change.get("Replacement", "False") != "False",
        )
        for page in pages.paginate(ChangeSetName=plan.change_set_id)
        for change in (entry.get("ResourceChange") for entry in page["Changes"])
        if change
    )


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
