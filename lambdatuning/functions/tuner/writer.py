"""Stores samples as parts, once the execution environment of each is known."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ...core.plan import Batch
from ...core.samples import Sample
from .environments import environments
from .invoke import Caller
from .storage import RunFolder

_PATIENCE_S = 20.0
"""How long a sample waits for its log stream before it is stored without an environment."""


@dataclass
class Writer:
    """The samples of one batch that are not stored yet; `logs` is a boto3 client."""

    caller: Caller
    batch: Batch
    store: RunFolder
    logs: Any
    token: str
    started: datetime
    waiting: list[tuple[float, Sample]] = field(default_factory=list)
    parts: int = 0

    def write(self, now_s: float) -> None:
        """Store as one part what is known or has waited long enough."""
        if not self.waiting:
            return
        known = self._environments()
        ready = [
            replace(sample, environment=known.get(sample.request_id, ""))
            for since_s, sample in self.waiting
            if sample.request_id in known or now_s - since_s > _PATIENCE_S
        ]
        if not ready:
            return
        stored = {sample.request_id for sample in ready}
        self.waiting = [entry for entry in self.waiting if entry[1].request_id not in stored]
        name = f"{self.batch.memory_mb:05d}-{self.token}-{self.parts:04d}"
        self.store.write_part(name, ready)
        self.parts += 1

    def _environments(self) -> dict[str, str]:
        days = sorted({f"{day:%Y/%m/%d}" for day in (self.started, self.caller.now())})
        since = self.started - timedelta(seconds=5)
        since_ms = int(since.timestamp() * 1000)
        target = self.caller.plan.target
        return environments(self.logs, target, self.batch.version, days, since_ms)
