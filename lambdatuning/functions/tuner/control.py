"""The steps of the state machine but measuring: routed by name, AWS clients made here."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3

from ...core.arn import parse_function_arn
from ...core.billing import load_price_book
from ...core.errors import UsageError
from . import decide
from .analyse import analyse
from .apply import apply
from .clean import clean
from .function_config import Sleep
from .prepare import Services, prepare
from .publish import publish_sizes
from .storage import RunFolder, folder

State = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One call of the control function: what came in, and what it may use."""

    state: State
    execution: str
    started: str
    context: Any
    sleep: Sleep

    @property
    def store(self) -> RunFolder:
        """The run's folder in the samples bucket."""
        run = self.state["run"]
        return folder(boto3.client("s3"), os.environ["SAMPLES_BUCKET"], run["name"], run["id"])

    @property
    def client(self) -> Any:
        """Lambda, in the region of the function under test."""
        run = self.state.get("run") or {}
        arn = parse_function_arn(run.get("arn") or self.state.get("lambdaARN"))
        return boto3.client("lambda", region_name=arn.region)


def handle(event: dict[str, Any], context: Any) -> Any:
    """Run `event["step"]` on `event["state"]`; the answer is the next state."""
    step = Step(
        state=event["state"],
        execution=event["execution"],
        started=event["started"],
        context=context,
        sleep=time.sleep,
    )
    name = event["step"]
    if name not in _STEPS:
        raise UsageError(f"unknown step {name!r}; deploy the state machine and its functions anew")
    return _STEPS[name](step)


def _prepare(step: Step) -> State:
    raw = step.state
    arn = parse_function_arn(raw.get("lambdaARN")) if isinstance(raw, dict) else None
    services = Services(
        lambda_client=boto3.client("lambda", region_name=arn.region if arn else None),
        states=boto3.client("stepfunctions"),
        s3=boto3.client("s3"),
        bucket=os.environ["SAMPLES_BUCKET"],
        account_id=step.context.invoked_function_arn.split(":")[4],
        prices=load_price_book(),
        sleep=step.sleep,
    )
    return prepare(raw, step.execution, services)


def _publish(step: Step) -> State:
    remaining_ms = step.context.get_remaining_time_in_millis
    plan = step.store.read_plan()
    return publish_sizes(step.state, plan, step.client, remaining_ms, step.sleep)


def _decide(step: Step) -> State:
    return decide.step(step.state)


def _analyse(step: Step) -> State:
    region = step.execution.split(":")[3]
    return analyse(step.state, step.store, load_price_book(), step.started, region)


def _apply(step: Step) -> State:
    return apply(step.state, step.client, step.sleep)


def _clean(step: Step) -> Any:
    """The last step: its answer is the execution's output."""
    run = step.state.get("run") or {}
    arn = parse_function_arn(run.get("arn") or step.state.get("lambdaARN")).unqualified
    clean(step.client, str(arn), step.execution, step.sleep)
    return step.state.get("output")


_STEPS: dict[str, Callable[[Step], Any]] = {
    "prepare": _prepare,
    "publish": _publish,
    "decide": _decide,
    "analyse": _analyse,
    "apply": _apply,
    "clean": _clean,
}
