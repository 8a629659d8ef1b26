"""What could be measured next, at what price, and how much it would tell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .evidence import Evidence
from .locations import location_factor
from .matrices import Vector
from .size_evidence import SizeEvidence

COUNTS = (1, 3, 9, 27)
MAX_COUNT = 100
"""More samples of one payload type than this are not taken at one size."""
MAX_ENVIRONMENTS = 8
MATERIAL = 0.0003
"""A batch that saves less regret than this is no bargain, however cheap it is."""
_TINY = 1e-6
_ENVIRONMENT_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Look:
    """`count` warm samples at the size of index `place`, until it was run in `environments` ones;
    none where the size runs nowhere yet, and its first call is what is wanted.

    `variance` is of what it would tell, as if it were independent of what is known.
    """

    place: int
    count: int
    environments: int
    variance: float = 0.0


@dataclass(frozen=True, slots=True)
class Action:
    """Looks at one or several sizes at once; `gain` is the saving of regret that is expected,
    `price_usd` the bill."""

    looks: tuple[Look, ...]
    gain: float
    price_usd: float

    @property
    def score(self) -> float:
        """Saving for the money."""
        return self.gain / self.price_usd

    @property
    def material(self) -> bool:
        """Whether it is expected to save anything that matters."""
        return self.gain >= MATERIAL


@dataclass(frozen=True, slots=True)
class Market:
    """What an invocation costs at each size, warm and cold, by the curve expected now.

    `running` are how many environments of each size run already, for whichever payload type.
    """

    warm_usd: Vector
    cold_usd: Vector
    running: Sequence[int]

    def price(self, place: int, count: int, environments: int) -> float:
        """Of `count` warm samples in `environments` of which some may have to be started."""
        started = max(environments - self.running[place], 0)
        return count * self.warm_usd[place] + started * self.cold_usd[place]

    def of(self, *looks: Look) -> float:
        """Of several looks, at a size each."""
        return sum(self.price(one.place, one.count, one.environments) for one in looks)


def looks_at(
    place: int, known: SizeEvidence | None, evidence: Evidence, between: float, running: int
) -> Iterator[Look]:
    """Each way to look at a size, of which so many environments run."""
    if known is None:
        first = 0.0 if running else evidence.first
        for count in (0, *COUNTS) if first else COUNTS:
            variance = evidence.sd_log**2 * location_factor(count + first) + between + _TINY
            yield Look(place, count, 1, variance)
        return
    before = known.variance(between)
    # Another environment is worth a thought where the environment is what is not known.
    matters = between / known.even > _ENVIRONMENT_SHARE * before
    for new in (0, 1) if matters and evidence.named else (0,):
        for count in COUNTS:
            after = known.variance(between, count + new * evidence.first, new)
            if known.count + count > MAX_COUNT or known.environments + new > MAX_ENVIRONMENTS:
                continue
            if after < before:
                # As if an independent look of this variance were added to what is known.
                variance = 1 / (1 / after - 1 / before) + _TINY
                yield Look(place, count, known.environments + new, variance)
