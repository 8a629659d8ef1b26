"""A function that outlasts the measuring: its sample is completed from its real log lines.

As minutes cannot be waited for here, the batch gives up after a second instead of after 840.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.plan import Batch
from lambdatuning.functions.tuner import control
from lambdatuning.functions.tuner.batch.invoke import NO_ANSWER, Caller
from lambdatuning.functions.tuner.batch.measure import measure_batch
from lambdatuning.functions.tuner.batch.samples import Finder, Writer
from lambdatuning.functions.tuner.storage import RunFolder, folder

from .conftest import Place
from .functions import make_function
from .test_tuning_permissions import Context


@pytest.fixture
def steps(place: Place) -> Iterator[Any]:
    """The control function's steps, run in this process."""
    machine = place.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")

    def step(name: str, state: Any) -> Any:
        event = {"step": name, "state": state, "execution": f"{machine}:slow", "started": "2026"}
        return control.handle(event, Context(place.cloud.account_id))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMPLES_BUCKET", place.outputs["SamplesBucket"])
        patch.setenv("AWS_REGION", "us-east-1")
        boto3.setup_default_session(region_name="us-east-1")
        yield step
    boto3.DEFAULT_SESSION = None


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_what_was_given_up_is_found_in_the_logs(place: Place, steps: Any, log_format: str) -> None:
    arn = make_function(place.cloud, f"slow-{log_format}", LoggingConfig={"LogFormat": log_format})
    before = place.looks(arn)
    given = {"lambdaARN": arn, "num": 5, "environments": 1, "powerValues": [1024],
             "payload": {"sleep_s": 2.5}, "runId": f"slow-{log_format}"}  # fmt: skip
    state = steps("publish", steps("prepare", given))
    run = state["run"]
    store = folder(place.client("s3"), place.outputs["SamplesBucket"], run["name"], run["id"])
    _give_up(place, store, state["batches"][0])
    (lost,) = store.read_lost("01024-")
    assert lost.error == NO_ANSWER
    Finder(
        store.read_plan(), load_price_book(), place.client("logs"), lambda: datetime.now(UTC),
        lambda seconds: time.sleep(seconds / 30),
    ).complete(store, 1024, 60)  # fmt: skip
    (sample,) = store.read_samples("01024-")
    assert (sample.error, sample.invocation) == ("", lost.invocation)
    assert sample.duration_ms > 2500
    assert sample.billed_ms > sample.duration_ms
    assert (sample.cold, len(sample.environment), len(sample.request_id)) == (True, 32, 36)
    steps("clean", state)
    assert place.looks(arn) == before


def _give_up(place: Place, store: RunFolder, batch: dict[str, Any]) -> None:
    caller = Caller(
        place.client("lambda"), store.read_plan(), load_price_book(), time.sleep,
        lambda: datetime.now(UTC), {},
    )  # fmt: skip
    first = Batch.from_json(batch)
    writer = Writer(caller, first, store, place.client("logs"), "t")
    summary = measure_batch(caller, first, writer, time.monotonic, 1.0)
    assert (summary.batch.done, summary.left, summary.error) == ((0,), True, "")
