"""Step Functions: fields that would be passed over, failures without output, machines deleted."""

import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from .asgi import Answer

PREFIX = "AWSStepFunctions."
PASSED_OVER = {
    *("HeartbeatSecondsPath", "ItemBatcher", "ResultWriter", "TimeoutSecondsPath"),
    *("ToleratedFailureCountPath", "ToleratedFailurePercentagePath"),
}
"""Fields of states that ministack does not read, and without which a state means something else."""
_FREE = {"Parameters", "Arguments", "Result", "ResultSelector", "ItemSelector", "Assign", "Output"}
"""Fields whose contents are the author's own, whatever they are called."""
_OF_EXECUTION = {
    *("DescribeExecution", "DescribeStateMachineForExecution", "GetExecutionHistory"),
    *("RedriveExecution", "StopExecution"),
}

Call = Callable[[str, object], Awaitable[Answer]]
"""Calls an operation of Step Functions as the caller would, and gives the answer."""


async def answered(operation: str, given: Any, call: Call) -> Answer | None:
    """The answer to what is answered other than ministack would; None for all the rest."""
    if not isinstance(given, dict):
        return None
    if operation in ("StartExecution", "StartSyncExecution"):
        return await _refusal_of_fields(given, call)
    if operation in _OF_EXECUTION:
        return await _of_execution(operation, given, call)
    if operation == "ListExecutions" and "stateMachineArn" in given:
        return await _listed(given, call)
    return None


async def _refusal_of_fields(given: dict[str, Any], call: Call) -> Answer | None:
    """A state machine with fields that would be passed over is not started."""
    machine = await _machine(str(given.get("stateMachineArn", "")), call)
    if machine and (field := _passed_over(machine["definition"])):
        text = f"{field} is not supported by the embedded AWS; use a state without it"
        return _error("InvalidDefinition", text)
    return None


async def _of_execution(operation: str, given: dict[str, Any], call: Call) -> Answer | None:
    """Executions are gone with their state machine; one that failed has no output."""
    arn = str(given.get("executionArn", ""))
    described = await call("DescribeExecution", {"executionArn": arn})
    if described.status != 200:
        return None
    execution = json.loads(described.body)
    machine = await _machine(str(execution["stateMachineArn"]), call)
    if machine is None or machine["creationDate"] > execution["startDate"]:
        return _error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    if operation != "DescribeExecution":
        return None
    if execution["status"] not in ("SUCCEEDED", "RUNNING"):
        for name in ("output", "outputDetails"):
            execution.pop(name, None)
    return Answer(200, described.headers, json.dumps(execution).encode())


async def _listed(given: dict[str, Any], call: Call) -> Answer | None:
    machine = await _machine(str(given["stateMachineArn"]), call)
    if machine is None:
        return None
    answer = await call("ListExecutions", given)
    if answer.status != 200:
        return answer
    listed = json.loads(answer.body)
    listed["executions"] = [
        one for one in listed["executions"] if one["startDate"] >= machine["creationDate"]
    ]
    return Answer(200, answer.headers, json.dumps(listed).encode())


async def _machine(arn: str, call: Call) -> dict[str, Any] | None:
    # Versions, aliases and labels of map runs belong to the machine.
    arn = ":".join(arn.split(":")[:7]).partition("/")[0]
    described = await call("DescribeStateMachine", {"stateMachineArn": arn})
    machine: dict[str, Any] | None = json.loads(described.body)
    return machine if described.status == 200 else None


def _error(kind: str, text: str) -> Answer:
    body = json.dumps({"__type": kind, "message": text}).encode()
    return Answer(400, [("content-type", "application/x-amz-json-1.0")], body)


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
