"""A table as HTML: rows of one payload type together, intervals below their means."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import Any

import pandas as pd
from pandas import DataFrame

from .columns import bounds, header, is_words, shown, span, wordy
from .marks import DAGGER, MEANS, NOTE, marked_text

_MANY = 11
"""With more columns, a table on paper needs smaller print."""

_MARK = f'<abbr class="lt-mark" title="{MEANS}">{DAGGER}</abbr>'

Row = tuple[dict[Any, Any], float]
"""A row, and the first size that is marked in it."""


def table_html(frame: DataFrame, caption: str, first_mb: Sequence[float]) -> str:
    """The markup; `first_mb` has for each row the smallest size that gets a mark.

    A note below explains the marks, where there are any.
    """
    columns = shown(frame)
    words = [wordy(frame[name]) for name in columns]
    head = "".join(
        f'<th scope="col" class="{_kind(words=told or not n)}">{escape(header(name))}</th>'
        for n, (name, told) in enumerate(zip(columns, words, strict=True))
    )
    kind = "lt-table" + (" lt-stack" if all(words) else " lt-wide" if len(columns) > _MANY else "")
    above = f"<caption>{_marked(caption)}</caption>" if caption else ""
    markup = (
        f'<table class="{kind}">{above}<thead><tr>{head}</tr></thead>'
        f"{''.join(_bodies(frame, columns, first_mb))}</table>"
    )
    return markup + (f'<p class="lt-note">{escape(NOTE)}</p>' if _MARK in markup else "")


def _bodies(frame: DataFrame, columns: Sequence[str], first_mb: Sequence[float]) -> Iterable[str]:
    """Table bodies, one for each run of rows with the same first column."""
    pairs = bounds(frame)
    rows = zip(frame.to_dict("records"), first_mb, strict=True)
    for _, group in groupby(rows, key=lambda row: row[0][columns[0]]):
        members = list(group)
        lines = []
        for n, row in enumerate(members):
            cells = [_cell(name, row, pairs.get(name)) for name in columns[1:]]
            if n == 0:
                rowspan = f' rowspan="{len(members)}"' if len(members) > 1 else ""
                cells.insert(0, f'<th scope="rowgroup"{rowspan}>{_text(columns[0], row)}</th>')
            lines.append(f"<tr>{''.join(cells)}</tr>")
        yield f"<tbody>{''.join(lines)}</tbody>"


def _cell(name: str, row: Row, pair: tuple[str, str] | None) -> str:
    told = _text(name, row)
    low, high = (row[0][bound] for bound in pair or (name, name))
    if pair and not pd.isna(low):
        told += f'<br><small class="lt-range">{escape(span(pair, low, high))}</small>'
    return f'<td class="{_kind(words=is_words(row[0][name]))}">{told}</td>'


def _text(name: str, row: Row) -> str:
    values, first_mb = row
    return _marked(marked_text(name, values[name], first_mb))


def _marked(words: str) -> str:
    return escape(words).replace(DAGGER, _MARK)


def _kind(*, words: bool) -> str:
    return "lt-words" if words else "lt-number"
