"""What a system tells of its processes, and the embedded AWS where only ps tells it."""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.local import endpoint
from lambdatuning.local.limiters import process_table
from lambdatuning.local.limiters.libproc_table import LibprocTable, Usage
from lambdatuning.local.limiters.process_table import ProcessTable
from lambdatuning.local.limiters.ps_table import PsTable
from lambdatuning.local.runtime_process import waited_for
from tests.local.conftest import Cloud, missing
from tests.local.remains import gone, left_by
from tests.local.test_measuring import BURN

PARENT = """
import subprocess, sys, time
held = bytearray(30 << 20)
subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["linux", "ps"])
def table(request: pytest.FixtureRequest) -> ProcessTable:
    if request.param == "linux" and sys.platform != "linux":
        pytest.skip("Linux only")
    if request.param == "ps" and shutil.which("ps") is None:
        missing("ps is not installed; on Debian: apt-get install procps")
    return process_table.here(sys.platform, "ps" if request.param == "ps" else None)


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
    assert (table.cpu_s(family.pid) > 0) is table.measures_cpu


def test_marked_processes_are_found(table: ProcessTable) -> None:
    marker = f"OUR_MARK=test-{os.getpid()}"
    name, _, value = marker.partition("=")
    sleep = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleep, env={name: value}) as process:
        deadline = time.monotonic() + 10
        while table.marked(marker) != [process.pid]:
            assert time.monotonic() < deadline
        process.kill()
    assert table.marked(f"{marker}0") == []


def test_of_a_process_that_is_gone_nothing_is_told(table: ProcessTable) -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()

    pid = process.pid
    assert table.children(pid) == []
    told = (table.cpu_s, table.ended_children_s, table.waited_s, table.resident_bytes)
    assert [one(pid) for one in told] == [0, 0, 0, 0]
    assert table.peak_bytes(pid) == 0


@dataclass
class Libproc:
    """As much of macOS's libproc as is used: one process, 10, with the children 11 and 12."""

    asked: list[tuple[int, int]] = field(default_factory=list)

    def proc_listchildpids(self, pid: int, found: Any, size: int) -> int:
        assert size == ctypes.sizeof(found)
        if pid != 10:
            return 0
        found[0], found[1] = 11, 12
        return 2

    def proc_pid_rusage(self, pid: int, flavor: int, pointer: Any) -> int:
        self.asked.append((pid, flavor))
        if pid != 10:
            return -1
        usage = pointer._obj
        usage.user_time, usage.system_time, usage.child_user_time = 2_000, 400, 48
        usage.resident_size = 5 << 20
        return 0


def test_macos_is_read_as_its_headers_say() -> None:
    """`rusage_info_v2`: a uuid and 18 counters; times in units of the timebase (125/3 ns)."""
    assert ctypes.sizeof(Usage) == 16 + 18 * 8
    library = Libproc()
    table = LibprocTable(library, unit_s=125 / 3 / 1e9)

    assert table.children(10) == [11, 12]
    assert table.cpu_s(10) == pytest.approx(100e-6)
    assert table.ended_children_s(10) == pytest.approx(2e-6)
    assert table.resident_bytes(10) == table.resident_bytes(10) == 5 << 20
    assert (table.children(1), table.cpu_s(1), table.resident_bytes(1)) == ([], 0.0, 0)
    assert set(library.asked) == {(10, 2), (1, 2)}


def test_a_mac_without_libproc_asks_ps() -> None:
    assert isinstance(process_table.here("darwin"), PsTable)
    assert not process_table.here("freebsd").measures_cpu


def test_an_end_is_noticed_without_a_pidfd() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as one:
        descriptor = waited_for(one)
        try:
            assert not select.select([descriptor], [], [], 0.05)[0]
            one.kill()
            assert select.select([descriptor], [], [], 10)[0]
            assert one.wait(5) == -signal.SIGKILL
        finally:
            os.close(descriptor)


def test_the_embedded_aws_runs_where_only_ps_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on a Mac at worst: no /proc, no cgroups, no CPU clocks, no pidfd."""
    if shutil.which("ps") is None:
        missing("ps is not installed; on Debian: apt-get install procps")
    monkeypatch.setenv(process_table.FORCED_NAME, "ps")
    running = endpoint.start(limiter="sigstop", state_dir=tmp_path)
    try:
        cloud = Cloud(running)
        assert running.facts()["limiter"] == "sigstop-by-the-clock"
        burn = cloud.function(BURN, MemorySize=442)
        cloud.invoke(burn, {"cpu_s": 0})
        # A quarter of a vCPU, by the clock: never faster, but slower beside other load.
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
