"""Titles that state the finding, and alternative texts: both computed from the data."""

from collections import Counter

import numpy as np
from pandas import DataFrame

from ..curves import MIX
from ..recommend import SUPERLATIVES
from ..run import Run, of_means
from ..text.format import (
    format_mb,
    format_ms,
    format_times,
    format_usd,
    join,
    join_mb,
    ratio,
    short_name,
)


def curves_title(advice: DataFrame) -> str:
    """Where the cheapest sizes are, and what speed can be had."""
    return winners_title(advice, "cost")


def winners_title(advice: DataFrame, strategy: str) -> str:
    """Which size wins for how many payload types, and which want another.

    "128 MB is cheapest for 8 of 10 payload types, list at 256 MB and hash at 1,536 MB"
    """
    own = advice[(advice["payload"] != MIX) & (advice["strategy"] == strategy)]
    own = own[own["memory_mb"].notna()]
    if own.empty:
        return "No size is free of failures"
    if len(own) == 1:
        row = own.iloc[0]
        return f"{format_mb(row['memory_mb'])} is {SUPERLATIVES[strategy]} for {row['payload']}"
    wishes = {
        format_mb(float(str(size))): join(rows["payload"])
        for size, rows in own.groupby("memory_mb")
    }
    (size, most), *_ = Counter(map(format_mb, own["memory_mb"])).most_common(1)
    if most == 1:
        told = join(f"{wish} for {names}" for wish, names in wishes.items())
        return f"{SUPERLATIVES[strategy].capitalize()}: {told}"
    told = f"{size} is {SUPERLATIVES[strategy]} for {_of(most, len(own))} payload types"
    others = [f"{names} at {wish}" for wish, names in wishes.items() if wish != size]
    return f"{told}, {join(others)}" if 0 < len(own) - most <= 3 else told


def _of(part: int, whole: int) -> str:
    """How many, as "all 10", "both" or "8 of 10"."""
    if part == whole:
        return "both" if whole == 2 else f"all {whole}"
    return f"{part} of {whole}"


def source_line(run: Run) -> str:
    """Where the numbers come from, for the line under a title."""
    if of_means(run):
        return f"{short_name(run.function)}, means without samples: no intervals"
    place = "embedded AWS" if run.embedded else run.manifest.region or "AWS"
    warm = int((~run.samples["cold"] & (run.samples["error"] == "")).sum())
    names = list(dict.fromkeys(run.samples["function"].astype(str)))
    function = short_name(names[0]) if len(names) == 1 else f"{len(names)} functions"
    return f"{function}, {place}, {warm:,} warm samples; bands: 95 % interval of the mean"


def curves_alt(summary: DataFrame, advice: DataFrame) -> str:
    """What the curves show, a sentence a payload type."""
    sizes = sorted(set(summary["memory_mb"]))
    winners = advice.set_index(["payload", "strategy"])["memory_mb"]
    parts = [
        f"Two panels of lines, duration and cost per million invocations, against memory "
        f"({join_mb(sizes)})."
    ]
    for payload, rows in summary.groupby("payload", observed=True):
        parts.append(_curve_alt(str(payload), rows, winners.get((payload, "cost"))))
    return " ".join(parts)


def _curve_alt(payload: str, rows: DataFrame, cheapest: float | None) -> str:
    first, last = rows.iloc[0], rows.iloc[-1]
    change = f"{format_times(ratio(first['mean_ms'], last['mean_ms']))} faster"
    told = (
        f"{payload}: {format_ms(first['mean_ms'])} at {format_mb(first['memory_mb'])}, "
        f"{format_ms(last['mean_ms'])} at {format_mb(last['memory_mb'])} ({change})"
    )
    at = rows[rows["memory_mb"] == cheapest]
    if len(at):
        price = format_usd(float(at["cost_usd"].iloc[0]) * 1e6)
        told += f"; cheapest at {format_mb(float(at['memory_mb'].iloc[0]))}, {price}"
    return told + "."


