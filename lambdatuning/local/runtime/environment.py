"""One execution environment: a real process, its Runtime API, its sandbox and its own /tmp."""

import contextlib
import os
import shutil
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from .. import faults
from ..admission import CoreClaim
from ..function import Fault, FunctionSpec, Request
from ..limiters.interface import Sandbox
from ..logs.printed import LogEvent
from . import command, mounts
from .process import RuntimeProcess
from .runtime_api import Event, RuntimeApi

INIT_LIMIT_S = 10.0
"""The init phase of an on-demand function may take 10 seconds."""
_SHUTDOWN_LIMIT_S = 2.0
"""Of the shutdown phase with external extensions."""
_SOCKET_HOLDS_BYTES = 32 << 10
"""What a frozen process can be sent without blocking the sender."""


class Settled(NamedTuple):
    """Times of one invocation, in seconds: its duration, what of that it was held back, and by how
    much other load on the host may have lengthened it.
    """

    duration_s: float
    held_s: float
    stolen_s: float


def settle(
    took_s: float, cpu_s: float, waited_s: float, share: float | None, limit_s: float
) -> Settled:
    """The duration, at most `limit_s`: `took_s`, or CPU used / `share` where that is longer.

    A kernel hands out CPU by the period, so that a handler shorter than its first period runs free;
    the hold makes up for it. `share` None leaves that burst in, as AWS does. `waited_s`, for which
    threads were ready but not running, counts as stolen as far as it ends after CPU used / share.

    >>> settle(0.010, 0.010, 0.0, 0.25, 3.0)
    Settled(duration_s=0.04, held_s=0.03, stolen_s=0.0)
    """
    due_s = cpu_s / share if share else 0.0
    duration_s = min(max(took_s, due_s), limit_s)
    return Settled(
        duration_s=duration_s,
        held_s=max(0.0, duration_s - took_s),
        stolen_s=min(max(0.0, waited_s), max(0.0, took_s - due_s)),
    )


def passed_s(started: float, arrived: float, answered: float, polled: float) -> float:
    """Seconds from `started` until the runtime `polled` for its next invocation, less its waiting.

    Its response `arrived` and was `answered` meanwhile, and between the two it could only wait for
    the Runtime API. AWS's has cores of its own; ours shares them with the callers, and what that
    takes is no work of the function's. All are moments of one clock, in seconds.

    >>> passed_s(started=1.0, arrived=1.5, answered=2.0, polled=2.25)
    0.75
    """
    return max(0.0, arrived - started) + max(0.0, polled - answered)


class HandlerRun(NamedTuple):
    """How one invocation went inside its environment.

    `fault` is None when the handler answered; `error_type` names the error that it answered with.
    `duration_ms` is time that really passed, less only what the runtime waited for the Runtime API
    to take its response: what other load took of it stands in `stolen_ms` and is left for the
    analysis to judge. `held_ms` is what strict settling added.
    """

    payload: bytes
    error_type: str
    fault: Fault | None
    log: list[LogEvent]
    duration_ms: float
    cpu_ms: float
    stolen_ms: float
    held_ms: float


