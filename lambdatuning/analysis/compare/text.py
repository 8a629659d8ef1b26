"""A change in words: "faster by 12 % (8 to 16 %)", or that there is no significant difference."""

import math
from collections.abc import Mapping, Sequence

from ...core.format import (
    Money,
    capitalised,
    format_count,
    format_mb,
    format_part,
    format_span,
    join,
    short_name,
)
from ..curves import MIX
from .noise import Difference
from .pair import MEASURES, Pair

_WORDS = {"duration": ("faster", "slower"), "cost": ("cheaper", "more expensive")}

_FEW = 2
"""Payload types named in a sentence; the table has all."""

_CLOSE = 0.03
"""Sizes whose cost differs by less are called nearly the same."""

_SMALL = 0.01995
"""Changes below it, 2 %, are written with a decimal."""

_DOUBLE = 1.0
"""Above so large an increase, a factor reads better than per cent."""

NO_DIFFERENCE = "no significant difference"
AS_RUNS = "less than runs of the same code may differ"


def verdict(measure: str, change: Difference) -> str:
    """The change of "duration" or "cost" with its interval.

    >>> verdict("duration", Change(-0.12, -0.16, -0.08, -0.15, -0.09))
    'faster by 12 % (8 to 16 %)'
    >>> verdict("cost", Change(0.013, -0.01, 0.036, 0.004, 0.022))
    'more expensive by 1.3 % (0.4 to 2.2 %), less than runs of the same code may differ'
    >>> verdict("cost", Change(0.01, -0.02, 0.04, -0.01, 0.03))
    'no significant difference (-2 to +4 %)'
    """
    if not change.has_interval:
        return f"{difference(measure, change)} (no interval, so it may be chance)"
    if change.of_runs:
        return f"{difference(measure, change)}, {AS_RUNS}"
    if not change.real:
        return f"{NO_DIFFERENCE} ({format_span(change.low, change.high)})"
    return difference(measure, change)


def difference(measure: str, change: Difference) -> str:
    """How large the change is; with the interval of what differs, where something does."""
    less, more = _WORDS[measure]
    word = less if change.value < 0 else more
    places = 1 if abs(change.value) < _SMALL else 0
    size = f"{_number(abs(change.value), places)} %"
    if change.value > _DOUBLE:
        size = f"a factor of {change.value + 1:,.1f}"
    ends = (change.low, change.high) if change.real else (change.own_low, change.own_high)
    if not change.real and not change.of_runs:
        return f"{word} by {size}"
    if change.value > _DOUBLE:
        return f"{word} by {size} ({ends[0] + 1:,.1f} to {ends[1] + 1:,.1f})"
    low, high = sorted(map(abs, ends))
    return f"{word} by {size} ({_number(low, places)} to {_number(high, places)} %)"


def headline(pair: Pair) -> str:
    """What changed for the mix (or the only payload type), in one sentence."""
    before, after = pair.names
    changes = {measure: pair.change(pair.main, measure) for measure in MEASURES}
    if all(
        change.has_interval and not (change.real or change.of_runs) for change in changes.values()
    ):
        words = join(f"{name} {format_span(c.low, c.high)}" for name, c in changes.items())
        return f"No significant difference between {before} and {after}: {words}."
    small = [difference(name, change) for name, change in changes.items() if change.of_runs]
    others = [
        verdict(name, change).replace(NO_DIFFERENCE, f"{NO_DIFFERENCE} in {name}")
        for name, change in changes.items()
        if not change.of_runs
    ]
    words = "; ".join(part for part in (join(others), _as_runs(small)) if part)
    return f"{capitalised(after)} against {before}: {words}."


def sentences(pair: Pair) -> list[str]:
    """Which payload types changed, and whether the best size moved."""
    own = [name for name in pair.overall["payload"] if name != MIX]
    if len(own) < 2:
        return [*_moved(pair), *_smallest(pair)]
    words = [text for measure in MEASURES if (text := _differing(pair, own, measure))]
    words += _little(pair, own)
    if not words and all(pair.change(name, "cost").has_interval for name in own):
        words.append(f"None of the {len(own)} payload types differs significantly.")
    return [*words, *_moved(pair), *_smallest(pair)]


