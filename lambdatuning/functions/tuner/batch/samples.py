"""Samples stored as parts; those that were not waited for are read from the logs.

A function may run for 900 s, and so may the one that measures it. What is not back by then is
never sent again, since it is billed; its START and REPORT lines tell later what it took. Neither
has anything of ours in it, so that the request is known by the moment of its start.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ....core.pricing import PriceBook
from ....core.tuning.plan import Batch
from ....core.tuning.records import RunPlan, Sample
from ..function import Sleep
from ..storage import RunFolder
from .invoke import LOST, Caller, completed
from .traces import LogsUnreadableError, Trace, environments, traces

_PATIENCE_S = 20.0
"""How long a sample waits for its log stream before it is stored without an environment."""

_UNKNOWN = "execution environments are not known"

_CLOCK_SKEW = timedelta(seconds=5)

Now = Callable[[], datetime]


@dataclass
class Writer:
    """The samples of one batch that are not stored yet; `logs` is a boto3 client.

    Logs tell which environment served a sample. Where they cannot be read it is stored without,
    and `warning` says why: that costs certainty, never a sample. `delay` is why they were not there
    when last looked at.
    """

    caller: Caller
    batch: Batch
    store: RunFolder
    logs: Any
    token: str
    waiting: list[tuple[float, Sample]] = field(default_factory=list)
    parts: int = 0
    warning: str = ""
    delay: str = ""

    def write(self, now_s: float) -> None:
        """Store as one part what is known or has waited long enough."""
        if not self.waiting:
            return
        self.delay = ""
        environment_of = self._environments()
        ready = [
            replace(sample, environment=(environment_of or {}).get(sample.request_id, ""))
            for since_s, sample in self.waiting
            if environment_of is None
            or sample.request_id in environment_of
            or sample.request_id.startswith(LOST)
            or now_s - since_s > _PATIENCE_S
        ]
        if not ready:
            return
        stored = {sample.request_id for sample in ready}
        self.waiting = [entry for entry in self.waiting if entry[1].request_id not in stored]
        name = f"{part_prefix(self.batch)}{self.token}-{self.parts:04d}"
        lost = [sample for sample in ready if sample.request_id.startswith(LOST)]
        complete = [sample for sample in ready if not sample.request_id.startswith(LOST)]
        if lost:
            self.store.write_lost(name, lost)
        if complete:
            self._note_unknown(complete)
            self.store.write_part(name, complete)
        self.parts += 1

    def _note_unknown(self, stored: Iterable[Sample]) -> None:
        """Say it once where logs that could be read did not come in time."""
        if self.warning or all(sample.environment for sample in stored):
            return
        why = self.delay or (
            f"no REPORT line was in {self.caller.plan.target.log_group} after {_PATIENCE_S:.0f} s: "
            "see that the function's role may write there, or measure again later"
        )
        self.warning = f"{_UNKNOWN} of some invocations: {why}"

    def _environments(self) -> dict[str, str] | None:
        """Only the logs since the oldest sample that waits are read: a batch may be long."""
        oldest = min(datetime.fromisoformat(sample.started_at) for _, sample in self.waiting)
        since_ms = int((oldest - _CLOCK_SKEW).timestamp() * 1000)
        days = stream_days(oldest, self.caller.now())
        target = self.caller.plan.target
        try:
            return environments(
                self.logs, target, self.batch.version, days, since_ms, self._delayed
            )
        except LogsUnreadableError as exc:
            self.warning = f"{_UNKNOWN}: {exc}"
            return None

    def _delayed(self, why: str) -> None:
        self.delay = why


def part_prefix(batch: Batch) -> str:
    """How the names of a batch's parts begin: a batch that is run again finds what it stored."""
    return f"{size_prefix(batch.memory_mb)}{batch.work.round:04d}-{sum(batch.done):08d}-"


def size_prefix(memory_mb: int) -> str:
    """How the names of a size's parts begin."""
    return f"{memory_mb:05d}-"