class Environment:
    """Starts with `start`, serves one `invoke` at a time, ends with `close`."""

    def __init__(
        self, spec: FunctionSpec, host: command.ServerHost, sandbox: Sandbox, folder: Path
    ) -> None:
        self.spec = spec
        self.ident = uuid.uuid4().hex
        # Never 12 digits: ministack would read such a key as an account id.
        self.key_id = f"ASIA{self.ident[:16].upper()}"
        self.stream = f"{datetime.now(UTC):%Y/%m/%d}/[{spec.version}]{self.ident}"
        self.interpreter = command.interpreter(spec, host)
        self.init_ms = 0.0
        self.invocations = 0
        self.last_used = time.monotonic()
        self.dead = False
        self.claim: CoreClaim | None = None
        self._broken = False
        # CPU and stolen seconds when it was last frozen: nothing is added until it runs again.
        self._accounts = (0.0, 0.0)
        self._host = host
        self._sandbox = sandbox
        self._folder = folder
        self._api = RuntimeApi(spec, host.users)
        self._process: RuntimeProcess | None = None
        self._program = ""
        self._extensions = 0
        self._ends_fd = -1

    # --- init phase

    def start(self, limit_s: float = INIT_LIMIT_S) -> Fault | None:
        """Run the init phase at full speed; None when it is ready, else why it ended."""
        started = time.monotonic()
        try:
            self._spawn()
        except (OSError, command.InvalidEntrypointError) as exc:
            self.close()
            return faults.invalid_entrypoint(str(exc))
        event = self._api.wait(started + limit_s)
        while event.kind == "next" and not self._is_ready():
            event = self._api.wait(started + limit_s)
        self.init_ms = min(time.monotonic() - started, limit_s) * 1e3
        if event.kind == "next":
            self._sandbox.freeze()
            self._accounts = self._sandbox.cpu_s(), self._sandbox.stolen_s()
            # Now, because the process may end in its first invocation.
            self._sandbox.peak_memory_mb()
            return None
        fault = self._init_fault(event, limit_s)
        self.close()
        return fault

    def _is_ready(self) -> bool:
        """Whether runtime and extensions have asked for what comes next, as ends the init phase."""
        return self._api.ready and self._api.extensions_ready(self._extensions)

    def _init_fault(self, event: Event, limit_s: float) -> Fault:
        if event.kind in ("init_error", "extension_error"):
            return faults.init_error(event.body)
        if event.kind == "extension_end":
            return faults.extension_ended(event.body)
        if event.kind == "timeout":
            return faults.timed_out(limit_s)
        code = self._process.returncode() if self._process else None
        if self.spec.runtime.startswith("provided") and code in faults.NOT_STARTED:
            return faults.invalid_entrypoint(
                f"fork/exec {self._program}: {faults.NOT_STARTED[code]}"
            )
        return self._ended()

    def _spawn(self) -> None:
        (self._folder / "tmp").mkdir(parents=True)
        (self._folder / "tmp").chmod(0o1777)
        env = command.variables(
            self.spec,
            self._host,
            api=self._api.address,
            stream=self.stream,
            key_id=self.key_id,
            folder=self._folder,
        )
        runtime = command.arguments(self.spec, self._host)
        self._program = runtime[0]
        self._extensions = len(command.extensions(self.spec, self._host))
        if self._extensions:
            os.mkfifo(self._folder / mounts.ENDS, 0o600)
            # For writing as well: it must not look ended while no extension runs.
            self._ends_fd = os.open(self._folder / mounts.ENDS, os.O_RDWR | os.O_NONBLOCK)
            self._api.watch_extensions(self._ends_fd)
        files = self._sandbox.entry_files()
        arguments, own = command.entered(runtime, self.spec, self._host, files, self._folder, env)
        user = self._host.view.user if self._host.view else None
        self._process = RuntimeProcess.start(arguments, own, self.spec.task_root, user)
        self._sandbox.adopt(self._process.pid)
        self._api.watch(self._process.log_fd, self._process.exit_fd)

    # --- invoke phase

    def invoke(
        self, request: Request, share: float, *, strict: bool, spent_s: float = 0.0
    ) -> HandlerRun:
        """Run the handler once at `share` CPUs; in `strict` no faster than CPU used / share.

        `spent_s` is what an init phase inside this invocation took of its time already.
        """
        self.invocations += 1
        limit_s = self.spec.timeout_s - spent_s
        started, event = self._exchange(request, share, limit_s)
        took_s = self._took_s(started, event)
        if not self._broken:
            self._sandbox.freeze()
        cpu_s, stolen_s = self._spent()
        settled = settle(took_s, cpu_s, stolen_s, share if strict else None, limit_s)
        _sleep_until(started + settled.duration_s)
        if event.kind in ("response", "error") and settled.duration_s >= limit_s:
            event = Event("timeout")
        ran = self._result(event, settled, cpu_s, spent_s)
        self.last_used = time.monotonic()
        if self._broken or event.kind == "timeout":
            self.close()
        return ran

    def _spent(self) -> tuple[float, float]:
        """CPU seconds and stolen seconds since it was asked last."""
        before, self._accounts = self._accounts, (self._sandbox.cpu_s(), self._sandbox.stolen_s())
        return self._accounts[0] - before[0], self._accounts[1] - before[1]

    def _result(self, event: Event, settled: Settled, cpu_s: float, spent_s: float) -> HandlerRun:
        return HandlerRun(
            payload=event.body,
            error_type=faults.error_type(event.body) if event.kind == "error" else "",
            fault=self._fault(event),
            log=self.take_log(),
            duration_ms=(spent_s + settled.duration_s) * 1e3,
            cpu_ms=cpu_s * 1e3,
            stolen_ms=settled.stolen_s * 1e3,
            held_ms=settled.held_s * 1e3,
        )

    def _exchange(self, request: Request, share: float, limit_s: float) -> tuple[float, Event]:
        """When it was let go and what came of it.

        Returns when the runtime asks for its next invocation: there duration ends, on AWS too.
        """
        self._sandbox.limit(share)
        started = time.monotonic()
        try:
            started = self._deliver(request, limit_s)
        except OSError as exc:
            self._broken = True
            return started, Event("timeout" if isinstance(exc, TimeoutError) else "exit")
        deadline = started + limit_s
        event = self._answer(deadline)
        # The quota goes before the runtime asks for its next invocation: were it stalled there for
        # the rest of a period, the reply would be late by what strict settling cannot take back.
        self._sandbox.lift()
        if event.kind not in ("response", "error"):
            self._broken = True
        elif hindrance := self._hindrance(deadline):
            self._broken = True
            event = hindrance if hindrance.kind == "extension_end" else event
        return started, event

    def _took_s(self, started: float, event: Event) -> float:
        if self._broken:
            return time.monotonic() - started
        return passed_s(started, event.arrived, event.answered, self._api.polled)

    def _answer(self, deadline: float) -> Event:
        event = self._api.wait(deadline)
        while event.kind == "next":
            event = self._api.wait(deadline)
        return event

    def _hindrance(self, deadline: float) -> Event | None:
        """What kept runtime and extensions from asking for what comes next; None when they did."""
        while not self._api.ready:
            event = self._api.wait(deadline)
            if event.kind in ("exit", "extension_end", "timeout"):
                return event
        return None

    def _deliver(self, request: Request, limit_s: float) -> float:
        """Send the request and let the runtime go; when it could begin."""
        deadline_ms = int((time.time() + limit_s) * 1e3)
        waits_for_reader = len(request.payload) > _SOCKET_HOLDS_BYTES
        if not waits_for_reader:
            # It wakes up once, with the request there already, instead of twice.
            self._api.send(request, deadline_ms)
        started = time.monotonic()
        self._sandbox.thaw()
        if waits_for_reader:
            self._api.send(request, deadline_ms, started + limit_s)
        return started

    def _fault(self, event: Event) -> Fault | None:
        if event.kind == "timeout":
            return faults.timed_out(self.spec.timeout_s)
        if event.kind == "response":
            too_large = len(event.body) > faults.MAX_RESPONSE_BYTES
            return faults.response_too_large() if too_large else None
        if event.kind == "error":
            return None
        if event.kind == "extension_end":
            return faults.extension_ended(event.body)
        return self._ended()

    def _ended(self) -> Fault:
        if self._sandbox.ran_out_of_memory():
            return faults.out_of_memory()
        return faults.exited(self._process.returncode() if self._process else None)

    # --- what is known of it, and its end

    @property
    def extensions(self) -> list[tuple[str, str, list[str]]]:
        """Its registered extensions: see `RuntimeApi.extensions`."""
        return self._api.extensions()

    def take_log(self) -> list[LogEvent]:
        """What was printed since the last call."""
        if not self.dead:
            self._api.drain_log()
        return self._api.log.take()

    def peak_memory_mb(self) -> int:
        """The most memory held so far, never above the memory size."""
        return min(self._sandbox.peak_memory_mb(), self.spec.memory_mb)

    @property
    def usable(self) -> bool:
        """Whether it can take another invocation."""
        return not self.dead and self._process is not None and self._process.running

    def kill(self) -> None:
        """Kill its process; whoever waits for an answer of it sees its end."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Kill its processes and remove what it left."""
        if self.dead:
            return
        self.peak_memory_mb()
        if self._extensions and self.usable:
            self._shut_down()
        self.dead = True
        if self._process is not None:
            self._process.kill()
        self._sandbox.close()
        self._api.drain_log()
        self._api.close()
        if self._process is not None:
            self._process.close()
        if self._ends_fd >= 0:
            os.close(self._ends_fd)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _shut_down(self) -> None:
        """Tell extensions of the end, which have 2 s then."""
        with contextlib.suppress(OSError, ValueError):
            self._sandbox.thaw()
            self._api.shut_down("spindown", time.monotonic() + _SHUTDOWN_LIMIT_S)


def _sleep_until(end: float) -> None:
    if (left := end - time.monotonic()) > 0:
        time.sleep(left)
