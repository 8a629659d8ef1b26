"""An adaptive run on fakes: the state machine's way through the steps, on a made-up function."""

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.plan import Batch
from lambdatuning.core.tuning.state import BatchSummary, TunerState
from lambdatuning.functions.tuner import decide
from lambdatuning.functions.tuner.analyse import analyse
from lambdatuning.functions.tuner.batch.invoke import Caller
from lambdatuning.functions.tuner.batch.measure import measure_batch
from lambdatuning.functions.tuner.batch.samples import Writer
from lambdatuning.functions.tuner.clean import clean
from lambdatuning.functions.tuner.measuring import summarise
from lambdatuning.functions.tuner.prepare import PrepareServices, prepare
from lambdatuning.functions.tuner.publish import Publisher, publish_missing
from lambdatuning.functions.tuner.storage import RunFolder
from tests.fakes.aws_lambda import ARN, FakeLambda, FakeLogs, FakeS3, FakeStates, answered

from .plans import EXECUTION, Time

Truth = Callable[[str, int], float]


def by_cpu(payload: str, memory_mb: int) -> float:
    """Work of CPU alone, as long at every size beyond one vCPU."""
    return {"a": 300.0, "b": 40.0}.get(payload, 100.0) * max(1.0, 1769 / memory_mb)


class TimedLambda(FakeLambda):
    """Takes as long as `truth(payload type, memory size)` says, NaN meaning that it fails; each
    version has one execution environment, whose first invocation is cold."""

    def __init__(self, truth: Truth, logs: FakeLogs, time: Time) -> None:
        super().__init__()
        self.truth, self.logs, self.time = truth, logs, time
        self.warm: set[str] = set()
        self.sent: list[tuple[str, int, Any]] = []
        self.used_mb = 40
        self._numbers = itertools.count(1)

    def invoke(self, FunctionName: str, Payload: bytes, LogType: str = "None") -> dict[str, Any]:  # noqa: N803
        self._called("Invoke")
        version, event = FunctionName.rpartition(":")[2], json.loads(Payload)
        memory_mb, kind = self.versions[version]["MemorySize"], str(event["kind"])
        request = f"{next(self._numbers):08x}-0000-0000-0000-000000000000"
        self.sent.append((kind, memory_mb, event.get("n")))
        self.logs.add(request, f"2026/11/23/[{version}]{int(version):032x}")
        cold, ms = version not in self.warm, self.truth(kind, memory_mb)
        self.warm.add(version)
        self.time.now_s += 0.1 if math.isnan(ms) else ms / 1000
        if math.isnan(ms):
            return answered(request, ms=100, billed_ms=100, error="Oops")
        wobble = 1 + 0.01 * math.sin(len(self.sent))
        init_ms = 200.0 if cold else None
        billed = math.ceil(ms * wobble + (init_ms or 0.0))
        return answered(
            request, ms=ms * wobble, billed_ms=billed, init_ms=init_ms, used_mb=self.used_mb
        )


@dataclass
class Machine:
    """What the state machine does, one step after the other."""

    truth: Truth = by_cpu
    time: Time = field(default_factory=Time)
    s3: FakeS3 = field(default_factory=FakeS3)
    logs: FakeLogs = field(default_factory=FakeLogs)
    broken_mb: int = 0

    def __post_init__(self) -> None:
        self.client = TimedLambda(self.truth, self.logs, self.time)
        self.store = RunFolder(self.s3, "bucket", "runs/function=shop/run=run-1/")
        self.prices = load_price_book()
        self.measured: list[Any] = []

    def first_state(self, **given: Any) -> TunerState:
        body = {"lambdaARN": ARN, "num": 10, "environments": 2, "seed": 1, "parallelSizes": 1,
                "runId": "run-1", "exploration": "adaptive", "payloadTypes": types("a"),
                **given}  # fmt: skip
        services = PrepareServices(
            self.client, FakeStates(), self.s3, "bucket", "111122223333", self.time.sleep
        )
        return prepare(body, EXECUTION, services)

    def published(self, state: TunerState) -> TunerState:
        plan = self.store.read_plan()
        sleep, clock = self.time.sleep, self.time.clock
        publisher = Publisher(self.client, plan, lambda: 900_000, sleep, clock=clock)
        return publish_missing(state, publisher) if state.published < state.works else state

    def explorer(self) -> decide.Explorer:
        return decide.Explorer(self.store.read_plan(), self.store, self.prices, self.time.now_s)

    def played(self, state: TunerState) -> TunerState:
        """The state after a round, as the measuring function and then deciding leave it."""
        began_s = self.time.now_s
        round_ = decide.Round(self.measure, self.explorer, lambda: self.time.now_s - began_s)
        played = [{"state": decide.run_round(state, round_).to_json()}] if state.batches else []
        return decide.state_after_round(state, json.loads(json.dumps(played)), self.explorer)

    def measure(self, batch: Batch) -> BatchSummary:
        plan = self.store.read_plan()
        self.measured.append(batch)
        if batch.memory_mb == self.broken_mb:
            return BatchSummary(batch, left=False, critical_ms=0, error="LambdaTuningError: x")
        caller = Caller(self.client, plan, self.prices, self.time.sleep, self.time.utc, {})
        token = f"{len(self.measured):08d}"
        writer = Writer(caller, batch, self.store, self.logs, token)
        return measure_batch(caller, batch, writer, self.time.clock)

    def explored(self, **given: Any) -> TunerState:
        """The state when it has stopped measuring."""
        state = self.first_state(**given)
        while state.batches:
            state = self.played(self.published(state))
        return state

    def run(self, **given: Any) -> dict[str, Any]:
        """The output of the whole run; the function is cleaned up, also after an error."""
        try:
            state = self.explored(**given)
            plan = self.store.read_plan()
            for size in state.sizes:
                summarise(plan, self.store, size)
            started = (self.time.utc() - timedelta(seconds=self.time.now_s)).isoformat()
            state = analyse(state, self.store, self.prices, started, "us-east-1")
            return dict(state.output or {})
        finally:
            clean(self.client, ARN, EXECUTION, self.time.sleep)


def types(*names: str) -> list[dict[str, Any]]:
    """Payload types whose events tell the fake which type they are, and the number they got."""
    return [{"name": name, "event": {"kind": name, "n": "{{n}}"}} for name in names]
