"""Deploying: plan (upload, change set), show, execute or discard."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...core.errors import StackError, UsageError, denied_by
from ..aws_errors import explain, undoing
from ..session import Cloud
from . import bucket as buckets
from .package import (
    Template,
    build,
    load_template,
    local_code,
    template_body,
    with_code_in_s3,
)
from .parameters import check_parameters
from .status import (
    OURS,
    WAITING,
    StackEvent,
    StackStatus,
    Waiting,
    check_stack_name,
    delete,
    deployed_bucket,
    failures,
    find,
    follow,
    not_deleted,
    outcome,
    refuse_foreign,
    seen_events,
    status,
)

_ACTIONS = {"Add": "added", "Modify": "changed", "Remove": "removed", "Import": "imported"}
_HOLDING = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::StepFunctions::StateMachine",
    }
)
"""Types of which a new resource does not have what the old one held: items, lines, executions."""

_IDENTITIES = frozenset({"Arn", "Name", "RootResourceId"})
"""Attributes that stay as they are as long as the resource is not replaced."""

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class ChangeSet:
    """A change set and the stack that it belongs to, each by its ARN."""

    id: str
    stack_id: str


@dataclass(frozen=True)
class ResourceChange:
    """A resource that a deployment adds, changes or removes.

    `conditional` where CloudFormation knows only when it executes whether it replaces. One that
    `follows` is looked at again since it refers to another that changes, and for no other reason.
    """

    action: str
    logical_id: str
    type: str
    replacement: bool
    conditional: bool = False
    follows: bool = False

    @property
    def loses(self) -> bool:
        """Whether what the resource holds goes with it, should it be removed or replaced."""
        return self.type in _HOLDING


def create_change_set(
    cloud: Cloud,
    options: "DeployOptions",
    body: str,
    parameters: list[dict[str, Any]],
    tags: Mapping[str, str],
    *,
    creates: bool,
) -> ChangeSet:
    """Ask for one; a stack that it `creates` is there from now on, empty and under review."""
    role = {"RoleARN": options.role_arn} if options.role_arn else {}
    try:
        answer = cloud.client("cloudformation").create_change_set(
            StackName=options.stack_name,
            ChangeSetName=f"lambdatuning-{uuid.uuid4().hex}",
            ChangeSetType="CREATE" if creates else "UPDATE",
            TemplateBody=body,
            Parameters=parameters,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            **role,
        )
    except ClientError as exc:
        if "AccessDenied" in exc.response["Error"]["Code"]:
            raise
        raise _refused(exc.response["Error"]["Message"]) from exc
    return ChangeSet(answer["Id"], answer["StackId"])


def wait_for_changes(
    cloud: Cloud, change_set: ChangeSet, waiting: Waiting
) -> tuple[ResourceChange, ...] | None:
    """Its changes once they are known: () if outputs alone differ, None if nothing does.

    In the last case CloudFormation cannot execute it, and it is deleted.
    """
    cloudformation = cloud.client("cloudformation")
    for _ in waiting.pauses("the change set"):
        answer = cloudformation.describe_change_set(ChangeSetName=change_set.id)
        if answer["Status"] == "CREATE_COMPLETE":
            return _changes(cloud, change_set)
        reason = answer.get("StatusReason", "")
        if answer["Status"] == "FAILED" and any(text in reason for text in _NO_CHANGES):
            cloudformation.delete_change_set(ChangeSetName=change_set.id)
            return None
        if answer["Status"] == "FAILED":
            raise _refused("; ".join([reason, *_validation_errors(cloud, change_set.id)]))
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


def _changes(cloud: Cloud, change_set: ChangeSet) -> tuple[ResourceChange, ...]:
    pages = cloud.client("cloudformation").get_paginator("describe_change_set")
    changes = [
        entry["ResourceChange"]
        for page in pages.paginate(ChangeSetName=change_set.id)
        for entry in page["Changes"]
        if entry.get("ResourceChange")
    ]
    kept = _not_replaced(changes)
    return tuple(
        ResourceChange(
            action=_ACTIONS.get(change["Action"], change["Action"].lower()),
            logical_id=(name := change["LogicalResourceId"]),
            type=change["ResourceType"],
            replacement=change.get("Replacement") == "True",
            conditional=change.get("Replacement") == "Conditional" and name not in kept,
            follows=change["Action"] == "Modify" and _only_follows(change),
        )
        for change in changes
    )


def _only_follows(change: Mapping[str, Any]) -> bool:
    """Whether nothing of the resource itself changes: it refers to another that does."""
    sources = [detail.get("ChangeSource") for detail in change.get("Details", ())]
    return bool(sources) and {*sources} <= {"ResourceReference", "ResourceAttribute"}


def _not_replaced(changes: Sequence[Mapping[str, Any]]) -> set[str]:
    """Resources that stay, also by what CloudFormation calls conditional: what they refer to is
    the name or ARN of one that stays."""
    modified = {change["LogicalResourceId"]: change for change in changes}
    kept = {name for name, change in modified.items() if change.get("Replacement") == "False"}
    while True:
        more = {
            name
            for name, change in modified.items()
            if name not in kept
            and change.get("Replacement") == "Conditional"
            and all(_harmless(detail, kept) for detail in change.get("Details", ()))
            and _only_follows(change)
        }
        if not more:
            return kept
        kept |= more


def _harmless(detail: Mapping[str, Any], kept: Collection[str]) -> bool:
    name, _, attribute = str(detail.get("CausingEntity", "")).partition(".")
    recreates = detail.get("Target", {}).get("RequiresRecreation") != "Never"
    return not recreates or (name in kept and (not attribute or attribute in _IDENTITIES))


def _validation_errors(cloud: Cloud, change_set_id: str) -> list[str]:
    """What early validation and hooks found, which goes with the change set; [] where nobody may
    ask, or nothing answers."""
    try:
        answer = cloud.client("cloudformation").describe_events(ChangeSetName=change_set_id)
    except (ClientError, BotoCoreError):
        return []
    errors = [_validation_error(event) for event in answer.get("OperationEvents", ())]
    return list(dict.fromkeys(filter(None, errors)))[:3]


def _validation_error(event: Mapping[str, Any]) -> str:
    kind = event.get("EventType")
    if kind == "VALIDATION_ERROR" and event.get("ValidationFailureMode", "FAIL") == "FAIL":
        reason = event.get("ValidationStatusReason", "no reason given")
        where = event.get("ValidationPath") or event.get("LogicalResourceId", "")
        return f"{where}: {reason} ({event.get('ValidationName', 'early validation')})"
    if kind == "HOOK_INVOCATION_ERROR" and event.get("HookFailureMode", "FAIL") == "FAIL":
        reason = event.get("HookStatusReason", "no reason given")
        return f"{event.get('LogicalResourceId', '')}: hook {event.get('HookType')}: {reason}"
    return ""


def _refused(reason: str) -> StackError:
    return StackError(f"CloudFormation refuses: {' '.join(reason.split())}; {_advice(reason)}")


def _advice(reason: str) -> str:
    """What to do about a refusal: what an organisation forbids, no right of the user's allows."""
    if denial := denied_by(reason):
        return (
            f"{denial} forbids it, whatever your own permissions are: give what it demands "
            "(--parameter PermissionsBoundaryArn, RolePath, RoleNamePrefix or KmsKeyArn, --tag, "
            "--role-arn), or ask who administers the organisation"
        )
    return "fix that first"


