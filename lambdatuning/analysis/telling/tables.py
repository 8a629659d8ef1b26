"""Frames made readable: units from the column names, intervals beside their means."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from itertools import groupby
from numbers import Real
from typing import Any, cast

import pandas as pd
from pandas import DataFrame

from .format import (
    NOTHING,
    format_change,
    format_mb,
    format_ms,
    format_part,
    format_share,
    format_span,
    format_times,
    format_usd,
    join,
    join_mb,
    short_name,
)

_HEADERS = {
    "cost_per_million_usd": "cost per million",
    "power": "recommended",
    "probability_best": "sure",
    "probability_cheaper": "sure it is cheaper",
    "year_saving_usd": "saved a year",
    "month_usd": "a month",
    "year_usd": "a year",
    "usd": "spent",
    "alike_mb": "cannot be told apart",
    "failing_mb": "fails at",
    "mean_ms": "mean",
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
}
TABLE_MIME = "application/vnd.lambdatuning.table+json"
"""Output type under which a notebook keeps a table's numbers: caption, columns, data (rows), and
for each column that is shown the rank of each row, to sort by."""

_MANY = 11
"""With more columns, a table on paper needs smaller print."""

_NOTHING_FOUND = "There is nothing to show."
_SUPERSEDED = {"cost_per_million_usd": {"cost_usd", "cost_low_usd", "cost_high_usd"}}
_FORMATS: dict[str, Callable[[float], str]] = {
    "power": format_mb,
    "probability_best": format_share,
    "probability_cheaper": format_share,
    "probability_efficient": format_share,
    "saving": lambda share: format_change(-share, "cheaper", "dearer"),
    "relative_cost": format_times,
    "duration_change": lambda change: format_change(change, "faster", "slower"),
    "cost_change": lambda change: format_change(change, "cheaper", "dearer"),
    "from_share": format_part,
    "to_share": format_part,
    "from_low_share": format_part,
    "from_high_share": format_part,
    "speedup": format_times,
    "step_saving": lambda share: format_change(-share, "cheaper", "dearer"),
    "step_speedup": format_times,
}


@dataclass(frozen=True, eq=False)
class Table:
    """A frame with a caption; shows itself in notebooks, `frame` keeps the plain numbers.

    `whole` has the columns too that the caption tells.
    """

    frame: DataFrame
    caption: str = ""
    whole: DataFrame | None = None
    nothing: str = _NOTHING_FOUND

    def __str__(self) -> str:
        if self.frame.empty:
            return self.nothing
        columns = _columns(self.frame)
        return DataFrame(
            {_header(n): [_text(n, v) for v in self.frame[n]] for n in columns}
        ).to_string(index=False)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The plain numbers beside what is shown, from which a report makes CSV and JSON."""
        whole = self.frame if self.whole is None else self.whole
        plain = whole.to_json(orient="split", index=False, date_format="iso")
        told = {"caption": self.caption, "ranks": [_ranks(self.frame[n]) for n in self._shown]}
        return {TABLE_MIME: json.loads(plain or "{}") | told}

    @property
    def _shown(self) -> list[str]:
        return [] if self.frame.empty else _columns(self.frame)

    def _repr_html_(self) -> str:
        if self.frame.empty:
            return f"<p>{escape(self.nothing)}</p>"
        columns = _columns(self.frame)
        head = "".join(
            f'<th scope="col" class="{_kind(self.frame[name]) if n else "lt-words"}">'
            f"{escape(_header(name))}</th>"
            for n, name in enumerate(columns)
        )
        wordy = all(_kind(self.frame[name]) == "lt-words" for name in columns)
        kind = "lt-table" + (" lt-stack" if wordy else " lt-wide" if len(columns) > _MANY else "")
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        return (
            f'<table class="{kind}">{caption}<thead><tr>{head}</tr></thead>'
            f"{''.join(_groups(self.frame, columns))}</table>"
        )


def table(data: DataFrame | Iterable[Any], caption: str = "", columns: Sequence[str] = ()) -> Table:
    """A readable table of a frame, or of dataclasses such as `checks` gives.

    Columns that say the same in every row (the only function, the only architecture) move into
    the caption. `columns` are those to show, each with its bounds; the numbers that a report
    keeps beside the table are always all.
    """
    nothing = _NOTHING_FOUND
    if not isinstance(data, DataFrame):
        nothing = f"{caption}: none." if caption else nothing
        data = DataFrame([asdict(each) for each in cast(Iterable[Any], data)])
    constant = [
        name
        for name in ("function", "architecture", "current_mb")
        if name in data and len(data) and data[name].nunique(dropna=False) == 1
    ]
    told = [_constant(n, data[n].iloc[0]) for n in constant]
    words = ", ".join(text for text in (caption, *told) if text)
    empty = [n for n in ("failing_mb", "reason") if n in data and not data[n].map(bool).any()]
    shown = data.drop(columns=[*constant, *empty])
    if columns and len(data):
        bounds = _bounds(shown)
        kept = [part for name in columns for part in (name, *bounds.get(name, ()))]
        shown = shown[[name for name in kept if name in shown]]
    return Table(shown, words, data, nothing)


