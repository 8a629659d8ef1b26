"""The one module that knows ministack's insides: its Lambda executor is replaced by ours.

ministack 1.5.33 calls `lambda_svc._execute_function_dispatch(func, config, event, request_id,
started)` for every invocation, whoever asks (Invoke, Step Functions, API Gateway, events), after
its own concurrency limits; the result is a dict of `body`, `log`, `error`, `function_error`. A
guard test fails when that changes.
"""

import json
import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from ...core.errors import LambdaTuningError
from ..function import FunctionSpec, Outcome, Request
from ..logs.printed import LogEvent
from ..settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from . import async_invokes, corrections, records
from .gateway import current_call
from .packages import PackageStore

PINNED_VERSION = "1.5.33"
HOOK = "_execute_function_dispatch"
SETTLING = "_LAMBDA_STATE_TRANSITION_DELAY"
WAIT_SCALE = "_SFN_WAIT_SCALE"
SETTLING_S = 0.05
"""How long a changed function stays Pending or InProgress: seen by every client, waited for by
none for long. (ministack's own is 0.5 s, AWS takes seconds.)"""

PARAMETERS = ("func", "config", "event", "request_id", "started")

Invoke = Callable[[FunctionSpec, Request, str], Outcome]


def settings(*, port: int, account_id: str, region: str, folder: str) -> dict[str, str]:
    """Environment variables that ministack reads when it is imported."""
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": account_id,
        "MINISTACK_REGION": region,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
        # It would look for containers of its own in the user's Docker, and remove them.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": folder,
    }


