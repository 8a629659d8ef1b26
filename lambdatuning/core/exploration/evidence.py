"""What the samples of one payload type say: of each size, and of how much they scatter."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .environments import Comparison, compare, expected_sd
from .first_calls import ENOUGH, likeness
from .groups import firsts, grouped, spread_of
from .prior import Prior
from .question import Observation
from .size_evidence import SizeEvidence, size_evidence


@dataclass(frozen=True, slots=True)
class Evidence:
    """All sizes of one payload type.

    `degrees` says how well the pooled spread `sd_log` is known. `comparisons` are those of
    execution environments that served one size, `environment_sd` how much they are expected to
    differ (log); `named` says whether every warm sample names its environment. `first` is how many
    later calls the first one of an environment is worth, 0 where it is too few to count.
    """

    sizes: tuple[SizeEvidence, ...]
    sd_log: float
    degrees: float
    comparisons: tuple[Comparison, ...]
    environment_sd: float
    named: bool
    first: float

    def at(self, memory_mb: int) -> SizeEvidence | None:
        """What is known of a size; None where nothing is."""
        return next((size for size in self.sizes if size.memory_mb == memory_mb), None)


def gather(observations: Iterable[Observation], prior: Prior) -> Evidence:
    """The evidence in one payload type's successes, given in the order they were made."""
    found: dict[int, list[Observation]] = defaultdict(list)
    for seen in observations:
        if not seen.error and seen.duration_ms > 0:
            found[seen.memory_mb].append(seen)
    first = _first(found.values(), prior)
    groups = {size: grouped(found[size], first) for size in sorted(found)}
    groups = {size: some for size, some in groups.items() if some}
    pooled, degrees = spread_of(groups.values(), prior)
    maybe = (compare(some, pooled) for some in groups.values())
    compared = tuple(one for one in maybe if one)
    between = expected_sd(compared)
    return Evidence(
        sizes=tuple(
            size_evidence(size, found[size], some, pooled, between) for size, some in groups.items()
        ),
        sd_log=pooled,
        degrees=degrees,
        comparisons=compared,
        environment_sd=between,
        named=all(one.environment for seen in found.values() for one in seen if not one.cold),
        first=first,
    )


def _first(sizes: Iterable[list[Observation]], prior: Prior) -> float:
    """What a first call is worth, by the spread of the later ones alone."""
    found = list(sizes)
    spread, _ = spread_of((grouped(seen, 0.0) for seen in found), prior)
    worth = likeness([one for seen in found for one in firsts(seen)], spread)
    return worth if worth >= ENOUGH else 0.0
