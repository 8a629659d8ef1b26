"""What a system tells of its processes, and the embedded AWS without /proc."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lambdatuning.local import endpoint
from lambdatuning.local.limiters import processes
from lambdatuning.local.limiters.processes import ProcessTable, ProcTable, PsutilTable
from lambdatuning.local.runtime.process import waited_for
from tests.local.conftest import Cloud
from tests.local.remains import gone, left_by
from tests.local.test_measuring import BURN
from tests.waiting import until

PARENT = """
import subprocess, sys, time
held = bytearray(30 << 20)
subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""

FORKS_ON_INPUT = "import os, time\ninput()\nos.fork()\ntime.sleep(60)\n"


@pytest.fixture(params=["linux", "psutil"])
def table(request: pytest.FixtureRequest) -> ProcessTable:
    if request.param == "linux" and sys.platform != "linux":
        pytest.skip("Linux only")
    return processes.table(sys.platform, request.param)


@pytest.fixture
def family() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", PARENT],
        env={"FAMILY_MARK": "of this test"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout
        parent.stdout.readline()
        yield parent
        os.killpg(parent.pid, signal.SIGKILL)


def test_a_family_is_known_and_its_memory(
    table: ProcessTable, family: "subprocess.Popen[str]"
) -> None:
    [child] = table.children(family.pid)

    assert table.children(child) == []
    assert 30 << 20 < table.resident_bytes(family.pid) < 100 << 20
    assert table.peak_bytes(family.pid) >= table.resident_bytes(family.pid)
    assert table.cpu_s(family.pid) > 0


def test_marked_processes_are_found(table: ProcessTable) -> None:
    marker = f"OUR_MARK=test-{os.getpid()}"
    name, _, value = marker.partition("=")
    sleep = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleep, env={name: value}) as process:
        until(lambda: table.marked(marker) == [process.pid], "the marked process")
        process.kill()
    assert table.marked(f"{marker}0") == []


def test_of_a_process_that_is_gone_nothing_is_returned(table: ProcessTable) -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()

    pid = process.pid
    assert table.children(pid) == []
    counts = (table.cpu_s, table.ended_children_s, table.waited_s, table.resident_bytes)
    assert [one(pid) for one in counts] == [0, 0, 0, 0]
    assert table.peak_bytes(pid) == 0


def test_what_is_forked_just_before_the_stop_is_stopped_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", FORKS_ON_INPUT],
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as parent:
        assert parent.stdin
        pipe = parent.stdin

        def living() -> list[int]:
            listed = processes.tree(parent.pid)
            if not pipe.closed:
                pipe.write(b"now\n")
                pipe.close()
                until(lambda: len(processes.tree(parent.pid)) == 2, "the child")
            return listed

        try:
            stopped = processes.stop_all(living)
            assert stopped == processes.tree(parent.pid)
            assert len(stopped) == 2
            until(lambda: all(map(_stands, stopped)), "the stop of both")
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def _stands(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)


def test_only_linux_has_proc() -> None:
    assert isinstance(processes.table("darwin"), PsutilTable)
    assert isinstance(processes.table("linux"), ProcTable)


def test_an_end_is_noticed_without_a_pidfd() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as one:
        descriptor = waited_for(one)
        try:
            assert not select.select([descriptor], [], [], 0.05)[0]
            one.kill()
            assert select.select([descriptor], [], [], 120)[0]
            assert one.wait(120) == -signal.SIGKILL
        finally:
            os.close(descriptor)


@pytest.mark.alone
def test_the_embedded_aws_runs_without_proc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on a Mac: no cgroups, and processes by psutil."""
    monkeypatch.setenv(processes.FORCED_NAME, "psutil")
    running = endpoint.start(limiter="sigstop", state_dir=tmp_path)
    try:
        cloud = Cloud(running)
        assert running.facts()["limiter"] == "sigstop"
        burn = cloud.function(BURN, MemorySize=442)
        cloud.invoke(burn, {"cpu_s": 0})
        # A quarter of a vCPU: never faster, but slower beside other load.
        assert cloud.invoke(burn, {"cpu_s": 0.2}).duration_ms > 300
        greedy = cloud.function(
            "def handler(event, context):\n    held = bytearray(event << 20)\n"
            "    while True:\n        pass\n",
            MemorySize=128,
        )
        assert cloud.invoke(greedy, 300).payload["errorType"] == "Runtime.OutOfMemory"
        os.kill(running.process.pid, signal.SIGKILL)
    finally:
        running.stop()

    assert gone(running.process.pid, tmp_path), left_by(running.process.pid, tmp_path)
