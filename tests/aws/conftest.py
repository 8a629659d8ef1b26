"""An embedded AWS with its strict switches, one for all journeys."""

from collections.abc import Iterator

import boto3
import pytest

from lambdatuning.cloud.session import connect
from lambdatuning.local import endpoint

from .account import Account


@pytest.fixture(scope="package")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    switches = tmp_path_factory.mktemp("strict") / "switches.json"
    switches.write_text("{}")
    with endpoint.start(strict=switches) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        boto3.DEFAULT_SESSION = None
        yield Account(connect(), switches, running.url)
