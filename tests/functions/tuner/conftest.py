"""The fakes that the tuner's steps run against."""

from collections.abc import Callable

import pytest

from lambdatuning.core.pricing import load_price_book
from lambdatuning.core.tuning.records import RunPlan
from lambdatuning.functions.tuner.batch.invoke import Caller
from lambdatuning.functions.tuner.storage import RunFolder
from tests.fakes.aws_lambda import FakeLambda, FakeLogs, FakeS3

from .plans import Time


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def client() -> FakeLambda:
    return FakeLambda()


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


@pytest.fixture
def logs() -> FakeLogs:
    return FakeLogs()


@pytest.fixture
def store(s3: FakeS3) -> RunFolder:
    return RunFolder(s3, "bucket", "runs/function=shop/run=run-1/")


@pytest.fixture
def caller(client: FakeLambda, time: Time) -> Callable[[RunPlan], Caller]:
    """A caller for a plan, in front of the fake Lambda."""

    def make(plan: RunPlan) -> Caller:
        processors = {arn: client for arn in (plan.pre_processor, plan.post_processor) if arn}
        return Caller(client, plan, load_price_book(), time.sleep, time.utc, processors)

    return make
