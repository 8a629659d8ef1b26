"""Step Functions: fields that would be passed over, failures without output, machines deleted."""

import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from .asgi import HttpResponse, json_error

PREFIX = "AWSStepFunctions."
PASSED_OVER = {
    *("HeartbeatSecondsPath", "ItemBatcher", "ResultWriter", "TimeoutSecondsPath"),
    *("ToleratedFailureCountPath", "ToleratedFailurePercentagePath"),
}
"""Fields of states that ministack does not read, and without which a state means something else."""
_FREE = {"Parameters", "Arguments", "Result", "ResultSelector", "ItemSelector", "Assign", "Output"}
"""Fields whose contents are the author's own, whatever they are called."""
CHANGED = ("DescribeExecution", "ListExecutions")
"""Operations whose answers are changed."""
_OF_EXECUTION = {
    *("DescribeExecution", "DescribeStateMachineForExecution", "GetExecutionHistory"),
    *("RedriveExecution", "StopExecution"),
}

Ask = Callable[[str, str, object], Awaitable[HttpResponse]]
"""Calls an operation about an ARN in the name of its account, whatever the caller may do."""


async def refusal(operation: str, request: Any, ask: Ask) -> HttpResponse | None:
    """What Step Functions would refuse and ministack would not; None for all the rest."""
    if not isinstance(request, dict):
        return None
    if operation in ("StartExecution", "StartSyncExecution"):
        return await _refusal_of_fields(str(request.get("stateMachineArn", "")), ask)
    if operation == "ListExecutions" and (arn := str(request.get("stateMachineArn", ""))):
        missing = await _machine(arn, ask) is None
        text = f"State Machine Does Not Exist: '{arn}'"
        return json_error("StateMachineDoesNotExist", text) if missing else None
    if operation in _OF_EXECUTION:
        return await _refusal_of_execution(str(request.get("executionArn", "")), ask)
    return None


async def changed(operation: str, request: Any, answer: HttpResponse, ask: Ask) -> HttpResponse:
    """The answer to a call, as Step Functions would give it."""
    if operation not in CHANGED or answer.status != 200 or not isinstance(request, dict):
        return answer
    content = json.loads(answer.body)
    if operation == "ListExecutions":
        machine = await _machine(str(request.get("stateMachineArn", "")), ask)
        since = machine["creationDate"] if machine else 0
        content["executions"] = [one for one in content["executions"] if one["startDate"] >= since]
    elif content["status"] not in ("SUCCEEDED", "RUNNING"):
        # What failed has an error and a cause, and no output.
        for name in ("output", "outputDetails"):
            content.pop(name, None)
    return HttpResponse(200, answer.headers, json.dumps(content).encode())


async def _refusal_of_fields(arn: str, ask: Ask) -> HttpResponse | None:
    """A state machine with fields that would be passed over is not started."""
    machine = await _machine(arn, ask)
    if machine and (field := _passed_over(machine["definition"])):
        text = f"{field} is not supported by the embedded AWS; use a state without it"
        return json_error("InvalidDefinition", text)
    return None


async def _refusal_of_execution(arn: str, ask: Ask) -> HttpResponse | None:
    """Executions are gone with their state machine, also where one of its name is made again."""
    described = await ask("DescribeExecution", arn, {"executionArn": arn})
    if described.status != 200:
        return None
    execution = json.loads(described.body)
    machine = await _machine(str(execution["stateMachineArn"]), ask)
    if machine is None or machine["creationDate"] > execution["startDate"]:
        return json_error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    return None


async def _machine(arn: str, ask: Ask) -> dict[str, Any] | None:
    # Versions, aliases and labels of map runs belong to the machine.
    arn = ":".join(arn.split(":")[:7]).partition("/")[0]
    described = await ask("DescribeStateMachine", arn, {"stateMachineArn": arn})
    machine: dict[str, Any] | None = json.loads(described.body)
    return machine if described.status == 200 else None


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
