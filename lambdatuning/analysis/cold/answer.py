"""What cold starts change, in words: the decision, the wait, the bill."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pandas import DataFrame

from ...core.strategies import DEFAULT_WEIGHT, STRATEGIES
from ..samples.run import Run, as_run
from ..samples.several import apart
from ..telling.answer import notice
from ..telling.format import format_mb, format_ms, format_part, format_usd, join, short_name
from ..telling.sentences import SUPERLATIVES
from ..telling.statement import Statement
from .decisions import ColdCurve, cold_curves, cold_decisions
from .starts import cold_starts

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
