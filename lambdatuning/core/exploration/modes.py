"""Functions whose calls take one of two times (or many times as long, now and then): what their few
slow calls say of all sizes.

Log-normal noise knows nothing of them. A size where none was slow may have slow calls that have not
been seen yet, as its neighbours have; and where some were, it is their number that is uncertain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from .evidence import SizeEvidence
from .prior import Vector

_APART = 3.0
"""A call is slow where it takes so many times as long as the quick quarter of its size."""
_LEAST_CALLS = 4
_LENT_CALLS = 3.0
"""What all sizes have in common is worth so many calls at each of them."""


@dataclass(frozen=True, slots=True)
class Modes:
    """Slow calls over all sizes: their `share` of calls, how many times as long they take as quick
    ones (`ratio`), and the mean square of that (`square`)."""

    share: float
    ratio: float
    square: float

    def mean(self, size: SizeEvidence, first: float) -> float:
        """The mean of a size in ms, drawn towards what its quick calls and the slow ones of all
        sizes let expect; first calls take `first` (log) longer."""
        values = _values(size, first)
        if len(values) < _LEAST_CALLS:
            return fmean(values)
        usual = _quick(values) * (1 - self.share + self.share * self.ratio)
        return (sum(values) + _LENT_CALLS * usual) / (len(values) + _LENT_CALLS)

    def call_variance(self, size: SizeEvidence, first: float) -> float:
        """The variance of one call at a size over its squared mean."""
        values, mean = _values(size, first), self.mean(size, first)
        quick = _quick(values)
        lent = self._moment(1 - mean / quick) * quick**2 if len(values) >= _LEAST_CALLS else 0.0
        own = sum((value - mean) ** 2 for value in values)
        both = (own + _LENT_CALLS * (lent or self._alone() * mean**2)) / (len(values) + _LENT_CALLS)
        return both / mean**2

    def _moment(self, off: float) -> float:
        """The mean square of (calls over quick ones, less 1) plus `off`."""
        slow = self.square - 2 * self.ratio + 1 + 2 * (self.ratio - 1) * off + off**2
        return (1 - self.share) * off**2 + self.share * slow

    def _alone(self) -> float:
        mean = 1 + self.share * (self.ratio - 1)
        return (1 - self.share + self.share * self.square) / mean**2 - 1


def modes(evidence: Sequence[SizeEvidence]) -> Modes | None:
    """The slow calls of a payload type; None where none is.

    A single one tells of all sizes: where it is taken for chance, the sizes that were not hit by
    one look better than they are, and one of them is then chosen.
    """
    slow: Vector = []
    count = 0
    for size in evidence:
        values = _values(size, 0.0)
        if len(values) >= _LEAST_CALLS:
            count += len(values)
            quick = _quick(values)
            slow += [value / quick for value in values if value > _APART * quick]
    if not slow:
        return None
    return Modes(len(slow) / count, fmean(slow), fmean(each**2 for each in slow))


def _values(size: SizeEvidence, first: float) -> Vector:
    return sorted(ms for group in size.corrected(first).values() for ms in group)


def _quick(values: Vector) -> float:
    return values[(len(values) - 1) // 4]
