"""One invocation from request to outcome: environment, init phase, admission, report."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import faults, transcript
from .admission import Admission, Claim
from .environment import INIT_LIMIT_S, Environment, Ran
from .function import Facts, Fault, FunctionSpec, Outcome, Request
from .ledger import Ledger
from .log_events import LogEvent
from .pool import Pool
from .report import Report

LogSink = Callable[[FunctionSpec, str, list[LogEvent]], None]
"""Receives the function, the name of the log stream, and events to append."""


@dataclass
class _Course:
    """What has happened to one invocation so far; times in seconds unless named otherwise."""

    spec: FunctionSpec
    request: Request
    began: datetime
    cold: bool = False
    waited_s: float = 0.0
    spent_s: float = 0.0
    init_ms: float | None = None
    init_log: list[LogEvent] = field(default_factory=list)


class Invoker:
    """Runs invocations; safe to call from any number of threads."""

    def __init__(
        self, pool: Pool, admission: Admission, ledger: Ledger, log: LogSink, *, strict: bool
    ) -> None:
        self._pool = pool
        self._admission = admission
        self._ledger = ledger
        self._log = log
        self._strict = strict

    def invoke(self, spec: FunctionSpec, request: Request, caller_key: str = "") -> Outcome:
        """Run `request`; its answer, function errors included.

        `caller_key` is the access key that called: an environment of ours lends its CPU meanwhile.
        """
        caller = self._pool.by_key(caller_key) if caller_key else None
        claim = caller.claim if caller else None
        with claim.lent() if claim else nullcontext():
            course = _Course(spec, request, datetime.now(UTC))
            environment, fault = self._ready_environment(course)
            with self._ended_on_error(environment):
                if fault is None:
                    outcome = self._run(course, environment)
                else:
                    outcome = self._outcome(course, environment, _not_run(course, fault))
            self._pool.give_back(environment)
            self._ledger.add(outcome.facts)
        return outcome

    def _ready_environment(self, course: _Course) -> tuple[Environment, Fault | None]:
        """A started environment, or one that would not start and why.

        A failed init phase is tried once more as part of the invocation, as AWS does; then it
        counts into the invocation's duration.
        """
        if environment := self._pool.take(course.spec):
            return environment, None
        course.cold = True
        environment, fault = self._start(course, INIT_LIMIT_S, "init")
        if fault is None:
            course.init_ms = environment.init_ms
        else:
            self._pool.give_back(environment)
            environment, fault = self._start(course, course.spec.timeout_s, "invoke")
            course.spent_s = environment.init_ms / 1e3
        return environment, fault

    def _start(
        self, course: _Course, limit_s: float, phase: str
    ) -> tuple[Environment, Fault | None]:
        environment = self._pool.new(course.spec)
        one_core = self._admission.capacity_of_one_core
        with self._ended_on_error(environment), self._admitted(course, one_core) as claim:
            environment.claim = claim
            fault = environment.start(limit_s)
            environment.claim = None
        ended = datetime.now(UTC)
        events = transcript.init_start(course.spec, environment.interpreter, course.began)
        course.init_log = environment.take_log()
        if course.spec.snapstart and fault is None:
            events += transcript.restored(course.spec, environment.init_ms, ended)
        if fault is not None:
            events += course.init_log
            events += transcript.init_failed(course.spec, environment.init_ms, phase, fault, ended)
            course.init_log = []
        self._log(course.spec, environment.stream, events)
        return environment, fault

    def _run(self, course: _Course, environment: Environment) -> Outcome:
        memory_mb = course.spec.memory_mb
        with self._admitted(course, self._admission.weight(memory_mb)) as claim:
            environment.claim = claim
            course.began = datetime.now(UTC)
            share = self._admission.share(memory_mb)
            try:
                ran = environment.invoke(
                    course.request, share, strict=self._strict, spent_s=course.spent_s
                )
            finally:
                environment.claim = None
            # Before the next is let in: our own work would disturb what is measured of that.
            return self._outcome(course, environment, ran)

    @contextmanager
    def _ended_on_error(self, environment: Environment) -> Iterator[None]:
        """An error of ours, such as for a runtime unknown here, leaves no environment behind."""
        try:
            yield
        except BaseException:
            environment.close()
            self._pool.give_back(environment)
            raise

    @contextmanager
    def _admitted(self, course: _Course, weight: float) -> Iterator[Claim]:
        arrived = time.monotonic()
        with Claim(self._admission, weight) as claim:
            course.waited_s += time.monotonic() - arrived
            yield claim

    def _outcome(self, course: _Course, environment: Environment, ran: Ran) -> Outcome:
        spec, request_id = course.spec, course.request.request_id
        numbers = _report(course, environment, ran)
        times = (course.began, datetime.now(UTC))
        printed = course.init_log, ran.log
        events = transcript.invocation(spec, printed, ran.fault, numbers, times)
        self._log(spec, environment.stream, events)
        return Outcome(
            payload=faults.body(ran.fault, request_id) if ran.fault else ran.payload,
            error=numbers.status != "success",
            lines=tuple(event.text for event in events),
            facts=_facts(course, environment, ran, numbers),
        )


def _not_run(course: _Course, fault: Fault) -> Ran:
    return Ran(b"", fault.error_type, fault, [], course.spent_s * 1e3, 0.0, 0.0, 0.0)


def _report(course: _Course, environment: Environment, ran: Ran) -> Report:
    error_type = ran.fault.error_type if ran.fault else ran.error_type
    status = ran.fault.status if ran.fault else ("error" if ran.error_type else "success")
    return Report(
        request_id=course.request.request_id,
        duration_ms=ran.duration_ms,
        memory_mb=course.spec.memory_mb,
        max_memory_mb=_max_memory_mb(environment, error_type),
        init_ms=None if course.spec.snapstart else course.init_ms,
        restore_ms=course.init_ms if course.spec.snapstart else None,
        status=status,
        error_type=error_type,
    )


def _max_memory_mb(environment: Environment, error_type: str) -> int:
    # Killed at the limit, it leaves nothing to read the maximum from.
    if error_type == "Runtime.OutOfMemory":
        return environment.spec.memory_mb
    return environment.peak_memory_mb()


def _facts(course: _Course, environment: Environment, ran: Ran, numbers: Report) -> Facts:
    return Facts(
        request_id=numbers.request_id,
        function=course.spec.arn,
        memory_mb=numbers.memory_mb,
        environment=environment.stream,
        cpu_ms=ran.cpu_ms,
        stolen_ms=ran.stolen_ms,
        waited_ms=course.waited_s * 1e3,
        held_ms=ran.held_ms,
        cold=course.cold,
        duration_ms=round(numbers.duration_ms, 2),
        billed_ms=numbers.billed_ms + numbers.billed_restore_ms,
        init_ms=numbers.init_ms,
        max_memory_mb=numbers.max_memory_mb,
        status=numbers.status,
    )
