"""Destroying: plan (what will go), execute, and see that nothing is left."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...core.errors import StackError
from ..aws_errors import explain
from ..session import Cloud
from . import bucket as buckets
from .status import (
    WAITING,
    StackEvent,
    StackResource,
    Waiting,
    delete,
    deployed_bucket,
    not_deleted,
    refuse_foreign,
    resources,
    status,
)

_BUCKET = "AWS::S3::Bucket"
_TABLE = "AWS::DynamoDB::Table"
_LOG_GROUP = "AWS::Logs::LogGroup"


@dataclass(frozen=True)
class DestroyPlan:
    """What goes with a stack: its resources, the objects in its buckets and its code packages.

    `packages` is how many there are, None where they may not be counted. `notes` say what could
    not be looked at or removed of a stack that is gone.
    """

    stack_name: str
    stack_id: str
    resources: tuple[StackResource, ...]
    objects: int
    packages: int | None
    where: buckets.Packages
    role_arn: str = ""
    notes: tuple[str, ...] = ()


def plan_destroy(cloud: Cloud, stack_name: str, role_arn: str = "") -> DestroyPlan:
    """What will go; NotFoundError without the stack, StackError if it is busy, protected
    or not ours."""
    stack = status(cloud, stack_name)
    refuse_foreign(stack)
    if stack.state.endswith("_IN_PROGRESS") and stack.state != "REVIEW_IN_PROGRESS":
        raise StackError(f'the stack "{stack.name}" is in {stack.state}; wait until it rests')
    if stack.protected:
        raise StackError(
            f'the stack "{stack.name}" is protected: run `aws cloudformation update-termination-'
            f"protection --no-enable-termination-protection --stack-name {stack.name}` first"
        )
    present = tuple(r for r in resources(cloud, stack.id) if r.state != "DELETE_COMPLETE")
    where = buckets.packages_of(cloud, stack.name, deployed_bucket(cloud, stack.id))
    objects = sum(buckets.count(cloud, name) for name in _bucket_names(present))
    packages = _count(cloud, where)
    return DestroyPlan(stack.name, stack.id, present, objects, packages, where, role_arn)


def _count(cloud: Cloud, where: buckets.Packages) -> int | None:
    try:
        return buckets.count(cloud, where.bucket, where.prefix, any_owner=not where.own)
    except (ClientError, StackError):
        return None


def execute_destroy(
    cloud: Cloud,
    plan: DestroyPlan,
    on_event: Callable[[StackEvent], None] = lambda _: None,
    waiting: Waiting = WAITING,
) -> DestroyPlan:
    """Empty the stack's own buckets, delete it, wait; the plan with notes on what is not known.

    StackError names whatever is left. A check that fails afterwards makes no error of a removal.
    """
    events = list[StackEvent]()

    def record(event: StackEvent) -> None:
        events.append(event)
        on_event(event)

    end = _empty_and_delete(cloud, plan, record, waiting)
    if end.state == "DELETE_FAILED" and any(_bucket_names(plan.resources)):
        # A tuning run that was still going may have stored a sample since.
        end = _empty_and_delete(cloud, plan, record, waiting)
    if end.state != "DELETE_COMPLETE":
        why = not_deleted(events) or end.reason
        raise StackError(
            f"{plan.stack_name} is in {end.state}: {why}; fix that and destroy it again"
        )
    notes = _remove_packages(cloud, plan.where)
    _remove_late_logs(cloud, plan)
    left, unknown = leftovers(cloud, plan)
    if left:
        raise StackError(f"{plan.stack_name} is deleted, but left: {', '.join(left)}; delete those")
    if unknown:
        notes.append(f"not looked for, as AWS gave no answer: {', '.join(unknown)}")
    return replace(plan, notes=tuple(notes))


def _remove_late_logs(cloud: Cloud, plan: DestroyPlan) -> None:
    """Remove the stack's log groups once more: what a function logged last comes late, and Lambda
    then makes the group again. Where that is denied, `leftovers` names what is there."""
    for resource in plan.resources:
        if resource.type == _LOG_GROUP and resource.physical_id:
            with suppress(ClientError):
                if _log_group(cloud, resource.physical_id):
                    cloud.client("logs").delete_log_group(logGroupName=resource.physical_id)


def _remove_packages(cloud: Cloud, where: buckets.Packages) -> list[str]:
    try:
        buckets.remove(cloud, where)
    except (BotoCoreError, ClientError, StackError) as exc:
        return [f"code packages are left in s3://{where.bucket}/{where.prefix}: {explain(exc)}"]
    return []


def leftovers(cloud: Cloud, plan: DestroyPlan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Resources of the plan that CloudFormation kept or that are still there, as type and name;
    and those of which nobody may be asked."""
    states = {r.logical_id: r.state for r in resources(cloud, plan.stack_id)}
    left, unknown = list[str](), list[str]()
    for resource in plan.resources:
        name = f"{resource.type} {resource.physical_id}"
        if states.get(resource.logical_id) == "DELETE_SKIPPED":
            left.append(name)
        elif resource.physical_id:
            there = _is_there(cloud, resource)
            (left if there else unknown if there is None else []).append(name)
    return tuple(left), tuple(unknown)


def _empty_and_delete(
    cloud: Cloud,
    plan: DestroyPlan,
    on_event: Callable[[StackEvent], None],
    waiting: Waiting,
) -> StackEvent:
    for name in _bucket_names(plan.resources):
        if buckets.exists(cloud, name):
            buckets.empty(cloud, name)
    return delete(cloud, plan.stack_id, on_event, waiting, plan.role_arn)


def _bucket_names(present: tuple[StackResource, ...]) -> list[str]:
    return [r.physical_id for r in present if r.type == _BUCKET and r.physical_id]


def _is_there(cloud: Cloud, resource: StackResource) -> bool | None:
    """Asked of the kinds of resource that hold data or cost money, and of roles; None where there
    is no answer (denied, throttled, out of reach)."""
    lookup = _LOOKUPS.get(resource.type)
    if lookup is None:
        return False
    try:
        return bool(lookup(cloud, resource.physical_id))
    except ClientError as exc:
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return False if status == 404 or _says_missing(exc) else None
    except (BotoCoreError, StackError):
        return None


def _says_missing(exc: ClientError) -> bool:
    code = exc.response["Error"]["Code"]
    return "NotFound" in code or code in {"NoSuchEntity", "StateMachineDoesNotExist"}


def _log_group(cloud: Cloud, name: str) -> bool:
    groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in groups)


def _state_machine(cloud: Cloud, arn: str) -> bool:
    machine = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    return bool(machine["status"] != "DELETING")


_LOOKUPS: dict[str, Callable[[Cloud, str], Any]] = {
    _BUCKET: buckets.exists,
    _TABLE: lambda cloud, name: cloud.client("dynamodb").describe_table(TableName=name),
    "AWS::ApiGateway::RestApi": lambda cloud, api_id: cloud.client("apigateway").get_rest_api(
        restApiId=api_id
    ),
    "AWS::IAM::Role": lambda cloud, name: cloud.client("iam").get_role(RoleName=name),
    "AWS::Lambda::Function": lambda cloud, name: cloud.client("lambda").get_function(
        FunctionName=name
    ),
    _LOG_GROUP: _log_group,
    "AWS::StepFunctions::StateMachine": _state_machine,
}
