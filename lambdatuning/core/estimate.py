"""What a tuning run will cost, said before it starts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .billing import duration_usd, invocation_usd, transitions_usd
from .prices import PriceBook
from .sizes import FULL_VCPU_MB

ASSUMED_MS = 200.0
"""Duration assumed at one vCPU for a payload type that was never measured; below one vCPU it is
taken to grow as the CPU share falls, as it does for work of CPU alone."""

_CONTROL_MB, _MEASURE_MB = 512, 1024
_CONTROL_MS = 3_000.0
_FIXED_STEPS, _STEPS_A_BATCH = 12, 2
_PUBLISH_MS = 5_000.0


@dataclass(frozen=True)
class Estimate:
    """A price in USD by what is paid for; `known` says whether earlier runs gave the durations."""

    invocations: int
    function_usd: float
    tuner_usd: float
    transitions_usd: float
    at_most_usd: float
    known: bool

    @property
    def usd(self) -> float:
        """The expected bill."""
        return self.function_usd + self.tuner_usd + self.transitions_usd


def assumed_ms(memory_mb: int) -> float:
    """The duration taken for an unknown payload type at a size."""
    return ASSUMED_MS * max(1.0, FULL_VCPU_MB / memory_mb)


def estimate_run(
    book: PriceBook,
    place: tuple[str, str],
    sizes: Sequence[int],
    counts: Mapping[str, int],
    environments: int,
    timeout_s: float,
    known_ms: Mapping[tuple[str, int], float],
) -> Estimate:
    """The bill of a grid run in `place` = (region, architecture), warm-ups included.

    `counts` are invocations a size by payload type; `known_ms` maps (payload, memory MB) to the
    mean billed time of earlier runs.
    """
    region, architecture = place
    calls = [(name, size, count) for size in sizes for name, count in counts.items()]

    def usd(duration_ms: Callable[[str, int], float]) -> float:
        return sum(
            count * invocation_usd(book, region, architecture, size, duration_ms(name, size))
            for name, size, count in calls
        )

    def expected_ms(name: str, size: int) -> float:
        return min(timeout_s * 1000, known_ms.get((name, size), assumed_ms(size)))

    warm_ups = 1 + environments / max(sum(counts.values()), 1)
    busy_ms = max(
        (sum(n * expected_ms(name, s) for name, s, n in calls if s == size) for size in sizes),
        default=0.0,
    )
    return Estimate(
        invocations=sum(count for *_, count in calls) + len(sizes) * environments,
        function_usd=usd(expected_ms) * warm_ups,
        tuner_usd=_tuner_usd(book, region, len(sizes), busy_ms / max(environments, 1)),
        transitions_usd=transitions_usd(book, region, _FIXED_STEPS + _STEPS_A_BATCH * len(sizes)),
        at_most_usd=usd(lambda *_: timeout_s * 1000) * warm_ups,
        known=all((name, size) in known_ms for name, size, _ in calls),
    )


def _tuner_usd(book: PriceBook, region: str, sizes: int, busy_ms: float) -> float:
    """The tuner's own functions: one waits while it measures, the other publishes and thinks."""
    measuring = duration_usd(book, region, "x86_64", _MEASURE_MB, busy_ms * sizes)
    control_ms = _CONTROL_MS + _PUBLISH_MS * sizes
    return measuring + duration_usd(book, region, "x86_64", _CONTROL_MB, control_ms)
