"""One payload type of two runs: its changes, over all sizes and at each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.intervals import Uncertainty
from ..statistics.curves import Curve
from ..statistics.intervals import Floats
from ..statistics.log_errors import LogErrors, spread
from .change import Change, change
from .noise import Noise

MEASURES = ("duration", "cost")


@dataclass(frozen=True, eq=False)
class Compared:
    """One payload type in both runs, at the `sizes` of both; `before` and `after` by measure.

    `errors` are those of the logarithm of after over before, by measure, one a size.
    """

    payload: str
    sizes: tuple[int, ...]
    before: dict[str, Floats]
    after: dict[str, Floats]
    errors: dict[str, list[Uncertainty]]

    def changes(self, noise: Noise, confidence: float) -> dict[str, Change]:
        """The change over all sizes, by measure."""
        found = {}
        for measure in MEASURES:
            value = float(np.log(self.after[measure] / self.before[measure]).mean())
            own = spread(self.errors[measure], 1 / len(self.sizes))
            found[measure] = change(value, own, noise.widened(own), confidence)
        return found

    def overall(self, changes: Mapping[str, Change]) -> dict[str, object]:
        """The row of `compare.OVERALL`."""
        row: dict[str, object] = {"payload": self.payload}
        for measure in MEASURES:
            row |= _columns(measure, changes[measure])
        return row | {
            "cheapest_before_mb": self.sizes[int(self.before["cost"].argmin())],
            "cheapest_after_mb": self.sizes[int(self.after["cost"].argmin())],
        }

    def by_size(self, noise: Noise, confidence: float) -> list[dict[str, object]]:
        """The rows of `compare.BY_SIZE`."""
        rows = []
        for n, size in enumerate(self.sizes):
            row: dict[str, object] = {"payload": self.payload, "memory_mb": size}
            for measure, unit, factor in (("duration", "ms", 1), ("cost", "per_million_usd", 1e6)):
                old, new = (float(side[measure][n]) for side in (self.before, self.after))
                row |= {f"before_{unit}": old * factor, f"after_{unit}": new * factor}
                own = self.errors[measure][n]
                found = change(float(np.log(new / old)), own, noise.widened(own), confidence)
                row |= _columns(measure, found)
            rows.append(row)
        return rows


def compared(
    curves: tuple[Curve, Curve], errors: tuple[LogErrors, LogErrors], memory_mb: int | None
) -> Compared:
    """The curves of one payload type of both runs, with their uncertainties (see `log_errors`)."""
    before, after = curves
    sizes = [size for size in before.sizes if size in after.sizes]
    if memory_mb is not None:
        sizes = [size for size in sizes if size == memory_mb]
    columns = [[each.sizes.index(size) for size in sizes] for each in curves]
    old, new = (
        {"duration": each.ms[at], "cost": each.usd[at]}
        for each, at in zip(curves, columns, strict=True)
    )
    payload = before.payload if before.payload == after.payload else _both(before, after)
    return Compared(payload, tuple(sizes), old, new, _together(curves, errors, sizes))


def _together(
    curves: tuple[Curve, Curve], errors: tuple[LogErrors, LogErrors], sizes: Sequence[int]
) -> dict[str, list[Uncertainty]]:
    """The uncertainty of after over before, by measure, one a size."""
    sides = [
        [known[each.payload, size] for size in sizes]
        for known, each in zip(errors, curves, strict=True)
    ]
    return {
        measure: [spread([a[measure], b[measure]]) for a, b in zip(*sides, strict=True)]
        for measure in MEASURES
    }


def _both(before: Curve, after: Curve) -> str:
    return f"{before.payload} and {after.payload}"


def _columns(measure: str, change: Change) -> dict[str, object]:
    return {
        f"{measure}_change": change.value,
        f"{measure}_low_change": change.low,
        f"{measure}_high_change": change.high,
    }
