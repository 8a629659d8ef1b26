"""Clouds to test against: the embedded AWS, and clients of one's own where it is too kind."""

from collections.abc import Iterator
from typing import Any

import pytest

from lambdatuning.cloud.session import Cloud, connect
from lambdatuning.core.tuning.endpoint import Endpoint
from lambdatuning.local import endpoint


@pytest.fixture(scope="module")
def embedded() -> Iterator[Cloud]:
    """The embedded AWS, one for each test module."""
    with endpoint.start() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield connect()


class FakeSession:
    """Clients from a dictionary, for answers that no emulator gives."""

    def __init__(self, clients: dict[str, Any]) -> None:
        self.clients = clients

    def client(self, service: str, **_settings: Any) -> Any:
        return self.clients[service]


def fake_cloud(**clients: Any) -> Cloud:
    """A cloud whose clients are these objects."""
    arn = "arn:aws:iam::111122223333:user/me"
    session = FakeSession(clients)
    return Cloud("us-east-1", "111122223333", arn, None, Endpoint("aws"), session)