# Deploying: plan (upload, change set), show, execute or discard.


DEFAULT_STACK = "lambdatuning"


@dataclass(frozen=True)
class DeployOptions:
    """What to deploy: a stack's name, a template, parameters and tags of one's own.

    `role_arn` is the role by which CloudFormation works, `bucket` one of the organisation's for the
    code packages; "" for those of before, else the caller's own rights and a bucket of our own.
    """

    stack_name: str = DEFAULT_STACK
    template: Path = Path("template.yaml")
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    role_arn: str = ""
    bucket: str = ""


@dataclass(frozen=True)
class DeployPlan:
    """A change set that waits to be executed or discarded; without changes there is none."""

    stack_name: str
    stack_id: str
    change_set_id: str | None
    creates: bool
    changes: tuple[ResourceChange, ...]
    packages: buckets.Packages


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
    tags = merged_tags(options, before)
    if before is None:
        _refuse_taken_table(cloud, template, options.parameters)
    packages = _packages(cloud, options, before)

    def unpack() -> None:
        if before is None:
            buckets.remove(cloud, packages)

    with undoing(unpack, f"a code package in the bucket {packages.bucket}"):
        body = _upload(cloud, template, options, packages, waiting)
        parameters = _parameters(template, options, before)
        change_set = create_change_set(
            cloud, options, body, parameters, tags, creates=before is None
        )
    plan = DeployPlan(
        options.stack_name, change_set.stack_id, change_set.id, before is None, (), packages
    )
    with undoing(lambda: discard(cloud, plan, waiting), f"the change set {change_set.id}"):
        changes = wait_for_changes(cloud, change_set, waiting)
    if changes is None:
        return replace(plan, change_set_id=None)
    return replace(plan, changes=changes)


