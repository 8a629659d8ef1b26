"""Following a tuning run: parts are fetched as they come, so that progress is by size."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ...core.progress import OnProgress, Progress
from ...core.samples import Sample, decode_part
from ...functions.tuner.storage import STEP_PREFIX
from ..executions import Execution, describe
from ..run_store import BucketStore
from ..session import Cloud
from .steps import describe_step

Clock = Callable[[], float]
Sleep = Callable[[float], None]


@dataclass
class Arrived:
    """The sample parts that have arrived, and how many invocations each size has had."""

    parts: dict[str, bytes] = field(default_factory=dict)
    by_size: Counter[int] = field(default_factory=Counter)
    payloads: set[str] = field(default_factory=set)
    latest: str = ""
    steps: int = 0
    step: str = "choosing what to measure first"

    def fetch(self, store: BucketStore, prefix: str) -> None:
        """Fetch the parts that are new."""
        for key in store.keys(f"{prefix}samples-"):
            name = key.removeprefix(prefix)
            if name not in self.parts:
                self.parts[name] = store.read(key)
                self._count(decode_part(self.parts[name]))

    def fetch_steps(self, store: BucketStore, prefix: str) -> None:
        """Read the latest step of an adaptive run, where there is a new one."""
        keys = list(store.keys(prefix + STEP_PREFIX))
        if len(keys) > self.steps:
            self.steps = len(keys)
            self.step = describe_step(self.steps, json.loads(store.read(keys[-1])))

    def _count(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            self.by_size[sample.memory_mb] += 1
            self.payloads.add(sample.payload)
            self.latest = f"{sample.memory_mb} MB, {sample.payload} {sample.duration_ms:,.0f} ms"


@dataclass(frozen=True)
class Follower:
    """What following needs: where the run lies, how much is coming (0 for an adaptive run, which
    decides that as it goes), how many sizes are measured side by side, whom to tell."""

    cloud: Cloud
    store: BucketStore
    prefix: str
    total: int
    side_by_side: int
    on_progress: OnProgress
    clock: Clock
    sleep: Sleep

    def follow(self, execution_arn: str, arrived: Arrived) -> Execution:
        """Wait for the end of an execution, telling how far it is; all parts have arrived then."""
        started_s, pause_s = self.clock(), 0.5 if self.cloud.kind == "embedded" else 2.0
        while True:
            execution = describe(self.cloud, execution_arn)
            arrived.fetch(self.store, self.prefix)
            if not self.total:
                arrived.fetch_steps(self.store, self.prefix)
            self.on_progress(self._progress(arrived, self.clock() - started_s))
            if not execution.running:
                return execution
            self.sleep(pause_s)

    def _progress(self, arrived: Arrived, elapsed_s: float) -> Progress:
        done = sum(arrived.by_size.values())
        if not self.total:
            return Progress("measuring", done, 0, elapsed_s, detail=arrived.step)
        sizes = " ".join(f"{size}:{count}" for size, count in sorted(arrived.by_size.items()))
        paced = self._paced(arrived)
        expected_s = elapsed_s * self.total / paced if paced else None
        detail = f"{arrived.latest} [{sizes}]" if done else "publishing a version of each size"
        return Progress("measuring", done, self.total, elapsed_s, expected_s, detail)

    def _paced(self, arrived: Arrived) -> int:
        """How much of the total the time so far stands for: of sizes side by side the smallest is
        the slowest and tells the time left; in turn, all that is done."""
        counts = arrived.by_size.values()
        if self.side_by_side == 1:
            return sum(counts)
        return min(counts, default=0) * len(counts)
