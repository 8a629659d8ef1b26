"""Cold starts: what they take and cost, and which share of them changes the decision."""

import zlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pandas import DataFrame

from ..core.strategies import DEFAULT_WEIGHT, STRATEGIES, check_strategy
from .answer import notice
from .curves import Curve, curves
from .frames import failed, warm
from .goals import Goal, score
from .hosts import BEYOND, marked
from .intervals import Floats, interval, replicates
from .recommend import SUPERLATIVES
from .run import Run, apart, as_run
from .text.format import format_mb, format_ms, format_part, format_usd, join, short_name
from .text.statement import Statement

START_COLUMNS = (
    "function",
    "architecture",
    "memory_mb",
    "cold",
    "init_ms",
    "init_low_ms",
    "init_high_ms",
    "extra_ms",
    "extra_low_ms",
    "extra_high_ms",
    "extra_per_million_usd",
    "extra_per_million_low_usd",
    "extra_per_million_high_usd",
    BEYOND,
)
"""Columns of `cold_starts`, in order."""

_KEYS = ["function", "architecture", "memory_mb"]


def cold_starts(source: Run | DataFrame, *, confidence: float = 0.95, seed: int = 0) -> DataFrame:
    """A row a function, architecture and memory size at which cold starts were seen.

    `init_ms` is the mean time to start an environment (of SnapStart, to restore it). `extra_ms`
    and `extra_per_million_usd` are what a cold invocation takes and costs beyond a warm one of
    the same payload type and size: init, which is billed, and a first run that is slower. Bounds
    hold the mean with `confidence`; they are NaN with fewer than 3 cold starts. `beyond_cores`
    marks the sizes that the host of an embedded AWS could not tell apart.
    """
    run = as_run(source)
    beyond = beyond_warm(run.samples)
    rows = [
        (*_key(key), len(own), *_statistics(own, confidence, seed))
        for key, own in beyond.groupby(_KEYS, observed=True)
    ]
    frame = DataFrame(rows, columns=list(START_COLUMNS[:-1])).sort_values(_KEYS, ignore_index=True)
    dollars = [name for name in START_COLUMNS if name.endswith("_usd")]
    return marked(frame.assign(**{name: frame[name] * 1e6 for name in dollars}), run)


def beyond_warm(samples: DataFrame) -> DataFrame:
    """Successful cold starts with `start_ms`, and `extra_ms` and `extra_usd` beyond warm means.

    Those of a payload type without a warm sample at that size are left out.
    """
    cold = samples[samples["cold"] & ~failed(samples)]
    start_ms = cold["init_ms"].fillna(0) + cold["restore_ms"].fillna(0)
    means = warm(samples).groupby([*_KEYS, "payload"], observed=True)
    usual = means[["duration_ms", "cost_usd"]].mean().add_prefix("warm_").reset_index()
    joined = cold.assign(start_ms=start_ms).merge(usual, on=[*_KEYS, "payload"], how="inner")
    return joined.assign(
        extra_ms=joined["start_ms"] + joined["duration_ms"] - joined["warm_duration_ms"],
        extra_usd=joined["cost_usd"] - joined["warm_cost_usd"],
    )


def resampled(own: DataFrame, seed: int = 0) -> Floats:
    """Resampled means (resamples x 3) of start, extra time and extra cost of one size's starts.

    Each cold start has an environment of its own, so each is a group of one.
    """
    values = own[["start_ms", "extra_ms", "extra_usd"]].to_numpy(float)
    key = repr((seed, *own[_KEYS].iloc[0].tolist()))
    codes = np.arange(len(values), dtype=np.int64)
    return _signed_replicates(values, codes, zlib.crc32(key.encode()))


def _signed_replicates(values: Floats, codes: "np.typing.NDArray[np.int64]", seed: int) -> Floats:
    """`replicates` works on a log scale, where what is beyond may be below 0: it is shifted."""
    shift = np.abs(values).max(axis=0) * 10
    shifted: Floats = replicates(values + shift, codes, outer=seed, inner=seed + 1) - shift
    return shifted


def _statistics(own: DataFrame, confidence: float, seed: int) -> tuple[float, ...]:
    means = own[["start_ms", "extra_ms", "extra_usd"]].mean().to_numpy(float)
    drawn = resampled(own, seed)
    told: list[float] = []
    for column, mean in enumerate(means):
        low, high = interval(drawn[:, column], confidence)
        told += [float(mean), low, high]
    return tuple(told)


def _key(key: object) -> tuple[object, ...]:
    return tuple(key) if isinstance(key, tuple) else (key,)


# Which memory size is best as the share of cold starts goes from 0 to 100 %.


STEPS = 1_000
"""Shares are looked at in steps of a tenth of a per cent."""

_COARSE = 100
"""Steps for each of the many resamples."""

