"""What is asked of an exploration, and what was seen so far: plain frozen values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ..errors import UsageError, closest
from ..strategies import DEFAULT_STRATEGY, DEFAULT_WEIGHT, WORTH, Worth, clamp_weight
from ..tuning.records import Sample

STRATEGIES = ("cost", "speed", "balanced", "value", "deadline", "budget")


@dataclass(frozen=True, slots=True)
class Observation:
    """One invocation, as far as it teaches anything: `Sample` without what is only kept."""

    payload: str
    memory_mb: int
    duration_ms: float
    billed_ms: float
    cold: bool = False
    environment: str = ""
    error: str = ""
    init_ms: float = 0.0


def observe(sample: Sample) -> Observation:
    """What a stored sample teaches."""
    return Observation(
        payload=sample.payload,
        memory_mb=sample.memory_mb,
        duration_ms=sample.duration_ms,
        billed_ms=sample.billed_ms,
        cold=sample.cold,
        environment=sample.environment,
        error=sample.error,
        init_ms=sample.init_ms or 0.0,
    )


@dataclass(frozen=True, slots=True)
class Objective:
    """Which size is best.

    `cost` and `speed` want the least of one; `balanced` the least of Power Tuning's weighed sum
    over the sizes asked for; `value` what `worth` says of cost and speed together; `deadline` the
    cheapest size whose p95 is at most `deadline_ms`; `budget` the fastest whose invocation costs at
    most `budget_usd` on average.
    """

    strategy: str = DEFAULT_STRATEGY
    weight: float = DEFAULT_WEIGHT
    deadline_ms: float = 0.0
    budget_usd: float = 0.0
    worth: Worth = WORTH

    def __post_init__(self) -> None:
        """UsageError for an unknown strategy, and for a limit that is not there."""
        if self.strategy not in STRATEGIES:
            raise UsageError(
                f'unknown strategy "{self.strategy}"; {closest(self.strategy, STRATEGIES)}'
            )
        object.__setattr__(self, "weight", clamp_weight(self.weight))
        if self.strategy == "deadline" and not self.deadline_ms > 0:
            raise UsageError('strategy "deadline" needs a deadline in ms above 0')
        if self.strategy == "budget" and not self.budget_usd > 0:
            raise UsageError('strategy "budget" needs a price per invocation in USD above 0')


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be measured, and at what price.

    `payloads` maps payload types to their weights in the mix; prices are those of one more
    invocation (first tier). A `request_usd` of 0 asks for Power Tuning's cost, which leaves the
    request fee out. `first_mb` is the size that is looked at first, None where any will do.
    """

    sizes: tuple[int, ...]
    payloads: Mapping[str, float] = field(default_factory=lambda: {"": 1.0})
    usd_per_gb_s: float = 0.0000166667
    request_usd: float = 0.0000002
    first_mb: int | None = None

    def __post_init__(self) -> None:
        """UsageError where there is nothing to choose from."""
        if not self.sizes or not self.payloads:
            raise UsageError("exploring needs at least one memory size and one payload type")


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop; None where there is no limit.

    `regret` is how much worse than the best the answer may be expected to be, `sure` how probable
    it must be, failing that, that it is within 5 % of the best. What measuring every size would
    cost is never exceeded: `grid_calls` of each payload type (10 where it has none), in so many
    `grid_environments`.
    """

    max_usd: float | None = None
    max_invocations: int | None = None
    sure: float = 0.95
    regret: float = 0.02
    grid_calls: Mapping[str, float] = field(default_factory=dict)
    grid_environments: int = 1


@dataclass(frozen=True, slots=True)
class Item:
    """`count` invocations of one payload type at one size.

    `environments` is how many execution environments of that size should have been used once this
    is done: where it is more than were seen, new ones must be started, each by a call beside the
    `count`. Without `wake` the first environment of a size is started by the first of the `count`.
    """

    memory_mb: int
    payload: str
    count: int
    environments: int = 1
    wake: bool = True


@dataclass(frozen=True, slots=True)
class Prediction:
    """The curve at one size: the median and the 90 % interval of the mean duration and its cost.

    `measured` calls tell of it: warm ones, and first ones where those are alike.
    """

    memory_mb: int
    measured: int
    duration_ms: float
    low_ms: float
    high_ms: float
    cost_usd: float


@dataclass(frozen=True, slots=True)
class BestSoFar:
    """The best size so far for one payload type, or for the mix (`payload` None).

    `within_1` and `within_5` are the probabilities that no size asked for is better by more than
    that share; `regret` is how much worse than the best it is expected to be.
    """

    payload: str | None
    memory_mb: int
    within_1: float
    within_5: float
    regret: float
    curve: tuple[Prediction, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next batch, or an end (`batch` empty) with its answers: one a payload type, then the mix.

    `stopped` is "" while it goes on, else "sure" (as much as was wanted), "price" (less, and the
    rest is not worth its price), "grid" (more would cost as much as measuring every size), "budget"
    or "failed".
    """

    batch: tuple[Item, ...]
    reason: str
    stopped: str
    answers: tuple[BestSoFar, ...]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Plain JSON values, to be stored with the run."""
        return asdict(self)
