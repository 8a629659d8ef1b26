"""What a sandbox of real cgroups holds, in each version that this machine has."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambdatuning.core.errors import UsageError
from lambdatuning.core.sizes import vcpus
from lambdatuning.local import cleanup
from lambdatuning.local.limiters import cgroups, choose
from lambdatuning.local.limiters.interface import MOST_PROCESSES, Limiter, Sandbox
from tests.local.remains import gone, left_by
from tests.waiting import until

# Both end by themselves: if a test run is killed, nobody else would end them.
SPIN = "end = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
SPIN_ALONE = f"import time\n{SPIN}"
FAMILY = f"""
import os, threading, time
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        break
for _ in range(2):
    threading.Thread(target=lambda: exec({SPIN!r}, globals())).start()
"""
FAMILYS_THREADS = 3 * 3
EAT = "held = []\nwhile True: held.append(bytearray(64 << 20))"
# Bounded, for the case that the limit does not hold.
FORK = """
import os, sys, time
made = 0
try:
    for made in range(1500):
        if os.fork() == 0:
            time.sleep(120)
            os._exit(0)
except OSError as error:
    sys.stdout.write(f"{made} {type(error).__name__} {error.strerror}")
    sys.stdout.flush()
time.sleep(120)
"""
# Alone at first; from the moment that the file is there, a family of two that spin.
GROWS = f"""
import os, time
while not os.path.exists({{flag!r}}):
    time.sleep(0.001)
os.fork()
exec({SPIN!r})
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(params=["cgroup2", "cgroup1"])
def limiter(request: pytest.FixtureRequest) -> Iterator[Limiter]:
    try:
        chosen = choose(request.param, cleanup.server_ident(os.getpid()))
    except UsageError as exc:
        pytest.skip(str(exc))
    yield chosen.limiter
    chosen.limiter.close()


@pytest.fixture
def sandbox(limiter: Limiter) -> Iterator[Sandbox]:
    made = limiter.sandbox("some", 512)
    yield made
    if _folder(made).exists():
        made.close()


