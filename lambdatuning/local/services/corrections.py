"""Where ministack 1.5.33 answers other than AWS without a word, and how each is put right.

Each correction wraps one function of ministack; `WRAPPED` names them and their parameters for a
guard test that fails when one moves.
"""

import functools
import json
from collections.abc import Callable
from typing import Any

from . import rest_integrations

Operation = Callable[[Any], tuple[int, dict[str, str], bytes]]

PASSED_OVER = {
    *("HeartbeatSecondsPath", "ItemBatcher", "ResultWriter", "TimeoutSecondsPath"),
    *("ToleratedFailureCountPath", "ToleratedFailurePercentagePath"),
}
"""Fields of states that ministack does not read, and without which a state means something else."""
_FREE = {"Parameters", "Arguments", "Result", "ResultSelector", "ItemSelector", "Assign", "Output"}
"""Fields whose contents are the author's own, whatever they are called."""

WRAPPED: dict[str, dict[str, tuple[str, ...]]] = {
    "ministack.app": {"_get_module": ("name",)},
    "ministack.services.cloudformation.changesets": {
        "_resolve_props_for_diff": ("template", "params", "stack_name", "stack_id"),
        "_evaluate_conditions": ("template", "params"),
    },
    "ministack.services.cloudformation.engine": {"_evaluate_conditions": ("template", "params")},
    "ministack.services.cloudformation.stacks": {"_evaluate_conditions": ("template", "params")},
    "ministack.services.cloudformation.handlers": {
        "_describe_stacks": ("params",),
        "_evaluate_conditions": ("template", "params"),
    },
    "ministack.services.stepfunctions": {
        "_describe_execution": ("data",),
        "_resolve_state_machine_arn": ("arn",),
        "_start_execution": ("data",),
        "_execute_task": ("state_def", "raw_input", "execution", "ctx"),
        "_call_lambda": ("func_ref", "event"),
        "_run_map_items": ("state_def", "raw_input", "execution", "ctx"),
        "_apply_input_path": ("state_def", "data", "ctx"),
        "_resolve_path_or_ctx": ("path", "data", "ctx"),
    },
}


def install() -> None:
    """Correct each service as soon as ministack loads it: to load them at start takes 0.5 s."""
    from ministack import app

    load = app._get_module
    waiting = {
        "apigateway_v1": _correct_rest_apis,
        "cloudformation": _correct_cloudformation,
        "stepfunctions": _correct_stepfunctions,
    }

    def get_module(name: str) -> Any:
        module = load(name)
        if correct := waiting.pop(name, None):
            correct()
        return module

    app._get_module = get_module


def _correct_rest_apis() -> None:
    from ministack.services import apigateway_v1

    rest_integrations.install(apigateway_v1)


def _correct_cloudformation() -> None:
    from ministack.services import cloudformation
    from ministack.services.cloudformation import changesets, engine, handlers, stacks

    evaluate = with_joined_lists(engine._evaluate_conditions)
    for module in (changesets, engine, handlers, stacks):
        module._evaluate_conditions = evaluate
    changesets._resolve_props_for_diff = without_false_conditions(
        changesets._resolve_props_for_diff, changesets._evaluate_conditions
    )
    handlers._ACTION_HANDLERS["DescribeStacks"] = with_descriptions(
        handlers._describe_stacks, cloudformation._stacks.values
    )


def _correct_stepfunctions() -> None:
    from ministack.services import stepfunctions

    stepfunctions._start_execution = refusing_unknown_fields(
        stepfunctions._start_execution,
        lambda arn: stepfunctions._state_machines.get(
            stepfunctions._resolve_state_machine_arn(arn)
        ),
    )
    stepfunctions._describe_execution = without_output_of_failure(stepfunctions._describe_execution)
    stepfunctions._run_map_items = with_concurrency_path(
        stepfunctions._run_map_items,
        stepfunctions._apply_input_path,
        stepfunctions._resolve_path_or_ctx,
    )


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


def with_descriptions(describe: Operation, stacks: Callable[[], Any]) -> Operation:
    """A stack that was made by a change set has the description of its template, too."""

    def described(params: Any) -> tuple[int, dict[str, str], bytes]:
        for stack in stacks():
            text = stack.get("_template", {}).get("Description")
            stack["Description"] = stack.get("Description") or text or ""
        return describe(params)

    return described


def without_output_of_failure(describe: Operation) -> Operation:
    """An execution that failed has an error and a cause, and no output."""

    def described(data: Any) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = describe(data)
        answer = json.loads(body)
        if status != 200 or answer["status"] in ("SUCCEEDED", "RUNNING"):
            return status, headers, body
        for name in ("output", "outputDetails"):
            answer.pop(name, None)
        return status, headers, json.dumps(answer).encode()

    return described


def refusing_unknown_fields(
    start: Operation, machine_of: Callable[[str], dict[str, Any] | None]
) -> Operation:
    """A state machine with fields that would be passed over is not started."""

    def started(data: Any) -> tuple[int, dict[str, str], bytes]:
        machine = machine_of(data.get("stateMachineArn", ""))
        if machine is not None and (field := _passed_over(machine["definition"])):
            text = f"{field} is not supported by the embedded AWS; use a state without it"
            body = {"__type": "InvalidDefinition", "message": text}
            headers = {"Content-Type": "application/x-amz-json-1.0"}
            return 400, headers, json.dumps(body).encode()
        return start(data)

    return started


@functools.lru_cache(maxsize=64)
def _passed_over(definition: str) -> str:
    """The first field of a state in `definition` that ministack does not read; "" if none is."""
    waiting = [json.loads(definition)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if "Type" in node and (fields := sorted(PASSED_OVER & node.keys())):
                return fields[0]
            waiting += [value for name, value in node.items() if name not in _FREE]
    return ""


def with_concurrency_path(
    run: Callable[..., Any],
    input_of: Callable[[Any, Any, Any], Any],
    resolve: Callable[[str, Any, Any], Any],
) -> Callable[..., Any]:
    """`MaxConcurrencyPath` of a Map state is read, not passed over."""

    def run_map_items(state_def: Any, raw_input: Any, execution: Any, ctx: Any) -> Any:
        if path := state_def.get("MaxConcurrencyPath"):
            most = resolve(path, input_of(state_def, raw_input, ctx), ctx)
            state_def = {**state_def, "MaxConcurrency": most}
        return run(state_def, raw_input, execution, ctx)

    return run_map_items
