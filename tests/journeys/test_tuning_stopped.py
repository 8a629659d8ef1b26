"""Runs that are stopped, from here or elsewhere: the tuner cleans up, and the words are true."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lambdatuning as lt
from lambdatuning.cloud.tuning.cleaning import clean_function, remains
from lambdatuning.core.errors import RunFailedError
from lambdatuning.core.progress import Progress
from lambdatuning.core.tuning.plan import Work
from lambdatuning.functions.tuner import function, lock

from .conftest import Place
from .functions import make_function, sleeping


def interrupt() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("stop", [interrupt, terminate])
def test_a_stopped_run_says_what_was_looked_at(
    place: Place, tmp_path: Path, stop: Callable[[], None]
) -> None:
    def listen(progress: Progress) -> None:
        if progress.stage == "measuring" and progress.elapsed_s > 1:
            stop()

    memory_mb = place.looks()["config"]["MemorySize"]
    message = rf"was stopped; .* is as it was \({memory_mb} MB, no lock"
    with pytest.raises(KeyboardInterrupt, match=message):
        place.tune(sleeping(0.2), powers="256,512", num=50, on_progress=listen, store=tmp_path)
    states = place.client("stepfunctions")
    machine = place.outputs["StateMachineArn"]
    newest = states.list_executions(stateMachineArn=machine)["executions"][0]
    assert newest["name"].startswith("clean-")
    assert newest["status"] == "SUCCEEDED"
    assert not states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]


@pytest.mark.usefixtures("untouched")
def test_a_run_that_was_stopped_from_outside_is_cleaned_up_after(
    place: Place, tmp_path: Path
) -> None:
    states = place.client("stepfunctions")
    machine = place.outputs["StateMachineArn"]

    def listen(progress: Progress) -> None:
        if progress.stage == "measuring" and progress.elapsed_s > 1:
            for running in states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")[
                "executions"
            ]:
                states.stop_execution(executionArn=running["executionArn"])

    with pytest.raises(RunFailedError, match=r"; .* is as it was"):
        place.tune(sleeping(0.2), powers="256,512", num=50, on_progress=listen, store=tmp_path)


def test_an_interrupt_that_comes_too_late_loses_no_run(place: Place, tmp_path: Path) -> None:
    states = place.client("stepfunctions")
    machine = place.outputs["StateMachineArn"]

    def listen(progress: Progress) -> None:
        if progress.stage == "measuring":
            newest = states.list_executions(stateMachineArn=machine)["executions"][0]
            place.ended(newest["executionArn"])
            raise KeyboardInterrupt

    arn = make_function(place.cloud, "late")
    run = place.tune(
        {"sleep_s": 0}, function=arn, powers="256", auto_optimize=True, min_sure=0,
        on_progress=listen, store=tmp_path,
    )  # fmt: skip
    assert run.manifest.decision is not None
    assert run.manifest.decision.applied_mb == 256
    assert len(lt.load(tmp_path).samples) == run.manifest.invocations


def test_cleaning_is_done_by_the_tuner_whose_runs_it_knows(place: Place, tmp_path: Path) -> None:
    """What only looks like ours stays; a version of a run that is in the bucket goes."""
    arn = make_function(place.cloud, "cleaned")
    run = place.tune({"sleep_s": 0}, function=arn, powers="256", store=tmp_path)
    client: Any = place.client("lambda")
    function.publish(client, arn, run.run_id, Work(512, 0), time.sleep)
    function.publish(client, arn, "20200101T000000-abcdef", Work(1024, 0), time.sleep)
    dead = f"{run.manifest.execution_arn.rpartition(':')[0]}:dead"
    client.create_alias(
        FunctionName=arn,
        Name=lock.ALIAS,
        FunctionVersion="$LATEST",
        Description=lock.Lock("dead", 128, dead).describe(),
    )
    remaining = remains(place.cloud, arn)
    assert remaining.versions == ()
    assert [run_id for _, run_id in remaining.doubtful] == [run.run_id, "20200101T000000-abcdef"]
    done = clean_function(place.cloud, remaining, time.sleep)
    assert done[0] == "memory size 1,024 MB -> 128 MB"
    left = [function.run_of(version) for version in function.marked_versions(client, arn)]
    assert left == ["20200101T000000-abcdef"]
    assert lock.read(client, arn) is None
