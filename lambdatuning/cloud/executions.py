"""Executions of a state machine: started, followed, stopped, and the cause of a failure read."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ..core.arn import region_of
from ..core.errors import NotFoundError, RunFailedError, UsageError
from ..functions.tuner.function import Sleep
from ..functions.tuner.lock import ALIVE
from .session import Cloud

INPUT_LIMIT_BYTES = 262_144


@dataclass(frozen=True)
class Execution:
    """An execution as DescribeExecution describes it. `input` is {} where it is no JSON object;
    `output` is None until it succeeded."""

    arn: str
    state_machine_arn: str
    status: str
    started_at: datetime
    stopped_at: datetime | None
    input: Mapping[str, Any]
    output: Any
    error: str
    cause: str

    @property
    def name(self) -> str:
        """Its name, by which a run of ours is stored."""
        return self.arn.rpartition(":")[2]

    @property
    def function_arn(self) -> str:
        """The function that it tunes; "" where its input names none."""
        return str(self.input.get("lambdaARN", ""))

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.status in ALIVE

    @property
    def wall_ms(self) -> float | None:
        """From start to stop."""
        if self.stopped_at is None:
            return None
        return (self.stopped_at - self.started_at).total_seconds() * 1000


def states_of(cloud: Cloud, arn: str) -> Any:
    """Step Functions in the region of a state machine or an execution."""
    return cloud.client("stepfunctions", region=region_of(arn) or None)


def start(cloud: Cloud, state_machine_arn: str, name: str, payload: Mapping[str, Any]) -> str:
    """Start an execution; its ARN. NotFoundError when there is no such state machine."""
    body = json.dumps(payload, separators=(",", ":"))
    if len(body.encode()) > INPUT_LIMIT_BYTES:
        raise UsageError("the input exceeds 256 KB; put the payload into S3 and pass payloadS3")
    try:
        answer = states_of(cloud, state_machine_arn).start_execution(
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
    """The execution as it stands; NotFoundError where there is none."""
    try:
        states = states_of(cloud, execution_arn)
        answer = states.describe_execution(executionArn=execution_arn)
    except ClientError as exc:
        if exc.response["Error"]["Code"] in {"ExecutionDoesNotExist", "InvalidArn"}:
            raise NotFoundError(
                f"there is no execution {execution_arn}; AWS keeps them for 90 days"
            ) from exc
        raise
    execution_input = _json(answer.get("input"))
    return Execution(
        arn=execution_arn,
        state_machine_arn=answer["stateMachineArn"],
        status=answer["status"],
        started_at=answer["startDate"],
        stopped_at=answer.get("stopDate"),
        input=execution_input if isinstance(execution_input, dict) else {},
        output=_unwrapped(_json(answer.get("output"))),
        error=answer.get("error") or "",
        cause=answer.get("cause") or "",
    )


def execution_arn(state_machine_arn: str, name: str) -> str:
    """The ARN that an execution of that name has, or will have, also when it is started by a
    version or an alias of the state machine."""
    state_machine_arn = ":".join(state_machine_arn.split(":")[:7])
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:', 1)}:{name}"


def stop(cloud: Cloud, execution_arn: str, sleep: Sleep) -> None:
    """Stop an execution and wait until it stands still; its Catch does not run.

    One that was never started stands still already.
    """
    states = states_of(cloud, execution_arn)
    try:
        states.stop_execution(
            executionArn=execution_arn, error="Stopped", cause="stopped by the user"
        )
        while describe(cloud, execution_arn).running:
            sleep(0.5)
    except NotFoundError:
        return
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise


def list_executions(cloud: Cloud, state_machine_arn: str, limit: int) -> Iterator[str]:
    """The ARNs of a state machine's executions, newest first; NotFoundError without it."""
    pages = (
        states_of(cloud, state_machine_arn)
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
    """The cause of a failure in one line, from the execution or from its history."""
    if execution.cause or execution.error:
        return cause_text(execution.error, execution.cause)
    return _cause_in_history(cloud, execution.arn) or _ENDS.get(
        execution.status, "it left no output and no error"
    )


_ENDS = {"TIMED_OUT": "it timed out", "ABORTED": "it was stopped"}
"""What the status alone tells."""


def has_answer(execution: Execution) -> bool:
    """Whether it succeeded in fact: Power Tuning also ends SUCCEEDED after an error."""
    return execution.status == "SUCCEEDED" and bool(execution.output)


def _unwrapped(output: Any) -> Any:
    """Power Tuning's output also where a machine around it keeps it under `results`."""
    inner = output.get("results") if isinstance(output, dict) else None
    return inner if isinstance(inner, dict) and "power" in inner else output


def _cause_in_history(cloud: Cloud, execution_arn: str) -> str:
    pages = (
        states_of(cloud, execution_arn)
        .get_paginator("get_execution_history")
        .paginate(executionArn=execution_arn, PaginationConfig={"PageSize": _HISTORY_PAGE})
    )
    try:
        return cause_of([event for page in pages for event in page["events"]])
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in _UNREADABLE:
            raise
        return f"its history cannot be read ({exc.response['Error']['Code']})"


_HISTORY_PAGE = 1000
_UNREADABLE = {"AccessDeniedException", "ExecutionDoesNotExist"}


def cause_of(events: Iterable[Mapping[str, Any]]) -> str:
    """Why an execution failed, by the events of its history; "" where none of them tells.

    The newest failure counts: what is older was caught and did not end the work. Its event often
    names a Map's iteration only, so that the events before it in the same path are asked in turn.
    """
    by_id = {event["id"]: event for event in events}
    for number in sorted(by_id, reverse=True):
        event = by_id[number]
        if event["type"].endswith(_FAILURES) and (cause := _cause_behind(event, by_id)):
            return cause
    return ""


_FAILURES = ("Failed", "TimedOut", "Aborted")


def _cause_behind(event: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]) -> str:
    here: Mapping[str, Any] | None = event
    while here is not None:
        for name, details in here.items():
            if name.endswith("EventDetails") and isinstance(details, Mapping):
                error, cause = details.get("error") or "", details.get("cause") or ""
                if error or cause:
                    return cause_text(error, cause)
        if here["type"].endswith("StateEntered"):
            return ""
        previous = here.get("previousEventId")
        # The numbers fall: a history that says otherwise is not followed in a circle.
        here = by_id.get(previous) if previous and previous < here["id"] else None
    return ""


def cause_text(error: str, cause: str) -> str:
    """The message of a failure: a failed Lambda task's is JSON in the cause.

    >>> cause_text("Error", '{"errorType": "Error", "errorMessage": "no table"}')
    'no table'
    """
    value = _json(cause) if cause.lstrip().startswith("{") else None
    if isinstance(value, dict) and value.get("errorMessage"):
        return " ".join(str(value["errorMessage"]).split())
    if isinstance(value, dict) and value.get("errorType"):
        return str(value["errorType"])
    return " ".join(f"{error}: {cause}".strip(": ").split())


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text
