"""Columns of a readable table: which are shown, their names, and how their values are written."""

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import pandas as pd
from pandas import DataFrame

from ...core.format import (
    DOLLARS,
    NOTHING,
    Money,
    format_change,
    format_mb,
    format_ms,
    format_part,
    format_share,
    format_span,
    format_sure,
    format_times,
    join,
    join_mb,
)
from ..run import BEYOND

_HEADERS = {
    "cost_per_million_usd": "cost per million",
    "power": "recommended",
    "probability_cheaper": "sure it is cheaper",
    "year_saving_usd": "saved a year",
    "month_usd": "a month",
    "year_usd": "a year",
    "at_1_million_usd": "at 1 million",
    "at_10_million_usd": "at 10 million",
    "at_100_million_usd": "at 100 million",
    "usd": "spent",
    "as_good_mb": "cannot be told apart",
    "failing_mb": "fails at",
    "mean_ms": "mean",
    "sample_mean_ms": "mean of samples",
    "sample_per_million_usd": "per million, by samples",
    "memory_mb": "memory",
    "relative_cost": "against cheapest",
    "max_memory_mb": "memory used",
    "init_ms_p50": "init, median",
    "speedup": "speed-up",
    "current_mb": "today",
    "saving": "cost against today",
    "step_saving": "cost of the step",
    "step_speedup": "speed-up of the step",
    "next_step": "what to do",
    "duration_change": "duration",
    "cost_change": "cost",
    "before_per_million_usd": "per million before",
    "after_per_million_usd": "per million after",
    "cheapest_before_mb": "cheapest before",
    "cheapest_after_mb": "cheapest after",
    "extra_ms": "beyond a warm one",
    "extra_per_million_usd": "cost beyond, per million",
    "cold": "cold starts",
    "from_share": "from",
    "to_share": "to",
    "untestable_mb": "might win on AWS",
}
_BILLS = {
    *("month_usd", "year_usd", "year_saving_usd"),
    *("at_1_million_usd", "at_10_million_usd", "at_100_million_usd"),
}
_NEEDED = {"p95_ms": 60, "p99_ms": 300}
"""Samples with three beyond the quantile; with fewer it is not told."""

TOO_FEW = "n too small"
_SUPERSEDED = {"cost_per_million_usd": {"cost_usd", "cost_low_usd", "cost_high_usd"}}
_FOR_MACHINES = {BEYOND, "beyond_mb"}
"""Columns that a reader meets as marks beside the sizes (see `marks`)."""

_FORMATS: dict[str, Callable[[float], str]] = {
    "power": format_mb,
    "sure": format_sure,
    "within_5": format_sure,
    "probability_best": format_share,
    "probability_cheaper": format_share,
    "probability_efficient": format_share,
    "saving": lambda share: format_change(-share, "cheaper", "more expensive"),
    "relative_cost": format_times,
    "duration_change": lambda change: format_change(change, "faster", "slower"),
    "cost_change": lambda change: format_change(change, "cheaper", "more expensive"),
    "from_share": format_part,
    "to_share": format_part,
    "from_low_share": format_part,
    "from_high_share": format_part,
    "speedup": format_times,
    "step_saving": lambda share: format_change(-share, "cheaper", "more expensive"),
    "step_speedup": format_times,
}


def too_few(name: str, values: Mapping[Any, Any]) -> bool:
    """Whether a row of a summary has too few samples (`n`) for its quantile."""
    return name in _NEEDED and "n" in values and 0 < values["n"] < _NEEDED[name]


def shown(frame: DataFrame) -> list[str]:
    """The columns that readers see: bounds stand beside their means, and no cost twice."""
    hidden = _FOR_MACHINES.union(*(_SUPERSEDED.get(name, ()) for name in frame.columns))
    hidden |= {name for pair in bounds(frame).values() for name in pair}
    return [name for name in frame.columns if name not in hidden]


def bounds(frame: DataFrame) -> dict[str, tuple[str, str]]:
    """For each column with `*_low_*` and `*_high_*` beside it, the names of these."""
    pairs = {}
    for name in frame.columns:
        stem, _, unit = str(name).rpartition("_")
        pair = (f"{stem}_low_{unit}", f"{stem}_high_{unit}")
        if set(pair) <= set(frame.columns):
            pairs[str(name)] = pair
    return pairs


def ranks(column: "pd.Series[Any]") -> list[int]:
    """Each row's place among a column's values, by number or else by text; absent ones last."""
    if wordy(column):
        column = column.astype(object).map(lambda value: str(value).lower())
    ranked = column.rank(method="dense", na_option="bottom")
    return [int(rank) for rank in ranked]


def wordy(column: "pd.Series[Any]") -> bool:
    """Whether a column holds words or lists, not numbers alone."""
    return bool(column.astype(object).map(is_words).any())


def is_words(value: object) -> bool:
    """Whether a value is written as words: a text, or a list."""
    return isinstance(value, str | tuple | list)


def header(name: str) -> str:
    """A column's name for readers, without its unit."""
    stem, _, unit = name.rpartition("_")
    short = stem if stem and unit in {"ms", "mb", "usd"} else name
    return _HEADERS.get(name, short.replace("_", " "))


def span(pair: tuple[str, str], low: Any, high: Any, money: Money = DOLLARS) -> str:
    """Both bounds of a value, the unit once where it is the same."""
    if pair[0].endswith("_change"):
        return format_span(low, high)
    start, end = text(pair[0], low, money), text(pair[1], high, money)
    number, _, unit = start.rpartition(" ")
    return f"{number if number and end.endswith(f' {unit}') else start} to {end}"


def text(name: str, value: object, money: Money = DOLLARS) -> str:
    """A value of the column `name` for readers."""
    if isinstance(value, tuple | list):
        numbers = all(isinstance(item, Real) for item in value)
        return join_mb(value) if numbers else join(value)
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, Real):
        return _format(name, money)(float(value))
    return str(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"


def _format(name: str, money: Money) -> Callable[[float], str]:
    if name in _FORMATS:
        return _FORMATS[name]
    if name in _BILLS:
        return money.bill
    units: dict[str, Callable[[float], str]] = {"ms": format_ms, "mb": format_mb, "usd": money}
    words = name.split("_")
    return next((units[word] for word in reversed(words) if word in units), _number)
