"""The contract's fields of a run are what Power Tuning says of the same log tails, to the last bit.

Both get the same answers of the function: our steps through the fake Lambda, and its rules through
the fake of its flow. `parallelInvocation` and `onlyColdStarts` count every invocation, as it does.
"""

import base64
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import power_tuning as upstream
from tests.fakes.aws_lambda import ARN, FakeLambda, FakeS3

from .machine import Machine
from .plans import Time

SIZES = [128, 512, 1024]
TIMES = st.integers(1, 90_000_000).map(lambda n: n / 100)


class Taped(FakeLambda):
    """Keeps the tail of every answer by memory size."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        super().__init__()
        self.kept = answers
        self.tails: defaultdict[int, list[str]] = defaultdict(list)

    def invoke(self, FunctionName: str, Payload: bytes, LogType: str = "None") -> dict[str, Any]:  # noqa: N803
        self.answers = [self.kept.pop()]
        answer = super().invoke(FunctionName, Payload, LogType)
        size = self.versions[FunctionName.rpartition(":")[2]]["MemorySize"]
        self.tails[size].append(base64.b64decode(answer["LogResult"]).decode())
        return answer


def ours(client: Taped, raw: dict[str, Any]) -> dict[str, Any]:
    output: dict[str, Any] = Machine(client, FakeS3(), Time()).run({**raw, "runId": "run-1"})
    names = ("power", "cost", "duration", "stateMachine", "stats")
    return {name: output[name] for name in names if name in output}


def theirs(client: Taped, raw: dict[str, Any]) -> Any:
    replies: dict[str, Any] = {}
    for size, tails in client.tails.items():
        for index, tail in enumerate(tails):
            alias = f"RAM{size}" + (f"-{index}" if raw.get("onlyColdStarts") else "")
            replies.setdefault(f"{ARN}:{alias}", []).append({"payload": "{}", "log": tail})
    aws = upstream.FakeAws({"config": {"Architectures": ["x86_64"]}, "invoke": replies})
    execution = upstream.run(raw, aws, {"AWS_REGION": "us-east-1"})
    assert execution["status"] == "SUCCEEDED"
    return execution["output"]


@pytest.mark.parametrize("mode", ["parallelInvocation", "onlyColdStarts"])
@settings(max_examples=15)
@given(
    times=st.lists(TIMES, min_size=30, max_size=30),
    cold=st.lists(st.booleans(), min_size=30, max_size=30),
    strategy=st.sampled_from(["cost", "speed", "balanced"]),
    weight=st.sampled_from([0, 0.3, 0.5, 1]),
    trim=st.sampled_from([0, 0.1, 0.2, 0.33, 0.4]),
    num=st.sampled_from([5, 7, 10]),
)
def test_the_same_tails_give_the_same_output(
    mode: str, times: list[float], cold: list[bool], strategy: str, weight: float, trim: float,
    num: int,
) -> None:  # fmt: skip
    answers: list[dict[str, Any]] = [
        {"ms": ms, "billed_ms": int(ms) + 1, "init_ms": ms / 3 if starts else None}
        for ms, starts in zip(times, cold, strict=True)
    ]
    raw = {
        "lambdaARN": ARN, "num": num, "powerValues": SIZES, "strategy": strategy, mode: True,
        "balancedWeight": weight, "discardTopBottom": trim, "includeOutputResults": True,
        "payload": {},
    }  # fmt: skip
    client = Taped(answers)
    assert ours(client, raw) == theirs(client, raw)
