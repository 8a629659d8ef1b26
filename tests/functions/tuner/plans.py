"""A plan of a run, and a clock that does not wait."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdatuning.core.tuning.payloads import PayloadType
from lambdatuning.core.tuning.records import Question, RunPlan, Target
from tests.fakes.aws_lambda import ARN

EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:Tuner:run-1"

TARGET = Target(
    arn=ARN,
    name="shop",
    region="us-east-1",
    architecture="x86_64",
    runtime="python3.12",
    memory_mb=128,
    timeout_s=3,
    code_sha256="code",
    log_group="/aws/lambda/shop",
)
QUESTION = Question(
    num=10,
    strategy="cost",
    weight=0.5,
    trim=0.2,
    include_output=False,
    dry_run=False,
    allowed_errors=(),
    input={},
    about={},
)


def make_plan(**changes: Any) -> RunPlan:
    """A run of two payload types at two sizes, ten of each, over two environments."""
    types = changes.pop("payloads", (PayloadType("a", {"n": "{{n:int}}"}), PayloadType("b", {})))
    plan = RunPlan(
        run_id="run-1",
        execution=EXECUTION,
        target=TARGET,
        sizes=(128, 512),
        payloads=types,
        counts=(10,) * len(types),
        environments=2,
        seed=1,
        table="t",
        mode="warm",
        cold=0,
        sleep_ms=0,
        pre_processor=None,
        post_processor=None,
        price_book=None,
        question=QUESTION,
    )
    return replace(plan, **changes)


@dataclass
class Time:
    """A clock that goes on when somebody sleeps, and by `step_s` whenever it is read."""

    now_s: float = 0.0
    step_s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def clock(self) -> float:
        self.now_s += self.step_s
        return self.now_s

    def utc(self) -> datetime:
        return datetime(2026, 11, 23, 9, tzinfo=UTC) + timedelta(seconds=self.now_s)
