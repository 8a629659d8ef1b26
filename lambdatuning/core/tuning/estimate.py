"""What a tuning run will cost, said before it starts: the grid's price, and an adaptive run's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..pricing import (
    PriceBook,
    duration_usd,
    invocation_usd,
    snapstart_cache_usd,
    transitions_usd,
)
from ..sizes import FULL_VCPU_MB

ASSUMED_MS = 200.0
"""Duration assumed at one vCPU for a payload type that was never measured; below one vCPU it is
taken to grow as the CPU share falls, as it does for work of CPU alone."""

ASSUMED_INIT_MS = 300.0
"""What a cold start is assumed to add at one vCPU."""

_CONTROL_MB, _MEASURE_MB = 1769, 1536
_FIXED_STEPS, _STEPS_A_VERSION, _STEPS_A_SIZE = 10, 1, 1


@dataclass(frozen=True)
class Tariff:
    """What invocations of a function cost: by which price book, and where it runs on what."""

    book: PriceBook
    region: str
    architecture: str

    def usd(self, memory_mb: int, billed_ms: float) -> float:
        """One invocation, its request fee included."""
        return invocation_usd(self.book, self.region, self.architecture, memory_mb, billed_ms)


@dataclass(frozen=True)
class Overhead:
    """Billed ms of the tuner's own functions beside waiting for invocations: of the controlling
    one for a run and for each version, of the measuring one for each version and each size."""

    run_ms: float
    publish_ms: float
    measure_ms: float
    summarise_ms: float


ON_AWS = Overhead(run_ms=3_000.0, publish_ms=4_000.0, measure_ms=2_500.0, summarise_ms=500.0)
"""A changed function takes seconds to settle, and log streams come seconds late."""

EMBEDDED = Overhead(run_ms=150.0, publish_ms=50.0, measure_ms=500.0, summarise_ms=50.0)
"""As measured on the embedded AWS, where neither is so."""


@dataclass(frozen=True)
class EarlierRuns:
    """Mean billed ms of earlier runs: of warm invocations by (payload, memory MB), and of cold
    starts by memory MB; and what the tuner itself took then."""

    warm_ms: Mapping[tuple[str, int], float] = field(default_factory=dict)
    cold_ms: Mapping[int, float] = field(default_factory=dict)
    overhead: Overhead | None = None


@dataclass(frozen=True)
class Workload:
    """What a run does: `counts` are invocations a size by payload type, `cold` the cold starts on
    purpose at each size, beside one warm-up for each of `environments`. `snapshots` says whether
    each version keeps a SnapStart snapshot that is paid for."""

    sizes: Sequence[int]
    counts: Mapping[str, int]
    environments: int
    cold: int
    timeout_s: float
    snapshots: bool = False

    @property
    def apart(self) -> int:
        """Cold invocations at each size."""
        return self.environments + self.cold

    @property
    def versions(self) -> int:
        """Versions that are published."""
        return len(self.sizes) * (1 + math.ceil(self.cold / self.environments))


@dataclass(frozen=True)
class Estimate:
    """A price in USD by what is paid for; `from_earlier_runs` says whether those gave durations.

    `at_most_usd` is the whole bill, the tuner's waiting included, should every call time out.
    """

    invocations: int
    function_usd: float
    tuner_usd: float
    transitions_usd: float
    at_most_usd: float
    from_earlier_runs: bool

    @property
    def usd(self) -> float:
        """The expected bill."""
        return self.function_usd + self.tuner_usd + self.transitions_usd


def assumed_ms(memory_mb: int, at_full_ms: float = ASSUMED_MS) -> float:
    """The duration taken for an unknown payload type at a size."""
    return at_full_ms * max(1.0, FULL_VCPU_MB / memory_mb)


def estimate_run(
    tariff: Tariff, workload: Workload, earlier: EarlierRuns, overhead: Overhead = ON_AWS
) -> Estimate:
    """The bill of a grid run, warm-ups included.

    `overhead` is assumed of the tuner itself where no earlier run tells it.
    """
    sizes = workload.sizes
    calls = sum(workload.counts.values()) + workload.apart
    steps = _FIXED_STEPS + _STEPS_A_VERSION * workload.versions + _STEPS_A_SIZE * len(sizes)
    machine_usd = transitions_usd(tariff.book, tariff.region, steps)
    own = earlier.overhead or overhead
    at_most_usd = sum(calls * tariff.usd(size, workload.timeout_s * 1000) for size in sizes)
    at_most_usd += _tuner_usd(tariff, workload, _all_timing_out(workload), own)
    return Estimate(
        invocations=calls * len(sizes),
        function_usd=sum(_size_usd(tariff, workload, earlier, size) for size in sizes),
        tuner_usd=_tuner_usd(tariff, workload, earlier, own),
        transitions_usd=machine_usd,
        at_most_usd=at_most_usd + machine_usd,
        from_earlier_runs=all(
            (n, size) in earlier.warm_ms for size in sizes for n in workload.counts
        ),
    )


def _size_usd(tariff: Tariff, workload: Workload, earlier: EarlierRuns, size: int) -> float:
    """The function's own bill at one size, with the snapshots of its versions."""
    warm = sum(
        count * tariff.usd(size, _warm_ms(workload, earlier, name, size))
        for name, count in workload.counts.items()
    )
    apart = workload.apart * tariff.usd(size, _cold_ms(workload, earlier, size))
    if not workload.snapshots:
        return warm + apart
    snapshot_usd = snapstart_cache_usd(tariff.book, tariff.region, size, 0.0)
    return warm + apart + snapshot_usd * workload.versions / len(workload.sizes)


