"""The one module that knows ministack's insides: its Lambda executor is replaced by ours.

ministack 1.5.33 calls `lambda_svc._execute_function_dispatch(func, config, event, request_id,
started)` for every invocation, whoever asks (Invoke, Step Functions, API Gateway, events), after
its own concurrency limits; the result is a dict of `body`, `log`, `error`, `function_error`. A
guard test fails when that changes.
"""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from lambdatuning.core.errors import LambdaTuningError
from lambdatuning.local import invocation_context
from lambdatuning.local.function import FunctionSpec, Outcome, Request
from lambdatuning.local.packages import PackageStore

PINNED_VERSION = "1.5.33"
HOOK = "_execute_function_dispatch"
PARAMETERS = ("func", "config", "event", "request_id", "started")

Invoke = Callable[[FunctionSpec, Request, str], Outcome]
_REVISED = (
    "CodeSha256",
    "Environment",
    "EphemeralStorage",
    "FunctionName",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "RevisionId",
    "Runtime",
    "Timeout",
)


def settings(*, port: int, account_id: str, region: str, folder: str) -> dict[str, str]:
    """Environment variables that ministack reads when it is imported."""
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": account_id,
        "MINISTACK_REGION": region,
        "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": folder,
    }


def install(invoke: Invoke, packages: PackageStore) -> None:
    """Replace ministack's executor; `settings` must be in the environment before."""
    lambda_svc = _lambda_svc()

    def execute(
        func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> dict[str, Any]:
        del started
        try:
            spec = _spec(func, config, packages)
            call = invocation_context.now()
            call.request_id = request_id
            request = Request(request_id, _encoded(event), _invoked_arn(config), _trace_id())
            return _result(invoke(spec, request, call.key_id), direct=call.direct)
        except LambdaTuningError as exc:
            return _refusal(exc)

    setattr(lambda_svc, HOOK, execute)


def application() -> Any:
    """ministack's ASGI application."""
    from ministack.app import app

    return app


def function_exists(arn: str) -> bool:
    """Whether the function version of this ARN (`$LATEST` unqualified) is still there."""
    name, _, version = arn.split(":", 6)[6].partition(":")
    for (_, _, known), record in _functions().items():
        if known == name:
            return not version or version in record["versions"]
    return False


def append_logs(spec: FunctionSpec, stream_name: str, lines: list[str]) -> None:
    """Append `lines` to a log stream in CloudWatch Logs, made with its group where missing."""
    from ministack.services import cloudwatch_logs as logs

    now_ms = int(time.time() * 1e3)
    group = logs._log_groups.get(spec.log_group)
    if group is None:
        group = _new_group(logs, spec.log_group, now_ms)
        logs._log_groups[spec.log_group] = group
    stream = group["streams"].setdefault(stream_name, _new_stream(now_ms))
    events = [{"timestamp": now_ms, "message": line, "ingestionTime": now_ms} for line in lines]
    logs._append_log_events(stream, events)
    if group["subscriptionFilters"]:
        logs._fanout_to_subscription_filters(spec.log_group, stream_name, events)


def _lambda_svc() -> Any:
    from ministack.services import lambda_svc

    return lambda_svc


def _functions() -> dict[tuple[str, str, str], Any]:
    functions: dict[tuple[str, str, str], Any] = dict(_lambda_svc()._functions._data)
    return functions


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
    arn = ":".join(config["FunctionArn"].split(":")[:7])
    version = str(config.get("Version", "$LATEST"))
    logging = config.get("LoggingConfig") or {}
    variables = (config.get("Environment") or {}).get("Variables") or {}
    _, _, _, region, account_id, *_ = arn.split(":")
    return FunctionSpec(
        arn=arn if version == "$LATEST" else f"{arn}:{version}",
        name=config["FunctionName"],
        version=version,
        runtime=config.get("Runtime") or "",
        handler=config.get("Handler") or "",
        memory_mb=int(config.get("MemorySize") or 128),
        timeout_s=float(config.get("Timeout") or 3),
        task_root=packages.unpack(_code(func, config)),
        revision=_revision(config),
        account_id=account_id,
        region=region,
        log_group=logging.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}",
        layers=tuple(packages.unpack(_layer(one)) for one in config.get("Layers") or ()),
        variables=tuple(sorted(variables.items())),
        json_logs=logging.get("LogFormat") == "JSON",
        application_log_level=logging.get("ApplicationLogLevel") or "",
        system_log_level=logging.get("SystemLogLevel") or "INFO",
        ephemeral_mb=int((config.get("EphemeralStorage") or {}).get("Size") or 512),
    )


def _code(func: dict[str, Any], config: dict[str, Any]) -> bytes:
    if config.get("PackageType") == "Image":
        raise LambdaTuningError(
            f"{config['FunctionName']} is a container image; the embedded AWS runs zip packages"
        )
    code: bytes | None = func.get("code_zip")
    if not code:
        # ministack accepts a function whose code object is missing.
        raise LambdaTuningError(
            f"{config['FunctionName']} has no code: its object in S3 was not there when it was made"
        )
    return code


def _layer(attached: Any) -> bytes:
    content: bytes | None = _lambda_svc()._resolve_layer_zip(attached)
    if content is None:
        raise LambdaTuningError(f"layer {attached} is not known here; publish it on this endpoint")
    return content


def _revision(config: dict[str, Any]) -> str:
    configured = {key: config.get(key) for key in _REVISED}
    text = json.dumps(configured, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _invoked_arn(config: dict[str, Any]) -> str:
    arn: str = config["FunctionArn"]
    return arn


def _trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{time.time_ns():024x};Sampled=0"


def _encoded(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


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
