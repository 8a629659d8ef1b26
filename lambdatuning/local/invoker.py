"""One invocation from request to outcome: environment, init phase, admission, report."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime

from . import faults
from .admission import Admission, CoreClaim
from .function import Facts, Fault, FunctionSpec, Outcome, Request
from .logs import platform
from .logs.platform import ReportLine
from .logs.printed import LogEvent
from .pool import Pool
from .runtime.environment import INIT_LIMIT_S, Environment, HandlerRun

CAPACITY = 50_000
"""About 30 MB; a large tuning run has some 5,000."""


class Ledger:
    """The last `capacity` invocations, by request id and in order of completion."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._sequence = 0
        self._rows: OrderedDict[str, tuple[int, Facts]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, facts: Facts) -> None:
        """Remember one invocation, forgetting the oldest when full."""
        with self._lock:
            self._sequence += 1
            self._rows[facts.request_id] = (self._sequence, facts)
            if len(self._rows) > self._capacity:
                self._rows.popitem(last=False)

    def of(self, request_ids: list[str]) -> list[dict[str, object]]:
        """Rows of these request ids; unknown or forgotten ones are left out."""
        with self._lock:
            rows = [self._rows[rid] for rid in request_ids if rid in self._rows]
        return [_row(*entry) for entry in rows]

    def since(self, sequence: int) -> list[dict[str, object]]:
        """Rows completed after the row numbered `sequence` (0: all that are remembered)."""
        with self._lock:
            newest_first = []
            for entry in reversed(self._rows.values()):
                if entry[0] <= sequence:
                    break
                newest_first.append(entry)
        return [_row(*entry) for entry in reversed(newest_first)]


_FACTS = tuple(fact.name for fact in fields(Facts))


def _row(sequence: int, facts: Facts) -> dict[str, object]:
    return {"sequence": sequence, **{name: getattr(facts, name) for name in _FACTS}}


LogSink = Callable[[FunctionSpec, str, list[LogEvent]], None]
"""Receives the function, the name of the log stream, and events to append."""


