"""Frames made readable: units from the column names, intervals beside their means."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from itertools import groupby
from typing import Any, cast

import pandas as pd
from pandas import DataFrame

from ...core.errors import UsageError, closest
from ...core.format import DOLLARS, Money, short_name
from .columns import (
    TOO_FEW,
    bounds,
    header,
    is_words,
    ranks,
    shown,
    span,
    too_few,
    wordy,
)
from .marks import DAGGER, MEANS, NOTE, first_beyond, marked_text
from .output_types import TABLE_MIME

_MANY = 11
"""With more columns, a table on paper needs smaller print."""

_MARK = f'<abbr class="lt-mark" title="{MEANS}">{DAGGER}</abbr>'

Row = tuple[dict[Any, Any], float]
"""A row, and the first size that is marked in it."""


def table_html(
    frame: DataFrame, caption: str, first_mb: Sequence[float], money: Money = DOLLARS
) -> str:
    """The markup; `first_mb` has for each row the smallest size that gets a mark.

    A note below explains the marks, where there are any.
    """
    columns = shown(frame)
    words = [wordy(frame[name]) for name in columns]
    head = "".join(
        f'<th scope="col" class="{_kind(words=texts or not n)}">{escape(header(name))}</th>'
        for n, (name, texts) in enumerate(zip(columns, words, strict=True))
    )
    kind = "lt-table" + (" lt-stack" if all(words) else " lt-wide" if len(columns) > _MANY else "")
    above = f"<caption>{_marked(caption)}</caption>" if caption else ""
    markup = (
        f'<table class="{kind}">{above}<thead><tr>{head}</tr></thead>'
        f"{''.join(_bodies(frame, columns, first_mb, money))}</table>"
    )
    return markup + (f'<p class="lt-note">{escape(NOTE)}</p>' if _MARK in markup else "")


def _bodies(
    frame: DataFrame, columns: Sequence[str], first_mb: Sequence[float], money: Money
) -> Iterable[str]:
    """Table bodies, one for each run of rows with the same first column."""
    pairs = bounds(frame)
    rows = zip(frame.to_dict("records"), first_mb, strict=True)
    for _, group in groupby(rows, key=lambda row: row[0][columns[0]]):
        members = list(group)
        lines = []
        for n, row in enumerate(members):
            cells = [_cell(name, row, pairs.get(name), money) for name in columns[1:]]
            if n == 0:
                rowspan = f' rowspan="{len(members)}"' if len(members) > 1 else ""
                cells.insert(
                    0, f'<th scope="rowgroup"{rowspan}>{_text(columns[0], row, money)}</th>'
                )
            lines.append(f"<tr>{''.join(cells)}</tr>")
        yield f"<tbody>{''.join(lines)}</tbody>"


def _cell(name: str, row: Row, pair: tuple[str, str] | None, money: Money) -> str:
    words = _text(name, row, money)
    low, high = (row[0][bound] for bound in pair or (name, name))
    if pair and not pd.isna(low) and words != TOO_FEW:
        words += f'<br><small class="lt-range">{escape(span(pair, low, high, money))}</small>'
    return f'<td class="{_kind(words=is_words(row[0][name]))}">{words}</td>'


def _text(name: str, row: Row, money: Money) -> str:
    return _marked(_plain(name, row, money))


def _plain(name: str, row: Row, money: Money) -> str:
    values, first_mb = row
    if too_few(name, values):
        return TOO_FEW
    return marked_text(name, values[name], first_mb, money)


def _marked(words: str) -> str:
    return escape(words).replace(DAGGER, _MARK)


def _kind(*, words: bool) -> str:
    return "lt-words" if words else "lt-number"


# Frames made readable: units from the column names, intervals beside their means.


_NOTHING_FOUND = "There is nothing to show."


@dataclass(frozen=True, eq=False)
class Table:
    """A frame with a caption; shows itself in notebooks, `frame` keeps the plain numbers.

    `whole` has the columns too that the caption names. `first_beyond_mb` is for each row the
    smallest size that its host could not tell apart from larger ones, which get a dagger.
    """

    frame: DataFrame
    caption: str = ""
    whole: DataFrame | None = None
    nothing: str = _NOTHING_FOUND
    first_beyond_mb: tuple[float, ...] | None = None
    money: Money = DOLLARS

    def __str__(self) -> str:
        if self.frame.empty:
            return self.nothing
        rows = list(zip(self.frame.to_dict("records"), self._first, strict=True))
        cells = {
            header(name): [_plain(name, row, self.money) for row in rows]
            for name in shown(self.frame)
        }
        texts = DataFrame(cells).to_string(index=False)
        return f"{texts}\n{NOTE}" if DAGGER in texts else texts

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The plain numbers beside what is shown, from which a report makes CSV and JSON."""
        whole = self.frame if self.whole is None else self.whole
        plain = whole.to_json(orient="split", index=False, date_format="iso")
        columns = [] if self.frame.empty else shown(self.frame)
        texts = {"caption": self.caption, "ranks": [ranks(self.frame[n]) for n in columns]}
        return {TABLE_MIME: json.loads(plain or "{}") | texts}

    def _repr_html_(self) -> str:
        if self.frame.empty:
            return f"<p>{escape(self.nothing)}</p>"
        return table_html(self.frame, self.caption, self._first, self.money)

    @property
    def _first(self) -> Sequence[float]:
        return first_beyond(self.frame) if self.first_beyond_mb is None else self.first_beyond_mb


def require_table(name: str, names: Iterable[str]) -> None:
    """UsageError for a table that is not among those that there are."""
    if name not in (there := list(names)):
        raise UsageError(f'no table "{name}"; {closest(name, there)}')


def table(
    data: DataFrame | Iterable[Any],
    caption: str = "",
    columns: Sequence[str] = (),
    money: Money = DOLLARS,
) -> Table:
    """A readable table of a frame, or of dataclasses such as `checks` gives.

    Columns that say the same in every row (the only function, the only architecture) move into
    the caption. `columns` are those to show, each with its bounds; the numbers that a report
    keeps beside the table are always all. Sizes that the host of an embedded AWS could not tell
    apart have a dagger, and a note below says so.
    """
    nothing = _NOTHING_FOUND
    if not isinstance(data, DataFrame):
        nothing = f"{caption}: none." if caption else nothing
        data = DataFrame([asdict(row) for row in cast(Iterable[Any], data)])
    first = first_beyond(data)
    constant = [
        name
        for name in ("function", "architecture", "current_mb")
        if name in data and len(data) and data[name].nunique(dropna=False) == 1
    ]
    texts = [_constant(n, data[n].iloc[0], first[0]) for n in constant]
    words = ", ".join(text for text in (caption, *texts) if text)
    absent = ("failing_mb", "untestable_mb", "reason", "predicted")
    empty = [n for n in absent if n in data and not data[n].map(bool).any()]
    rows = data.drop(columns=[*constant, *empty])
    return Table(_chosen(rows, columns), words, data, nothing, tuple(first), money)


def _chosen(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    if not columns or frame.empty:
        return frame
    pairs = bounds(frame)
    names = [part for name in columns for part in (name, *pairs.get(name, ()))]
    return frame[[name for name in names if name in frame]]


def _constant(name: str, value: object, first_mb: float) -> str:
    if name == "current_mb":
        return f"today {marked_text(name, value, first_mb)}"
    return short_name(str(value)) if name == "function" else str(value)
