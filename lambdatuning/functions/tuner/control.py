"""The steps of the state machine but measuring: routed by name, AWS clients made here."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from ...core.arn import parse_function_arn
from ...core.errors import LockedError, UsageError
from ...core.tuning.records import used_memory_mb
from ...core.tuning.state import BatchSummary, TunerState
from . import decide, lock
from .analyse import analyse
from .apply import apply, note_applied
from .clean import clean, clean_stopped
from .clients import PATIENT, client
from .function import Sleep, remove
from .prepare import PrepareServices, prepare
from .publish import Publisher, may_have_set, publish_missing, publish_next
from .storage import RunFolder, folder, price_book


@dataclass(frozen=True)
class ControlCall:
    """One call of the control function: what came in, and what it may use."""

    state: Any
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
        named = self.state.get("onlyClean") or self.state
        arn = (self.state.get("run") or {}).get("arn") or named.get("lambdaARN")
        return str(parse_function_arn(arn).unqualified)

    def confirms(self, run_id: str) -> bool:
        """Whether a run of the function is known: by the plan that it has in the bucket."""
        return self._folder_of(run_id).owner() is not None

    def may_have_set(self, run_id: str, memory_mb: int) -> bool:
        """Whether a run may have given the function that size: by its plan, which expires."""
        return may_have_set(self._folder_of(run_id), memory_mb)

    def _folder_of(self, run_id: str) -> RunFolder:
        name = parse_function_arn(self.function).name
        return folder(client("s3"), os.environ["SAMPLES_BUCKET"], name, run_id)

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
    call = ControlCall(
        state=event["state"],
        execution=event["execution"],
        started=event["started"],
        context=context,
        sleep=time.sleep,
    )
    name = event["step"]
    if name not in _STEPS:
        raise UsageError(f"unknown step {name!r}; deploy the state machine and its functions again")
    began_s = time.monotonic()
    return _timed(_STEPS[name](call), (time.monotonic() - began_s) * 1000)


def _timed(answer: Any, took_ms: float) -> Any:
    """The answer as it travels; a state with what this function is billed for on top, from which
    the next estimate learns."""
    if not isinstance(answer, TunerState):
        return answer
    return replace(answer, control_ms=round(answer.control_ms + took_ms)).to_json()


def _prepare(call: ControlCall) -> TunerState:
    if not isinstance(call.state, dict):
        raise UsageError('the execution input must be a JSON object with "lambdaARN" and "num"')
    services = PrepareServices(
        lambda_client=call.client,
        states=client("stepfunctions", config=PATIENT),
        s3=client("s3"),
        bucket=os.environ["SAMPLES_BUCKET"],
        account_id=call.context.invoked_function_arn.split(":")[4],
        sleep=call.sleep,
    )
    return prepare(call.state, call.execution, services)


def _publish(call: ControlCall) -> TunerState:
    remaining_ms = call.context.get_remaining_time_in_millis
    plan = call.store.read_plan()
    state = TunerState.from_json(call.state)
    publish = publish_next if state.step is None else publish_missing
    store = call.store

    def used_mb() -> int | None:
        return used_memory_mb(store.read_samples())

    return publish(state, Publisher(call.client, plan, remaining_ms, call.sleep, used_mb))


def _decide(call: ControlCall) -> TunerState:
    measured = call.state["measured"]
    rest = {name: value for name, value in call.state.items() if name != "measured"}
    state = TunerState.from_json(rest)
    if state.step is None:
        return decide.step(state, [BatchSummary.from_json(summary) for summary in measured])
    store = call.store
    explorer = partial(decide.explorer_now, store.read_plan(), store, call.started)
    return decide.state_after_round(state, measured, explorer)


def _analyse(call: ControlCall) -> TunerState:
    region, store = call.execution.split(":")[3], call.store
    prices = price_book(store.s3, store.read_plan().price_book)
    return analyse(TunerState.from_json(call.state), store, prices, call.started, region)


def _apply(call: ControlCall) -> TunerState:
    state = TunerState.from_json(call.state)
    state = apply(state, call.client, call.sleep, lambda: call.store.read_plan().target)
    applied = (state.output or {}).get("applied")
    if applied:
        note_applied(call.store, int(applied["power"]))
    return state


def _clean(call: ControlCall) -> Any:
    """The last step: its answer is the execution's output."""
    try:
        whose = (call.confirms, call.may_have_set)
        clean(call.client, call.function, call.execution, call.sleep, *whose)
    except (UsageError, ClientError) as exc:
        if call.state.get("run") or not _never_started(exc):
            raise
    return call.state.get("output")


def _only_clean(call: ControlCall) -> Any:
    """An execution for this alone: what a run that was stopped left on a function is put back, by
    the tuner's own role, whatever the rights of the caller. Its output names what was done."""
    stopped = call.state["onlyClean"].get("execution")
    states = client("stepfunctions", config=PATIENT)
    current = lock.read(call.client, call.function)
    owner = stopped or (current.execution if current else "")
    if owner and lock.running_since(states, owner):
        raise LockedError(f"{owner} is still running; stop it first, or wait for it")
    whose = (call.confirms, call.may_have_set)
    if stopped:
        cleaned = clean_stopped(call.client, call.function, stopped, call.sleep, *whose)
    else:
        cleaned = clean(call.client, call.function, None, call.sleep, *whose)
    if lock.read(call.client, call.function) is None:
        removed = remove(call.client, call.function, call.confirms)
        cleaned += [f"version {number}" for number in removed]
    return {"cleaned": cleaned}


def _never_started(error: Exception) -> bool:
    """Whether preparing cannot have taken the lock: no function was named, or none that this
    tuner may touch. Trying again, as for other errors, would only hold up the message."""
    if isinstance(error, ClientError):
        return "AccessDenied" in str(error.response["Error"]["Code"])
    return True


_STEPS: dict[str, Callable[[ControlCall], Any]] = {
    "prepare": _prepare,
    "publish": _publish,
    "decide": _decide,
    "analyse": _analyse,
    "apply": _apply,
    "clean": _clean,
    "onlyClean": _only_clean,
}
