"""The execution environments of all functions: idle ones by version, busy ones by access key."""

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from .function import FunctionSpec
from .limiters.interface import Limiter
from .runtime.command import ServerHost
from .runtime.environment import Environment

IDLE_LIMIT_S = 300.0
MOST_IDLE = 100
_TICK_S = 2.0


class Pool:
    """Hands out environments of the right revision and ends those that nobody needs.

    `exists` tells whether a function version (by ARN) is still there.
    """

    def __init__(
        self, host: ServerHost, limiter: Limiter, folder: Path, exists: Callable[[str], bool]
    ) -> None:
        self._host = host
        self._limiter = limiter
        self._folder = folder
        self._exists = exists
        self._idle: defaultdict[str, list[Environment]] = defaultdict(list)
        self._revisions: dict[str, str] = {}
        self._by_key: dict[str, Environment] = {}
        self._lock = threading.Lock()
        self._ending: queue.SimpleQueue[Environment | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._reaper = threading.Thread(target=self._reap, name="environments", daemon=True)
        self._reaper.start()

    def take(self, spec: FunctionSpec) -> Environment | None:
        """The idle environment of this revision that has waited longest, or None.

        So environments share the work, as hosts of a fleet do, and none is measured more than
        another.
        """
        with self._lock:
            if self._revisions.get(spec.arn) != spec.revision:
                self._retire(spec.arn)
                self._revisions[spec.arn] = spec.revision
            idle = self._idle[spec.arn]
            while idle:
                environment = idle.pop(0)
                if environment.usable:
                    return environment
                self._end(environment)
        return None

    def new(self, spec: FunctionSpec) -> Environment:
        """A fresh environment, not started yet."""
        self.check_open()
        ident = f"e{time.monotonic_ns()}"
        sandbox = self._limiter.sandbox(ident, spec.memory_mb)
        environment = Environment(spec, self._host, sandbox, self._folder / ident)
        with self._lock:
            self._by_key[environment.key_id] = environment
        return environment

    def give_back(self, environment: Environment) -> None:
        """Keep it for the next invocation, unless it died or its revision is out of date."""
        with self._lock:
            spec = environment.spec
            current = self._revisions.get(spec.arn) == spec.revision
            if environment.usable and current and not self._closed.is_set():
                self._idle[spec.arn].append(environment)
            else:
                self._end(environment)

    def by_key(self, key_id: str) -> Environment | None:
        """The environment that was given this access key: who makes a nested call."""
        return self._by_key.get(key_id)

    def is_key(self, key_id: str) -> bool:
        """Whether an environment that lives was given this access key."""
        return key_id in self._by_key

    def count(self) -> int:
        """Environments that live now."""
        return len(self._by_key)

    def check_open(self) -> None:
        """RuntimeError where the server is stopping: what it killed is no error of a function."""
        if self._closed.is_set():
            raise RuntimeError("the embedded AWS is stopping")

    def kill(self) -> None:
        """End the process of every environment, so that whoever invokes goes on; start no more."""
        self._closed.set()
        for environment in list(self._by_key.values()):
            environment.kill()

    def close(self) -> None:
        """End every environment, busy ones too."""
        self.kill()
        self._ending.put(None)
        self._reaper.join()
        for environment in list(self._by_key.values()):
            environment.close()

    def _retire(self, arn: str) -> None:
        for environment in self._idle.pop(arn, []):
            self._end(environment)

    def _end(self, environment: Environment) -> None:
        # Killing and waiting takes milliseconds, which no invocation should pay.
        self._by_key.pop(environment.key_id, None)
        self._ending.put(environment)

    def _reap(self) -> None:
        while not self._closed.is_set():
            try:
                environment = self._ending.get(timeout=_TICK_S)
            except queue.Empty:
                self._sweep(time.monotonic())
                continue
            if environment is not None:
                environment.close()
        while not self._ending.empty():
            if (environment := self._ending.get()) is not None:
                environment.close()

    def _sweep(self, now: float) -> None:
        with self._lock:
            for arn in [arn for arn in self._idle if not self._exists(arn)]:
                self._retire(arn)
                self._revisions.pop(arn, None)
            waiting = sorted(
                (one for idle in self._idle.values() for one in idle), key=lambda one: one.last_used
            )
            surplus = max(0, len(waiting) - MOST_IDLE)
            for number, one in enumerate(waiting):
                if number < surplus or now - one.last_used > IDLE_LIMIT_S:
                    self._idle[one.spec.arn].remove(one)
                    self._end(one)
