"""The Runtime API by itself, with a runtime that is a thread: when things happened on it."""

import contextlib
import http.client
import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from lambdatuning.local.function import Request
from lambdatuning.local.runtime import http_messages
from lambdatuning.local.runtime.runtime_api import RuntimeApi

BUSY_S = 0.1
"""How long the server is busy elsewhere: far more than a message takes."""
Pair = tuple[socket.socket, socket.socket]
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what arrives")


@contextlib.contextmanager
def _pair() -> Iterator[Pair]:
    """Who writes and, behind a listener that is stamped, who reads."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        http_messages.stamp_arrivals(server)
        with socket.create_connection(server.getsockname()) as writer, server.accept()[0] as reader:
            yield writer, reader


@pytest.fixture(scope="module", autouse=True)
def _kernel_stamps() -> Iterator[None]:
    """As long as one listener is open, and a moment after it was opened, the kernel stamps."""
    with _pair() as (writer, reader):
        for _ in range(500 if sys.platform == "linux" else 0):
            writer.sendall(b"x")
            if reader.recvmsg(1, 64)[1]:
                break
            time.sleep(0.01)
        yield


@pytest.fixture
def pair() -> Iterator[Pair]:
    with _pair() as both:
        yield both


@linux
def test_what_is_read_late_arrived_when_it_was_sent(
    pair: Pair,
) -> None:
    writer, reader = pair
    sent = time.monotonic()
    writer.sendall(b"early")
    sent_by = time.monotonic()
    time.sleep(BUSY_S)

    data, arrived_s = http_messages.receive_stamped(reader, 100)

    assert data == b"early"
    assert sent - 0.001 <= arrived_s < sent_by + BUSY_S


@linux
def test_what_came_in_parts_arrived_with_the_last(
    pair: Pair,
) -> None:
    writer, reader = pair
    writer.sendall(b"first ")
    time.sleep(BUSY_S)
    sent_again = time.monotonic()
    writer.sendall(b"last")
    sent_by = time.monotonic()
    time.sleep(BUSY_S)

    data, arrived_s = http_messages.receive_stamped(reader, 100)

    assert data == b"first last"
    assert sent_again - 0.001 <= arrived_s < sent_by + BUSY_S


def test_the_end_of_a_connection_has_a_time(pair: Pair) -> None:
    writer, reader = pair
    writer.close()

    data, arrived_s = http_messages.receive_stamped(reader, 100)

    assert data == b""
    assert arrived_s <= time.monotonic()


@linux
def test_a_busy_server_answers_late_but_knows_when_a_request_arrived() -> None:
    api = RuntimeApi()
    responded, polled = threading.Event(), threading.Event()
    runtime = threading.Thread(target=_runtime, args=(api.address, responded, polled))
    runtime.start()
    try:
        deadline = time.monotonic() + 120
        _await_poll(api, deadline)
        api.send(Request("r1", b"{}", "arn"), 0)
        assert responded.wait(120)
        time.sleep(BUSY_S)

        response = api.wait(deadline)
        assert polled.wait(120)
        time.sleep(BUSY_S)
        _await_poll(api, deadline)
        noticed = time.monotonic()
    finally:
        api.close()
        runtime.join()

    assert (response.kind, response.body) == ("response", b'"done"')
    assert response.answered - response.arrived > BUSY_S / 2
    assert 0 <= api.polled - response.answered < noticed - response.answered - BUSY_S / 2


def _await_poll(api: RuntimeApi, deadline: float) -> None:
    while not api.ready:
        assert api.wait(deadline).kind != "timeout"


def _runtime(address: str, responded: threading.Event, polled: threading.Event) -> None:
    """Serve one invocation as awslambdaric does, on one connection; ask for another in vain.

    Says when its response, and then its next poll, is sent.
    """
    connection = http.client.HTTPConnection(address)
    prefix = "/2018-06-01/runtime/invocation"

    def send(
        method: str, path: str, body: bytes | None = None, sent: threading.Event | None = None
    ) -> None:
        connection.request(method, f"{prefix}/{path}", body)
        if sent:
            sent.set()
        connection.getresponse().read()

    send("GET", "next")
    send("POST", "r1/response", b'"done"', responded)
    with pytest.raises(ConnectionError):
        send("GET", "next", sent=polled)
    connection.close()