@pytest.fixture
def start(sandbox: Sandbox) -> Iterator[Start]:
    """Starts a Python program in the sandbox."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(program: str) -> "subprocess.Popen[bytes]":
        entering = "".join(f"echo $$ > {path}\n" for path in sandbox.entry_files())
        command = ["/bin/sh", "-c", f'{entering}exec "$@"', "sh", sys.executable, "-S", "-c"]
        started.append(subprocess.Popen([*command, program], stdout=subprocess.PIPE))
        return started[-1]

    yield begin
    # The whole family, or its members hold the pipe open.
    cgroups.kill(_folder(sandbox))
    for process in started:
        process.communicate(timeout=120)


def _folder(sandbox: Sandbox) -> Path:
    return Path(sandbox.entry_files()[0]).parent


def _members(sandbox: Sandbox) -> list[int]:
    return cgroups.pids_of(_folder(sandbox))


def _wait_for_family(sandbox: Sandbox) -> None:
    deadline = time.monotonic() + 120
    while len(_members(sandbox)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    _wait_for(sandbox, 0.3)


def _peak_mb_between_invocations(sandbox: Sandbox) -> int:
    """Of a process that was stopped twice: what the first stop looked up is remembered then."""
    for _ in range(2):
        sandbox.freeze()
        peak_mb = sandbox.peak_memory_mb()
        sandbox.thaw()
    return peak_mb


def _stands(sandbox: Sandbox) -> bool:
    used_s = sandbox.cpu_s()
    time.sleep(0.1)
    return sandbox.cpu_s() == used_s


def _wait_for(sandbox: Sandbox, cpu_s: float) -> None:
    """Until its processes have used so much more."""
    began_s, deadline = sandbox.cpu_s(), time.monotonic() + 120
    while sandbox.cpu_s() < began_s + cpu_s:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.alone
def test_no_more_cpu_than_its_share(sandbox: Sandbox, start: Start) -> None:
    start(FAMILY)
    _wait_for_family(sandbox)

    sandbox.limit(vcpus(128))
    _wait_for(sandbox, 0.01)
    used_s, started = sandbox.cpu_s(), time.monotonic()
    time.sleep(1)
    share = (sandbox.cpu_s() - used_s) / (time.monotonic() - started)

    assert 0.2 * vcpus(128) < share < 1.25 * vcpus(128)
    sandbox.lift()
    _wait_for(sandbox, 0.2)


def test_it_stops_and_goes_on(sandbox: Sandbox, start: Start) -> None:
    began_s = time.monotonic()
    start(FAMILY)
    _wait_for_family(sandbox)

    sandbox.freeze()
    until(lambda: _stands(sandbox), "a standstill")
    assert 0 <= sandbox.stolen_s() <= FAMILYS_THREADS * (time.monotonic() - began_s)
    assert sandbox.peak_memory_mb() > 1
    sandbox.thaw()
    _wait_for(sandbox, 0.05)


def test_what_is_started_after_a_freeze_stops_at_the_next(
    sandbox: Sandbox, start: Start, tmp_path: Path
) -> None:
    flag = tmp_path / "grow"
    start(GROWS.format(flag=str(flag)))
    _wait_for(sandbox, 0.005)
    alone_mb = _peak_mb_between_invocations(sandbox)
    flag.touch()
    until(lambda: len(_members(sandbox)) == 2, "a child")
    _wait_for(sandbox, 0.05)

    sandbox.freeze()
    stopped = [f"/proc/{pid}/stat" for pid in _members(sandbox)]

    until(lambda: all(") T " in Path(one).read_text() for one in stopped), "both to stop")
    assert sandbox.peak_memory_mb() > alone_mb


def test_what_a_closed_sandbox_used_is_remembered(sandbox: Sandbox, start: Start) -> None:
    start(SPIN_ALONE)
    _wait_for(sandbox, 0.05)
    peak_mb = _peak_mb_between_invocations(sandbox)

    sandbox.close()

    assert sandbox.peak_memory_mb() == peak_mb > 1


def test_it_is_killed_at_its_memory_size(sandbox: Sandbox, start: Start) -> None:
    process = start(EAT)

    assert process.wait(120) == -signal.SIGKILL
    assert sandbox.ran_out_of_memory()


def test_a_quiet_one_was_not_killed(sandbox: Sandbox, start: Start) -> None:
    process = start("")

    assert process.wait(60) == 0
    assert not sandbox.ran_out_of_memory()


def test_it_has_so_many_processes_and_no_more(
    limiter: Limiter, start: Start, sandbox: Sandbox
) -> None:
    process = start(FORK)
    assert process.stdout is not None

    printed = os.read(process.stdout.fileno(), 200).decode()

    assert printed == f"{MOST_PROCESSES - 1} BlockingIOError Resource temporarily unavailable"
    assert len(_members(sandbox)) == MOST_PROCESSES  # more than one page of the list
    # Others go on, and nothing of it is left.
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    sandbox.close()
    assert _members(sandbox) == []
    assert not _folder(sandbox).exists()


def test_frozen_families_end_with_their_sandbox(sandbox: Sandbox, start: Start) -> None:
    start(FAMILY)
    _wait_for_family(sandbox)
    sandbox.freeze()
    members = _members(sandbox)

    sandbox.close()

    assert not any(Path(f"/proc/{pid}/cmdline").exists() and _runs(pid) for pid in members)
    assert not _folder(sandbox).exists()


def _runs(pid: int) -> bool:
    """A killed child of ours stays as a zombie until it is waited for."""
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


def test_a_dead_servers_groups_go_with_its_processes(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    ident = cleanup.server_ident(process.pid)
    limiter = choose("auto", ident).limiter
    sandbox = limiter.sandbox("some", 128)
    entering = "".join(f"echo $$ > {path}\n" for path in sandbox.entry_files())
    (tmp_path / ident).mkdir()
    cleanup.note_cgroups(limiter.leftovers(), tmp_path / ident)
    with subprocess.Popen(["/bin/sh", "-c", f"{entering}exec sleep 60"]) as left:
        while sandbox.entry_files() and left.pid not in _members(sandbox):
            time.sleep(0.005)
        if not sandbox.entry_files():
            left.kill()

        cleanup.clear_dead_servers("NO_MARK", tmp_path)

        assert left.wait(120) == -signal.SIGKILL
    assert gone(process.pid, tmp_path), left_by(process.pid, tmp_path)
    limiter.close()
