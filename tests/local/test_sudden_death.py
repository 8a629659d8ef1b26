"""`kill -9` of the server at any moment leaves no process, cgroup, port or folder behind."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambdatuning.local import endpoint
from tests.local.conftest import Cloud
from tests.local.remains import gone, left_by, wait_for_processes
from tests.local.test_services import STACK
from tests.waiting import until

SERVER = [sys.executable, "-m", "lambdatuning.local", "--lifeline", "--port", "0"]
BUSY = """
    import os, time
    def handler(event, context):
        if os.fork() == 0:
            os.setsid()
        while True:
            pass
    """


def _freed(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return listener.connect_ex(("127.0.0.1", port)) != 0


@contextlib.contextmanager
def _killed_in(act: Callable[[Cloud], object], state: Path) -> Iterator[Cloud]:
    """A server that is killed after the body, while a thread does `act`; nothing is left of it."""
    running = endpoint.start(state_dir=state)
    cloud = Cloud(running)

    def acting() -> None:
        with contextlib.suppress(Exception):  # the server dies under it
            act(cloud)

    thread = threading.Thread(target=acting, daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        os.kill(running.process.pid, signal.SIGKILL)
        running.stop()
        thread.join(30)
    assert gone(running.process.pid, state), left_by(running.process.pid, state)
    assert _freed(int(running.url.rsplit(":", 1)[1]))


@pytest.mark.parametrize("after_s", [0.2, 0.6, 1.0])
def test_while_it_starts(after_s: float, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*SERVER, "--state", str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as server:
        time.sleep(after_s)
        server.kill()

    assert gone(server.pid, tmp_path), left_by(server.pid, tmp_path)


def test_as_soon_as_its_folder_is_there(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*SERVER, "--state", str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as server:
        until(lambda: list(tmp_path.iterdir()), "the server's folder", every_s=0.001)
        server.kill()

    assert gone(server.pid, tmp_path), left_by(server.pid, tmp_path)


def test_a_server_that_cannot_start_leaves_nothing(tmp_path: Path) -> None:
    given = ["--state", str(tmp_path), "--limiter", "none-such"]
    with subprocess.Popen([*SERVER, *given], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as one:
        _, errors = one.communicate()
    assert b'unknown limiter "none-such"' in errors
    assert gone(one.pid, tmp_path), left_by(one.pid, tmp_path)


def test_while_a_stack_is_deployed(tmp_path: Path) -> None:
    def deploy(cloud: Cloud) -> None:
        cloud.client("cloudformation").create_stack(
            StackName="half", TemplateBody=STACK, Capabilities=["CAPABILITY_AUTO_EXPAND"]
        )

    with _killed_in(deploy, tmp_path):
        time.sleep(0.2)


def test_while_functions_run(tmp_path: Path) -> None:
    with _killed_in(lambda cloud: cloud.run(BUSY), tmp_path) as cloud:
        # The handler and the child that left its process group and session.
        wait_for_processes(cloud.endpoint.process.pid, 2)


def test_while_an_environment_starts(tmp_path: Path) -> None:
    source = "import time\ntime.sleep(9)\ndef handler(event, context):\n    pass\n"
    with _killed_in(lambda cloud: cloud.run(source), tmp_path) as cloud:
        wait_for_processes(cloud.endpoint.process.pid, 1)
