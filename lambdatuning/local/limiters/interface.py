"""What a limiter offers: a sandbox for each execution environment."""

from collections.abc import Sequence
from typing import Protocol

PERIOD_S = 0.02
"""The scheduling period that functions on AWS observe, in seconds."""
MARK_NAME = "LAMBDATUNING_SANDBOX"
"""The environment variable that names, in every process of a sandbox, that sandbox."""
MOST_PROCESSES = 1024
"""Processes and threads that an execution environment may have, the runtime's own among them (AWS
Lambda Developer Guide, "Lambda quotas"); beyond, a fork fails with EAGAIN."""
MOST_DESCRIPTORS = 1024
"""Open files of one process of it (there too); beyond, an open fails with EMFILE."""


class UnusableError(Exception):
    """A limiter cannot work here; its message says why, in a few words."""


class NotMountedError(UnusableError):
    """What a limiter would need does not exist on this system."""


class Sandbox(Protocol):
    """Holds all processes of one execution environment.

    Its process runs freely at first (the init phase has a full CPU), then not at all between
    `freeze` and `thaw`, and held to its share between `limit` and `lift`.
    """

    def entry_files(self) -> Sequence[str]:
        """Files into which the process writes its own id, before it becomes the runtime."""

    def adopt(self, pid: int) -> None:
        """The process has been started; it leads a process group of its own."""

    def limit(self, share: float) -> None:
        """Hold it to `share` CPUs from now on, counted afresh."""

    def thaw(self) -> None:
        """Let every process of it go on."""

    def lift(self) -> None:
        """End the holding; what it ran beyond its share is for the caller to settle."""

    def freeze(self) -> None:
        """Stop every process of it."""

    def cpu_s(self) -> float:
        """CPU seconds that it has used, children and threads included."""

    def stolen_s(self) -> float:
        """Seconds its threads were ready to run but kept off the CPU, as of the last freeze."""

    def peak_memory_mb(self) -> int:
        """The most memory that it has held, as of when it was last frozen."""

    def ran_out_of_memory(self) -> bool:
        """Whether a process of it was killed at the memory limit."""

    def close(self) -> None:
        """Kill whatever is left of it and free what it held."""


class Limiter(Protocol):
    """Makes sandboxes; one for each server."""

    @property
    def name(self) -> str:
        """As recorded in every run's manifest."""

    def sandbox(self, ident: str, memory_mb: int) -> Sandbox:
        """A sandbox named `ident` whose processes may hold `memory_mb` together."""

    def protect(self, pid: int) -> None:
        """Let the server, process `pid`, run before other load of the host as its sandboxes do.

        What it starts inherits that: call it before its first thread and its first sandbox.
        """

    def leftovers(self) -> Sequence[str]:
        """Folders that a supervisor must empty and remove after the server's sudden death."""

    def close(self) -> None:
        """Free what the limiter itself holds; its sandboxes are closed before."""
