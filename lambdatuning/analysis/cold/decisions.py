"""Which memory size is best as the share of cold starts goes from 0 to 100 %."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from ...core.strategies import DEFAULT_WEIGHT, STRATEGIES, check_strategy
from ..choice.goals import Goal, score
from ..samples.hosts import BEYOND, marked
from ..samples.run import Run, as_run
from ..samples.several import apart
from ..statistics.curves import Curve, curves
from ..statistics.intervals import Floats
from .starts import beyond_warm, resampled

STEPS = 1_000
"""Shares are looked at in steps of a tenth of a per cent."""

_COARSE = 100
"""Steps for each of the many resamples."""

COLUMNS = (
    "function",
    "payload",
    "strategy",
    "memory_mb",
    "from_share",
    "from_low_share",
    "from_high_share",
    "to_share",
    BEYOND,
)


@dataclass(frozen=True, eq=False)
class ColdCurve:
    """A payload type (or the mix) at the sizes with cold starts: warm, and what cold adds.

    Arrays have the sizes last; resamples come first.
    """

    curve: Curve
    sizes: tuple[int, ...]
    ms: Floats
    usd: Floats
    extra_ms: Floats
    extra_usd: Floats
    resampled: tuple[Floats, Floats, Floats, Floats]

    def mean_ms(self, shares: Floats) -> Floats:
        """Mean duration as a caller waits for it, init included (shares x sizes)."""
        found: Floats = self.ms + shares[:, None] * self.extra_ms
        return found

    def cost_usd(self, shares: Floats) -> Floats:
        """Mean cost of an invocation (shares x sizes)."""
        found: Floats = self.usd + shares[:, None] * self.extra_usd
        return found


def cold_decisions(
    source: Run | DataFrame,
    strategy: str | Sequence[str] = STRATEGIES,
    weight: float = DEFAULT_WEIGHT,
    *,
    weights: Mapping[str, float] | None = None,
) -> DataFrame:
    """A row for each range of cold shares in which one size is best, by payload type and strategy.

    `from_low_share` and `from_high_share` hold the share at which the size takes over (95 %); 1
    means perhaps never. NaN for the first range and where there are fewer than 3 cold starts.
    """
    names = [strategy] if isinstance(strategy, str) else list(strategy)
    whole = as_run(source)
    rows = [
        row
        for run in apart(whole)
        for cold in cold_curves(run, weights=weights)
        for name in names
        for row in _ranges(cold, check_strategy(name), weight)
    ]
    return marked(DataFrame(rows, columns=list(COLUMNS[:-1])), whole)


def cold_curves(run: Run, *, weights: Mapping[str, float] | None = None) -> list[ColdCurve]:
    """One for each payload type of a run of one function, the mix last; see `curves`.

    Sizes without a cold start are left out; [] without any.
    """
    beyond = beyond_warm(run.samples)
    if beyond.empty:
        return []
    groups = {int(str(size)): own for size, own in beyond.groupby("memory_mb")}
    extra = {size: own[["extra_ms", "extra_usd"]].mean() for size, own in groups.items()}
    drawn = {size: resampled(own) for size, own in groups.items()}
    found = []
    for curve in curves(run, weights=weights):
        sizes = tuple(size for size in curve.sizes if size in groups)
        at = [curve.sizes.index(size) for size in sizes]
        if sizes:
            found.append(
                ColdCurve(
                    curve,
                    sizes,
                    curve.ms[at],
                    curve.usd[at],
                    np.array([extra[size]["extra_ms"] for size in sizes]),
                    np.array([extra[size]["extra_usd"] for size in sizes]),
                    (
                        curve.resampled_ms[:, at],
                        curve.resampled_usd[:, at],
                        np.stack([drawn[size][:, 1] for size in sizes], axis=-1),
                        np.stack([drawn[size][:, 2] for size in sizes], axis=-1),
                    ),
                )
            )
    return found


def scores(cold: ColdCurve, shares: Floats, strategy: str, weight: float) -> Floats:
    """What the strategy minimises (shares x sizes); of sizes that the host could not tell apart
    the smallest alone may win (see `choice.held_back`)."""
    found = score(cold.mean_ms(shares), cold.cost_usd(shares), Goal(strategy, weight))
    host = cold.curve.host
    alike = host.beyond(cold.sizes)[1:] if host else ()
    return np.where(np.isin(cold.sizes, alike), np.inf, found)


def _ranges(cold: ColdCurve, strategy: str, weight: float) -> list[tuple[object, ...]]:
    shares = np.linspace(0, 1, STEPS + 1)
    best = scores(cold, shares, strategy, weight).argmin(axis=1)
    starts = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist()]
    rows: list[tuple[object, ...]] = []
    for n, start in enumerate(starts):
        end = starts[n + 1] if n + 1 < len(starts) else STEPS
        bounds = (np.nan, np.nan)
        if n:
            before, after = int(best[starts[n - 1]]), int(best[start])
            bounds = _takeover(cold, before, after, strategy, weight)
        rows.append(
            (
                cold.curve.function,
                cold.curve.payload,
                strategy,
                cold.sizes[int(best[start])],
                float(shares[start]),
                *bounds,
                float(shares[end]),
            )
        )
    return rows


def _takeover(
    cold: ColdCurve, before: int, after: int, strategy: str, weight: float
) -> tuple[float, float]:
    """Low and high end of the share at which one size takes over from another."""
    ms, usd, extra_ms, extra_usd = cold.resampled
    if not all(np.isfinite(each).all() for each in cold.resampled):
        return np.nan, np.nan
    shares = np.linspace(0, 1, _COARSE + 1)
    # A balance is relative to the measured means: else one resample far out would hide all others.
    slowest, dearest = (
        each.max(axis=1)[:, None, None] for each in (cold.mean_ms(shares), cold.cost_usd(shares))
    )
    part = shares[:, None, None]
    drawn_ms, drawn_usd = ms + part * extra_ms, usd + part * extra_usd
    goal = Goal(strategy, weight)
    found = score(drawn_ms / slowest, drawn_usd / dearest, goal, scale=(1.0, 1.0))
    ahead = found[:, :, after] < found[:, :, before]
    first = np.where(ahead.any(axis=0), ahead.argmax(axis=0) / _COARSE, 1.0)
    low, high = np.quantile(first, [0.025, 0.975])
    return float(low), float(high)