def merged_tags(options: DeployOptions, before: StackStatus | None) -> dict[str, str]:
    """The tags that the stack has, those given now, and ours.

    UsageError where two keys differ by case alone, which IAM takes for the same and refuses.
    """
    for key in options.tags:
        if key.lower() == OURS:
            raise UsageError(
                f'the tag "{key}" is taken: "{OURS}" marks our stacks, and IAM takes keys that '
                "differ by case alone for the same; choose another key"
            )
    kept = before.tags if before else {}
    theirs = {key: value for key, value in kept.items() if not key.lower().startswith("aws:")}
    tags = {**theirs, **options.tags, OURS: options.stack_name}
    spellings: dict[str, str] = {}
    for key in tags:
        same = spellings.setdefault(key.lower(), key)
        if same != key:
            raise UsageError(
                f'the tags "{same}" and "{key}" differ by case alone, which IAM takes for the '
                f'same: write "{same}"'
            )
    return tags


def _packages(cloud: Cloud, options: DeployOptions, before: StackStatus | None) -> buckets.Packages:
    """Where they lie: in the bucket named, else in that of the last deployment."""
    bucket = options.bucket or (deployed_bucket(cloud, before.id) if before else "")
    key_arn = options.parameters.get("KmsKeyArn")
    if key_arn is None and before:
        key_arn = before.parameters.get("KmsKeyArn")
    packages = buckets.packages_of(cloud, options.stack_name, bucket)
    return replace(packages, kms_key_arn=key_arn or "")


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
        earlier = seen_events(cloud, plan.stack_id)
        with undoing(lambda: discard(cloud, plan, waiting), f"the stack {plan.stack_name}"):
            cloud.client("cloudformation").execute_change_set(ChangeSetName=plan.change_set_id)
        events = follow(cloud, plan.stack_id, earlier, on_event, waiting)
        if outcome(events).state not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise _failed(cloud, plan, events, waiting)
    return dict(status(cloud, plan.stack_id).outputs)


def discard(cloud: Cloud, plan: DeployPlan, waiting: Waiting = WAITING) -> None:
    """Forget a plan that was declined, with the empty stack that came with it."""
    if plan.change_set_id is not None:
        delete_change_set(cloud, plan.change_set_id, waiting)
    if plan.creates:
        cloud.client("cloudformation").delete_stack(StackName=plan.stack_id)
        buckets.remove(cloud, plan.packages)


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


def _refuse_taken_table(cloud: Cloud, template: Template, parameters: Mapping[str, str]) -> None:
    """A table of that name belongs to somebody else, since the stack is not there yet."""
    declared = template.get("Parameters", {})
    defaults = {name: parameter.get("Default") for name, parameter in declared.items()}
    name, example = (
        parameters.get(parameter, defaults.get(parameter)) for parameter in ("TableName", "Example")
    )
    if name is None or example == "false":
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
    cloud: Cloud,
    template: Template,
    options: DeployOptions,
    packages: buckets.Packages,
    waiting: Waiting,
) -> str:
    """The template as sent, its code being in the bucket."""
    artifacts = [build(code) for code in local_code(template, options.template.parent)]
    buckets.ensure(cloud, packages, waiting)
    keys = buckets.upload(cloud, packages, artifacts)
    return template_body(with_code_in_s3(template, packages.bucket, keys.get))


def _parameters(
    template: Template, options: DeployOptions, before: StackStatus | None
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
            f"{plan.stack_name} was not updated and is in {outcome(events).state}: {why}; "
            f"{_advice(why)}"
        )
    left = _removed(cloud, plan, events, waiting)
    if left:
        return StackError(f"{plan.stack_name} was not created: {why}; {_advice(why)}; {left}")
    return StackError(
        f"{plan.stack_name} was not created: {why}; nothing is left of it, {_advice(why)}"
    )


def _removed(cloud: Cloud, plan: DeployPlan, events: list[StackEvent], waiting: Waiting) -> str:
    """Remove what could not be created; what is left of it, "" for nothing."""
    history = [*events]
    try:
        end = delete(cloud, plan.stack_id, history.append, waiting)
        kept = not_deleted(history)
        if end.state != "DELETE_COMPLETE":
            why = kept or end.reason
            return f"it is in {end.state}: {why}; run `lambdatuning destroy` once that is allowed"
        buckets.remove(cloud, plan.packages)
        if kept:
            return f"the stack is gone, but left are {kept}; delete them by hand"
    except (ClientError, BotoCoreError, StackError) as exc:
        return f"what is left of it could not be removed: {explain(exc)}"
    return ""
