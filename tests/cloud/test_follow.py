"""Following a run: parts fetched once as they come, progress by size, all there at the end."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, LoginRefreshRequired

from lambdatuning.cloud.run_store import BucketStore
from lambdatuning.cloud.tuning.run import (
    FetchedSamples,
    Follower,
    _cut_off_by,
    interrupts_noted,
    signals_as_interrupts,
)
from lambdatuning.core.progress import Progress
from lambdatuning.core.tuning.records import Sample, encode_part
from tests.fakes.aws_lambda import FakeS3, refusal

from .conftest import fake_cloud

PREFIX = "function=shop/run=run-1/"
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:Tuner:run-1"


def sample(memory_mb: int, payload: str = "read", ms: float = 12.0) -> Sample:
    return Sample(
        payload=payload, memory_mb=memory_mb, invocation=0, cold=False, environment="e",
        started_at="2026-11-23T09:00:00+00:00", duration_ms=ms, billed_ms=12, init_ms=None,
        restore_ms=None, max_memory_mb=40, error="", cost_usd=1e-7, request_id="r",
        architecture="x86_64",
    )  # fmt: skip


@dataclass
class Run:
    """An execution that stores its parts while somebody watches: some at each look, in the end the
    last with the status."""

    s3: FakeS3
    rounds: list[list[Sample]]
    looks: int = 0

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        if self.looks < len(self.rounds):
            key = f"runs/{PREFIX}samples-00128-{self.looks:04d}.csv.gz"
            self.s3.objects[key] = encode_part(self.rounds[self.looks])
        self.looks += 1
        over = self.looks >= len(self.rounds)
        return {
            "executionArn": executionArn, "stateMachineArn": "arn:machine",
            "status": "SUCCEEDED" if over else "RUNNING", "input": "{}",
            "startDate": datetime(2026, 11, 23, 9, tzinfo=UTC), "output": "{}" if over else None,
        }  # fmt: skip


@dataclass
class Watcher:
    progress: list[Progress] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    now_s: float = 0.0

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def followed(
    rounds: list[list[Sample]], total: int, side_by_side: int = 10
) -> tuple[Watcher, FetchedSamples, FakeS3, str]:
    s3, watcher, fetched = FakeS3(), Watcher(), FetchedSamples()
    cloud = fake_cloud(stepfunctions=Run(s3, rounds))
    store = BucketStore(s3, "bucket", "runs/")
    follower = Follower(
        *(cloud, store, PREFIX, total, side_by_side),
        *(watcher.progress.append, watcher.clock, watcher.sleep),
    )
    execution = follower.follow(EXECUTION, fetched)
    return watcher, fetched, s3, execution.status


def test_every_part_is_fetched_once_and_the_last_with_the_end() -> None:
    rounds = [[sample(128)], [sample(256), sample(256)], [sample(128, ms=30.0)]]
    watcher, fetched, s3, status = followed(rounds, 4)
    assert status == "SUCCEEDED"
    assert len(fetched.parts) == 3
    assert s3.calls.count("GetObject") == 3
    assert fetched.by_size == {128: 2, 256: 2}
    assert watcher.slept == [2.0, 2.0]


def test_progress_tells_sizes_and_the_time_that_the_slowest_leaves() -> None:
    rounds: list[list[Sample]] = [[], [sample(128), sample(256), sample(256)], [sample(128)]]
    watcher, *_ = followed(rounds, 4)
    first, second, last = watcher.progress
    assert (first.done, first.total, first.expected_s) == (0, 4, None)
    assert first.detail == "publishing a version of each size"
    assert (second.done, second.expected_s) == (3, 2.0 * 4 / 2)
    assert "256 MB" in second.detail
    assert second.detail.endswith("[128:1 256:2]")
    assert (last.done, last.share) == (4, 1.0)


def test_sizes_in_turn_are_paced_by_all_that_is_done() -> None:
    """A size that has just started is no slow one."""
    rounds = [[], [sample(128), sample(128), sample(256)], [sample(256)]]
    watcher, *_ = followed(rounds, 4, side_by_side=1)
    assert watcher.progress[1].expected_s == 2.0 * 4 / 3


def test_a_part_of_another_run_is_none_of_ours() -> None:
    s3, fetched = FakeS3(), FetchedSamples()
    s3.objects[f"runs/{PREFIX}_plan.json"] = b"{}"
    s3.objects[f"runs/{PREFIX}_lost-00128-x.csv.gz"] = encode_part([sample(128)])
    s3.objects["runs/function=shop/run=run-10/samples-1.csv.gz"] = encode_part([sample(128)])
    fetched.fetch(BucketStore(s3, "bucket", "runs/"), PREFIX)
    assert fetched.parts == {}
    assert not list(_names(fetched))


def _names(fetched: FetchedSamples) -> Iterator[str]:
    yield from fetched.payloads


def test_an_interrupt_between_stopping_and_cleaning_waits_and_who_insists_is_let_go() -> None:
    with interrupts_noted() as interrupts:
        signal.raise_signal(signal.SIGTERM)
    assert interrupts.count == 1
    with pytest.raises(KeyboardInterrupt):
        interrupts.raise_noted()
    with interrupts_noted():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt, match="SIGINT"):
            signal.raise_signal(signal.SIGINT)


def test_a_throttled_poll_ends_no_run() -> None:
    run = Run(FakeS3(), [[sample(128)], [sample(128)]])
    looks, describe = iter([None, *["ThrottlingException"] * 3, None]), run.describe_execution

    def throttled(executionArn: str) -> dict[str, Any]:  # noqa: N803
        if code := next(looks):
            raise refusal(code)
        return describe(executionArn)

    run.describe_execution = throttled  # type: ignore[method-assign]
    watcher, fetched = Watcher(), FetchedSamples()
    follower = Follower(
        fake_cloud(stepfunctions=run), BucketStore(run.s3, "bucket", "runs/"), PREFIX, 2, 1,
        watcher.progress.append, watcher.clock, watcher.sleep,
    )  # fmt: skip
    assert follower.follow(EXECUTION, fetched).status == "SUCCEEDED"
    assert len(fetched.parts) == 2
    looks = iter(["ThrottlingException"] * 20)
    with pytest.raises(ClientError, match="Throttling") as raised:
        follower.follow(EXECUTION, fetched)
    assert "too busy" in _cut_off_by(raised.value)
    looks = iter(["AccessDeniedException"])
    with pytest.raises(ClientError, match="AccessDenied") as raised:
        follower.follow(EXECUTION, fetched)
    assert _cut_off_by(raised.value) == ""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EndpointConnectionError(endpoint_url="x"), "the connection to AWS was lost"),
        (refusal("ExpiredTokenException"), "the login has ended"),
        (LoginRefreshRequired(), "the login has ended"),
        (refusal("ThrottlingException"), "AWS is too busy to say how the run stands"),
        (refusal("AccessDeniedException"), ""),
        (KeyboardInterrupt(), ""),
    ],
)
def test_what_cuts_a_client_off_from_its_run(error: BaseException, reason: str) -> None:
    """What becomes of the run then: tests/journeys/test_tuning_cut_off.py."""
    assert _cut_off_by(error) == reason


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_run_as_ctrl_c_does(number: signal.Signals) -> None:
    """What becomes of the run then: tests/journeys/test_tuning_stopped.py."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt, match=number.name), signals_as_interrupts():
        signal.raise_signal(number)
    assert signal.getsignal(number) == before