def strategies_title(advice: DataFrame) -> str:
    """The most wanted size under each strategy, and by how many payload types.

    "Cost: 128 MB for 8 of 10 payload types; speed: 3,008 MB for all 10"
    """
    own = advice[advice["payload"] != MIX]
    parts: list[str] = []
    for strategy, rows in own.groupby("strategy", sort=False):
        (size, most), *_ = Counter(rows["memory_mb"]).most_common(1)
        what = "" if parts else " payload types"
        told = f"{format_mb(size)} for {_of(most, len(rows))}{what}"
        parts.append(f"{strategy}: {told if most > 1 or len(rows) == 1 else 'no two alike'}")
    title = "; ".join(parts)
    return title[:1].upper() + title[1:]


def strategies_alt(advice: DataFrame) -> str:
    """The winner of each payload type under each strategy."""
    parts = ["Best memory size of each payload type."]
    for strategy, rows in advice.groupby("strategy", sort=False):
        wins = [
            f"{row.payload} {format_mb(float(str(row.memory_mb)))}" for row in rows.itertuples()
        ]
        parts.append(f"{str(strategy).capitalize()}: {', '.join(wins)}.")
    return " ".join(parts)


def compromise_title(penalties: DataFrame, strategy: str) -> str:
    """The size that suits the mix, and who pays most for it."""
    word = {"cost": "dearer", "speed": "slower", "balanced": "worse"}[strategy]
    if len(penalties) < 2 or MIX not in penalties.index or penalties.loc[MIX].isna().all():
        return f"How much {word} each size is than the best"
    best = int(np.nanargmin(penalties.loc[MIX].to_numpy(float)))
    size = format_mb(int(penalties.columns[best]))
    own = penalties.drop(index=MIX).iloc[:, best].dropna()
    worst = str(own.index[int(own.to_numpy(float).argmax())])
    if own.max() < 0.005:
        return f"{size} is best for every payload type"
    return (
        f"At {size}, best for the mix, no payload type is more than "
        f"{own.max() * 100:.0f} % {word} than at its own best ({worst})"
    )


def compromise_alt(penalties: DataFrame, strategy: str) -> str:
    """How much worse the worst and the best sizes are, a sentence a payload type."""
    parts = [f"Grid of payload types and memory sizes, {strategy} against the best size."]
    sizes = [int(size) for size in penalties.columns]
    for payload, row in zip(penalties.index, penalties.to_numpy(float), strict=True):
        best, worst = sizes[int(np.nanargmin(row))], sizes[int(np.nanargmax(row))]
        parts.append(
            f"{payload}: best at {format_mb(best)}, "
            f"{np.nanmax(row) * 100:.0f} % worse at {format_mb(worst)}."
        )
    return " ".join(parts)


def relative_title(summary: DataFrame) -> str:
    """Which payload types gain most and least speed from memory."""
    gains = {
        str(payload): ratio(rows["mean_ms"].max(), rows["mean_ms"].min())
        for payload, rows in summary.groupby("payload", observed=True)
    }
    most, least = max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__)
    told = f"Memory makes {most} up to {format_times(gains[most])} faster"
    return told if most == least else f"{told}, {least} only {format_times(gains[least])}"


def relative_alt(summary: DataFrame) -> str:
    """By how much duration and cost vary over the sizes, a sentence a payload type."""
    parts = ["Small panels of duration and cost against memory, as multiples of their lowest."]
    for payload, rows in summary.groupby("payload", observed=True):
        duration, cost = (ratio(rows[n].max(), rows[n].min()) for n in ("mean_ms", "cost_usd"))
        fastest, cheapest = (
            format_mb(float(rows["memory_mb"].iloc[int(rows[name].to_numpy(float).argmin())]))
            for name in ("mean_ms", "cost_usd")
        )
        parts.append(
            f"{payload}: duration varies {format_times(duration)}, lowest at {fastest}; "
            f"cost {format_times(cost)}, lowest at {cheapest}."
        )
    return " ".join(parts)
