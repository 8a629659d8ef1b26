"""A simulated function for tests of the exploration: known truth, seeded durations."""

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lambdatuning.core.exploration.proposal import propose
from lambdatuning.core.exploration.question import (
    Budget,
    Objective,
    Observation,
    Proposal,
    Terms,
)

SIZES = (128, 256, 512, 1024, 1536, 3008)
INIT_MS = 250.0
Truth = Callable[[int], float]


@dataclass
class SimulatedFunction:
    """Durations in ms by payload type, with log-normal spread, hosts, drift and a timeout; the
    first call of an environment takes `first` times as long."""

    truth: dict[str, Truth]
    spread: float = 0.02
    hosts: float = 0.0
    first: float = 1.0
    drift: float = 0.0
    timeout_ms: float = math.inf
    seed: int = 0
    observations: list[Observation] = field(default_factory=list)
    environments: dict[int, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    @property
    def terms(self) -> Terms:
        return Terms(SIZES, dict.fromkeys(self.truth, 1.0), request_usd=0.0)

    def measure(
        self, memory_mb: int, payload: str, count: int, environments: int = 1, *, wake: bool = True
    ) -> None:
        hosts = self.environments.setdefault(memory_mb, [])
        while len(hosts) < environments:
            hosts.append(math.exp(self.rng.gauss(0, self.hosts)))
            self._one(memory_mb, payload, len(hosts) - 1, INIT_MS)
            count -= not wake
        for k in range(count):
            self._one(memory_mb, payload, len(hosts) - 1 - k % environments, 0.0)

    def _one(self, memory_mb: int, payload: str, host: int, init_ms: float) -> None:
        factor = self.environments[memory_mb][host] * math.exp(self.rng.gauss(0, self.spread))
        factor *= self.first if init_ms else 1.0
        factor *= 1 + self.drift * len(self.observations)
        duration = min(self.truth[payload](memory_mb) * factor, self.timeout_ms)
        self.observations.append(
            Observation(
                payload=payload,
                memory_mb=memory_mb,
                duration_ms=duration,
                billed_ms=math.ceil(duration + init_ms),
                cold=init_ms > 0,
                environment=f"{memory_mb}/{host}",
                error="Sandbox.Timedout" if duration >= self.timeout_ms else "",
                init_ms=init_ms,
            )
        )

    def explore(
        self, strategy: str | Objective = "cost", budget: Budget | None = None
    ) -> list[Proposal]:
        """Every proposal until the end, its batches carried out."""
        objective = Objective(strategy) if isinstance(strategy, str) else strategy
        proposals = [propose((), objective, self.terms, budget)]
        while proposals[-1].batch:
            for item in proposals[-1].batch:
                self.measure(
                    item.memory_mb, item.payload, item.count, item.environments, wake=item.wake
                )
            proposals.append(propose(self.observations, objective, self.terms, budget))
            assert len(proposals) < 500
        return proposals

    def best(self, payload: str = "", sizes: Iterable[int] = SIZES) -> int:
        """The cheapest size in truth."""
        return min(sizes, key=lambda size: math.ceil(self.truth[payload](size)) * size)

    def regret(self, memory_mb: int, payload: str = "") -> float:
        """How much more than the cheapest a size costs, in truth."""
        truth = self.truth[payload]
        best = self.best(payload)
        return truth(memory_mb) * memory_mb / (truth(best) * best) - 1


def cpu(full_ms: float, floor: float = 0.0) -> Truth:
    """CPU time of one thread over a floor; `full_ms` at 1769 MB."""
    return lambda size: full_ms * (floor + (1 - floor) * 1769 / min(size, 1769))