def install(invoke: Invoke, packages: PackageStore, endpoint_url: str) -> None:
    """Replace ministack's executor; `settings` must be in the environment before."""
    lambda_svc = _lambda_svc()

    def execute(
        func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> dict[str, Any]:
        del started
        try:
            call = current_call()
            call.request_id = request_id
            func, config = _routed(func, config)
            call.executed_version = str(config.get("Version", "$LATEST"))
            spec = _spec(func, config, packages)
            request = Request(
                request_id,
                call.sent(event),
                config["FunctionArn"],
                _trace_id(),
                call.client_context,
            )
            return _result(invoke(spec, request, call.key_id), direct=call.direct)
        except LambdaTuningError as exc:
            return _refusal(exc)

    setattr(lambda_svc, HOOK, execute)
    setattr(lambda_svc, SETTLING, SETTLING_S)
    lambda_svc.invoke_async_with_retry = async_invokes.invoker(
        lambda_svc._execute_function, _root_of, endpoint_url
    )
    logs = _logs_svc()
    logs._filter_log_events = paged(logs._filter_log_events)
    corrections.install()


def settle_in(seconds: float, wait_scale: float = 1.0) -> None:
    """How long a changed function stays Pending or InProgress from now on, and how much shorter the
    waits of state machines are."""
    setattr(_lambda_svc(), SETTLING, max(seconds, SETTLING_S))
    setattr(_stepfunctions(), WAIT_SCALE, wait_scale)


def authorise_tasks(refusal: Callable[[str, str], str]) -> None:
    """Ask before a state machine invokes a function: `refusal(role name, function ARN)` says why it
    may not. The task then fails as on AWS."""
    states = _stepfunctions()
    role: ContextVar[str] = ContextVar("role", default="")
    execute, call = states._execute_task, states._call_lambda

    def execute_task(state_def: Any, raw_input: Any, execution: Any, ctx: Any) -> Any:
        machine = states._state_machines.get((execution or {}).get("stateMachineArn", ""))
        token = role.set(str((machine or {}).get("roleArn", "")).rpartition("/")[2])
        try:
            return execute(state_def, raw_input, execution, ctx)
        finally:
            role.reset(token)

    def call_lambda(func_ref: str, event: Any) -> Any:
        _, config, _ = _lambda_svc()._get_func_record_for_ref(func_ref)
        if config and (why := refusal(role.get(), config["FunctionArn"])):
            raise states._ExecutionError("Lambda.AWSLambdaException", why)
        return call(func_ref, event)

    states._execute_task, states._call_lambda = execute_task, call_lambda


def _root_of(config: dict[str, Any]) -> dict[str, Any]:
    """The record of the function, with all its versions and aliases, that `config` is one of."""
    _, _, _, region, account_id, _, name, *_ = config["FunctionArn"].split(":")
    record: dict[str, Any] = _lambda_svc()._functions.get_scoped(account_id, region, name) or {}
    return record


def _routed(func: dict[str, Any], config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record of the version that an alias with weights leads this invocation to."""
    arn = config["FunctionArn"]
    if arn.count(":") < 7:
        return func, config
    root = _root_of(config)
    alias = (root.get("aliases") or {}).get(arn.rpartition(":")[2]) or {}
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    drawn = random.random()  # noqa: S311 - no secret
    for version, weight in weights.items():
        drawn -= weight
        if drawn < 0 and version in root["versions"]:
            record = root["versions"][version]
            return record, {**record["config"], "FunctionArn": arn}
    return func, config


def application() -> Any:
    """ministack's ASGI application."""
    from ministack.app import app

    return app


def function_exists(arn: str) -> bool:
    """Whether the function version of this ARN (`$LATEST` unqualified) is still there."""
    _, _, _, region, account_id, _, name, *version = arn.split(":")
    record = _lambda_svc()._functions.get_scoped(account_id, region, name)
    return record is not None and (not version or version[0] in record["versions"])


def append_logs(spec: FunctionSpec, stream_name: str, printed: list[LogEvent]) -> None:
    """Append events to a log stream in CloudWatch Logs, made with its group where missing."""
    logs = _logs_svc()
    now_ms = int(time.time() * 1e3)
    group = logs._log_groups.get(spec.log_group)
    if group is None:
        group = _new_group(logs, spec.log_group, now_ms)
        logs._log_groups[spec.log_group] = group
    stream = group["streams"].setdefault(stream_name, _new_stream(now_ms))
    # On AWS, too, the newline is part of the message.
    events = [
        {"timestamp": event.at_ms, "message": f"{event.text}\n", "ingestionTime": now_ms}
        for event in printed
    ]
    logs._append_log_events(stream, events)
    if group["subscriptionFilters"]:
        logs._fanout_to_subscription_filters(spec.log_group, stream_name, events)


def _lambda_svc() -> Any:
    from ministack.services import lambda_svc

    return lambda_svc


def _stepfunctions() -> Any:
    from ministack.services import stepfunctions

    return stepfunctions


def _logs_svc() -> Any:
    from ministack.services import cloudwatch_logs

    return cloudwatch_logs


def _new_group(logs: Any, name: str, now_ms: int) -> dict[str, Any]:
    return {
        "arn": logs._make_group_arn(name),
        "creationTime": now_ms,
        "retentionInDays": None,
        "tags": {},
        "subscriptionFilters": {},
        "streams": {},
    }


def _new_stream(now_ms: int) -> dict[str, Any]:
    return {
        "events": [],
        "uploadSequenceToken": "1",
        "creationTime": now_ms,
        "firstEventTimestamp": None,
        "lastEventTimestamp": None,
        "lastIngestionTime": None,
    }


def _spec(func: dict[str, Any], config: dict[str, Any], packages: PackageStore) -> FunctionSpec:
    svc = _lambda_svc()
    layers = records.layers_of(config, svc._resolve_layer_zip, svc._layers.values)
    spec = records.spec_of(config, func.get("code_zip"), layers, packages)
    qualifiers = {config["FunctionArn"].split(":")[-1], spec.version}
    if qualifiers & (_root_of(config).get("provisioned_concurrency") or {}).keys():
        return replace(spec, provisioned=True, revision=f"{spec.revision}-provisioned")
    return spec


def _trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{time.time_ns():024x};Sampled=0"


def _result(outcome: Outcome, *, direct: bool) -> dict[str, Any]:
    # Bytes go out as they are; ministack's other services want an error as a parsed object.
    parse = outcome.error and not direct
    result: dict[str, Any] = {
        "body": json.loads(outcome.payload) if parse else outcome.payload,
        "log": "\n".join(outcome.lines) + "\n",
    }
    if outcome.error:
        result.update(error=True, function_error="Unhandled")
    return result


def _refusal(error: LambdaTuningError) -> dict[str, Any]:
    body = {"errorType": "LambdaTuning.NotSupported", "errorMessage": str(error)}
    return {"body": body, "log": "", "error": True, "function_error": "Unhandled"}


Response = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], Response]

MOST_EVENTS = 10_000


def paged(filter_events: Operation) -> Operation:
    """`filter_events`, with `nextToken` in its answers as long as there may be more.

    A token is `T-N`: go on with the events from millisecond T on, of which N are delivered already.
    """

    def filter_page(data: dict[str, Any]) -> Response:
        start_ms, skipped = _position(data)
        most = min(int(data.get("limit") or MOST_EVENTS), MOST_EVENTS)
        status, headers, body = filter_events({**data, "startTime": start_ms, "limit": MOST_EVENTS})
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        events = answer["events"]
        answer["events"] = page = events[skipped : skipped + most]
        more = len(events) == MOST_EVENTS or len(events) > skipped + most
        if page and more:
            answer["nextToken"] = _token(events[: skipped + len(page)])
        return status, headers, json.dumps(answer).encode()

    return filter_page


def _position(data: dict[str, Any]) -> tuple[int | None, int]:
    if token := data.get("nextToken"):
        start_ms, _, skipped = str(token).partition("-")
        return int(start_ms), int(skipped)
    return data.get("startTime"), 0


def _token(delivered: list[dict[str, Any]]) -> str:
    last_ms = delivered[-1]["timestamp"]
    same = sum(1 for event in delivered if event["timestamp"] == last_ms)
    return f"{last_ms}-{same}"
