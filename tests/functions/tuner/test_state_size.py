"""What passes through the state machine stays under 256 KB, whatever is measured.

The real steps run one after the other as the state machine runs them, on recorded answers of the
fakes; every state, and every item and answer of its Map states, is weighed.
"""

import random
from typing import Any

from tests.fakes.aws_lambda import ARN, FakeLambda, FakeS3

from .machine import Machine
from .plans import Time

LIMIT = 256 * 1024
SIZES = list(range(128, 3009, 64))


class Recorded(FakeLambda):
    """Answers of invocations as they were recorded: of many durations and some cold; every other
    version fails one in ten with long words, and the largest size is not published at all."""

    def __init__(self) -> None:
        super().__init__(largest_mb=2_999)
        rng = random.Random(1)
        self.recorded = [
            {"ms": ms, "billed_ms": int(ms) + 1, "init_ms": 250.0 if rng.random() < 0.1 else None}
            for ms in (rng.lognormvariate(3, 1.5) for _ in range(997))
        ]  # fmt: skip
        self.turn = 0

    def invoke(self, FunctionName: str, Payload: bytes, LogType: str = "None") -> dict[str, Any]:  # noqa: N803
        self.turn += 1
        answer: dict[str, Any] = self.recorded[self.turn % len(self.recorded)]
        if int(FunctionName.rpartition(":")[2]) % 2 and self.turn % 10 == 0:
            answer = {**answer, "error": "E" * 200, "message": "m" * 900}
        self.answers = [answer]
        self.invoked.clear()
        return super().invoke(FunctionName, Payload, LogType)


def test_a_hundred_types_at_forty_six_sizes_three_hundred_times(s3: FakeS3) -> None:
    """13,500 invocations, each through rendering, invoking, reading its tail and storing."""
    types = [{"name": f"a-kind-of-event-{i:03d}", "event": {"n": i}} for i in range(100)]
    machine = Machine(Recorded(), s3, Time(step_s=0.02))
    output = machine.run(
        {"lambdaARN": ARN, "num": 3, "powerValues": SIZES, "environments": 100, "runId": "run-1",
         "payloadTypes": types, "includeOutputResults": True, "autoOptimize": True}
    )  # fmt: skip
    assert max(machine.scales.weights.values()) < LIMIT, machine.scales.weights
    assert output["power"] in SIZES
    assert output["failedSizes"]["3008"].startswith("3,008 MB is refused")
    assert len(output["failedSizes"]) > 20
    store = machine.store
    assert len(store.read_json("_results.json")) == 45 * 100
    samples = [s for s in store.read_samples() if s.invocation >= 0]
    assert len(samples) > 44 * 300  # a type is left out after three failures in a row
