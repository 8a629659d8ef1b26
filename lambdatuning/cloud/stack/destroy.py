"""Destroying: plan (what will go), execute, and see that nothing is left."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ...core.errors import StackError
from ..session import Cloud
from . import bucket as buckets
from .status import (
    WAITING,
    StackEvent,
    StackResource,
    Waiting,
    delete,
    refuse_foreign,
    resources,
    status,
)

_BUCKET = "AWS::S3::Bucket"
_TABLE = "AWS::DynamoDB::Table"


@dataclass(frozen=True)
class DestroyPlan:
    """What goes with a stack: its resources, the objects in its buckets and its code packages."""

    stack_name: str
    stack_id: str
    resources: tuple[StackResource, ...]
    objects: int
    packages: int


def plan_destroy(cloud: Cloud, stack_name: str) -> DestroyPlan:
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
    found = tuple(r for r in resources(cloud, stack.id) if r.state != "DELETE_COMPLETE")
    packages = buckets.count(cloud, buckets.artifact_bucket(cloud), f"{stack.name}/")
    objects = sum(buckets.count(cloud, name) for name in _bucket_names(found))
    return DestroyPlan(stack.name, stack.id, found, objects, packages)


def execute_destroy(
    cloud: Cloud,
    plan: DestroyPlan,
    on_event: Callable[[StackEvent], None] = lambda _: None,
    waiting: Waiting = WAITING,
) -> None:
    """Empty the stack's own buckets, delete it, wait; StackError names whatever is left."""
    end = _empty_and_delete(cloud, plan, on_event, waiting)
    if end.state == "DELETE_FAILED" and any(_bucket_names(plan.resources)):
        # A tuning run that was still going may have stored a sample since.
        end = _empty_and_delete(cloud, plan, on_event, waiting)
    if end.state != "DELETE_COMPLETE":
        raise StackError(
            f"{plan.stack_name} is in {end.state}: {end.reason}; mend that and destroy it again"
        )
    buckets.remove_artifacts(cloud, plan.stack_name)
    left = leftovers(cloud, plan)
    if left:
        raise StackError(f"{plan.stack_name} is deleted, but left: {', '.join(left)}; delete those")


def leftovers(cloud: Cloud, plan: DestroyPlan) -> tuple[str, ...]:
    """Resources of the plan that CloudFormation kept or that are still there, as type and name."""
    kept = {r.logical_id for r in resources(cloud, plan.stack_id) if r.state == "DELETE_SKIPPED"}
    return tuple(
        f"{r.type} {r.physical_id}"
        for r in plan.resources
        if r.logical_id in kept or (r.physical_id and _is_there(cloud, r))
    )


def _empty_and_delete(
    cloud: Cloud,
    plan: DestroyPlan,
    on_event: Callable[[StackEvent], None],
    waiting: Waiting,
) -> StackEvent:
    for name in _bucket_names(plan.resources):
        if buckets.exists(cloud, name):
            buckets.empty(cloud, name)
    return delete(cloud, plan.stack_id, on_event, waiting)


def _bucket_names(found: tuple[StackResource, ...]) -> list[str]:
    return [r.physical_id for r in found if r.type == _BUCKET and r.physical_id]


def _is_there(cloud: Cloud, resource: StackResource) -> bool:
    """Asked of the kinds of resource that hold data or cost money, and of roles."""
    look = _LOOK.get(resource.type)
    if look is None:
        return False
    try:
        return bool(look(cloud, resource.physical_id))
    except ClientError as exc:
        if exc.response["ResponseMetadata"]["HTTPStatusCode"] == 404 or _says_missing(exc):
            return False
        raise


def _says_missing(exc: ClientError) -> bool:
    code = exc.response["Error"]["Code"]
    return "NotFound" in code or code in {"NoSuchEntity", "StateMachineDoesNotExist"}


def _log_group(cloud: Cloud, name: str) -> bool:
    groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in groups)


def _state_machine(cloud: Cloud, arn: str) -> bool:
    machine = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    return bool(machine["status"] != "DELETING")


_LOOK: dict[str, Callable[[Cloud, str], Any]] = {
    _BUCKET: buckets.exists,
    _TABLE: lambda cloud, name: cloud.client("dynamodb").describe_table(TableName=name),
    "AWS::ApiGateway::RestApi": lambda cloud, api_id: cloud.client("apigateway").get_rest_api(
        restApiId=api_id
    ),
    "AWS::IAM::Role": lambda cloud, name: cloud.client("iam").get_role(RoleName=name),
    "AWS::Lambda::Function": lambda cloud, name: cloud.client("lambda").get_function(
        FunctionName=name
    ),
    "AWS::Logs::LogGroup": _log_group,
    "AWS::StepFunctions::StateMachine": _state_machine,
}
