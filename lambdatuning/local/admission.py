"""CPU admission: how much CPU a memory size buys, and who may run while the host has it.

Parallel environments would otherwise steal from each other and their durations would lie. What does
not fit waits, in order and unbilled. Which sizes a host cannot tell apart: see `core.sizes.Host`.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.sizes import vcpus


def enforced_share(memory_mb: int, cores: int) -> float:
    """The share that a host with `cores` can really give, in vCPUs."""
    return min(vcpus(memory_mb), float(cores))


SERVER_CORES = 0.75
"""Cores kept free for the endpoint itself, its services and the clients of this host."""


class _Ticket:
    """A place in the queue for `weight` cores."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.admitted = threading.Event()


class Admission:
    """A first-come first-served gate over a number of cores."""

    def __init__(self, cores: int) -> None:
        self.capacity = max(1.0, cores - SERVER_CORES)
        self._cores = cores
        self._used = 0.0
        self._queue: deque[_Ticket] = deque()
        self._lock = threading.Lock()

    @property
    def used(self) -> float:
        """Cores held now; above the capacity for a moment when nested callers resume."""
        return self._used

    @property
    def capacity_of_one_core(self) -> float:
        """Cores that an init phase holds: a full one, as far as there is."""
        return min(1.0, self.capacity)

    def share(self, memory_mb: int) -> float:
        """vCPUs that an invocation at `memory_mb` may use here."""
        return enforced_share(memory_mb, self._cores)

    def weight(self, memory_mb: int) -> float:
        """Cores that an invocation at `memory_mb` holds: its share, never more than there is."""
        return min(enforced_share(memory_mb, self._cores), self.capacity)

    def enter(self, weight: float) -> None:
        """Block until `weight` cores are free for this caller."""
        with self._lock:
            if not self._queue and self._fits(weight):
                self._used += weight
                return
            ticket = _Ticket(weight)
            self._queue.append(ticket)
        ticket.admitted.wait()

    def resume(self, weight: float) -> None:
        """Take `weight` cores back at once, even over the capacity.

        Whoever waits in a nested Invoke gave its cores away meanwhile; to queue for them again
        behind new work could outlast its own timeout.
        """
        with self._lock:
            self._used += weight

    def leave(self, weight: float) -> None:
        """Give `weight` cores back."""
        with self._lock:
            self._used -= weight
            # Who leaves lets in, so that only those wake up that may run: the others would disturb
            # what is being measured.
            while self._queue and self._fits(self._queue[0].weight):
                ticket = self._queue.popleft()
                self._used += ticket.weight
                ticket.admitted.set()

    def _fits(self, weight: float) -> bool:
        return self._used + weight <= self.capacity + 1e-9


class CoreClaim:
    """The cores that one invocation holds; lent to others while it waits in nested Invokes.

    `waited_s` is how long it took to get them.
    """

    def __init__(self, admission: Admission, weight: float) -> None:
        self.waited_s = 0.0
        self._admission = admission
        self._weight = weight
        self._nested = 0
        self._has_cores = False
        self._lock = threading.Lock()

    def __enter__(self) -> "CoreClaim":
        arrived = time.monotonic()
        self._admission.enter(self._weight)
        self.waited_s = time.monotonic() - arrived
        self._has_cores = True
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._has_cores and self._nested == 0:
                self._admission.leave(self._weight)
            self._has_cores = False

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Others may use the cores meanwhile; calls from several threads may overlap."""
        with self._lock:
            self._nested += 1
            if self._nested == 1 and self._has_cores:
                self._admission.leave(self._weight)
        try:
            yield
        finally:
            with self._lock:
                self._nested -= 1
                if self._nested == 0 and self._has_cores:
                    self._admission.resume(self._weight)
