"""What was measured of one payload type at one size, added up sample by sample.

Only numbers are kept, not samples: a size may have a million of them.
"""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ....core.samples import Sample
from ....core.strategies import FAILURE_LIMIT

ALLOWED_LIMIT = 0.5
"""The same with the errors that `allowedExceptions` names: a size that mostly fails answers
nothing, whatever it costs."""


def _floats() -> "array[float]":
    return array("d")


@dataclass
class Tally:
    """The samples of one payload type at one size; the columns of successes run side by side."""

    payload: str
    memory_mb: int
    sent: int = 0
    total_ms: "array[float]" = field(default_factory=_floats)
    billed_ms: "array[float]" = field(default_factory=_floats)
    cost_usd: "array[float]" = field(default_factory=_floats)
    environments: list[str] = field(default_factory=list)
    cold_ms: "array[float]" = field(default_factory=_floats)
    init_ms: "array[float]" = field(default_factory=_floats)
    errors: Counter[str] = field(default_factory=Counter)
    allowed: int = 0
    all_usd: float = 0.0
    retries: int = 0

    @property
    def failed(self) -> int:
        """All failures, those allowed included: shown, never averaged."""
        return self.errors.total()

    @property
    def only_cold(self) -> bool:
        """Whether all that is known is how long cold starts took."""
        return bool(self.cold_ms) and not self.total_ms and not self.errors

    @property
    def reason(self) -> str:
        """Why this size cannot win; "" where it can."""
        unwanted = self.failed - self.allowed
        if unwanted > FAILURE_LIMIT * self.sent or self.failed > ALLOWED_LIMIT * self.sent:
            errors = ", ".join(name for name, _ in self.errors.most_common(3))
            return f"{self.failed} of {self.sent} invocations of {self.payload} failed: {errors}"
        return "" if self.total_ms else f"{self.payload} has no successful warm invocation"

    def add(self, sample: Sample, *, with_cold: bool, allowed: Collection[str]) -> None:
        """Count a sample; a cold start is kept apart unless `with_cold`."""
        self.sent += 1
        self.all_usd += sample.cost_usd
        self.retries += sample.retries
        if sample.error:
            self.errors[sample.error] += 1
            self.allowed += sample.error in allowed
            return
        if sample.cold:
            self.cold_ms.append(total_ms(sample))
            self.init_ms.append(sample.init_ms or sample.restore_ms or 0.0)
        if with_cold or not sample.cold:
            self.total_ms.append(total_ms(sample))
            self.billed_ms.append(sample.billed_ms)
            self.cost_usd.append(sample.cost_usd)
            self.environments.append(sample.environment)


def tally(samples: Iterable[Sample], *, with_cold: bool, allowed: Collection[str]) -> list[Tally]:
    """One tally for each payload type and size that has samples, in the order of the samples."""
    found: dict[tuple[str, int], Tally] = {}
    for sample in samples:
        key = (sample.payload, sample.memory_mb)
        found.setdefault(key, Tally(*key)).add(sample, with_cold=with_cold, allowed=allowed)
    return list(found.values())


def total_ms(sample: Sample) -> float:
    """Duration with init and restore, as Power Tuning counts it."""
    return sample.duration_ms + (sample.init_ms or 0.0) + (sample.restore_ms or 0.0)