@dataclass
class _Progress:
    """What has happened to one invocation so far; times in seconds unless named otherwise."""

    spec: FunctionSpec
    request: Request
    started: datetime
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
        RuntimeError where the server is stopping.
        """
        caller = self._pool.by_key(caller_key) if caller_key else None
        claim = caller.claim if caller else None
        with claim.lent() if claim else nullcontext():
            progress = _Progress(spec, request, datetime.now(UTC))
            environment, fault = self._ready_environment(progress)
            try:
                if fault is None:
                    outcome = self._run(progress, environment)
                else:
                    outcome = self._outcome(progress, environment, _not_run(progress, fault))
                if outcome.error:
                    self._pool.check_open()
            except BaseException:
                self._end(environment)
                raise
            self._pool.give_back(environment)
            self._ledger.add(outcome.facts)
        return outcome

    def _ready_environment(self, progress: _Progress) -> tuple[Environment, Fault | None]:
        """A started environment, or one that would not start and why.

        A failed init phase is tried once more as part of the invocation, as AWS does; then it
        counts into the invocation's duration.
        """
        if environment := self._pool.take(progress.spec):
            return environment, None
        progress.cold = True
        environment, fault = self._start(progress, INIT_LIMIT_S, "init")
        if fault is None:
            progress.init_ms = environment.init_ms
        else:
            self._pool.give_back(environment)
            environment, fault = self._start(progress, progress.spec.timeout_s, "invoke")
            progress.spent_s = environment.init_ms / 1e3
        return environment, fault

    def _start(
        self, progress: _Progress, limit_s: float, phase: str
    ) -> tuple[Environment, Fault | None]:
        environment = self._pool.new(progress.spec)
        try:
            with CoreClaim(self._admission, self._admission.capacity_of_one_core) as claim:
                progress.waited_s += claim.waited_s
                environment.claim = claim
                fault = environment.start(limit_s)
                environment.claim = None
        except BaseException:
            self._end(environment)
            raise
        ended = datetime.now(UTC)
        events = platform.init_start(progress.spec, environment.interpreter, progress.started)
        progress.init_log = environment.take_log()
        progress.init_log += platform.extensions(progress.spec, environment.extensions, ended)
        if progress.spec.snapstart and fault is None:
            events += platform.restored(progress.spec, environment.init_ms, ended)
        if fault is not None:
            events += progress.init_log
            events += platform.init_failed(progress.spec, environment.init_ms, phase, fault, ended)
            progress.init_log = []
        self._log(progress.spec, environment.stream, events)
        return environment, fault

    def _run(self, progress: _Progress, environment: Environment) -> Outcome:
        memory_mb = progress.spec.memory_mb
        with CoreClaim(self._admission, self._admission.weight(memory_mb)) as claim:
            progress.waited_s += claim.waited_s
            environment.claim = claim
            progress.started = datetime.now(UTC)
            share = self._admission.share(memory_mb)
            try:
                ran = environment.invoke(
                    progress.request, share, strict=self._strict, spent_s=progress.spent_s
                )
            finally:
                environment.claim = None
            # Before the next is let in: our own work would disturb what is measured of that.
            return self._outcome(progress, environment, ran)

    def _end(self, environment: Environment) -> None:
        """An error of ours, such as for a runtime unknown here, leaves no environment behind."""
        environment.close()
        self._pool.give_back(environment)

    def _outcome(self, progress: _Progress, environment: Environment, ran: HandlerRun) -> Outcome:
        spec, request_id = progress.spec, progress.request.request_id
        numbers = _report(progress, environment, ran)
        times = (progress.started, datetime.now(UTC))
        printed = progress.init_log, ran.log
        events = platform.invocation(spec, printed, ran.fault, numbers, times)
        self._log(spec, environment.stream, events)
        return Outcome(
            payload=faults.body(ran.fault, request_id) if ran.fault else ran.payload,
            error=numbers.status != "success",
            lines=tuple(event.text for event in events),
            facts=_facts(progress, environment, ran, numbers),
        )


def _not_run(progress: _Progress, fault: Fault) -> HandlerRun:
    return HandlerRun(b"", fault.error_type, fault, [], progress.spent_s * 1e3, 0.0, 0.0, 0.0)


def _report(progress: _Progress, environment: Environment, ran: HandlerRun) -> ReportLine:
    error_type = ran.fault.error_type if ran.fault else ran.error_type
    status = ran.fault.status if ran.fault else ("error" if ran.error_type else "success")
    return ReportLine(
        request_id=progress.request.request_id,
        duration_ms=ran.duration_ms,
        memory_mb=progress.spec.memory_mb,
        max_memory_mb=_max_memory_mb(environment, error_type),
        init_ms=None if progress.spec.snapstart else progress.init_ms,
        restore_ms=progress.init_ms if progress.spec.snapstart else None,
        status=status,
        error_type=error_type,
    )


def _max_memory_mb(environment: Environment, error_type: str) -> int:
    # Killed at the limit, it leaves nothing to read the maximum from.
    if error_type == "Runtime.OutOfMemory":
        return environment.spec.memory_mb
    return environment.peak_memory_mb()


def _facts(
    progress: _Progress, environment: Environment, ran: HandlerRun, numbers: ReportLine
) -> Facts:
    return Facts(
        request_id=numbers.request_id,
        function=progress.spec.arn,
        memory_mb=numbers.memory_mb,
        environment=environment.stream,
        cpu_ms=ran.cpu_ms,
        stolen_ms=ran.stolen_ms,
        waited_ms=progress.waited_s * 1e3,
        held_ms=ran.held_ms,
        cold=progress.cold,
        duration_ms=round(numbers.duration_ms, 2),
        billed_ms=numbers.billed_ms,
        init_ms=numbers.init_ms,
        max_memory_mb=numbers.max_memory_mb,
        status=numbers.status,
    )
