"""Where ministack's CloudFormation and Step Functions mean something other than AWS, put right.

What can be put right in front of ministack is (see `apis`); here is what only it can know. Each
correction wraps one function of it, which the seam names.
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from ...core.slow_imports import only_found
from ..apis import http_apis, rest_apis, stacks
from ..apis.asgi import Services
from ..apis.lambda_limits import problem_of_package
from ..apis.operations import service_model_or_none
from ..apis.templates.json_paths import at_path
from ..settings import ACCOUNT_ID, REGION
from .ministack import part, put
from .stack_rights import ResourceUpdate

_LAMBDA = "services.lambda_svc"
_MACHINES = "services.stepfunctions"
_FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function"
_CHANGE_SETS = "services.cloudformation.changesets"
_DOCUMENTS = "services.cloudformation.helpers"
_RESPONSES = "core.responses"
_PROVISIONERS = "services.cloudformation.provisioners"
_STACKS = "services.cloudformation.stacks"
_CONDITIONED = ("engine", "changesets", "handlers", "stacks")

REPLACING: dict[str, tuple[str, ...]] = {
    "AWS::ApiGateway::Account": (),
    "AWS::ApiGateway::ApiKey": ("GenerateDistinctId", "Name", "Value"),
    "AWS::ApiGateway::Authorizer": ("RestApiId",),
    "AWS::ApiGateway::Deployment": ("DeploymentCanarySettings", "RestApiId"),
    "AWS::ApiGateway::GatewayResponse": ("ResponseType", "RestApiId"),
    "AWS::ApiGateway::Method": ("HttpMethod", "ResourceId", "RestApiId"),
    "AWS::ApiGateway::Model": ("ContentType", "Name", "RestApiId"),
    "AWS::ApiGateway::RequestValidator": ("Name", "RestApiId"),
    "AWS::ApiGateway::Resource": ("ParentId", "PathPart", "RestApiId"),
    "AWS::ApiGateway::RestApi": (),
    "AWS::ApiGateway::Stage": ("RestApiId", "StageName"),
    "AWS::ApiGateway::UsagePlan": (),
    "AWS::ApiGateway::UsagePlanKey": ("KeyId", "KeyType", "UsagePlanId"),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::CodeBuild::Project": ("Name",),
    "AWS::Events::EventBus": ("Name",),
    "AWS::IAM::Policy": (),
    "AWS::KMS::Alias": ("AliasName",),
    "AWS::KMS::Key": (),
    "AWS::Lambda::Alias": ("FunctionName", "Name"),
    "AWS::Lambda::EventInvokeConfig": ("FunctionName", "Qualifier"),
    "AWS::Lambda::EventSourceMapping": (
        *("EventSourceArn", "SelfManagedEventSource"),
        *("StartingPosition", "StartingPositionTimestamp"),
    ),
    "AWS::Lambda::Permission": (
        *("Action", "EventSourceToken", "FunctionName", "FunctionUrlAuthType"),
        *("InvokedViaFunctionUrl", "Principal", "PrincipalOrgID", "SourceAccount", "SourceArn"),
    ),
    "AWS::Lambda::Url": ("Qualifier", "TargetFunctionArn"),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::Logs::MetricFilter": ("FilterName", "LogGroupName"),
    "AWS::Logs::SubscriptionFilter": ("FilterName", "LogGroupName"),
    "AWS::S3::Bucket": ("BucketName", "BucketNamePrefix", "BucketNamespace"),
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::SNS::TopicPolicy": (),
    "AWS::SQS::QueuePolicy": (),
    "AWS::Scheduler::Schedule": ("Name",),
    "AWS::SecretsManager::Secret": ("Name",),
}
"""Properties whose change replaces a resource, by its type: `createOnlyProperties` of AWS's
resource schemas, for types of which ministack calls every change conditional."""


def install(services: Services) -> None:
    """Correct what is loaded with the rest of ministack; CloudFormation waits."""
    rest = "services.apigateway_v1"
    put(rest, "_invoke_lambda_custom_v1", rest_apis.custom(services))
    put(
        rest,
        "_invoke_lambda_proxy_v1",
        rest_apis.proxied(part(rest, "_invoke_lambda_proxy_v1")),
    )
    http = "services.apigateway"
    invoke = part(http, "_invoke_lambda_proxy")
    put(http, "_invoke_lambda_proxy", http_apis.proxied(invoke, services))
    put(_MACHINES, "_run_map_items", with_concurrency_path(part(_MACHINES, "_run_map_items")))
    # Its own would read every model a second time.
    names = part(_RESPONSES, "_BOTOCORE_NAME")
    put(_RESPONSES, "_service_model", lambda name: service_model_or_none(names.get(name, name)))


def install_for_stacks(
    services: Services, refuses_change: Callable[[ResourceUpdate], str] | None = None
) -> None:
    """Correct CloudFormation, before its first use: to load it at start takes 0.2 s.

    With `refuses_change` it is asked before a resource is made, changed or deleted.
    """
    # Athena, which comes with it, looks whether it could use duckdb.
    with only_found("duckdb"):
        conditions = part("services.cloudformation.engine", "_evaluate_conditions")
    evaluate = with_joined_lists(conditions)
    for module in _CONDITIONED:
        put(f"services.cloudformation.{module}", "_evaluate_conditions", evaluate)
    fetch = part(_LAMBDA, "_fetch_code_from_s3")
    put(_LAMBDA, "_fetch_code_from_s3", with_checked_code(fetch))
    put(_DOCUMENTS, "_resolve_document", at_any_url(part(_DOCUMENTS, "_resolve_document")))
    replacing = part(_PROVISIONERS, "_REPLACING_PROPERTIES")
    put(_PROVISIONERS, "_REPLACING_PROPERTIES", {**REPLACING, **replacing})
    resolve = part(_CHANGE_SETS, "_resolve_props_for_diff")
    put(_CHANGE_SETS, "_resolve_props_for_diff", without_false_conditions(resolve, evaluate))
    provision, update = part(_STACKS, "_provision_resource"), part(_STACKS, "_update_resource")
    put(_STACKS, "_provision_resource", with_definitions(provision, services, props_at=2))
    put(_STACKS, "_update_resource", with_definitions(update, services, props_at=3))
    if refuses_change is not None:
        authorise_stacks(refuses_change)


def authorise_tasks(refusal: Callable[[str, str], str], services: Services) -> None:
    """Ask before a state machine invokes a function: `refusal(role name, function ARN)` says why it
    may not. The task then fails as on AWS."""
    role: ContextVar[str] = ContextVar("role", default="")
    execute, call = part(_MACHINES, "_execute_task"), part(_MACHINES, "_call_lambda")

    def execute_task(state_def: Any, raw_input: Any, execution: Any, ctx: Any) -> Any:
        token = role.set(_role_of(str((execution or {}).get("stateMachineArn", "")), services))
        try:
            return execute(state_def, raw_input, execution, ctx)
        finally:
            role.reset(token)

    def call_lambda(func_ref: str, event: Any) -> Any:
        named = str(func_ref)
        name = named.partition(":function:")[2] or named
        arn = named if named.startswith("arn:") else f"{_FUNCTION_ARN}:{name}"
        if why := refusal(role.get(), arn):
            raise part(_MACHINES, "_ExecutionError")("Lambda.AWSLambdaException", why)
        return call(func_ref, event)

    put(_MACHINES, "_execute_task", execute_task)
    put(_MACHINES, "_call_lambda", call_lambda)


def authorise_stacks(refusal: Callable[[ResourceUpdate], str]) -> None:
    """Ask before CloudFormation makes, changes or deletes a resource: `refusal` says why it may
    not. The resource then fails as on AWS."""
    provision, update = part(_STACKS, "_provision_resource"), part(_STACKS, "_update_resource")
    delete = part(_STACKS, "_delete_resource")

    check = partial(_check_change, refusal)

    def provision_resource(kind: str, logical_id: str, props: Any, stack_name: str) -> Any:
        check(ResourceUpdate(stack_name, logical_id, kind, "create", {}, props))
        return provision(kind, logical_id, props, stack_name)

    def update_resource(
        kind: str,
        physical_id: str,
        old_props: Any,
        new_props: Any,
        stack_name: str,
        logical_id: str | None = None,
        old_attrs: Any = None,
    ) -> Any:
        if old_props != new_props:
            name = logical_id or physical_id
            check(
                ResourceUpdate(stack_name, name, kind, "update", old_props, new_props, physical_id)
            )
        return update(kind, physical_id, old_props, new_props, stack_name, logical_id, old_attrs)

    def delete_resource(
        kind: str,
        physical_id: str,
        props: Any,
        stack_name: str | None = None,
        logical_id: str | None = None,
    ) -> None:
        name = logical_id or physical_id
        check(ResourceUpdate(stack_name or "", name, kind, "delete", props, props, physical_id))
        delete(kind, physical_id, props, stack_name, logical_id)

    put(_STACKS, "_provision_resource", provision_resource)
    put(_STACKS, "_update_resource", update_resource)
    put(_STACKS, "_delete_resource", delete_resource)


def _check_change(refusal: Callable[[ResourceUpdate], str], change: ResourceUpdate) -> None:
    """PermissionError, worded as CloudFormation does, where a change is refused."""
    if why := refusal(change):
        service = why.partition(" perform: ")[2].partition(":")[0].title()
        raise PermissionError(
            f'Resource handler returned message: "{why} (Service: {service}, Status Code: 403, '
            f'Request ID: {uuid.uuid4()})" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: '
            "AccessDenied)"
        )


def _role_of(state_machine_arn: str, services: Services) -> str:
    described = services.call(
        "states",
        "AWSStepFunctions.DescribeStateMachine",
        {"stateMachineArn": state_machine_arn},
        version="1.0",
    )
    answer = asyncio.run_coroutine_threadsafe(described, services.loop).result()
    machine = json.loads(answer.body) if answer.status == 200 else {}
    return str(machine.get("roleArn", "")).rpartition("/")[2]


def with_definitions(
    make: Callable[..., tuple[str, Any]], services: Services, props_at: int
) -> Callable[..., tuple[str, Any]]:
    """An HTTP API gets the routes of its `Body`, which ministack passes over.

    `make` makes or updates a resource and gives its physical id first; its kind is its first
    argument, its properties are at `props_at`.
    """

    running: set[asyncio.Task[None]] = set()

    def made(kind: str, *args: Any, **keywords: Any) -> tuple[str, Any]:
        resource = make(kind, *args, **keywords)
        props = args[props_at - 1]
        if kind == "AWS::ApiGatewayV2::Api" and isinstance(props.get("Body"), dict):
            defining = http_apis.define(services, REGION, resource[0], props["Body"])
            # ministack makes this kind on the event loop, which cannot be waited for: it is done
            # before the next call is served.
            task = services.loop.create_task(defining)
            running.add(task)
            task.add_done_callback(running.discard)
        return resource

    return made


def without_false_conditions(
    resolve: Callable[..., dict[str, Any]], evaluate: Callable[[Any, Any], dict[str, bool]]
) -> Callable[..., dict[str, Any]]:
    """A change set lists no resource whose condition is false, as it will not be made."""

    def resolved(template: Any, params: Any, stack_name: str, stack_id: str) -> dict[str, Any]:
        resolved_props = resolve(template, params, stack_name, stack_id)
        if not resolved_props:
            return resolved_props
        holds = evaluate(template, params)
        kept = {
            name: resource
            for name, resource in resolved_props["Resources"].items()
            if holds.get(resource.get("Condition"), True)
        }
        return {**resolved_props, "Resources": kept}

    return resolved


def at_any_url(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Templates and policies of stacks are read from S3 by each form of URL that it has."""

    def resolved(params: dict[str, Any], body_key: str, url_key: str, label: str) -> Any:
        match params.get(url_key):
            case [str(url), *_] | str(url) if url:
                params = {**params, url_key: [stacks.in_path_style(url)]}
        return resolve(params, body_key, url_key, label)

    return resolved


