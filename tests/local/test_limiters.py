"""The limiters one by one: time slices, the server's place, and life without privileges."""

import ctypes
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdatuning.local import cleanup
from lambdatuning.local.limiters import cgroup1, cgroups, processes
from lambdatuning.local.limiters.interface import UnusableError

ROOT = Path(__file__).parents[2]
NOBODY = 65534
linux = pytest.mark.skipif(platform.system() != "Linux", reason="Linux only")


@pytest.fixture
def busy() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as process:
        yield process
        process.kill()


# --- time slices


@pytest.mark.alone
@linux
def test_what_is_protected_gets_short_slices_and_keeps_its_priority(
    busy: "subprocess.Popen[bytes]",
) -> None:
    os.setpriority(os.PRIO_PROCESS, busy.pid, 7)

    granted = processes.shorten_slice(busy.pid)

    assert os.getpriority(os.PRIO_PROCESS, busy.pid) == 7
    if platform.machine() == "x86_64" and _kernel() >= (6, 12):
        assert granted
        assert _slice_ns(busy.pid) == processes.SLICE_NS


def test_a_process_that_is_gone_has_no_slice() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()

    assert not processes.shorten_slice(process.pid)


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])


def _slice_ns(pid: int) -> int:
    layout, sched_getattr = struct.Struct("=IIQiIQQQ"), 315
    attributes = ctypes.create_string_buffer(layout.size)
    assert ctypes.CDLL(None).syscall(sched_getattr, pid, attributes, layout.size, 0) == 0
    runtime_ns: int = layout.unpack(attributes.raw)[5]
    return runtime_ns


# --- the server's place


def test_a_server_comes_before_other_load_and_after_functions(
    busy: "subprocess.Popen[bytes]",
) -> None:
    try:
        limiter = cgroup1.Cgroup1Limiter(cleanup.server_ident(os.getpid()))
    except UnusableError as exc:
        pytest.skip(str(exc))
    sandbox = limiter.sandbox("some", 128)
    [top] = {
        Path(folder) for folder in limiter.leftovers() if (Path(folder) / "cpu.shares").exists()
    }
    try:
        limiter.protect(busy.pid)

        assert cgroups.pids_of(top / "server") == [busy.pid]
        weights = [int((top / name / "cpu.shares").read_text()) for name in ("server", "some", ".")]
        assert weights[0] < weights[1] < weights[2]
    finally:
        sandbox.close()
        limiter.close()

    assert not top.exists()
    assert busy.pid in cgroups.pids_of(top.parent)


# --- without privileges


@pytest.mark.alone
@linux
def test_an_ordinary_user_gets_true_speeds() -> None:
    shown = subprocess.run(
        [*_as_ordinary_user(), sys.executable, "-m", "tests.local.unprivileged"],
        cwd=ROOT,
        env=os.environ | {"HOME": "/var/tmp", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    measured = json.loads(shown.stdout)

    assert measured["uid"] != 0
    assert measured["limiter"] == "sigstop"
    for row in measured["rows"]:
        # Unsettled, so that the limiter alone is seen: a period or so is free of charge.
        assert row["duration_ms"] > 0.8 * row["owed_ms"]
        assert row["duration_ms"] - row["stolen_ms"] < 1.5 * row["owed_ms"]
    assert measured["stopped_left"] == []
    # Those of the user's other programs, and 1,024 for the function.
    assert 1024 < measured["most_processes"] < 1024 + measured["threads_of_all"]


def _as_ordinary_user() -> list[str]:
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root needs setpriv to become somebody else")
    # Nothing but reading: the interpreter may lie in a home folder that is closed to others.
    reading = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    who = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    return [setpriv, *who, *reading]
