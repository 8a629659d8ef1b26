"""The limiters one by one: time slices, the files of cgroup v2, and life without privileges."""

import ctypes
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdatuning.local import sweep
from lambdatuning.local.limiters import cgroup1, cgroup2, cgroup_files, processes, time_slice
from lambdatuning.local.shares import host_cores

ROOT = Path(__file__).parents[2]
NOBODY = 65534
linux = pytest.mark.skipif(platform.system() != "Linux", reason="Linux only")


@pytest.fixture
def busy() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as process:
        yield process
        process.kill()


# --- time slices


@linux
def test_what_is_protected_gets_short_slices_and_keeps_its_priority(
    busy: "subprocess.Popen[bytes]",
) -> None:
    os.setpriority(os.PRIO_PROCESS, busy.pid, 7)

    granted = time_slice.shorten(busy.pid)

    assert os.getpriority(os.PRIO_PROCESS, busy.pid) == 7
    if platform.machine() == "x86_64" and _kernel() >= (6, 12):
        assert granted
        assert _slice_ns(busy.pid) == time_slice.SLICE_NS


def test_a_process_that_is_gone_has_no_slice() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()

    assert not time_slice.shorten(process.pid)


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])


def _slice_ns(pid: int) -> int:
    layout, sched_getattr = struct.Struct("=IIQiIQQQ"), 315
    found = ctypes.create_string_buffer(layout.size)
    assert ctypes.CDLL(None).syscall(sched_getattr, pid, found, layout.size, 0) == 0
    runtime_ns: int = layout.unpack(found.raw)[5]
    return runtime_ns


# --- the server's place


def test_a_server_comes_before_other_load_and_after_functions(
    busy: "subprocess.Popen[bytes]",
) -> None:
    if not cgroup1.available():
        pytest.skip("needs rights on cgroup v1")
    limiter = cgroup1.Cgroup1Limiter(sweep.server_ident(os.getpid()))
    cage = limiter.cage("some", 128)
    [top] = {
        Path(folder) for folder in limiter.leftovers() if (Path(folder) / "cpu.shares").exists()
    }
    try:
        limiter.protect(busy.pid)

        assert cgroup_files.pids_of(top / "server") == [busy.pid]
        weights = [int((top / name / "cpu.shares").read_text()) for name in ("server", "some", ".")]
        assert weights[0] < weights[1] < weights[2]
    finally:
        cage.close()
        limiter.close()

    assert not top.exists()
    assert busy.pid in cgroup_files.pids_of(top.parent)


# --- cgroup v2: the kernel's own files where it has them without controllers, else plain ones


@pytest.fixture
def cage(tmp_path: Path) -> Iterator[cgroup2.Cgroup2Cage]:
    """A cage whose cpu and memory limits are plain files and whose other files are the kernel's."""
    mounted = cgroup_files.mount_point("cgroup2")
    if mounted is None or os.geteuid() != 0:
        pytest.skip("needs a cgroup v2 hierarchy in which it may make groups")
    real = mounted / f"lambdatuning-test-{os.getpid()}"
    real.mkdir()
    for name in ("cgroup.procs", "cgroup.freeze", "cpu.stat"):
        (tmp_path / name).symlink_to(real / name)
    for name in ("cpu.max", "memory.max", "memory.events"):
        (tmp_path / name).write_text("")
    yield cgroup2.Cgroup2Cage(tmp_path, 128)
    cgroup_files.kill(real)
    cgroup_files.remove(real)


def test_a_cgroup2_cage_stops_and_lets_go(
    cage: cgroup2.Cgroup2Cage, busy: "subprocess.Popen[bytes]"
) -> None:
    [entry] = cage.entry_files()
    cgroup_files.write(Path(entry), busy.pid)
    cage.freeze()
    time.sleep(0.05)
    frozen_at_s = processes.TABLE.cpu_s(busy.pid)
    time.sleep(0.05)
    assert processes.TABLE.cpu_s(busy.pid) == frozen_at_s

    before_s = cage.cpu_s()
    cage.thaw()
    while processes.TABLE.cpu_s(busy.pid) < frozen_at_s + 0.02:
        time.sleep(0.005)

    assert cage.cpu_s() - before_s >= 0.015
    assert cage.stolen_s() >= 0
    assert cage.peak_memory_mb() > 1


def test_a_cgroup2_cage_writes_its_limits(cage: cgroup2.Cgroup2Cage, tmp_path: Path) -> None:
    assert (tmp_path / "memory.max").read_text() == str(128 << 20)
    assert (tmp_path / "cpu.max").read_text() == f"{host_cores() * 20000} 20000"

    cage.limit(0.5)
    assert (tmp_path / "cpu.max").read_text() == "10000 20000"

    cage.limit(0.01)  # the kernel takes no quota under 1 ms
    assert (tmp_path / "cpu.max").read_text().startswith("1000 20000")


def test_a_cgroup2_cage_knows_who_was_killed(cage: cgroup2.Cgroup2Cage, tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 0\n")
    assert not cage.ran_out_of_memory()

    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    assert cage.ran_out_of_memory()


def test_a_cgroup2_parent_hands_cpu_and_memory_down(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    (tmp_path / "cgroup.procs").write_text("4711\n")

    assert cgroup2._offers(tmp_path)
    cgroup2._delegate(tmp_path, is_root=False)

    # A group with children that are limited may hold no process itself.
    assert (tmp_path / "lambdatuning-others" / "cgroup.procs").read_text() == "4711"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory"


def test_a_cgroup2_parent_without_a_controller_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")

    assert not cgroup2._offers(tmp_path)


# --- without privileges


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
    seen = json.loads(shown.stdout)

    assert seen["uid"] != 0
    assert seen["limiter"] == "sigstop"
    for row in seen["rows"]:
        # Unsettled, so that the limiter alone is seen: a period or so is free of charge.
        assert row["duration_ms"] > 0.8 * row["owed_ms"]
        assert row["duration_ms"] - row["stolen_ms"] < 1.5 * row["owed_ms"]
    assert seen["stopped_left"] == []


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
