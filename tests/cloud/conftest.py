"""Clouds to test against: the embedded AWS, and clients of one's own where it is too kind."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lambdatuning.cloud.session import Cloud, connect
from lambdatuning.core.tuning.endpoint import Endpoint
from lambdatuning.local import endpoint


@pytest.fixture(scope="package")
def server() -> Iterator[endpoint.LocalEndpoint]:
    """The embedded AWS of the test modules that share one."""
    with endpoint.start() as running:
        yield running


@pytest.fixture(scope="module")
def running(server: endpoint.LocalEndpoint) -> endpoint.LocalEndpoint:
    """That embedded AWS, emptied of what other modules left."""
    request = urllib.request.Request(f"{server.url}/_ministack/reset", method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    return server


@pytest.fixture(scope="module")
def embedded(running: endpoint.LocalEndpoint) -> Iterator[Cloud]:
    """A client of it, whose environment other clients of the module inherit."""
    with client_environment(running):
        yield connect()


@contextmanager
def client_environment(server: endpoint.LocalEndpoint) -> Iterator[None]:
    """What a client needs to reach it, in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield


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