def _constant(name: str, value: object) -> str:
    if name == "current_mb":
        return f"today {_text(name, value)}"
    return short_name(str(value)) if name == "function" else str(value)


def _ranks(column: "pd.Series[Any]") -> list[int]:
    """Each row's place among a column's values, by number or else by text; absent ones last."""
    if column.astype(object).map(lambda value: isinstance(value, str | tuple | list)).any():
        column = column.astype(object).map(lambda value: str(value).lower())
    ranks = column.rank(method="dense", na_option="bottom")
    return [int(rank) for rank in ranks]


def _columns(frame: DataFrame) -> list[str]:
    hidden = set().union(*(_SUPERSEDED.get(name, ()) for name in frame.columns))
    hidden |= {name for pair in _bounds(frame).values() for name in pair}
    return [name for name in frame.columns if name not in hidden]


def _bounds(frame: DataFrame) -> dict[str, tuple[str, str]]:
    """For each column with `*_low_*` and `*_high_*` beside it, the names of these."""
    found = {}
    for name in frame.columns:
        stem, _, unit = str(name).rpartition("_")
        pair = (f"{stem}_low_{unit}", f"{stem}_high_{unit}")
        if set(pair) <= set(frame.columns):
            found[str(name)] = pair
    return found


def _groups(frame: DataFrame, columns: Sequence[str]) -> Iterable[str]:
    """Table bodies, one for each run of rows with the same first column."""
    bounds = _bounds(frame)
    rows = frame.to_dict("records")
    for _, group in groupby(rows, key=lambda row: row[columns[0]]):
        members = list(group)
        lines = []
        for n, row in enumerate(members):
            cells = [_cell(name, row, bounds.get(name)) for name in columns[1:]]
            if n == 0:
                span = f' rowspan="{len(members)}"' if len(members) > 1 else ""
                first = escape(_text(columns[0], row[columns[0]]))
                cells.insert(0, f'<th scope="rowgroup"{span}>{first}</th>')
            lines.append(f"<tr>{''.join(cells)}</tr>")
        yield f"<tbody>{''.join(lines)}</tbody>"


def _cell(name: str, row: dict[Any, Any], bounds: tuple[str, str] | None) -> str:
    text = escape(_text(name, row[name]))
    if bounds and not pd.isna(row[bounds[0]]):
        span = _span(bounds, row)
        text += f'<br><small class="lt-range">{escape(span)}</small>'
    words = isinstance(row[name], str | tuple | list)
    return f'<td class="{"lt-words" if words else "lt-number"}">{text}</td>'


def _span(bounds: tuple[str, str], row: dict[Any, Any]) -> str:
    low, high = (row[bound] for bound in bounds)
    if bounds[0].endswith("_change"):
        return format_span(low, high)
    begin, end = _text(bounds[0], low), _text(bounds[1], high)
    number, _, unit = begin.rpartition(" ")
    return f"{number if number and end.endswith(f' {unit}') else begin} to {end}"


def _kind(column: "pd.Series[Any]") -> str:
    words = column.astype(object).map(lambda value: isinstance(value, str | tuple | list))
    return "lt-words" if words.any() else "lt-number"


def _header(name: str) -> str:
    stem, _, unit = name.rpartition("_")
    short = stem if stem and unit in {"ms", "mb", "usd"} else name
    return _HEADERS.get(name, short.replace("_", " "))


def _text(name: str, value: object) -> str:
    if isinstance(value, tuple | list):
        numbers = all(isinstance(each, Real) for each in value)
        return join_mb(value) if numbers else join(value)
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, Real):
        return _format(name)(float(value))
    return str(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"


def _format(name: str) -> Callable[[float], str]:
    if name in _FORMATS:
        return _FORMATS[name]
    units = {"ms": format_ms, "mb": format_mb, "usd": format_usd}
    words = name.split("_")
    return next((units[word] for word in reversed(words) if word in units), _number)
