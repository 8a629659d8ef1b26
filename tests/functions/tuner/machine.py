"""The states of the state machine in their order, run on fakes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.plan import Batch
from lambdatuning.core.tuning.records import RunPlan
from lambdatuning.core.tuning.state import BatchSummary, TunerState
from lambdatuning.functions.tuner import decide
from lambdatuning.functions.tuner.analyse import analyse
from lambdatuning.functions.tuner.apply import apply
from lambdatuning.functions.tuner.batch.invoke import Caller
from lambdatuning.functions.tuner.batch.measure import measure_batch
from lambdatuning.functions.tuner.batch.samples import Writer
from lambdatuning.functions.tuner.clean import clean
from lambdatuning.functions.tuner.measuring import summarise
from lambdatuning.functions.tuner.prepare import PrepareServices, prepare
from lambdatuning.functions.tuner.publish import Publisher, publish_next
from lambdatuning.functions.tuner.storage import RunFolder
from tests.fakes.aws_lambda import ARN, FakeLambda, FakeLogs, FakeS3, FakeStates

from .plans import EXECUTION, Time

Make = Callable[[RunPlan], Caller]


@dataclass
class Scales:
    """The weights of what was passed on, in bytes of JSON."""

    weights: dict[str, int] = field(default_factory=dict)

    def passed(self, name: str, state: TunerState) -> TunerState:
        """The state as it comes out of the state machine."""
        return TunerState.from_json(self.weigh(name, state.to_json()))

    def weigh(self, name: str, value: Any) -> Any:
        text = json.dumps(value)
        self.weights[name] = max(self.weights.get(name, 0), len(text.encode()))
        return json.loads(text)


@dataclass
class Machine:
    """One run of the fake function, whose run id is "run-1"."""

    client: FakeLambda
    s3: FakeS3
    time: Time
    scales: Scales = field(default_factory=Scales)

    @property
    def store(self) -> RunFolder:
        return RunFolder(self.s3, "bucket", "runs/function=shop/run=run-1/")

    def caller(self, plan: RunPlan) -> Caller:
        return Caller(self.client, plan, load_price_book(), self.time.sleep, self.time.utc, {})

    def run(self, raw: dict[str, Any]) -> Any:
        """The execution's output; what a step raises goes up, as the state machine catches it."""
        weigh, passed, sleep = self.scales.weigh, self.scales.passed, self.time.sleep
        services = PrepareServices(
            self.client, FakeStates(), self.s3, "bucket", "111122223333", sleep
        )
        state = passed("prepare", prepare(weigh("input", raw), EXECUTION, services))
        plan = self.store.read_plan()
        publisher = Publisher(self.client, plan, lambda: 900_000, sleep)
        while state.published < state.works or state.batches:
            if state.published < state.works:
                state = passed("publish", publish_next(state, publisher))
            state = self.measure(state, plan)
        for size in weigh("sizes", list(state.sizes)):
            weigh("summary", summarise(plan, self.store, size))
        book = load_price_book()
        state = passed("analyse", analyse(state, self.store, book, "2026", "us-east-1"))
        state = passed("apply", apply(state, self.client, sleep, lambda: plan.target))
        clean(self.client, ARN, EXECUTION, sleep)
        return weigh("output", state.output)

    def measure(self, state: TunerState, plan: RunPlan) -> TunerState:
        """The Map state with its items and answers, then the deciding."""
        measured = []
        before: dict[str, Any] = state.to_json()
        for number, each in enumerate(before["batches"]):
            item = self.scales.weigh("item", {"run": before["run"], "batch": each})
            batch, caller, logs = Batch.from_json(item["batch"]), self.caller(plan), FakeLogs()
            logs.faults["FilterLogEvents"] = ["AccessDeniedException"] * 9_999
            writer = Writer(caller, batch, self.store, logs, f"{number}")
            summary = measure_batch(caller, batch, writer, self.time.clock)
            measured.append(self.scales.weigh("summary of a batch", summary.to_json()))
        self.scales.weigh("measured", {**before, "measured": measured})
        summaries = [BatchSummary.from_json(each) for each in measured]
        return self.scales.passed("decide", decide.step(state, summaries))
