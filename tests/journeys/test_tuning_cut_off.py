"""A client that is cut off from AWS: the run goes on, and its samples can be fetched later."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import lambdatuning as lt
from lambdatuning.api.runs import load
from lambdatuning.core.errors import LambdaTuningError, RunFailedError, RunSkippedWarning
from lambdatuning.core.progress import Progress
from lambdatuning.local import endpoint

from .conftest import Place

EXPIRED: Any = {"Error": {"Code": "ExpiredTokenException", "Message": "expired"}}
DENIED: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not yours"}}


def failing(error: Exception) -> Callable[[Progress], None]:
    """Where progress is told AWS has been asked just before: so it fails there."""

    def listen(progress: Progress) -> None:
        if progress.stage == "measuring":
            raise error

    return listen


@pytest.mark.usefixtures("untouched")
def test_the_run_goes_on_and_can_be_loaded_later(place: Place, tmp_path: Path) -> None:
    error = ClientError(EXPIRED, "DescribeExecution")
    with pytest.raises(LambdaTuningError, match="the login has ended; run") as caught:
        place.tune("ping", powers="256", store=tmp_path, on_progress=failing(error))
    states = place.client("stepfunctions")
    machine = place.outputs["StateMachineArn"]
    newest = states.list_executions(stateMachineArn=machine)["executions"][0]
    assert newest["name"] in str(caught.value)
    assert place.ended(newest["executionArn"])["status"] == "SUCCEEDED"
    store = str(caught.value).rpartition(" ")[2]
    with warnings.catch_warnings():
        # Other journeys left halves of runs in the bucket.
        warnings.simplefilter("ignore", RunSkippedWarning)
        run = load(store, newest["name"], cloud=place.cloud)
    assert len(run.samples) > 0


@pytest.mark.usefixtures("untouched")
def test_any_other_refusal_ends_the_run(place: Place, tmp_path: Path) -> None:
    error = ClientError(DENIED, "DescribeExecution")
    with pytest.raises(LambdaTuningError, match=r"not yours.*have that permission granted"):
        place.tune("ping", powers="256", store=tmp_path, on_progress=failing(error))


def test_a_disk_that_takes_no_run_says_where_it_is(place: Place, tmp_path: Path) -> None:
    """The folder is there when the run begins, and a file in its place when it ends."""
    store = tmp_path / "store"

    def in_the_way(progress: Progress) -> None:
        if progress.stage == "measuring" and not store.exists():
            store.write_text("")

    with pytest.raises(LambdaTuningError, match=r"is measured and can be loaded from .* s3://"):
        place.tune("ping", powers="256", store=store, on_progress=in_the_way)


def test_when_the_embedded_aws_dies_the_run_is_gone(tmp_path: Path) -> None:
    with endpoint.start() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        cloud = lt.connect()
        outputs = lt.deploy(cloud)

        def die(progress: Progress) -> None:
            if progress.stage == "measuring":
                running.process.kill()
                running.process.wait()

        with pytest.raises(RunFailedError, match=r"embedded AWS ended during run .* gone with it"):
            lt.tune(
                cloud, outputs["FunctionName"], {"operation": "ping"},
                powers="256,512", current=False, num=2,
                store=tmp_path, on_progress=die,
            )  # fmt: skip
