"""A simulated Lambda that resamples measured functions and bills what a tuner invokes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lambdatuning.core.exploration.question import Observation

from .exploration_functions import Function

INIT_MS, INIT_SPREAD = 250.0, 0.25
USD_PER_GB_S, REQUEST_USD = 0.0000166667, 0.0000002
"""x86_64, us-east-1."""


@dataclass
class Account:
    """What was invoked and spent; every size is a published version, so environments stay warm.

    `functions` are payload types. The first call of an environment is cold and bills its init.
    `host_spread` makes environments differ by a log-normal factor of their own, `first` makes the
    handler of their first calls take so many times as long. `offered` are the sizes to choose from,
    where they are not those at which every payload type was measured.
    """

    functions: Mapping[str, Function]
    rng: np.random.Generator
    host_spread: float = 0.0
    first: float = 1.0
    offered: tuple[int, ...] = ()
    gb_s: float = 0.0
    usd: float = 0.0
    observations: list[Observation] = field(default_factory=list)
    hosts: dict[int, list[float]] = field(default_factory=dict)

    @property
    def invocations(self) -> int:
        """Paid ones, cold ones included."""
        return len(self.observations)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes to choose from."""
        if self.offered:
            return self.offered
        by_type = [function.sizes for function in self.functions.values()]
        return tuple(size for size in by_type[0] if all(size in some for some in by_type))

    def invoke(
        self,
        memory_mb: int,
        count: int,
        *,
        environments: int = 1,
        payload: str = "",
        wake: bool = True,
    ) -> None:
        """Start environments until there are so many, then make `count` warm invocations; without
        `wake` those that start them are among the `count`."""
        hosts = self.hosts.setdefault(memory_mb, [])
        while len(hosts) < environments:
            hosts.append(float(np.exp(self.host_spread * self.rng.standard_normal())))
            self._pay(memory_mb, payload, [len(hosts) - 1], self._init_ms())
            count -= not wake
        used = min(environments, len(hosts))
        # The newest environments first: they are the ones that were asked for.
        self._pay(memory_mb, payload, [len(hosts) - 1 - k % used for k in range(max(count, 0))])

    def _init_ms(self) -> float:
        return INIT_MS * float(np.exp(INIT_SPREAD * self.rng.standard_normal()))

    def _pay(self, memory_mb: int, payload: str, used: Sequence[int], init_ms: float = 0.0) -> None:
        values = self.functions[payload].samples[memory_mb]
        durations_ms = values[self.rng.integers(0, len(values), len(used))].tolist()
        for host, ms in zip(used, durations_ms, strict=True):
            duration = ms * self.hosts[memory_mb][host] * (self.first if init_ms else 1.0)
            billed = float(math.ceil(duration + init_ms))
            gb_s = memory_mb / 1024 * billed / 1000
            self.gb_s += gb_s
            self.usd += gb_s * USD_PER_GB_S + REQUEST_USD
            self.observations.append(
                Observation(
                    payload=payload,
                    memory_mb=memory_mb,
                    duration_ms=duration,
                    billed_ms=billed,
                    cold=init_ms > 0,
                    environment=f"{memory_mb}/{host}",
                    init_ms=init_ms,
                )
            )