def with_checked_code(fetch: Callable[..., bytes | None]) -> Callable[..., bytes]:
    """A stack fails where the code of its function is not in S3 or cannot be unpacked.

    Of calls of the Lambda API this was checked before.
    """

    def fetched(bucket: str, key: str, version_id: str | None = None) -> bytes:
        code = fetch(bucket, key, version_id=version_id)
        if code is None:
            raise ValueError(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The "
                f"specified key does not exist. (s3://{bucket}/{key})"
            )
        if problem := problem_of_package(code):
            raise ValueError(problem.message)
        return code

    return fetched


def with_joined_lists(
    evaluate: Callable[[Any, Any], dict[str, bool]],
) -> Callable[[Any, Any], dict[str, bool]]:
    """Fn::Join of a list parameter is its text in a condition, too: how an empty list is told."""

    def evaluated(template: Any, params: Any) -> dict[str, bool]:
        conditions = template.get("Conditions") or {}
        return evaluate({**template, "Conditions": _joined(conditions, params)}, params)

    return evaluated


def _joined(value: Any, params: Any) -> Any:
    match value:
        case {"Fn::Join": [str(separator), {"Ref": name}]} if name in params:
            return str(params[name]["Value"]).replace(",", separator)
        case dict():
            return {key: _joined(inner, params) for key, inner in value.items()}
        case list():
            return [_joined(inner, params) for inner in value]
    return value


def with_concurrency_path(run: Callable[..., Any]) -> Callable[..., Any]:
    """`MaxConcurrencyPath` of a Map state is read, not passed over."""

    def run_map_items(state_def: Any, raw_input: Any, execution: Any, ctx: Any) -> Any:
        if path := state_def.get("MaxConcurrencyPath"):
            most = _concurrency(str(path), str(state_def.get("InputPath", "$")), raw_input, ctx)
            state_def = {**state_def, "MaxConcurrency": most}
        return run(state_def, raw_input, execution, ctx)

    return run_map_items


def _concurrency(path: str, input_path: str, raw_input: Any, ctx: Any) -> int:
    if path.startswith("$$"):
        return int(next(at_path(ctx, path[1:])))
    effective: Any = next(at_path(raw_input, input_path), None)
    return int(next(at_path(effective, path), 0))
