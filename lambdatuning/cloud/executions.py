"""Executions of a state machine: started, followed, stopped, and the cause of a failure read."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ..core.errors import NotFoundError, RunFailedError, UsageError
from .session import Cloud

Sleep = Callable[[float], None]

_RUNNING = {"RUNNING", "PENDING_REDRIVE"}
INPUT_LIMIT_BYTES = 262_144


@dataclass(frozen=True)
class Execution:
    """An execution as DescribeExecution tells it; `output` is None until it succeeded."""

    arn: str
    state_machine_arn: str
    status: str
    started_at: datetime
    stopped_at: datetime | None
    input: Any
    output: Any
    error: str
    cause: str

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.status in _RUNNING

    @property
    def wall_ms(self) -> float | None:
        """From start to stop."""
        if self.stopped_at is None:
            return None
        return (self.stopped_at - self.started_at).total_seconds() * 1000


def start(cloud: Cloud, state_machine_arn: str, name: str, payload: Mapping[str, Any]) -> str:
    """Start an execution; its ARN. NotFoundError when there is no such state machine."""
    body = json.dumps(payload, separators=(",", ":"))
    if len(body.encode()) > INPUT_LIMIT_BYTES:
        raise UsageError("the input exceeds 256 KB; put the payload into S3 and pass payloadS3")
    try:
        answer = cloud.client("stepfunctions").start_execution(
            stateMachineArn=state_machine_arn, name=name, input=body
        )
    except ClientError as exc:
        if exc.response["Error"]["Code"] in {"StateMachineDoesNotExist", "InvalidArn"}:
            raise NotFoundError(
                f"there is no state machine {state_machine_arn}; `lambdatuning deploy` makes one"
            ) from exc
        raise
    return str(answer["executionArn"])


def describe(cloud: Cloud, execution_arn: str) -> Execution:
    """The execution as it stands."""
    answer = cloud.client("stepfunctions").describe_execution(executionArn=execution_arn)
    return Execution(
        arn=execution_arn,
        state_machine_arn=answer["stateMachineArn"],
        status=answer["status"],
        started_at=answer["startDate"],
        stopped_at=answer.get("stopDate"),
        input=_json(answer.get("input")),
        output=_unwrapped(_json(answer.get("output"))),
        error=answer.get("error", ""),
        cause=answer.get("cause", ""),
    )


def execution_arn(state_machine_arn: str, name: str) -> str:
    """The ARN that an execution of that name has, or will have."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"


def stop(cloud: Cloud, execution_arn: str, sleep: Sleep) -> None:
    """Stop an execution and wait until it stands still; its Catch does not run.

    One that was never started stands still already.
    """
    states = cloud.client("stepfunctions")
    try:
        states.stop_execution(
            executionArn=execution_arn, error="Stopped", cause="stopped by the user"
        )
        while describe(cloud, execution_arn).running:
            sleep(0.5)
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise


def list_executions(cloud: Cloud, state_machine_arn: str, limit: int) -> Iterator[str]:
    """The ARNs of a state machine's executions, newest first; NotFoundError without it."""
    pages = (
        cloud.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=state_machine_arn, PaginationConfig={"MaxItems": limit})
    )
    try:
        for page in pages:
            yield from (entry["executionArn"] for entry in page["executions"])
    except ClientError as exc:
        if exc.response["Error"]["Code"] in {"StateMachineDoesNotExist", "InvalidArn"}:
            raise NotFoundError(f"there is no state machine {state_machine_arn}") from exc
        raise


def failure(cloud: Cloud, execution: Execution) -> RunFailedError:
    """Why an execution gave no answer, in one line.

    Power Tuning ends SUCCEEDED with {} or null after an error: its cause is then in the history.
    """
    return RunFailedError(f"the tuning run failed: {cause(cloud, execution)} ({execution.arn})")


def cause(cloud: Cloud, execution: Execution) -> str:
    """The cause of a failure, from the execution or from its history."""
    if execution.cause or execution.error:
        return _cause_text(execution.error, execution.cause)
    return _cause_in_history(cloud, execution.arn) or "it left no output and no error"


def has_answer(execution: Execution) -> bool:
    """Whether it succeeded in fact: Power Tuning also ends SUCCEEDED after an error."""
    return execution.status == "SUCCEEDED" and bool(execution.output)


def _unwrapped(output: Any) -> Any:
    """Power Tuning's output also where a machine around it keeps it under `results`."""
    inner = output.get("results") if isinstance(output, dict) else None
    return inner if isinstance(inner, dict) and "power" in inner else output


def _cause_in_history(cloud: Cloud, execution_arn: str) -> str:
    pages = (
        cloud.client("stepfunctions")
        .get_paginator("get_execution_history")
        .paginate(executionArn=execution_arn, reverseOrder=True)
    )
    for page in pages:
        for event in page["events"]:
            for name, details in event.items():
                if name.endswith("FailedEventDetails") and isinstance(details, dict):
                    return _cause_text(details.get("error", ""), details.get("cause", ""))
    return ""


def _cause_text(error: str, cause: str) -> str:
    """The message of a failed Lambda task is JSON in the cause."""
    value = _json(cause) if cause.startswith("{") else None
    if isinstance(value, dict) and "errorMessage" in value:
        return " ".join(str(value["errorMessage"]).split())
    return " ".join(f"{error}: {cause}".strip(": ").split())


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text
