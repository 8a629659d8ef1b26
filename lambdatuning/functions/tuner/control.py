"""The steps of the state machine but measuring: routed by name, AWS clients made here."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from ...core.arn import parse_function_arn
from ...core.errors import UsageError
from . import decide
from .analyse import analyse
from .apply import apply
from .clean import clean
from .clients import PATIENT, client
from .exploring import explore, rounds
from .prepare import Services, prepare
from .prices import price_book
from .publish import Publisher, publish_next, publish_wanted
from .storage import RunFolder, folder
from .target.config import Sleep

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
        return folder(client("s3"), os.environ["SAMPLES_BUCKET"], run["name"], run["id"])

    @property
    def function(self) -> str:
        """The unqualified ARN of the function under test; UsageError for what is none."""
        run = self.state.get("run") or {}
        return str(parse_function_arn(run.get("arn") or self.state.get("lambdaARN")).unqualified)

    @property
    def client(self) -> Any:
        """Lambda, in the region of the function under test."""
        region = parse_function_arn(self.function).region
        return client("lambda", region, PATIENT)


def get_ready() -> None:
    """Make the clients of this region, which the first step would have to wait for."""
    client("s3")
    client("stepfunctions", config=PATIENT)
    client("lambda", os.environ["AWS_REGION"], PATIENT)


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
    began_s = time.monotonic()
    return _timed(_STEPS[name](step), (time.monotonic() - began_s) * 1000)


def _timed(state: Any, took_ms: float) -> Any:
    """A state with what this function is billed for on top: the next estimate learns from it."""
    if not isinstance(state, dict) or "run" not in state:
        return state
    return {**state, "controlMs": round(state.get("controlMs", 0) + took_ms)}


def _prepare(step: Step) -> State:
    if not isinstance(step.state, dict):
        raise UsageError('the execution input must be a JSON object with "lambdaARN" and "num"')
    services = Services(
        lambda_client=step.client,
        states=client("stepfunctions", config=PATIENT),
        s3=client("s3"),
        bucket=os.environ["SAMPLES_BUCKET"],
        account_id=step.context.invoked_function_arn.split(":")[4],
        sleep=step.sleep,
    )
    return prepare(step.state, step.execution, services)


def _publish(step: Step) -> State:
    remaining_ms = step.context.get_remaining_time_in_millis
    plan = step.store.read_plan()
    publish = publish_wanted if explore.is_adaptive(step.state) else publish_next
    return publish(step.state, Publisher(step.client, plan, remaining_ms, step.sleep))


def _decide(step: Step) -> State:
    if not explore.is_adaptive(step.state):
        return decide.step(step.state)
    store = step.store
    explorer = partial(explore.explorer_now, store.read_plan(), store, step.started)
    return rounds.ended(step.state, explorer)


def _analyse(step: Step) -> State:
    region, store = step.execution.split(":")[3], step.store
    prices = price_book(store.s3, store.read_plan().price_book)
    return analyse(step.state, store, prices, step.started, region)


def _apply(step: Step) -> State:
    return apply(step.state, step.client, step.sleep)


def _clean(step: Step) -> Any:
    """The last step: its answer is the execution's output."""
    try:
        clean(step.client, step.function, step.execution, step.sleep)
    except (UsageError, ClientError) as exc:
        if step.state.get("run") or not _never_begun(exc):
            raise
    return step.state.get("output")


def _never_begun(error: Exception) -> bool:
    """Whether preparing cannot have taken the lock: no function was named, or none that this
    tuner may touch. Trying again, as for other errors, would only hold up the message."""
    if isinstance(error, ClientError):
        return "AccessDenied" in str(error.response["Error"]["Code"])
    return True


_STEPS: dict[str, Callable[[Step], Any]] = {
    "prepare": _prepare,
    "publish": _publish,
    "decide": _decide,
    "analyse": _analyse,
    "apply": _apply,
    "clean": _clean,
}