def _all_timing_out(workload: Workload) -> EarlierRuns:
    """What a run is that waits for the function's timeout every time."""
    timeout_ms = workload.timeout_s * 1000
    cells = {(name, size): timeout_ms for name in workload.counts for size in workload.sizes}
    return EarlierRuns(cells, dict.fromkeys(workload.sizes, timeout_ms))


def _warm_ms(workload: Workload, earlier: EarlierRuns, payload: str, size: int) -> float:
    mean_ms = earlier.warm_ms.get((payload, size), assumed_ms(size))
    return min(workload.timeout_s * 1000, mean_ms)


def _cold_ms(workload: Workload, earlier: EarlierRuns, size: int) -> float:
    if size in earlier.cold_ms:
        return earlier.cold_ms[size]
    warm = [_warm_ms(workload, earlier, payload, size) for payload in workload.counts]
    mean = sum(warm) / len(warm) if warm else assumed_ms(size)
    return min(workload.timeout_s * 1000, mean + assumed_ms(size, ASSUMED_INIT_MS))


def _busy_ms(workload: Workload, earlier: EarlierRuns, size: int) -> float:
    """How long the measuring function waits for one size."""
    warm = sum(n * _warm_ms(workload, earlier, name, size) for name, n in workload.counts.items())
    return warm / workload.environments + _cold_ms(workload, earlier, size)


def overhead_of(
    workload: Workload, earlier: EarlierRuns, control_ms: float, measure_ms: float
) -> Overhead:
    """What an earlier run of `workload` tells of the tuner, from what its functions took, less what
    was waiting for invocations of `earlier` durations."""
    busy_ms = sum(_busy_ms(workload, earlier, size) for size in workload.sizes)
    more_ms = max(measure_ms - busy_ms, 0.0) / workload.versions
    return Overhead(0.0, control_ms / workload.versions, more_ms, 0.0)


def _tuner_usd(
    tariff: Tariff, workload: Workload, earlier: EarlierRuns, overhead: Overhead
) -> float:
    """The tuner's own functions: one waits while it measures, the other publishes and thinks."""
    measure_ms = sum(
        _busy_ms(workload, earlier, size) + overhead.summarise_ms for size in workload.sizes
    )
    measure_ms += overhead.measure_ms * workload.versions
    control_ms = overhead.run_ms + overhead.publish_ms * workload.versions
    return _own_usd(tariff, _MEASURE_MB, measure_ms) + _own_usd(tariff, _CONTROL_MB, control_ms)


def _own_usd(tariff: Tariff, memory_mb: int, billed_ms: float) -> float:
    """The duration of a function of the tuner's, which runs in the region of the function."""
    return duration_usd(tariff.book, tariff.region, "x86_64", memory_mb, billed_ms)


# What an adaptive run is expected to cost, said before it starts, from what the grid would.


SHARES: Mapping[str, float] = {"value": 1 / 4, "cost": 1 / 4, "balanced": 1 / 3.5, "speed": 1 / 3}
"""Of the grid's bill (num 10), by strategy: what the trace-driven benchmark demands of the model
(`make bench-exploration`). A grid of another `num` does not change what the model needs."""

_NUM = 10
_STEPS, _ROUNDS = 15, 4
"""A round ends where another size has to be published; its steps are one transition."""
_ROUND_STATES, _FIXED_STATES = 5, 13
_DECIDE_MB, _STEP_MS, _ROUND_MS = 1536, 1_500.0, 2_500.0


def estimate_adaptive(tariff: Tariff, grid: Estimate, num: int, strategy: str) -> Estimate:
    """The estimate of an adaptive run, from that of the grid of `num` invocations a size.

    `at_most_usd` stays the grid's, which an adaptive run never exceeds in invocations.
    """
    share = min(1.0, SHARES[strategy] * _NUM / num)
    own_ms = _STEPS * _STEP_MS + _ROUNDS * _ROUND_MS
    return replace(
        grid,
        invocations=max(1, round(share * grid.invocations)),
        function_usd=share * grid.function_usd,
        tuner_usd=share * grid.tuner_usd + _own_usd(tariff, _DECIDE_MB, own_ms),
        transitions_usd=transitions_usd(
            tariff.book, tariff.region, _FIXED_STATES + _ROUNDS * _ROUND_STATES
        ),
    )