def _smallest(pair: Pair) -> list[str]:
    """What could have been found, so that silence is not taken for more than it is."""
    least = {measure: pair.change(pair.main, measure).least for measure in MEASURES}
    if any(math.isnan(value) for value in least.values()):
        return []
    changes = " and of ".join(f"{format_part(value)} in {name}" for name, value in least.items())
    return [f"Changes of {changes}, or more, would have been found four times in five."]


def _differing(pair: Pair, payloads: Sequence[str], measure: str) -> str:
    real = {name: pair.change(name, measure) for name in payloads}
    real = {name: change for name, change in real.items() if change.real}
    if not real:
        return ""
    count = f"{len(real)} of {len(payloads)} payload types {_differ(len(real))} in {measure}"
    most = ", most of all" if len(real) > _FEW else ""
    return f"{count}{most}: {_named(real, measure)}."


def _little(pair: Pair, payloads: Sequence[str]) -> list[str]:
    """The payload types that differ less than runs of the same code, which may be nothing."""
    both = [{name: pair.change(name, measure) for name in payloads} for measure in MEASURES]
    little = [{n: c for n, c in by_name.items() if c.of_runs} for by_name in both]
    names = set(little[0]) | set(little[1])
    if not names:
        return []
    words = next(_named(by_name, m) for m, by_name in zip(MEASURES, little, strict=True) if by_name)
    count = f"{len(names)} of {len(payloads)} payload types {_differ(len(names))}"
    return [f"{count}, but less than runs of the same code may: {words}."]


def _named(changes: Mapping[str, Difference], measure: str) -> str:
    """The largest changes, each with its payload type."""
    largest = sorted(changes.items(), key=lambda item: -abs(item[1].value))
    return join(f"{name} is {difference(measure, change)}" for name, change in largest[:_FEW])


def _as_runs(differences: Sequence[str]) -> str:
    return f"{join(differences)}, {AS_RUNS}" if differences else ""


def _differ(count: int) -> str:
    return "differs" if count == 1 else "differ"


def _moved(pair: Pair) -> list[str]:
    row = pair.overall.iloc[-1]
    old, new = int(row["cheapest_before_mb"]), int(row["cheapest_after_mb"])
    if old == new:
        return [f"The cheapest size is {format_mb(old)} in both."]
    own = pair.by_size[pair.by_size["payload"] == pair.main].set_index("memory_mb")
    usd = own["after_per_million_usd"].to_dict()
    close = ", which cost nearly the same" if usd[old] <= usd[new] * (1 + _CLOSE) else ""
    return [f"The cheapest size was {format_mb(old)} and is {format_mb(new)}{close}."]


def bill(pair: Pair, monthly_invocations: float, money: Money) -> list[str]:
    """What the mix costs a month before and after, at today's size or else the cheapest."""
    if not monthly_invocations:
        return []
    own = pair.by_size[pair.by_size["payload"] == pair.main]
    today = pair.after.current_memory_mb or 0
    size = (
        today if today in set(own["memory_mb"]) else int(pair.overall["cheapest_after_mb"].iloc[-1])
    )
    row = own[own["memory_mb"] == size].iloc[0]
    old, new = (float(row[f"{side}_per_million_usd"]) for side in ("before", "after"))
    months = [money(usd * monthly_invocations / 1e6) for usd in (old, new)]
    low, high = float(row["cost_low_change"]), float(row["cost_high_change"])
    span = "" if math.isnan(low) else f" ({format_span(low, high)})"
    return [
        f"{format_count(round(monthly_invocations), 'invocation')} at {format_mb(size)} cost "
        f"{months[1]} a month, {months[0]} before{span}."
    ]


def title(pair: Pair) -> str:
    """The same as `headline`, short enough for a figure."""
    return headline(pair).removesuffix(".")


def about(pair: Pair) -> str:
    """Which runs these are."""
    old, new = (
        f"{short_name(run.function)}, {run.run_id}" if run.run_id != run.function else run.function
        for run in (pair.before, pair.after)
    )
    return f"{pair.names[0]}: {old}; {pair.names[1]}: {new}"


def _number(share: float, places: int) -> str:
    return f"{share * 100:.{1 if share < 0.00995 else places}f}"
