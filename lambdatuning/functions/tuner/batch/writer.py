"""Stores samples as parts, once the execution environment of each is known."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ....core.plan import Batch
from ....core.samples import Sample
from ..storage import RunFolder
from .answer import LOST
from .environments import environments
from .invoke import Caller

_PATIENCE_S = 20.0
"""How long a sample waits for its log stream before it is stored without an environment."""

_CLOCK_SKEW = timedelta(seconds=5)

Now = Callable[[], datetime]


@dataclass
class Writer:
    """The samples of one batch that are not stored yet; `logs` is a boto3 client."""

    caller: Caller
    batch: Batch
    store: RunFolder
    logs: Any
    token: str
    waiting: list[tuple[float, Sample]] = field(default_factory=list)
    parts: int = 0

    def write(self, now_s: float) -> None:
        """Store as one part what is known or has waited long enough."""
        if not self.waiting:
            return
        known = self._environments()
        ready = [
            replace(sample, environment=(known or {}).get(sample.request_id, ""))
            for since_s, sample in self.waiting
            if known is None
            or sample.request_id in known
            or sample.request_id.startswith(LOST)
            or now_s - since_s > _PATIENCE_S
        ]
        if not ready:
            return
        stored = {sample.request_id for sample in ready}
        self.waiting = [entry for entry in self.waiting if entry[1].request_id not in stored]
        name = f"{part_prefix(self.batch)}{self.token}-{self.parts:04d}"
        lost = [sample for sample in ready if sample.request_id.startswith(LOST)]
        found = [sample for sample in ready if not sample.request_id.startswith(LOST)]
        if lost:
            self.store.write_lost(name, lost)
        if found:
            self.store.write_part(name, found)
        self.parts += 1

    def _environments(self) -> dict[str, str] | None:
        """Only the logs since the oldest sample that waits are read: a batch may be long."""
        oldest = min(datetime.fromisoformat(sample.started_at) for _, sample in self.waiting)
        since_ms = int((oldest - _CLOCK_SKEW).timestamp() * 1000)
        days = stream_days(oldest, self.caller.now())
        target = self.caller.plan.target
        return environments(self.logs, target, self.batch.version, days, since_ms)


def part_prefix(batch: Batch) -> str:
    """How the names of a batch's parts begin: a batch that is run again finds what it stored."""
    return f"{size_prefix(batch.memory_mb)}{batch.work.round:04d}-{sum(batch.done):08d}-"


def size_prefix(memory_mb: int) -> str:
    """How the names of a size's parts begin."""
    return f"{memory_mb:05d}-"


def stream_days(oldest: datetime, now: datetime) -> list[str]:
    """The days, `YYYY/MM/DD`, on which a stream that is still written to may have begun.

    A stream is named after the day on which its environment began, which for an environment that
    lived through midnight is the day before.
    """
    return sorted({f"{day:%Y/%m/%d}" for day in (oldest - timedelta(hours=1), oldest, now)})