def stream_days(oldest: datetime, now: datetime) -> list[str]:
    """The days, `YYYY/MM/DD`, on which a stream that is still written to may have started.

    A stream is named after the day on which its environment began, which for an environment that
    lived through midnight is the day before.
    """
    return sorted({f"{day:%Y/%m/%d}" for day in (oldest - timedelta(hours=1), oldest, now)})


# Invocations that were not waited for to the end: found again in the logs, by when they began.


_LATE = timedelta(seconds=90)
"""How long after the function's timeout its lines may still arrive."""
_EARLIEST, _LATEST = timedelta(seconds=-5), timedelta(seconds=60)
"""From sending to START: clocks differ, and a cold start comes first."""
_SAME_MOMENT = timedelta(seconds=2)
"""Two that began closer together than this cannot be told apart."""
_SEARCH_PAUSE_S = 10.0


@dataclass(frozen=True)
class Finder:
    """Looks for lost invocations of a run; `logs` is a boto3 client."""

    plan: RunPlan
    prices: PriceBook
    logs: Any
    now: Now
    sleep: Sleep

    def complete(self, store: RunFolder, memory_mb: int, within_s: float) -> None:
        """Store the lost samples of a size as its last part: with their numbers where they are
        found within the time, as failures where not. Safe to repeat."""
        prefix = size_prefix(memory_mb)
        lost = list(store.read_lost(prefix))
        if not lost:
            return
        numbered = (part for digit in "01" for part in store.read_samples(f"{prefix}{digit}"))
        complete_ids = {sample.request_id for sample in numbered}
        store.write_part(f"{prefix}lost", self.completed(lost, complete_ids, within_s))

    def completed(
        self, lost: Sequence[Sample], complete_ids: Collection[str], within_s: float
    ) -> list[Sample]:
        """Each lost sample, completed where its report is in the logs."""
        last = max(_began(sample) for sample in lost)
        timeout = timedelta(seconds=self.plan.target.timeout_s)
        ends = min(self.now() + timedelta(seconds=within_s), last + timeout + _LATE)
        while True:
            complete = self._matched(lost, complete_ids)
            if all(not sample.request_id.startswith(LOST) for sample in complete):
                return complete
            if self.now() >= ends:
                return complete
            self.sleep(_SEARCH_PAUSE_S)

    def _matched(self, lost: Sequence[Sample], complete_ids: Collection[str]) -> list[Sample]:
        complete: list[Sample] = []
        used_ids = set(complete_ids)
        for sample in sorted(lost, key=_began):
            trace = None if _ambiguous(sample, lost) else self._trace(sample, used_ids)
            if trace is None or trace.report is None:
                complete.append(sample)
                continue
            used_ids.add(trace.request_id)
            numbers = completed(self.plan, self.prices, sample, trace.report, trace.error)
            complete.append(replace(numbers, environment=trace.environment))
        return complete

    def _trace(self, sample: Sample, used_ids: Collection[str]) -> Trace | None:
        """The request that nobody else has and that began soonest after the sample was sent."""
        began = _began(sample)
        version = sample.request_id.removeprefix(LOST).partition("-")[0]
        since_ms = int((began + _EARLIEST).timestamp() * 1000)
        days = stream_days(began, self.now())
        candidates = traces(self.logs, self.plan.target, version, days, since_ms)
        return _nearest(began, (trace for trace in candidates if trace.request_id not in used_ids))


def _nearest(began: datetime, candidates: Iterable[Trace]) -> Trace | None:
    near = [t for t in candidates if _EARLIEST <= t.started_at - began <= _LATEST]
    return min(near, key=lambda trace: abs(trace.started_at - began), default=None)


def _ambiguous(sample: Sample, lost: Sequence[Sample]) -> bool:
    """Whether another payload type was lost that began at the same moment."""
    return any(
        other.payload != sample.payload and abs(_began(other) - _began(sample)) < _SAME_MOMENT
        for other in lost
    )


def _began(sample: Sample) -> datetime:
    return datetime.fromisoformat(sample.started_at)