DECISION_COLUMNS = (
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
    return marked(DataFrame(rows, columns=list(DECISION_COLUMNS[:-1])), whole)


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


# What cold starts change, in words: the decision, the wait, the bill.


NO_COLD = "No cold start was measured: `--cold 10` of tune or benchmark measures some on purpose."

_ALIKE = 0.1
"""Init durations that differ by less are called the same."""


def cold_answer(
    source: Run | DataFrame,
    strategy: str | Sequence[str] = STRATEGIES,
    weight: float = DEFAULT_WEIGHT,
    *,
    cold_share: float = 0.01,
    monthly_invocations: float = 0,
) -> Statement:
    """Whether cold starts change which size is best, and what they cost at `cold_share`.

    Of the mix of payload types, or the only one; with several functions each is told.
    """
    run = as_run(source)
    names = [strategy] if isinstance(strategy, str) else list(strategy)
    functions = apart(run)
    headlines, told = [], []
    for each in functions:
        name = f"{short_name(each.function)}: " if len(functions) > 1 else ""
        curves = cold_curves(each)
        if not curves:
            headlines.append(name + NO_COLD)
            continue
        cold = curves[-1]
        ranges = cold_decisions(each, names, weight)
        own = ranges[ranges["payload"] == cold.curve.payload]
        first, *others = (own[own["strategy"] == each_name] for each_name in names)
        headlines.append(name + decision(first))
        sentences = [
            *map(decision, others),
            init_sentence(cold_starts(each)),
            *_at_share(cold, cold_share, monthly_invocations, int(first["memory_mb"].iloc[0])),
        ]
        told += [name + text for text in sentences]
    names_of = tuple(each.function for each in functions)
    return Statement(" ".join(headlines), tuple(told), notice(run), names_of)


def decision(ranges: DataFrame) -> str:
    """Which size is best in which range of cold shares, of one strategy.

    "256 MB is cheapest up to 1.3 % cold starts (0 to 13 %), then 128 MB."
    """
    rows = ranges.to_dict("records")
    superlative = SUPERLATIVES[rows[0]["strategy"]]
    first = format_mb(rows[0]["memory_mb"])
    if len(rows) == 1:
        return f"{first} is {superlative} whatever the share of cold starts."
    steps = [
        f"{'up to' if n == 0 else 'from'} {format_part(row['from_share'])}"
        f"{' cold starts' if n == 0 else ''}{_span(row)}{', then' if n == 0 else ''}"
        f"{' perhaps' if _unsure(row) else ''} {format_mb(row['memory_mb'])}"
        for n, row in enumerate(rows[1:])
    ]
    return f"{first} is {superlative} {', '.join(steps)}."


def _unsure(row: Mapping[Hashable, Any]) -> bool:
    """Whether the sizes cannot be told apart at any share."""
    low, high = row["from_low_share"], row["from_high_share"]
    return bool(np.isnan(low) or (low <= 0 and high >= 1))


def _span(row: Mapping[Hashable, Any]) -> str:
    low, high = row["from_low_share"], row["from_high_share"]
    if _unsure(row):
        return ""
    return f" ({format_part(low).removesuffix(' %')} to {format_part(high)})"


def init_sentence(frame: DataFrame) -> str:
    """How init depends on memory, judged by the smallest and the largest size."""
    rows = frame.sort_values("memory_mb")
    first, last = rows.iloc[0], rows.iloc[-1]
    low, high = frame["init_ms"].min(), frame["init_ms"].max()
    overlap = first["init_low_ms"] <= last["init_high_ms"] and (
        last["init_low_ms"] <= first["init_high_ms"]
    )
    if overlap or high <= low * (1 + _ALIKE):
        return (
            f"Init takes {_range(low, high)}: more memory does not shorten it, "
            "but every MB is billed for it."
        )
    ends = [f"{format_ms(r['init_ms'])} at {format_mb(r['memory_mb'])}" for r in (first, last)]
    return f"Init takes {join(ends)}."


def _range(low: float, high: float) -> str:
    number, _, unit = format_ms(low).partition(" ")
    return (
        f"{number} to {format_ms(high)}"
        if format_ms(high).endswith(f" {unit}")
        else (f"{format_ms(low)} to {format_ms(high)}")
    )


def _at_share(
    cold: ColdCurve, share: float, monthly_invocations: float, size: int
) -> Iterator[str]:
    at = cold.sizes.index(size)
    shares = np.array([0.0, share])
    ms, usd = cold.mean_ms(shares)[:, at], cold.cost_usd(shares)[:, at] * 1e6
    yield (
        f"With {format_part(share)} cold starts, {format_mb(size)} takes {format_ms(ms[1])} in the "
        f"mean instead of {format_ms(ms[0])}, and costs {format_usd(usd[1])} per million instead "
        f"of {format_usd(usd[0])}."
    )
    if monthly_invocations:
        more = (usd[1] - usd[0]) / 1e6 * monthly_invocations
        yield (
            f"At {monthly_invocations:,.0f} invocations a month, these cold starts cost "
            f"{format_usd(more)} a month."
        )
    slow = [
        f"{format_ms(cold.ms[n] + cold.extra_ms[n])} at {format_mb(cold.sizes[n])}"
        for n in sorted({at, len(cold.sizes) - 1})
    ]
    yield (
        f"Where more than 1 % of the invocations are cold, the p99 is a cold start: about "
        f"{join(slow)}."
    )
