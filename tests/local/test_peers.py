"""Whose connection it is, by what the kernel says."""

import os
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambdatuning.local import peers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        yield client


def test_the_user_of_a_connection_is_reported_each_time(connection: socket.socket) -> None:
    addresses = connection.getsockname(), connection.getpeername()

    with ThreadPoolExecutor(4) as threads:
        users = set(threads.map(lambda _: peers.user_of(*addresses), range(200)))

    assert users == {os.geteuid()}


def test_a_connection_that_is_not_there_has_no_user(connection: socket.socket) -> None:
    addresses = connection.getsockname(), connection.getpeername()

    assert peers.user_of(("127.0.0.1", 1), addresses[1]) is None
    # The answer to one question is none to the next.
    assert peers.user_of(*addresses) == os.geteuid()


def test_it_is_called_again_after_an_error(connection: socket.socket) -> None:
    addresses = connection.getsockname(), connection.getpeername()
    broken, other = socket.socketpair()
    with other:
        other.send(b"\0" * 72)
        peers._KERNEL.close()
        peers._KERNEL._socket = broken

        assert peers.user_of(*addresses) is None
        assert broken.fileno() == -1
    assert peers.user_of(*addresses) == os.geteuid()


@pytest.mark.parametrize(("user", "is_one"), [(None, False), (0, False), (65_534, True)])
def test_who_is_a_stranger(user: int | None, is_one: bool) -> None:
    assert peers.is_stranger(user) is is_one
