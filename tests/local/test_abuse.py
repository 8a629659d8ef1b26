"""Handlers that misbehave harm nobody else: not the server, not other functions, not the host."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdatuning.local import endpoint
from lambdatuning.local.limiters import processes
from tests.local.conftest import Cloud
from tests.waiting import until

ECHO = "def handler(event, context):\n    return event\n"
PRINTS = "def handler(event, context):\n    while True:\n        print('x' * 200)\n"
FORKS = """
    import os, signal, time
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    def handler(event, context):
        # Each leaves the process group and the session, and its parent does not wait for it.
        for _ in range(20):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        pass
                os._exit(0)
        if event == "end":
            os._exit(1)
        return os.getpid()
    """
THREADS = """
    import os, threading
    def handler(event, context):
        def spin():
            while True:
                pass
        for _ in range(4):
            threading.Thread(target=spin, daemon=True).start()
        return os.getpid()
    """
EATS = """
    def handler(event, context):
        held = []
        while True:
            held.append(bytearray(8 << 20))
    """
SIGNALS = """
    import os, signal
    def handler(event, context):
        os.kill(os.getpid(), signal.SIGSTOP)
    """


@pytest.fixture(scope="module", params=["auto", pytest.param("sigstop", marks=pytest.mark.alone)])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    if request.param == "auto":
        yield request.getfixturevalue("shared_cloud")
        return
    with endpoint.start(limiter=request.param) as running:
        yield Cloud(running)


@pytest.fixture(scope="module")
def neighbour(cloud: Cloud) -> str:
    """A function of somebody else's, warm."""
    name = cloud.function(ECHO)
    cloud.invoke(name)
    return name


def _memory_mb(cloud: Cloud) -> int:
    status = Path(f"/proc/{cloud.endpoint.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) >> 10


def test_printing_without_end_ends_at_the_timeout(cloud: Cloud, neighbour: str) -> None:
    before_mb = _memory_mb(cloud)

    answer = cloud.run(PRINTS, Timeout=1, MemorySize=512)

    assert answer.payload["errorType"] == "Sandbox.Timedout"
    assert len(answer.log) <= 4096
    assert _memory_mb(cloud) - before_mb < 250
    assert cloud.invoke(neighbour, "well").payload == "well"


def test_orphans_are_frozen_and_killed_with_their_environment(cloud: Cloud, neighbour: str) -> None:
    name = cloud.function(FORKS, MemorySize=512)
    pid = cloud.invoke(name).payload
    assert len(_busy_orphans(name)) >= 20
    _wait_for_standstill([pid])

    assert cloud.invoke(neighbour, "well").payload == "well"
    assert cloud.invoke(name, "end").payload["errorType"] == "Runtime.ExitError"
    deadline = time.monotonic() + 120
    while processes.alive(pid) or _busy_orphans(name):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _wait_for_standstill(pids: list[int]) -> None:
    """Until none of them uses CPU any more: what was told to stop may run for a moment longer."""

    def used_s() -> float:
        return sum(processes.TABLE.cpu_s(pid) for pid in pids)

    def stand() -> bool:
        before_s = used_s()
        time.sleep(0.3)
        return used_s() == before_s

    until(stand, "a standstill")


def _busy_orphans(name: str) -> list[int]:
    return processes.marked(f"AWS_LAMBDA_FUNCTION_NAME={name}")


@pytest.mark.parametrize(
    ("source", "timeout_s", "error_type"),
    [(EATS, 60, "Runtime.OutOfMemory"), (SIGNALS, 2, "Sandbox.Timedout")],
)
def test_the_others_go_on(
    cloud: Cloud, neighbour: str, source: str, timeout_s: int, error_type: str
) -> None:
    answer = cloud.run(source, Timeout=timeout_s, MemorySize=256)

    assert answer.payload["errorType"] == error_type
    assert cloud.invoke(neighbour, "well").payload == "well"


def test_spinning_threads_are_frozen_between_invocations(cloud: Cloud, neighbour: str) -> None:
    name = cloud.function(THREADS, MemorySize=1769)

    pid = cloud.invoke(name).payload

    _wait_for_standstill([pid])
    assert cloud.invoke(neighbour, "well").payload == "well"
