"""Runs functions in the place of ministack's executor: a record and an event in, a result out.

ministack calls it for every invocation, whoever asks (Invoke, Step Functions, API Gateway, events),
after its own concurrency limits.
"""

import json
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ...core.errors import LambdaTuningError
from ..apis.asgi import Services
from ..apis.calls import InvocationResult, current_call
from ..function import FunctionSpec, Outcome, Request
from ..packages import PackageStore
from . import async_invokes, corrections, records
from .ministack import part, put

SETTLING_S = 0.05
"""How long a changed function stays Pending or InProgress: seen by every client, waited for by
none for long. (ministack's own is 0.5 s, AWS takes seconds.)"""

Invoke = Callable[[FunctionSpec, Request, str], Outcome]

_LAMBDA = "services.lambda_svc"


def install(invoke: Invoke, packages: PackageStore, endpoint_url: str, services: Services) -> None:
    """Replace ministack's executor; its settings must be in the environment before."""

    def execute(
        func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> InvocationResult:
        del started
        try:
            call = current_call()
            call.request_id = request_id
            func, config = _routed(func, config)
            call.executed_version = str(config.get("Version", "$LATEST"))
            spec = _spec(func, config, packages)
            if call.proxy:
                event = call.proxy.completed(event, call.headers)
            request = Request(
                request_id,
                call.sent(event),
                config["FunctionArn"],
                _trace_id(),
                call.client_context,
            )
            result = _result(invoke(spec, request, call.key_id), direct=call.direct)
        except LambdaTuningError as exc:
            result = _refusal(exc)
        return call.proxy.answered(result) if call.proxy else result

    put(_LAMBDA, "_execute_function_dispatch", execute)
    settle_in(SETTLING_S)
    execute_again = part(_LAMBDA, "_execute_function")
    put(
        _LAMBDA,
        "invoke_async_with_retry",
        async_invokes.invoker(execute_again, _root_of, endpoint_url),
    )
    corrections.install(services)


def settle_in(seconds: float, wait_scale: float = 1.0) -> None:
    """How long a changed function stays Pending or InProgress from now on, and how much shorter the
    waits of state machines are."""
    put(_LAMBDA, "_LAMBDA_STATE_TRANSITION_DELAY", max(seconds, SETTLING_S))
    put("services.stepfunctions", "_SFN_WAIT_SCALE", wait_scale)


def function_exists(arn: str) -> bool:
    """Whether the function version of this ARN (`$LATEST` unqualified) is still there."""
    record, version = _record_of(arn)
    return record is not None and (not version or version in record["versions"])


def url_streams(url_id: str) -> bool:
    """Whether the function URL of this id streams its answers."""
    url = part(_LAMBDA, "resolve_function_url")(url_id)
    return url is not None and url[-1].get("InvokeMode") == "RESPONSE_STREAM"


def role_of(arn: str) -> str:
    """The name of the role of this function; "" where it is gone."""
    record, _ = _record_of(arn)
    return str(record["config"]["Role"]).rpartition("/")[2] if record else ""


def _record_of(arn: str) -> tuple[dict[str, Any] | None, str]:
    """The record of the function, with all its versions and aliases, and the ARN's qualifier."""
    _, _, _, region, account_id, _, name, *qualifier = arn.split(":")
    record: dict[str, Any] | None = part(_LAMBDA, "_functions").get_scoped(account_id, region, name)
    return record, "".join(qualifier[:1])


def _root_of(config: dict[str, Any]) -> dict[str, Any]:
    return _record_of(config["FunctionArn"])[0] or {}


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


def _spec(func: dict[str, Any], config: dict[str, Any], packages: PackageStore) -> FunctionSpec:
    layers = records.layers_of(config, _layer_versions, _published)
    spec = records.spec_of(config, func.get("code_zip"), layers, packages)
    qualifiers = {config["FunctionArn"].split(":")[-1], spec.version}
    if qualifiers & (_root_of(config).get("provisioned_concurrency") or {}).keys():
        return replace(spec, provisioned=True, revision=f"{spec.revision}-provisioned")
    return spec


def _layer_versions(account_id: str, region: str, name: str) -> list[dict[str, Any]]:
    """All versions of a layer, also deleted ones: what is attached goes on running."""
    layer = part(_LAMBDA, "_layers").get_scoped(account_id, region, name)
    return list(layer["versions"]) if layer else []


def _published() -> Iterable[dict[str, Any]]:
    layers: Iterable[dict[str, Any]] = part(_LAMBDA, "_layers").values()
    return layers


def _trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{time.time_ns():024x};Sampled=0"


def _result(outcome: Outcome, *, direct: bool) -> InvocationResult:
    # Bytes go out as they are; ministack's other services want an error as a parsed object.
    parse = outcome.error and not direct
    result: InvocationResult = {
        "body": json.loads(outcome.payload) if parse else outcome.payload,
        "log": "\n".join(outcome.lines) + "\n",
    }
    if outcome.error:
        result |= {"error": True, "function_error": "Unhandled"}
    return result


def _refusal(error: LambdaTuningError) -> InvocationResult:
    body = {"errorType": "LambdaTuning.NotSupported", "errorMessage": str(error)}
    return {"body": body, "log": "", "error": True, "function_error": "Unhandled"}
